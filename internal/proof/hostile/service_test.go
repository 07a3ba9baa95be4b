package hostile

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

func isReady(obj *v1alpha1.DatasetSync) bool {
	return strings.HasPrefix(condition(obj, v1alpha1.ReadyCondition), "True")
}

func isStalled(obj *v1alpha1.DatasetSync) bool {
	return strings.HasPrefix(condition(obj, v1alpha1.StalledCondition), "True")
}

func isFollowing(obj *v1alpha1.DatasetSync) bool {
	return obj.Status.Run != nil && obj.Status.Run.Task != nil
}

func TestNobodyIsRedirected(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, operation := range []string{simulator.OperationLatest, simulator.OperationStart} {
			t.Run(operation+" "+strconv.Itoa(status), func(t *testing.T) {
				t.Parallel()
				var stolen atomic.Int32
				thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Add(1) }))
				defer thief.Close()
				w := newWorld(t)
				for _, to := range []string{thief.URL, thief.URL + "/v2/", w.server.URL + "/elsewhere"} {
					w.fault(simulator.Fault{Kind: "redirect", Operation: operation, Status: status, Location: to, Count: 1})
				}
				for _, name := range []string{"cats", "dogs", "cows"} {
					w.create(name)
					obj := w.rest(name)
					if got := condition(obj, v1alpha1.ReadyCondition); got != "False "+v1alpha1.ReasonRequestRejected {
						t.Errorf("it ends as %s", describe(obj))
					}
				}
				if n := stolen.Load(); n != 0 {
					t.Errorf("another host saw %d requests", n)
				}
				want := 3
				if operation == simulator.OperationStart {
					want = 6 // One look before each.
				}
				if got := w.calls(); got != want {
					t.Errorf("%d calls, want %d: each refusal is for good", got, want)
				}
				w.findSecrets(t)
			})
		}
	}
}

// A storm of 503 must not make many objects call more often than their key may.
func TestAStormOfFailuresIsNoStormOfCalls(t *testing.T) {
	t.Parallel()
	const objects, storm = 20, 30 * time.Minute
	w := newWorld(t)
	w.fault(simulator.Fault{Kind: "answer", Status: 503})
	at := map[string]time.Time{}
	for i := range objects {
		name := "cats-" + strconv.Itoa(i)
		w.create(name)
		at[name] = w.clock.Now()
	}
	ends := w.clock.Now().Add(storm)
	for {
		name := earliest(at)
		if at[name].After(ends) {
			break
		}
		w.step(max(0, at[name].Sub(w.clock.Now())))
		at[name] = w.clock.Now().Add(w.pass(name))
	}
	// Each object backs off by 10 s, 20 s … 10 min: 8 calls in 30 minutes.
	if got := w.calls(); got > objects*8 {
		t.Errorf("%d calls in %s for %d objects", got, storm, objects)
	}
	w.service.ClearFaults()
	for name := range at {
		if obj := w.follow(name, isReady); len(w.starts(name)) != 1 {
			t.Errorf("%d starts: %s", len(w.starts(name)), describe(obj))
		}
	}
}

func earliest(at map[string]time.Time) string {
	first := ""
	for name, when := range at {
		if first == "" || when.Before(at[first]) || (when.Equal(at[first]) && name < first) {
			first = name
		}
	}
	return first
}

func TestATokenThatExpiresInTheMiddleOfARunLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *simulator.Config) { c.Token = "CANARY-TOKEN-1" })
	w.setSecret(map[string]string{"token": "CANARY-TOKEN-1"})
	w.create("cats")
	w.follow("cats", isFollowing)
	w.service.SetToken("CANARY-TOKEN-2")
	obj := w.follow("cats", isStalled)
	if got := condition(obj, v1alpha1.StalledCondition); got != "True "+v1alpha1.ReasonAuthenticationFailed || !isFollowing(obj) {
		t.Errorf("it is %s", describe(obj))
	}
	w.setSecret(map[string]string{"token": "CANARY-TOKEN-2"})
	w.follow("cats", isReady)
	if n := len(w.starts("cats")); n != 1 {
		t.Errorf("%d starts", n)
	}
	w.findSecrets(t)
}

func TestAWrongClockOfOursNeitherFailsNorLocksTheKey(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-24 * time.Hour, -20 * time.Minute, 20 * time.Minute, 24 * time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			t.Parallel()
			var w *world
			w = newWorld(t, func(c *simulator.Config) { c.Now = func() time.Time { return w.clock.Now().Add(off) } })
			for _, name := range []string{"cats", "dogs"} {
				w.create(name)
				obj := w.follow(name, isReady)
				if n := len(w.starts(name)); n != 1 || obj.Status.History[0].Attempts != 1 {
					t.Errorf("%d starts: %s", n, describe(obj))
				}
			}
			for _, entry := range w.service.Ledger() {
				if entry.Status == http.StatusUnauthorized {
					t.Error("a start was signed for a time that the service does not have")
				}
			}
		})
	}
}

// Our clock jumps while a task runs, and while the fate of a start is unknown.
func TestAClockThatJumpsStartsNothingTwice(t *testing.T) {
	t.Parallel()
	for _, jump := range []time.Duration{-24 * time.Hour, -time.Hour, time.Hour, 24 * time.Hour} {
		for name, prepare := range map[string]func(*world){
			"while a task runs":            func(*world) {},
			"while the fate is unknown":    func(w *world) { w.fault(fault("reset-after")) },
			"while the start is accepted":  func(w *world) { w.fault(fault("empty", applied)) },
			"while another's task runs":    func(w *world) { w.external("") },
			"while the service is away":    func(w *world) { w.fault(simulator.Fault{Kind: "answer", Status: 503, Count: 3}) },
			"while the service throttles":  func(w *world) { w.fault(fault("throttled", retryAfter("60"))) },
			"while a task that fails runs": func(w *world) { w.fault(fault("task-fails")) },
		} {
			t.Run(name+" by "+jump.String(), func(t *testing.T) {
				t.Parallel()
				var w *world
				var off atomic.Int64
				w = newWorld(t, func(c *simulator.Config) {
					c.Now = func() time.Time { return w.clock.Now().Add(-time.Duration(off.Load())) }
				})
				prepare(w)
				w.create("cats")
				w.pass("cats")
				off.Store(int64(jump))
				w.step(jump)
				want := 1
				if name == "while a task that fails runs" {
					want = 2
				}
				w.follow("cats", isReady)
				if n := len(w.starts("cats")); n != want {
					t.Errorf("%d starts, want %d", n, want)
				}
			})
		}
	}
}

func TestATaskThatNeverEndsIsShownAndWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fault(fault("task-never-ends"))
	w.create("cats", func(obj *v1alpha1.DatasetSync) { obj.Spec.TaskTimeoutSeconds = 3600 })
	obj := w.follow("cats", isStalled)
	if got := condition(obj, v1alpha1.StalledCondition); got != "True "+v1alpha1.ReasonTaskTimedOut {
		t.Errorf("it is %s", describe(obj))
	}
	before := w.calls()
	for range 10 {
		if wait := w.pass("cats"); wait < w.settings.RetryMax {
			t.Errorf("the next look comes after %s", wait)
		} else {
			w.step(wait)
		}
	}
	if n := w.calls() - before; n > 10 {
		t.Errorf("%d calls in 10 waits", n)
	}
	w.service.FinishTask(project, "cats", "COMPLETED")
	w.follow("cats", isReady)
	if n := len(w.starts("cats")); n != 1 {
		t.Errorf("%d starts", n)
	}
}

// What somebody else started after ours, and that fails, is made up for once.
func TestAForeignTaskThatReplacesOursAndFailsIsMadeUpFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("cats")
	w.follow("cats", isFollowing)
	w.service.FinishTask(project, "cats", "COMPLETED")
	w.step(time.Second)
	if _, err := w.service.StartTask(project, "cats"); err != nil {
		t.Fatal(err)
	}
	w.follow("cats", func(obj *v1alpha1.DatasetSync) bool {
		return isFollowing(obj) && obj.Status.Run.Task.Origin == v1alpha1.OriginAdopted
	})
	w.service.FinishTask(project, "cats", "FAILED", "ModelArts.4360", "Unknown error.")
	w.follow("cats", isReady)
	if n := len(w.starts("cats")); n != 2 {
		t.Errorf("%d starts, want one, and one for the failure", n)
	}
}

func TestATerminalWordIsFinal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fault(fault("reset-after"))
	w.create("cats")
	w.follow("cats", func(obj *v1alpha1.DatasetSync) bool { return obj.Status.TaskState == "COMPLETED" })
	w.fault(fault("status-regress", latest, always))
	obj := w.follow("cats", isReady)
	if obj.Status.TaskState != "COMPLETED" || len(w.starts("cats")) != 1 {
		t.Errorf("%d starts: %s", len(w.starts("cats")), describe(obj))
	}
}

// A start whose answer was lost, and whose task is over by the time of the next
// look: its counts are shown, and one more look is for a late twin.
func TestATaskThatIsFirstSeenAtItsEndIsShownWithItsCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("cats")
	w.rest("cats")
	w.fault(fault("reset-after"))
	w.store.edit(key("cats"), func(obj *v1alpha1.DatasetSync) { obj.Spec.Trigger = "again" })
	w.pass("cats")
	w.step(2 * taskTime)
	w.pass("cats")
	if obj := w.get("cats"); obj.Status.Run == nil {
		t.Errorf("it was closed without one more look: %s", describe(obj))
	}
	obj := w.rest("cats")
	tasks := w.service.Tasks(project, "cats")
	last := tasks[len(tasks)-1]
	got := obj.Status.Samples
	if len(tasks) != 2 || got == nil || got.Added == nil || got.Total == nil || *got.Added != last.Added || *got.Total != last.Total {
		t.Errorf("%d tasks, and the counts %s, want those of %+v", len(tasks), encode(got), last)
	}
}
