package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// The clock of the table: t0 is when the request was taken in, and what the
// service's clock showed then.
var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

var table = Settings{
	Endpoint: "https://modelarts.{region}.example", DefaultRegion: "cn-north-4",
	RequestTimeout: 30 * time.Second, SettleTime: time.Minute,
	PollMin: 5 * time.Second, PollMax: time.Minute,
	RetryMin: 10 * time.Second, RetryMax: 10 * time.Minute,
}

var (
	targetA = v1alpha1.Target{ProjectID: strings.Repeat("a", 32), DatasetID: "cats", Region: "cn-north-4"}
	targetB = v1alpha1.Target{ProjectID: strings.Repeat("a", 32), DatasetID: "dogs", Region: "cn-north-4"}
)

// an object of the table is changed by its case.
type change func(*v1alpha1.DatasetSync)

// object returns an object whose first sync succeeded, changed as told.
func object(changes ...change) *v1alpha1.DatasetSync {
	obj := &v1alpha1.DatasetSync{
		ObjectMeta: metav1.ObjectMeta{Name: "cats", Namespace: "vision", UID: "uid", Generation: 2},
		Spec: v1alpha1.DatasetSyncSpec{
			ProjectID: targetA.ProjectID, DatasetID: targetA.DatasetID,
			TaskTimeoutSeconds: 7200, RetryLimit: ptr.To[int32](3), HistoryLimit: ptr.To[int32](5),
		},
		Status: v1alpha1.DatasetSyncStatus{
			ObservedGeneration: 2, HandledTarget: &targetA,
			TaskID: "t1", TaskState: "COMPLETED",
		},
	}
	condition(v1alpha1.ReadyCondition, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)(obj)
	condition(v1alpha1.SyncingCondition, metav1.ConditionFalse, v1alpha1.ReasonSucceeded)(obj)
	for _, c := range changes {
		c(obj)
	}
	return obj
}

func condition(kind string, status metav1.ConditionStatus, reason string) change {
	return func(obj *v1alpha1.DatasetSync) {
		meta.SetStatusCondition(&obj.Status.Conditions, metav1.Condition{
			Type: kind, Status: status, Reason: reason, Message: "before", ObservedGeneration: 2, LastTransitionTime: metav1.NewTime(t0),
		})
	}
}

// created: nobody has seen the object.
func created(obj *v1alpha1.DatasetSync) {
	obj.Status = v1alpha1.DatasetSyncStatus{ObservedGeneration: -1}
}

func triggered(obj *v1alpha1.DatasetSync) { obj.Spec.Trigger = "v2" }
func suspended(obj *v1alpha1.DatasetSync) { obj.Spec.Suspend = true }
func moved(obj *v1alpha1.DatasetSync)     { obj.Spec.DatasetID = targetB.DatasetID }

// running: a run is under way, taken in at t0 over the baseline t1.
func running(changes ...func(*v1alpha1.Run)) change {
	return func(obj *v1alpha1.DatasetSync) {
		obj.Status.TaskID, obj.Status.TaskState = "", ""
		run := &v1alpha1.Run{
			Cause: v1alpha1.CauseTrigger, Target: targetA, RequestedTime: *microTime(t0),
			Baseline: &v1alpha1.Baseline{
				TaskID: "t1", CreateTime: microTime(at(-3600)), State: "COMPLETED", ObservedTime: microTime(t0),
			},
		}
		condition(v1alpha1.ReadyCondition, metav1.ConditionUnknown, v1alpha1.ReasonRequested)(obj)
		condition(v1alpha1.ReconcilingCondition, metav1.ConditionTrue, v1alpha1.ReasonRequested)(obj)
		for _, c := range changes {
			c(run)
		}
		obj.Status.Run = run
	}
}

// scheduled: the run is a scheduled one of an object that is Ready.
func scheduled(obj *v1alpha1.DatasetSync) {
	obj.Status.Run.Cause = v1alpha1.CauseSchedule
	condition(v1alpha1.ReadyCondition, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)(obj)
	meta.RemoveStatusCondition(&obj.Status.Conditions, v1alpha1.ReconcilingCondition)
}

// sent: a start was paid for at t0.
func sent(run *v1alpha1.Run) {
	run.Attempt, run.Nonce, run.StartTime = 1, "n1", microTime(t0)
}

func accepted(run *v1alpha1.Run) {
	sent(run)
	run.Accepted = true
}

// follows: the run follows the task t2, which the service told in its answer.
func follows(run *v1alpha1.Run) {
	sent(run)
	run.Task = &v1alpha1.RunTask{ID: "t2", SeenTime: *microTime(t0), Origin: v1alpha1.OriginStarted}
}

// adopts: a start is out, and the run follows t2, which may or may not be its.
func adopts(run *v1alpha1.Run) {
	sent(run)
	run.Task = &v1alpha1.RunTask{
		ID: "t2", CreateTime: microTime(at(1)), State: "RUNNING", SeenTime: *microTime(at(5)), Origin: v1alpha1.OriginAdopted,
	}
}

// failedUnnamed: a task without an id was shown as failed, created just after t0,
// where the answer had named t2.
func failedUnnamed(run *v1alpha1.Run) {
	follows(run)
	run.Task.State, run.Task.CreateTime = "FAILED", microTime(at(1))
}

// failedUntold: the service took the start, told no task, and showed a failed one.
func failedUntold(run *v1alpha1.Run) {
	accepted(run)
	run.Task = &v1alpha1.RunTask{State: "FAILED", SeenTime: *microTime(at(5)), Origin: v1alpha1.OriginStarted}
}

func attempts(n int32) func(*v1alpha1.Run) {
	return func(run *v1alpha1.Run) { run.Attempt = n }
}

// noBaseline: the service could not be asked yet.
func noBaseline(run *v1alpha1.Run) { run.Baseline = nil }

// sparse: the service tells neither ids nor times.
func sparse(state string) func(*v1alpha1.Run) {
	return func(run *v1alpha1.Run) {
		run.Baseline = &v1alpha1.Baseline{State: state, ObservedTime: microTime(t0)}
		if run.Task != nil {
			run.Task.ID = ""
		}
	}
}

// task is a latest task as the service shows it; created in seconds after t0.
func task(id string, state modelarts.State, created int) modelarts.Task {
	return modelarts.Task{ID: id, State: state, CreateTime: at(created), Date: t0}
}

func bare(state modelarts.State) modelarts.Task { return modelarts.Task{State: state, Date: t0} }

func baselineTask() modelarts.Task { return task("t1", modelarts.StateCompleted, -3600) }

func failure(status int, code string, class modelarts.Class) *modelarts.Error {
	return &modelarts.Error{HTTPStatus: status, Code: code, Message: "no", Class: class, Fate: modelarts.FateRefused}
}

// summary tells a decision in a line: what is done, where the run is, what is
// shown.
func summary(d decision) string {
	var parts []string
	if d.start {
		parts = append(parts, "START")
	}
	parts = append(parts, runText(d.status.Run))
	if d.closed != nil {
		parts = append(parts, "closed "+string(d.closed.outcome))
	}
	conditions := d.status.Conditions
	if c := meta.FindStatusCondition(conditions, v1alpha1.ReadyCondition); c != nil {
		parts = append(parts, fmt.Sprintf("Ready=%s %s", c.Status, c.Reason))
	}
	for _, kind := range []string{v1alpha1.ReconcilingCondition, v1alpha1.StalledCondition, v1alpha1.SyncingCondition} {
		if meta.IsStatusConditionTrue(conditions, kind) {
			parts = append(parts, kind)
		}
	}
	if d.wait > 0 {
		parts = append(parts, "wait "+d.wait.String())
	}
	return strings.Join(parts, ", ")
}

func runText(run *v1alpha1.Run) string {
	if run == nil {
		return "none"
	}
	text := map[stage]string{stageOpen: "open", stageUnknown: "unknown", stageAccepted: "accepted"}[stageOf(run)]
	if run.Task != nil {
		text = fmt.Sprintf("following %s %s", run.Task.ID, run.Task.Origin)
	}
	text += fmt.Sprintf(" %d/%d", run.Attempt, run.Failures)
	if run.RetryTime != nil {
		text += " retry +" + run.RetryTime.Sub(t0).String()
	}
	if run.BusyTime != nil {
		text += " busy +" + run.BusyTime.Sub(t0).String()
	}
	return text
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason string
		obj    *v1alpha1.DatasetSync
		// now and sent are seconds after t0; sent is now if 0.
		now, sent int
		nonceSeen int
		lost      lost
		task      modelarts.Task
		err       *modelarts.Error
		strict    bool
		want      string
	}{
		// Stage none.
		"none: anything": {
			reason: "the first look after a request is the baseline, and an idle data set is synchronized at once",
			obj:    object(created), task: bare(modelarts.StateNotExist),
			want: "START, unknown 1/0, Ready=Unknown Starting, Reconciling",
		},
		"none: another task is under way": {
			reason: "a task that began before the request may have missed files",
			obj:    object(triggered), task: task("t2", modelarts.StateRunning, -60),
			want: "open 0/0, Ready=Unknown AwaitingOtherTask, Reconciling, Syncing, wait 5s",
		},
		"none: refused for good": {
			reason: "nothing was started, so the run is opened and closed in one write",
			obj:    object(created), err: failure(400, "ModelArts.4352", modelarts.ClassPermanent),
			want: "none, closed Failed, Ready=False DatasetNotFound, Stalled",
		},
		"none: the look fails otherwise": {
			reason: "the run is kept with its failure, so that a restart does not forget the delay",
			obj:    object(created), err: failure(503, "", modelarts.ClassTransient),
			want: "open 0/1 retry +10s, Ready=Unknown ServiceUnavailable, Reconciling, wait 10s",
		},
		"none: the starting deadline passes during the look": {
			reason: "the scheduled time is skipped, and nothing is left to do",
			obj: object(daily(-61), func(obj *v1alpha1.DatasetSync) {
				obj.Spec.StartingDeadlineSeconds = new(int32(60))
			}), task: baselineTask(),
			want: "none, Ready=True Succeeded, wait 1h0m0s",
		},
		"none: the starting deadline passes during a look that fails": {
			reason: "the same",
			obj: object(daily(-61), func(obj *v1alpha1.DatasetSync) {
				obj.Spec.StartingDeadlineSeconds = new(int32(60))
			}), err: failure(503, "", modelarts.ClassTransient),
			want: "none, Ready=True Succeeded, wait 1h0m0s",
		},

		// Stage open.
		"open: newer": {
			reason: "a task created after the request serves it, whoever started it",
			obj:    object(running()), now: 60, task: task("t2", modelarts.StateRunning, 30),
			want: "following t2 Adopted 0/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 5s",
		},
		"open: newer and completed": {
			reason: "what fits next in the same pass goes into the same write",
			obj:    object(running()), now: 60, task: task("t2", modelarts.StateCompleted, 30),
			want: "none, closed Succeeded, Ready=True Succeeded",
		},
		"open: different but created before the baseline": {
			reason: "newer, not different: a lagging answer shows a task from before the request",
			obj:    object(running()), now: 60, task: task("t0", modelarts.StateCompleted, -7200),
			want: "START, unknown 1/0, Ready=Unknown Starting, Reconciling",
		},
		"open: created just before the baseline was observed": {
			reason: "before any start not believing is safe: two seconds too old is too old",
			obj:    object(running()), now: 60, task: task("t2", modelarts.StateCompleted, -2),
			want: "START, unknown 1/0, Ready=Unknown Starting, Reconciling",
		},
		"open: active": {
			reason: "the other task is waited for, a quarter of the waiting time at a time",
			obj:    object(running()), now: 60, task: task("t1", modelarts.StateRunning, -3600),
			want: "START, unknown 1/0, Ready=Unknown Starting, Reconciling", // t1 was COMPLETED: a terminal word is final.
		},
		"open: active after failed looks": {
			reason: "the row of failures has ended",
			obj:    object(running(func(run *v1alpha1.Run) { run.Failures = 7 })), now: 60, task: task("t0", modelarts.StateRunning, -10),
			want: "open 0/0, Ready=Unknown AwaitingOtherTask, Reconciling, Syncing, wait 15s",
		},
		"open: active and no baseline yet": {
			reason: "the first look that succeeds is the baseline",
			obj:    object(running(noBaseline)), now: 60, task: task("t5", modelarts.StateQueuing, -10),
			want: "open 0/0, Ready=Unknown AwaitingOtherTask, Reconciling, Syncing, wait 15s",
		},
		"open: an unknown word": {
			reason: "a word that is not known may be a task at work",
			obj:    object(running(noBaseline)), now: 60, task: task("t5", "PREPARING", -10),
			want: "open 0/0, Ready=Unknown AwaitingOtherTask, Reconciling, Syncing, wait 15s",
		},
		"open: waits for two hours": {
			reason: "somebody should look into it; it is asked about less often",
			obj:    object(running(noBaseline)), now: 7201, task: task("t5", modelarts.StateRunning, -10),
			want: "open 0/0, Ready=False DatasetBusy, Stalled, Syncing, wait 10m0s",
		},
		"open: attempts used up": {
			reason: "no start is left",
			obj:    object(running(attempts(4))), now: 60, task: baselineTask(),
			want: "none, closed Failed, Ready=False RetryLimitReached, Stalled",
		},
		"open: attempts used up and the last one FAILED": {
			reason: "the task's failure says more than the limit",
			obj: object(running(attempts(4)), func(obj *v1alpha1.DatasetSync) {
				obj.Status.TaskState = "FAILED"
			}), now: 60, task: baselineTask(),
			want: "none, closed Failed, Ready=False TaskFailed, Stalled",
		},
		"open: doubtful after a start": {
			reason: "a doubtful task is never a reason to start again",
			obj:    object(running(attempts(1))), now: 60, task: task("t2", modelarts.StateCompleted, -90),
			want: "none, closed Failed, Ready=False TaskLost, Stalled",
		},
		"open: idle": {
			reason: "the attempt is paid for before anything is sent",
			obj:    object(running()), now: 60, task: baselineTask(),
			want: "START, unknown 1/0, Ready=Unknown Starting, Reconciling",
		},
		"open: idle after a refusal inside a 2xx that cannot pass": {
			reason: "the task was looked for once more; now the refusal is believed",
			obj: object(running(attempts(1)), func(obj *v1alpha1.DatasetSync) {
				obj.Status.ErrorCode = "ModelArts.4352"
			}), now: 60, task: baselineTask(),
			want: "none, closed Failed, Ready=False DatasetNotFound, Stalled",
		},
		"open: busy a moment ago": {
			reason: "nothing is started for a minute, but the data set is looked at",
			obj:    object(running(func(run *v1alpha1.Run) { run.BusyTime = microTime(at(60)) })), now: 20, task: baselineTask(),
			want: "open 0/0 busy +1m0s, Ready=Unknown DatasetBusy, Reconciling, wait 5s",
		},
		"open: busy until a time that only a clock that was ahead can have stored": {
			reason: "nothing waits for a clock's mistake to come true",
			obj:    object(running(func(run *v1alpha1.Run) { run.BusyTime = microTime(at(2 * 86400)) })), now: 20, task: baselineTask(),
			want: "START, unknown 1/0, Ready=Unknown Starting, Reconciling",
		},
		"open: somebody else's task, seen with another Secret than the one that was refused": {
			reason: "the refusal is over, and with it its delay",
			obj:    object(running(retryAt(300), func(run *v1alpha1.Run) { run.Failures, run.SecretVersion = 1, "7" })), now: 20,
			task: modelarts.Task{ID: "t0", State: modelarts.StateRunning, CreateTime: at(-7200), Date: at(20)},
			want: "open 0/0, Ready=Unknown AwaitingOtherTask, Reconciling, Syncing, wait 5s",
		},
		"accepted: since a time that is still to come": {
			reason: "a clock was ahead: it counts since this process knows of the start",
			obj: object(running(attempts(1), func(run *v1alpha1.Run) {
				run.Nonce, run.Accepted, run.StartTime = "n", true, microTime(at(86400))
			})), now: 300, task: baselineTask(),
			want: "none, closed Failed, Ready=False TaskLost, Stalled",
		},
		"following: the baseline's time of creation, without ids": {
			reason: "the record lags: neither its success nor its failure is ours",
			obj: object(running(attempts(1), func(run *v1alpha1.Run) {
				run.Nonce, run.Accepted, run.StartTime = "n", true, microTime(t0)
				run.Baseline.TaskID = ""
				run.Task = &v1alpha1.RunTask{ID: "t2", SeenTime: *microTime(t0), Origin: v1alpha1.OriginStarted}
			})), now: 45,
			task: modelarts.Task{State: modelarts.StateCompleted, CreateTime: at(-3600), Date: at(45)},
			want: "following t2 Started 1/0, Ready=Unknown TaskQueued, Reconciling, wait 11.25s",
		},
		"following: shown no more, after a look that failed": {
			reason: "the words are of what is known, not of the look that failed",
			obj:    object(running(follows), condition(v1alpha1.ReadyCondition, metav1.ConditionUnknown, v1alpha1.ReasonServiceUnavailable)),
			now:    45, task: modelarts.Task{State: modelarts.StateNotExist, Date: at(45)},
			want: "following t2 Started 1/0, Ready=Unknown TaskQueued, Reconciling, wait 11.25s",
		},
		"following: failed, and shown no more while the last start is not settled": {
			reason: "that it failed is told already, and stays told",
			obj: object(running(attempts(1), func(run *v1alpha1.Run) {
				run.Nonce, run.StartTime = "n", microTime(t0)
				run.Task = &v1alpha1.RunTask{ID: "t2", State: "FAILED", SeenTime: *microTime(t0), Origin: v1alpha1.OriginAdopted}
			}), condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonRetrying)),
			now: 20, task: modelarts.Task{State: modelarts.StateNotExist, Date: at(20)},
			want: "following t2 Adopted 1/0, Ready=False Retrying, Reconciling, wait 5s",
		},
		"open: another request while it is busy": {
			reason: "a request does not make the data set free: its minute goes on",
			obj:    object(running(func(run *v1alpha1.Run) { run.BusyTime = microTime(at(60)) }), triggered), now: 20, task: baselineTask(),
			want: "open 0/0 busy +1m0s, Ready=Unknown DatasetBusy, Reconciling, wait 5s",
		},
		"open: no Date where the promise needs one": {
			reason: "without the service's clock a signature might live longer than the settle time",
			obj:    object(running()), now: 60, task: modelarts.Task{ID: "t1", State: modelarts.StateCompleted, CreateTime: at(-3600)}, strict: true,
			want: "open 0/0, Ready=Unknown ServiceUnavailable, Reconciling, wait 10m0s",
		},
		"open: another data set, which cannot be read": {
			reason: "the task that was waited for is of the data set before",
			obj:    object(running(noBaseline), condition(v1alpha1.SyncingCondition, metav1.ConditionTrue, v1alpha1.ReasonAwaitingOtherTask), moved),
			now:    70, err: failure(403, "ModelArts.4310", modelarts.ClassPermission),
			want: "open 0/1 retry +11m10s, Ready=False PermissionDenied, Stalled, wait 10m0s",
		},
		"open: another request": {
			reason: "it is taken into the run: attempts and delays begin anew, and so does the baseline",
			obj:    object(running(attempts(3), func(run *v1alpha1.Run) { run.Failures = 3 }), triggered), now: 60, task: task("t2", modelarts.StateRunning, 30),
			want: "open 0/0, Ready=Unknown AwaitingOtherTask, Reconciling, Syncing, wait 15s",
		},
		"open: a scheduled time was reached while failed tries are made again": {
			reason: "the next start serves it; the failures go on to count, or they would never show",
			obj:    object(running(attempts(2), func(run *v1alpha1.Run) { run.Failures = 2 }), daily(-1)), now: 60, task: baselineTask(),
			want: "START, unknown 3/2, Ready=Unknown Starting, Reconciling",
		},
		"open: a scheduled time was reached and no attempt is left": {
			reason: "the run fails, and the time opens the next one",
			obj:    object(running(attempts(4)), daily(-1)), now: 60, task: baselineTask(),
			want: "none, closed Failed, Ready=False RetryLimitReached, Stalled, wait 200ms",
		},
		"open: newer after a row of failures": {
			reason: "progress ends the row",
			obj:    object(running(func(run *v1alpha1.Run) { run.Failures = 8 })), now: 60, task: task("t2", modelarts.StateRunning, 30),
			want: "following t2 Adopted 0/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 5s",
		},
		"open: a scheduled time was reached": {
			reason: "a nightly run of a healthy object does not make it unready",
			obj: object(func(obj *v1alpha1.DatasetSync) {
				obj.Spec.Schedule = "@daily"
				obj.Status.ObservedSchedule = &v1alpha1.ObservedSchedule{Schedule: "@daily"}
				obj.Status.NextSyncTime = &metav1.Time{Time: at(-1)}
			}), task: baselineTask(),
			want: "START, unknown 1/0, Ready=True Succeeded",
		},

		// Stage unknown.
		"unknown: newer": {
			reason: "the start was taken, or somebody else's serves as well; no wait is needed to believe it",
			obj:    object(running(sent)), now: 5, task: task("t2", modelarts.StateRunning, 1),
			want: "following t2 Adopted 1/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 5s",
		},
		"unknown: newer within the grace": {
			reason: "once a start may have been accepted believing is safe: two clocks may differ by a minute",
			obj:    object(running(sent)), now: 5, task: task("t2", modelarts.StateRunning, -30),
			want: "following t2 Adopted 1/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 5s",
		},
		"unknown: active": {
			reason: "nothing can be started, so nothing is decided",
			obj:    object(running(sent, func(run *v1alpha1.Run) { run.Baseline.State = "RUNNING" })), now: 100, task: task("t1", modelarts.StateRunning, -3600),
			want: "unknown 1/0, Ready=Unknown Starting, Reconciling, Syncing, wait 25s",
		},
		"unknown: a good look after failures": {
			reason: "the row of failures has ended",
			obj:    object(running(sent, func(run *v1alpha1.Run) { run.Failures = 7 })), now: 59, task: baselineTask(),
			want: "unknown 1/0, Ready=Unknown Starting, Reconciling, wait 1s",
		},
		"unknown: not settled": {
			reason: "the request may still be on its way",
			obj:    object(running(sent)), now: 59, task: baselineTask(),
			want: "unknown 1/0, Ready=Unknown Starting, Reconciling, wait 1s",
		},
		"unknown: settled by a look that was sent before": {
			reason: "wait first, then look: only a look sent after the settle time counts",
			obj:    object(running(sent)), now: 61, sent: 59, task: baselineTask(),
			want: "unknown 1/0, Ready=Unknown Starting, Reconciling, wait 1ms",
		},
		"unknown: seen by this process only of late": {
			reason: "the settle time is counted from when this process first saw the start",
			obj:    object(running(sent)), now: 300, nonceSeen: 290, task: baselineTask(),
			want: "unknown 1/0, Ready=Unknown Starting, Reconciling, wait 50s",
		},
		"unknown: doubtful": {
			reason: "the task may be ours, so another start could be a second one",
			obj:    object(running(sent)), now: 61, task: task("t2", modelarts.StateCompleted, -90),
			want: "none, closed Failed, Ready=False TaskLost, Stalled",
		},
		"unknown: idle": {
			reason: "the start came to nothing: another is paid for",
			obj:    object(running(sent)), now: 61, task: baselineTask(),
			want: "START, unknown 2/0, Ready=Unknown Starting, Reconciling",
		},
		"unknown: idle and no attempt left": {
			reason: "at most one start, whatever happens",
			obj: object(running(sent), func(obj *v1alpha1.DatasetSync) {
				obj.Spec.RetryLimit = ptr.To[int32](0)
			}), now: 61, task: baselineTask(),
			want: "none, closed Failed, Ready=False RetryLimitReached, Stalled",
		},
		"unknown: idle and no attempt left, after a task that FAILED": {
			reason: "the last start was not the one that FAILED",
			obj: object(running(sent), func(obj *v1alpha1.DatasetSync) {
				obj.Spec.RetryLimit = ptr.To[int32](0)
				obj.Status.ErrorCode = "ModelArts.4360"
			}), now: 61, task: baselineTask(),
			want: "none, closed Failed, Ready=False RetryLimitReached, Stalled",
		},
		"unknown: idle and suspended": {
			reason: "a second start waits",
			obj:    object(running(sent), suspended), now: 61, task: baselineTask(),
			want: "open 1/0, Ready=Unknown Suspended",
		},
		"unknown: idle and spec names another data set": {
			reason: "a run whose target has been replaced is never started again",
			obj:    object(running(sent), moved), now: 61, task: baselineTask(),
			want: "none, closed Superseded, Ready=False Requested, Reconciling, wait 200ms",
		},
		"unknown: the look fails for good": {
			reason: "once a start can be out no failing look closes a run",
			obj:    object(running(sent)), now: 5, err: failure(400, "ModelArts.4352", modelarts.ClassPermanent),
			want: "unknown 1/1 retry +15s, Ready=False DatasetNotFound, Stalled, wait 10s",
		},

		// Stage accepted.
		"accepted: newer": {
			reason: "the service said that it took the start",
			obj:    object(running(accepted)), now: 5, task: task("t2", modelarts.StateQueuing, 1),
			want: "following t2 Started 1/0, Ready=Unknown TaskQueued, Reconciling, Syncing, wait 5s",
		},
		"accepted: newer, told by its state alone": {
			reason: "where neither ids nor times are told an active task after an idle one is newer",
			obj:    object(running(accepted, sparse("COMPLETED"))), now: 5, task: bare(modelarts.StateRunning),
			want: "following  Started 1/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 5s",
		},
		"accepted: other": {
			reason: "the status lags behind",
			obj:    object(running(accepted)), now: 5, task: baselineTask(),
			want: "accepted 1/0, Ready=Unknown Starting, Reconciling, wait 5s",
		},
		"accepted: other for two minutes, in a look sent before": {
			reason: "only a look sent after them counts",
			obj:    object(running(accepted)), now: 121, sent: 119, task: baselineTask(),
			want: "accepted 1/0, Ready=Unknown Starting, Reconciling, wait 1ms",
		},
		"accepted: other for two minutes": {
			reason: "a start that was taken is never sent again",
			obj:    object(running(accepted)), now: 121, task: baselineTask(),
			want: "none, closed Failed, Ready=False TaskLost, Stalled",
		},

		"accepted: taken by another process two minutes ago": {
			reason: "its clock may be another: the time counts since this process knows of the start",
			obj:    object(running(accepted)), now: 121, nonceSeen: 100, task: baselineTask(),
			want: "accepted 1/0, Ready=Unknown Starting, Reconciling, wait 30.25s",
		},
		"accepted: COMPLETED for two minutes, without ids and times": {
			reason: "a quick task looks like the one before it; the service said that it took the start",
			obj:    object(running(accepted, sparse("COMPLETED"))), now: 121, task: bare(modelarts.StateCompleted),
			want: "none, closed Succeeded, Ready=True Succeeded",
		},
		"accepted: COMPLETED for two minutes, without the id that is told otherwise": {
			reason: "who tells ids can be asked for one",
			obj:    object(running(accepted)), now: 121, task: bare(modelarts.StateCompleted),
			want: "none, closed Failed, Ready=False TaskLost, Stalled",
		},
		"accepted: COMPLETED for less, without ids and times": {
			reason: "ours may be at work still",
			obj:    object(running(accepted, sparse("COMPLETED"))), now: 119, task: bare(modelarts.StateCompleted),
			want: "accepted 1/0, Ready=Unknown Starting, Reconciling, wait 1s",
		},
		"accepted: FAILED for two minutes, without ids and times": {
			reason: "the failure may be that of the task before, and no start follows on a doubt",
			obj:    object(running(accepted, sparse("FAILED"))), now: 121, task: bare(modelarts.StateFailed),
			want: "none, closed Failed, Ready=False TaskLost, Stalled",
		},

		"accepted: FAILED, and not settled": {
			reason: "the failed task may be of before the start",
			obj:    object(running(accepted)), now: 5, task: task("t2", modelarts.StateFailed, 1),
			want: "following t2 Started 1/0, Ready=False Retrying, Reconciling, wait 5s",
		},
		"accepted: FAILED, and settled": {
			reason: "what is shown by now is the task of the start, or one after it",
			obj:    object(running(accepted)), now: 61, task: task("t2", modelarts.StateFailed, 1),
			want: "open 1/1 retry +1m11s, Ready=False Retrying, Reconciling, wait 10s",
		},

		// Stage following.
		"following: active": {
			reason: "a quarter of its age at a time",
			obj:    object(running(follows)), now: 40, task: task("t2", modelarts.StateRunning, 1),
			want: "following t2 Started 1/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 10s",
		},
		"following: an unknown word": {
			reason: "it is shown and followed",
			obj:    object(running(follows)), now: 40, task: task("t2", "COMPACTING", 1),
			want: "following t2 Started 1/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 10s",
		},
		"following: active for more than two hours": {
			reason: "closing would gain nothing: while it is active the service refuses another",
			obj:    object(running(follows)), now: 7300, task: task("t2", modelarts.StateRunning, 1),
			want: "following t2 Started 1/0, Ready=False TaskTimedOut, Stalled, Syncing, wait 10m0s",
		},
		"following: COMPLETED": {
			reason: "the request is served",
			obj:    object(running(follows)), now: 40, task: task("t2", modelarts.StateCompleted, 1),
			want: "none, closed Succeeded, Ready=True Succeeded",
		},
		"following: COMPLETED while another request waits": {
			reason: "it opens the next run, in a pass of its own",
			obj:    object(running(follows), triggered), now: 40, task: task("t2", modelarts.StateCompleted, 1),
			want: "none, closed Succeeded, Ready=Unknown Requested, Reconciling, wait 200ms",
		},
		"following: COMPLETED without an id": {
			reason: "no id and nothing against it: shortly after the start the baseline would look the same",
			obj:    object(running(follows, sparse("COMPLETED"))), now: 20, task: bare(modelarts.StateCompleted),
			want: "following  Started 1/0, Ready=Unknown TaskQueued, Reconciling, wait 5s",
		},
		"following: COMPLETED without an id after a while": {
			reason: "the service took the start: what it shows now is that task",
			obj:    object(running(follows, sparse("COMPLETED"))), now: 31, task: bare(modelarts.StateCompleted),
			want: "none, closed Succeeded, Ready=True Succeeded",
		},
		"following: FAILED": {
			reason: "it may pass: back to open, with the failed task as the baseline",
			obj:    object(running(follows)), now: 40, task: task("t2", modelarts.StateFailed, 1),
			want: "open 1/1 retry +50s, Ready=False Retrying, Reconciling, wait 10s",
		},
		"following: FAILED for good": {
			reason: "the code cannot pass",
			obj:    object(running(follows)), now: 40, task: func() modelarts.Task {
				failed := task("t2", modelarts.StateFailed, 1)
				failed.ErrorCode = "ModelArts.4312"
				return failed
			}(),
			want: "none, closed Failed, Ready=False TaskFailed, Stalled",
		},
		"following: FAILED and no attempt left": {
			reason: "the last start is used up",
			obj:    object(running(follows, attempts(4))), now: 40, task: task("t2", modelarts.StateFailed, 1),
			want: "none, closed Failed, Ready=False TaskFailed, Stalled",
		},
		"following: FAILED while suspended": {
			reason: "nothing is started while suspended",
			obj:    object(running(follows), suspended), now: 40, task: task("t2", modelarts.StateFailed, 1),
			want: "none, closed Failed, Ready=False TaskFailed, Stalled",
		},
		"following: FAILED after spec has moved on": {
			reason: "a run whose target has been replaced is never started again",
			obj:    object(running(follows), moved), now: 40, task: task("t2", modelarts.StateFailed, 1),
			want: "none, closed Superseded, Ready=False Requested, Reconciling, wait 200ms",
		},
		"following: FAILED while our own start is not settled": {
			reason: "the failed task may be somebody else's and ours still on its way",
			obj:    object(running(adopts)), now: 40, task: task("t2", modelarts.StateFailed, 1),
			want: "following t2 Adopted 1/0, Ready=False Retrying, Reconciling, wait 8.75s",
		},
		"following: FAILED and our own start is settled": {
			reason: "another start may be paid for",
			obj:    object(running(adopts)), now: 61, task: task("t2", modelarts.StateFailed, 1),
			want: "open 1/1 retry +1m11s, Ready=False Retrying, Reconciling, wait 10s",
		},
		"following: FAILED in a scheduled run": {
			reason: "at its first failure a scheduled run shows",
			obj:    object(running(follows), scheduled), now: 40, task: task("t2", modelarts.StateFailed, 1),
			want: "open 1/1 retry +50s, Ready=False Retrying, Reconciling, wait 10s",
		},
		"following: active in a scheduled run": {
			reason: "a nightly run must not make a GitOps application flap",
			obj:    object(running(follows), scheduled), now: 40, task: task("t2", modelarts.StateRunning, 1),
			want: "following t2 Started 1/0, Ready=True Succeeded, Syncing, wait 10s",
		},
		"following: a failed look in a scheduled run": {
			reason: "a failing look alone is no failure",
			obj:    object(running(follows), scheduled), now: 40, err: failure(503, "", modelarts.ClassTransient),
			want: "following t2 Started 1/1 retry +50s, Ready=True Succeeded, wait 10s",
		},
		"following: newer than ours": {
			reason: "one at a time: ours ended unseen, and the newer one serves as well",
			obj:    object(running(follows)), now: 40, task: task("t3", modelarts.StateRunning, 20),
			want: "following t3 Adopted 1/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 5s",
		},
		"following: FAILED, and newer than ours, which was never seen": {
			reason: "it may have begun between the look and the start, and ours be under way",
			obj:    object(running(follows)), now: 5, task: task("t3", modelarts.StateFailed, 1),
			want: "following t3 Adopted 1/0, Ready=False Retrying, Reconciling, wait 5s",
		},
		"following: ours again after one that FAILED": {
			reason: "a record that lagged is followed by the true one",
			obj:    object(running(adopts, func(run *v1alpha1.Run) { run.Task.State = "FAILED" })), now: 15, task: task("t3", modelarts.StateRunning, 2),
			want: "following t3 Adopted 1/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 5s",
		},
		"following: FAILED, and seems older than the start": {
			reason: "two clocks of the service may differ by a minute; it is not believed yet",
			obj:    object(running(follows)), now: 5, task: task("t3", modelarts.StateFailed, -40),
			want: "following t3 Adopted 1/0, Ready=False Retrying, Reconciling, wait 5s",
		},
		"following: FAILED, without the id that the answer named": {
			reason: "it may be somebody else's of just before the start",
			obj:    object(running(follows)), now: 5, task: task("", modelarts.StateFailed, 1),
			want: "following t2 Started 1/0, Ready=False Retrying, Reconciling, wait 5s",
		},
		"following: after one that FAILED, without ids": {
			reason: "its time of creation tells it from the one that failed",
			obj:    object(running(failedUnnamed)), now: 15, task: task("", modelarts.StateRunning, 2),
			want: "following  Adopted 1/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 5s",
		},
		"following: COMPLETED, without the id that the answer named, and older than the start": {
			reason: "a lagging record: look again",
			obj:    object(running(follows)), now: 10, task: task("", modelarts.StateCompleted, -1800),
			want: "following t2 Started 1/0, Ready=Unknown TaskQueued, Reconciling, wait 5s",
		},
		"following: under way after FAILED, without ids and times": {
			reason: "the failed one was before the start",
			obj:    object(running(failedUntold, sparse("COMPLETED"))), now: 20, task: bare(modelarts.StateRunning),
			want: "following  Started 1/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 5s",
		},
		"following: like the baseline after FAILED, without ids and times": {
			reason: "shortly after the start it may be the baseline, shown late",
			obj:    object(running(failedUntold, sparse("COMPLETED"))), now: 10, task: bare(modelarts.StateCompleted),
			want: "following  Started 1/0, Ready=Unknown Requested, Reconciling, wait 5s",
		},
		"following: the named one under way, after FAILED without its id": {
			reason: "the failed one was another",
			obj:    object(running(failedUnnamed)), now: 10, task: task("t2", modelarts.StateRunning, 2),
			want: "following t2 Started 1/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 5s",
		},
		"following: COMPLETED after FAILED, without ids and times": {
			reason: "the failed one was before the start",
			obj:    object(running(failedUntold, sparse("COMPLETED"))), now: 31, task: bare(modelarts.StateCompleted),
			want: "none, closed Succeeded, Ready=True Succeeded",
		},
		"following: the baseline again": {
			reason: "a lagging record: look again",
			obj:    object(running(follows)), now: 10, task: baselineTask(),
			want: "following t2 Started 1/0, Ready=Unknown TaskQueued, Reconciling, wait 5s",
		},
		"following: NOT_EXIST, twice in two minutes": {
			reason: "two minutes and three looks",
			obj:    object(running(follows)), now: 200, lost: lost{since: at(10), looks: 1}, task: bare(modelarts.StateNotExist),
			want: "following t2 Started 1/0, Ready=Unknown TaskQueued, Reconciling, wait 50s",
		},
		"following: NOT_EXIST, three times in two minutes": {
			reason: "the task is not shown any more, and is not started again",
			obj:    object(running(follows)), now: 200, lost: lost{since: at(10), looks: 2}, task: bare(modelarts.StateNotExist),
			want: "none, closed Failed, Ready=False TaskLost, Stalled",
		},
		"following: the look fails for good after spec has moved on": {
			reason: "the old data set is gone and nobody wants it any more",
			obj:    object(running(follows), moved), now: 40, err: failure(400, "ModelArts.4352", modelarts.ClassPermanent),
			want: "none, closed Superseded, Ready=False Requested, Reconciling, wait 200ms",
		},

		// Failing looks by class.
		"throttled as told": {
			reason: "the service says how long",
			obj:    object(running()), err: func() *modelarts.Error {
				e := failure(429, "APIGW.0308", modelarts.ClassThrottled)
				e.RetryAfter = 90 * time.Second
				return e
			}(),
			want: "open 0/1 retry +1m30s, Ready=Unknown Throttled, Reconciling, wait 1m30s",
		},
		"authentication": {
			reason: "the wait outlasts the service's lock; somebody has to act",
			obj:    object(running()), err: failure(401, "APIGW.0301", modelarts.ClassAuthentication),
			want: "open 0/1 retry +6m0s, Ready=False AuthenticationFailed, Stalled, wait 6m0s",
		},
		"permission": {
			reason: "somebody has to act",
			obj:    object(running()), err: failure(403, "ModelArts.4310", modelarts.ClassPermission),
			want: "open 0/1 retry +10m0s, Ready=False PermissionDenied, Stalled, wait 10m0s",
		},
		"busy": {
			reason: "a minute",
			obj:    object(running()), err: failure(400, "ModelArts.4356", modelarts.ClassBusy),
			want: "open 0/1 retry +1m0s, Ready=Unknown DatasetBusy, Reconciling, wait 1m0s",
		},
		"transient, the fifth in a row": {
			reason: "doubled each time",
			obj:    object(running(func(run *v1alpha1.Run) { run.Failures = 4 })), err: failure(500, "", modelarts.ClassTransient),
			want: "open 0/5 retry +2m40s, Ready=Unknown ServiceUnavailable, Reconciling, wait 2m40s",
		},
		"transient for two hours": {
			reason: "a request that cannot be served is shown as such",
			obj:    object(running()), now: 7201, err: failure(500, "", modelarts.ClassTransient),
			want: "open 0/1 retry +2h10m1s, Ready=False ServiceUnavailable, Stalled, wait 10m0s",
		},
		"following: looks again after failures": {
			reason: "progress resets the delay",
			obj: object(running(follows, func(run *v1alpha1.Run) {
				run.Failures, run.RetryTime = 3, microTime(at(30))
			})), now: 40, task: task("t2", modelarts.StateRunning, 1),
			want: "following t2 Started 1/0, Ready=Unknown TaskRunning, Reconciling, Syncing, wait 10s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := table
			if c.strict {
				settings.SettleTime = 17 * time.Minute
			}
			if c.sent == 0 {
				c.sent = c.now
			}
			f := facts{now: at(c.now), nonce: "n2", nonceSeen: at(c.nonceSeen), lost: c.lost}
			before := c.obj.DeepCopy()
			got := decide(c.obj, &settings, f, observation{task: c.task, err: c.err, sent: at(c.sent), secretVersion: "7"})
			if diff := cmp.Diff(c.want, summary(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if diff := cmp.Diff(before, c.obj); diff != "" {
				t.Errorf("the decision changed its input (-before +after):\n%s", diff)
			}
			again := decide(c.obj, &settings, f, observation{task: c.task, err: c.err, sent: at(c.sent), secretVersion: "7"})
			if diff := cmp.Diff(got.status, again.status); diff != "" {
				t.Errorf("the same input gave another decision (-first +second):\n%s", diff)
			}
		})
	}
}

// TestAStartForgetsTheTaskBefore: a start that comes to nothing is not to be taken
// for the task that failed before it.
func TestAStartForgetsTheTaskBefore(t *testing.T) {
	t.Parallel()
	obj := object(running(attempts(1)), func(obj *v1alpha1.DatasetSync) {
		obj.Status.TaskID, obj.Status.TaskState, obj.Status.ErrorCode = "t2", "FAILED", "ModelArts.4360"
	})
	got := decide(obj, &table, facts{now: at(60), nonce: "n2"}, observation{task: baselineTask(), sent: at(60)})
	if st := got.status; !got.start || st.TaskID != "" || st.TaskState != "" || st.ErrorCode != "ModelArts.4360" {
		t.Errorf("start: %t; task %q %q, error %q", got.start, st.TaskID, st.TaskState, st.ErrorCode)
	}
}

// TestATaskServesTheTimeThatWasReached: a run that was open when a scheduled time
// was reached, ten minutes ago, follows somebody else's task.
func TestATaskServesTheTimeThatWasReached(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		task modelarts.Task
		// read is how many seconds after the look was sent its answer was read.
		read  int
		moves bool
	}{
		"that began after it":                                   {task: modelarts.Task{ID: "t2", State: modelarts.StateRunning, CreateTime: at(301), Date: at(900)}, moves: true},
		"that began before it":                                  {task: modelarts.Task{ID: "t2", State: modelarts.StateRunning, CreateTime: at(299), Date: at(900)}},
		"by a clock that is ahead":                              {task: modelarts.Task{ID: "t2", State: modelarts.StateRunning, CreateTime: at(1301), Date: at(1900)}, moves: true},
		"of which no time is told":                              {task: modelarts.Task{ID: "t2", State: modelarts.StateRunning, Date: at(900)}},
		"where the service has no clock":                        {task: modelarts.Task{ID: "t2", State: modelarts.StateRunning, CreateTime: at(301)}},
		"that began before it, in an answer that was read late": {task: modelarts.Task{ID: "t2", State: modelarts.StateRunning, CreateTime: at(299), Date: at(900)}, read: 600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			obj := object(running(), daily(300))
			got := decide(obj, &table, facts{now: at(900 + c.read)}, observation{task: c.task, sent: at(900)})
			if stageOf(got.status.Run) != stageFollowing {
				t.Fatalf("it is not followed: %s", summary(got))
			}
			if moved := got.status.NextSyncTime.After(at(900 + c.read)); moved != c.moves {
				t.Errorf("the time is taken in: %t, want %t", moved, c.moves)
			}
		})
	}
}

func TestAStartServesTheTimeThatWasReached(t *testing.T) {
	t.Parallel()
	obj := object(running(attempts(1)), daily(-1))
	got := decide(obj, &table, facts{now: at(60), nonce: "n2"}, observation{task: baselineTask(), sent: at(60)})
	if next := got.status.NextSyncTime; !got.start || next == nil || !next.After(at(60)) {
		t.Errorf("start: %t; next sync: %v", got.start, next)
	}
}

func TestATimeThatAnOpenRunServesIsNotSkipped(t *testing.T) {
	t.Parallel()
	obj := object(running(retryAt(30)), daily(-61), func(obj *v1alpha1.DatasetSync) {
		obj.Spec.StartingDeadlineSeconds = ptr.To[int32](60)
	})
	if d := gate(obj, &table, facts{now: t0}); d.skipped || d.status.History != nil {
		t.Errorf("skipped: %t, history: %v", d.skipped, d.status.History)
	}
}

func TestAStartWithoutAnswerIsNotTakenForTheLastOne(t *testing.T) {
	t.Parallel()
	obj := object(running(attempts(2), func(run *v1alpha1.Run) { run.LostAnswers = 1 }))
	obj.Spec.RetryLimit = new(int32(1))
	got := decide(obj, &table, facts{now: at(60)}, observation{task: baselineTask(), sent: at(60)})
	ready := meta.FindStatusCondition(got.status.Conditions, v1alpha1.ReadyCondition)
	want := "The service told no error, and the answer to a start was lost; spec.retryLimit allows no start after 2."
	if ready.Message != want {
		t.Errorf("Ready says %q, want %q", ready.Message, want)
	}
}
