package controllers

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// punctual makes a world whose schedules are not put off.
func punctual(ctx context.Context, changes ...func(*simulator.Config)) *world {
	GinkgoHelper()
	w := newWorld(ctx, changes...)
	w.settings.ScheduleJitter = 0
	w.restart()
	return w
}

func withSchedule(schedule string) change {
	return func(obj *v1alpha1.DatasetSync) { obj.Spec.Schedule = schedule }
}

func withZone(zone string) change {
	return func(obj *v1alpha1.DatasetSync) { obj.Spec.TimeZone = zone }
}

func withDeadline(seconds int32) change {
	return func(obj *v1alpha1.DatasetSync) { obj.Spec.StartingDeadlineSeconds = &seconds }
}

// nextSync returns status.nextSyncTime as a user reads it, "" if it is absent.
func nextSync(obj *v1alpha1.DatasetSync) string {
	if obj.Status.NextSyncTime == nil {
		return ""
	}
	return obj.Status.NextSyncTime.UTC().Format("15:04:05")
}

// closed waits for a number of finished runs, and for the next one not to have
// begun.
func closedRuns(n int) func(*v1alpha1.DatasetSync) bool {
	return func(obj *v1alpha1.DatasetSync) bool { return len(obj.Status.History) == n && obj.Status.Run == nil }
}

// healthy creates an object that is Ready.
func (w *world) healthy(ctx context.Context, name string, changes ...change) *v1alpha1.DatasetSync {
	GinkgoHelper()
	w.create(ctx, name, changes...)
	return w.follow(ctx, name, isReady)
}

// quietly calls Reconcile until the run of a Ready object has come and gone,
// and expects it to stay healthy to every reader after every pass.
func (w *world) quietly(ctx context.Context, name string, wanted func(*v1alpha1.DatasetSync) bool) *v1alpha1.DatasetSync {
	GinkgoHelper()
	syncing := false
	obj := w.follow(ctx, name, func(obj *v1alpha1.DatasetSync) bool {
		Expect(isReady(obj)).To(BeTrue(), describeStatus(obj))
		Expect(kstatusOf(obj)).To(Equal(status.CurrentStatus), describeStatus(obj))
		Expect(obj.Status.Conditions).To(HaveLen(2), "Ready and Syncing: %s", describeStatus(obj))
		syncing = syncing || meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.SyncingCondition)
		return wanted(obj)
	})
	Expect(syncing).To(BeTrue(), "the run is shown by Syncing")
	return obj
}

var _ = Describe("A schedule", func() {
	It("follows the first sync of a new object", func(ctx SpecContext) {
		w := punctual(ctx)
		w.create(ctx, "cats", withSchedule("30 * * * *"))
		w.pass(ctx, "cats")
		Expect(nextSync(w.get(ctx, "cats"))).To(Equal("12:30:00"))
		obj := w.follow(ctx, "cats", isReady)
		Expect(obj.Status.History[0].Cause).To(Equal(v1alpha1.CauseCreated))

		w.clock.SetTime(t0.Add(30*time.Minute - time.Second))
		Expect(w.pass(ctx, "cats").RequeueAfter).To(Equal(time.Second))
		Expect(w.starts("cats")).To(Equal(1))

		w.step(time.Second)
		w.pass(ctx, "cats")
		obj = w.get(ctx, "cats")
		Expect(obj.Status.Run.Cause).To(Equal(v1alpha1.CauseSchedule))
		Expect(nextSync(obj)).To(Equal("13:30:00"))
		Expect(w.starts("cats")).To(Equal(2))
		w.follow(ctx, "cats", closedRuns(2))
		w.clock.SetTime(t0.Add(time.Hour))
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(2))
	})

	It("that is given to an object later asks for nothing before its time", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats")
		w.edit(ctx, "cats", withSchedule("0 * * * *"))
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(nextSync(obj)).To(Equal("13:00:00"))
		Expect(obj.Status.Run).To(BeNil())
		Expect(isReady(obj)).To(BeTrue())
	})

	It("that was reached many times asks once, also after a restart", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"))
		w.clock.SetTime(t0.Add(10*time.Hour + 20*time.Minute))
		w.restart()
		w.pass(ctx, "cats")
		Expect(nextSync(w.get(ctx, "cats"))).To(Equal("23:00:00"))
		obj := w.follow(ctx, "cats", closedRuns(2))
		Expect(obj.Status.History[0].Cause).To(Equal(v1alpha1.CauseSchedule))
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(2))
	})

	It("is put off by the jitter of the object", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.step(w.settings.ScheduleJitter)
		obj := w.healthy(ctx, "cats", withSchedule("0 * * * *"))
		table, err := newTimetable("0 * * * *", "", string(obj.UID), w.settings.ScheduleJitter)
		Expect(err).NotTo(HaveOccurred())
		due, err := table.next(w.clock.Now())
		Expect(err).NotTo(HaveOccurred())
		Expect(obj.Status.NextSyncTime.Time).To(BeTemporally("==", due))
		w.clock.SetTime(due.Add(-time.Millisecond))
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(1))
		w.step(time.Millisecond)
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(2))
	})

	It("is read in its zone", func(ctx SpecContext) {
		w := punctual(ctx)
		obj := w.healthy(ctx, "cats", withSchedule("0 22 * * *"), withZone("Asia/Shanghai"))
		Expect(nextSync(obj)).To(Equal("14:00:00"))
		w.edit(ctx, "cats", withZone("Europe/Berlin"))
		w.pass(ctx, "cats")
		Expect(nextSync(w.get(ctx, "cats"))).To(Equal("21:00:00"))
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("that replaces one that was reached asks for nothing before its time", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"))
		w.clock.SetTime(t0.Add(2 * time.Hour))
		w.edit(ctx, "cats", withSchedule("30 * * * *"))
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(nextSync(obj)).To(Equal("14:30:00"))
		Expect(obj.Status.Run).To(BeNil())
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("that is removed leaves nothing behind", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"), withZone("Asia/Shanghai"))
		w.clock.SetTime(t0.Add(2 * time.Hour))
		w.edit(ctx, "cats", withSchedule(""), withZone(""))
		Expect(w.pass(ctx, "cats").RequeueAfter).To(BeZero())
		obj := w.get(ctx, "cats")
		Expect(nextSync(obj)).To(BeEmpty())
		Expect(obj.Status.ObservedSchedule).To(BeNil())
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("that is reached together with a trigger asks for one run", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"))
		w.clock.SetTime(t0.Add(time.Hour))
		w.edit(ctx, "cats", withTrigger("v1"))
		obj := w.follow(ctx, "cats", closedRuns(2))
		Expect(obj.Status.History[0].Cause).To(Equal(v1alpha1.CauseTrigger))
		Expect(nextSync(obj)).To(Equal("14:00:00"))
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(2))
	})

	It("that is reached during a run opens one further run, however often", func(ctx SpecContext) {
		w := punctual(ctx, func(c *simulator.Config) { c.TaskDuration = 12 * time.Minute })
		w.create(ctx, "cats", withSchedule("*/5 * * * *"))
		obj := w.follow(ctx, "cats", closedRuns(1))
		Expect(w.starts("cats")).To(Equal(1))
		Expect(nextSync(obj)).To(Equal("12:05:00"), "it is due")
		w.pass(ctx, "cats")
		obj = w.get(ctx, "cats")
		Expect(obj.Status.Run.Cause).To(Equal(v1alpha1.CauseSchedule))
		Expect(nextSync(obj)).To(Equal("12:15:00"))
		Expect(isReady(obj)).To(BeTrue())
		Expect(w.starts("cats")).To(Equal(2))
	})

	It("that is reached while a run waits is served by its start", func(ctx SpecContext) {
		w := punctual(ctx, func(c *simulator.Config) { c.TaskDuration = 7 * time.Minute })
		_, err := w.service.StartTask(testProject, "cats")
		Expect(err).NotTo(HaveOccurred())
		w.create(ctx, "cats", withSchedule("*/5 * * * *"))
		w.follow(ctx, "cats", func(obj *v1alpha1.DatasetSync) bool { return nextSync(obj) == "12:10:00" })
		Expect(w.starts("cats")).To(Equal(1))
		obj := w.follow(ctx, "cats", closedRuns(1))
		Expect(w.starts("cats")).To(Equal(1))
		Expect(obj.Status.History[0].Cause).To(Equal(v1alpha1.CauseCreated))
	})

	It("that comes round faster than its failing tasks does not hide that they fail", func(ctx SpecContext) {
		w := punctual(ctx, func(c *simulator.Config) { c.TaskDuration = 13 * time.Minute })
		w.service.AddFault(simulator.Fault{Kind: "task-fails"})
		w.create(ctx, "cats", withSchedule("*/10 * * * *"))
		obj := w.follow(ctx, "cats", isStalled)
		Expect(hasReason(v1alpha1.ReasonTaskFailed)(obj)).To(BeTrue())
		Expect(obj.Status.History[0].Attempts).To(BeEquivalentTo(4))
		Expect(w.starts("cats")).To(Equal(4))
	})
})

var _ = Describe("A starting deadline", func() {
	It("that is past skips the run, and history tells", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"), withDeadline(60))
		calls := w.calls()
		w.clock.SetTime(t0.Add(2*time.Hour + 61*time.Second))
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(obj.Status.History).To(HaveLen(2))
		skipped := obj.Status.History[0]
		Expect(skipped.Outcome).To(Equal(v1alpha1.OutcomeSkipped))
		Expect(skipped.Cause).To(Equal(v1alpha1.CauseSchedule))
		Expect(skipped.StartTime.Time).To(BeTemporally("==", t0.Add(time.Hour)), "when it was due")
		Expect(skipped.EndTime.Time).To(BeTemporally("==", w.clock.Now()))
		Expect(skipped.Attempts).To(BeZero())
		Expect(nextSync(obj)).To(Equal("15:00:00"))
		Expect(isReady(obj)).To(BeTrue())
		Expect(w.calls()).To(Equal(calls))
	})

	It("that is not past lets the run start", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"), withDeadline(60))
		w.clock.SetTime(t0.Add(time.Hour + 60*time.Second))
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(2))
	})

	It("counts whole seconds, so that none at all is still met", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"), withDeadline(0))
		w.clock.SetTime(t0.Add(time.Hour + 300*time.Millisecond))
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(2))
	})

	It("does not concern a run that has been taken in, nor other requests", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"), withDeadline(60))
		_, err := w.service.StartTask(testProject, "cats")
		Expect(err).NotTo(HaveOccurred())
		w.clock.SetTime(t0.Add(time.Hour))
		_, err = w.service.StartTask(testProject, "cats")
		Expect(err).NotTo(HaveOccurred())
		w.pass(ctx, "cats")
		Expect(w.get(ctx, "cats").Status.Run).NotTo(BeNil(), "it waits for somebody else's task")
		w.step(10 * time.Minute)
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(2))

		w.follow(ctx, "cats", closedRuns(2))
		w.edit(ctx, "cats", withTrigger("v1"))
		w.step(10 * time.Minute)
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(3))
	})
})

var _ = Describe("A schedule that does not parse", func() {
	for name, c := range map[string]struct {
		bad, mended change
		says        string
	}{
		"bad fields":      {withSchedule("every night"), withSchedule("0 * * * *"), "spec.schedule: expected exactly 5 fields, found 2: [every night]"},
		"an unknown zone": {withZone("Mars/Base"), withZone("Asia/Shanghai"), "spec.timeZone: unknown time zone Mars/Base"},
		"no such day":     {withSchedule("0 0 31 2 *"), withSchedule(""), "no time within five years"},
	} {
		It("stalls the object after its first sync, and heals when it is mended: "+name, func(ctx SpecContext) {
			w := punctual(ctx)
			w.create(ctx, "cats", withSchedule("0 * * * *"), c.bad)
			obj := w.follow(ctx, "cats", isStalled)
			Expect(hasReason(v1alpha1.ReasonInvalidSpec)(obj)).To(BeTrue())
			Expect(message(obj)).To(ContainSubstring(c.says))
			Expect(nextSync(obj)).To(BeEmpty())
			Expect(obj.Status.TaskState).To(Equal("COMPLETED"), "it stops the schedule and nothing else")
			Expect(w.pass(ctx, "cats").RequeueAfter).To(BeZero())

			w.edit(ctx, "cats", withTrigger("v1"))
			w.follow(ctx, "cats", isStalled)
			Expect(w.starts("cats")).To(Equal(2))

			w.edit(ctx, "cats", withTrigger("v1"), c.mended)
			w.pass(ctx, "cats")
			obj = w.get(ctx, "cats")
			Expect(isReady(obj)).To(BeTrue())
			Expect(hasReason(v1alpha1.ReasonSucceeded)(obj)).To(BeTrue())
			Expect(w.starts("cats")).To(Equal(2))
		})
	}

	It("does not hide a failure", func(ctx SpecContext) {
		w := punctual(ctx)
		w.service.AddFault(simulator.Fault{Kind: "task-fails", Code: "ModelArts.4312"})
		w.create(ctx, "cats", withSchedule("every night"))
		obj := w.follow(ctx, "cats", isStalled)
		Expect(hasReason(v1alpha1.ReasonTaskFailed)(obj)).To(BeTrue())
		told := func() string {
			w.pass(ctx, "cats")
			obj = w.get(ctx, "cats")
			Expect(hasReason(v1alpha1.ReasonTaskFailed)(obj)).To(BeTrue())
			Expect(isStalled(obj)).To(BeTrue())
			return message(obj)
		}
		Expect(told()).To(And(ContainSubstring("ModelArts.4312"), ContainSubstring("spec.schedule")))
		version := obj.ResourceVersion
		told()
		Expect(obj.ResourceVersion).To(Equal(version), "it is said once")
		w.edit(ctx, "cats", withSchedule("@daily"))
		Expect(told()).To(And(ContainSubstring("ModelArts.4312"), Not(ContainSubstring("schedule"))))
	})
})

var _ = Describe("A scheduled run of a healthy object", func() {
	start, latest := simulator.OperationStart, simulator.OperationLatest
	for name, fault := range map[string]simulator.Fault{
		"and nothing goes wrong":           {},
		"and the service cannot be asked":  {Kind: "answer", Operation: latest, Status: 503, Count: 3},
		"and the service is away":          {Kind: "reset-before", Operation: latest, Count: 2},
		"and looks are throttled":          {Kind: "throttled", Operation: latest, RetryAfter: "7", Count: 2},
		"and the start is throttled":       {Kind: "throttled", Operation: start, Count: 2},
		"and the data set is busy":         {Kind: "answer", Operation: start, Code: "ModelArts.4356", Count: 1},
		"and the start's answer is lost":   {Kind: "reset-after", Operation: start, Count: 1},
		"and the start is lost":            {Kind: "reset-before", Operation: start, Count: 1},
		"and the start's answer is empty":  {Kind: "empty", Operation: start, Applied: true, Count: 1},
		"and the task is hidden a while":   {Kind: "not-exist", Skip: 1, Count: 2},
		"and the state is an unknown word": {Kind: "unknown-word", Count: 3, Skip: 2},
		"and states go backwards":          {Kind: "status-regress", Count: 1, Skip: 3},
	} {
		It("leaves it healthy through the whole run, "+name, func(ctx SpecContext) {
			w := punctual(ctx)
			w.healthy(ctx, "cats", withSchedule("0 * * * *"))
			w.clock.SetTime(t0.Add(time.Hour))
			if fault.Kind != "" {
				w.service.AddFault(fault)
			}
			obj := w.quietly(ctx, "cats", closedRuns(2))
			Expect(obj.Status.History[0].Outcome).To(Equal(v1alpha1.OutcomeSucceeded))
			Expect(w.starts("cats")).To(Equal(2))
		})
	}

	It("leaves it healthy while somebody else's task is in the way", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"))
		w.clock.SetTime(t0.Add(time.Hour))
		_, err := w.service.StartTask(testProject, "cats")
		Expect(err).NotTo(HaveOccurred())
		w.quietly(ctx, "cats", closedRuns(2))
		Expect(w.starts("cats")).To(Equal(2))
	})

	It("leaves it healthy while the key is throttled on behalf of another object", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "dogs")
		w.healthy(ctx, "cats", withSchedule("0 * * * *"))
		w.clock.SetTime(t0.Add(time.Hour))
		w.service.AddFault(simulator.Fault{Kind: "throttled", RetryAfter: "30", Dataset: "dogs", Count: 1})
		w.edit(ctx, "dogs", withTrigger("v1"))
		w.pass(ctx, "dogs")
		w.quietly(ctx, "cats", closedRuns(2))
	})

	It("leaves it healthy while its Secret is replaced", func(ctx SpecContext) {
		w := punctual(ctx)
		w.healthy(ctx, "cats", withSchedule("0 * * * *"))
		w.clock.SetTime(t0.Add(time.Hour))
		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, nil)
		w.pass(ctx, "cats")
		Expect(isReady(w.get(ctx, "cats"))).To(BeTrue())
		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{keyAccessKey: testAK, keySecretKey: testSK})
		w.quietly(ctx, "cats", closedRuns(2))
	})

	for name, c := range map[string]struct {
		fault  simulator.Fault
		reason string
	}{
		"a task that fails":      {simulator.Fault{Kind: "task-fails", Count: 1}, v1alpha1.ReasonRetrying},
		"a refusal":              {simulator.Fault{Kind: "answer", Operation: start, Code: "ModelArts.1002", Count: 1}, v1alpha1.ReasonRetrying},
		"a refusal for good":     {simulator.Fault{Kind: "answer", Operation: start, Code: "ModelArts.4352", Count: 1}, v1alpha1.ReasonDatasetNotFound},
		"a lack of rights":       {simulator.Fault{Kind: "answer", Operation: start, Code: "ModelArts.4310", Count: 1}, v1alpha1.ReasonPermissionDenied},
		"a refused key":          {simulator.Fault{Kind: "token-expired", Operation: start, Count: 1}, v1alpha1.ReasonAuthenticationFailed},
		"a service that is late": {simulator.Fault{Kind: "answer", Operation: latest, Status: 503}, v1alpha1.ReasonServiceUnavailable},
		"a task that is late":    {simulator.Fault{Kind: "task-never-ends", Count: 1}, v1alpha1.ReasonTaskTimedOut},
	} {
		It("shows its first failure, and the next success heals it: "+name, func(ctx SpecContext) {
			w := punctual(ctx)
			w.healthy(ctx, "cats", withSchedule("0 * * * *"), withTaskTimeout(600))
			w.clock.SetTime(t0.Add(time.Hour))
			w.service.AddFault(c.fault)
			obj := w.follow(ctx, "cats", func(obj *v1alpha1.DatasetSync) bool { return !isReady(obj) })
			Expect(meta.IsStatusConditionFalse(obj.Status.Conditions, v1alpha1.ReadyCondition)).To(BeTrue(), describeStatus(obj))
			Expect(hasReason(c.reason)(obj)).To(BeTrue(), describeStatus(obj))
			Expect(kstatusOf(obj)).NotTo(Equal(status.CurrentStatus))
			w.service.ClearFaults()
			w.service.FinishTask(testProject, "cats", "COMPLETED")
			w.follow(ctx, "cats", isReady)
		})
	}
})
