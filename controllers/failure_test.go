package controllers

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// The service's numbers for types and states of data sets.
const (
	typeText        = 100
	stateNormal     = 1
	statePublishing = 6
)

func onlyDatasets(datasets ...simulator.Dataset) func(*simulator.Config) {
	return func(c *simulator.Config) { c.Datasets = datasets }
}

var _ = Describe("Bad input", func() {
	for field, c := range map[string]struct {
		change change
		says   string
	}{
		"spec.projectID":               {func(o *v1alpha1.DatasetSync) { o.Spec.ProjectID = strings.Repeat("A", 32) }, "should match"},
		"spec.datasetID":               {withDataset("../cats"), "should match"},
		"spec.region":                  {func(o *v1alpha1.DatasetSync) { o.Spec.Region = "evil.example/" }, "should match"},
		"spec.trigger":                 {withTrigger(strings.Repeat("x", 254)), "253"},
		"spec.schedule":                {func(o *v1alpha1.DatasetSync) { o.Spec.Schedule = "TZ=Asia/Shanghai 0 2 * * *" }, "use timeZone"},
		"spec":                         {func(o *v1alpha1.DatasetSync) { o.Spec.TimeZone = "Asia/Shanghai" }, "set schedule"},
		"spec.retryLimit":              {func(o *v1alpha1.DatasetSync) { limit := int32(51); o.Spec.RetryLimit = &limit }, "50"},
		"spec.taskTimeoutSeconds":      {func(o *v1alpha1.DatasetSync) { o.Spec.TaskTimeoutSeconds = -1 }, "greater than or equal to 1"},
		"spec.startingDeadlineSeconds": {func(o *v1alpha1.DatasetSync) { d := int32(-1); o.Spec.StartingDeadlineSeconds = &d }, "greater than or equal to 0"},
	} {
		It("is refused with the name of the field: "+field, func(ctx SpecContext) {
			w := newWorld(ctx)
			obj := &v1alpha1.DatasetSync{Spec: v1alpha1.DatasetSyncSpec{ProjectID: testProject, DatasetID: "cats"}}
			obj.Namespace, obj.Name = w.namespace, "cats"
			c.change(obj)
			err := w.client.Create(ctx, obj)
			Expect(err).To(MatchError(ContainSubstring(field + ": ")))
			Expect(err).To(MatchError(ContainSubstring(c.says)))
		})
	}

	It("@every is refused", func(ctx SpecContext) {
		w := newWorld(ctx)
		obj := &v1alpha1.DatasetSync{Spec: v1alpha1.DatasetSyncSpec{ProjectID: testProject, DatasetID: "cats", Schedule: "@every 1h"}}
		obj.Namespace, obj.Name = w.namespace, "cats"
		Expect(w.client.Create(ctx, obj)).To(MatchError(ContainSubstring("takes no @every")))
	})
})

var _ = Describe("Credentials", func() {
	It("that are missing are waited for, and the object heals once they are there", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, nil)
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(hasReason(v1alpha1.ReasonCredentialsNotFound)(obj)).To(BeTrue())
		Expect(isStalled(obj)).To(BeFalse(), "it may still be on its way")
		Expect(message(obj)).To(And(ContainSubstring("modelarts-credentials"), ContainSubstring(keyAccessKey)))

		obj = w.follow(ctx, "cats", isStalled)
		Expect(w.clock.Now().Sub(obj.CreationTimestamp.Time)).NotTo(BeZero())
		Expect(hasReason(v1alpha1.ReasonCredentialsNotFound)(obj)).To(BeTrue())
		Expect(w.calls()).To(BeZero())

		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{keyAccessKey: testAK, keySecretKey: testSK})
		w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
	})

	for name, c := range map[string]struct {
		data map[string]string
		says string
	}{
		"without a secret key":   {map[string]string{keyAccessKey: testAK}, "the key secretKey is missing or empty"},
		"without an access key":  {map[string]string{keySecretKey: testSK, keyToken: "t"}, "the key accessKey is missing or empty"},
		"without anything known": {map[string]string{"ak": testAK, "sk": testSK}, "the keys accessKey and secretKey are missing or empty, and there is no token"},
		"with an empty key":      {map[string]string{keyAccessKey: testAK, keySecretKey: " \n"}, "the key secretKey is missing or empty"},
		"with a line break":      {map[string]string{keyAccessKey: testAK, keySecretKey: "CANARY\nKEY"}, "the key secretKey has characters that no credential has"},
	} {
		It("cannot be used "+name+", and are read again", func(ctx SpecContext) {
			w := newWorld(ctx)
			w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, c.data)
			w.create(ctx, "cats")
			w.pass(ctx, "cats")
			obj := w.get(ctx, "cats")
			Expect(hasReason(v1alpha1.ReasonCredentialsInvalid)(obj)).To(BeTrue())
			Expect(isStalled(obj)).To(BeTrue())
			Expect(message(obj)).To(ContainSubstring(c.says))
			Expect(w.calls()).To(BeZero())

			w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{keyAccessKey: testAK + "\n", keySecretKey: " " + testSK})
			began := w.clock.Now()
			w.follow(ctx, "cats", isFollowing)
			Expect(w.clock.Now().Sub(began)).To(BeNumerically("<=", time.Minute))
		})
	}

	It("are not the token of a ServiceAccount, which is not for the service", func(ctx SpecContext) {
		w := newWorld(ctx, func(c *simulator.Config) { c.Token = "CANARY-TOKEN" })
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot", Namespace: w.namespace}}
		Expect(w.client.Create(ctx, account)).To(Succeed())
		Expect(w.client.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Name: "robot-token", Namespace: w.namespace, Annotations: map[string]string{corev1.ServiceAccountNameKey: "robot"},
			},
			Type: corev1.SecretTypeServiceAccountToken, StringData: map[string]string{keyToken: "CANARY-TOKEN"},
		})).To(Succeed())
		w.create(ctx, "cats", withSecret("robot-token"))
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(hasReason(v1alpha1.ReasonCredentialsInvalid)(obj)).To(BeTrue())
		Expect(isStalled(obj)).To(BeTrue())
		Expect(message(obj)).To(ContainSubstring("kubernetes.io/service-account-token"))
		Expect(w.calls()).To(BeZero())
	})

	It("that the service refuses stall the object until the Secret changes", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{keyAccessKey: testAK, keySecretKey: "CANARY-WRONG"})
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(hasReason(v1alpha1.ReasonAuthenticationFailed)(obj)).To(BeTrue())
		Expect(isStalled(obj)).To(BeTrue())
		Expect(message(obj)).To(ContainSubstring("APIGW.0301"))

		w.restart()
		for range 5 {
			w.step(w.pass(ctx, "cats").RequeueAfter)
		}
		Expect(w.calls()).To(Equal(1), "a refused key is not tried again, even after a restart")

		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{keyAccessKey: testAK, keySecretKey: testSK})
		began := w.clock.Now()
		w.follow(ctx, "cats", isFollowing)
		Expect(w.clock.Now().Sub(began)).To(BeNumerically("<=", time.Minute))
		w.follow(ctx, "cats", isReady)
		Expect(w.get(ctx, "cats").Status.ErrorCode).To(BeEmpty())
	})

	It("that are refused are tried by few objects, and the key is not locked", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{keyAccessKey: testAK, keySecretKey: "CANARY-WRONG"})
		names := make([]string, 10)
		for i := range names {
			names[i] = fmt.Sprintf("cats-%d", i)
			w.create(ctx, names[i])
		}
		for range 5 {
			for _, name := range names {
				w.pass(ctx, name)
			}
			w.step(10 * time.Second)
		}
		Expect(w.calls()).To(Equal(maxAuthFailures))
		for _, name := range names {
			obj := w.get(ctx, name)
			Expect(isStalled(obj)).To(BeTrue())
			Expect(hasReason(v1alpha1.ReasonAuthenticationFailed)(obj)).To(BeTrue())
		}
		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{keyAccessKey: testAK, keySecretKey: testSK})
		for _, name := range names {
			w.follow(ctx, name, isFollowing)
		}
	})

	It("may be an IAM token", func(ctx SpecContext) {
		w := newWorld(ctx, func(c *simulator.Config) { c.Token = "CANARY-TOKEN" })
		w.setSecret(ctx, "iam", map[string]string{keyToken: "CANARY-TOKEN"})
		w.create(ctx, "cats", withSecret("iam"))
		w.follow(ctx, "cats", isReady)
	})

	It("of another namespace cannot be named", func(ctx SpecContext) {
		w, other := newWorld(ctx), newWorld(ctx)
		other.setSecret(ctx, "theirs", map[string]string{keyAccessKey: testAK, keySecretKey: testSK})
		w.create(ctx, "cats", withSecret("theirs"))
		w.pass(ctx, "cats")
		Expect(hasReason(v1alpha1.ReasonCredentialsNotFound)(w.get(ctx, "cats"))).To(BeTrue())
	})
})

var _ = Describe("A refusal for good", func() {
	for name, c := range map[string]struct {
		dataset simulator.Dataset
		reason  string
		code    string
	}{
		"an unknown data set": {simulator.Dataset{ID: "dogs"}, v1alpha1.ReasonDatasetNotFound, "ModelArts.4352"},
		"a text data set":     {simulator.Dataset{ID: "cats", Type: typeText}, v1alpha1.ReasonUnsupported, "ModelArts.4383"},
	} {
		It("closes the run and waits for a new request: "+name, func(ctx SpecContext) {
			w := newWorld(ctx, onlyDatasets(c.dataset))
			w.create(ctx, "cats")
			obj := w.follow(ctx, "cats", isStalled)
			Expect(hasReason(c.reason)(obj)).To(BeTrue())
			Expect(obj.Status.ErrorCode).To(Equal(c.code))
			Expect(obj.Status.ErrorMsg).NotTo(BeEmpty())
			Expect(message(obj)).To(ContainSubstring(c.code))
			Expect(obj.Status.Run).To(BeNil())
			Expect(obj.Status.History[0].Outcome).To(Equal(v1alpha1.OutcomeFailed))
			Expect(w.events()).To(Equal([]string{"Warning SyncFailed"}))

			calls := w.calls()
			w.restart()
			w.step(24 * time.Hour)
			Expect(w.pass(ctx, "cats").RequeueAfter).To(BeZero())
			Expect(w.calls()).To(Equal(calls))

			w.service.SetDataset(simulator.Dataset{ID: "cats"})
			w.edit(ctx, "cats", withTrigger("mended"))
			obj = w.follow(ctx, "cats", isReady)
			Expect(obj.Status.ErrorCode + obj.Status.ErrorMsg).To(BeEmpty())
		})
	}
})

var _ = Describe("A service that is away", func() {
	It("is waited for without losing the request, and the object heals", func(ctx SpecContext) {
		w := newWorld(ctx)
		good := w.settings.Endpoint
		w.settings.Endpoint = "http://127.0.0.1:1"
		w.restart()
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		obj := w.get(ctx, "cats")
		Expect(hasReason(v1alpha1.ReasonServiceUnavailable)(obj)).To(BeTrue())
		Expect(message(obj)).To(ContainSubstring("connection refused"))
		Expect(obj.Status.Run.Failures).To(BeEquivalentTo(1))

		w.settings.Endpoint = good
		w.restart()
		Expect(w.pass(ctx, "cats").RequeueAfter).To(Equal(w.settings.RetryMin), "a restart does not forget the delay")
		Expect(w.calls()).To(BeZero())
		w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("is shown as stalled in the end", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats", func(obj *v1alpha1.DatasetSync) { obj.Spec.TaskTimeoutSeconds = 3600 })
		w.service.AddFault(simulator.Fault{Kind: "answer", Operation: simulator.OperationLatest, Status: 503})
		obj := w.follow(ctx, "cats", isStalled)
		Expect(hasReason(v1alpha1.ReasonServiceUnavailable)(obj)).To(BeTrue())
		w.service.ClearFaults()
		w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
	})

	It("redirects nobody: the run is refused for good", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.service.AddFault(simulator.Fault{Kind: "redirect", Operation: simulator.OperationStart, Location: "http://evil.example/"})
		obj := w.follow(ctx, "cats", isStalled)
		Expect(hasReason(v1alpha1.ReasonRequestRejected)(obj)).To(BeTrue())
		Expect(message(obj)).To(ContainSubstring("--endpoint"))
	})
})

var _ = Describe("A failure that may pass", func() {
	It("is tried again with growing delays, and costs attempts", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.service.AddFault(simulator.Fault{Kind: "task-fails", Count: 2})
		obj := w.follow(ctx, "cats", hasReason(v1alpha1.ReasonRetrying))
		Expect(obj.Status.ErrorCode).To(Equal("ModelArts.4360"))
		Expect(obj.Status.TaskState).To(Equal("FAILED"))
		obj = w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(3))
		Expect(obj.Status.History[0].Attempts).To(BeEquivalentTo(3))
		Expect(obj.Status.ErrorCode + obj.Status.ErrorMsg).To(BeEmpty())
	})

	It("is a failure when the attempts are used up", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats", func(obj *v1alpha1.DatasetSync) { limit := int32(1); obj.Spec.RetryLimit = &limit })
		w.service.AddFault(simulator.Fault{Kind: "task-fails"})
		obj := w.follow(ctx, "cats", isStalled)
		Expect(hasReason(v1alpha1.ReasonTaskFailed)(obj)).To(BeTrue())
		Expect(message(obj)).To(And(ContainSubstring("ModelArts.4360"), ContainSubstring("spec.retryLimit")))
		Expect(w.starts("cats")).To(Equal(2))
	})

	It("costs no attempt when the data set is busy", func(ctx SpecContext) {
		w := newWorld(ctx, onlyDatasets(simulator.Dataset{ID: "cats", State: statePublishing}))
		w.create(ctx, "cats")
		obj := w.follow(ctx, "cats", hasReason(v1alpha1.ReasonDatasetBusy))
		Expect(obj.Status.Run.Attempt).To(BeZero())
		Expect(isStalled(obj)).To(BeFalse())
		for range 20 {
			w.step(w.pass(ctx, "cats").RequeueAfter)
		}
		starts := w.service.Calls()[simulator.OperationStart]
		Expect(starts).To(BeNumerically("<=", 1+int(w.clock.Now().Sub(obj.Status.Run.RequestedTime.Time)/busyDelay)), "a minute between starts")
		w.service.SetDataset(simulator.Dataset{ID: "cats", State: stateNormal})
		obj = w.follow(ctx, "cats", isReady)
		Expect(obj.Status.History[0].Attempts).To(BeEquivalentTo(1))
	})

	It("costs no attempt when the service throttles, and waits as told", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.service.AddFault(simulator.Fault{Kind: "throttled", Operation: simulator.OperationStart, Count: 1, RetryAfter: "90"})
		result := w.pass(ctx, "cats")
		Expect(result.RequeueAfter).To(Equal(90 * time.Second))
		obj := w.get(ctx, "cats")
		Expect(hasReason(v1alpha1.ReasonThrottled)(obj)).To(BeTrue())
		Expect(obj.Status.Run.Attempt).To(BeZero())
		obj = w.follow(ctx, "cats", isReady)
		Expect(obj.Status.History[0].Attempts).To(BeEquivalentTo(1))
	})

	It("is waited for when somebody else's task is under way, and one start follows", func(ctx SpecContext) {
		w := newWorld(ctx)
		_, err := w.service.StartTask(testProject, "cats")
		Expect(err).NotTo(HaveOccurred())
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		Expect(hasReason(v1alpha1.ReasonAwaitingOtherTask)(w.get(ctx, "cats"))).To(BeTrue())
		obj := w.follow(ctx, "cats", isReady)
		Expect(w.starts("cats")).To(Equal(1))
		Expect(obj.Status.History[0].Origin).To(Equal(v1alpha1.OriginStarted))
	})
})
