package controllers

import (
	"cmp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
)

// What the CRD defaults, for objects that were stored without it.
const (
	defaultRetryLimit   = 3
	defaultHistoryLimit = 5
)

// due says which requests no run has taken in yet.
type due struct{ target, trigger, annotation, schedule bool }

func (d due) any() bool { return d.request() || d.schedule }

// request reports whether somebody asked, as opposed to the schedule.
func (d due) request() bool { return d.target || d.trigger || d.annotation }

// asked reports whether what is due opens a run, or begins the one that is open
// anew. A scheduled time alone does not do the latter: the next start of that run
// serves it, or a task that began after it, and its failures go on to count.
func (p *pass) asked() bool {
	return p.due.request() || (p.due.schedule && p.st.Run == nil)
}

func (p *pass) findDue() due {
	trigger, annotation, wanted := p.obj.Spec.Trigger, requestedAt(p.obj), p.wanted()
	return due{
		// A run's target is the handled one, unless somebody forged the status: then
		// nothing is started for it either.
		target: p.st.HandledTarget == nil || *p.st.HandledTarget != wanted ||
			(p.st.Run != nil && p.st.Run.Target != wanted),
		trigger:    trigger != "" && trigger != p.st.HandledTrigger,
		annotation: annotation != "" && annotation != p.st.HandledRequest,
		schedule:   p.st.NextSyncTime != nil && !p.now.Before(p.st.NextSyncTime.Time),
	}
}

// wanted returns the data set that spec names.
func (p *pass) wanted() v1alpha1.Target {
	spec := &p.obj.Spec
	return v1alpha1.Target{ProjectID: spec.ProjectID, DatasetID: spec.DatasetID, Region: cmp.Or(spec.Region, p.DefaultRegion)}
}

// requestedAt returns what counts of the annotation.
func requestedAt(obj *v1alpha1.DatasetSync) string {
	value := []rune(obj.Annotations[v1alpha1.RequestedAtAnnotation])
	return string(value[:min(len(value), v1alpha1.MaxRequestLength)])
}

// cause says what asks for the run.
func (p *pass) cause() v1alpha1.Cause {
	switch {
	case p.st.HandledTarget == nil:
		return v1alpha1.CauseCreated
	case p.due.target:
		return v1alpha1.CauseTarget
	case p.due.trigger:
		return v1alpha1.CauseTrigger
	case p.due.annotation:
		return v1alpha1.CauseRequest
	default:
		return v1alpha1.CauseSchedule
	}
}

// takeIn takes everything that is due into the run, which is opened if need be.
// From here on it is handled: it ends served, or as a failure that is shown.
func (p *pass) takeIn(obs observation) {
	silent := !p.due.request() && p.ready() == metav1.ConditionTrue
	target := p.wanted()
	run := &v1alpha1.Run{Cause: p.cause(), Target: target, RequestedTime: *microTime(p.now)}
	if old := p.st.Run; old != nil && !p.due.target {
		run.RequestedTime, run.LostAnswers, run.BusyTime = old.RequestedTime, old.LostAnswers, old.BusyTime
	}
	if obs.err == nil {
		run.Baseline = baselineOf(obs.task)
	}
	p.st.Run = run
	p.st.TaskID, p.st.TaskState, p.st.ErrorCode, p.st.ErrorMsg = "", "", "", ""
	p.st.HandledTarget = &target
	if p.due.trigger {
		p.st.HandledTrigger = p.obj.Spec.Trigger
	}
	if p.due.annotation {
		p.st.HandledRequest = requestedAt(p.obj)
	}
	if p.due.schedule {
		p.moveSchedule()
	}
	p.due = due{}
	if !silent {
		n := note{v1alpha1.ReasonRequested, "A sync was asked for."}
		p.setCondition(v1alpha1.ReadyCondition, metav1.ConditionUnknown, n)
		p.progress(n)
	}
}
