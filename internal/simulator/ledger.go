package simulator

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// What became of a start.
const (
	// VerdictAccepted: the service started a task, whatever the client heard.
	VerdictAccepted = "accepted"
	// VerdictRefused: the service started nothing and its answer says so.
	VerdictRefused = "refused"
	// VerdictLost: the service started nothing, and the client cannot tell:
	// no answer, a spoilt one, or one that does not say no.
	VerdictLost = "lost"
	// VerdictExternal: somebody else started a task.
	VerdictExternal = "external"
	// VerdictFinished: somebody ended a task. Only Config.Ledger sees these,
	// Ledger does not return them.
	VerdictFinished = "finished"
)

// Entry is a line of the ledger: one request to start a task.
type Entry struct {
	Time    time.Time `json:"time"`
	Project string    `json:"project"`
	Dataset string    `json:"dataset"`

	// Verdict is one of the Verdict constants.
	Verdict string `json:"verdict"`

	// TaskID is the task that was started or finished.
	TaskID string `json:"task_id,omitempty"`

	// RequestID is the X-Request-Id of the answer.
	RequestID string `json:"request_id,omitempty"`

	// Status is the HTTP status of the answer; 0 if none is sent. The entry is
	// older than the answer, which may still be held and dropped.
	Status int `json:"status,omitempty"`

	// Code is the error code that was sent, or that the task fails with.
	Code string `json:"code,omitempty"`

	// Message is what the task fails with.
	Message string `json:"message,omitempty"`

	// AccessKey is whose signature the request bore. It need not have been
	// valid.
	AccessKey string `json:"access_key,omitempty"`

	// External is set if somebody else than the client started the task.
	External bool `json:"external,omitempty"`

	// Fault is the kind of the fault that the request met.
	Fault string `json:"fault,omitempty"`

	// State is how the task ends, where that is not COMPLETED in due time.
	State string `json:"state,omitempty"`

	// Added, Deleted and Total are what the task will have done if it
	// completes.
	Added   int64 `json:"added,omitempty"`
	Deleted int64 `json:"deleted,omitempty"`
	Total   int64 `json:"total,omitempty"`
}

// startEntry is the entry of a start that began t.
func startEntry(tg target, t *task, verdict string, now time.Time) Entry {
	e := Entry{
		Time: now, Project: tg.project, Dataset: tg.dataset, Verdict: verdict,
		TaskID: t.id, External: t.external, Added: t.added, Deleted: t.deleted, Total: t.total,
	}
	switch {
	case t.length <= 0:
		e.State = taskRunning
	case t.plan.state != taskCompleted:
		e.State, e.Code, e.Message = t.plan.state, t.plan.code, t.plan.message
	}
	return e
}

// line returns e as a line of JSON.
func (e *Entry) line() []byte {
	return append(encode(e), '\n')
}

// record writes e down. Nothing that it tells of may happen if it fails.
func (s *Simulator) record(e Entry) error {
	if s.cfg.Ledger != nil {
		if _, err := s.cfg.Ledger.Write(e.line()); err != nil {
			return fmt.Errorf("write the ledger: %w", err)
		}
	}
	if e.Verdict != VerdictFinished {
		s.ledger = append(s.ledger, e)
	}
	return nil
}

// Ledger returns a copy of all entries, oldest first.
func (s *Simulator) Ledger() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger)
}

// Reload takes in what an earlier process wrote to its Config.Ledger, so that
// this one goes on where that one was killed: it knows the same tasks, and
// its ledger begins with the same entries. Tasks take the time that this
// process's Config gives them. Data sets that were changed over the control
// port are not in a ledger. It fails on the first line that it cannot read: a
// damaged ledger proves nothing.
func (s *Simulator) Reload(r io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case err != nil:
			return fmt.Errorf("read the ledger, line %d: %w", n, err)
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("read the ledger, line %d: %w", n, err)
		}
		if err := s.replay(e); err != nil {
			return fmt.Errorf("read the ledger, line %d: %w", n, err)
		}
	}
}

// replay does again what e tells of.
func (s *Simulator) replay(e Entry) error {
	tg := target{e.Project, e.Dataset}
	switch e.Verdict {
	case VerdictAccepted, VerdictExternal:
		s.addTask(tg, s.taskOf(e))
	case VerdictRefused, VerdictLost:
	case VerdictFinished:
		t := s.histories[tg].latest()
		if t == nil || t.id != e.TaskID {
			return fmt.Errorf("task %s is finished, but it is not the latest", e.TaskID)
		}
		t.ended, t.end = e.Time, ending{e.State, e.Code, e.Message}
		return nil
	default:
		return fmt.Errorf("no such verdict: %q", e.Verdict)
	}
	s.ledger = append(s.ledger, e)
	return nil
}

// taskOf is the inverse of startEntry.
func (s *Simulator) taskOf(e Entry) *task {
	t := &task{
		id: e.TaskID, created: e.Time, external: e.External,
		added: e.Added, deleted: e.Deleted, total: e.Total,
		length: s.cfg.TaskDuration, plan: ending{state: taskCompleted},
	}
	switch e.State {
	case taskRunning:
		t.length = 0
	case taskFailed:
		t.plan = ending{e.State, e.Code, e.Message}
	}
	return t
}
