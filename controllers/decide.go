package controllers

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// stage is how far a run has come. It is derived, never stored: the first rule
// that holds, from the bottom of the list up.
type stage int

const (
	// stageNone: there is no run.
	stageNone stage = iota
	// stageOpen: a run is there, and no start of it is out.
	stageOpen
	// stageUnknown: a start was paid for, and nothing is known of its fate.
	stageUnknown
	// stageAccepted: the service took the start and told no task.
	stageAccepted
	// stageFollowing: the task that serves the run is known.
	stageFollowing
)

func stageOf(run *v1alpha1.Run) stage {
	switch {
	case run == nil:
		return stageNone
	case run.Task != nil:
		return stageFollowing
	case run.Accepted:
		return stageAccepted
	case run.Nonce != "":
		return stageUnknown
	default:
		return stageOpen
	}
}

// facts is what a decision rests on besides the object and the service.
type facts struct {
	// now is when the decision counts from.
	now time.Time
	// nonce names the start, should one be decided.
	nonce string
	// nonceSeen is when this process first saw the nonce of the run.
	nonceSeen time.Time
	// nextLook is when the service is to be asked again.
	nextLook time.Time
	// lost counts the looks that did not show the task that is followed.
	lost lost
}

// lost is a row of looks that did not show the task that is followed.
type lost struct {
	since time.Time
	looks int
}

// observation is what a look at the service gave.
type observation struct {
	task modelarts.Task
	// err is why there is no task.
	err *modelarts.Error
	// sent is when the look was sent, by our clock.
	sent time.Time
	// secretVersion is the version of the Secret that was used.
	secretVersion string
	// blocked is why there was no look at all.
	blocked *blocked
}

// blocked says why the service cannot be asked.
type blocked struct {
	note
	// stalled is true when somebody has to act.
	stalled bool
	// wait is when to try again.
	wait time.Duration
}

// look says whether the service is to be asked.
type look int

const (
	noLook look = iota
	// lookNow: ask.
	lookNow
	// lookIfSecretChanged: ask only if the Secret is another than the one that
	// was refused.
	lookIfSecretChanged
)

// decision is what follows: the status to record, then perhaps a start.
type decision struct {
	status v1alpha1.DatasetSyncStatus
	look   look
	// target is what to look at.
	target v1alpha1.Target
	// start is true when the status pays for a start that is to be sent.
	start bool
	// wait is the time until the next pass, 0 for none.
	wait   time.Duration
	lost   lost
	events []event
	// closed is the run that ends.
	closed *closed
	// skipped is true when a scheduled time was passed over.
	skipped bool
	// begun is the run whose task is known from now on.
	begun *v1alpha1.Run
}

// pass is one judgement of one object in the making.
type pass struct {
	facts
	*Settings
	obj *v1alpha1.DatasetSync
	st  v1alpha1.DatasetSyncStatus
	due due
	// scheduleErr is why the schedule cannot be used.
	scheduleErr error
	// unanswered is true if the last start came to nothing without an answer.
	unanswered bool
	decision   decision
}

func newPass(obj *v1alpha1.DatasetSync, s *Settings, f facts) *pass {
	p := &pass{facts: f, Settings: s, obj: obj, st: *obj.Status.DeepCopy()}
	p.observeGeneration()
	p.trimHistory()
	p.readSchedule()
	p.due = p.findDue()
	p.showResumed()
	return p
}

func (p *pass) done(wait time.Duration) decision {
	p.decision.status = p.st
	p.decision.wait = wait
	return p.decision
}

// gate says what can be said before the service is asked, and whether to ask.
func gate(obj *v1alpha1.DatasetSync, s *Settings, f facts) decision {
	p := newPass(obj, s, f)
	stage := stageOf(p.st.Run)
	switch {
	case stage <= stageOpen && obj.Spec.Suspend:
		p.showSuspended()
		return p.done(0)
	case stage == stageNone && !p.due.any():
		p.rest()
		return p.done(p.untilNextSync())
	case stage <= stageOpen && p.asked():
		p.decision.look, p.decision.target = lookNow, p.wanted()
		return p.done(0)
	}
	run := p.st.Run
	p.showWaiting()
	p.decision.target = run.Target
	switch {
	case p.ahead(run.RetryTime):
		if run.SecretVersion != "" {
			p.decision.look = lookIfSecretChanged
		}
		return p.done(p.until(run.RetryTime.Time))
	case p.now.Before(p.nextLook):
		return p.done(p.until(p.nextLook))
	default:
		p.decision.look = lookNow
		return p.done(0)
	}
}

// decide says what to do about an object, given what the look at the service
// gave. It is a pure function: all that the operator does follows from it.
func decide(obj *v1alpha1.DatasetSync, s *Settings, f facts, obs observation) decision {
	p := newPass(obj, s, f)
	if stageOf(p.st.Run) == stageOpen && p.due.target {
		p.syncing(false, noneKnown()) // What was told is of the data set before.
	}
	if obs.blocked != nil {
		return p.showBlocked(obs.blocked)
	}
	if stageOf(p.st.Run) <= stageOpen && p.asked() {
		p.takeIn(obs)
	}
	if p.st.Run == nil { // What was due passed its deadline during the look.
		p.rest()
		return p.done(p.untilNextSync())
	}
	if obs.err != nil {
		return p.lookFailed(obs)
	}
	return p.row(obs)
}

// row finds the row of the protocol for a latest task that was seen.
func (p *pass) row(obs observation) decision {
	run := p.st.Run
	stage := stageOf(run)
	if stage != stageOpen || run.SecretVersion != "" {
		run.Failures, run.RetryTime, run.SecretVersion = 0, nil, ""
	}
	if run.Baseline == nil {
		run.Baseline = baselineOf(obs.task)
	}
	switch stage {
	case stageFollowing:
		return p.following(obs)
	case stageAccepted:
		return p.accepted(obs)
	case stageUnknown:
		return p.unknown(obs)
	case stageNone, stageOpen:
	}
	return p.open(obs)
}

// open: no start is out.
func (p *pass) open(obs observation) decision {
	run := p.st.Run
	grace := graceBeforeStart
	if run.Attempt > 0 {
		grace = graceAfterStart
	}
	v := compare(obs.task, run.Baseline, grace)
	switch {
	case v == newer:
		return p.follow(obs, v1alpha1.OriginAdopted)
	case p.active(obs.task):
		run.Failures = 0 // Its looks go well, and no start follows on this one.
		n := note{v1alpha1.ReasonAwaitingOtherTask, "A task that began before the request is under way" + idText(obs.task.ID) + "; the sync starts when it has ended."}
		p.syncing(true, n)
		return p.await(n, v1alpha1.ReasonDatasetBusy, p.poll(p.now.Sub(run.RequestedTime.Time)))
	case v == doubtful && run.Attempt > 0:
		return p.lose("A start may have been taken: the service shows a task that cannot be told from it" + idText(obs.task.ID) + ".")
	case p.refusedForGood():
		return p.fail(note{reasonOf(modelarts.ClassPermanent, p.st.ErrorCode), "The service refused the start: " + p.errorText() + "."})
	case run.Attempt >= p.attemptLimit():
		return p.exhausted()
	case p.obj.Spec.Suspend:
		p.showSuspended()
		return p.done(0)
	default:
		return p.start(obs)
	}
}

// start pays for a start, unless something keeps it from being sent now.
func (p *pass) start(obs observation) decision {
	run := p.st.Run
	p.syncing(false, note{v1alpha1.ReasonStarting, "No task of the data set is under way."})
	switch {
	case p.SettleTime >= strictSettle && obs.task.Date.IsZero():
		n := note{v1alpha1.ReasonServiceUnavailable, "The service's answers have no Date, without which nothing is started at this --settle-time."}
		return p.await(n, n.reason, p.RetryMax)
	case p.ahead(run.BusyTime):
		n := note{v1alpha1.ReasonDatasetBusy, "The data set is busy; the sync starts when it is free."}
		return p.await(n, n.reason, min(p.until(run.BusyTime.Time), p.poll(p.now.Sub(run.RequestedTime.Time))))
	}
	run.Baseline = baselineOf(obs.task)
	run.Attempt++
	run.Nonce = p.nonce
	run.StartTime = microTime(p.now)
	run.RetryTime, run.BusyTime, run.SecretVersion = nil, nil, ""
	p.st.TaskID, p.st.TaskState = "", ""
	if p.due.schedule { // What begins now serves the time that was reached before.
		p.moveSchedule()
	}
	p.progress(note{v1alpha1.ReasonStarting, "A sync is being started" + p.attemptText() + "."})
	p.decision.start = true
	return p.done(0)
}

// unknown: a start was paid for, and nothing is known of its fate. Wait, look
// again, and only then go back to where another start may be paid for.
func (p *pass) unknown(obs observation) decision {
	run := p.st.Run
	v := compare(obs.task, run.Baseline, graceAfterStart)
	settles := p.nonceSeen.Add(p.SettleTime)
	n := note{v1alpha1.ReasonStarting, "A start was sent and its answer is not known; the service's status is watched until it can be believed."}
	switch {
	case v == newer:
		run.LostAnswers++
		return p.follow(obs, v1alpha1.OriginAdopted)
	case p.active(obs.task):
		p.syncing(true, n)
		return p.await(n, v1alpha1.ReasonDatasetBusy, p.poll(p.now.Sub(p.startTime())))
	case obs.sent.Before(settles):
		return p.await(n, v1alpha1.ReasonServiceUnavailable, min(p.until(settles), p.poll(p.now.Sub(p.startTime()))))
	case v == doubtful:
		return p.lose("The answer to the start was lost, and the service shows a task that cannot be told from it" + idText(obs.task.ID) + ".")
	}
	run.LostAnswers++
	p.backToOpen()
	switch {
	case p.due.target:
		return p.fail(note{v1alpha1.ReasonRetryLimitReached, "The start came to nothing, and spec names another data set now."})
	case p.asked() && !p.obj.Spec.Suspend:
		p.takeIn(obs)
	}
	p.unanswered = true
	return p.open(obs)
}

// accepted: the service took the start and told no task. Where it shows neither
// ids nor times, a task that was quick cannot be told from the one before it: then
// the service's word that it took the start is believed.
func (p *pass) accepted(obs observation) decision {
	run := p.st.Run
	if compare(obs.task, run.Baseline, graceAfterStart) == newer {
		return p.follow(obs, v1alpha1.OriginStarted)
	}
	gone := later(p.startTime(), p.nonceSeen).Add(lostAfter)
	switch settled := !obs.sent.Before(gone); {
	case settled && anonymous(obs.task, run.Baseline) && obs.task.State == modelarts.StateCompleted:
		return p.follow(obs, v1alpha1.OriginStarted)
	case settled:
		return p.lose("The service took the start, but shows no task for it.")
	}
	n := note{v1alpha1.ReasonStarting, "The service took the start; its task is not shown yet."}
	return p.await(n, v1alpha1.ReasonTaskTimedOut, min(p.until(gone), p.poll(p.now.Sub(p.startTime()))))
}

// follow makes a task the one that serves the run.
func (p *pass) follow(obs observation, origin v1alpha1.Origin) decision {
	run := p.st.Run
	if origin == v1alpha1.OriginStarted || run.Task == nil {
		p.decision.events = append(p.decision.events, startedEvent(origin, obs.task.ID))
	}
	run.Task = &v1alpha1.RunTask{
		ID: obs.task.ID, CreateTime: microTime(obs.task.CreateTime), State: string(obs.task.State),
		SeenTime: *microTime(p.now), Origin: origin,
	}
	if ended(run) {
		run.Task.State = "" // What comes with the end is yet to be done.
	}
	p.decision.begun = run.DeepCopy() // A task that has failed already is dropped below.
	run.Failures, run.RetryTime, run.BusyTime, run.SecretVersion = 0, nil, nil, ""
	p.st.TaskID, p.st.TaskState = obs.task.ID, string(obs.task.State)
	// It counts from when the look was sent: an answer may take long to be read.
	if p.due.schedule && youngerThan(obs.task, obs.sent.Sub(p.st.NextSyncTime.Time)) {
		p.moveSchedule()
	}
	return p.following(obs)
}

// following: the task that serves the run is known.
func (p *pass) following(obs observation) decision {
	run := p.st.Run
	switch {
	case ended(run) && supersedes(obs.task, run):
		p.decision.events = append(p.decision.events, duplicateEvent(run.Task.ID, obs.task.ID))
		return p.followed(obs)
	case same(obs.task, run, p.now) || ended(run):
		return p.followed(obs)
	case supersedes(obs.task, run):
		return p.follow(obs, v1alpha1.OriginAdopted)
	}
	p.decision.lost = lost{since: p.lost.since, looks: p.lost.looks + 1}
	if p.lost.looks == 0 {
		p.decision.lost.since = p.now
	}
	if p.now.Sub(p.decision.lost.since) >= lostAfter && p.decision.lost.looks >= lostLooks {
		return p.lose("The task is no longer shown by the service" + idText(run.Task.ID) + ".")
	}
	wait := p.poll(p.now.Sub(run.Task.SeenTime.Time))
	if run.Task.State == string(modelarts.StateFailed) {
		return p.done(wait) // That it failed is told already.
	}
	return p.await(p.taskNote(modelarts.State(run.Task.State)), v1alpha1.ReasonTaskTimedOut, wait)
}

// followed: the latest task is the one that is followed. That it completed is
// final, whatever is shown afterwards. That it failed is acted upon at once; where
// that has to wait, what is shown next is believed instead.
func (p *pass) followed(obs observation) decision {
	run := p.st.Run
	state := obs.task.State
	if ended(run) {
		state = modelarts.StateCompleted
	}
	switch {
	case state == modelarts.StateCompleted && run.LostAnswers > 0 && !ended(run):
		return p.lookOnceMore(obs)
	case state == modelarts.StateCompleted:
		return p.succeed(obs)
	case state == modelarts.StateFailed:
		return p.taskFailed(obs)
	}
	if shown(state) != shown(modelarts.State(run.Task.State)) {
		run.Task.CreateTime = microTime(obs.task.CreateTime)
		run.Task.State, p.st.TaskState = string(state), string(state)
	}
	n := p.taskNote(state)
	p.syncing(true, n)
	return p.await(n, v1alpha1.ReasonTaskTimedOut, p.poll(p.now.Sub(run.Task.SeenTime.Time)))
}

// lookOnceMore keeps a run whose task has completed until another look has
// shown whether a start whose answer was lost was taken as well, late.
func (p *pass) lookOnceMore(obs observation) decision {
	run := p.st.Run
	run.Task.State, p.st.TaskState = string(modelarts.StateCompleted), string(modelarts.StateCompleted)
	run.RetryTime = microTime(p.now.Add(lookAgainAfter))
	p.st.Samples = samplesOf(obs.task)
	n := note{v1alpha1.ReasonTaskRunning, "The task has completed" + idText(run.Task.ID) + "; since the answer to a start was lost, the service is asked once more."}
	p.syncing(false, n)
	p.progress(n)
	return p.done(lookAgainAfter)
}

// ended reports whether the task that is followed was seen at its end.
func ended(run *v1alpha1.Run) bool {
	return run.Task.State == string(modelarts.StateCompleted)
}

// named reports whether the answer to the start named the latest task, which is
// followed. Any other was found by looking: then the start may have another.
func named(latest modelarts.Task, run *v1alpha1.Run) bool {
	return run.Task.Origin == v1alpha1.OriginStarted && !run.Accepted && latest.ID == run.Task.ID
}

// taskFailed: the task that is followed failed.
func (p *pass) taskFailed(obs observation) decision {
	run := p.st.Run
	p.st.ErrorCode, p.st.ErrorMsg = obs.task.ErrorCode, obs.task.ErrorMsg
	if run.Task.CreateTime == nil { // A task after it is told from it.
		run.Task.CreateTime = microTime(obs.task.CreateTime)
	}
	run.Task.State, p.st.TaskState = string(modelarts.StateFailed), string(modelarts.StateFailed)
	text := "The task failed" + idText(run.Task.ID) + ": " + p.errorText()
	class := modelarts.ClassifyTask(p.st.ErrorCode)
	p.syncing(false, note{v1alpha1.ReasonTaskFailed, text + "."})
	switch settles := p.nonceSeen.Add(p.SettleTime); {
	case run.Nonce != "" && !named(obs.task, run) && obs.sent.Before(settles): // It may be of before the start.
		p.failing(note{v1alpha1.ReasonRetrying, text + "; what follows is decided once the fate of the last start is settled."})
		return p.done(min(p.until(settles), p.poll(p.now.Sub(run.Task.SeenTime.Time))))
	case class == modelarts.ClassPermanent || p.due.target || run.Attempt >= p.attemptLimit():
		return p.fail(note{v1alpha1.ReasonTaskFailed, text + p.usedText() + "."})
	case p.obj.Spec.Suspend:
		return p.fail(note{v1alpha1.ReasonTaskFailed, text + "; it is not started again, since spec.suspend is true."})
	}
	p.backToOpen()
	run.Baseline = baselineOf(obs.task)
	p.decision.events = append(p.decision.events, failedEvent(text+"; it is started again."))
	return p.again(trouble{class: class, text: text, failed: true, secretVersion: obs.secretVersion})
}

// await shows what the run waits for, and once the stage has lasted longer than
// spec.taskTimeoutSeconds, that somebody should look into it.
func (p *pass) await(n note, lateReason string, wait time.Duration) decision {
	if !p.late() {
		p.progress(n)
		return p.done(wait)
	}
	p.stall(note{lateReason, n.message + p.lateText()})
	return p.done(max(wait, p.RetryMax))
}

// active reports whether a task keeps another from starting. A task that was
// seen at its end stays there, whatever is shown afterwards.
func (p *pass) active(task modelarts.Task) bool {
	base := p.st.Run.Baseline
	if task.ID != "" && task.ID == base.TaskID && !modelarts.State(base.State).Active() {
		return false
	}
	return task.State.Active()
}

// late reports whether the stage has lasted longer than it should.
func (p *pass) late() bool {
	run := p.st.Run
	since := run.RequestedTime.Time
	switch stageOf(run) {
	case stageFollowing:
		since = run.Task.SeenTime.Time
	case stageAccepted, stageUnknown:
		since = p.startTime()
	case stageOpen, stageNone:
	}
	return p.now.Sub(since) > p.taskTimeout()
}

// startTime returns since when a start is out. A time that is still to come is of
// a clock that was ahead: then it is since this process knows of the start.
func (p *pass) startTime() time.Time {
	switch t := p.st.Run.StartTime; {
	case t == nil:
		return p.st.Run.RequestedTime.Time
	case t.After(p.now) && !p.nonceSeen.IsZero():
		return p.nonceSeen
	default:
		return t.Time
	}
}

// ahead reports whether a wait is not over yet. One that is much longer than any
// that is ever decided was stored by a clock that was ahead, and is none.
func (p *pass) ahead(t *metav1.MicroTime) bool {
	return t != nil && p.now.Before(t.Time) && t.Sub(p.now) < max(p.RetryMax, modelarts.MaxRetryAfter)+clockTrust
}

func (p *pass) taskTimeout() time.Duration {
	return time.Duration(p.obj.Spec.TaskTimeoutSeconds) * time.Second
}

func (p *pass) attemptLimit() int32 {
	if p.obj.Spec.RetryLimit == nil {
		return defaultRetryLimit + 1
	}
	return *p.obj.Spec.RetryLimit + 1
}

// refusedForGood reports whether the last start was refused with a code that
// cannot pass. Only a refusal inside a 2xx leaves a run open with one: the task
// is looked for once more before the refusal is believed.
func (p *pass) refusedForGood() bool {
	return p.st.Run.Attempt > 0 && p.st.ErrorCode != "" &&
		modelarts.ClassifyTask(p.st.ErrorCode) == modelarts.ClassPermanent
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// until returns the time to t, never none.
func (p *pass) until(t time.Time) time.Duration { return max(t.Sub(p.now), time.Millisecond) }

// taskNote says what a task that is under way is at.
func (p *pass) taskNote(state modelarts.State) note {
	id, last := idText(p.st.Run.Task.ID), ""
	if p.ready() == metav1.ConditionFalse && p.st.ErrorCode+p.st.ErrorMsg != "" {
		last = " The last try failed: " + p.errorText() + "."
	}
	switch {
	case shown(state) == shownQueued:
		return note{v1alpha1.ReasonTaskQueued, "The task is queued" + id + "." + last}
	case state == modelarts.StateRunning:
		return note{v1alpha1.ReasonTaskRunning, "The task is running" + id + "." + last}
	default:
		return note{v1alpha1.ReasonTaskRunning, fmt.Sprintf("The task is under way%s; its state is %q.%s", id, state, last)}
	}
}

// shownQueued stands for every state before the service begins with the task.
const shownQueued = modelarts.StateQueuing

// shown returns what a person is shown of a state: QUEUING and STARTING are not
// told apart, so that a run costs no write for the step between them.
func shown(state modelarts.State) modelarts.State {
	if state == "" || state == modelarts.StateStarting {
		return shownQueued
	}
	return state
}
