package invariants

import (
	"time"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// defaultRetryLimit is what the CRD defaults.
const defaultRetryLimit = 3

// checkStarts: V1 and the counter of V9, as the history of an object shows
// them.
func (c *checker) checkStarts(l *life) {
	for i := range l.Versions {
		if l.Versions[i].Status.Run != nil {
			c.checkCounter(l, i)
		}
	}
	for _, s := range l.spans {
		for n, one := range s.intents {
			c.checkIntent(one)
			if n > 0 {
				c.checkSettled(s.intents[n-1], one)
			}
		}
	}
}

// checkCounter: how a write moves the counter of starts.
func (c *checker) checkCounter(l *life, i int) {
	prev, cur := l.before(i), l.Versions[i].DatasetSync
	run, base, took := cur.Status.Run, attemptOf(prev), tookIn(prev, cur)
	if took {
		base = 0
	}
	if run.Nonce != "" && run.Nonce != nonceOf(prev) {
		switch {
		case run.Attempt != base+1:
			c.fail("V1", l.name(), "version %d pays for a start and raises attempt from %d to %d", i, base, run.Attempt)
		case run.Attempt > limit(cur)+1:
			c.fail("V1", l.name(), "version %d pays for start %d of at most %d", i, run.Attempt, limit(cur)+1)
		case run.StartTime == nil || run.Baseline == nil:
			c.fail("V1", l.name(), "version %d pays for a start without a start time or baseline", i)
		}
		return
	}
	returned := !took && run.Nonce == "" && nonceOf(prev) != "" && run.Attempt == base-1
	if !returned && run.Attempt != base {
		c.fail("V9", l.name(), "version %d changes attempt from %d to %d without a start", i, base, run.Attempt)
	}
}

func attemptOf(o *v1alpha1.DatasetSync) int32 {
	if o.Status.Run == nil {
		return 0
	}
	return o.Status.Run.Attempt
}

func limit(o *v1alpha1.DatasetSync) int32 {
	if o.Spec.RetryLimit == nil {
		return defaultRetryLimit
	}
	return *o.Spec.RetryLimit
}

// checkIntent: V1, what was sent for one intent.
func (c *checker) checkIntent(one *intent) {
	name := one.span.life.name()
	if len(one.calls) > 1 {
		c.fail("V1", name, "the start %s was sent %d times", one.nonce, len(one.calls))
	}
	for _, call := range one.calls {
		own := c.ownEntries(call)
		if len(own) > 1 {
			c.fail("V1", name, "one call was %d requests on the wire", len(own))
		}
		for _, entry := range own {
			if one.returned && entry.Verdict != simulator.VerdictRefused {
				c.fail("V1", name, "the start %s was given back, and the ledger says %s", one.nonce, entry.Verdict)
			}
		}
		if written := one.span.life.Versions[one.version].Time; call.At.Before(written) {
			c.fail("V1", name, "the start %s was sent before it was paid for", one.nonce)
		}
		if late := max(call.Made.Sub(call.Decided), call.Made.Round(0).Sub(call.Decided.Round(0))); c.Terms.SendBudget > 0 && late > c.Terms.SendBudget {
			c.fail("V1", name, "the start %s was sent %v after it was decided", one.nonce, late)
		}
		c.checkNeeded(one, call)
	}
}

// ownEntries returns the lines of the ledger that a call led to, without what
// somebody else did at the same moment.
func (c *checker) ownEntries(call *Call) []*simulator.Entry {
	var own []*simulator.Entry
	for _, i := range call.Entries {
		if entry := &c.Ledger[i]; !entry.External {
			own = append(own, entry)
		}
	}
	return own
}

// checkSettled: V2, a start after one of unknown fate waits until that has
// settled, counted from when it was paid for. One that was never sent, as far as
// the calls tell, has nothing to settle.
func (c *checker) checkSettled(one, next *intent) {
	l := one.span.life
	before := l.before(next.version).Status.Run
	unknown := before != nil && before.Nonce == one.nonce && before.Task == nil && !before.Accepted && (len(c.Calls) == 0 || len(one.calls) > 0)
	waited := l.Versions[next.version].Time.Sub(l.Versions[one.version].Time)
	if c.Terms.SettleTime > 0 && unknown && waited < c.Terms.SettleTime-c.Terms.SendBudget {
		c.fail("V2", l.name(), "the start %s of unknown fate is followed by %s after %v", one.nonce, next.nonce, waited)
	}
}

// checkNeeded: V2, nothing is started where a task that is newer than the
// baseline, and that the look before the start must have shown, has completed.
func (c *checker) checkNeeded(one *intent, call *Call) {
	run := one.span.life.before(one.version).Status.Run
	if !c.Terms.OneEach || run == nil || one.version == one.span.first || run.Baseline == nil || run.Baseline.ObservedTime == nil {
		return
	}
	for _, t := range c.tasks[place{one.span.target.ProjectID, one.span.target.DatasetID}] {
		ended := c.apiTime(t.CreateTime.Add(t.Duration))
		newer := t.CreateTime.After(run.Baseline.ObservedTime.Add(time.Second))
		if newer && t.State == stateCompleted && ended.Before(call.Looked.Add(-c.Terms.Lag)) {
			c.fail("V2", one.span.life.name(), "the start %s was sent although task %s had served the request", one.nonce, t.ID)
		}
	}
}

// checkLedger: V1, for each data set all starts that the service saw were paid
// for, and all that it may have taken were not given back.
func (c *checker) checkLedger() {
	seen, taken := c.asked()
	paid, kept := c.paidFor()
	for p, n := range seen {
		if n > paid[p] {
			c.fail("V1", p.dataset, "the service was asked for %d starts, and %d were paid for", n, paid[p])
		}
		if taken[p] > kept[p] {
			c.fail("V1", p.dataset, "the service may have taken %d starts, and %d were paid for and not given back", taken[p], kept[p])
		}
	}
	for _, call := range c.calls {
		if call.Operation == simulator.OperationStart && c.intents[call.Nonce] == nil {
			c.fail("V1", call.Object.String(), "a start was sent without an intent (nonce %q)", call.Nonce)
		}
	}
}

// asked counts the starts that the service saw for each data set, and those that
// it may have taken.
func (c *checker) asked() (seen, taken map[place]int) {
	seen, taken = map[place]int{}, map[place]int{}
	for i := range c.Ledger {
		entry := &c.Ledger[i]
		if entry.External {
			continue
		}
		p := place{entry.Project, entry.Dataset}
		seen[p]++
		if entry.Verdict != simulator.VerdictRefused {
			taken[p]++
		}
	}
	return seen, taken
}

// paidFor counts the intents for each data set, and those not given back.
func (c *checker) paidFor() (paid, kept map[place]int) {
	paid, kept = map[place]int{}, map[place]int{}
	for _, one := range c.intents {
		p := place{one.span.target.ProjectID, one.span.target.DatasetID}
		paid[p]++
		if !one.returned {
			kept[p]++
		}
	}
	return paid, kept
}

// checkTries: V2, at most one start is taken for a try, which ends when its task
// has failed.
func (c *checker) checkTries() {
	if !c.Terms.OneEach {
		return
	}
	for _, l := range c.lives {
		for _, s := range l.spans {
			c.checkTry(s)
		}
	}
}

func (c *checker) checkTry(s *span) {
	var last *simulator.Entry
	var lastPaid *intent
	for _, one := range s.intents {
		for _, call := range one.calls {
			for _, entry := range c.ownEntries(call) {
				if entry.Verdict != simulator.VerdictAccepted {
					continue
				}
				if last != nil && !c.failedBy(last, entry.Time) && !c.followedFailed(last, lastPaid, one, entry.Time) {
					c.fail("V2", s.life.name(), "the service took start %s at %s although it had taken %s at %s",
						entry.TaskID, entry.Time.Format(time.RFC3339Nano), last.TaskID, last.Time.Format(time.RFC3339Nano))
				}
				last, lastPaid = entry, one
			}
		}
	}
}

// followedFailed reports whether between two starts that were taken the run
// followed a task, whoever had started it, that began after the first was taken
// and had failed by a time of the service's clock: then the try of the first had
// ended.
func (c *checker) followedFailed(taken *simulator.Entry, first, second *intent, at time.Time) bool {
	s := second.span
	// What is told when the first is paid for is of before.
	told := s.life.Versions[first.version].Status
	for i := first.version + 1; i < second.version; i++ {
		st := &s.life.Versions[i].Status
		if st.TaskState != stateFailed || st.TaskID == told.TaskID && told.TaskState == stateFailed {
			continue
		}
		t := c.tasks[place{s.target.ProjectID, s.target.DatasetID}][st.TaskID]
		if t != nil && t.State == stateFailed && t.CreateTime.After(taken.Time) && !t.CreateTime.Add(t.Duration).After(at) {
			return true
		}
	}
	return false
}

// failedBy reports whether the task of an entry had failed at a time, by the
// service's clock.
func (c *checker) failedBy(entry *simulator.Entry, at time.Time) bool {
	t := c.tasks[place{entry.Project, entry.Dataset}][entry.TaskID]
	return t != nil && t.State == stateFailed && !t.CreateTime.Add(t.Duration).After(at)
}

// apiTime turns a time of the service's clock into one of the API server's.
func (c *checker) apiTime(t time.Time) time.Time { return t.Add(-c.Terms.ServiceAhead) }
