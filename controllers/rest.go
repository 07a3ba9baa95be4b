package controllers

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// showWaiting shows that somebody asked for another run while one is under way
// or has just ended.
func (p *pass) showWaiting() {
	if !p.due.request() {
		return
	}
	if p.st.Run == nil || p.ready() == metav1.ConditionTrue {
		p.progress(note{v1alpha1.ReasonRequested, "Another sync was asked for and follows."})
	}
}

// rest shows an object that nothing is to be done for: how its last run ended.
func (p *pass) rest() {
	switch {
	case p.inStep() && p.scheduleErr != nil:
		p.stall(note{v1alpha1.ReasonInvalidSpec, cut(p.scheduleErr.Error(), maxMessage)})
	case p.inStep():
		p.settle(metav1.ConditionTrue, p.successNote())
	case meta.IsStatusConditionTrue(p.st.Conditions, v1alpha1.ReconcilingCondition), p.waits():
		// What was on the way after a failure, or was kept from it, was taken back.
		p.stall(p.failedNote())
	}
	if c := meta.FindStatusCondition(p.st.Conditions, v1alpha1.StalledCondition); c != nil && !p.inStep() {
		p.stall(note{c.Reason, p.withSchedule(c.Message)})
	}
}

// failedNote tells of a last run that did not succeed, as far as status still does.
func (p *pass) failedNote() note {
	if p.st.ErrorCode+p.st.ErrorMsg == "" {
		return note{v1alpha1.ReasonTaskFailed, "The last sync did not succeed: see status.history."}
	}
	reason := v1alpha1.ReasonTaskFailed
	if p.st.TaskState != string(modelarts.StateFailed) && modelarts.ClassifyTask(p.st.ErrorCode) == modelarts.ClassPermanent {
		reason = permanentReason(p.st.ErrorCode)
	}
	return note{reason, "The last sync failed: " + p.errorText() + "."}
}

// withSchedule has the words of a failure tell as well that the schedule cannot be
// used, as long as that is so: the one does not hide the other.
func (p *pass) withSchedule(message string) string {
	const also = " Nor can the schedule be used: "
	message, _, _ = strings.Cut(message, also)
	if p.scheduleErr == nil {
		return message
	}
	return cut(message+also+p.scheduleErr.Error(), maxMessage)
}

// inStep reports whether the last run that closed succeeded, and nobody has
// asked for another since.
func (p *pass) inStep() bool {
	return p.st.Run == nil && p.st.TaskState == string(modelarts.StateCompleted) && !p.due.request()
}

// showSuspended shows that nothing is started, without turning a healthy object
// unhealthy or hiding a failure.
func (p *pass) showSuspended() {
	n := note{v1alpha1.ReasonSuspended, "spec.suspend is true: nothing is started until it is false."}
	switch ready := p.ready(); {
	case p.st.Run == nil && ready == metav1.ConditionFalse && p.stalled() && !p.waits():
		// The failure stays in sight.
	case p.st.Run == nil && ready == metav1.ConditionFalse && !p.inStep() && !p.due.request():
		p.stall(p.failedNote()) // What was on the way after it was taken back.
	case p.inStep() && p.scheduleErr != nil:
		p.rest()
	case p.inStep(), ready == metav1.ConditionTrue && !p.due.request():
		p.settle(metav1.ConditionTrue, n)
	case ready == metav1.ConditionFalse && p.hasFailed():
		p.settle(metav1.ConditionFalse, n)
	default:
		p.settle(metav1.ConditionUnknown, n)
	}
	if stageOf(p.st.Run) <= stageOpen {
		p.syncing(false, n)
	}
}

// hasFailed reports whether the run that is open, or the last one, has not gone
// well so far, as opposed to an object that only waits for its next run.
func (p *pass) hasFailed() bool {
	return p.st.Run != nil || p.st.HandledTarget != nil && p.st.TaskState != string(modelarts.StateCompleted)
}

// waits reports whether an object without a run is stalled by what keeps the next
// one from being opened, and not by how the last one ended.
func (p *pass) waits() bool {
	return p.stalledBy(v1alpha1.ReasonInvalidSpec) || p.stalledBy(v1alpha1.ReasonCredentialsNotFound) ||
		p.stalledBy(v1alpha1.ReasonCredentialsInvalid) || p.stalledBy(v1alpha1.ReasonAuthenticationFailed)
}

// showResumed takes back what was shown while the object was suspended.
func (p *pass) showResumed() {
	if p.obj.Spec.Suspend {
		return
	}
	if c := meta.FindStatusCondition(p.st.Conditions, v1alpha1.SyncingCondition); c != nil && c.Reason == v1alpha1.ReasonSuspended {
		p.syncing(false, noneKnown())
	}
	c := meta.FindStatusCondition(p.st.Conditions, v1alpha1.ReadyCondition)
	switch {
	case c == nil || c.Reason != v1alpha1.ReasonSuspended:
	case c.Status == metav1.ConditionTrue:
		p.settle(metav1.ConditionTrue, p.successNote())
	default:
		p.progress(note{v1alpha1.ReasonRequested, "A sync was asked for."})
	}
}

// noneKnown tells that nothing has been seen yet.
func noneKnown() note {
	return note{v1alpha1.ReasonRequested, "No task of the data set is known to be under way."}
}

// showBlocked shows why the service cannot be asked. The run is kept.
func (p *pass) showBlocked(b *blocked) decision {
	switch {
	case b.reason == v1alpha1.ReasonServiceUnavailable && (p.saysWhy(b.reason) || p.stalled()):
		// The object's own call has told more.
	case b.stalled || (b.reason == v1alpha1.ReasonCredentialsNotFound && p.stalledBy(b.reason)):
		p.stall(b.note)
	case p.st.Run != nil && !p.due.target && p.late() && b.reason != v1alpha1.ReasonCredentialsNotFound:
		if !p.stalledLate() {
			p.stall(note{lateReason(b.reason), b.message + p.lateText()})
		}
	default:
		p.progress(b.note)
	}
	return p.done(b.wait)
}

// successNote sums up the data set.
func (p *pass) successNote() note {
	return note{v1alpha1.ReasonSucceeded, "The data set is in step with its object storage" + samplesText(p.st.Samples) + "."}
}
