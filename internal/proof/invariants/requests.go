package invariants

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
)

// The states of tasks that the invariants speak of.
const (
	stateCompleted = "COMPLETED"
	stateFailed    = "FAILED"
)

// checkRequests: V3 and V4.
func (c *checker) checkRequests(l *life) {
	for _, s := range l.spans {
		c.checkEnd(s)
	}
	for i := range l.Versions {
		prev, cur := l.before(i), l.Versions[i].DatasetSync
		if handled(prev, cur) && cur.Status.Run == nil && ready(cur) != metav1.ConditionFalse {
			c.fail("V3", l.name(), "version %d takes a request in that nobody works on", i)
		}
	}
	if final := l.Versions[len(l.Versions)-1].DatasetSync; c.Terms.Settled && !l.Deleted {
		c.checkFinal(l, final)
	}
}

// handled reports whether a write says that it took a request in.
func handled(prev, cur *v1alpha1.DatasetSync) bool {
	a, b := &prev.Status, &cur.Status
	return b.HandledTarget != nil && (a.HandledTarget == nil || *a.HandledTarget != *b.HandledTarget ||
		a.HandledTrigger != b.HandledTrigger || a.HandledRequest != b.HandledRequest)
}

// checkEnd: how a span ended. It was served, or shown as failed, or overtaken by
// another request while no start was out.
func (c *checker) checkEnd(s *span) {
	if s.last == len(s.life.Versions) {
		if c.Terms.Settled && !s.life.Deleted && !s.life.Versions[s.last-1].Spec.Suspend {
			c.fail("V3", s.life.name(), "the run of version %d never ended", s.first)
		}
		return
	}
	cur := s.life.Versions[s.last].DatasetSync
	if !s.closed {
		if prev := s.life.before(s.last); prev.Status.Run != nil && (prev.Status.Run.Task != nil || prev.Status.Run.Accepted) {
			c.fail("V3", s.life.name(), "version %d takes another request into a run whose task is under way", s.last)
		}
		return
	}
	if cur.Status.TaskState == stateCompleted && ready(cur) != metav1.ConditionFalse || succeeded(s, cur) {
		c.checkServed(s, cur)
		return
	}
	if ready(cur) != metav1.ConditionFalse {
		c.fail("V3", s.life.name(), "version %d closes a run that was not served, and shows Ready=%s", s.last, ready(cur))
	}
}

// succeeded reports whether history says that the span was served.
func succeeded(s *span, cur *v1alpha1.DatasetSync) bool {
	prev := s.life.before(s.last)
	if len(cur.Status.History) == 0 {
		return false
	}
	entry := cur.Status.History[0]
	fresh := len(prev.Status.History) == 0 || prev.Status.History[0].EndTime != entry.EndTime
	return fresh && entry.Outcome == v1alpha1.OutcomeSucceeded
}

// checkServed: V4, a task of the very data set that is newer than the request
// had completed.
func (c *checker) checkServed(s *span, cur *v1alpha1.DatasetSync) {
	if c.Terms.Blind {
		return
	}
	earliest := s.requested().Add(-c.Terms.Grace)
	known := c.tasks[place{s.target.ProjectID, s.target.DatasetID}]
	if id := cur.Status.TaskID; id != "" {
		t := known[id]
		switch {
		case t == nil:
			c.fail("V4", s.life.name(), "version %d says served by %s, which is no task of %s", s.last, id, s.target.DatasetID)
		case t.State != stateCompleted:
			c.fail("V4", s.life.name(), "version %d says served by %s, which is %s", s.last, id, t.State)
		case c.apiTime(t.CreateTime).Before(earliest):
			c.fail("V4", s.life.name(), "version %d says served by %s of %s, which is older than the request of %s",
				s.last, id, c.apiTime(t.CreateTime), s.requested())
		}
		return
	}
	for _, t := range known {
		ended := c.apiTime(t.CreateTime.Add(t.Duration))
		if t.State == stateCompleted && !c.apiTime(t.CreateTime).Before(earliest) && !ended.After(s.life.Versions[s.last].Time) {
			return
		}
	}
	c.fail("V4", s.life.name(), "version %d says served, and no task newer than the request has completed", s.last)
}

// checkFinal: V3, nothing is left to do for an object, or it is in sight why.
func (c *checker) checkFinal(l *life, o *v1alpha1.DatasetSync) {
	waits := o.Status.HandledTarget == nil || !names(o, *o.Status.HandledTarget) ||
		(o.Spec.Trigger != "" && o.Spec.Trigger != o.Status.HandledTrigger) ||
		(requestedAt(o) != "" && requestedAt(o) != o.Status.HandledRequest)
	condition := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ReadyCondition)
	switch {
	case condition == nil:
		c.fail("V3", l.name(), "nobody has seen the object")
	case o.Spec.Suspend && waits && condition.Status == metav1.ConditionTrue:
		c.fail("V3", l.name(), "a request waits for an object that is suspended, and it is shown as Ready")
	case o.Spec.Suspend:
	case waits:
		c.fail("V3", l.name(), "a request was not taken in")
	case condition.Status == metav1.ConditionUnknown:
		c.fail("V3", l.name(), "nothing is left to do, and Ready is Unknown")
	case condition.Status == metav1.ConditionFalse && !meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.StalledCondition):
		c.fail("V3", l.name(), "the last run failed, and the object is not Stalled (%s)", condition.Reason)
	}
}

func ready(o *v1alpha1.DatasetSync) metav1.ConditionStatus {
	if c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ReadyCondition); c != nil {
		return c.Status
	}
	return metav1.ConditionUnknown
}
