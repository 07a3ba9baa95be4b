package controllers

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// together calls Reconcile for several objects in turn, each whenever it asks to
// be called, until all are as wanted.
func (w *world) together(ctx context.Context, wanted func(*v1alpha1.DatasetSync) bool, names ...string) {
	GinkgoHelper()
	q := queue{}
	for _, name := range names {
		q[name] = w.clock.Now()
	}
	for range 200 {
		w.live(ctx, q, w.settings.PollMin)
		done := 0
		for _, name := range names {
			if wanted(w.get(ctx, name)) {
				done++
			}
		}
		if done == len(names) {
			return
		}
	}
	for _, name := range names {
		GinkgoWriter.Println(name, describeStatus(w.get(ctx, name)))
	}
	Fail("the objects do not get where they should")
}

// overlapped reports whether a task of a data set began before the one before it
// had ended.
func (w *world) overlapped(dataset string) bool {
	tasks := w.service.Tasks(testProject, dataset)
	for i := 1; i < len(tasks); i++ {
		if tasks[i].CreateTime.Before(tasks[i-1].CreateTime.Add(tasks[i-1].Duration)) {
			return true
		}
	}
	return false
}

var _ = Describe("Two objects for one data set", func() {
	It("that come one after the other are served by one sync each, in turn", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "ours", withDataset("cats"))
		w.pass(ctx, "ours")
		w.step(5 * time.Second)
		w.create(ctx, "theirs", withDataset("cats"))
		w.pass(ctx, "theirs")
		Expect(hasReason(v1alpha1.ReasonAwaitingOtherTask)(w.get(ctx, "theirs"))).To(BeTrue())
		w.together(ctx, served, "ours", "theirs")
		Expect(w.starts("cats")).To(Equal(2))
		Expect(w.overlapped("cats")).To(BeFalse())
		tasks := w.service.Tasks(testProject, "cats")
		Expect(w.get(ctx, "ours").Status.TaskID).To(Equal(tasks[0].ID))
		Expect(w.get(ctx, "theirs").Status.TaskID).To(Equal(tasks[1].ID))
	})

	It("that come at the same moment are served by one sync together", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "ours", withDataset("cats"))
		w.create(ctx, "theirs", withDataset("cats"))
		w.hooks.beforeStart = func() {
			w.hooks = hooks{}
			w.pass(ctx, "theirs")
		}
		w.pass(ctx, "ours")
		Expect(hasReason(v1alpha1.ReasonDatasetBusy)(w.get(ctx, "ours"))).To(BeTrue(), "the service runs one at a time")
		w.together(ctx, served, "ours", "theirs")
		Expect(w.starts("cats")).To(Equal(1))
		Expect(w.get(ctx, "ours").Status.History[0].Origin).To(Equal(v1alpha1.OriginAdopted))
		Expect(w.get(ctx, "ours").Status.TaskID).To(Equal(w.get(ctx, "theirs").Status.TaskID))
	})

	It("that keep one schedule never get in each other's way", func(ctx SpecContext) {
		w := punctual(ctx)
		w.create(ctx, "ours", withDataset("cats"), withSchedule("0 * * * *"))
		w.create(ctx, "theirs", withDataset("cats"), withSchedule("0 * * * *"))
		w.together(ctx, served, "ours", "theirs")
		before := w.starts("cats")
		w.clock.SetTime(t0.Add(time.Hour))
		w.together(ctx, closedRuns(2), "ours", "theirs")
		Expect(w.starts("cats") - before).To(BeNumerically("<=", 2))
		Expect(w.overlapped("cats")).To(BeFalse())
	})
})

var _ = Describe("Somebody at the console who starts a task", func() {
	console := func(w *world) simulator.Task {
		GinkgoHelper()
		task, err := w.service.StartTask(testProject, "cats")
		Expect(err).NotTo(HaveOccurred())
		return task
	}

	It("before our request delays our sync, and does not replace it", func(ctx SpecContext) {
		w := newWorld(ctx)
		theirs := console(w)
		w.step(5 * time.Second)
		w.create(ctx, "cats")
		obj := w.follow(ctx, "cats", served)
		Expect(w.starts("cats")).To(Equal(1))
		Expect(obj.Status.TaskID).NotTo(Equal(theirs.ID))
		Expect(w.overlapped("cats")).To(BeFalse())
	})

	It("after our request and before our start serves it", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.hooks.afterLook = func() {
			w.hooks = hooks{}
			w.step(2 * time.Second)
			console(w)
		}
		w.create(ctx, "cats")
		obj := w.follow(ctx, "cats", served)
		Expect(w.starts("cats")).To(BeZero())
		Expect(obj.Status.TaskID).To(Equal(w.service.Tasks(testProject, "cats")[0].ID))
		Expect(obj.Status.History[0].Origin).To(Equal(v1alpha1.OriginAdopted))
	})

	It("while our task runs is refused, and ours is followed to its end", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		_, err := w.service.StartTask(testProject, "cats")
		Expect(err).To(HaveOccurred())
		w.follow(ctx, "cats", served)
		Expect(w.service.Tasks(testProject, "cats")).To(HaveLen(1))
	})

	It("as soon as ours has ended, before we saw it, is followed in its place", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		w.step(taskTime)
		theirs := console(w)
		obj := w.follow(ctx, "cats", served)
		Expect(w.starts("cats")).To(Equal(1))
		Expect(obj.Status.TaskID).To(Equal(theirs.ID))
		Expect(obj.Status.History[0].Origin).To(Equal(v1alpha1.OriginAdopted))
		Expect(obj.Status.History).To(HaveLen(1))
	})

	It("while our object rests changes nothing", func(ctx SpecContext) {
		w := newWorld(ctx)
		obj := w.healthy(ctx, "cats")
		console(w)
		calls := w.calls()
		w.step(time.Hour)
		Expect(w.pass(ctx, "cats").RequeueAfter).To(BeZero())
		Expect(w.calls()).To(Equal(calls))
		Expect(w.get(ctx, "cats").ResourceVersion).To(Equal(obj.ResourceVersion))
		w.edit(ctx, "cats", withTrigger("v1"))
		w.follow(ctx, "cats", served)
		Expect(w.starts("cats")).To(Equal(2))
	})
})

var _ = Describe("An object that is deleted and created again under its name", func() {
	for name, m := range moments {
		It("during a run, "+name+", begins anew and is served by a sync of its own", func(ctx SpecContext) {
			w := newWorld(ctx)
			w.at(ctx, m)
			old := w.get(ctx, "cats")
			Expect(w.client.Delete(ctx, old)).To(Succeed())
			w.step(2 * time.Second)
			w.create(ctx, "cats")
			obj := w.follow(ctx, "cats", served)
			Expect(w.starts("cats")).To(Equal(m.taken + 1))
			Expect(w.overlapped("cats")).To(BeFalse())
			Expect(obj.Status.History).To(HaveLen(1))
			Expect(obj.Status.History[0].Attempts).To(BeNumerically("<=", 1))
			tasks := w.service.Tasks(testProject, "cats")
			Expect(obj.Status.TaskID).To(Equal(tasks[len(tasks)-1].ID))
		})
	}
})

var _ = Describe("A target that is edited during a run", func() {
	It("and edited back asks for nothing more", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		w.edit(ctx, "cats", withDataset("dogs"))
		w.pass(ctx, "cats")
		Expect(isReady(w.get(ctx, "cats"))).To(BeFalse())
		w.edit(ctx, "cats", withDataset("cats"))
		w.follow(ctx, "cats", served)
		Expect(w.starts("cats")).To(Equal(1))
		Expect(w.starts("dogs")).To(BeZero())
	})

	It("is not said to be in step before it was synchronized itself", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		w.edit(ctx, "cats", withDataset("dogs"))
		obj := w.follow(ctx, "cats", func(obj *v1alpha1.DatasetSync) bool { return len(obj.Status.History) == 1 })
		Expect(isReady(obj)).To(BeFalse())
		Expect(obj.Status.LastSuccessTime).To(BeNil())
		w.follow(ctx, "cats", served)
		Expect(w.starts("dogs")).To(Equal(1))
	})
})

var _ = Describe("Two namespaces with keys of their own for one data set", func() {
	// neighbours are two namespaces under one operator.
	neighbours := func(ctx context.Context) (ours, theirs *world) {
		GinkgoHelper()
		ours, theirs = newWorld(ctx), newWorld(ctx)
		theirs.clock, theirs.service, theirs.reconciler = ours.clock, ours.service, ours.reconciler
		ours.service.AddKey("CANARY-THEIR-KEY", "CANARY-THEIR-SECRET")
		theirs.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{
			keyAccessKey: "CANARY-THEIR-KEY", keySecretKey: "CANARY-THEIR-SECRET",
		})
		return ours, theirs
	}

	It("are served in turn", func(ctx SpecContext) {
		ours, theirs := neighbours(ctx)
		ours.create(ctx, "cats")
		theirs.create(ctx, "cats")
		ours.pass(ctx, "cats")
		ours.step(2 * time.Second)
		theirs.pass(ctx, "cats")
		Expect(hasReason(v1alpha1.ReasonAwaitingOtherTask)(theirs.get(ctx, "cats"))).To(BeTrue())
		theirs.follow(ctx, "cats", served)
		ours.follow(ctx, "cats", served)
		Expect(ours.starts("cats")).To(Equal(2))
		Expect(ours.overlapped("cats")).To(BeFalse())
	})

	It("do not suffer from each other's keys", func(ctx SpecContext) {
		ours, theirs := neighbours(ctx)
		theirs.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{
			keyAccessKey: "CANARY-THEIR-KEY", keySecretKey: "CANARY-WRONG",
		})
		theirs.create(ctx, "cats")
		theirs.pass(ctx, "cats")
		Expect(hasReason(v1alpha1.ReasonAuthenticationFailed)(theirs.get(ctx, "cats"))).To(BeTrue())
		ours.create(ctx, "cats")
		ours.follow(ctx, "cats", served)
		Expect(isStalled(theirs.get(ctx, "cats"))).To(BeTrue())
	})

	It("do not wait for each other's throttle", func(ctx SpecContext) {
		ours, theirs := neighbours(ctx)
		ours.service.AddFault(simulator.Fault{Kind: "throttled", RetryAfter: "600", Count: 1})
		theirs.create(ctx, "cats")
		Expect(theirs.pass(ctx, "cats").RequeueAfter).To(Equal(10 * time.Minute))
		ours.create(ctx, "cats")
		ours.follow(ctx, "cats", served)
		Expect(ours.clock.Now().Sub(t0)).To(BeNumerically("<", 10*time.Minute))
	})
})
