package controllers

import (
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

func annotated(value string) change {
	return func(obj *v1alpha1.DatasetSync) {
		obj.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: value}
	}
}

// daily: the schedule has been read, and its next time is seconds after t0.
func daily(seconds int) change {
	return func(obj *v1alpha1.DatasetSync) {
		obj.Spec.Schedule = "@daily"
		obj.Status.ObservedSchedule = &v1alpha1.ObservedSchedule{Schedule: "@daily"}
		obj.Status.NextSyncTime = &metav1.Time{Time: at(seconds)}
	}
}

// settled: nothing is on the way.
func settled(obj *v1alpha1.DatasetSync) {
	meta.RemoveStatusCondition(&obj.Status.Conditions, v1alpha1.ReconcilingCondition)
}

// lastTask: the last task ended with a word.
func lastTask(state string) change {
	return func(obj *v1alpha1.DatasetSync) { obj.Status.TaskState = state }
}

func retryAt(seconds int) func(*v1alpha1.Run) {
	return func(run *v1alpha1.Run) { run.RetryTime = microTime(at(seconds)) }
}

func TestGate(t *testing.T) {
	t.Parallel()
	names := map[look]string{noLook: "rest", lookNow: "look", lookIfSecretChanged: "look if the Secret changed"}
	for name, c := range map[string]struct {
		reason   string
		obj      *v1alpha1.DatasetSync
		now      int
		nextLook int
		want     string
	}{
		"an object at rest": {
			reason: "no call, no write, no timer",
			obj:    object(), want: "rest: none, Ready=True Succeeded",
		},
		"a new object": {
			reason: "its target is not the handled one",
			obj:    object(created), want: "look: none",
		},
		"a retry that only a clock that was ahead can have stored": {
			reason: "nothing waits for a clock's mistake to come true",
			obj:    object(running(retryAt(2 * 86400))), want: "look: open 0/0 retry +48h0m0s, Ready=Unknown Requested, Reconciling",
		},
		"another trigger": {
			reason: "a change asks for one more",
			obj:    object(triggered), want: "look: none, Ready=True Succeeded",
		},
		"the trigger taken away": {
			reason: "taking one away asks for nothing",
			obj:    object(func(obj *v1alpha1.DatasetSync) { obj.Status.HandledTrigger = "v1" }),
			want:   "rest: none, Ready=True Succeeded",
		},
		"another annotation": {
			reason: "any new value asks for one more",
			obj:    object(annotated("now")), want: "look: none, Ready=True Succeeded",
		},
		"an annotation of which only the first characters count": {
			reason: "the rest cannot be told apart",
			obj: object(annotated(strings.Repeat("ü", 300)), func(obj *v1alpha1.DatasetSync) {
				obj.Status.HandledRequest = strings.Repeat("ü", 253)
			}),
			want: "rest: none, Ready=True Succeeded",
		},
		"another limit": {
			reason: "a change of limits asks for nothing",
			obj:    object(func(obj *v1alpha1.DatasetSync) { obj.Spec.RetryLimit = ptr.To[int32](1) }),
			want:   "rest: none, Ready=True Succeeded",
		},
		"another manager's default region": {
			reason: "the region is part of the target",
			obj:    object(func(obj *v1alpha1.DatasetSync) { obj.Spec.Region = "cn-east-3" }),
			want:   "look: none, Ready=True Succeeded",
		},
		"a schedule that is not due": {
			reason: "the timer is the next due time, at most an hour ahead",
			obj:    object(daily(90)), want: "rest: none, Ready=True Succeeded, wait 1m30s",
		},
		"a schedule that is due tomorrow": {
			reason: "timers stand still with a suspended machine",
			obj:    object(daily(86400)), want: "rest: none, Ready=True Succeeded, wait 1h0m0s",
		},
		"a schedule that is due": {
			reason: "reached is due",
			obj:    object(daily(0)), want: "look: none, Ready=True Succeeded",
		},
		"a schedule that is past its deadline": {
			reason: "it is skipped, and history says so",
			obj: object(daily(-61), func(obj *v1alpha1.DatasetSync) {
				obj.Spec.StartingDeadlineSeconds = ptr.To[int32](60)
			}),
			want: "rest: none, Ready=True Succeeded, wait 1h0m0s",
		},
		"a schedule that does not parse": {
			reason: "it stops the schedule and is shown",
			obj:    object(func(obj *v1alpha1.DatasetSync) { obj.Spec.Schedule = "every night" }),
			want:   "rest: none, Ready=False InvalidSpec, Stalled",
		},
		"a schedule that does not parse and another trigger": {
			reason: "it does not stop a trigger",
			obj:    object(triggered, func(obj *v1alpha1.DatasetSync) { obj.Spec.Schedule = "every night" }),
			want:   "look: none, Ready=True Succeeded",
		},
		"suspended and healthy": {
			reason: "suspending does not turn a healthy object unhealthy",
			obj:    object(suspended), want: "rest: none, Ready=True Suspended",
		},
		"suspended and failed": {
			reason: "a failure is not hidden",
			obj: object(suspended, condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonTaskFailed),
				condition(v1alpha1.StalledCondition, metav1.ConditionTrue, v1alpha1.ReasonTaskFailed)),
			want: "rest: none, Ready=False TaskFailed, Stalled",
		},
		"suspended while a request was kept waiting after a failure": {
			reason: "nothing is on the way any more",
			obj: object(suspended, triggered, lastTask("FAILED"), condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonThrottled),
				condition(v1alpha1.ReconcilingCondition, metav1.ConditionTrue, v1alpha1.ReasonThrottled)),
			want: "rest: none, Ready=False Suspended",
		},
		"suspended, and the request that was kept waiting after a failure taken back": {
			reason: "the failure is told again",
			obj: object(suspended, lastTask("FAILED"), condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonThrottled),
				condition(v1alpha1.ReconcilingCondition, metav1.ConditionTrue, v1alpha1.ReasonThrottled)),
			want: "rest: none, Ready=False TaskFailed, Stalled",
		},
		"suspended and stalled by its Secret": {
			reason: "what keeps a run from being opened is no failure of the last one",
			obj: object(suspended, condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonCredentialsNotFound),
				condition(v1alpha1.StalledCondition, metav1.ConditionTrue, v1alpha1.ReasonCredentialsNotFound)),
			want: "rest: none, Ready=True Suspended",
		},
		"suspended and stalled by its Secret, with a request": {
			reason: "nothing has failed, and something is asked for",
			obj: object(suspended, triggered, condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonCredentialsInvalid),
				condition(v1alpha1.StalledCondition, metav1.ConditionTrue, v1alpha1.ReasonCredentialsInvalid)),
			want: "rest: none, Ready=Unknown Suspended",
		},
		"suspended and stalled by its Secret before its first sync": {
			reason: "not yet",
			obj: object(created, suspended, condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonCredentialsInvalid),
				condition(v1alpha1.StalledCondition, metav1.ConditionTrue, v1alpha1.ReasonCredentialsInvalid)),
			want: "rest: none, Ready=Unknown Suspended",
		},
		"created suspended": {
			reason: "not yet",
			obj:    object(created, suspended), want: "rest: none, Ready=Unknown Suspended",
		},
		"suspended with a request": {
			reason: "the request is kept",
			obj:    object(suspended, triggered), want: "rest: none, Ready=Unknown Suspended",
		},
		"suspended with an open run": {
			reason: "the run is kept",
			obj:    object(running(), suspended), want: "rest: open 0/0, Ready=Unknown Suspended",
		},
		"suspended while a task is under way": {
			reason: "it is followed to its end",
			obj:    object(running(follows), suspended), want: "look: following t2 Started 1/0, Ready=Unknown Requested, Reconciling",
		},
		"resumed": {
			reason: "nothing is due, so all is well",
			obj:    object(condition(v1alpha1.ReadyCondition, metav1.ConditionTrue, v1alpha1.ReasonSuspended)),
			want:   "rest: none, Ready=True Succeeded",
		},
		"a retry that is ahead": {
			reason: "no call until then",
			obj:    object(running(retryAt(30))), want: "rest: open 0/0 retry +30s, Ready=Unknown Requested, Reconciling, wait 30s",
		},
		"a retry that is ahead and another request": {
			reason: "a request drops the delay",
			obj:    object(running(retryAt(30)), triggered), want: "look: open 0/0 retry +30s, Ready=Unknown Requested, Reconciling",
		},
		"a retry that waits for the Secret": {
			reason: "another Secret ends the wait",
			obj:    object(running(retryAt(30), func(run *v1alpha1.Run) { run.SecretVersion = "7" })),
			want:   "look if the Secret changed: open 0/0 retry +30s, Ready=Unknown Requested, Reconciling, wait 30s",
		},
		"a failing look that is to be repeated": {
			reason: "a failing object never calls more often than one that works",
			obj:    object(running(follows, retryAt(30))), want: "rest: following t2 Started 1/0 retry +30s, Ready=Unknown Requested, Reconciling, wait 30s",
		},
		"a task that is not due for a look": {
			reason: "a write of ours or an edit of a label is no reason to ask",
			obj:    object(running(follows)), nextLook: 5, want: "rest: following t2 Started 1/0, Ready=Unknown Requested, Reconciling, wait 5s",
		},
		"a request during a run": {
			reason: "it waits, and is seen to wait",
			obj:    object(running(follows), scheduled, triggered), nextLook: 5,
			want: "rest: following t2 Started 1/0, Ready=Unknown Requested, Reconciling, wait 5s",
		},
		"a retry that is ahead and a scheduled time": {
			reason: "the schedule alone drops no delay: the retry serves its time as well",
			obj:    object(running(retryAt(30)), daily(-20)), want: "rest: open 0/0 retry +30s, Ready=Unknown Requested, Reconciling, wait 30s",
		},
		"a request that was taken back, after a data set that does not exist": {
			reason: "the reason is that of the failure, as before",
			obj: object(func(obj *v1alpha1.DatasetSync) {
				obj.Status.TaskState, obj.Status.ErrorCode = "", "ModelArts.4352"
			}, condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonServiceUnavailable),
				condition(v1alpha1.ReconcilingCondition, metav1.ConditionTrue, v1alpha1.ReasonServiceUnavailable)),
			want: "rest: none, Ready=False DatasetNotFound, Stalled",
		},
		"a time that was skipped, after the Secret was missing when it was due": {
			reason: "what kept that run from being opened keeps none now; how the last one ended is told",
			obj: object(daily(-61), func(obj *v1alpha1.DatasetSync) {
				obj.Spec.StartingDeadlineSeconds = ptr.To[int32](60)
				obj.Status.TaskState, obj.Status.ErrorCode = "FAILED", "ModelArts.4360"
			}, condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonCredentialsNotFound),
				condition(v1alpha1.StalledCondition, metav1.ConditionTrue, v1alpha1.ReasonCredentialsNotFound)),
			want: "rest: none, Ready=False TaskFailed, Stalled, wait 1h0m0s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := c.obj.DeepCopy()
			got := gate(c.obj, &table, facts{now: at(c.now), nextLook: at(c.nextLook)})
			if diff := cmp.Diff(c.want, names[got.look]+": "+summary(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if diff := cmp.Diff(before, c.obj); diff != "" {
				t.Errorf("the decision changed its input (-before +after):\n%s", diff)
			}
			if got.look != noLook {
				return
			}
			after := c.obj.DeepCopy()
			after.Status = got.status
			again := gate(after, &table, facts{now: at(c.now), nextLook: at(c.nextLook)})
			if diff := cmp.Diff(got.status, again.status); diff != "" {
				t.Errorf("the object does not come to rest (-first +second):\n%s", diff)
			}
		})
	}
}

func TestAScheduledTimeOfAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	d := gate(object(daily(400*86400)), &table, facts{now: t0})
	first := gate(object(func(obj *v1alpha1.DatasetSync) { obj.Spec.Schedule = "@daily" }), &table, facts{now: t0})
	if diff := cmp.Diff(first.status.NextSyncTime, d.status.NextSyncTime); diff != "" {
		t.Errorf("the next time, a year ahead before, against that of a new schedule (-want +got):\n%s", diff)
	}
}

func TestALookThatIsStillToComeTellsNothing(t *testing.T) {
	t.Parallel()
	obj := object(triggered, daily(-7200), func(obj *v1alpha1.DatasetSync) { obj.Spec.StartingDeadlineSeconds = ptr.To[int32](60) })
	f := facts{now: t0}
	d := gate(obj, &table, f)
	if !d.skipped || d.look != lookNow {
		t.Fatalf("the missed time is skipped: %t, look: %d", d.skipped, d.look)
	}
	waits := sight{wait: time.Second}
	if d = waits.judge(obj, &table, f, d); d.skipped || !cmp.Equal(d.status, obj.Status) {
		t.Errorf("what was not recorded is counted: %t", d.skipped)
	}
}

func TestASilentServiceDoesNotTakeBackThatSomebodyHasToAct(t *testing.T) {
	t.Parallel()
	obj := object(running(), condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonAuthenticationFailed),
		condition(v1alpha1.ReconcilingCondition, metav1.ConditionFalse, v1alpha1.ReasonAuthenticationFailed),
		condition(v1alpha1.StalledCondition, metav1.ConditionTrue, v1alpha1.ReasonAuthenticationFailed))
	b := &blocked{note: note{v1alpha1.ReasonServiceUnavailable, "Silence."}, wait: time.Second}
	d := decide(obj, &table, facts{now: t0}, observation{blocked: b})
	if got, want := summary(d), "open 0/0, Ready=False AuthenticationFailed, Stalled, wait 1s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWhatIsLateStaysSoWhileItIsBlocked(t *testing.T) {
	t.Parallel()
	throttled := &blocked{note: note{v1alpha1.ReasonThrottled, "Paused."}, wait: time.Second}
	for name, c := range map[string]struct {
		obj  *v1alpha1.DatasetSync
		want string
	}{
		"a task that takes too long": {
			obj: object(running(follows), condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonTaskTimedOut),
				condition(v1alpha1.StalledCondition, metav1.ConditionTrue, v1alpha1.ReasonTaskTimedOut), settled),
			want: "following t2 Started 1/0, Ready=False TaskTimedOut, Stalled, wait 1s",
		},
		"a request that could not be served for too long": {
			obj:  object(running()),
			want: "open 0/0, Ready=False ServiceUnavailable, Stalled, wait 1s",
		},
		"a request that could not be served for too long, after its Secret was mended": {
			obj: object(running(), condition(v1alpha1.ReadyCondition, metav1.ConditionFalse, v1alpha1.ReasonCredentialsNotFound),
				condition(v1alpha1.StalledCondition, metav1.ConditionTrue, v1alpha1.ReasonCredentialsNotFound), settled),
			want: "open 0/0, Ready=False ServiceUnavailable, Stalled, wait 1s",
		},
		"a request for another data set than that which kept it waiting": {
			obj:  object(running(), condition(v1alpha1.SyncingCondition, metav1.ConditionTrue, v1alpha1.ReasonAwaitingOtherTask), moved),
			want: "open 0/0, Ready=Unknown Throttled, Reconciling, wait 1s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, summary(decide(c.obj, &table, facts{now: at(7300)}, observation{blocked: throttled}))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAnswerThatDoesNotTellIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  *modelarts.Error
		want []string
	}{
		"an error of the service": {
			err:  &modelarts.Error{HTTPStatus: 500, Code: "ModelArts.4106", Message: "Failed to obtain the OBS agency.", Fate: modelarts.FateUnknown},
			want: []string{"The answer to the start does not tell whether it was taken: ModelArts.4106: Failed to obtain the OBS agency."},
		},
		"no answer": {err: &modelarts.Error{Fate: modelarts.FateUnknown}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, e := range conclude(object(running(sent)), &table, facts{now: t0}, answer{err: c.err}).events {
				got = append(got, e.message)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAStartThatWasTakenEndsARowOfFailures(t *testing.T) {
	t.Parallel()
	obj := object(running(sent, func(run *v1alpha1.Run) { run.Failures = 8 }))
	if got := conclude(obj, &table, facts{now: t0}, answer{}).status.Run.Failures; got != 0 {
		t.Errorf("%d failures are left", got)
	}
}

func TestAStartThatIsNeverSentInTimeIsShownAsStalled(t *testing.T) {
	t.Parallel()
	obj := object(running(attempts(1), func(run *v1alpha1.Run) { run.Nonce, run.StartTime = "n", microTime(at(7300)) }))
	d := unsent(obj, &table, facts{now: at(7300)})
	if got, want := summary(d), "open 0/0, Ready=False ServiceUnavailable, Stalled, wait 10m0s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestConclude(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason  string
		changes []change
		started modelarts.Started
		err     *modelarts.Error
		want    string
		code    string
	}{
		"2xx with a task id": {
			reason:  "followed at once",
			started: modelarts.Started{TaskID: "t2"},
			want:    "following t2 Started 1/0, Ready=Unknown TaskQueued, Reconciling, Syncing, wait 5s",
		},
		"2xx without": {
			reason: "accepted; the status will tell",
			want:   "accepted 1/0, Ready=Unknown Starting, Reconciling, wait 5s",
		},
		"2xx with the id of the task before": {
			reason:  "that task is not ours; the status will tell",
			started: modelarts.Started{TaskID: "t1"},
			want:    "accepted 1/0, Ready=Unknown Starting, Reconciling, wait 5s",
		},
		"2xx with an error code": {
			reason: "the attempt is kept, since something may have been started; not again before a look 15 s later",
			err:    failure(200, "ModelArts.4360", modelarts.ClassTransient),
			want:   "open 1/1 retry +15s, Ready=False Retrying, Reconciling, wait 15s",
			code:   "ModelArts.4360",
		},
		"2xx with an error code that cannot pass": {
			reason: "it is believed after one more look",
			err:    failure(200, "ModelArts.4352", modelarts.ClassPermanent),
			want:   "open 1/1 retry +15s, Ready=False Retrying, Reconciling, wait 15s",
			code:   "ModelArts.4352",
		},
		"certainly not sent": {
			reason: "given back: nothing can have been started",
			err:    &modelarts.Error{Fate: modelarts.FateNotSent, Class: modelarts.ClassTransient},
			want:   "open 0/1 retry +10s, Ready=Unknown ServiceUnavailable, Reconciling, wait 10s",
		},
		"4355": {
			reason: "given back; no start for a minute, while looks go on",
			err:    failure(400, "ModelArts.4355", modelarts.ClassBusy),
			want:   "open 0/0 busy +1m0s, Ready=Unknown DatasetBusy, Reconciling, wait 5s",
		},
		"throttled": {
			reason: "given back",
			err:    failure(429, "APIGW.0308", modelarts.ClassThrottled),
			want:   "open 0/1 retry +10s, Ready=Unknown Throttled, Reconciling, wait 10s",
		},
		"authentication": {
			reason: "given back; outlasts the lock",
			err:    failure(401, "APIGW.0301", modelarts.ClassAuthentication),
			want:   "open 0/1 retry +6m0s, Ready=False AuthenticationFailed, Stalled, wait 6m0s",
			code:   "APIGW.0301",
		},
		"permission": {
			reason: "given back",
			err:    failure(403, "ModelArts.4310", modelarts.ClassPermission),
			want:   "open 0/1 retry +10m0s, Ready=False PermissionDenied, Stalled, wait 10m0s",
			code:   "ModelArts.4310",
		},
		"a redirect": {
			reason: "refused for good",
			err:    failure(302, "", modelarts.ClassPermanent),
			want:   "none, closed Failed, Ready=False RequestRejected, Stalled",
		},
		"an unknown data set": {
			reason: "refused for good",
			err:    failure(400, "ModelArts.4352", modelarts.ClassPermanent),
			want:   "none, closed Failed, Ready=False DatasetNotFound, Stalled",
			code:   "ModelArts.4352",
		},
		"a text data set": {
			reason: "refused for good",
			err:    failure(501, "ModelArts.4383", modelarts.ClassPermanent),
			want:   "none, closed Failed, Ready=False Unsupported, Stalled",
			code:   "ModelArts.4383",
		},
		"a refusal that may pass": {
			reason: "the attempt is kept",
			err:    failure(400, "ModelArts.1002", modelarts.ClassTransient),
			want:   "open 1/1 retry +10s, Ready=False Retrying, Reconciling, wait 10s",
			code:   "ModelArts.1002",
		},
		"anything else": {
			reason: "nothing to record: the intent stands",
			err:    &modelarts.Error{HTTPStatus: 502, Fate: modelarts.FateUnknown, Class: modelarts.ClassTransient},
			want:   "unknown 1/0, Ready=Unknown Requested, Reconciling, wait 5s",
		},
		"a refusal for good after spec has moved on": {
			reason:  "it closes as superseded, and the next run follows",
			changes: []change{moved},
			err:     failure(400, "ModelArts.4352", modelarts.ClassPermanent),
			want:    "none, closed Superseded, Ready=False Requested, Reconciling, wait 200ms",
			code:    "ModelArts.4352",
		},
		"a scheduled run": {
			reason:  "a healthy object stays so",
			changes: []change{scheduled},
			started: modelarts.Started{TaskID: "t2"},
			want:    "following t2 Started 1/0, Ready=True Succeeded, Syncing, wait 5s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			obj := object(append([]change{running(sent)}, c.changes...)...)
			before := obj.DeepCopy()
			got := conclude(obj, &table, facts{now: t0}, answer{started: c.started, err: c.err, secretVersion: "7"})
			if diff := cmp.Diff(c.want, summary(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if diff := cmp.Diff(c.code, got.status.ErrorCode); diff != "" {
				t.Errorf("errorCode (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, obj); diff != "" {
				t.Errorf("the decision changed its input (-before +after):\n%s", diff)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for failures, want := range map[int32]time.Duration{
		0: 10 * time.Second, 1: 10 * time.Second, 2: 20 * time.Second, 6: 320 * time.Second, 7: 10 * time.Minute, 1 << 30: 10 * time.Minute,
	} {
		if got := table.backoff(failures); got != want {
			t.Errorf("backoff(%d) = %s, want %s", failures, got, want)
		}
	}
}
