package controllers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// queue has when each object asked to be called.
type queue map[string]time.Time

// create fills a queue with a number of new objects.
func (w *world) createMany(ctx context.Context, n int, changes ...change) queue {
	GinkgoHelper()
	q := queue{}
	for i := range n {
		name := fmt.Sprintf("cats-%02d", i)
		w.create(ctx, name, changes...)
		q[name] = w.clock.Now()
	}
	return q
}

// live lets time pass: each object is called whenever it asked to be, and after
// a write of its own, of which a watch tells.
func (w *world) live(ctx context.Context, q queue, period time.Duration) {
	GinkgoHelper()
	end := w.clock.Now().Add(period)
	for {
		names := slices.Sorted(maps.Keys(q))
		if len(names) == 0 {
			break
		}
		first := slices.MinFunc(names, func(a, b string) int { return q[a].Compare(q[b]) })
		if q[first].After(end) {
			break
		}
		if q[first].After(w.clock.Now()) {
			w.clock.SetTime(q[first])
		}
		writes := w.writes
		switch wait := w.pass(ctx, first).RequeueAfter; {
		case w.writes > writes:
			q[first] = w.clock.Now()
		case wait > 0:
			q[first] = w.clock.Now().Add(wait)
		default:
			delete(q, first)
		}
	}
	w.clock.SetTime(end)
}

// listAgain is what a new process does first.
func (w *world) listAgain(q queue, names []string) {
	w.restart()
	for _, name := range names {
		q[name] = w.clock.Now()
	}
}

var _ = Describe("A failure", func() {
	window := "policy user over ratelimit,limit:100,time:1 minute"
	for name, c := range map[string]struct {
		fault simulator.Fault
		// wait is how long the service is left alone, 0 for until the next request.
		wait    time.Duration
		reason  string
		stalled bool
		// attempts is what the failure costs if it is a start's.
		attempts int32
	}{
		"that may pass":                       {simulator.Fault{Code: "ModelArts.1002"}, 10 * time.Second, v1alpha1.ReasonRetrying, false, 1},
		"that is unknown":                     {simulator.Fault{Code: "ModelArts.9999"}, 0, v1alpha1.ReasonRequestRejected, true, 1},
		"to pay":                              {simulator.Fault{Code: "ModelArts.4116"}, 10 * time.Minute, v1alpha1.ReasonPermissionDenied, true, 0},
		"for lack of rights":                  {simulator.Fault{Code: "ModelArts.4310"}, 10 * time.Minute, v1alpha1.ReasonPermissionDenied, true, 0},
		"for a key that is not accepted":      {simulator.Fault{Kind: "locked"}, 6 * time.Minute, v1alpha1.ReasonAuthenticationFailed, true, 0},
		"for a token that has expired":        {simulator.Fault{Kind: "token-expired"}, 6 * time.Minute, v1alpha1.ReasonAuthenticationFailed, true, 0},
		"for a data set that is not there":    {simulator.Fault{Code: "ModelArts.4352"}, 0, v1alpha1.ReasonDatasetNotFound, true, 1},
		"for a type that cannot be":           {simulator.Fault{Code: "ModelArts.4383"}, 0, v1alpha1.ReasonUnsupported, true, 1},
		"for too many calls, in seconds":      {simulator.Fault{Kind: "throttled", RetryAfter: "90"}, 90 * time.Second, v1alpha1.ReasonThrottled, false, 0},
		"for too many calls, as a date":       {simulator.Fault{Kind: "throttled", RetryAfter: t0.Add(2 * time.Minute).Format(http.TimeFormat)}, 2 * time.Minute, v1alpha1.ReasonThrottled, false, 0},
		"for too many calls, by its window":   {simulator.Fault{Kind: "throttled", Message: window}, time.Minute, v1alpha1.ReasonThrottled, false, 0},
		"for too many calls, not told":        {simulator.Fault{Kind: "throttled", Message: "Too many."}, 10 * time.Second, v1alpha1.ReasonThrottled, false, 0},
		"for too many calls, for no time":     {simulator.Fault{Kind: "throttled", RetryAfter: "0"}, time.Second, v1alpha1.ReasonThrottled, false, 0},
		"for too many calls, for a day":       {simulator.Fault{Kind: "throttled", RetryAfter: "86400"}, 30 * time.Minute, v1alpha1.ReasonThrottled, false, 0},
		"for too many calls, as a past date":  {simulator.Fault{Kind: "throttled", RetryAfter: t0.Add(-time.Hour).Format(http.TimeFormat)}, time.Second, v1alpha1.ReasonThrottled, false, 0},
		"for too many calls, by another code": {simulator.Fault{Kind: "throttled", Code: "ModelArts.4395"}, 10 * time.Second, v1alpha1.ReasonThrottled, false, 0},
	} {
		for _, operation := range []string{simulator.OperationLatest, simulator.OperationStart} {
			It(fmt.Sprintf("%s goes its own way, also over a restart: %s", name, operation), func(ctx SpecContext) {
				w := newWorld(ctx)
				fault := c.fault
				if fault.Kind == "" {
					fault.Kind = "answer"
				}
				fault.Operation, fault.Count = operation, 1
				w.service.AddFault(fault)
				w.create(ctx, "cats")
				w.pass(ctx, "cats")
				obj := w.get(ctx, "cats")
				calls := w.calls()

				reason, attempts := c.reason, c.attempts
				if operation == simulator.OperationLatest {
					attempts = 0
					if reason == v1alpha1.ReasonRetrying {
						reason = v1alpha1.ReasonServiceUnavailable
					}
				}
				Expect(hasReason(reason)(obj)).To(BeTrue(), describeStatus(obj))
				Expect(isStalled(obj)).To(Equal(c.stalled))
				Expect(meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ReconcilingCondition)).To(Equal(!c.stalled))
				if c.wait == 0 {
					Expect(obj.Status.History[0].Attempts).To(Equal(attempts))
					w.restart()
					w.step(24 * time.Hour)
					Expect(w.pass(ctx, "cats").RequeueAfter).To(BeZero())
					Expect(w.calls()).To(Equal(calls))
					w.edit(ctx, "cats", withTrigger("v1"))
				} else {
					Expect(obj.Status.Run.Attempt).To(Equal(attempts))
					Expect(obj.Status.Run.RetryTime.Time).To(BeTemporally("==", t0.Add(c.wait)))
					w.restart()
					w.clock.SetTime(t0.Add(c.wait - time.Millisecond))
					Expect(w.pass(ctx, "cats").RequeueAfter).To(Equal(time.Millisecond))
					Expect(w.calls()).To(Equal(calls), "the service is left alone until then")
					w.restart()
					w.clock.SetTime(t0.Add(c.wait))
				}
				w.pass(ctx, "cats")
				Expect(w.calls()).To(BeNumerically(">", calls))
				obj = w.follow(ctx, "cats", isReady)
				Expect(obj.Status.ErrorCode + obj.Status.ErrorMsg).To(BeEmpty())
				if c.wait > 0 {
					Expect(obj.Status.History[0].Attempts).To(Equal(attempts + 1))
				}
				Expect(w.starts("cats")).To(Equal(1))
			})
		}
	}

	It("to read the status is repeated after delays that double, whatever restarts", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.service.AddFault(simulator.Fault{Kind: "answer", Operation: simulator.OperationLatest, Status: 503})
		w.create(ctx, "cats")
		var waits []int
		for range 9 {
			waits = append(waits, int(w.pass(ctx, "cats").RequeueAfter/time.Second))
			w.restart()
			w.step(time.Duration(waits[len(waits)-1]) * time.Second)
		}
		Expect(waits).To(Equal([]int{10, 20, 40, 80, 160, 320, 600, 600, 600}))
		Expect(w.calls()).To(Equal(9))
	})

	It("to start the task is repeated after delays that double, until no attempt is left", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.service.AddFault(simulator.Fault{Kind: "answer", Operation: simulator.OperationStart, Code: "ModelArts.1002", Message: "OBS operation failed."})
		w.create(ctx, "cats", withRetryLimit(2))
		for n, says := range []string{"it is started again (start 2 of at most 3)", "it is started again (start 3 of at most 3)", "spec.retryLimit allows no start after 3"} {
			obj := w.follow(ctx, "cats", func(obj *v1alpha1.DatasetSync) bool { return obj.Status.Run.Failures == int32(n)+1 })
			Expect(message(obj)).To(Equal("The start was refused: ModelArts.1002: OBS operation failed; " + says + "."))
		}
		obj := w.follow(ctx, "cats", isStalled)
		Expect(w.clock.Now().Sub(t0)).To(Equal((10 + 20 + 40) * time.Second))
		Expect(hasReason(v1alpha1.ReasonRetryLimitReached)(obj)).To(BeTrue())
		Expect(message(obj)).To(And(ContainSubstring("ModelArts.1002: OBS operation failed"), ContainSubstring("spec.retryLimit")))
		Expect(obj.Status.ErrorCode).To(Equal("ModelArts.1002"))
		Expect(obj.Status.History[0].Attempts).To(BeEquivalentTo(3))
		Expect(obj.Status.History[0].ErrorCode).To(Equal("ModelArts.1002"))
		Expect(w.service.Calls()[simulator.OperationStart]).To(Equal(3))
	})

	It("of another kind in between does not hide the last error", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.service.AddFault(simulator.Fault{Kind: "answer", Operation: simulator.OperationStart, Code: "ModelArts.1002", Count: 1})
		w.service.AddFault(simulator.Fault{Kind: "answer", Operation: simulator.OperationLatest, Status: 503, Skip: 1, Count: 1})
		w.service.AddFault(simulator.Fault{Kind: "reset-before", Operation: simulator.OperationStart})
		w.create(ctx, "cats", withRetryLimit(1))
		obj := w.follow(ctx, "cats", isStalled)
		Expect(hasReason(v1alpha1.ReasonRetryLimitReached)(obj)).To(BeTrue())
		Expect(message(obj)).To(And(ContainSubstring("did not tell"), ContainSubstring("ModelArts.1002")))
	})

	It("of the task is told in the words of the service, and the message stays the same", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.service.AddFault(simulator.Fault{Kind: "answer", Operation: simulator.OperationLatest, Status: 503})
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		first := message(w.get(ctx, "cats"))
		w.follow(ctx, "cats", func(obj *v1alpha1.DatasetSync) bool { return obj.Status.Run.Failures == 4 })
		Expect(message(w.get(ctx, "cats"))).To(Equal(first))
	})
})

var _ = Describe("A restart", func() {
	const objects = 20

	It("wakes nobody at rest", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.settings.QPS = 0
		w.restart()
		q := w.createMany(ctx, objects)
		names := slices.Sorted(maps.Keys(q))
		w.live(ctx, q, 10*time.Minute)
		calls, writes := w.calls(), w.writes
		w.listAgain(q, names)
		w.live(ctx, q, time.Minute)
		Expect(w.calls()).To(Equal(calls))
		Expect(w.writes).To(Equal(writes))
		Expect(q).To(BeEmpty(), "nobody asks to be called")
	})

	It("costs no call while many objects wait after a failure", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.settings.QPS = 0
		w.restart()
		w.service.AddFault(simulator.Fault{Kind: "answer", Operation: simulator.OperationLatest, Status: 503})
		q := w.createMany(ctx, objects)
		names := slices.Sorted(maps.Keys(q))
		// Looks are due after 0, 10, 30, 70, 150, 310 and 630 seconds.
		for range 11 {
			w.live(ctx, q, time.Minute)
			w.listAgain(q, names)
		}
		Expect(w.calls()).To(Equal(7 * objects))
	})

	It("looks at many tasks no faster than the service allows", func(ctx SpecContext) {
		w := newWorld(ctx, func(c *simulator.Config) { c.TaskDuration = 0 })
		w.settings.QPS = 0
		w.restart()
		q := w.createMany(ctx, objects)
		names := slices.Sorted(maps.Keys(q))
		w.live(ctx, q, time.Minute)
		Expect(w.service.Ledger()).To(HaveLen(objects))

		w.settings.QPS, w.settings.Burst = 5, 10
		calls := w.calls()
		w.listAgain(q, names)
		w.live(ctx, q, 0)
		Expect(w.calls() - calls).To(BeNumerically("<=", w.settings.Burst))
		w.live(ctx, q, 20*time.Second)
		Expect(w.calls()-calls).To(BeNumerically(">=", objects), "every task is looked at")
		Expect(w.service.Ledger()).To(HaveLen(objects), "nothing is started")
	})

	It("lets one object try a key before the others", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.create(ctx, "dogs")
		w.hooks.beforeLook = func() {
			w.hooks = hooks{}
			Expect(w.pass(ctx, "dogs").RequeueAfter).To(Equal(probeWait))
			Expect(w.calls()).To(BeZero())
		}
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(1))
		w.pass(ctx, "dogs")
		Expect(w.starts("dogs")).To(Equal(1))
	})
})
