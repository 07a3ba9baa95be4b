package simulator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// The two calls.
const (
	OperationStart  = "start"  // POST …/sync-data
	OperationLatest = "latest" // GET …/sync-data/status
)

// maxBody is the largest request the gateway takes.
const maxBody = 12 << 20

// call is a request as it was understood.
type call struct {
	target
	operation        string // empty: no such API
	requestID        string
	r                *http.Request
	authorization    authorization
	authorizationErr error
	bodyHash         string
	unreadable       *refusal // why the body was not taken
}

// exchange is a call with what is done about it.
type exchange struct {
	*call
	sim     *Simulator
	w       http.ResponseWriter
	fault   Fault
	kind    kind
	letGo   <-chan struct{} // closed when the fault's grip ends
	dropped bool            // given up by whoever held it
	answer  answer
}

// serve is the life of a request: received, perhaps held up, acted on,
// perhaps held up, answered.
func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	x := &exchange{call: receive(w, r), sim: s, w: w}
	pause(context.WithoutCancel(r.Context()), s.cfg.Latency, nil)
	s.admit(x)
	if x.kind.stall != nil && !x.fault.Applied {
		x.dropped = !x.kind.stall(x)
	}
	s.act(x)
	if x.kind.stall != nil && x.fault.Applied {
		x.dropped = !x.kind.stall(x)
	}
	x.send()
}

// receive reads a request and answers nothing yet.
func receive(w http.ResponseWriter, r *http.Request) *call {
	c := &call{r: r, requestID: newRequestID(), bodyHash: emptyBodyHash}
	c.operation, c.target = route(r)
	c.authorization, c.authorizationErr = parseAuthorization(r.Header.Get("Authorization"))
	switch {
	case r.ContentLength < 0 && r.Method == http.MethodPost:
		c.unreadable = &refusal{http.StatusLengthRequired, "APIGW.0201", "API request error."}
	case r.Body != nil && r.ContentLength != 0:
		c.readBody(w)
	}
	return c
}

func (c *call) readBody(w http.ResponseWriter) {
	hash := sha256.New()
	_, err := io.Copy(hash, http.MaxBytesReader(w, c.r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		c.unreadable = &refusal{http.StatusRequestEntityTooLarge, "APIGW.0201", "Request entity too large."}
	case err != nil:
		c.unreadable = &refusal{http.StatusBadRequest, "APIGW.0201", "API request error."}
	default:
		c.bodyHash = hex.EncodeToString(hash.Sum(nil))
	}
}

// route finds the operation and its target. Ids are not judged yet.
func route(r *http.Request) (string, target) {
	path := strings.Split(r.URL.EscapedPath(), "/")
	if len(path) < 6 || path[0] != "" || path[1] != "v2" || path[3] != "datasets" || path[5] != "sync-data" {
		return "", target{}
	}
	tg := target{project: path[2], dataset: path[4]}
	switch {
	case r.Method == http.MethodPost && len(path) == 6:
		return OperationStart, tg
	case r.Method == http.MethodGet && len(path) == 7 && path[6] == "status":
		return OperationLatest, tg
	}
	return "", target{}
}

// admit counts the call and finds the fault that it meets.
func (s *Simulator) admit(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.operation == "" {
		return
	}
	s.calls[x.operation]++
	x.fault = s.nextFault(x.call)
	x.kind = s.kinds[x.fault.Kind]
	x.letGo = s.letGo
}

// act does what the call asks for, as far as its fault lets it, and writes it
// down, in one step that nothing else sees half of.
func (s *Simulator) act(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	started := s.process(x, now)
	if x.r.Method != http.MethodPost {
		return
	}
	if err := s.record(x.entry(started, now)); err != nil {
		s.cfg.Logf("request %s: %v", x.requestID, err)
		x.kind = kind{}
		x.answer = refuse(&refusal{http.StatusInternalServerError, "APIGW.0601", "Internal server error."}, x.requestID)
		return
	}
	if started != nil {
		s.addTask(x.target, started)
		if x.kind.supersedes {
			s.supersede(x.target, now)
		}
	}
}

// process finds the answer, and the task that a start begins.
func (s *Simulator) process(x *exchange, now time.Time) *task {
	var started *task
	if x.takesEffect() {
		var r *refusal
		if started, r = s.judge(x, now); r != nil {
			x.answer = refuse(r, x.requestID)
		}
	} else {
		x.answer = refuse(&refusal{http.StatusBadGateway, "APIGW.0201", "Backend unavailable."}, x.requestID)
	}
	if x.kind.answer != nil {
		x.answer = x.kind.answer(x, x.answer)
	}
	if x.fault.RetryAfter != "" {
		x.answer = x.answer.with("Retry-After", x.fault.RetryAfter)
	}
	for name, value := range x.fault.Headers {
		x.answer = x.answer.with(name, value)
	}
	return started
}

// takesEffect reports whether the call reaches the service behind the fault.
func (x *exchange) takesEffect() bool {
	if x.dropped {
		return false
	}
	return x.operation != OperationStart || x.kind.effect == effectAlways ||
		x.kind.effect == effectAsked && x.fault.Applied
}

// judge answers as the service does when nothing goes wrong.
func (s *Simulator) judge(x *exchange, now time.Time) (*task, *refusal) {
	if x.operation == "" {
		return nil, &refusal{http.StatusNotFound, "APIGW.0101", "The API does not exist or has not been published in the environment."}
	}
	if x.unreadable != nil {
		return nil, x.unreadable
	}
	if r := s.authenticate(x.call, now); r != nil {
		return nil, r
	}
	if language := x.r.Header.Get("X-Language"); language != "" && language != "en-us" && language != "zh-cn" {
		return nil, &refusal{http.StatusBadRequest, "ModelArts.4398", "Invalid system language."}
	}
	if r := s.checkTarget(x.target); r != nil {
		return nil, r
	}
	if x.operation == OperationLatest {
		x.answer = s.latest(x, now)
		return nil, nil
	}
	if r := s.checkStart(x.target, now); r != nil {
		return nil, r
	}
	return s.start(x, now), nil
}

// checkTarget refuses what does not exist.
func (s *Simulator) checkTarget(tg target) *refusal {
	_, exists := s.dataset(tg)
	if !exists || !tg.wellFormed() {
		return &refusal{http.StatusBadRequest, "ModelArts.4352", "Dataset does not exist"}
	}
	return nil
}

// checkStart refuses a start that the data set's type, task or state forbids.
func (s *Simulator) checkStart(tg target, now time.Time) *refusal {
	d, _ := s.dataset(tg)
	if !d.canSync() {
		return &refusal{
			http.StatusNotImplemented, "ModelArts.4383",
			fmt.Sprintf("Unsupported operation, dataset %s type is %d", tg.dataset, d.Type),
		}
	}
	if s.histories[tg].active(now) != nil {
		d.State = stateSynchronizing
	}
	codes := map[int]string{
		stateDeleting: "ModelArts.4344", stateSynchronizing: "ModelArts.4355",
		statePublishing: "ModelArts.4343", stateSwitching: "ModelArts.4349", stateImporting: "ModelArts.4356",
	}
	if code := codes[d.State]; code != "" {
		return &refusal{http.StatusBadRequest, code, s.texts.message(code, http.StatusBadRequest)}
	}
	return nil
}

// start plans a task, which act writes down and adds.
func (s *Simulator) start(x *exchange, now time.Time) *task {
	t := s.newTask(x.target, now)
	if x.kind.plan != nil {
		x.kind.plan(x, t)
	}
	x.answer = answer{status: http.StatusOK}
	if s.cfg.Answer == AnswerTaskID {
		x.answer.body = encode(startBody{TaskID: t.id})
	}
	return t
}

// latest shows the latest task.
func (s *Simulator) latest(x *exchange, now time.Time) answer {
	if x.kind.supersedes {
		s.supersede(x.target, now)
	}
	h := s.histories[x.target]
	t := h.latest()
	if x.kind.pick != nil {
		t, now = x.kind.pick(x, h, now)
	}
	body := statusBody{Dataset: x.dataset, Status: taskNotExist}
	if t != nil {
		body = fullStatus(x.dataset, t.at(now))
	}
	if s.cfg.Status == StatusSparse {
		body.thin()
	}
	if x.kind.view != nil {
		x.kind.view(x, &body)
	}
	return answer{status: http.StatusOK, body: encode(body)}
}

// supersede lets somebody else's task take the place of the latest one.
func (s *Simulator) supersede(tg target, now time.Time) {
	if s.histories[tg].active(now) != nil {
		s.endTask(tg, ending{state: taskCompleted}, now)
	}
	if _, err := s.startExternal(tg, now); err != nil {
		s.cfg.Logf("data set %s is not superseded: %v", tg.dataset, err)
	}
}

// entry is what the ledger says of a POST.
func (x *exchange) entry(started *task, now time.Time) Entry {
	e := Entry{Time: now, Project: x.project, Dataset: x.dataset, Verdict: VerdictRefused}
	if started != nil {
		e = startEntry(x.target, started, VerdictAccepted, now)
	}
	e.RequestID, e.AccessKey, e.Fault = x.requestID, x.authorization.access, x.fault.Kind
	sent := !x.kind.mute && !x.dropped
	if sent {
		e.Status = x.answer.status
	}
	if sent && e.Code == "" {
		e.Code = x.answer.code
	}
	saidNo := x.answer.status >= http.StatusMultipleChoices || x.answer.code != ""
	if started == nil && (!sent || x.kind.send != nil || !saidNo) {
		e.Verdict = VerdictLost
	}
	return e
}

// pause lets d pass in real time and reports whether it did: it ends early
// when ctx ends or letGo is closed.
func pause(ctx context.Context, d time.Duration, letGo <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer, stop := context.WithTimeout(ctx, d)
	defer stop()
	select {
	case <-timer.Done():
		return ctx.Err() == nil
	case <-letGo:
		return false
	}
}

// newRequestID returns 32 hexadecimal digits, the gateway's form.
func newRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}
