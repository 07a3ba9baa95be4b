package controllers

import (
	"cmp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
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

// backToOpen gives up the start that is out, or the task that failed: another
// start may be paid for.
func (p *pass) backToOpen() {
	run := p.st.Run
	run.Nonce, run.StartTime, run.Accepted, run.Task = "", nil, false, nil
}

// giveBack returns the permission of a start that certainly was not accepted.
func (p *pass) giveBack() {
	p.backToOpen()
	p.st.Run.Attempt--
}

// succeed closes the run: the data set is in step.
func (p *pass) succeed(obs observation) decision {
	run := p.st.Run
	if !ended(run) {
		p.st.Samples = samplesOf(obs.task)
	}
	p.st.TaskState = string(modelarts.StateCompleted)
	p.st.ErrorCode, p.st.ErrorMsg = "", ""
	if !p.due.target {
		p.st.LastSuccessTime = &metav1.Time{Time: p.now}
	}
	run.Task.State = p.st.TaskState
	n := p.successNote()
	p.decision.events = append(p.decision.events, succeededEvent(n.message))
	p.close(v1alpha1.OutcomeSucceeded, n)
	p.settle(metav1.ConditionTrue, n)
	return p.closedRun(n)
}

// fail closes the run as failed; if spec names another data set by now, as
// superseded.
func (p *pass) fail(n note) decision {
	outcome := v1alpha1.OutcomeFailed
	if p.due.target {
		outcome = v1alpha1.OutcomeSuperseded
	}
	p.decision.events = append(p.decision.events, failedEvent(n.message))
	p.close(outcome, n)
	p.stall(n)
	return p.closedRun(n)
}

// lose closes a run that was started and whose task cannot be found.
func (p *pass) lose(text string) decision {
	return p.fail(note{v1alpha1.ReasonTaskLost, text + " It is not started again by itself: look at the data set, then ask for another sync."})
}

// exhausted closes a run that has no start left.
func (p *pass) exhausted() decision {
	reason := v1alpha1.ReasonRetryLimitReached
	if p.st.TaskState == string(modelarts.StateFailed) {
		reason = v1alpha1.ReasonTaskFailed
	}
	text := "The last error: " + p.errorText()
	if p.unanswered || (p.st.Run.LostAnswers > 0 && p.st.ErrorCode+p.st.ErrorMsg == "") {
		text = "The answer to the last start did not tell whether it was taken, and no task came of it"
		if p.st.ErrorCode+p.st.ErrorMsg != "" {
			text += "; the last error before: " + p.errorText()
		}
	}
	return p.fail(note{reason, text + p.usedText() + "."})
}

// close puts the run into history.
func (p *pass) close(outcome v1alpha1.Outcome, n note) {
	run := p.st.Run
	entry := v1alpha1.HistoryEntry{
		Cause: run.Cause, Outcome: outcome, Attempts: run.Attempt,
		StartTime: metav1.NewTime(run.RequestedTime.Time), EndTime: metav1.NewTime(p.now),
	}
	if run.Task != nil {
		entry.TaskID, entry.Origin = run.Task.ID, run.Task.Origin
	}
	if outcome == v1alpha1.OutcomeSucceeded {
		entry.Samples = p.st.Samples
	} else {
		entry.ErrorCode, entry.ErrorMsg = p.st.ErrorCode, cut(p.st.ErrorMsg, maxHistoryMessage)
	}
	p.remember(entry)
	p.decision.closed = &closed{outcome: outcome, reason: n.reason, run: run}
	p.st.Run = nil
}

// remember adds an entry to history.
func (p *pass) remember(entry v1alpha1.HistoryEntry) {
	p.st.History = append([]v1alpha1.HistoryEntry{entry}, p.st.History...)
	p.trimHistory()
}

// trimHistory keeps no more finished runs than spec allows.
func (p *pass) trimHistory() {
	limit := defaultHistoryLimit
	if p.obj.Spec.HistoryLimit != nil {
		limit = int(*p.obj.Spec.HistoryLimit)
	}
	p.st.History = p.st.History[:min(len(p.st.History), limit)]
	if limit == 0 {
		p.st.History = nil
	}
}

// closed is a run that ended, for the metrics.
type closed struct {
	outcome v1alpha1.Outcome
	reason  string
	run     *v1alpha1.Run
}

// closedRun shows an object whose run has just ended. What waits opens the next
// run in a pass of its own, from a look of its own.
func (p *pass) closedRun(n note) decision {
	p.syncing(false, n)
	p.due = p.findDue()
	switch {
	case p.obj.Spec.Suspend:
		p.showSuspended()
		return p.done(0)
	case p.due.any():
		p.showWaiting()
		return p.done(conflictWait)
	default:
		p.rest()
		return p.done(p.untilNextSync())
	}
}

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
	case p.st.Run == nil && ready == metav1.ConditionFalse && !p.waits():
		// The failure stays in sight.
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
		p.syncing(false, note{v1alpha1.ReasonRequested, "No task of the data set is known to be under way."})
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

// readSchedule keeps nextSyncTime true to spec. A time that is due stays until
// a run takes it in; while suspended it stands still, out of sight.
func (p *pass) readSchedule() {
	spec := &p.obj.Spec
	if spec.Schedule == "" {
		p.st.NextSyncTime, p.st.ObservedSchedule = nil, nil
		return
	}
	seen := p.st.ObservedSchedule
	if seen == nil || seen.Schedule != spec.Schedule || seen.TimeZone != spec.TimeZone {
		p.st.ObservedSchedule = &v1alpha1.ObservedSchedule{Schedule: spec.Schedule, TimeZone: spec.TimeZone}
		p.moveSchedule()
	}
	if p.scheduleErr != nil {
		return
	}
	p.holdSchedule()
	p.mendSchedule()
	p.skipMissed()
}

// mendSchedule takes back what a clock that was ahead has done to nextSyncTime. A
// little ahead it is left alone: taking it back would have one run too many if it
// is this clock that is behind.
func (p *pass) mendSchedule() {
	stored := p.st.NextSyncTime
	if stored == nil || stored.Sub(p.now) <= clockTrust {
		return
	}
	p.moveSchedule()
	if next := p.st.NextSyncTime; next != nil && stored.Sub(next.Time) <= clockTrust {
		p.st.NextSyncTime = stored
	}
}

// holdSchedule puts nextSyncTime aside while the object is suspended, and back.
func (p *pass) holdSchedule() {
	observed := p.st.ObservedSchedule
	switch {
	case p.obj.Spec.Suspend && p.st.NextSyncTime != nil:
		observed.HeldTime, p.st.NextSyncTime = p.st.NextSyncTime, nil
	case !p.obj.Spec.Suspend && observed.HeldTime != nil:
		p.st.NextSyncTime, observed.HeldTime = observed.HeldTime, nil
	}
}

// skipMissed passes over a time that is past its starting deadline, in whole
// seconds: no pass comes at the very moment that is due. As long as a run is open
// its start may still serve it.
func (p *pass) skipMissed() {
	if stageOf(p.st.Run) == stageOpen {
		return
	}
	next, deadline := p.st.NextSyncTime, p.obj.Spec.StartingDeadlineSeconds
	if next == nil || deadline == nil || p.now.Sub(next.Time)/time.Second <= time.Duration(*deadline) {
		return
	}
	missed := *next
	p.moveSchedule()
	p.decision.skipped = true
	p.remember(v1alpha1.HistoryEntry{
		Cause: v1alpha1.CauseSchedule, Outcome: v1alpha1.OutcomeSkipped,
		StartTime: missed, EndTime: metav1.NewTime(p.now),
	})
}

// moveSchedule sets nextSyncTime to the first time after now. A schedule that
// cannot be used stops itself and nothing else.
func (p *pass) moveSchedule() {
	spec := &p.obj.Spec
	table, err := newTimetable(spec.Schedule, spec.TimeZone, string(p.obj.UID), p.ScheduleJitter)
	var next time.Time
	if err == nil {
		next, err = table.next(p.now)
	}
	if err != nil {
		p.scheduleErr = err
		p.st.NextSyncTime, p.st.ObservedSchedule = nil, nil
		return
	}
	p.st.NextSyncTime = &metav1.Time{Time: next}
}

// untilNextSync returns when an object at rest needs a pass, 0 for never.
func (p *pass) untilNextSync() time.Duration {
	if p.st.NextSyncTime == nil {
		return 0
	}
	return min(p.until(p.st.NextSyncTime.Time), restingCheck)
}
