package simulator

import (
	"cmp"
	"time"
)

// taskKinds are the faults of tasks and of how they are shown.
func taskKinds() []kind {
	return []kind{
		{
			name: "task-fails", help: "the task that is started ends FAILED, with code (ModelArts.4360) and message",
			operation: OperationStart, takes: []string{"code", "message"}, plan: planFailure,
		},
		{
			name: "task-never-ends", help: "the task that is started runs until it is ended by hand",
			operation: OperationStart,
			plan:      func(_ *exchange, t *task) { t.length = 0 },
		},
		{
			name:       "superseded",
			help:       "the latest task ends, and somebody else's takes its place: before the status is shown, or right after the start",
			supersedes: true,
		},
		{
			name: "lag", help: "the status is the one of delay ago; without delay, the task before the latest is shown",
			operation: OperationLatest, takes: []string{"delay"}, pick: pickOlder,
		},
		{
			name: "not-exist", help: "NOT_EXIST, whatever there is",
			operation: OperationLatest,
			pick:      func(_ *exchange, _ *history, now time.Time) (*task, time.Time) { return nil, now },
		},
		{
			name: "sparse", help: "only state and data set are shown",
			operation: OperationLatest,
			view:      func(_ *exchange, b *statusBody) { b.thin() },
		},
		{
			name: "unknown-word", help: "state (PREPARING) is shown, a word that is not documented",
			operation: OperationLatest, takes: []string{"state"},
			view: func(x *exchange, b *statusBody) { b.Status = cmp.Or(x.fault.State, "PREPARING") },
		},
		{
			name: "status-regress", help: "an earlier state is shown: state, or RUNNING after an end, else QUEUING",
			operation: OperationLatest, takes: []string{"state"}, view: regress,
		},
		{
			name: "create-time-seconds", help: "create_time is in seconds",
			operation: OperationLatest,
			view:      func(_ *exchange, b *statusBody) { b.moveCreateTime(func(ms int64) int64 { return ms / 1000 }) },
		},
		{
			name: "create-time-backwards", help: "create_time is delay (1h) too early",
			operation: OperationLatest, takes: []string{"delay"},
			view: func(x *exchange, b *statusBody) {
				back := cmp.Or(x.fault.Delay, time.Hour).Milliseconds()
				b.moveCreateTime(func(ms int64) int64 { return ms - back })
			},
		},
	}
}

func planFailure(x *exchange, t *task) {
	code := cmp.Or(x.fault.Code, "ModelArts.4360")
	t.plan = ending{taskFailed, code, cmp.Or(x.fault.Message, x.sim.texts.message(code, 0))}
}

// pickOlder shows the past. It cannot show what a deleted data set had.
func pickOlder(x *exchange, h *history, now time.Time) (*task, time.Time) {
	if x.fault.Delay > 0 {
		at := now.Add(-x.fault.Delay)
		return h.seen(at), at
	}
	if h == nil || len(h.tasks)-h.first < 2 {
		return nil, now
	}
	return h.tasks[len(h.tasks)-2], now
}

func regress(x *exchange, b *statusBody) {
	earlier := taskQueuing
	if isTerminal(b.Status) {
		earlier = taskRunning
	}
	if b.Status == taskNotExist {
		return
	}
	b.Status = cmp.Or(x.fault.State, earlier)
	b.Code, b.Message = "", ""
}

func (b *statusBody) moveCreateTime(move func(ms int64) int64) {
	if b.Created != nil {
		moved := move(*b.Created)
		b.Created = &moved
	}
}
