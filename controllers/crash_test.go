package controllers

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// errCrash stands for the end of the process in the middle of a pass.
var errCrash = errors.New("the process was killed")

// crash runs a pass that is killed by a hook, and starts a process that
// remembers nothing.
func (w *world) crash(ctx context.Context, name string) {
	GinkgoHelper()
	func() {
		defer func() { Expect(recover()).To(MatchError(errCrash)) }()
		_, _ = w.reconciler.Reconcile(ctx, w.request(name))
	}()
	w.hooks = hooks{}
	w.funcs.SubResourcePatch = nil
	w.restart()
}

func kill() { panic(errCrash) }

// afterPatch lets every status patch have its effect and then calls f.
func (w *world) afterPatch(f func() error) {
	w.funcs.SubResourcePatch = func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
		return errors.Join(c.SubResource(sub).Patch(ctx, obj, patch, opts...), f())
	}
}

var _ = Describe("A crash", func() {
	It("before the intent costs nothing", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.hooks.afterLook = kill
		w.crash(ctx, "cats")
		w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("between the intent and the start is seen, and the start is made up for", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.hooks.beforeStart = kill
		w.crash(ctx, "cats")
		Expect(w.starts("cats")).To(BeZero())
		begin := w.clock.Now()
		obj := w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
		Expect(w.service.Ledger()[0].Time).To(BeTemporally(">=", begin.Add(w.settings.SettleTime)), "wait first, then look")
		Expect(obj.Status.History[0].Attempts).To(BeEquivalentTo(2))
	})

	It("after the start was taken does not start a second one", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.hooks.afterStart = kill
		w.crash(ctx, "cats")
		obj := w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
		Expect(obj.Status.History[0].Origin).To(Equal(v1alpha1.OriginAdopted))
		Expect(obj.Status.TaskID).To(Equal(w.service.Tasks(testProject, "cats")[0].ID))
	})

	It("between the intent and the start is a visible failure where only one start is allowed", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats", func(obj *v1alpha1.DatasetSync) { obj.Spec.RetryLimit = new(int32) })
		w.hooks.beforeStart = kill
		w.crash(ctx, "cats")
		obj := w.follow(ctx, "cats", isStalled)
		Expect(hasReason(v1alpha1.ReasonRetryLimitReached)(obj)).To(BeTrue())
		Expect(w.starts("cats")).To(BeZero())
	})

	It("after the outcome was recorded is followed on", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		patches := 0
		w.afterPatch(func() error {
			if patches++; patches == 2 {
				kill()
			}
			return nil
		})
		w.crash(ctx, "cats")
		w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
	})
})

var _ = Describe("A stale view", func() {
	It("starts nothing: two replicas, one start", func(ctx SpecContext) {
		w := newWorld(ctx)
		stale := w.create(ctx, "cats")
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(1))
		w.service.FinishTask(testProject, "cats", "COMPLETED")

		w.funcs.Get = func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
			stale.DeepCopyInto(obj.(*v1alpha1.DatasetSync))
			return nil
		}
		other := w.newReconciler()
		result, err := other.Reconcile(ctx, w.request("cats"))
		Expect(err).NotTo(HaveOccurred())
		Expect(result.RequeueAfter).To(Equal(conflictWait))
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("of a spec that was edited meanwhile starts nothing for the old target", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.hooks.afterLook = func() {
			w.hooks.afterLook = nil
			w.edit(ctx, "cats", withDataset("dogs"))
		}
		Expect(w.pass(ctx, "cats").RequeueAfter).To(Equal(conflictWait))
		w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(BeZero())
		Expect(w.starts("dogs")).To(Equal(1))
	})
})

var _ = Describe("The intent", func() {
	It("that was written without an answer sends nothing, and is given back", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.afterPatch(func() error {
			w.funcs.SubResourcePatch = nil
			return context.DeadlineExceeded
		})
		_, err := w.reconciler.Reconcile(ctx, w.request("cats"))
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(w.starts("cats")).To(BeZero())
		obj := w.get(ctx, "cats")
		Expect(stageOf(obj.Status.Run)).To(Equal(stageOpen))
		Expect(obj.Status.Run.Attempt).To(BeZero())

		w.step(w.settings.RetryMin)
		obj = w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
		Expect(obj.Status.History[0].Attempts).To(BeEquivalentTo(1))
	})

	It("that loses its write gives the start's token back", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.settings.QPS, w.settings.Burst = 0.1, 3 // Two looks and one start.
		w.restart()
		w.create(ctx, "cats")
		w.hooks.afterLook = func() {
			w.hooks.afterLook = nil
			w.edit(ctx, "cats", func(obj *v1alpha1.DatasetSync) { obj.Labels = map[string]string{"edited": "meanwhile"} })
		}
		Expect(w.pass(ctx, "cats").RequeueAfter).To(Equal(conflictWait))
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("is not sent after its time, and is given back", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.afterPatch(func() error {
			w.funcs.SubResourcePatch = nil
			w.step(sendBudget + time.Second)
			return nil
		})
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(BeZero())
		Expect(w.get(ctx, "cats").Status.Run.Attempt).To(BeZero())
		w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
	})
})

var _ = Describe("The outcome of a start", func() {
	It("is recorded although the object was edited meanwhile", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.hooks.afterStart = func() {
			w.edit(ctx, "cats", func(obj *v1alpha1.DatasetSync) { obj.Labels = map[string]string{"team": "vision"} })
		}
		w.pass(ctx, "cats")
		Expect(w.get(ctx, "cats").Status.TaskID).To(Equal(w.service.Tasks(testProject, "cats")[0].ID))
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("is recorded although the first write of it fails", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		patches := 0
		w.funcs.SubResourcePatch = func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			if patches++; patches == 2 {
				return apierrors.NewInternalError(errors.New("etcd is away"))
			}
			return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
		}
		w.pass(ctx, "cats")
		Expect(isFollowing(w.get(ctx, "cats"))).To(BeTrue())
	})

	It("does not reach an object of the same name that was created anew", func(ctx SpecContext) {
		w := newWorld(ctx)
		old := w.create(ctx, "cats")
		w.hooks.afterStart = func() {
			w.hooks = hooks{}
			Expect(w.client.Delete(ctx, old)).To(Succeed())
			w.create(ctx, "cats")
		}
		w.pass(ctx, "cats")
		Expect(w.get(ctx, "cats").Status.TaskID).To(BeEmpty())
		Expect(w.get(ctx, "cats").Status.Run).To(BeNil())
	})

	It("does not reach one that a backup brought back, status and all", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.hooks.afterStart = func() {
			w.hooks = hooks{}
			old := w.get(ctx, "cats")
			Expect(w.client.Delete(ctx, old)).To(Succeed())
			restored := w.create(ctx, "cats")
			restored.Status = old.Status
			Expect(w.client.Status().Update(ctx, restored)).To(Succeed())
		}
		w.pass(ctx, "cats")
		Expect(stageOf(w.get(ctx, "cats").Status.Run)).To(Equal(stageUnknown))
		Expect(w.follow(ctx, "cats", isReady).Status.History[0].Origin).To(Equal(v1alpha1.OriginAdopted), "it is found by looking")
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("does not overwrite what another replica has found meanwhile", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.hooks.afterStart = func() {
			w.hooks = hooks{}
			w.step(time.Second)
			_, err := w.newReconciler().Reconcile(ctx, w.request("cats"))
			Expect(err).NotTo(HaveOccurred())
			Expect(w.get(ctx, "cats").Status.Run.Task.Origin).To(Equal(v1alpha1.OriginAdopted))
		}
		w.pass(ctx, "cats")
		Expect(w.get(ctx, "cats").Status.Run.Task.Origin).To(Equal(v1alpha1.OriginAdopted))
		w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("is finished although the manager is told to stop", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		stopping, stop := context.WithCancel(ctx)
		w.hooks.beforeStart = stop
		_, err := w.reconciler.Reconcile(stopping, w.request("cats"))
		Expect(err).NotTo(HaveOccurred())
		Expect(isFollowing(w.get(ctx, "cats"))).To(BeTrue())
	})
})

var _ = Describe("A start whose answer is lost", func() {
	for _, fault := range []simulator.Fault{{Kind: "reset-after"}, {Kind: "cut", Applied: true}, {Kind: "html", Applied: true}} {
		It("is not repeated when it had its effect: "+fault.Kind, func(ctx SpecContext) {
			w := newWorld(ctx)
			w.create(ctx, "cats")
			fault.Operation, fault.Count = simulator.OperationStart, 1
			w.service.AddFault(fault)
			w.follow(ctx, "cats", isReady)
			Expect(w.starts("cats")).To(Equal(1))
		})
	}

	It("is repeated when it had none", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.service.AddFault(simulator.Fault{Operation: simulator.OperationStart, Kind: "reset-before", Count: 1})
		obj := w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
		Expect(obj.Status.History[0].Attempts).To(BeEquivalentTo(2))
	})

	It("is repeated no more often than allowed", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.service.AddFault(simulator.Fault{Operation: simulator.OperationStart, Kind: "reset-before"})
		obj := w.follow(ctx, "cats", isStalled)
		Expect(hasReason(v1alpha1.ReasonRetryLimitReached)(obj)).To(BeTrue())
		Expect(w.service.Calls()[simulator.OperationStart]).To(Equal(4))
		Expect(meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ReconcilingCondition)).To(BeFalse())
	})
})

var _ = Describe("A late twin", func() {
	It("is suspected aloud, after one look more than usual", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.hooks.afterStart = kill
		w.crash(ctx, "cats")
		obj := w.follow(ctx, "cats", func(obj *v1alpha1.DatasetSync) bool { return obj.Status.TaskState == "COMPLETED" })
		Expect(obj.Status.Run).NotTo(BeNil(), "one more look before the run is closed")
		_, err := w.service.StartTask(testProject, "cats")
		Expect(err).NotTo(HaveOccurred())
		obj = w.follow(ctx, "cats", isReady)
		Expect(w.events()).To(ContainElement("Warning DuplicateSuspected"))
		Expect(obj.Status.TaskID).To(Equal(w.service.Tasks(testProject, "cats")[0].ID))
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("is not suspected where there is none", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.hooks.afterStart = kill
		w.crash(ctx, "cats")
		w.follow(ctx, "cats", isReady)
		Expect(w.events()).NotTo(ContainElement("Warning DuplicateSuspected"))
	})
})
