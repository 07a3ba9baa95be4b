package controllers

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

func withHistoryLimit(limit int32) change {
	return func(obj *v1alpha1.DatasetSync) { obj.Spec.HistoryLimit = &limit }
}

var _ = Describe("History", func() {
	for limit, runs := range map[int32]int{0: 2, 1: 3, 5: 7, 20: 22} {
		It(fmt.Sprintf("keeps the newest %d of %d runs", limit, runs), func(ctx SpecContext) {
			w := newWorld(ctx)
			w.create(ctx, "cats", withHistoryLimit(limit))
			for n := range runs {
				w.edit(ctx, "cats", withTrigger(fmt.Sprintf("v%d", n)))
				w.pass(ctx, "cats")
				w.service.FinishTask(testProject, "cats", "COMPLETED")
				w.follow(ctx, "cats", served)
				w.step(time.Minute)
			}
			history := w.get(ctx, "cats").Status.History
			Expect(history).To(HaveLen(int(limit)))
			tasks := w.service.Tasks(testProject, "cats")
			Expect(tasks).To(HaveLen(runs))
			for i, entry := range history {
				Expect(entry.TaskID).To(Equal(tasks[runs-1-i].ID), "newest first")
			}
		})
	}

	It("is shortened when its limit is", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		for n := range 3 {
			w.edit(ctx, "cats", withTrigger(fmt.Sprintf("v%d", n)))
			w.follow(ctx, "cats", served)
		}
		newest := w.get(ctx, "cats").Status.History[0]
		calls := w.calls()
		w.edit(ctx, "cats", withHistoryLimit(1))
		w.pass(ctx, "cats")
		Expect(w.get(ctx, "cats").Status.History).To(Equal([]v1alpha1.HistoryEntry{newest}))
		Expect(w.calls()).To(Equal(calls))
	})

	It("tells what a run did", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		obj := w.follow(ctx, "cats", isReady)
		task := w.service.Tasks(testProject, "cats")[0]
		Expect(obj.Status.History).To(HaveLen(1))
		entry := obj.Status.History[0]
		Expect(entry.Cause).To(Equal(v1alpha1.CauseCreated))
		Expect(entry.Outcome).To(Equal(v1alpha1.OutcomeSucceeded))
		Expect(entry.Origin).To(Equal(v1alpha1.OriginStarted))
		Expect(entry.TaskID).To(Equal(task.ID))
		Expect(entry.Attempts).To(BeEquivalentTo(1))
		Expect(entry.StartTime.Time).To(BeTemporally("==", t0))
		Expect(entry.EndTime.Time).To(BeTemporally("~", w.clock.Now(), time.Second))
		Expect([]int64{*entry.Samples.Added, *entry.Samples.Deleted, *entry.Samples.Total}).To(Equal([]int64{task.Added, task.Deleted, task.Total}))
		Expect(obj.Status.Samples).To(Equal(entry.Samples))
		Expect(entry.ErrorCode + entry.ErrorMsg).To(BeEmpty())
	})

	It("tells of a run that somebody else's task served", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.service.AddFault(simulator.Fault{Kind: "answer", Operation: simulator.OperationStart, Code: "ModelArts.4356", Count: 1})
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		w.step(2 * time.Second)
		task, err := w.service.StartTask(testProject, "cats")
		Expect(err).NotTo(HaveOccurred())
		entry := w.follow(ctx, "cats", isReady).Status.History[0]
		Expect(entry.Origin).To(Equal(v1alpha1.OriginAdopted))
		Expect(entry.TaskID).To(Equal(task.ID))
		Expect(entry.Attempts).To(BeZero())
		Expect(entry.Samples).NotTo(BeNil())
	})

	It("tells of a run that failed, and why", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.service.AddFault(simulator.Fault{Kind: "task-fails", Code: "ModelArts.4312", Message: strings.Repeat("Ü", 1100)})
		w.create(ctx, "cats")
		obj := w.follow(ctx, "cats", isStalled)
		entry := obj.Status.History[0]
		Expect(entry.Outcome).To(Equal(v1alpha1.OutcomeFailed))
		Expect(entry.TaskID).To(Equal(w.service.Tasks(testProject, "cats")[0].ID))
		Expect(entry.ErrorCode).To(Equal("ModelArts.4312"))
		Expect([]rune(entry.ErrorMsg)).To(HaveLen(256), "it is shortened")
		Expect([]rune(obj.Status.ErrorMsg)).To(HaveLen(1024))
		Expect(entry.Samples).To(BeNil())
	})

	It("knows no counts that the service did not tell", func(ctx SpecContext) {
		w := newWorld(ctx, func(c *simulator.Config) { c.Status = simulator.StatusSparse })
		w.create(ctx, "cats")
		obj := w.follow(ctx, "cats", isReady)
		Expect(obj.Status.History[0].Samples).To(BeNil())
		Expect(obj.Status.Samples).To(BeNil())
		Expect(message(obj)).To(Equal("The data set is in step with its object storage."))
	})
})
