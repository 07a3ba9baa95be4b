package controllers

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
)

// note is what a person is told: a reason of the API and a sentence.
type note struct{ reason, message string }

// setCondition sets one condition; its transition time moves only with its
// status.
func (p *pass) setCondition(kind string, status metav1.ConditionStatus, n note) {
	meta.SetStatusCondition(&p.st.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: n.reason, Message: n.message,
		ObservedGeneration: p.obj.Generation, LastTransitionTime: metav1.NewTime(p.now),
	})
}

func (p *pass) removeCondition(kind string) { meta.RemoveStatusCondition(&p.st.Conditions, kind) }

// ready returns the status of Ready, Unknown before the first look.
func (p *pass) ready() metav1.ConditionStatus {
	if c := meta.FindStatusCondition(p.st.Conditions, v1alpha1.ReadyCondition); c != nil {
		return c.Status
	}
	return metav1.ConditionUnknown
}

// stalledBy reports whether the object is stalled for a reason.
func (p *pass) stalledBy(reason string) bool {
	c := meta.FindStatusCondition(p.st.Conditions, v1alpha1.StalledCondition)
	return c != nil && c.Reason == reason
}

// stalled reports whether somebody has to act.
func (p *pass) stalled() bool {
	return meta.IsStatusConditionTrue(p.st.Conditions, v1alpha1.StalledCondition)
}

// stalledLate reports whether the object is stalled because something lasts too long.
func (p *pass) stalledLate() bool {
	return p.stalledBy(v1alpha1.ReasonDatasetBusy) || p.stalledBy(v1alpha1.ReasonServiceUnavailable) || p.stalledBy(v1alpha1.ReasonTaskTimedOut)
}

// saysWhy reports whether Ready tells a reason already.
func (p *pass) saysWhy(reason string) bool {
	c := meta.FindStatusCondition(p.st.Conditions, v1alpha1.ReadyCondition)
	return c != nil && c.Reason == reason
}

// syncing says whether a task of the data set is under way.
func (p *pass) syncing(active bool, n note) {
	status := metav1.ConditionFalse
	if active {
		status = metav1.ConditionTrue
	}
	p.setCondition(v1alpha1.SyncingCondition, status, n)
}

// progress says what the run is at. A scheduled run of an object that is Ready
// leaves it so; a Ready that is False stays False until a run succeeds.
func (p *pass) progress(n note) {
	if p.quiet() {
		return
	}
	status := p.ready()
	if status == metav1.ConditionTrue {
		status = metav1.ConditionUnknown
	}
	p.setCondition(v1alpha1.ReadyCondition, status, n)
	p.setCondition(v1alpha1.ReconcilingCondition, metav1.ConditionTrue, n)
	p.removeCondition(v1alpha1.StalledCondition)
}

// failing says that the run failed and is tried again.
func (p *pass) failing(n note) {
	p.setCondition(v1alpha1.ReadyCondition, metav1.ConditionFalse, n)
	p.progress(n)
}

// stall says that somebody has to act.
func (p *pass) stall(n note) {
	p.setCondition(v1alpha1.ReadyCondition, metav1.ConditionFalse, n)
	p.setCondition(v1alpha1.StalledCondition, metav1.ConditionTrue, n)
	p.removeCondition(v1alpha1.ReconcilingCondition)
}

// settle shows an object that nothing is on the way for.
func (p *pass) settle(status metav1.ConditionStatus, n note) {
	p.setCondition(v1alpha1.ReadyCondition, status, n)
	p.removeCondition(v1alpha1.ReconcilingCondition)
	p.removeCondition(v1alpha1.StalledCondition)
}

// quiet reports whether the schedule alone asks for the run, or has asked, of an
// object that is Ready: a nightly run must not make a GitOps application flap.
func (p *pass) quiet() bool {
	run := p.st.Run
	return p.ready() == metav1.ConditionTrue && !p.due.request() &&
		(run == nil || run.Cause == v1alpha1.CauseSchedule)
}

// observeGeneration makes status speak of the spec that was judged.
func (p *pass) observeGeneration() {
	p.st.ObservedGeneration = p.obj.Generation
	if meta.FindStatusCondition(p.st.Conditions, v1alpha1.SyncingCondition) == nil {
		p.setCondition(v1alpha1.SyncingCondition, metav1.ConditionUnknown, note{v1alpha1.ReasonRequested, "The service has not been asked yet."})
	}
	for i := range p.st.Conditions {
		p.st.Conditions[i].ObservedGeneration = p.obj.Generation
	}
}
