package enumerate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/proof/cluster"
	"datasetsync.dev/operator/internal/proof/invariants"
)

// result is what came of a plan.
type result struct {
	plan
	// trace is what was done, in order.
	trace []point
	// reached is true if all that is to go wrong did.
	reached bool
	err     error
	// log is what the operator logged.
	log string
	// starts is how many starts the service took, and asked how many it saw.
	calls, writes int
	history       []string
}

const (
	// mischiefEnds is when all faults are off at the latest.
	mischiefEnds = 6 * time.Hour
	restTime     = 10 * time.Minute
)

// bound is how long after the faults everything has to be at rest.
func (w *world) bound() time.Duration {
	bound := 15 * time.Minute
	if w.policy == policyStrict {
		bound = time.Hour
	}
	for _, i := range w.service {
		bound += serviceFaults()[i.name].hampers
	}
	return bound
}

// run carries a plan out.
func run(ctx context.Context, p plan, s *servers, b func(*cluster.Time) backend) result {
	t := cluster.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	w := newWorld(p, s, t, b(t))
	defer w.close()
	if err := w.setUp(ctx); err != nil {
		return result{plan: p, err: err}
	}
	if w.speaksTLS() {
		s.oneAtATime.Lock() // What comes over HTTP/2 does not tell whose it is.
		defer s.oneAtATime.Unlock()
	}
	frames := s.frames.Load()
	w.endure(ctx, "after the faults")
	reached, trace := w.allFired(), w.trace
	w.heal(ctx)
	rest := w.rest(ctx)
	if n := s.frames.Load() - frames; n > 0 && w.speaksTLS() {
		w.problem("V1: a call was %d requests over HTTP/2, which repeats what is reset", n)
	}
	e := w.evidence()
	e.Terms = w.terms(rest)
	return result{
		plan: p, trace: trace, reached: reached, err: w.verdict(invariants.Check(e)), log: w.journal.Texts.String(),
		calls: len(e.Calls), writes: w.log.Len(), history: w.history(),
	}
}

// speaksTLS reports whether a call of the plan goes to the server that would
// speak HTTP/2.
func (w *world) speaksTLS() bool {
	return slices.ContainsFunc(w.service, func(i injection) bool {
		leads := serviceFaults()[i.name].leads
		return leads != nil && leads(w.servers) == w.servers.secure.URL
	})
}

// endure lets go wrong what is to go wrong, and then everything come to rest.
func (w *world) endure(ctx context.Context, when string) {
	w.drive(ctx, w.true.Now().Add(mischiefEnds), w.allFired)
	w.allOff()
	w.calm(ctx, when)
}

// calm lets everything come to rest, within the bound.
func (w *world) calm(ctx context.Context, when string) {
	until := w.true.Now().Add(w.bound())
	w.drive(ctx, until, func() bool { return false })
	if key, due, queued := w.current.Queue.Next(); queued {
		w.problem("V3: %s %s is not at rest after %v: due at %s, %s", when, key, w.bound(), due.Format(time.TimeOnly), w.describe())
	}
	if w.passes >= mostPasses {
		w.problem("V6: %d passes", w.passes)
	}
}

// heal asks a failed object for another sync, again for as long as something of
// the plan is left to go wrong in it. One in which nothing does has to succeed.
func (w *world) heal(ctx context.Context) {
	for n := 1; w.failed(); n++ {
		fired := len(w.fired)
		w.edit(ctx, func(obj *v1alpha1.DatasetSync) { obj.Spec.Trigger = fmt.Sprintf("again-%d", n) })
		w.current.Deliver(w.log.Len())
		w.endure(ctx, "after another request")
		if len(w.fired) == fired {
			if w.failed() {
				w.problem("V3: another request does not heal the object: %s", w.describe())
			}
			return
		}
	}
}

// rest lets an object that has nothing to do be looked at again and again, with
// nothing going wrong any more, and returns since when it should have cost nothing.
func (w *world) rest(ctx context.Context) time.Time {
	w.resting = true
	w.true.Advance(time.Second)
	rest := w.true.Now()
	for range 3 {
		w.true.Advance(restTime / 3)
		w.current.Queue.Add(w.key)
		w.drive(ctx, w.true.Now().Add(time.Second), func() bool { return false })
	}
	return rest
}

func (w *world) failed() bool {
	obj := w.log.Latest(w.key)
	return obj == nil || !meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ReadyCondition)
}

// terms are what is promised under the plan.
func (w *world) terms(rest time.Time) invariants.Terms {
	s := w.settings()
	return invariants.Terms{
		OneEach: w.oneEach(), Blind: w.blind(), Settled: true, Rest: rest, SettleTime: s.SettleTime, SendBudget: 10 * time.Second,
		Grace: w.grace(), QPS: s.QPS, Burst: s.Burst, Flawless: len(w.injections()) == 0, Empty: w.answer == "empty",
		Endpoints: []string{s.Endpoint}, DefaultRegion: s.DefaultRegion,
	}
}

// oneEach reports whether one start for each try is promised: where the service
// tells which task is which, and shows a task within the settle time.
func (w *world) oneEach() bool {
	all := w.injections()
	for _, i := range all {
		f := serviceFaults()[i.name]
		if f.lies && len(all) > 1 {
			return false
		}
		tooLate := i.name == "late-5m" || i.name == "late-16m" || f.delayed > time.Minute
		if tooLate && w.policy != policyStrict {
			return false
		}
	}
	return true
}

// blind reports whether status rests on a word of the service that is not true: it
// tells neither ids nor times, and says that it took a start.
func (w *world) blind() bool {
	sparse, pretends := false, false
	for _, i := range w.service {
		f := serviceFaults()[i.name]
		sparse = sparse || f.arms.Kind == "sparse"
		pretends = pretends || f.pretends
	}
	return sparse && pretends
}

// grace is by how much a task may be older than the request that it serves.
func (w *world) grace() time.Duration {
	for _, i := range w.service {
		if f := serviceFaults()[i.name]; f.lies || f.arms.Kind == "lag" {
			return time.Minute + time.Second
		}
	}
	return 0
}

// verdict is all that is wrong, nil for nothing.
func (w *world) verdict(found error) error {
	if len(w.problems) == 0 {
		return found
	}
	text := strings.Join(w.problems, "\n")
	if found != nil {
		text += "\n" + found.Error()
	}
	return fmt.Errorf("%s", text)
}

// describe tells how the object is.
func (w *world) describe() string {
	obj := w.log.Latest(w.key)
	if obj == nil {
		return "gone"
	}
	return describe(obj)
}

func describe(obj *v1alpha1.DatasetSync) string {
	var words []string
	for _, c := range obj.Status.Conditions {
		words = append(words, fmt.Sprintf("%s=%s (%s: %s)", c.Type, c.Status, c.Reason, c.Message))
	}
	if run := obj.Status.Run; run != nil {
		words = append(words, fmt.Sprintf("run: attempt %d, failures %d, nonce %q, accepted %t", run.Attempt, run.Failures, run.Nonce, run.Accepted))
		if run.Task != nil {
			words = append(words, fmt.Sprintf("task %q %s %s", run.Task.ID, run.Task.State, run.Task.Origin))
		}
	}
	return strings.Join(words, ", ")
}

// history tells the life of every object, the calls and the ledger.
func (w *world) history() []string {
	var lines []string
	for _, o := range w.log.Objects() {
		for i, v := range o.Versions {
			lines = append(lines, fmt.Sprintf("%s %s version %d: %s", v.Time.Format(time.TimeOnly+".000"), v.UID, i, describe(v.DatasetSync)))
		}
	}
	for _, c := range w.journal.Calls {
		lines = append(lines, fmt.Sprintf("%s call %s by %s, nonce %q: %v", c.At.Format(time.TimeOnly+".000"), c.Operation, c.Process, c.Nonce, c.Failure))
	}
	for _, e := range w.sim.Ledger() {
		lines = append(lines, fmt.Sprintf("%s ledger: %s %s %s", e.Time.Format(time.TimeOnly+".000"), e.Verdict, e.TaskID, e.Fault))
	}
	return lines
}
