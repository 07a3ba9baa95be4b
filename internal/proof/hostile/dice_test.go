package hostile

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// dice make choices out of bytes. When they have run out, the first choice is
// made each time, which is the most harmless.
type dice struct{ bytes []byte }

func (d *dice) roll(sides int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	n := int(d.bytes[0]) % sides
	d.bytes = d.bytes[1:]
	return n
}

func (d *dice) flip() bool { return d.roll(2) == 1 }

func pick[T any](d *dice, of ...T) T { return of[d.roll(len(of))] }

// maybe returns nil or a pointer to what one returns.
func maybe[T any](d *dice, one func() T) *T {
	if !d.flip() {
		return nil
	}
	v := one()
	return &v
}

// text is a text of at most length characters.
func (d *dice) text(length int) string {
	text := pick(d, "", "x", "a/../b", "<script>\u202e\u00e9", strings.Repeat("é", 2000))
	return string([]rune(text)[:min(len([]rune(text)), length)])
}

// instant is a time near the one the world begins at, or far away.
func (d *dice) instant() time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(pick(d,
		0, -time.Second, time.Second, -time.Minute, time.Minute, -time.Hour, time.Hour,
		-30*24*time.Hour, 30*24*time.Hour, -200*365*24*time.Hour, 200*365*24*time.Hour))
}

func (d *dice) micro() metav1.MicroTime { return metav1.NewMicroTime(d.instant()) }

func (d *dice) state() string {
	return pick(d, "COMPLETED", "FAILED", "NOT_EXIST", "QUEUING", "STARTING", "RUNNING", "DREAMING", strings.Repeat("X", 64))
}

func (d *dice) taskID() string {
	return pick(d, "", "task-1", "task-2", "forged", strings.Repeat("t", 128))
}

func (d *dice) samples() v1alpha1.Samples {
	count := func() int64 { return pick(d, int64(0), 1, 1<<53) }
	return v1alpha1.Samples{Added: maybe(d, count), Deleted: maybe(d, count), Total: maybe(d, count)}
}

func (d *dice) target() v1alpha1.Target {
	return v1alpha1.Target{
		ProjectID: pick(d, project, strings.Repeat("f", 32), "p", "../../v2"),
		DatasetID: pick(d, "cats", "dogs", "../cats", "?x=#", strings.Repeat("d", 64)),
		Region:    pick(d, "cn-north-4", "eu-west-101", "evil.example/", "evil.example:80/#", "..", "@evil.example"),
	}
}

func (d *dice) baseline() v1alpha1.Baseline {
	return v1alpha1.Baseline{
		TaskID: d.taskID(), State: d.state(), CreateTime: maybe(d, d.micro), ObservedTime: maybe(d, d.micro),
		Samples: maybe(d, d.samples),
	}
}

func (d *dice) task() v1alpha1.RunTask {
	return v1alpha1.RunTask{
		ID: d.taskID(), CreateTime: maybe(d, d.micro), State: pick(d, "", d.state()), SeenTime: d.micro(),
		Origin: pick(d, v1alpha1.OriginStarted, v1alpha1.OriginAdopted),
	}
}

func (d *dice) cause() v1alpha1.Cause {
	return pick(d, v1alpha1.CauseCreated, v1alpha1.CauseTarget, v1alpha1.CauseTrigger, v1alpha1.CauseRequest, v1alpha1.CauseSchedule)
}

func (d *dice) run() v1alpha1.Run {
	return v1alpha1.Run{
		Cause: d.cause(), Target: d.target(), RequestedTime: d.micro(), Baseline: maybe(d, d.baseline),
		Attempt: pick[int32](d, 0, 1, 3, 4, 50, 1<<30), LostAnswers: pick[int32](d, 0, 1, 1<<30),
		Failures: pick[int32](d, 0, 1, 40, 1<<30), Nonce: pick(d, "", "n", "forged", strings.Repeat("n", 64)),
		StartTime: maybe(d, d.micro), Accepted: d.flip(), Task: maybe(d, d.task),
		RetryTime: maybe(d, d.micro), BusyTime: maybe(d, d.micro), SecretVersion: pick(d, "", "1", "7"),
	}
}

func (d *dice) conditions() []metav1.Condition {
	var all []metav1.Condition
	onTheWay := pick(d, v1alpha1.ReconcilingCondition, v1alpha1.StalledCondition)
	for _, kind := range []string{v1alpha1.ReadyCondition, onTheWay, v1alpha1.SyncingCondition, "Forged"} {
		if d.flip() {
			all = append(all, metav1.Condition{
				Type: kind, Status: pick(d, metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown),
				Reason:  pick(d, v1alpha1.ReasonSucceeded, v1alpha1.ReasonInvalidSpec, v1alpha1.ReasonCredentialsNotFound, "Forged"),
				Message: d.text(1024), LastTransitionTime: metav1.NewTime(d.instant()), ObservedGeneration: int64(d.roll(3)),
			})
		}
	}
	return all
}

func (d *dice) history() []v1alpha1.HistoryEntry {
	var all []v1alpha1.HistoryEntry
	for range pick(d, 0, 1, 20) {
		all = append(all, v1alpha1.HistoryEntry{
			Cause: v1alpha1.CauseCreated, Outcome: pick(d, v1alpha1.OutcomeFailed, v1alpha1.OutcomeSkipped),
			StartTime: metav1.NewTime(d.instant()), EndTime: metav1.NewTime(d.instant()), ErrorMsg: d.text(256),
		})
	}
	return all
}

// status is any status that the API server would take.
func (d *dice) status() v1alpha1.DatasetSyncStatus {
	second := func() metav1.Time { return metav1.NewTime(d.instant()) }
	return v1alpha1.DatasetSyncStatus{
		Run: maybe(d, d.run), HandledTarget: maybe(d, d.target), Conditions: d.conditions(),
		ObservedGeneration: pick[int64](d, -1, 0, 1, 1<<62),
		TaskID:             d.taskID(), TaskState: pick(d, "", d.state()),
		ErrorCode: pick(d, "", "ModelArts.4352", "ModelArts.4360", strings.Repeat("c", 64)), ErrorMsg: d.text(1024),
		Samples: maybe(d, d.samples), LastSuccessTime: maybe(d, second), NextSyncTime: maybe(d, second),
		ObservedSchedule: maybe(d, func() v1alpha1.ObservedSchedule {
			return v1alpha1.ObservedSchedule{
				Schedule: pick(d, "@hourly", "0 4 * * *"), TimeZone: pick(d, "", "Asia/Shanghai"), HeldTime: maybe(d, second),
			}
		}),
		HandledTrigger: pick(d, "", "t", d.text(253)), HandledRequest: pick(d, "", "r", d.text(253)), History: d.history(),
	}
}

// spec is any spec of the data set cats.
func (d *dice) spec() v1alpha1.DatasetSyncSpec {
	small := func() int32 { return pick[int32](d, 0, 1, 20) }
	return v1alpha1.DatasetSyncSpec{
		ProjectID: project, DatasetID: "cats", Trigger: pick(d, "", "t"), Suspend: d.roll(4) == 3,
		Schedule: pick(d, "", "0 4 * * *", "@hourly", "nonsense", "0 0 30 2 *"), TimeZone: pick(d, "", "Asia/Shanghai", "Nowhere/City"),
		StartingDeadlineSeconds: maybe(d, small), TaskTimeoutSeconds: pick[int32](d, 7200, 1, 604800, 0),
		RetryLimit: maybe(d, small), HistoryLimit: maybe(d, small),
	}
}

// latest is what the service shows of the data set before anything is started.
func (d *dice) latest() modelarts.Task {
	return modelarts.Task{
		ID: d.taskID(), State: modelarts.State(d.state()), CreateTime: pick(d, time.Time{}, d.instant()),
		ErrorCode: pick(d, "", "ModelArts.4360"),
	}
}
