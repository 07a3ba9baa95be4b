package controllers

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

func withRequest(value string) change {
	return func(obj *v1alpha1.DatasetSync) {
		if obj.Annotations == nil {
			obj.Annotations = map[string]string{}
		}
		obj.Annotations[v1alpha1.RequestedAtAnnotation] = value
	}
}

func withSuspend(suspend bool) change {
	return func(obj *v1alpha1.DatasetSync) { obj.Spec.Suspend = suspend }
}

var _ = Describe("A request", func() {
	for name, c := range map[string]struct {
		change change
		cause  v1alpha1.Cause
	}{
		"by trigger":    {withTrigger("v1"), v1alpha1.CauseTrigger},
		"by annotation": {withRequest("2026-03-01T12:00:00Z"), v1alpha1.CauseRequest},
	} {
		It("asks for exactly one more sync: "+name, func(ctx SpecContext) {
			w := newWorld(ctx)
			w.create(ctx, "cats")
			w.follow(ctx, "cats", isReady)
			w.step(time.Hour)
			w.edit(ctx, "cats", c.change)
			w.pass(ctx, "cats")
			Expect(meta.IsStatusConditionTrue(w.get(ctx, "cats").Status.Conditions, v1alpha1.ReconcilingCondition)).To(BeTrue())
			obj := w.follow(ctx, "cats", isReady)
			Expect(obj.Status.History[0].Cause).To(Equal(c.cause))
			Expect(w.starts("cats")).To(Equal(2))
			w.step(time.Hour)
			w.pass(ctx, "cats")
			Expect(w.starts("cats")).To(Equal(2))
		})
	}

	It("by another target synchronizes that one", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.follow(ctx, "cats", isReady)
		w.edit(ctx, "cats", withDataset("dogs"))
		obj := w.follow(ctx, "cats", isReady)
		Expect(obj.Status.History[0].Cause).To(Equal(v1alpha1.CauseTarget))
		Expect(obj.Status.HandledTarget.DatasetID).To(Equal("dogs"))
		Expect(w.starts("cats")).To(Equal(1))
		Expect(w.starts("dogs")).To(Equal(1))
	})

	It("is not made by an edit of anything else", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.follow(ctx, "cats", isReady)
		w.edit(ctx, "cats", func(obj *v1alpha1.DatasetSync) {
			limit := int32(7)
			obj.Spec.RetryLimit, obj.Spec.HistoryLimit, obj.Spec.TaskTimeoutSeconds = &limit, &limit, 60
			obj.Spec.CredentialsSecretRef.Name = "other"
			obj.Labels = map[string]string{"team": "vision"}
			obj.Annotations = map[string]string{"note": "hello"}
		})
		calls := w.calls()
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(isReady(obj)).To(BeTrue())
		Expect(obj.Status.ObservedGeneration).To(Equal(obj.Generation))
		Expect(w.calls()).To(Equal(calls))
	})

	It("that comes during a run opens exactly one further run, however many they are", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		for _, trigger := range []string{"v1", "v2", "v3"} {
			w.edit(ctx, "cats", withTrigger(trigger), withRequest(trigger))
			w.pass(ctx, "cats")
		}
		Expect(w.get(ctx, "cats").Status.HandledTrigger).To(BeEmpty(), "the run was not started for it")
		obj := w.follow(ctx, "cats", func(obj *v1alpha1.DatasetSync) bool {
			return isReady(obj) && obj.Status.HandledTrigger == "v3"
		})
		Expect(obj.Status.HandledRequest).To(Equal("v3"))
		Expect(w.starts("cats")).To(Equal(2))
		Expect(obj.Status.History).To(HaveLen(2))
	})

	It("made for a target that is replaced during the run follows the old task to its end", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		w.edit(ctx, "cats", withDataset("dogs"))
		w.follow(ctx, "cats", func(obj *v1alpha1.DatasetSync) bool { return len(obj.Status.History) == 1 })
		obj := w.get(ctx, "cats")
		Expect(isReady(obj)).To(BeFalse())
		Expect(obj.Status.History[0].Outcome).To(Equal(v1alpha1.OutcomeSucceeded))
		w.follow(ctx, "cats", isReady)
		Expect(w.starts("dogs")).To(Equal(1))
	})

	It("made for a target that is replaced is not started again when its task fails", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		w.service.FinishTask(testProject, "cats", "FAILED")
		w.edit(ctx, "cats", withDataset("dogs"))
		obj := w.follow(ctx, "cats", isReady)
		Expect(obj.Status.History[1].Outcome).To(Equal(v1alpha1.OutcomeSuperseded))
		Expect(w.starts("cats")).To(Equal(1))
		Expect(w.starts("dogs")).To(Equal(1))
	})

	It("is served by a task that somebody else started after it", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.service.AddFault(simulator.Fault{Kind: "answer", Operation: simulator.OperationStart, Code: "ModelArts.4356", Count: 1})
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		w.step(2 * time.Second)
		_, err := w.service.StartTask(testProject, "cats")
		Expect(err).NotTo(HaveOccurred())
		obj := w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(BeZero())
		Expect(obj.Status.History[0].Origin).To(Equal(v1alpha1.OriginAdopted))
		Expect(obj.Status.History[0].Attempts).To(BeZero())
	})
})

var _ = Describe("Suspend", func() {
	It("keeps a request until it ends", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats", withSuspend(true))
		w.pass(ctx, "cats")
		Expect(hasReason(v1alpha1.ReasonSuspended)(w.get(ctx, "cats"))).To(BeTrue())
		Expect(w.calls()).To(BeZero())
		w.edit(ctx, "cats", withSuspend(false))
		w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("lets the task that is under way end", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		w.edit(ctx, "cats", withSuspend(true), withTrigger("v1"))
		obj := w.follow(ctx, "cats", func(obj *v1alpha1.DatasetSync) bool { return obj.Status.Run == nil })
		Expect(obj.Status.History[0].Outcome).To(Equal(v1alpha1.OutcomeSucceeded))
		Expect(hasReason(v1alpha1.ReasonSuspended)(obj)).To(BeTrue())
		Expect(w.pass(ctx, "cats").RequeueAfter).To(BeZero())
		Expect(w.starts("cats")).To(Equal(1))
		w.edit(ctx, "cats", withSuspend(false))
		w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(2))
	})
})

var _ = Describe("A deleted object", func() {
	It("is left alone, and gone at once", func(ctx SpecContext) {
		w := newWorld(ctx)
		obj := w.create(ctx, "cats")
		w.pass(ctx, "cats")
		calls := w.calls()
		Expect(w.client.Delete(ctx, obj)).To(Succeed())
		Expect(w.pass(ctx, "cats").RequeueAfter).To(BeZero())
		Expect(w.calls()).To(Equal(calls))
	})
})

var _ = Describe("Secrets", func() {
	It("appear nowhere", func(ctx SpecContext) {
		w := newWorld(ctx, func(c *simulator.Config) { c.SecurityToken = "CANARY-SECURITY-TOKEN" })
		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{
			keyAccessKey: testAK, keySecretKey: testSK, keySecurityToken: "CANARY-SECURITY-TOKEN",
		})
		w.service.AddFault(simulator.Fault{
			Kind: "answer", Status: 400, Count: 1, Operation: simulator.OperationStart, Code: "ModelArts.1002",
			Message: "canonical request: x-security-token:CANARY-SECURITY-TOKEN, Access=" + testAK + ", sk " + testSK,
		})
		w.create(ctx, "cats")
		obj := w.follow(ctx, "cats", hasReason(v1alpha1.ReasonRetrying))
		Expect(obj.Status.ErrorMsg).To(ContainSubstring("[redacted]"))
		Expect(describeStatus(obj) + obj.Status.ErrorMsg).NotTo(ContainSubstring("CANARY"))
		w.follow(ctx, "cats", isReady)
		for {
			select {
			case event := <-w.recorder.Events:
				Expect(event).NotTo(ContainSubstring("CANARY"))
				continue
			default:
			}
			break
		}
		log := string(GinkgoWriter.(interface{ Bytes() []byte }).Bytes())
		Expect(strings.Contains(log, "A start was taken")).To(BeTrue(), "the log is read")
		Expect(log).NotTo(ContainSubstring("CANARY"))
	})
})
