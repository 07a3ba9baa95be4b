package invariants

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// What a run that goes well costs, and how many events any run may emit.
const (
	flawlessWrites = 4
	emptyWrites    = 5
	flawlessEvents = 2
	mostEvents     = 6
)

// checkCost: V8.
func (c *checker) checkCost(l *life) {
	for i := 2; i < len(l.Versions); i++ {
		last, prev, cur := l.Versions[i-2].DatasetSync, l.Versions[i-1].DatasetSync, l.Versions[i].DatasetSync
		rivals := l.Versions[i-2].Time.Before(c.Terms.Rivals)
		if !rivals && sameWords(last, cur) && rewords(prev, cur) && equality.Semantic.DeepEqual(last.Status, cur.Status) {
			c.fail("V8", l.name(), "version %d changes the words of a condition, and back to what they were", i)
		}
	}
	for _, s := range l.spans {
		c.checkWrites(s)
		c.checkEvents(s)
	}
}

// sameWords reports, at little cost, whether two versions have the same
// conditions.
func sameWords(a, b *v1alpha1.DatasetSync) bool {
	return slices.EqualFunc(a.Status.Conditions, b.Status.Conditions, func(x, y metav1.Condition) bool {
		return x.Type == y.Type && x.Status == y.Status && x.Message == y.Message
	})
}

// rewords reports whether two versions differ in the words of conditions only.
func rewords(prev, cur *v1alpha1.DatasetSync) bool {
	if prev.Generation != cur.Generation || equality.Semantic.DeepEqual(prev.Status.Conditions, cur.Status.Conditions) {
		return false
	}
	a, b := prev.Status.DeepCopy(), cur.Status.DeepCopy()
	a.Conditions, b.Conditions = wordless(a.Conditions), wordless(b.Conditions)
	return equality.Semantic.DeepEqual(a, b)
}

// wordless returns conditions without their words.
func wordless(conditions []metav1.Condition) []metav1.Condition {
	for i := range conditions {
		conditions[i].Message = ""
	}
	return conditions
}

// checkWrites counts the writes of a run that went well.
func (c *checker) checkWrites(s *span) {
	if !c.Terms.Flawless || !s.closed {
		return
	}
	most := flawlessWrites
	if c.Terms.Empty {
		most = emptyWrites
	}
	writes := 0
	for i := s.first; i <= s.last; i++ {
		if !equality.Semantic.DeepEqual(s.life.before(i).Status, s.life.Versions[i].Status) {
			writes++
		}
	}
	if writes > most {
		c.fail("V8", s.life.name(), "the run of version %d took %d status writes, at most %d are due", s.first, writes, most)
	}
}

// checkEvents counts the events of a span: a start or task that failed has two
// of its own, somebody else's included, and an answer that does not tell has one.
func (c *checker) checkEvents(s *span) {
	from, until := s.life.Versions[s.first].Time, time.Time{}
	if s.last < len(s.life.Versions) {
		until = s.life.Versions[s.last].Time
	}
	events := 0
	for _, e := range c.Events {
		if e.UID == s.life.Versions[0].UID && !e.At.Before(from) && (until.IsZero() || !e.At.After(until)) {
			events++
		}
	}
	most := mostEvents + 2*max(0, len(s.intents)-1, s.failed()) + s.unclear()
	if c.Terms.Flawless {
		most = flawlessEvents
	}
	if events > most {
		c.fail("V8", s.life.name(), "the run of version %d emitted %d events, at most %d are due", s.first, events, most)
	}
}

// failed counts what failed: starts, and tasks that were followed, whoever had
// started them.
func (s *span) failed() int {
	n := 0
	for i := s.first + 1; i <= s.last && i < len(s.life.Versions); i++ {
		prev, cur := s.life.before(i).Status.Run, s.life.Versions[i].Status.Run
		if prev != nil && cur != nil && cur.Failures > prev.Failures {
			n++
		}
	}
	return n
}

// unclear counts the starts whose answer did not tell whether they were taken.
func (s *span) unclear() int {
	n := 0
	for _, one := range s.intents {
		for _, call := range one.calls {
			if f := call.Failure; f != nil && f.Fate == modelarts.FateUnknown && f.HTTPStatus != 0 {
				n++
			}
		}
	}
	return n
}

// checkRest: V6.
func (c *checker) checkRest() {
	if c.Terms.Rest.IsZero() {
		return
	}
	for _, call := range c.calls {
		if !call.At.Before(c.Terms.Rest) {
			c.fail("V6", call.Object.String(), "a %s at rest", call.Operation)
		}
	}
	for _, l := range c.lives {
		if last := len(l.Versions) - 1; !l.Versions[last].Time.Before(c.Terms.Rest) {
			c.fail("V6", l.name(), "version %d was written at rest", last)
		}
	}
}
