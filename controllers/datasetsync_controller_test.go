package controllers

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"datasetsync.dev/operator/internal/simulator"
)

var _ = Describe("The main job", func() {
	It("starts a sync for a new object, shows its task and sees it end", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")

		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(obj.Status.TaskID).To(Equal(w.service.Tasks(testProject, "cats")[0].ID))
		Expect(summary(decision{status: obj.Status})).To(Equal(
			"following " + obj.Status.TaskID + " Started 1/0, Ready=Unknown TaskQueued, Reconciling, Syncing"))

		obj = w.follow(ctx, "cats", isReady)
		Expect(obj.Status.TaskState).To(Equal("COMPLETED"))
		Expect(obj.Status.Samples.Total).NotTo(BeNil())
		Expect(obj.Status.LastSuccessTime).NotTo(BeNil())
		Expect(obj.Status.ObservedGeneration).To(Equal(obj.Generation))
		Expect(obj.Status.History).To(HaveLen(1))
		Expect(w.starts("cats")).To(Equal(1))
		Expect(w.events()).To(Equal([]string{"Normal SyncStarted", "Normal SyncSucceeded"}))
		Expect(w.writes).To(BeNumerically("<=", 4), "intent, task id, running, finished")
	})

	It("does nothing to an object at rest", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.follow(ctx, "cats", isReady)
		writes, calls := w.writes, w.calls()
		for range 3 {
			Expect(w.pass(ctx, "cats").RequeueAfter).To(BeZero())
			w.step(taskTime)
		}
		Expect(w.writes).To(Equal(writes))
		Expect(w.calls()).To(Equal(calls))
	})

	for answer, most := range map[string]int{simulator.AnswerTaskID: 4, simulator.AnswerEmpty: 5} {
		for _, status := range []string{simulator.StatusFull, simulator.StatusSparse} {
			It("works with a service that answers "+answer+" and shows "+status+" status", func(ctx SpecContext) {
				w := newWorld(ctx, func(c *simulator.Config) { c.Answer, c.Status = answer, status })
				w.create(ctx, "cats")
				obj := w.follow(ctx, "cats", isReady)
				if answer == simulator.AnswerTaskID || status == simulator.StatusFull {
					Expect(obj.Status.TaskID).To(Equal(w.service.Tasks(testProject, "cats")[0].ID))
				}
				Expect(w.starts("cats")).To(Equal(1))
				Expect(w.writes).To(BeNumerically("<=", most))

				w.step(taskTime)
				w.edit(ctx, "cats", withTrigger("again"))
				w.pass(ctx, "cats")
				Expect(isReady(w.get(ctx, "cats"))).To(BeFalse())
				w.follow(ctx, "cats", isReady)
				Expect(w.starts("cats")).To(Equal(2))
			})
		}
	}
})
