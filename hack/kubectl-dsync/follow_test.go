package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"datasetsync.dev/operator/api/v1alpha1"
)

const (
	ours   = "ours"
	theirs = "theirs"
)

var began = time.Date(2026, 3, 1, 10, 0, 0, 250_000_000, time.UTC)

// change makes the next version of an object.
type change func(*v1alpha1.DatasetSync)

// all makes one change of several.
func all(changes ...change) change {
	return func(obj *v1alpha1.DatasetSync) {
		for _, c := range changes {
			c(obj)
		}
	}
}

func annotated(value string) change {
	return func(obj *v1alpha1.DatasetSync) {
		obj.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: value}
	}
}

func shown(kind string, status metav1.ConditionStatus, reason, message string) change {
	return func(obj *v1alpha1.DatasetSync) {
		meta.SetStatusCondition(&obj.Status.Conditions, metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message})
	}
}

func stalled(reason, message string) change {
	return all(shown(v1alpha1.ReadyCondition, metav1.ConditionFalse, reason, message),
		shown(v1alpha1.StalledCondition, metav1.ConditionTrue, reason, message))
}

// takenIn opens a run after so many seconds, which handles what was asked for.
func takenIn(value string, after int) change {
	return func(obj *v1alpha1.DatasetSync) {
		s := &obj.Status
		s.HandledRequest, s.TaskState, s.TaskID = value, "", ""
		s.Run = &v1alpha1.Run{Cause: v1alpha1.CauseRequest, RequestedTime: metav1.NewMicroTime(began.Add(time.Duration(after) * time.Second))}
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.StalledCondition)
		shown(v1alpha1.ReadyCondition, metav1.ConditionUnknown, v1alpha1.ReasonRequested, "A sync was asked for.")(obj)
	}
}

func following(task, state string) change {
	return func(obj *v1alpha1.DatasetSync) {
		s := &obj.Status
		s.TaskID, s.TaskState = task, state
		s.Run.Task = &v1alpha1.RunTask{ID: task, State: state, Origin: v1alpha1.OriginStarted}
		shown(v1alpha1.ReadyCondition, metav1.ConditionUnknown, v1alpha1.ReasonTaskRunning, "The task is running (task "+task+").")(obj)
	}
}

// closed ends the run.
func closed(outcome v1alpha1.Outcome) change {
	return func(obj *v1alpha1.DatasetSync) {
		s := &obj.Status
		entry := v1alpha1.HistoryEntry{
			Cause: s.Run.Cause, Outcome: outcome, TaskID: s.TaskID,
			StartTime: metav1.NewTime(s.Run.RequestedTime.Truncate(time.Second)),
			EndTime:   metav1.NewTime(s.Run.RequestedTime.Truncate(time.Second).Add(time.Minute)),
		}
		if outcome == v1alpha1.OutcomeSucceeded {
			entry.Samples = &v1alpha1.Samples{Added: ptr.To[int64](3), Total: ptr.To[int64](12)}
			s.TaskState, s.Samples = "COMPLETED", entry.Samples
			shown(v1alpha1.ReadyCondition, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "In step.")(obj)
		} else {
			entry.ErrorCode, entry.ErrorMsg = "ModelArts.4360", "Sync data source error."
			s.ErrorCode, s.ErrorMsg = entry.ErrorCode, entry.ErrorMsg
		}
		s.History, s.Run = append([]v1alpha1.HistoryEntry{entry}, s.History...), nil
	}
}

func suspend(obj *v1alpha1.DatasetSync) { obj.Spec.Suspend = true }

func withoutHistory(obj *v1alpha1.DatasetSync) { obj.Status.History = nil }

// anotherWaits is what the end of a run shows when somebody has asked again.
var anotherWaits = shown(v1alpha1.ReadyCondition, metav1.ConditionUnknown, v1alpha1.ReasonRequested, "Another sync was asked for and follows.")

const success12 = "Succeeded: samples: 3 added, 12 in total"

func TestFollow(t *testing.T) {
	for name, c := range map[string]struct {
		// before makes the object that was asked of.
		before change
		// versions are what comes after it.
		versions []change
		// after is when the last of them is looked at.
		after time.Duration
		want  string
	}{
		"nobody looks": {want: "Waiting: the operator has not taken it in yet"},
		"a task runs": {
			versions: []change{takenIn(ours, 1), following("t1", "RUNNING")},
			want:     "RUNNING: The task is running (task t1).",
		},
		"a run is open": {versions: []change{takenIn(ours, 1)}, want: "Requested: A sync was asked for."},
		"it succeeds": {
			versions: []change{takenIn(ours, 1), following("t1", "RUNNING"), closed(v1alpha1.OutcomeSucceeded)},
			want:     success12 + " (task t1)",
		},
		"it fails": {
			versions: []change{takenIn(ours, 1), following("t1", "RUNNING"), all(closed(v1alpha1.OutcomeFailed), stalled("TaskFailed", "The task failed."))},
			want:     "error: TaskFailed: The task failed.",
		},
		"it is refused in the write that takes it in": {
			versions: []change{all(takenIn(ours, 1), closed(v1alpha1.OutcomeFailed), stalled("DatasetNotFound", "No such data set."))},
			want:     "error: DatasetNotFound: No such data set.",
		},
		"it succeeds and status keeps no history": {
			versions: []change{takenIn(ours, 1), following("t1", "RUNNING"), all(closed(v1alpha1.OutcomeSucceeded), withoutHistory)},
			want:     success12 + " (task t1)",
		},
		"it fails and status keeps no history": {
			versions: []change{takenIn(ours, 1), following("t1", "RUNNING"), all(closed(v1alpha1.OutcomeFailed), withoutHistory, anotherWaits)},
			want:     "error: it failed: ModelArts.4360 Sync data source error.",
		},
		"its credentials are refused while it runs": {
			versions: []change{takenIn(ours, 1), stalled("AuthenticationFailed", "Not accepted.")},
			want:     "error: AuthenticationFailed: Not accepted.",
		},

		"an earlier run succeeded and its failure is not ours": {
			before:   all(takenIn("old", -60), following("t0", "RUNNING"), closed(v1alpha1.OutcomeSucceeded)),
			versions: []change{takenIn(ours, 1)},
			want:     "Requested: A sync was asked for.",
		},
		"an earlier run failed and nobody has looked yet": {
			before: all(takenIn("old", -60), closed(v1alpha1.OutcomeFailed), stalled("TaskFailed", "The old one.")),
			want:   "Waiting: the object is stalled: TaskFailed: The old one.",
		},
		"an earlier run failed and ours runs": {
			before:   all(takenIn("old", -60), closed(v1alpha1.OutcomeFailed), stalled("TaskFailed", "The old one.")),
			versions: []change{takenIn(ours, 1), following("t1", "RUNNING")},
			want:     "RUNNING: The task is running (task t1).",
		},
		"an earlier run that began in the same second failed": {
			before:   all(takenIn("old", 0), closed(v1alpha1.OutcomeFailed), stalled("TaskFailed", "The old one.")),
			versions: []change{takenIn(ours, 0), following("t1", "RUNNING")},
			want:     "RUNNING: The task is running (task t1).",
		},
		"another run is under way": {
			before: all(takenIn("old", -60), following("t0", "RUNNING")),
			want:   "Waiting: another run is under way: The task is running (task t0).",
		},
		"another run that was under way fails before ours": {
			before: all(takenIn("old", -60), following("t0", "RUNNING")),
			versions: []change{
				all(closed(v1alpha1.OutcomeFailed), stalled("TaskFailed", "The old one.")),
				takenIn(ours, 1), following("t1", "RUNNING"), closed(v1alpha1.OutcomeSucceeded),
			},
			want: success12 + " (task t1)",
		},

		"somebody asks again before ours is taken in": {
			versions: []change{annotated(theirs), takenIn(theirs, 1), following("t1", "RUNNING"), closed(v1alpha1.OutcomeSucceeded)},
			want:     success12 + " (task t1)",
		},
		"somebody asks again while ours runs": {
			versions: []change{takenIn(ours, 1), annotated(theirs), following("t1", "RUNNING"), all(closed(v1alpha1.OutcomeSucceeded), anotherWaits)},
			want:     success12 + " (task t1)",
		},
		"the end of ours is not seen and a later run is under way": {
			versions: []change{
				takenIn(ours, 1), following("t1", "RUNNING"),
				all(closed(v1alpha1.OutcomeSucceeded), takenIn(theirs, 70), following("t2", "RUNNING")),
			},
			want: success12 + " (task t1)",
		},
		"the end of ours is not seen and a later run has failed": {
			versions: []change{
				takenIn(ours, 1), following("t1", "RUNNING"),
				all(closed(v1alpha1.OutcomeSucceeded), takenIn(theirs, 70), following("t2", "RUNNING")),
				all(closed(v1alpha1.OutcomeFailed), stalled("TaskFailed", "Theirs.")),
			},
			want: success12 + " (task t1)",
		},
		"the target changes and the run is opened anew": {
			versions: []change{takenIn(ours, 1), takenIn(ours, 3), following("t1", "RUNNING"), closed(v1alpha1.OutcomeSucceeded)},
			want:     success12 + " (task t1)",
		},
		"it fails after spec has moved on": {
			versions: []change{takenIn(ours, 1), following("t1", "RUNNING"), all(closed(v1alpha1.OutcomeSuperseded), anotherWaits)},
			want:     "error: it failed, and spec names another data set now, which is synchronized next",
		},
		"a scheduled run is skipped meanwhile": {
			versions: []change{takenIn(ours, 1), all(following("t1", "RUNNING"), func(obj *v1alpha1.DatasetSync) {
				obj.Status.History = append([]v1alpha1.HistoryEntry{{Cause: v1alpha1.CauseSchedule, Outcome: v1alpha1.OutcomeSkipped, StartTime: metav1.NewTime(began.Add(time.Second).Truncate(time.Second))}}, obj.Status.History...)
			})},
			want: "RUNNING: The task is running (task t1).",
		},

		"somebody removes the annotation": {versions: []change{annotated("")}, want: `error: somebody took the request back: the annotation is "" now`},
		"somebody puts the old value back": {
			before:   all(takenIn("old", -60), following("t0", "RUNNING"), closed(v1alpha1.OutcomeSucceeded)),
			versions: []change{annotated("old")},
			want:     `error: somebody took the request back: the annotation is "old" now`,
		},
		"it is suspended":                  {before: suspend, want: "error: " + suspended},
		"it is suspended before its start": {versions: []change{takenIn(ours, 1), suspend}, want: "error: " + suspended},
		"it is suspended after its start": {
			versions: []change{takenIn(ours, 1), following("t1", "RUNNING"), suspend},
			want:     "RUNNING: The task is running (task t1).",
		},
		"it is made anew": {
			versions: []change{func(obj *v1alpha1.DatasetSync) { obj.UID = "another" }},
			want:     "error: it was deleted and made anew: ask again",
		},
		"its credentials do not work": {
			before: stalled("CredentialsInvalid", "No key."),
			want:   "Waiting: the object is stalled: CredentialsInvalid: No key.",
		},
		"its credentials do not work for long": {
			before: stalled("CredentialsInvalid", "No key."), after: 76 * time.Second,
			want: "error: it is stalled and the request waits: CredentialsInvalid: No key.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			obj := &v1alpha1.DatasetSync{ObjectMeta: metav1.ObjectMeta{UID: "cats"}}
			if c.before != nil {
				c.before(obj)
			}
			annotated(ours)(obj)
			f := newFollower(obj.DeepCopy())
			r := f.see(obj.DeepCopy(), c.after)
			for _, v := range c.versions {
				if r.done {
					break
				}
				v(obj)
				r = f.see(obj.DeepCopy(), c.after)
			}
			got := strings.TrimPrefix(r.state+": "+r.text, ": ")
			if r.err != nil {
				got = "error: " + r.err.Error()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the end of it (-want +got):\n%s", diff)
			}
			if wantDone := strings.HasPrefix(c.want, "error: ") || strings.HasPrefix(c.want, "Succeeded"); r.done != wantDone {
				t.Errorf("done is %t", r.done)
			}
		})
	}
}
