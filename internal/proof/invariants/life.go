package invariants

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
)

// life is an object's history, read as what was done for whom.
type life struct {
	*Object
	spans []*span
	// looks are the looks at the service that were made for it.
	looks []*Call
}

// span is what was done for the requests that were taken in together: from the
// write that took them in to the one that closed the run, or took in more.
type span struct {
	life *life
	// first is the version that took the requests in, last the one that ended it,
	// or the number of versions if none did.
	first, last int
	target      v1alpha1.Target
	// closed is true if the run was closed.
	closed  bool
	intents []*intent
}

// intent is a start that was paid for.
type intent struct {
	span    *span
	nonce   string
	version int
	// returned is true if it was given back.
	returned bool
	calls    []*Call
}

func (l *life) name() string {
	v := l.Versions[0]
	return fmt.Sprintf("%s/%s (uid %s)", v.Namespace, v.Name, v.UID)
}

// before returns the version before version i: an empty one before the first.
func (l *life) before(i int) *v1alpha1.DatasetSync {
	if i == 0 {
		return &v1alpha1.DatasetSync{}
	}
	return l.Versions[i-1].DatasetSync
}

// readLife finds the spans of a history and their intents.
func readLife(o *Object) *life {
	l := &life{Object: o}
	var open *span
	for i := range o.Versions {
		prev, cur := l.before(i), o.Versions[i].DatasetSync
		took := tookIn(prev, cur)
		if open != nil && (took || cur.Status.Run == nil) {
			open.last, open.closed = i, cur.Status.Run == nil
			open = nil
		}
		if took {
			open = &span{life: l, first: i, last: len(o.Versions), target: *cur.Status.HandledTarget}
			l.spans = append(l.spans, open)
			if cur.Status.Run == nil {
				open.last, open.closed, open = i, true, nil
			}
		}
		if open != nil {
			open.read(i, prev, cur)
		}
	}
	return l
}

// read notes what a write says of the starts of the span.
func (s *span) read(i int, prev, cur *v1alpha1.DatasetSync) {
	old, run := nonceOf(prev), nonceOf(cur)
	if old == run {
		return
	}
	if n := len(s.intents); old != "" && n > 0 && s.intents[n-1].nonce == old && run == "" {
		s.intents[n-1].returned = cur.Status.Run.Attempt < prev.Status.Run.Attempt
	}
	if run != "" {
		s.intents = append(s.intents, &intent{span: s, nonce: run, version: i})
	}
}

func nonceOf(o *v1alpha1.DatasetSync) string {
	if o.Status.Run == nil {
		return ""
	}
	return o.Status.Run.Nonce
}

// tookIn reports whether a write took requests in.
func tookIn(prev, cur *v1alpha1.DatasetSync) bool {
	return handled(prev, cur) || (cur.Status.HandledTarget != nil && prev.Status.Run == nil && cur.Status.Run != nil)
}

// movedOn reports whether the scheduled time moved on, and not because it was
// skipped, held or another.
func movedOn(a, b *v1alpha1.DatasetSyncStatus) bool {
	before := scheduled(a)
	if before == nil || b.NextSyncTime == nil || a.ObservedSchedule == nil || b.ObservedSchedule == nil ||
		a.ObservedSchedule.Schedule != b.ObservedSchedule.Schedule || a.ObservedSchedule.TimeZone != b.ObservedSchedule.TimeZone {
		return false
	}
	skipped := len(b.History) > 0 && b.History[0].Outcome == v1alpha1.OutcomeSkipped &&
		(len(a.History) == 0 || a.History[0].StartTime != b.History[0].StartTime)
	return !skipped && b.NextSyncTime.After(before.Time)
}

// scheduled returns the next scheduled time of an object, also while it is held.
func scheduled(st *v1alpha1.DatasetSyncStatus) *metav1.Time {
	if st.NextSyncTime == nil && st.ObservedSchedule != nil {
		return st.ObservedSchedule.HeldTime
	}
	return st.NextSyncTime
}

// requested returns when the latest of the requests of a span came to the API
// server, or was due: scheduled times are taken in along the way as well.
func (s *span) requested() time.Time {
	prev, cur := s.life.before(s.first), s.life.Versions[s.first].DatasetSync
	latest := s.life.Versions[0].Time
	ask := func(asked func(*v1alpha1.DatasetSync) bool) {
		i := s.first
		for i > 0 && asked(s.life.Versions[i-1].DatasetSync) {
			i--
		}
		if at := s.life.Versions[i].Time; at.After(latest) {
			latest = at
		}
	}
	if a, b := prev.Status.HandledTarget, cur.Status.HandledTarget; a == nil || *a != *b {
		ask(func(o *v1alpha1.DatasetSync) bool { return names(o, *b) })
	}
	if value := cur.Status.HandledTrigger; prev.Status.HandledTrigger != value {
		ask(func(o *v1alpha1.DatasetSync) bool { return o.Spec.Trigger == value })
	}
	if value := cur.Status.HandledRequest; prev.Status.HandledRequest != value {
		ask(func(o *v1alpha1.DatasetSync) bool { return requestedAt(o) == value })
	}
	for i := s.first; i == s.first || i < s.last; i++ {
		if due := s.dueTime(i); due.After(latest) && due.Before(s.life.Versions[i].Time) {
			latest = due
		}
	}
	return latest
}

// dueTime returns when a scheduled time was due that version i took in, by opening
// a run, starting a task or beginning to follow one; the zero time if it took in
// none. It was due by the clock of whoever wrote the version: that is told by the
// look that the version was decided on, however long it took to write it.
func (s *span) dueTime(i int) time.Time {
	prev, cur := s.life.before(i), s.life.Versions[i]
	a, b := &prev.Status, &cur.Status
	if a.NextSyncTime == nil || b.Run == nil || !movedOn(a, b) {
		return time.Time{}
	}
	var now time.Time
	switch old, run := a.Run, b.Run; {
	case old == nil && run.StartTime == nil:
		now = run.RequestedTime.Time
	case run.Task != nil && (old == nil || old.Task == nil):
		now = run.Task.SeenTime.Time
	case run.Nonce != "" && (old == nil || old.Nonce != run.Nonce):
		now = run.StartTime.Time
	case i > s.first: // It was skipped.
		return time.Time{}
	default:
		now = cur.Time
	}
	look := s.life.lookAt(now, cur.Time)
	if look == nil {
		return time.Time{}
	}
	return a.NextSyncTime.Add(look.At.Sub(look.Made))
}

// lookAt returns the look before a write that was made next to a time by the clock
// of its process.
func (l *life) lookAt(now, written time.Time) *Call {
	var nearest *Call
	for _, look := range l.looks {
		if !look.At.After(written) && (nearest == nil || now.Sub(look.Made).Abs() < now.Sub(nearest.Made).Abs()) {
			nearest = look
		}
	}
	return nearest
}

// names reports whether spec names a target, where a region that is not told is
// the manager's.
func names(o *v1alpha1.DatasetSync, t v1alpha1.Target) bool {
	return o.Spec.ProjectID == t.ProjectID && o.Spec.DatasetID == t.DatasetID &&
		(o.Spec.Region == "" || o.Spec.Region == t.Region)
}

func requestedAt(o *v1alpha1.DatasetSync) string {
	value := []rune(o.Annotations[v1alpha1.RequestedAtAnnotation])
	return string(value[:min(len(value), v1alpha1.MaxRequestLength)])
}
