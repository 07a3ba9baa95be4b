package controllers

import (
	"time"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// trouble is something that went wrong and is tried again.
type trouble struct {
	class modelarts.Class
	code  string
	// text says what went wrong.
	text string
	// told is the delay that the service asked for, 0 if it asked for none.
	told time.Duration
	// atLeast is the shortest delay.
	atLeast time.Duration
	// failed is true when a start was refused or a task failed, as opposed to
	// what only delays.
	failed bool
	// secretVersion is the version of the Secret that was used.
	secretVersion string
}

// again keeps the run and tries again after a delay by class.
func (p *pass) again(t trouble) decision {
	run := p.st.Run
	run.Failures++
	late := p.late() && !t.failed
	failures := run.Failures
	if t.failed { // What merely could not be read meanwhile does not count.
		failures = run.Attempt
	}
	delay := max(p.delay(t, failures), t.atLeast)
	if late {
		delay = max(delay, p.RetryMax)
	}
	run.RetryTime = microTime(p.now.Add(delay))
	run.SecretVersion = ""
	n := note{reasonOf(t.class, t.code), t.text + "."}
	switch needsHand := t.class == modelarts.ClassAuthentication || t.class == modelarts.ClassPermission; {
	case needsHand:
		run.SecretVersion = t.secretVersion
		p.stall(n)
	case t.class == modelarts.ClassPermanent:
		p.stall(n)
	case late:
		p.stall(note{lateReason(n.reason), n.message + p.lateText()})
	case t.failed && p.refusedForGood():
		p.failing(note{v1alpha1.ReasonRetrying, t.text + "; the service is looked at once more before that is believed."})
	case t.failed:
		p.failing(note{v1alpha1.ReasonRetrying, t.text + p.nextText() + "."})
	default:
		p.progress(n)
	}
	return p.done(delay)
}

// delay returns how long to wait after a failure of a class.
func (p *pass) delay(t trouble, failures int32) time.Duration {
	switch t.class {
	case modelarts.ClassThrottled:
		if t.told > 0 {
			return t.told
		}
		return p.backoff(failures)
	case modelarts.ClassBusy:
		return busyDelay
	case modelarts.ClassAuthentication:
		return authenticationDelay
	case modelarts.ClassPermission:
		return permissionDelay
	case modelarts.ClassTransient, modelarts.ClassPermanent:
		return p.backoff(failures)
	default:
		return p.backoff(failures)
	}
}

// lookFailed: the latest task could not be read. Once a start may be out, no
// such failure closes the run, unless spec has moved on and the data set of the
// run is not to be had any more.
func (p *pass) lookFailed(obs observation) decision {
	err := obs.err
	p.decision.lost = p.lost
	open := stageOf(p.st.Run) == stageOpen
	if err.Class == modelarts.ClassPermanent && (open || p.due.target) {
		p.st.ErrorCode, p.st.ErrorMsg = err.Code, err.Message
		return p.fail(note{reasonOf(err.Class, err.Code), "The service refused the call: " + describe(err) + "."})
	}
	return p.again(trouble{
		class: err.Class, code: err.Code, text: "The status of the data set cannot be read: " + describe(err),
		told: err.RetryAfter, secretVersion: obs.secretVersion,
	})
}

// answer is what came of a start that was sent, or was not.
type answer struct {
	started modelarts.Started
	// err is nil if the service took the start.
	err           *modelarts.Error
	secretVersion string
}

// conclude says what follows from the answer to a start. The object is the one
// that holds the nonce of that start.
func conclude(obj *v1alpha1.DatasetSync, s *Settings, f facts, a answer) decision {
	p := newPass(obj, s, f)
	if a.err != nil {
		return p.refused(a)
	}
	run := p.st.Run
	run.Failures = 0
	if id := a.started.TaskID; id == "" || (run.Baseline != nil && id == run.Baseline.TaskID) {
		run.Accepted = true
		p.progress(note{v1alpha1.ReasonStarting, "The service took the start; its task is not shown yet."})
		return p.done(p.PollMin)
	}
	run.Task = &v1alpha1.RunTask{ID: a.started.TaskID, SeenTime: *microTime(p.now), Origin: v1alpha1.OriginStarted}
	p.decision.begun = run
	p.st.TaskID, p.st.TaskState = a.started.TaskID, ""
	n := p.taskNote("")
	p.progress(n)
	p.syncing(true, n)
	p.decision.events = append(p.decision.events, startedEvent(v1alpha1.OriginStarted, a.started.TaskID))
	return p.done(p.PollMin)
}

// refused handles a start that the service did not take, or may not have taken.
func (p *pass) refused(a answer) decision {
	err := a.err
	t := trouble{
		class: err.Class, code: err.Code, text: "The start was refused: " + describe(err),
		told: err.RetryAfter, secretVersion: a.secretVersion,
	}
	switch {
	case err.Fate == modelarts.FateUnknown:
		if err.HTTPStatus != 0 {
			p.decision.events = append(p.decision.events, failedEvent("The answer to the start does not tell whether it was taken: "+describe(err)+"."))
		}
		return p.done(p.PollMin)
	case err.Fate == modelarts.FateNotSent:
		p.giveBack()
		t.class, t.text = modelarts.ClassTransient, "The start could not be sent: "+describe(err)
		return p.again(t)
	case err.HTTPStatus/100 == 2:
		t.atLeast, t.failed = lookAgainAfter, true
	case err.Class == modelarts.ClassBusy:
		return p.busy(t)
	case err.Class == modelarts.ClassThrottled:
		p.giveBack()
		return p.again(t)
	case err.Class == modelarts.ClassAuthentication, err.Class == modelarts.ClassPermission:
		p.giveBack()
		p.st.ErrorCode, p.st.ErrorMsg = err.Code, err.Message
		return p.again(t)
	default:
		t.failed = true
	}
	p.backToOpen()
	p.st.ErrorCode, p.st.ErrorMsg = err.Code, err.Message
	if t.class == modelarts.ClassPermanent && t.atLeast == 0 {
		return p.fail(note{reasonOf(t.class, t.code), t.text + "."})
	}
	if t.class == modelarts.ClassPermanent {
		t.class = modelarts.ClassTransient
	}
	p.decision.events = append(p.decision.events, failedEvent(t.text+"."))
	return p.again(t)
}

// busy: something keeps a sync from starting. Nothing is started for a while;
// what it is shows in the looks meanwhile.
func (p *pass) busy(t trouble) decision {
	p.giveBack()
	p.st.Run.BusyTime = microTime(p.now.Add(busyDelay))
	return p.await(note{v1alpha1.ReasonDatasetBusy, t.text + "."}, v1alpha1.ReasonDatasetBusy, p.PollMin)
}

// unsent gives the permission of a start back that was never sent.
func unsent(obj *v1alpha1.DatasetSync, s *Settings, f facts) decision {
	p := newPass(obj, s, f)
	p.giveBack()
	n := note{v1alpha1.ReasonRequested, "The start could not be sent in time, since recording it took too long, and is tried again."}
	return p.await(n, v1alpha1.ReasonServiceUnavailable, p.RetryMin)
}

// reasonOf names what went wrong.
func reasonOf(class modelarts.Class, code string) string {
	switch class {
	case modelarts.ClassThrottled:
		return v1alpha1.ReasonThrottled
	case modelarts.ClassBusy:
		return v1alpha1.ReasonDatasetBusy
	case modelarts.ClassAuthentication:
		return v1alpha1.ReasonAuthenticationFailed
	case modelarts.ClassPermission:
		return v1alpha1.ReasonPermissionDenied
	case modelarts.ClassPermanent:
		return permanentReason(code)
	case modelarts.ClassTransient:
		return v1alpha1.ReasonServiceUnavailable
	default:
		return v1alpha1.ReasonServiceUnavailable
	}
}

// permanentReason tells the two refusals apart that a user can do something
// about in spec. The codes are of the ModelArts API reference, error codes.
func permanentReason(code string) string {
	switch code {
	case "ModelArts.4352", "ModelArts.4338", "ModelArts.6623":
		return v1alpha1.ReasonDatasetNotFound
	case "ModelArts.4383":
		return v1alpha1.ReasonUnsupported
	default:
		return v1alpha1.ReasonRequestRejected
	}
}

// lateReason names why a run has waited too long.
func lateReason(reason string) string {
	if reason == v1alpha1.ReasonDatasetBusy {
		return reason
	}
	return v1alpha1.ReasonServiceUnavailable
}
