package hostile

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/controllers"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/simulator"
)

const (
	project   = "0123456789abcdef0123456789abcdef"
	namespace = "vision"
	accessKey = "CANARY-ACCESS-KEY"
	secretKey = "CANARY-SECRET-KEY"
	taskTime  = time.Minute

	// patient is the timeout of a call whose answer comes, however busy the
	// machine is; impatient that of one whose answer never does.
	patient   = 20 * time.Second
	impatient = 250 * time.Millisecond
)

// world is the simulated service behind real HTTP, a store in place of an API
// server, and the Reconciler between them, all on one clock that moves only when
// the test says so. What the Reconciler lets out is kept: logs at the most
// talkative level, events and metrics.
type world struct {
	t          testing.TB
	clock      *clocktesting.FakeClock
	service    *simulator.Simulator
	server     *httptest.Server
	store      *store
	settings   controllers.Settings
	recorder   *events.FakeRecorder
	registry   *prometheus.Registry
	logs       *safeBuffer // nil: nobody reads them
	seen       *witness
	reconciler *controllers.Reconciler
}

// newWorld makes a world in which the service takes a key pair that the default
// Secret holds.
func newWorld(tb testing.TB, changes ...func(*simulator.Config)) *world {
	tb.Helper()
	w := &world{
		t:        tb,
		clock:    clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		store:    newStore(statusSchema(tb)),
		recorder: events.NewFakeRecorder(10_000),
		logs:     &safeBuffer{},
		seen:     &witness{},
	}
	config := simulator.Config{AccessKey: accessKey, SecretKey: secretKey, TaskDuration: taskTime, Now: w.clock.Now}
	for _, c := range changes {
		c(&config)
	}
	w.service = simulator.New(config)
	w.server = httptest.NewUnstartedServer(w.seen.watch(w.service.Handler()))
	w.server.Config.ErrorLog = log.New(w.logs, "", 0)
	w.server.Start()
	tb.Cleanup(w.server.Close)
	tb.Cleanup(w.service.ClearFaults) // Whoever waits goes on, so that the server can close.
	w.settings = controllers.Settings{
		Endpoint: w.server.URL, DefaultRegion: "cn-north-4",
		RequestTimeout: patient, SettleTime: time.Minute, ScheduleJitter: 30 * time.Second,
		PollMin: 5 * time.Second, PollMax: time.Minute, RetryMin: 10 * time.Second, RetryMax: 10 * time.Minute,
		QPS: 5, Burst: 10,
	}
	w.setSecret(map[string]string{"accessKey": accessKey, "secretKey": secretKey})
	w.restart()
	return w
}

// restart replaces the Reconciler by one that remembers nothing.
func (w *world) restart() {
	w.registry = prometheus.NewRegistry()
	counts := controllers.NewMetrics()
	must(counts.Register(w.registry))
	api := modelarts.NewClient(modelarts.Options{
		RequestTimeout: w.settings.RequestTimeout, Now: w.clock.Now, Observe: counts.ObserveCall,
	})
	w.t.Cleanup(api.CloseIdleConnections)
	w.reconciler = controllers.NewReconciler(controllers.Dependencies{
		Client: w.store, Live: w.store, API: api, Recorder: w.recorder, Clock: w.clock, Metrics: counts,
	}, w.settings)
}

func (w *world) setSecret(data map[string]string) {
	w.store.setSecret(types.NamespacedName{Namespace: namespace, Name: v1alpha1.DefaultCredentialsSecret}, data)
}

// create creates an object named like its data set.
func (w *world) create(name string, changes ...func(*v1alpha1.DatasetSync)) {
	obj := &v1alpha1.DatasetSync{}
	obj.Namespace, obj.Name, obj.UID, obj.Generation = namespace, name, types.UID("uid-"+name), 1
	retries := int32(3)
	obj.Spec = v1alpha1.DatasetSyncSpec{ProjectID: project, DatasetID: name, TaskTimeoutSeconds: 7200, RetryLimit: &retries}
	obj.Status.ObservedGeneration = -1
	for _, c := range changes {
		c(obj)
	}
	w.store.create(obj)
}

func key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

func (w *world) get(name string) *v1alpha1.DatasetSync {
	obj := &v1alpha1.DatasetSync{}
	must(w.store.Get(context.Background(), key(name), obj))
	return obj
}

// pass calls Reconcile once, and fails on an error.
func (w *world) pass(name string) time.Duration {
	w.t.Helper()
	ctx := ctrllog.IntoContext(context.Background(), logr.Discard())
	if w.logs != nil {
		ctx = ctrllog.IntoContext(ctx, zap.New(zap.UseDevMode(true), zap.Level(zapcore.Level(-127)), zap.WriteTo(w.logs)))
	}
	result, err := w.reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: key(name)})
	if err != nil {
		w.t.Fatalf("a pass fails: %v", err)
	}
	return result.RequeueAfter
}

func (w *world) step(d time.Duration) { w.clock.SetTime(w.clock.Now().Add(d)) }

// follow calls Reconcile whenever it asks to be called, until the object is as
// wanted, and returns it.
func (w *world) follow(name string, wanted func(*v1alpha1.DatasetSync) bool) *v1alpha1.DatasetSync {
	w.t.Helper()
	for range 300 {
		wait := w.pass(name)
		obj := w.get(name)
		if wanted(obj) {
			return obj
		}
		if wait == 0 {
			w.t.Fatalf("the object came to rest as it is: %s", describe(obj))
		}
		w.step(wait)
	}
	w.t.Fatalf("the object does not get where it should: %s", describe(w.get(name)))
	return nil
}

// rest follows an object until nothing is on the way for it.
func (w *world) rest(name string) *v1alpha1.DatasetSync {
	w.t.Helper()
	return w.follow(name, func(obj *v1alpha1.DatasetSync) bool { return obj.Status.Run == nil })
}

// starts returns the tasks that the service started for us.
func (w *world) starts(dataset string) []string {
	var tasks []string
	for _, entry := range w.service.Ledger() {
		if entry.Dataset == dataset && entry.Verdict == simulator.VerdictAccepted {
			tasks = append(tasks, entry.TaskID)
		}
	}
	return tasks
}

func (w *world) calls() int {
	n := 0
	for _, count := range w.service.Calls() {
		n += count
	}
	return n
}

// fault arms a fault of the service.
func (w *world) fault(f simulator.Fault) {
	w.t.Helper()
	if err := f.Validate(); err != nil {
		w.t.Fatal(err)
	}
	w.service.AddFault(f)
}

// let returns everything that others than the API server can see.
func (w *world) let() string {
	var b strings.Builder
	b.WriteString(w.logs.String())
	for {
		select {
		case event := <-w.recorder.Events:
			b.WriteString(event + "\n")
			continue
		default:
		}
		break
	}
	scrape := httptest.NewRecorder()
	promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{}).ServeHTTP(scrape, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	b.WriteString(scrape.Body.String())
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	for _, obj := range w.store.objects {
		b.Write(encode(obj))
	}
	return b.String()
}

func condition(obj *v1alpha1.DatasetSync, kind string) string {
	if c := meta.FindStatusCondition(obj.Status.Conditions, kind); c != nil {
		return string(c.Status) + " " + c.Reason
	}
	return ""
}

func describe(obj *v1alpha1.DatasetSync) string {
	return fmt.Sprintf("Ready=%s Stalled=%s task=%s %s run=%s", condition(obj, v1alpha1.ReadyCondition),
		condition(obj, v1alpha1.StalledCondition), obj.Status.TaskID, obj.Status.TaskState, encode(obj.Status.Run))
}

// witness remembers what of a secret kind it saw in requests.
type witness struct {
	mu         sync.Mutex
	signatures []string
}

func (v *witness) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, signature, ok := strings.Cut(r.Header.Get("Authorization"), "Signature="); ok {
			v.mu.Lock()
			v.signatures = append(v.signatures, signature)
			v.mu.Unlock()
		}
		next.ServeHTTP(rw, r)
	})
}

func (v *witness) secrets() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string{"CANARY"}, v.signatures...)
}

// safeBuffer is a buffer that several goroutines may write to.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var _ client.Reader = (*store)(nil)
