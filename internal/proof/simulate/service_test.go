package simulate

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/proof/invariants"
	"datasetsync.dev/operator/internal/simulator"
)

const (
	// signatureWindow is how old a signature may be (API request signing guide).
	signatureWindow = 15 * time.Minute
	// A key is locked after more than so many refusals, for so long (API gateway
	// FAQ).
	maxRefusals = 5
	lockTime    = 5 * time.Minute
)

// place is a data set of a project.
type place struct{ project, dataset string }

// service is the simulator as the client sees it, in memory: it takes the place
// of both.
type service struct {
	now func() time.Time
	// empty is true if starts are answered without a task id, sparse if the status
	// tells the state only.
	empty, sparse bool
	taskTime      time.Duration
	datasets      map[place]*dataset
	keys          map[string]*key
	ledger        []simulator.Entry
	ids           int
}

// dataset is a data set and its tasks.
type dataset struct {
	gone bool
	// refuses is the code with which starts are refused, empty for none.
	refuses string
	tasks   []*task
	// first is the first task of the data set as it is now.
	first int
}

// task is a task and what becomes of it.
type task struct {
	id             string
	created, ends  time.Time
	state          string
	code           string
	added, total   int64
	external, hung bool
}

// key is a key pair.
type key struct {
	secret, project string
	refused         int
	lockedUntil     time.Time
}

func newService(now func() time.Time) *service {
	return &service{now: now, taskTime: time.Minute, datasets: map[place]*dataset{}, keys: map[string]*key{}}
}

// stateAt returns what a task is at.
func (t *task) stateAt(now time.Time) string {
	whole := t.ends.Sub(t.created)
	switch age := now.Sub(t.created); {
	case !t.hung && !now.Before(t.ends):
		return t.state
	case t.hung:
		return string(modelarts.StateRunning)
	case age < whole/10:
		return string(modelarts.StateQueuing)
	case age < whole/5:
		return string(modelarts.StateStarting)
	default:
		return string(modelarts.StateRunning)
	}
}

// latest returns the newest task at a time, nil if there was none.
func (d *dataset) latest(at time.Time) *task {
	for i := len(d.tasks) - 1; i >= d.first; i-- {
		if !d.tasks[i].created.After(at) {
			return d.tasks[i]
		}
	}
	return nil
}

func (d *dataset) active(now time.Time) *task {
	if t := d.latest(now); t != nil && modelarts.State(t.stateAt(now)).Active() {
		return t
	}
	return nil
}

// remove deletes a data set: its task fails, and its past is forgotten.
func (d *dataset) remove(now time.Time) {
	if t := d.active(now); t != nil {
		t.finish(now, string(modelarts.StateFailed), "ModelArts.4393")
	}
	d.gone, d.first = true, len(d.tasks)
}

// finish ends a task now.
func (t *task) finish(now time.Time, state, code string) {
	t.ends, t.state, t.code, t.hung = now, state, code, false
}

// LatestSync tells the latest task as it is.
func (s *service) LatestSync(_ context.Context, t modelarts.Target, c modelarts.Credentials) (modelarts.Task, error) {
	return s.look(t, c, lens{})
}

// StartSync starts a task.
func (s *service) StartSync(_ context.Context, t modelarts.Target, c modelarts.Credentials, at time.Time) (modelarts.Started, error) {
	return s.start(t, c, at, plan{})
}

// lens is how the status is distorted.
type lens struct {
	// lag is how old it is, older by how much tasks seem to be older than they are.
	lag, older                      time.Duration
	notExist, sparse, regress, bare bool
	word                            string
}

// look tells the latest task through a lens.
func (s *service) look(t modelarts.Target, c modelarts.Credentials, l lens) (modelarts.Task, error) {
	now := s.now()
	d, refused := s.admit(t, c, now, now)
	if refused != nil {
		return modelarts.Task{}, refused.of("latest", now)
	}
	at := now.Add(-l.lag)
	told := modelarts.Task{State: modelarts.StateNotExist, Date: now.Truncate(time.Second)}
	if latest := d.latest(at); latest != nil && !l.notExist {
		told = latest.shown(at, told.Date)
	}
	if s.sparse || l.sparse {
		told = modelarts.Task{State: told.State, ErrorCode: told.ErrorCode, ErrorMsg: told.ErrorMsg, Date: told.Date}
	}
	if l.regress && told.State != modelarts.StateNotExist {
		told.State, told.ErrorCode, told.ErrorMsg = earlier(told.State), "", ""
	}
	if l.word != "" && told.State != modelarts.StateNotExist {
		told.State = modelarts.State(l.word)
	}
	if !told.CreateTime.IsZero() {
		told.CreateTime = told.CreateTime.Add(-l.older)
	}
	if l.bare {
		told.Date = time.Time{}
	}
	return told, nil
}

func earlier(s modelarts.State) modelarts.State {
	if s.Active() {
		return modelarts.StateQueuing
	}
	return modelarts.StateRunning
}

// shown returns a task as the client reads it.
func (t *task) shown(now, date time.Time) modelarts.Task {
	told := modelarts.Task{
		ID: t.id, State: modelarts.State(t.stateAt(now)), CreateTime: t.created.Truncate(time.Millisecond), Date: date,
	}
	added, deleted, total := int64(0), int64(0), t.total-t.added
	if told.State == modelarts.StateCompleted {
		added, total = t.added, t.total
	}
	if told.State == modelarts.StateFailed {
		told.ErrorCode, told.ErrorMsg = t.code, "The task failed"
	}
	told.Samples = modelarts.Samples{Added: &added, Deleted: &deleted, Total: &total}
	return told
}

// plan is what becomes of a start.
type plan struct {
	// fails is the code with which the task fails, hangs is true if it never ends.
	fails string
	hangs bool
}

// start starts a task, if nothing forbids it, and writes it down.
func (s *service) start(t modelarts.Target, c modelarts.Credentials, signed time.Time, p plan) (modelarts.Started, error) {
	now := s.now()
	entry := simulator.Entry{
		Time: now, Project: t.ProjectID, Dataset: t.DatasetID, Verdict: simulator.VerdictRefused, AccessKey: c.AccessKey,
	}
	d, refused := s.admit(t, c, signed, now)
	if refused == nil {
		refused = d.refusal(now)
	}
	if refused != nil {
		entry.Status, entry.Code = refused.status, refused.code
		s.ledger = append(s.ledger, entry)
		return modelarts.Started{}, refused.of("start", now)
	}
	one := s.begin(d, now, p)
	entry.Verdict, entry.TaskID = simulator.VerdictAccepted, one.id
	s.ledger = append(s.ledger, entry)
	started := modelarts.Started{TaskID: one.id, Date: now.Truncate(time.Second)}
	if s.empty {
		started.TaskID = ""
	}
	return started, nil
}

// begin adds a task.
func (s *service) begin(d *dataset, now time.Time, p plan) *task {
	s.ids++
	one := &task{id: fmt.Sprintf("task-%05d", s.ids), created: now, ends: now.Add(s.taskTime), state: string(modelarts.StateCompleted), hung: p.hangs}
	if p.fails != "" {
		one.state, one.code = string(modelarts.StateFailed), p.fails
	}
	one.added = int64(1 + s.ids%5)
	one.total = one.added
	if last := d.latest(now); last != nil {
		one.total += last.total
	}
	d.tasks = append(d.tasks, one)
	return one
}

// console lets somebody else start a task, and reports whether one began.
func (s *service) console(p place, what plan) bool {
	now := s.now()
	d := s.datasets[p]
	if d == nil || d.gone || d.refusal(now) != nil {
		return false
	}
	one := s.begin(d, now, what)
	one.external = true
	s.ledger = append(s.ledger, simulator.Entry{
		Time: now, Project: p.project, Dataset: p.dataset, Verdict: simulator.VerdictExternal, TaskID: one.id, External: true,
	})
	return true
}

// refusal returns why a data set takes no start, nil if it does.
func (d *dataset) refusal(now time.Time) *refusal {
	switch {
	case d.refuses == "ModelArts.4383":
		return &refusal{status: http.StatusNotImplemented, code: d.refuses}
	case d.active(now) != nil:
		return &refusal{status: http.StatusBadRequest, code: "ModelArts.4355"}
	case d.refuses != "":
		return &refusal{status: http.StatusBadRequest, code: d.refuses}
	default:
		return nil
	}
}

// admit finds the data set of a call that may be made.
func (s *service) admit(t modelarts.Target, c modelarts.Credentials, signed, now time.Time) (*dataset, *refusal) {
	unknown := &refusal{status: http.StatusUnauthorized, code: "APIGW.0301"}
	k := s.keys[c.AccessKey]
	switch {
	case k == nil || now.Before(k.lockedUntil):
		return nil, unknown
	case k.secret != c.SecretKey || now.Sub(signed).Abs() > signatureWindow:
		if k.refused++; k.refused > maxRefusals {
			k.refused, k.lockedUntil = 0, now.Add(lockTime)
		}
		return nil, unknown
	}
	k.refused = 0
	if k.project != t.ProjectID {
		return nil, &refusal{status: http.StatusForbidden, code: "ModelArts.0210"}
	}
	d := s.datasets[place{t.ProjectID, t.DatasetID}]
	if d == nil || d.gone {
		return nil, &refusal{status: http.StatusBadRequest, code: "ModelArts.4352"}
	}
	return d, nil
}

// refusal is an answer that says no.
type refusal struct {
	status     int
	code       string
	retryAfter time.Duration
}

// of returns the refusal as the client tells it. What is certain about a start
// follows from the status as the client has it.
func (r *refusal) of(op string, now time.Time) *modelarts.Error {
	e := &modelarts.Error{
		Op: op, HTTPStatus: r.status, Code: r.code, Message: "No", RetryAfter: r.retryAfter,
		Class: modelarts.Classify(r.status, r.code), Date: now.Truncate(time.Second),
	}
	if op != "start" {
		return e
	}
	e.Fate = modelarts.FateRefused
	if r.status == http.StatusRequestTimeout || r.status >= http.StatusInternalServerError &&
		r.status != http.StatusNotImplemented && e.Class != modelarts.ClassThrottled {
		e.Fate, e.Class = modelarts.FateUnknown, modelarts.ClassTransient
	}
	return e
}

// evidence returns all tasks there ever were, as they are.
func (s *service) evidence() []invariants.Task {
	var all []invariants.Task
	now := s.now()
	for p, d := range s.datasets {
		for _, t := range d.tasks {
			one := invariants.Task{Project: p.project, Dataset: p.dataset}
			one.ID, one.CreateTime, one.State, one.External = t.id, t.created, t.stateAt(now), t.external
			one.Added, one.Total, one.Duration = t.added, t.total, sooner(now, t.ends).Sub(t.created)
			one.ErrorCode = t.code
			all = append(all, one)
		}
	}
	return all
}

func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
