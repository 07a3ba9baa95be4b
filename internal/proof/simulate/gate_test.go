package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/proof/cluster/process"
)

const (
	requestTimeout = 30 * time.Second
	// criticalFactor is how much more often a process dies between an intent and
	// its outcome: what can go wrong there matters most.
	criticalFactor = 10
	// shortStop is how long a process may stop that has a start to send, where a
	// start must not come late.
	shortStop = 3 * time.Second
)

// gate is what everything goes through that a replica does: here the weather
// is.
func (w *world) gate(op *process.Op, do func() error) error {
	if op.Kind == process.Get || op.Kind == process.Tell {
		w.mayDie(op)
		return do()
	}
	w.mayWait(op)
	w.mayDie(op)
	err := w.under(op, do)
	w.mayWait(op)
	w.mayDie(op)
	return err
}

// mayDie ends the process now and then.
func (w *world) mayDie(op *process.Op) {
	rate := w.weather.crash
	if op.Kind == process.Start || op.Kind == process.Live {
		rate *= criticalFactor
	}
	if chance(w.random, rate/2) {
		panic(process.Crash{})
	}
}

// mayWait lets a pass, or its whole process, stop for a while.
func (w *world) mayWait(op *process.Op) {
	switch {
	case chance(w.random, w.weather.pause):
		r := w.flying.replica
		d := w.some(w.longestPause(op))
		r.stop(d, w.random.IntN(3) == 0)
		w.wait(op, d)
	case chance(w.random, w.weather.slow):
		w.wait(op, w.some(min(20*time.Second, w.longestPause(op))))
	}
}

// longestPause is how long a pass may stop at a point. Between the decision that
// a start may still be sent and its effect there is nothing that the operator
// can do about it: there a pause counts as lateness of the start.
func (w *world) longestPause(op *process.Op) time.Duration {
	if op.Kind == process.Start && w.weather.latest < time.Minute {
		return shortStop
	}
	return 20 * time.Minute
}

// wait parks a pass.
func (w *world) wait(op *process.Op, d time.Duration) {
	if !w.park(op.Pass, w.true.Now().Add(d)) {
		panic(process.Crash{})
	}
}

// some draws a time: a short one as often as a long one.
func (w *world) some(most time.Duration) time.Duration {
	d := time.Duration(w.random.Int64N(int64(most)) + 1)
	if w.random.IntN(2) == 0 {
		return d/20 + time.Millisecond
	}
	return d
}

// under lets something happen in the weather that there is.
func (w *world) under(op *process.Op, do func() error) error {
	switch op.Kind {
	case process.Look:
		return w.lookUnder(op, do)
	case process.Start:
		return w.startUnder(op, do)
	case process.Patch:
		return w.writeUnder(do)
	case process.Secret, process.Live:
		return w.readUnder(do)
	case process.Sleep:
		w.wait(op, op.Duration)
		return nil
	case process.Get, process.Tell:
	}
	return do()
}

func (w *world) lookUnder(op *process.Op, do func() error) error {
	takes := w.some(time.Second)
	switch {
	case chance(w.random, w.weather.lookLost):
		w.wait(op, requestTimeout)
		return lost("latest", modelarts.FateUnknown)
	case chance(w.random, w.weather.lookRefused):
		refused := someRefusal(w.random)
		return refused.of("latest", w.service.now())
	}
	w.true.Advance(takes)
	w.lens = w.weather.someLens(w.random)
	err := do()
	w.lens = lens{}
	return err
}

func (w *world) startUnder(op *process.Op, do func() error) error {
	w.plan = w.somePlan()
	defer func() { w.plan = plan{} }()
	switch {
	case chance(w.random, w.weather.startUnsent):
		return lost("start", modelarts.FateNotSent)
	case chance(w.random, w.weather.startLost):
		w.wait(op, requestTimeout)
		return lost("start", modelarts.FateUnknown)
	case chance(w.random, w.weather.startLate):
		w.later(do)
		if w.random.IntN(3) == 0 {
			panic(process.Crash{})
		}
		w.wait(op, requestTimeout)
		return lost("start", modelarts.FateUnknown)
	case chance(w.random, w.weather.startDeaf):
		_ = do() // Nobody hears of it.
		if w.random.IntN(2) == 0 {
			w.wait(op, requestTimeout)
		}
		return lost("start", modelarts.FateUnknown)
	case chance(w.random, w.weather.liar):
		if w.random.IntN(2) == 0 {
			_ = do() // The answer says that it was not.
		}
		return liar(w.service.now())
	case chance(w.random, w.weather.startRefused):
		refused := someRefusal(w.random)
		if e := refused.of("start", w.service.now()); e.Fate != modelarts.FateUnknown || w.random.IntN(2) == 0 {
			return e
		}
		_ = do() // It was passed on before the way broke.
		return refused.of("start", w.service.now())
	}
	w.true.Advance(w.some(time.Second))
	return do()
}

// later lets a start that is on its way arrive, whatever becomes of who sent it.
func (w *world) later(do func() error) {
	what := w.plan
	w.after(w.some(w.weather.latest-budget), func() {
		what.hangs = what.hangs && w.weather.taskHangs > 0 // Nobody would end it any more.
		w.plan = what
		_ = do() // Nobody is left to hear of it.
		w.plan = plan{}
	})
}

func (w *world) somePlan() plan {
	var p plan
	if chance(w.random, w.weather.taskFails) {
		p.fails = []string{"ModelArts.4360", "ModelArts.4311", "Unknown.1"}[w.random.IntN(3)]
	}
	p.hangs = chance(w.random, w.weather.taskHangs)
	return p
}

func (w *world) writeUnder(do func() error) error {
	w.true.Advance(w.some(100 * time.Millisecond))
	switch {
	case chance(w.random, w.weather.writeRefused):
		return w.someKubeError()
	case chance(w.random, w.weather.writeLost):
		return errLost
	case chance(w.random, w.weather.writeDeaf):
		_ = do() // Nobody hears of it.
		return errLost
	}
	return do()
}

func (w *world) readUnder(do func() error) error {
	w.true.Advance(w.some(50 * time.Millisecond))
	if chance(w.random, w.weather.readFails) {
		return w.someKubeError()
	}
	return do()
}

// errLost is a request of the API server without an answer.
var errLost = fmt.Errorf("http2: client connection lost: %w", context.DeadlineExceeded)

func (w *world) someKubeError() error {
	resource := v1alpha1.GroupVersion.WithResource("datasetsyncs").GroupResource()
	switch w.random.IntN(3) {
	case 0:
		return apierrors.NewTooManyRequests("busy", 1)
	case 1:
		return apierrors.NewInternalError(errors.New("etcdserver: leader changed"))
	default:
		return apierrors.NewForbidden(resource, "it", errors.New("the role was taken away"))
	}
}
