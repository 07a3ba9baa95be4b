package invariants

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/simulator"
)

const (
	project = "0123456789abcdef0123456789abcdef"
	ourTask = "T1"
	oldTask = "T0"
	theKey  = "key"
	theUID  = types.UID("u")
)

// at is a time of the test.
func at(seconds int) time.Time {
	return time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC)
}

func micro(seconds int) *metav1.MicroTime { return &metav1.MicroTime{Time: at(seconds)} }

// good is a run that goes well: created, intent, task, end.
func good() *Evidence {
	target := v1alpha1.Target{ProjectID: project, DatasetID: "cats", Region: "r"}
	object := func(generation int64, st v1alpha1.DatasetSyncStatus) *v1alpha1.DatasetSync {
		o := &v1alpha1.DatasetSync{Spec: v1alpha1.DatasetSyncSpec{ProjectID: project, DatasetID: "cats"}, Status: st}
		o.Namespace, o.Name, o.UID, o.Generation = "vision", "cats", theUID, generation
		return o
	}
	run := func() *v1alpha1.Run {
		return &v1alpha1.Run{
			Cause: v1alpha1.CauseCreated, Target: target, RequestedTime: *micro(1), Attempt: 1, Nonce: "n1", StartTime: micro(1),
			Baseline: &v1alpha1.Baseline{TaskID: oldTask, State: "COMPLETED", CreateTime: micro(-600), ObservedTime: micro(1)},
		}
	}
	followed := run()
	followed.Accepted, followed.Task = true, &v1alpha1.RunTask{ID: ourTask, SeenTime: *micro(2), Origin: v1alpha1.OriginStarted}
	added, total := int64(3), int64(7)
	status := func(ready metav1.ConditionStatus, reason string, run *v1alpha1.Run) v1alpha1.DatasetSyncStatus {
		st := v1alpha1.DatasetSyncStatus{
			ObservedGeneration: 1, Run: run, HandledTarget: &target,
			Conditions: []metav1.Condition{{Type: v1alpha1.ReadyCondition, Status: ready, Reason: reason, Message: "Words."}},
		}
		if ready != metav1.ConditionTrue {
			st.Conditions = append(st.Conditions, metav1.Condition{Type: v1alpha1.ReconcilingCondition, Status: metav1.ConditionTrue, Reason: reason})
		}
		return st
	}
	final := status(metav1.ConditionTrue, v1alpha1.ReasonSucceeded, nil)
	final.TaskID, final.TaskState, final.Samples = ourTask, "COMPLETED", &v1alpha1.Samples{Added: &added, Total: &total}
	final.History = []v1alpha1.HistoryEntry{{Outcome: v1alpha1.OutcomeSucceeded, TaskID: ourTask, EndTime: metav1.NewTime(at(12))}}
	following := status(metav1.ConditionUnknown, v1alpha1.ReasonTaskRunning, followed)
	following.TaskID = ourTask
	version := func(seconds int, st v1alpha1.DatasetSyncStatus) Version { return Version{object(1, st), at(seconds)} }
	return &Evidence{
		Objects: []Object{{Versions: []Version{
			version(0, v1alpha1.DatasetSyncStatus{ObservedGeneration: -1}),
			version(1, status(metav1.ConditionUnknown, v1alpha1.ReasonStarting, run())),
			version(3, following),
			version(12, final),
		}}},
		Ledger: []simulator.Entry{
			{Time: at(-600), Project: project, Dataset: "cats", Verdict: simulator.VerdictExternal, TaskID: oldTask, External: true},
			{Time: at(2), Project: project, Dataset: "cats", Verdict: simulator.VerdictAccepted, TaskID: ourTask},
		},
		Tasks: []Task{
			task(oldTask, -600, "COMPLETED"),
			{Project: project, Dataset: "cats", Task: simulator.Task{
				ID: ourTask, CreateTime: at(2), State: "COMPLETED", Added: 3, Total: 7, Duration: 9 * time.Second,
			}},
		},
		Calls: []*Call{
			{Operation: simulator.OperationLatest, Process: "p", UID: theUID, Object: types.NamespacedName{Namespace: "vision", Name: "cats"}, KeyID: theKey, At: at(1), Answered: at(1)},
			{
				Operation: simulator.OperationStart, Process: "p", UID: theUID, Object: types.NamespacedName{Namespace: "vision", Name: "cats"}, KeyID: theKey,
				Nonce: "n1", Decided: at(1), Made: at(2), Looked: at(1), At: at(2), Answered: at(2), Entries: []int{1},
			},
		},
		Events: []Event{{UID: theUID, Reason: "SyncStarted", At: at(3)}, {UID: theUID, Reason: "SyncSucceeded", At: at(12)}},
		Keys:   map[string][]string{"vision": {theKey}},
		Terms: Terms{
			OneEach: true, Settled: true, Rest: at(60), SettleTime: time.Minute, SendBudget: 10 * time.Second,
			QPS: 5, Burst: 10, Flawless: true,
		},
	}
}

func task(id string, seconds int, state string) Task {
	return Task{Project: project, Dataset: "cats", Task: simulator.Task{ID: id, CreateTime: at(seconds), State: state, Duration: time.Minute}}
}

// versionOf returns a version of the object.
func versionOf(e *Evidence, i int) *v1alpha1.DatasetSync { return e.Objects[0].Versions[i].DatasetSync }

// found returns which invariants do not hold.
func found(err error) []string {
	var all []string
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, one := range joined.Unwrap() {
			var v *Violation
			if errors.As(one, &v) {
				all = append(all, v.Invariant)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestCheckFindsNothingWhereAllIsWell(t *testing.T) {
	if err := Check(good()); err != nil {
		t.Error(err)
	}
}

// TestCheckFinds spoils a run that goes well in one way at a time.
func TestCheckFinds(t *testing.T) {
	cases := map[string]struct {
		spoil func(*Evidence)
		want  []string
	}{
		"a second start that nobody paid for": {func(e *Evidence) {
			e.Ledger = append(e.Ledger, simulator.Entry{Time: at(4), Project: project, Dataset: "cats", Verdict: simulator.VerdictRefused})
		}, []string{"V1"}},
		"one call that was two requests": {func(e *Evidence) {
			e.Ledger = append(e.Ledger, simulator.Entry{Time: at(4), Project: project, Dataset: "cats", Verdict: simulator.VerdictRefused})
			e.Calls[1].Entries = []int{1, 2}
		}, []string{"V1"}},
		"a start without an intent": {func(e *Evidence) { e.Calls[1].Nonce = "" }, []string{"V1"}},
		"a start before its intent": {func(e *Evidence) { e.Calls[1].At = at(0) }, []string{"V1"}},
		"a start that was sent too late": {func(e *Evidence) {
			e.Calls[1].Decided = at(-10)
		}, []string{"V1"}},
		"an attempt more than the limit": {func(e *Evidence) { versionOf(e, 1).Spec.RetryLimit = new(int32); bump(e, 1) }, []string{"V1", "V9"}},
		"an intent without a baseline":   {func(e *Evidence) { versionOf(e, 1).Status.Run.Baseline = nil }, []string{"V1"}},
		"what was taken is given back": {func(e *Evidence) {
			run := versionOf(e, 2).Status.Run
			run.Task, run.Nonce, run.Attempt = nil, "", 0
			run.Accepted = false
		}, []string{"V1"}},
		"a second start of one try": {func(e *Evidence) { twice(e) }, []string{"V1", "V2"}},
		"a request that was dropped": {func(e *Evidence) {
			versionOf(e, 3).Spec.Trigger = "t"
		}, []string{"V3"}},
		"a run that never ended": {func(e *Evidence) { e.Objects[0].Versions = e.Objects[0].Versions[:3] }, []string{"V3"}},
		"an end that nobody sees": {func(e *Evidence) {
			st := &versionOf(e, 3).Status
			st.TaskState, st.History[0].Outcome = "FAILED", v1alpha1.OutcomeFailed
		}, []string{"V3"}},
		"a success by a task that failed":           {func(e *Evidence) { e.Tasks[1].State = "FAILED" }, []string{"V4"}},
		"a success by a task before the request":    {func(e *Evidence) { e.Tasks[1].CreateTime = at(-5) }, []string{"V4"}},
		"a success by a task of another data set":   {func(e *Evidence) { e.Tasks[1].Dataset = "dogs" }, []string{"V4", "V5"}},
		"a task that the service does not know":     {func(e *Evidence) { versionOf(e, 2).Status.Run.Task.ID = "T9" }, []string{"V5"}},
		"a task before it began":                    {func(e *Evidence) { e.Tasks[1].CreateTime = at(5) }, []string{"V5"}},
		"counts that are not the task's":            {func(e *Evidence) { e.Tasks[1].Added = 4 }, []string{"V5"}},
		"a call at rest":                            {func(e *Evidence) { e.Calls[0].At = at(61) }, []string{"V6"}},
		"a write at rest":                           {func(e *Evidence) { e.Objects[0].Versions[3].Time = at(61) }, []string{"V6"}},
		"more calls than the bucket gives":          {func(e *Evidence) { e.Calls = append(e.Calls, looks(12, nil)...) }, []string{"V7"}},
		"a key that is refused again and again":     {func(e *Evidence) { e.Calls = append(e.Calls, looks(4, refusal(modelarts.ClassAuthentication, 0))...) }, []string{"V7"}},
		"a call although a pause was asked for":     {func(e *Evidence) { e.Calls = append(e.Calls, paused()...) }, []string{"V7"}},
		"a write more than is due":                  {func(e *Evidence) { moreWrites(e) }, []string{"V8"}},
		"an event more than is due":                 {func(e *Evidence) { e.Events = append(e.Events, Event{UID: theUID, Reason: "SyncStarted", At: at(4)}) }, []string{"V8"}},
		"words that change back and forth":          {func(e *Evidence) { flap(e) }, []string{"V8"}},
		"an object that is Ready and Stalled":       {func(e *Evidence) { addCondition(e, 3, v1alpha1.StalledCondition) }, []string{"V9"}},
		"an object that is Reconciling and Stalled": {func(e *Evidence) { addCondition(e, 2, v1alpha1.StalledCondition) }, []string{"V9"}},
		"a status of a generation to come":          {func(e *Evidence) { versionOf(e, 3).Status.ObservedGeneration = 2 }, []string{"V9"}},
		"a reason that there is not":                {func(e *Evidence) { versionOf(e, 3).Status.Conditions[0].Reason = "Whim" }, []string{"V9"}},
		"a counter that moves by itself":            {func(e *Evidence) { versionOf(e, 2).Status.Run.Attempt = 2 }, []string{"V9"}},
		"a secret in a log": {func(e *Evidence) {
			e.Canaries, e.Texts = []string{"CANARY"}, map[string]string{"log": "key CANARY refused"}
		}, []string{"V10"}},
		"a secret in a status": {func(e *Evidence) {
			e.Canaries = []string{"CANARY"}
			versionOf(e, 3).Status.Conditions[0].Message = "key CANARY"
		}, []string{"V10"}},
		"somebody else's credentials": {func(e *Evidence) { e.Calls[0].KeyID = "theirs" }, []string{"V11"}},
		"a host that is not the manager's": {func(e *Evidence) {
			e.Terms.Endpoints = []string{"https://good"}
			e.Calls[0].Target.Endpoint, e.Calls[1].Target.Endpoint = "https://good", "https://evil"
		}, []string{"V11"}},
		"a request to somewhere else": {func(e *Evidence) { e.Foreign = 1 }, []string{"V11"}},
		"a message with a terminal escape": {func(e *Evidence) {
			versionOf(e, 3).Status.Conditions[0].Message = "\x1b[31mred"
		}, []string{"V13"}},
		"a message that is too long": {func(e *Evidence) {
			versionOf(e, 3).Status.Conditions[0].Message = strings.Repeat("x", maxMessage+1)
		}, []string{"V13"}},
		"an object that is too large": {func(e *Evidence) {
			versionOf(e, 3).Annotations = map[string]string{"a": strings.Repeat("x", maxObject)}
		}, []string{"V13"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := good()
			c.spoil(e)
			err := Check(e)
			if diff := cmp.Diff(c.want, found(err)); diff != "" {
				t.Errorf("want (-), got (+):\n%s\n%v", diff, err)
			}
		})
	}
}

// bump makes the intent of a version the second one.
func bump(e *Evidence, i int) { versionOf(e, i).Status.Run.Attempt = 2 }

// twice makes the service take another start of the same run.
func twice(e *Evidence) {
	second := e.Objects[0].Versions[1]
	again := second.DeepCopy()
	again.Status.Run.Nonce, again.Status.Run.Attempt = "n1", 2
	e.Ledger = append(e.Ledger, simulator.Entry{Time: at(4), Project: project, Dataset: "cats", Verdict: simulator.VerdictAccepted, TaskID: "T2"})
	e.Tasks = append(e.Tasks, task("T2", 4, "COMPLETED"))
	call := *e.Calls[1]
	call.Entries, call.At = []int{2}, at(4)
	e.Calls = append(e.Calls, &call)
}

// TestAFailurePaysForOneStart: the task of the first start has failed, and the
// second, whose answer was lost, was taken. A third is only right if the run had
// followed a task that failed since.
func TestAFailurePaysForOneStart(t *testing.T) {
	for name, c := range map[string]struct {
		told string // The task that status tells as failed when the third is paid for.
		want bool
	}{
		"what failed before the second start": {ourTask, true},
		"somebody else's task, failed since":  {"T3", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(thrice(c.told))
			if got := strings.Contains(err.Error(), "although it had taken T2"); got != c.want {
				t.Errorf("the third start is judged a second one: %t, want %t: %v", got, c.want, err)
			}
		})
	}
}

// thrice is a run of three starts, all of them taken.
func thrice(told string) *Evidence {
	e := good()
	first, following, final := e.Objects[0].Versions[1], e.Objects[0].Versions[2], e.Objects[0].Versions[3]
	version := func(seconds int, nonce string, attempt int32, failed string) Version {
		o := first.DeepCopy()
		o.Status.TaskID, o.Status.TaskState = failed, "FAILED"
		o.Status.Run.Nonce, o.Status.Run.Attempt, o.Status.Run.StartTime = nonce, attempt, micro(seconds)
		return Version{o, at(seconds)}
	}
	last := following.DeepCopy()
	last.Status.TaskID = "T4"
	last.Status.Run.Nonce, last.Status.Run.Attempt, last.Status.Run.Task.ID = "n3", 3, "T4"
	final.Status.TaskID, final.Status.History[0].TaskID, final.Time = "T4", "T4", at(300)
	e.Objects[0].Versions = []Version{
		e.Objects[0].Versions[0], first, following, version(12, "", 1, ourTask), version(20, "n2", 2, ourTask),
		version(100, "", 2, told), version(200, "n3", 3, told),
		{last, at(203)},
		final,
	}
	e.Tasks[1] = task(ourTask, 2, "FAILED")
	e.Tasks[1].Duration = 9 * time.Second
	e.Tasks = append(e.Tasks, task("T2", 21, "COMPLETED"), task("T3", 90, "FAILED"), task("T4", 201, "COMPLETED"))
	e.Tasks[3].Duration = time.Second
	for i, s := range []struct {
		seconds     int
		nonce, task string
	}{{21, "n2", "T2"}, {201, "n3", "T4"}} {
		e.Ledger = append(e.Ledger, simulator.Entry{Time: at(s.seconds), Project: project, Dataset: "cats", Verdict: simulator.VerdictAccepted, TaskID: s.task})
		call := *e.Calls[1]
		call.Nonce, call.Entries = s.nonce, []int{2 + i}
		call.Decided, call.Looked, call.Made, call.At, call.Answered = at(s.seconds-1), at(s.seconds-1), at(s.seconds), at(s.seconds), at(s.seconds)
		e.Calls = append(e.Calls, &call)
	}
	return e
}

// looks are calls at one moment, each of which ended alike.
func looks(n int, failure *modelarts.Error) []*Call {
	var all []*Call
	for range n {
		all = append(all, &Call{
			Operation: simulator.OperationLatest, Process: "p", Object: types.NamespacedName{Namespace: "vision", Name: "cats"},
			KeyID: theKey, At: at(20), Answered: at(20), Failure: failure,
		})
	}
	return all
}

func refusal(class modelarts.Class, retryAfter time.Duration) *modelarts.Error {
	return &modelarts.Error{HTTPStatus: 401, Class: class, RetryAfter: retryAfter}
}

// paused are two calls, the second of which comes in the pause that the answer
// to the first has asked for.
func paused() []*Call {
	calls := append(looks(1, refusal(modelarts.ClassThrottled, time.Minute)), looks(1, nil)...)
	calls[1].At, calls[1].Answered = at(30), at(30)
	return calls
}

// moreWrites writes the same run twice more.
func moreWrites(e *Evidence) {
	versions := e.Objects[0].Versions
	var extra []Version
	for i, state := range []string{"QUEUING", "RUNNING"} {
		v := versions[2].DeepCopy()
		v.Status.Run.Task.State = state
		extra = append(extra, Version{v, at(5 + i)})
	}
	e.Objects[0].Versions = slices.Insert(versions, 3, extra...)
}

// flap writes other words, and then the ones before.
func flap(e *Evidence) {
	versions := e.Objects[0].Versions
	other, back := versions[2].DeepCopy(), versions[2].DeepCopy()
	other.Status.Conditions[0].Message = "Other words."
	e.Terms.Flawless = false
	e.Objects[0].Versions = slices.Insert(versions, 3, Version{other, at(5)}, Version{back, at(6)})
}

func addCondition(e *Evidence, i int, kind string) {
	st := &versionOf(e, i).Status
	st.Conditions = append(st.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonTaskFailed})
}

func TestLeakedFindsAGoroutineThatStays(t *testing.T) {
	before := Measure()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		<-stop
		close(ended)
	}()
	var v *Violation
	if err := before.Leaked(time.Millisecond); !errors.As(err, &v) || v.Invariant != "V12" {
		t.Errorf("got %v, want V12", err)
	}
	close(stop)
	<-ended
	if err := before.Leaked(time.Minute); err != nil {
		t.Error(err)
	}
}

func TestHandoverIsJudgedByLeaseAndSettleTime(t *testing.T) {
	if err := Handover(at(0), at(75), 15*time.Second, time.Minute, time.Second); err != nil {
		t.Error(err)
	}
	if err := Handover(at(0), at(77), 15*time.Second, time.Minute, time.Second); err == nil {
		t.Error("got nothing, want V14")
	}
}
