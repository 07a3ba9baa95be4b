package controllers

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

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
	known := p.st.ErrorCode+p.st.ErrorMsg != ""
	switch {
	case p.unanswered:
		text = "The answer to the last start did not tell whether it was taken, and no task came of it"
		if known {
			text += "; the last error before: " + p.errorText()
		}
	case !known && p.st.Run.LostAnswers > 0:
		text = "The service told no error, and the answer to a start was lost"
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
