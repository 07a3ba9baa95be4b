package hostile

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/controllers"
)

// seeds is how many made-up statuses every run of the tests begins with.
const seeds = 150

// passesAtMost is within how many passes an object comes to rest, whatever its
// status said at first. A task of a minute takes about ten.
const passesAtMost = 200

// Whatever stands in a status, the operator neither panics nor calls another host
// or starts anything but what spec names, no more often than it may; and the
// object comes to rest, with every request that was made served or shown as
// failed.
func FuzzReconcile(f *testing.F) {
	for seed := range uint64(seeds) {
		choices, random := make([]byte, 300), rand.New(rand.NewPCG(seed, 0))
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		f.Add(choices)
	}
	crd := statusSchema(f)
	f.Fuzz(func(t *testing.T, choices []byte) { playForged(t, crd, &dice{choices}) })
}

// playForged lets an object begin with a status that was made up.
func playForged(tb testing.TB, crd *schemaOf, d *dice) {
	tb.Helper()
	spec, status := d.spec(), d.status()
	if crd.check(decode(encode(status))) != nil {
		return // The API server would not have taken it.
	}
	w := newQuietWorld(tb, crd)
	api := &recordingAPI{world: w, before: d.latest()}
	w.useAPI(api)
	w.create("cats", func(obj *v1alpha1.DatasetSync) {
		obj.Spec, obj.Status = spec, status
		obj.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: pick(d, "", "r")}
	})
	w.settleForged(tb, api)
}

// newQuietWorld makes a world without a service and without logs.
func newQuietWorld(tb testing.TB, crd *schemaOf) *world {
	tb.Helper()
	w := &world{
		t: tb, clock: clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		store: newStore(crd), recorder: events.NewFakeRecorder(10_000),
		settings: controllers.Settings{
			Endpoint: "https://modelarts.{region}.example", DefaultRegion: "cn-north-4",
			RequestTimeout: patient, SettleTime: time.Minute, ScheduleJitter: 30 * time.Second,
			PollMin: 5 * time.Second, PollMax: time.Minute, RetryMin: 10 * time.Second, RetryMax: 10 * time.Minute,
		},
	}
	w.setSecret(map[string]string{"accessKey": accessKey, "secretKey": secretKey})
	return w
}

// settleForged follows an object with a forged status until it rests.
func (w *world) settleForged(tb testing.TB, api *recordingAPI) {
	tb.Helper()
	scheduled := w.get("cats").Spec.Schedule != ""
	for range passesAtMost {
		wait := w.pass("cats")
		api.judge(tb)
		obj := w.get("cats")
		if meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ReconcilingCondition) &&
			meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.StalledCondition) {
			tb.Fatalf("both reconciling and stalled: %s", describe(obj))
		}
		if wait == 0 || (scheduled && obj.Status.Run == nil && wait > time.Second) {
			w.judgeRest(tb, obj, api)
			return
		}
		w.step(min(wait, 100*365*24*time.Hour))
	}
	if obj := w.get("cats"); !isStalled(obj) && !waitsForTheFuture(obj.Status.Run, w.clock.Now()) {
		tb.Fatalf("it neither comes to rest nor shows why not: %s", describe(obj))
	}
}

// waitsForTheFuture reports whether somebody made up a time that has not come:
// that only delays.
func waitsForTheFuture(run *v1alpha1.Run, now time.Time) bool {
	if run == nil {
		return false
	}
	times := []*metav1.MicroTime{&run.RequestedTime, run.StartTime, run.RetryTime, run.BusyTime}
	if run.Task != nil {
		times = append(times, &run.Task.SeenTime)
	}
	return slices.ContainsFunc(times, func(at *metav1.MicroTime) bool { return at != nil && at.After(now) })
}

// judge fails on a call that spec does not ask for.
func (a *recordingAPI) judge(tb testing.TB) {
	tb.Helper()
	for _, call := range a.calls {
		switch call.Endpoint {
		case "https://modelarts.cn-north-4.example", "https://modelarts.eu-west-101.example":
		default:
			tb.Fatalf("a call to %q", call.Endpoint)
		}
	}
	for _, started := range a.starts {
		if started != project+"/cats" {
			tb.Fatalf("a start of %q", started)
		}
	}
	if len(a.starts) > 100 {
		tb.Fatal("a hundred starts")
	}
}

// judgeRest fails on an object at rest for which something was asked and not
// done.
func (w *world) judgeRest(tb testing.TB, obj *v1alpha1.DatasetSync, api *recordingAPI) {
	tb.Helper()
	if obj.Spec.Suspend {
		return
	}
	s := &obj.Status
	asked := obj.Annotations[v1alpha1.RequestedAtAnnotation]
	if s.Run != nil || s.HandledTarget == nil || (obj.Spec.Trigger != "" && s.HandledTrigger != obj.Spec.Trigger) ||
		(asked != "" && s.HandledRequest != asked) {
		tb.Fatalf("it rests with something to do: %s", encode(s))
	}
	if s.ObservedGeneration != obj.Generation {
		tb.Fatalf("the status is of generation %d, not %d", s.ObservedGeneration, obj.Generation)
	}
	patches, calls := w.store.patches, len(api.calls)
	w.pass("cats")
	if w.store.patches != patches || len(api.calls) != calls {
		tb.Fatalf("an object at rest is worked on again: %s", encode(s))
	}
}
