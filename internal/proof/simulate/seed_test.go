package simulate

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/proof/cluster"
	"datasetsync.dev/operator/internal/proof/invariants"
)

const (
	// bound is how long everything may take to come to rest.
	bound = 8 * time.Hour
	// mostPasses is more than any world needs for it.
	mostPasses = 60_000
	restTime   = 10 * time.Minute
)

// outcome is what came of a seed.
type outcome struct {
	seed   uint64
	rows   map[string]int
	passes int
	err    error
	// story is what happened.
	story []string
}

// run lets a world live.
func run(seed uint64, schema *cluster.Schema, tell bool) outcome {
	w := newWorld(seed, schema)
	for range steps {
		w.act()
	}
	w.clearUp()
	w.calm("after the weather")
	w.askAgain()
	w.calm("after everything that failed was asked for again")
	w.checkHealed()
	rest := w.rest()
	w.endFlights()
	e := w.evidence()
	e.Terms = w.terms(rest)
	o := outcome{seed: seed, rows: w.rows, passes: w.passes, err: w.verdict(invariants.Check(e))}
	if tell {
		o.story = w.story()
	}
	return o
}

// clearUp makes the weather fine, and lets everybody have what they need.
func (w *world) clearUp() {
	w.weather = fine()
	for _, t := range w.tenants {
		w.putSecret(t, t.secret)
	}
	for _, d := range w.service.datasets {
		d.gone, d.refuses = false, ""
		for _, one := range d.tasks {
			if one.hung {
				one.finish(w.service.now(), string(modelarts.StateCompleted), "")
			}
		}
	}
	for _, key := range w.keys {
		if object := w.server.Log.Latest(key); object != nil && object.DeletionTimestamp != nil {
			w.letGo(key, object.UID)
		} else if object != nil && object.Spec.Schedule != "" {
			w.edit(object, func(o *v1alpha1.DatasetSync) { o.Spec.Schedule, o.Spec.StartingDeadlineSeconds = "", nil })
		}
	}
	for _, r := range w.replicas {
		r.awake()
		r.frozen = time.Time{}
	}
	if w.lonely {
		w.retire(w.replicas[1:])
		w.rivals = w.true.Now()
	}
}

// retire ends replicas for good.
func (w *world) retire(all []*replica) {
	w.replicas = w.replicas[:1]
	for _, r := range all {
		old := r.Process
		r.Process = nil // Nothing comes after it.
		w.endPasses(old)
	}
}

// calm lets everything come to rest, within the bound.
func (w *world) calm(when string) {
	until, most := w.true.Now().Add(bound), w.passes+mostPasses
	for w.passes < most {
		for _, r := range w.replicas {
			r.Deliver(r.View.Behind())
		}
		if !w.next(until) {
			break
		}
	}
	at, do := w.earliest()
	if do != nil && w.passes >= most {
		w.problem("V6: %s: %d passes", when, mostPasses)
	} else if do != nil {
		w.problem("V3: %s: not at rest after %v: due at %s", when, bound, at.Format(time.DateTime))
	}
}

// askAgain asks once more for what has failed.
func (w *world) askAgain() {
	for _, key := range w.keys {
		if object := w.server.Log.Latest(key); object != nil && !object.Spec.Suspend && !isReady(object) {
			w.edit(object, func(o *v1alpha1.DatasetSync) { o.Spec.Trigger = "once more" })
		}
	}
}

// checkHealed: in fine weather everything works. Where neither the answer to a
// start nor the status tells which task is which, a task that ends before it is
// looked at cannot be told from the one before, and is shown as lost.
func (w *world) checkHealed() {
	if w.service.sparse && w.service.empty {
		return
	}
	for _, key := range w.keys {
		if object := w.server.Log.Latest(key); object != nil && !object.Spec.Suspend && !isReady(object) {
			w.problem("V3: %s does not heal: %s", key, describe(object))
		}
	}
}

func isReady(o *v1alpha1.DatasetSync) bool {
	return meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ReadyCondition)
}

// rest looks at every object again, and returns since when nothing should have
// cost anything.
func (w *world) rest() time.Time {
	w.true.Advance(time.Second)
	rest := w.true.Now()
	w.true.Advance(restTime)
	for _, r := range w.replicas {
		for _, key := range w.keys {
			r.Queue.Add(key)
		}
	}
	w.calm("at rest")
	return rest
}

// endFlights ends what still waits, so that no goroutine stays.
func (w *world) endFlights() {
	for len(w.waiting) > 0 {
		w.goOn(w.waiting[0], false)
	}
}

// terms are what is promised in a world.
func (w *world) terms(rest time.Time) invariants.Terms {
	return invariants.Terms{
		OneEach: !w.lying, Rivals: w.rivals, Settled: true, Rest: rest, SettleTime: w.settings.SettleTime, SendBudget: budget,
		Blind: w.lying, Grace: time.Minute + time.Second, Lag: 10 * time.Second, ServiceAhead: w.ahead,
		QPS: w.settings.QPS, Burst: w.settings.Burst, Slack: len(w.keys), Endpoints: []string{endpoint}, DefaultRegion: region,
	}
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

func describe(o *v1alpha1.DatasetSync) string {
	var words []string
	for _, c := range o.Status.Conditions {
		words = append(words, fmt.Sprintf("%s=%s (%s: %s)", c.Type, c.Status, c.Reason, c.Message))
	}
	if run := o.Status.Run; run != nil {
		words = append(words, fmt.Sprintf("%s, attempt %d, failures %d, nonce %q", stageOf(run), run.Attempt, run.Failures, run.Nonce))
	}
	return strings.Join(words, ", ")
}

// story tells the lives of all objects, the calls and the ledger.
func (w *world) story() []string {
	lines := []string{fmt.Sprintf("strict %t, hold %t, lying %t, empty %t, sparse %t, service ahead %v, tasks take %v",
		w.strict, w.holds, w.lying, w.service.empty, w.service.sparse, w.ahead, w.service.taskTime)}
	for _, o := range w.server.Log.Objects() {
		for i, v := range o.Versions {
			lines = append(lines, fmt.Sprintf("%s %s/%s %s version %d: data set %s, trigger %q: %s", v.Time.Format(time.TimeOnly+".000"),
				v.Namespace, v.Name, v.UID, i, v.Spec.DatasetID, v.Spec.Trigger, describe(v.DatasetSync)))
		}
	}
	for _, c := range w.journal.Calls {
		lines = append(lines, fmt.Sprintf("%s call %s by %s for %s, nonce %q: %v", c.At.Format(time.TimeOnly+".000"), c.Operation, c.Process, c.Object, c.Nonce, c.Failure))
	}
	for _, e := range w.service.ledger {
		lines = append(lines, fmt.Sprintf("%s ledger: %s/%s %s %s", e.Time.Add(-w.ahead).Format(time.TimeOnly+".000"), e.Project[:1], e.Dataset, e.Verdict, e.TaskID))
	}
	return lines
}
