package controllers

import (
	"context"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/simulator"
)

const (
	testProject = "0123456789abcdef0123456789abcdef"
	testAK      = "CANARY-ACCESS-KEY"
	testSK      = "CANARY-SECRET-KEY"
	// taskTime is how long a task of the simulator takes.
	taskTime = time.Minute
)

// world is a namespace of a real API server, a simulated service behind real
// HTTP, and a Reconciler whose Reconcile the test calls. All of them but the API
// server share one clock, which moves only when the test says so.
type world struct {
	clock     *clocktesting.FakeClock
	service   *simulator.Simulator
	server    *httptest.Server
	client    client.WithWatch
	namespace string
	settings  Settings
	recorder  *events.FakeRecorder
	// hooks run in the middle of a pass.
	hooks hooks
	// funcs change what the Reconciler's client does.
	funcs      interceptor.Funcs
	reconciler *Reconciler
	// writes counts the writes that the Reconciler asked for.
	writes int
}

// hooks run in the middle of a pass.
type hooks struct {
	beforeLook, afterLook, beforeStart, afterStart func()
}

// hookedAPI is the service's client with hooks around it.
type hookedAPI struct {
	SyncAPI
	hooks *hooks
}

func (h hookedAPI) LatestSync(ctx context.Context, t modelarts.Target, c modelarts.Credentials) (modelarts.Task, error) {
	run(h.hooks.beforeLook)
	defer run(h.hooks.afterLook)
	return h.SyncAPI.LatestSync(ctx, t, c)
}

func (h hookedAPI) StartSync(ctx context.Context, t modelarts.Target, c modelarts.Credentials, at time.Time) (modelarts.Started, error) {
	run(h.hooks.beforeStart)
	defer run(h.hooks.afterStart)
	return h.SyncAPI.StartSync(ctx, t, c, at)
}

func run(hook func()) {
	if hook != nil {
		hook()
	}
}

// newWorld makes a world with a Secret that holds good credentials.
func newWorld(ctx context.Context, changes ...func(*simulator.Config)) *world {
	GinkgoHelper()
	w := &world{
		clock:    clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		recorder: events.NewFakeRecorder(100),
	}
	config := simulator.Config{AccessKey: testAK, SecretKey: testSK, TaskDuration: taskTime, Now: w.clock.Now}
	for _, c := range changes {
		c(&config)
	}
	w.service = simulator.New(config)
	w.server = httptest.NewServer(w.service.Handler())
	DeferCleanup(w.server.Close)
	w.settings = Settings{
		Endpoint: w.server.URL, DefaultRegion: "cn-north-4",
		RequestTimeout: 30 * time.Second, SettleTime: time.Minute, ScheduleJitter: 30 * time.Second,
		PollMin: 5 * time.Second, PollMax: time.Minute, RetryMin: 10 * time.Second, RetryMax: 10 * time.Minute,
		QPS: 5, Burst: 10,
	}
	w.client = newClient(restConfig)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "vision-"}}
	Expect(w.client.Create(ctx, namespace)).To(Succeed())
	w.namespace = namespace.Name
	w.restart()
	w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{keyAccessKey: testAK, keySecretKey: testSK})
	return w
}

func newClient(config *rest.Config) client.WithWatch {
	GinkgoHelper()
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// restart replaces the Reconciler by one that remembers nothing.
func (w *world) restart() {
	w.reconciler = w.newReconciler()
}

// newReconciler returns another replica.
func (w *world) newReconciler() *Reconciler {
	api := modelarts.NewClient(modelarts.Options{RequestTimeout: w.settings.RequestTimeout, Now: w.clock.Now})
	DeferCleanup(api.CloseIdleConnections)
	counted := interceptor.NewClient(w.client, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			w.writes++
			if f := w.funcs.SubResourcePatch; f != nil {
				return f(ctx, c, sub, obj, patch, opts...)
			}
			return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if f := w.funcs.Get; f != nil {
				return f(ctx, c, key, obj, opts...)
			}
			return c.Get(ctx, key, obj, opts...)
		},
	})
	return NewReconciler(Dependencies{
		Client: counted, Live: w.client, API: hookedAPI{api, &w.hooks}, Recorder: w.recorder, Clock: w.clock,
	}, w.settings)
}

// create creates an object named like its data set.
func (w *world) create(ctx context.Context, name string, changes ...change) *v1alpha1.DatasetSync {
	GinkgoHelper()
	obj := &v1alpha1.DatasetSync{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.namespace},
		Spec:       v1alpha1.DatasetSyncSpec{ProjectID: testProject, DatasetID: name},
	}
	for _, c := range changes {
		c(obj)
	}
	Expect(w.client.Create(ctx, obj)).To(Succeed())
	return obj
}

func (w *world) get(ctx context.Context, name string) *v1alpha1.DatasetSync {
	GinkgoHelper()
	obj := &v1alpha1.DatasetSync{}
	Expect(w.client.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: name}, obj)).To(Succeed())
	return obj
}

// edit changes an object as a user does.
func (w *world) edit(ctx context.Context, name string, changes ...change) {
	GinkgoHelper()
	obj := w.get(ctx, name)
	before := obj.DeepCopy()
	for _, c := range changes {
		c(obj)
	}
	Expect(w.client.Patch(ctx, obj, client.MergeFrom(before))).To(Succeed())
}

// setSecret creates or replaces a Secret.
func (w *world) setSecret(ctx context.Context, name string, data map[string]string) {
	GinkgoHelper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.namespace}, StringData: data}
	Expect(client.IgnoreNotFound(w.client.Delete(ctx, secret.DeepCopy()))).To(Succeed())
	if data != nil {
		Expect(w.client.Create(ctx, secret)).To(Succeed())
	}
}

// pass calls Reconcile once.
func (w *world) pass(ctx context.Context, name string) ctrl.Result {
	GinkgoHelper()
	result, err := w.reconciler.Reconcile(ctx, w.request(name))
	Expect(err).NotTo(HaveOccurred())
	return result
}

func (w *world) request(name string) ctrl.Request {
	return ctrl.Request{NamespacedName: client.ObjectKey{Namespace: w.namespace, Name: name}}
}

func (w *world) step(d time.Duration) { w.clock.SetTime(w.clock.Now().Add(d)) }

// follow calls Reconcile whenever it asks to be called, until the object is as
// wanted, and returns it.
func (w *world) follow(ctx context.Context, name string, wanted func(*v1alpha1.DatasetSync) bool) *v1alpha1.DatasetSync {
	GinkgoHelper()
	for range 500 {
		result := w.pass(ctx, name)
		if obj := w.get(ctx, name); wanted(obj) {
			return obj
		}
		Expect(result.RequeueAfter).To(BeNumerically(">", 0), "the object came to rest as it is: %s", describeStatus(w.get(ctx, name)))
		w.step(result.RequeueAfter)
	}
	Fail("the object does not get where it should: " + describeStatus(w.get(ctx, name)))
	return nil
}

// starts returns how many starts of a data set the service accepted from us.
func (w *world) starts(dataset string) int {
	n := 0
	for _, entry := range w.service.Ledger() {
		if entry.Dataset == dataset && entry.Verdict == simulator.VerdictAccepted && !entry.External {
			n++
		}
	}
	return n
}

// calls returns how many calls the service has seen.
func (w *world) calls() int {
	n := 0
	for _, count := range w.service.Calls() {
		n += count
	}
	return n
}

// events returns the events since the last call.
func (w *world) events() []string {
	var all []string
	for {
		select {
		case e := <-w.recorder.Events:
			all = append(all, strings.Join(strings.Fields(e)[:2], " "))
		default:
			return all
		}
	}
}

// The states that tests wait for.
func isReady(obj *v1alpha1.DatasetSync) bool {
	return meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ReadyCondition)
}

func isStalled(obj *v1alpha1.DatasetSync) bool {
	return meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.StalledCondition)
}

func isFollowing(obj *v1alpha1.DatasetSync) bool { return stageOf(obj.Status.Run) == stageFollowing }

func hasReason(reason string) func(*v1alpha1.DatasetSync) bool {
	return func(obj *v1alpha1.DatasetSync) bool {
		c := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ReadyCondition)
		return c != nil && c.Reason == reason
	}
}

func message(obj *v1alpha1.DatasetSync) string {
	if c := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ReadyCondition); c != nil {
		return c.Message
	}
	return ""
}

func describeStatus(obj *v1alpha1.DatasetSync) string {
	return summary(decision{status: obj.Status}) + ": " + message(obj)
}

func withTrigger(trigger string) change {
	return func(obj *v1alpha1.DatasetSync) { obj.Spec.Trigger = trigger }
}

func withDataset(id string) change {
	return func(obj *v1alpha1.DatasetSync) { obj.Spec.DatasetID = id }
}

func withSecret(name string) change {
	return func(obj *v1alpha1.DatasetSync) { obj.Spec.CredentialsSecretRef.Name = name }
}
