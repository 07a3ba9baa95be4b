package controllers

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// moment is a point in the life of a run at which something may happen to its
// object.
type moment struct {
	stage stage
	// arrange readies the service, so that the first pass gets there.
	arrange func(w *world)
	// taken is how many starts of that pass the service takes.
	taken int
	// retries is the retryLimit that it takes to get there.
	retries int32
}

func armed(f simulator.Fault) func(*world) {
	return func(w *world) {
		f.Operation, f.Count = simulator.OperationStart, 1
		w.service.AddFault(f)
	}
}

// moments are all of them by name.
var moments = map[string]moment{
	"while another task is in the way": {stage: stageOpen, arrange: func(w *world) {
		_, err := w.service.StartTask(testProject, "cats")
		Expect(err).NotTo(HaveOccurred())
	}},
	"while the data set is busy":     {stage: stageOpen, arrange: armed(simulator.Fault{Kind: "answer", Code: "ModelArts.4356"})},
	"between two tries":              {stage: stageOpen, arrange: armed(simulator.Fault{Kind: "answer", Code: "ModelArts.1002"}), retries: 1},
	"while a taken start is unknown": {stage: stageUnknown, arrange: armed(simulator.Fault{Kind: "reset-after"}), taken: 1},
	"while a lost start is unknown":  {stage: stageUnknown, arrange: armed(simulator.Fault{Kind: "reset-before"})},
	"after a start without a task":   {stage: stageAccepted, arrange: armed(simulator.Fault{Kind: "empty", Applied: true}), taken: 1},
	"while the task is under way":    {stage: stageFollowing, arrange: func(*world) {}, taken: 1},
}

// at creates the object "cats" and brings its run to a moment.
func (w *world) at(ctx context.Context, m moment, changes ...change) {
	GinkgoHelper()
	m.arrange(w)
	w.create(ctx, "cats", changes...)
	w.pass(ctx, "cats")
	Expect(stageOf(w.get(ctx, "cats").Status.Run)).To(Equal(m.stage))
	Expect(w.starts("cats")).To(Equal(m.taken))
}

func withRetryLimit(limit int32) change {
	return func(obj *v1alpha1.DatasetSync) { obj.Spec.RetryLimit = &limit }
}

// served is true once nothing that was asked for is open.
func served(obj *v1alpha1.DatasetSync) bool {
	return isReady(obj) && obj.Status.Run == nil && obj.Status.HandledTrigger == obj.Spec.Trigger &&
		obj.Status.HandledRequest == requestedAt(obj) && obj.Status.HandledTarget.DatasetID == obj.Spec.DatasetID
}

// settles calls Reconcile whenever it asks to be called, until it does not.
func (w *world) settles(ctx context.Context, name string) *v1alpha1.DatasetSync {
	GinkgoHelper()
	for range 500 {
		result := w.pass(ctx, name)
		if result.RequeueAfter == 0 {
			return w.get(ctx, name)
		}
		w.step(result.RequeueAfter)
	}
	Fail("the object does not come to rest: " + describeStatus(w.get(ctx, name)))
	return nil
}

var _ = Describe("A request that comes", func() {
	for name, m := range moments {
		for way, ask := range map[string]func(n int) change{
			"by trigger":    func(n int) change { return withTrigger(fmt.Sprintf("v%d", n)) },
			"by annotation": func(n int) change { return withRequest(fmt.Sprintf("r%d", n)) },
		} {
			It(fmt.Sprintf("%s is served by exactly one more sync, with tries of its own: %s", name, way), func(ctx SpecContext) {
				w := newWorld(ctx)
				w.at(ctx, m, withRetryLimit(m.retries))
				for n := range 3 {
					w.edit(ctx, "cats", ask(n))
					if m.stage != stageOpen {
						w.pass(ctx, "cats")
					}
				}
				w.pass(ctx, "cats")
				obj := w.get(ctx, "cats")
				Expect(obj.Status.ObservedGeneration).To(Equal(obj.Generation))
				if m.stage != stageOpen {
					Expect(obj.Status.HandledTrigger+obj.Status.HandledRequest).To(BeEmpty(), "the run was not started for it")
				}
				obj = w.follow(ctx, "cats", served)
				Expect(w.starts("cats")).To(Equal(m.taken+1), "what was started before the request does not serve it")
				Expect(obj.Status.History).To(HaveLen(m.taken + 1))
				Expect(obj.Status.History[0].Attempts).To(BeEquivalentTo(1), "attempts are counted anew")
				Expect(w.pass(ctx, "cats").RequeueAfter).To(BeZero())
			})
		}

		It(name+" and is taken back asks for nothing", func(ctx SpecContext) {
			w := newWorld(ctx)
			w.at(ctx, m)
			w.edit(ctx, "cats", withTrigger("v1"))
			w.edit(ctx, "cats", withTrigger(""))
			w.follow(ctx, "cats", served)
			Expect(w.starts("cats")).To(Equal(1))
		})

		It(name+" for another data set is served by one sync of that one", func(ctx SpecContext) {
			w := newWorld(ctx)
			w.at(ctx, m)
			w.edit(ctx, "cats", withDataset("birds"))
			w.edit(ctx, "cats", withDataset("dogs"))
			obj := w.follow(ctx, "cats", served)
			Expect(w.starts("cats")).To(Equal(m.taken), "the old data set is not started again")
			Expect(w.starts("birds")).To(BeZero())
			Expect(w.starts("dogs")).To(Equal(1))
			Expect(obj.Status.HandledTarget.DatasetID).To(Equal("dogs"))
			Expect(obj.Status.TaskID).To(Equal(w.service.Tasks(testProject, "dogs")[0].ID))
		})
	}

	It("between two tries waits no longer", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.at(ctx, moments["between two tries"])
		Expect(w.pass(ctx, "cats").RequeueAfter).To(Equal(w.settings.RetryMin))
		w.edit(ctx, "cats", withTrigger("v1"))
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("after the attempts are used up gets new ones", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.service.AddFault(simulator.Fault{Kind: "task-fails"})
		w.create(ctx, "cats", withRetryLimit(1))
		w.follow(ctx, "cats", isStalled)
		Expect(w.starts("cats")).To(Equal(2))
		w.edit(ctx, "cats", withTrigger("v1"))
		obj := w.follow(ctx, "cats", isStalled)
		Expect(w.starts("cats")).To(Equal(4))
		Expect(obj.Status.History[0].Attempts).To(BeEquivalentTo(2))
	})
})

var _ = Describe("Suspending", func() {
	for name, m := range moments {
		It(name+" starts nothing more until it ends", func(ctx SpecContext) {
			w := newWorld(ctx)
			w.at(ctx, m)
			w.edit(ctx, "cats", withSuspend(true))
			obj := w.settles(ctx, "cats")
			Expect(w.starts("cats")).To(Equal(m.taken))
			Expect(hasReason(v1alpha1.ReasonSuspended)(obj)).To(BeTrue(), describeStatus(obj))
			Expect(isStalled(obj)).To(BeFalse())
			ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ReadyCondition).Status
			if m.taken == 1 {
				Expect(ready).To(Equal(metav1.ConditionTrue), "the task that was under way was followed to its end")
				Expect(obj.Status.Run).To(BeNil())
			} else {
				Expect(ready).NotTo(Equal(metav1.ConditionTrue))
				Expect(stageOf(obj.Status.Run)).To(Equal(stageOpen), "the request is kept")
			}

			calls, writes := w.calls(), w.writes
			w.step(24 * time.Hour)
			w.restart()
			Expect(w.pass(ctx, "cats").RequeueAfter).To(BeZero())
			Expect(w.calls()).To(Equal(calls))
			Expect(w.writes).To(Equal(writes))

			w.edit(ctx, "cats", withSuspend(false))
			obj = w.follow(ctx, "cats", served)
			Expect(hasReason(v1alpha1.ReasonSucceeded)(obj)).To(BeTrue(), describeStatus(obj))
			Expect(w.starts("cats")).To(Equal(1))
		})
	}

	It("a healthy object leaves it healthy, and so does resuming", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.healthy(ctx, "cats")
		calls := w.calls()
		w.edit(ctx, "cats", withSuspend(true))
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(isReady(obj)).To(BeTrue())
		Expect(hasReason(v1alpha1.ReasonSuspended)(obj)).To(BeTrue())
		w.edit(ctx, "cats", withSuspend(false))
		w.pass(ctx, "cats")
		obj = w.get(ctx, "cats")
		Expect(isReady(obj)).To(BeTrue())
		Expect(hasReason(v1alpha1.ReasonSucceeded)(obj)).To(BeTrue())
		Expect(w.calls()).To(Equal(calls))
	})

	It("a failed object does not hide the failure", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.service.AddFault(simulator.Fault{Kind: "task-fails", Code: "ModelArts.4312"})
		w.create(ctx, "cats")
		w.follow(ctx, "cats", isStalled)
		w.edit(ctx, "cats", withSuspend(true))
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(isStalled(obj)).To(BeTrue())
		Expect(hasReason(v1alpha1.ReasonTaskFailed)(obj)).To(BeTrue())

		w.edit(ctx, "cats", withTrigger("v1"))
		w.pass(ctx, "cats")
		w.edit(ctx, "cats", withTrigger(""), withSuspend(false))
		w.pass(ctx, "cats")
		obj = w.get(ctx, "cats")
		Expect(isStalled(obj)).To(BeTrue(), "a request that was taken back changes nothing: %s", describeStatus(obj))
		Expect(hasReason(v1alpha1.ReasonTaskFailed)(obj)).To(BeTrue(), describeStatus(obj))
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("while the task fails gives up instead of trying again", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.service.AddFault(simulator.Fault{Kind: "task-fails", Count: 1})
		w.at(ctx, moments["while the task is under way"])
		w.edit(ctx, "cats", withSuspend(true))
		obj := w.settles(ctx, "cats")
		Expect(isStalled(obj)).To(BeTrue())
		Expect(hasReason(v1alpha1.ReasonTaskFailed)(obj)).To(BeTrue())
		Expect(obj.Status.History[0].Outcome).To(Equal(v1alpha1.OutcomeFailed))
		w.edit(ctx, "cats", withSuspend(false))
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("keeps every kind of request, and they are served together", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.healthy(ctx, "cats")
		w.edit(ctx, "cats", withSuspend(true))
		for n := range 3 {
			w.edit(ctx, "cats", withTrigger(fmt.Sprintf("v%d", n)), withRequest(fmt.Sprintf("r%d", n)))
			w.pass(ctx, "cats")
		}
		Expect(isReady(w.get(ctx, "cats"))).To(BeFalse(), "somebody waits")
		w.edit(ctx, "cats", withSuspend(false))
		obj := w.follow(ctx, "cats", served)
		Expect(w.starts("cats")).To(Equal(2))
		Expect(obj.Status.HandledTrigger + obj.Status.HandledRequest).To(Equal("v2r2"))
	})
})

var _ = Describe("A suspended schedule", func() {
	It("shows no next time and makes up for one of those that were missed", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"))
		w.edit(ctx, "cats", withSuspend(true))
		Expect(w.pass(ctx, "cats").RequeueAfter).To(BeZero())
		Expect(nextSync(w.get(ctx, "cats"))).To(BeEmpty())
		w.clock.SetTime(t0.Add(5*time.Hour + time.Minute))
		w.pass(ctx, "cats")
		Expect(nextSync(w.get(ctx, "cats"))).To(BeEmpty())
		Expect(w.starts("cats")).To(Equal(1))

		w.edit(ctx, "cats", withSuspend(false))
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(nextSync(obj)).To(Equal("18:00:00"))
		Expect(isReady(obj)).To(BeTrue())
		Expect(hasReason(v1alpha1.ReasonSucceeded)(obj)).To(BeTrue(), "it is not suspended any more: %s", describeStatus(obj))
		w.follow(ctx, "cats", closedRuns(2))
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(2))
	})

	It("has nothing to make up for if none was missed", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"))
		w.edit(ctx, "cats", withSuspend(true))
		w.pass(ctx, "cats")
		w.clock.SetTime(t0.Add(30 * time.Minute))
		w.edit(ctx, "cats", withSuspend(false))
		w.pass(ctx, "cats")
		Expect(nextSync(w.get(ctx, "cats"))).To(Equal("13:00:00"))
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("skips what was missed if the deadline is past", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"), withDeadline(600))
		w.edit(ctx, "cats", withSuspend(true))
		w.pass(ctx, "cats")
		w.clock.SetTime(t0.Add(5*time.Hour + 30*time.Minute))
		w.edit(ctx, "cats", withSuspend(false))
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(nextSync(obj)).To(Equal("18:00:00"))
		Expect(obj.Status.History[0].Outcome).To(Equal(v1alpha1.OutcomeSkipped))
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("that is edited meanwhile begins anew", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"))
		w.edit(ctx, "cats", withSuspend(true))
		w.pass(ctx, "cats")
		w.clock.SetTime(t0.Add(5*time.Hour + 10*time.Minute))
		w.edit(ctx, "cats", withSchedule("30 * * * *"))
		w.pass(ctx, "cats")
		Expect(nextSync(w.get(ctx, "cats"))).To(BeEmpty())
		w.edit(ctx, "cats", withSuspend(false))
		w.pass(ctx, "cats")
		Expect(nextSync(w.get(ctx, "cats"))).To(Equal("17:30:00"))
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("of a new object is served together with its first sync", func(ctx SpecContext) {
		w := punctual(ctx)
		w.create(ctx, "cats", withSchedule("0 * * * *"), withSuspend(true))
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(nextSync(obj)).To(BeEmpty())
		Expect(summary(decision{status: obj.Status})).To(Equal("none, Ready=Unknown Suspended"))
		w.clock.SetTime(t0.Add(3*time.Hour + 10*time.Minute))
		w.edit(ctx, "cats", withSuspend(false))
		w.follow(ctx, "cats", closedRuns(1))
		Expect(w.pass(ctx, "cats").RequeueAfter).To(BeNumerically(">", 0))
		Expect(w.starts("cats")).To(Equal(1))
		Expect(nextSync(w.get(ctx, "cats"))).To(Equal("16:00:00"))
	})

	It("that does not parse is shown, and healed when it is mended", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats")
		w.edit(ctx, "cats", withSuspend(true), withSchedule("every night"))
		w.pass(ctx, "cats")
		Expect(hasReason(v1alpha1.ReasonInvalidSpec)(w.get(ctx, "cats"))).To(BeTrue())
		w.edit(ctx, "cats", withSchedule("0 * * * *"))
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(isReady(obj)).To(BeTrue(), describeStatus(obj))
		Expect(hasReason(v1alpha1.ReasonSuspended)(obj)).To(BeTrue())
	})
})
