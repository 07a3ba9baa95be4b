package simulator

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// The words for the state of a task (ModelArts API reference, "querying the
// status of a dataset synchronization task").
const (
	taskQueuing   = "QUEUING"
	taskStarting  = "STARTING"
	taskRunning   = "RUNNING"
	taskCompleted = "COMPLETED"
	taskFailed    = "FAILED"
	taskNotExist  = "NOT_EXIST"
)

// Task is a sync task as it stands at one moment.
type Task struct {
	ID         string    `json:"id"`
	CreateTime time.Time `json:"create_time"`
	State      string    `json:"state"`

	// External is set if somebody else than the client started it.
	External bool `json:"external,omitempty"`

	// Added and Deleted are zero, and Total is what it was before, until the
	// task is completed.
	Added   int64 `json:"added"`
	Deleted int64 `json:"deleted"`
	Total   int64 `json:"total"`

	// Duration is how long it has run, or did.
	Duration time.Duration `json:"-"`

	// ErrorCode and ErrorMsg are set if it has failed.
	ErrorCode string `json:"error_code,omitempty"`
	ErrorMsg  string `json:"error_msg,omitempty"`
}

// task is a task with what will become of it.
type task struct {
	id       string
	created  time.Time
	external bool

	// added, deleted and total are what it will have done once completed.
	added, deleted, total int64

	// length is how long it takes by itself; zero or less: it never ends.
	length time.Duration
	plan   ending

	// ended is set, and end valid, once somebody has ended it.
	ended time.Time
	end   ending
}

// ending is how a task ends.
type ending struct{ state, code, message string }

// history is the tasks of one data set, oldest first.
type history struct {
	tasks []*task

	// first is the first task of the data set as it is now; those before it
	// belong to a deleted one of the same id.
	first int
}

// latest returns the newest task, or nil.
func (h *history) latest() *task {
	if h == nil || len(h.tasks) == h.first {
		return nil
	}
	return h.tasks[len(h.tasks)-1]
}

// active returns the task that is under way at now, or nil.
func (h *history) active(now time.Time) *task {
	t := h.latest()
	if t == nil || isTerminal(t.stateAt(now)) {
		return nil
	}
	return t
}

// seen returns the newest of the tasks that existed at the time at, or nil.
func (h *history) seen(at time.Time) *task {
	if h == nil {
		return nil
	}
	for i := len(h.tasks) - 1; i >= h.first; i-- {
		if !h.tasks[i].created.After(at) {
			return h.tasks[i]
		}
	}
	return nil
}

// stateAt derives the state from the clock: queueing for a tenth of its
// length, starting for another, then running.
func (t *task) stateAt(now time.Time) string {
	age := now.Sub(t.created)
	switch {
	case t.endedBy(now):
		return t.end.state
	case t.length <= 0:
		return taskRunning
	case age < t.length/10:
		return taskQueuing
	case age < t.length/5:
		return taskStarting
	case age < t.length:
		return taskRunning
	}
	return t.plan.state
}

// endedBy reports whether somebody had ended the task by now.
func (t *task) endedBy(now time.Time) bool {
	return !t.ended.IsZero() && !now.Before(t.ended)
}

// at returns what the service shows of the task at now.
func (t *task) at(now time.Time) Task {
	shown := Task{
		ID: t.id, CreateTime: t.created, State: t.stateAt(now), External: t.external,
		Total: t.before(), Duration: max(0, now.Sub(t.created)),
	}
	end := t.plan
	switch {
	case t.endedBy(now):
		end = t.end
		shown.Duration = max(0, t.ended.Sub(t.created))
	case isTerminal(shown.State):
		shown.Duration = t.length
	}
	switch shown.State {
	case taskCompleted:
		shown.Added, shown.Deleted, shown.Total = t.added, t.deleted, t.total
	case taskFailed:
		shown.ErrorCode, shown.ErrorMsg = end.code, end.message
	}
	return shown
}

// before is how many samples there were before the task.
func (t *task) before() int64 {
	return t.total - t.added + t.deleted
}

func isTerminal(state string) bool {
	return state == taskCompleted || state == taskFailed
}

// newTask plans the next task of tg. The caller adds it to the history.
func (s *Simulator) newTask(tg target, now time.Time) *task {
	t := &task{
		id: newTaskID(), created: now, length: s.cfg.TaskDuration, plan: ending{state: taskCompleted},
	}
	var number int
	var samples int64
	if h := s.histories[tg]; h != nil {
		number = len(h.tasks)
		if last := h.latest(); last != nil {
			samples = last.at(now).Total
		}
	}
	t.added, t.deleted = plannedCounts(tg, number, samples)
	t.total = samples + t.added - t.deleted
	return t
}

// plannedCounts makes up what the n-th task of a data set with so many
// samples does: always the same for the same task.
func plannedCounts(tg target, n int, samples int64) (added, deleted int64) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", tg.project, tg.dataset, n))
	added = 1 + int64(sum[0])%64
	deleted = int64(sum[1]) % (1 + min(samples, 7))
	return added, deleted
}

// addTask makes t the latest task of tg.
func (s *Simulator) addTask(tg target, t *task) {
	h := s.histories[tg]
	if h == nil {
		h = &history{}
		s.histories[tg] = h
	}
	h.tasks = append(h.tasks, t)
}

// endTask ends the active task of tg, which there must be. The ledger's
// writer is told, so that a restart knows.
func (s *Simulator) endTask(tg target, end ending, now time.Time) {
	t := s.histories[tg].active(now)
	t.ended, t.end = now, end
	err := s.record(Entry{
		Time: now, Project: tg.project, Dataset: tg.dataset, Verdict: VerdictFinished,
		TaskID: t.id, State: end.state, Code: end.code, Message: end.message,
	})
	if err != nil {
		s.cfg.Logf("task %s: %v", t.id, err)
	}
}

// Tasks returns all tasks there ever were for a data set, oldest first.
func (s *Simulator) Tasks(project, dataset string) []Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.histories[target{project, dataset}]
	if h == nil {
		return nil
	}
	now := s.cfg.Now()
	tasks := make([]Task, 0, len(h.tasks))
	for _, t := range h.tasks {
		tasks = append(tasks, t.at(now))
	}
	return tasks
}

// StartTask starts a task as somebody at the console does. It fails where a
// start over the API would be refused, for one if a task is under way.
func (s *Simulator) StartTask(project, dataset string) (Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.startExternal(target{project, dataset}, s.cfg.Now())
}

func (s *Simulator) startExternal(tg target, now time.Time) (Task, error) {
	if r := s.checkTarget(tg); r != nil {
		return Task{}, r
	}
	if r := s.checkStart(tg, now); r != nil {
		return Task{}, r
	}
	t := s.newTask(tg, now)
	t.external = true
	if err := s.record(startEntry(tg, t, VerdictExternal, now)); err != nil {
		return Task{}, err
	}
	s.addTask(tg, t)
	return t.at(now), nil
}

// FinishTask ends the task that is under way, now, as "COMPLETED" or
// "FAILED"; a failure may be followed by its error code and its message
// (default: ModelArts.4360). It does nothing if no task is under way, and
// panics on any other state.
func (s *Simulator) FinishTask(project, dataset, state string, failure ...string) {
	end, err := s.endingOf(state, failure...)
	if err != nil {
		panic("simulator: " + err.Error())
	}
	s.finish(target{project, dataset}, end)
}

// finish ends the active task, and reports whether there was one.
func (s *Simulator) finish(tg target, end ending) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if s.histories[tg].active(now) == nil {
		return false
	}
	s.endTask(tg, end, now)
	return true
}

// endingOf fills in the documented texts of a failure.
func (s *Simulator) endingOf(state string, failure ...string) (ending, error) {
	switch {
	case state == taskCompleted && len(failure) == 0:
		return ending{state: state}, nil
	case state == taskFailed && len(failure) <= 2:
		code, message := "ModelArts.4360", ""
		if len(failure) > 0 && failure[0] != "" {
			code = failure[0]
		}
		if len(failure) > 1 {
			message = failure[1]
		}
		if message == "" {
			message = s.texts.message(code, 0)
		}
		return ending{state: state, code: code, message: message}, nil
	}
	return ending{}, fmt.Errorf("a task ends as %s, or as %s with a code and a message, not as %s %q",
		taskCompleted, taskFailed, state, failure)
}

// newTaskID returns 19 letters and digits, the form of most ids in the API
// reference, that nobody can guess.
func newTaskID() string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var id strings.Builder
	var random [32]byte
	for id.Len() < 19 {
		_, _ = rand.Read(random[:]) // never fails
		for _, b := range random {
			if b < 4*byte(len(digits)) && id.Len() < 19 { // no digit is more likely than another
				id.WriteByte(digits[int(b)%len(digits)])
			}
		}
	}
	return id.String()
}
