package invariants

import (
	"encoding/json"
	"slices"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"

	"datasetsync.dev/operator/api/v1alpha1"
)

const (
	maxObject  = 32 << 10
	maxMessage = 1024
)

// reasons are all there are.
func reasons() []string {
	return []string{
		v1alpha1.ReasonSucceeded, v1alpha1.ReasonRequested, v1alpha1.ReasonStarting, v1alpha1.ReasonTaskQueued,
		v1alpha1.ReasonTaskRunning, v1alpha1.ReasonAwaitingOtherTask, v1alpha1.ReasonThrottled, v1alpha1.ReasonRetrying,
		v1alpha1.ReasonSuspended, v1alpha1.ReasonInvalidSpec, v1alpha1.ReasonCredentialsNotFound, v1alpha1.ReasonCredentialsInvalid,
		v1alpha1.ReasonAuthenticationFailed, v1alpha1.ReasonPermissionDenied, v1alpha1.ReasonDatasetNotFound, v1alpha1.ReasonDatasetBusy,
		v1alpha1.ReasonUnsupported, v1alpha1.ReasonRequestRejected, v1alpha1.ReasonServiceUnavailable, v1alpha1.ReasonTaskFailed,
		v1alpha1.ReasonTaskTimedOut, v1alpha1.ReasonTaskLost, v1alpha1.ReasonRetryLimitReached,
	}
}

// checkShape: V9 and V13.
func (c *checker) checkShape(l *life) {
	known := reasons()
	for i := range l.Versions {
		cur := l.Versions[i].DatasetSync
		c.checkConditions(l, i, known)
		for _, t := range newTexts(l.before(i), cur) {
			if !utf8.ValidString(t.text) || utf8.RuneCountInString(t.text) > maxMessage || hasControl(t.text) {
				c.fail("V13", l.name(), "version %d: %s is not up to %d characters of clean text: %q", i, t.name, maxMessage, t.text)
			}
		}
	}
	last := l.Versions[len(l.Versions)-1].DatasetSync
	if size, err := json.Marshal(last); err != nil || len(size) > maxObject {
		c.fail("V13", l.name(), "the object has %d bytes, at most %d are due (%v)", len(size), maxObject, err)
	}
}

// checkConditions: they fit together, and speak of a generation that is there.
func (c *checker) checkConditions(l *life, i int, known []string) {
	cur := l.Versions[i].DatasetSync
	conditions := cur.Status.Conditions
	is := func(kind string) bool { return meta.IsStatusConditionTrue(conditions, kind) }
	switch {
	case is(v1alpha1.ReconcilingCondition) && is(v1alpha1.StalledCondition):
		c.fail("V9", l.name(), "version %d is both Reconciling and Stalled", i)
	case is(v1alpha1.ReadyCondition) && is(v1alpha1.StalledCondition):
		c.fail("V9", l.name(), "version %d is both Ready and Stalled", i)
	case is(v1alpha1.ReadyCondition) && is(v1alpha1.ReconcilingCondition):
		c.fail("V9", l.name(), "version %d is both Ready and Reconciling", i)
	case cur.Status.ObservedGeneration > cur.Generation:
		c.fail("V9", l.name(), "version %d speaks of generation %d, and there are %d", i, cur.Status.ObservedGeneration, cur.Generation)
	case i > 0 && cur.Status.ObservedGeneration < l.before(i).Status.ObservedGeneration:
		c.fail("V9", l.name(), "version %d speaks of an earlier generation than the one before", i)
	}
	for _, condition := range conditions {
		if !slices.Contains(known, condition.Reason) {
			c.fail("V9", l.name(), "version %d has the reason %q, which is none", i, condition.Reason)
		}
	}
}

// text is something that people read in a status, and where it stands.
type text struct{ name, text string }

// newTexts returns the texts of a status that the version before did not have.
func newTexts(prev, cur *v1alpha1.DatasetSync) []text {
	old := map[text]bool{}
	for _, t := range texts(&prev.Status) {
		old[t] = true
	}
	return slices.DeleteFunc(texts(&cur.Status), func(t text) bool { return old[t] })
}

// texts returns all texts of a status. Of history the newest entry is enough:
// those behind it were the newest once.
func texts(st *v1alpha1.DatasetSyncStatus) []text {
	all := []text{{"taskID", st.TaskID}, {"taskState", st.TaskState}, {"errorCode", st.ErrorCode}, {"errorMsg", st.ErrorMsg}}
	for i := range st.Conditions {
		all = append(all, text{st.Conditions[i].Type, st.Conditions[i].Message})
	}
	if len(st.History) > 0 {
		all = append(all, text{"history[0].errorMsg", st.History[0].ErrorMsg})
	}
	if st.Run != nil && st.Run.Task != nil {
		all = append(all, text{"run.task.id", st.Run.Task.ID}, text{"run.task.state", st.Run.Task.State})
	}
	return all
}

func hasControl(text string) bool {
	for _, r := range text {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return true
		}
	}
	return false
}
