package modelarts

import (
	"fmt"
	"mime"
	"strings"
	"time"
)

// State is the service's word for where a task is. Words that are not listed here
// are kept as they come.
type State string

// The documented states.
const (
	StateQueuing   State = "QUEUING"
	StateStarting  State = "STARTING"
	StateRunning   State = "RUNNING"
	StateCompleted State = "COMPLETED"
	StateFailed    State = "FAILED"
	// StateNotExist is what a dataset has that was never synchronized, or whose
	// record has expired.
	StateNotExist State = "NOT_EXIST"
)

// Active tells whether the task is under way. A word that is not known counts as
// under way: to wait is the safe mistake. An empty one does not.
func (s State) Active() bool {
	switch s {
	case StateCompleted, StateFailed, StateNotExist, "":
		return false
	case StateQueuing, StateStarting, StateRunning:
		return true
	}
	return true
}

// Samples are what a task did to the samples of a dataset. Nil: not told, or not a
// number of samples.
type Samples struct {
	Added, Deleted, Total *int64
}

// Task is the service's record of a synchronization. Only State is always told.
type Task struct {
	// ID is opaque, up to 128 characters. Empty: not told, or not usable.
	ID string
	// State is up to 64 characters.
	State State
	// CreateTime is by the service's clock; zero if not told.
	CreateTime time.Time
	Samples    Samples
	// ErrorCode and ErrorMsg of a task that failed, up to 64 and 1024 characters.
	ErrorCode, ErrorMsg string
	// Date is the service's clock at the answer; zero if not told.
	Date time.Time
	// RequestID that the vendor's support asks for, up to 256 characters.
	RequestID string
}

// Started is a start that the service accepted.
type Started struct {
	// TaskID as in Task.ID. Empty: accepted without an id, as documented.
	TaskID string
	// RequestID and Date as in Task.
	RequestID string
	Date      time.Time
}

const (
	maxState     = 64
	maxCode      = 64
	maxMessage   = 1024
	maxRequestID = 256
)

// readLatest makes a task of an answer.
func readLatest(a answer, clean cleaner) (Task, *Error) {
	if !isSuccess(a.status) {
		return Task{}, a.failure(opLatest, clean)
	}
	o, err := a.object()
	if err != nil {
		return Task{}, a.unreadable(opLatest, clean, err)
	}

	code := clean.name(o.text("error_code"), maxCode)
	state := clean.name(o.text("status"), maxState)
	switch {
	case state == "" && code == "":
		return Task{}, a.unreadable(opLatest, clean, errNoStatus)
	case state == "":
		return Task{}, a.failure(opLatest, clean)
	}
	return Task{
		ID:         clean.id(o.text("task_id")),
		State:      State(state),
		CreateTime: o.time("create_time"),
		Samples: Samples{
			Added:   o.count("add_sample_count"),
			Deleted: o.count("deleted_sample_count"),
			Total:   o.count("total_sample_count"),
		},
		ErrorCode: code,
		ErrorMsg:  clean.message(o.text("error_msg", "error_message")),
		Date:      a.date,
		RequestID: a.requestID(clean),
	}, nil
}

// readStart makes of an answer what became of a start. An answer of 2xx with a
// task_id is an accepted start, whatever else it says and even if the id is of no
// use; so is one that says nothing at all.
func readStart(a answer, clean cleaner) (Started, *Error) {
	if !isSuccess(a.status) {
		failure := a.failure(opStart, clean)
		failure.Fate = startFate(a.status, failure.Class)
		if failure.Fate == FateUnknown {
			failure.Class = ClassTransient
		}
		return Started{}, failure
	}

	started := Started{RequestID: a.requestID(clean), Date: a.date}
	if a.empty() {
		return started, nil
	}
	o, err := a.object()
	if err != nil {
		return Started{}, a.unreadable(opStart, clean, err)
	}
	taskID := o.text("task_id")
	if taskID == "" && clean.name(o.text("error_code"), maxCode) != "" {
		failure := a.failure(opStart, clean)
		failure.Fate = FateRefused
		return Started{}, failure
	}
	started.TaskID = clean.id(taskID)
	return started, nil
}

// failure makes an Error of an answer that tells of one, in any of the shapes of
// the service, the gateway, IAM and the proxies before them. It leaves the fate to
// the caller.
func (a answer) failure(op string, clean cleaner) *Error {
	o, err := a.object() // without one its texts are empty
	nested := o.object("error")

	message := o.text("error_msg", "error_message", "errorMessage", "message", "error")
	if message == "" {
		message = nested.text("message", "title")
	}
	code := o.text("error_code", "errorCode", "code")
	if code == "" {
		code = nested.text("code")
	}

	e := &Error{
		Op:         op,
		HTTPStatus: a.status,
		Code:       clean.name(code, maxCode),
		Message:    clean.message(message),
		RequestID:  a.requestID(clean),
		RetryAfter: retryAfter(a.header.Get("Retry-After"), message, a.clock()),
		Date:       a.date,
	}
	e.Class = Classify(a.status, e.Code)

	switch {
	case isRedirect(a.status):
		e.Message = clean.message(redirectMessage(a.redirect))
	case a.bodyErr != nil:
		e.Err = clean.cause(a.bodyErr)
		if e.Class == ClassPermanent {
			e.Class = ClassTransient // the code is lost: this may have been anything
		}
	case err != nil && !a.empty():
		e.Err = a.describe(clean, err)
	}
	return e
}

// redirectMessage names only the host: a redirect's path and query may carry
// anything.
func redirectMessage(to string) string {
	if to == "" {
		return "redirect to nowhere: check --endpoint"
	}
	return "redirect to " + to + ": check --endpoint"
}

// unreadable is the failure of a 2xx answer that is not what the service documents,
// such as a page of a proxy. Nothing certain follows from it.
func (a answer) unreadable(op string, clean cleaner, err error) *Error {
	return &Error{
		Op:         op,
		HTTPStatus: a.status,
		RequestID:  a.requestID(clean),
		Class:      ClassTransient,
		Date:       a.date,
		Err:        fmt.Errorf("unreadable answer: %w", a.describe(clean, err)),
	}
}

// describe adds to the cause of an unreadable body what the body claims to be.
func (a answer) describe(clean cleaner, err error) error {
	kind, _, parseErr := mime.ParseMediaType(a.header.Get("Content-Type"))
	if parseErr != nil || kind == "application/json" {
		return clean.cause(err)
	}
	return clean.cause(fmt.Errorf("%w (%s)", err, kind))
}

// requestID of the header, which every answer has; of the body where the gateway
// put it there only.
func (a answer) requestID(clean cleaner) string {
	if id := clean.name(a.header.Get("X-Request-Id"), maxRequestID); id != "" {
		return id
	}
	o, err := a.object()
	if err != nil {
		return ""
	}
	return clean.name(o.text("request_id"), maxRequestID)
}

// clock is the service's, where it tells; else ours.
func (a answer) clock() time.Time {
	if a.date.IsZero() {
		return a.received
	}
	return a.date
}

// empty tells whether the whole body came and says nothing.
func (a answer) empty() bool {
	return a.bodyErr == nil && strings.TrimSpace(string(a.body)) == ""
}

// object returns the body, if all of it is one JSON object.
func (a answer) object() (object, error) {
	if a.bodyErr != nil {
		return nil, a.bodyErr
	}
	return parseObject(a.body)
}
