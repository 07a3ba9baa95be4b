package enumerate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/controllers"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/proof/cluster"
	"datasetsync.dev/operator/internal/proof/cluster/process"
	"datasetsync.dev/operator/internal/proof/invariants"
	"datasetsync.dev/operator/internal/simulator"
)

const (
	dataset      = "cats"
	accessKey    = "CANARY-ACCESS-KEY"
	secretKey    = "CANARY-SECRET-KEY"
	taskDuration = 9 * time.Second
	// requestTimeout is what the operator believes; impatience is when a client
	// really gives up, where it has to.
	requestTimeout = 30 * time.Second
	impatience     = 20 * time.Millisecond
	// What the parts of the world take.
	callTakes, readTakes, writeTakes = 40 * time.Millisecond, 2 * time.Millisecond, 10 * time.Millisecond
	restartTakes                     = time.Second
	// frozenFor is how long a watch delivers nothing.
	frozenFor = 2 * time.Minute
	// mostPasses is more than any plan needs.
	mostPasses = 5000
)

// Where redirects lead; the real addresses are put in when the world is made.
const (
	foreignPlace = "http://foreign.invalid"
	samePlace    = "http://same.invalid"
)

// projects numbers the plans of this process.
var projects atomic.Int64

// world is a plan being carried out.
type world struct {
	plan
	servers *servers
	project string
	true    *cluster.Time
	sim     *simulator.Simulator
	log     *cluster.Log
	client  client.Client
	key     types.NamespacedName
	clock   *cluster.Clock
	journal *process.Journal

	current           *process.Process
	patient, hurried  *modelarts.Client
	hurry, dying      bool
	processes, nonces int

	// done counts what was done, and trace is that in order.
	done  map[process.Kind]int
	trace []point
	fired map[injection]bool
	// resting is true when nothing goes wrong any more.
	resting bool
	// timers are what happens later; onLook and onGet what happens after the next
	// of these.
	timers        []timer
	onLook, onGet []func()
	passes        int
	problems      []string
}

// timer is something that happens at a time.
type timer struct {
	at time.Time
	do func()
}

// backend is an API server with its log.
type backend struct {
	client    client.Client
	log       *cluster.Log
	namespace string
}

// standIn returns a backend that is the stand-in of the API server.
func standIn(schema *cluster.Schema, t *cluster.Time) backend {
	server := cluster.NewServer(schema, t.Now)
	return backend{client: server.Client(), log: server.Log, namespace: "vision"}
}

func newWorld(p plan, s *servers, t *cluster.Time, b backend) *world {
	w := &world{
		plan: p, servers: s, true: t, client: b.client, log: b.log,
		project: fmt.Sprintf("%032d", projects.Add(1)), key: types.NamespacedName{Namespace: b.namespace, Name: dataset},
		clock: cluster.NewClock(t), done: map[process.Kind]int{}, fired: map[injection]bool{},
	}
	w.sim = simulator.New(simulator.Config{
		AccessKey: accessKey, SecretKey: secretKey, TaskDuration: taskDuration, Answer: p.answer, Now: t.Now,
	})
	s.services.Store(w.project, w.sim)
	w.journal = &process.Journal{Now: t.Now, Ledger: func() int { return len(w.sim.Ledger()) }}
	return w
}

func (w *world) close() {
	w.stopProcess()
	w.servers.services.Delete(w.project)
}

// settings are the manager's flags under the policy.
func (w *world) settings() controllers.Settings {
	s := controllers.Settings{
		Endpoint: w.servers.plain.URL, DefaultRegion: "cn-north-4",
		RequestTimeout: requestTimeout, SettleTime: time.Minute, ScheduleJitter: 30 * time.Second,
		PollMin: 5 * time.Second, PollMax: time.Minute, RetryMin: 10 * time.Second, RetryMax: 10 * time.Minute,
		QPS: 5, Burst: 10,
	}
	if w.policy == policyStrict {
		s.SettleTime = 17 * time.Minute
	}
	return s
}

// setUp makes two tasks of the past, a Secret and the object.
func (w *world) setUp(ctx context.Context) error {
	for range 2 {
		if _, err := w.sim.StartTask(w.project, dataset); err != nil {
			return fmt.Errorf("start a task of the past: %w", err)
		}
		w.true.Advance(time.Hour)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.key.Namespace, Name: v1alpha1.DefaultCredentialsSecret},
		StringData: map[string]string{"accessKey": accessKey, "secretKey": secretKey},
	}
	if err := w.client.Create(ctx, secret); err != nil {
		return fmt.Errorf("create the Secret: %w", err)
	}
	if err := w.client.Create(ctx, w.newObject()); err != nil {
		return fmt.Errorf("create the object: %w", err)
	}
	w.startProcess()
	return nil
}

func (w *world) newObject() *v1alpha1.DatasetSync {
	obj := &v1alpha1.DatasetSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.key.Namespace, Name: w.key.Name},
		Spec:       v1alpha1.DatasetSyncSpec{ProjectID: w.project, DatasetID: dataset},
	}
	if w.policy == policyHold {
		obj.Spec.RetryLimit = new(int32)
	}
	return obj
}

// startProcess starts a manager that remembers nothing.
func (w *world) startProcess() {
	w.processes++
	options := modelarts.Options{RequestTimeout: requestTimeout, Now: w.clock.Now, RootCAs: w.servers.roots}
	w.patient = modelarts.NewClient(options)
	options.RequestTimeout = impatience
	w.hurried = modelarts.NewClient(options)
	w.dying = false
	w.current = process.New(process.Config{
		Name: fmt.Sprintf("manager-%d", w.processes), Client: w.client, View: cluster.NewView(w.log, 0), Clock: w.clock,
		API: w, Settings: w.settings(), NewNonce: w.nonce, Gate: w.gate, Journal: w.journal,
	})
}

func (w *world) stopProcess() {
	if w.patient != nil {
		w.patient.CloseIdleConnections()
		w.hurried.CloseIdleConnections()
	}
}

func (w *world) nonce() string {
	w.nonces++
	return fmt.Sprintf("nonce-%d", w.nonces)
}

// LatestSync asks the service through the real client.
func (w *world) LatestSync(ctx context.Context, t modelarts.Target, c modelarts.Credentials) (modelarts.Task, error) {
	return w.caller().LatestSync(ctx, t, c)
}

// StartSync asks the service through the real client.
func (w *world) StartSync(ctx context.Context, t modelarts.Target, c modelarts.Credentials, at time.Time) (modelarts.Started, error) {
	return w.caller().StartSync(ctx, t, c, at)
}

func (w *world) caller() *modelarts.Client {
	if w.hurry {
		return w.hurried
	}
	return w.patient
}

// problem notes what is wrong besides the invariants.
func (w *world) problem(format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// after has something happen later.
func (w *world) after(d time.Duration, do func()) {
	w.timers = append(w.timers, timer{w.true.Now().Add(d), do})
}

// step lets the next thing happen and reports whether there was any until then.
func (w *world) step(ctx context.Context, until time.Time) bool {
	key, due, queued := w.current.Queue.Next()
	if i := w.nextTimer(); i >= 0 && (!queued || !w.timers[i].at.After(due)) {
		next := w.timers[i]
		if next.at.After(until) {
			return false
		}
		w.timers = slices.Delete(w.timers, i, i+1)
		w.true.AdvanceTo(next.at)
		next.do()
		w.current.Deliver(w.log.Len())
		return true
	}
	if !queued || due.After(until) {
		return false
	}
	w.true.AdvanceTo(due)
	w.passes++
	pass := w.current.Reconcile(ctx, key)
	if pass.Crashed || w.dying {
		w.stopProcess()
		w.true.Advance(restartTakes)
		w.startProcess()
	}
	w.current.Deliver(w.log.Len())
	return true
}

func (w *world) nextTimer() int {
	first := -1
	for i := range w.timers {
		if first < 0 || w.timers[i].at.Before(w.timers[first].at) {
			first = i
		}
	}
	return first
}

// drive lets things happen until there is nothing left, or enough is true.
func (w *world) drive(ctx context.Context, until time.Time, enough func() bool) {
	for w.passes < mostPasses && !enough() {
		if !w.step(ctx, until) {
			return
		}
	}
}

// edit is a user's change.
func (w *world) edit(ctx context.Context, change func(*v1alpha1.DatasetSync)) {
	old := w.log.Latest(w.key)
	changed := old.DeepCopy()
	change(changed)
	if err := w.client.Patch(ctx, changed, client.MergeFrom(old.DeepCopy())); err != nil {
		w.problem("a user cannot edit the object: %v", err)
	}
}

// recreate is a user who deletes the object and creates it anew.
func (w *world) recreate(ctx context.Context) {
	err := errors.Join(w.client.Delete(ctx, w.log.Latest(w.key).DeepCopy()), w.client.Create(ctx, w.newObject()))
	if err != nil {
		w.problem("a user cannot create the object anew: %v", err)
	}
}

// allOff ends all faults that go on.
func (w *world) allOff() {
	for _, late := range slices.Concat(w.onLook, w.onGet) {
		late()
	}
	w.onLook, w.onGet, w.timers = nil, nil, nil
	w.sim.ClearFaults()
	w.sim.FinishTask(w.project, dataset, "COMPLETED")
	w.current.View.Frozen = false
	w.current.Deliver(w.log.Len())
}

// allFired reports whether everything that is to go wrong has.
func (w *world) allFired() bool {
	return len(w.fired) == len(w.injections()) && len(w.timers)+len(w.onLook)+len(w.onGet) == 0
}

// evidence is what was seen.
func (w *world) evidence() *invariants.Evidence {
	e := &invariants.Evidence{
		Objects: w.log.Objects(), Ledger: w.sim.Ledger(), Calls: w.journal.Calls, Events: w.journal.Events,
		Texts:    map[string]string{"logs and events": w.journal.Texts.String()},
		Canaries: []string{accessKey, secretKey},
		Keys:     map[string][]string{w.key.Namespace: {modelarts.Credentials{AccessKey: accessKey, SecretKey: secretKey}.Fingerprint()}},
		Foreign:  w.servers.strayed(w.project),
	}
	for _, task := range w.sim.Tasks(w.project, dataset) {
		e.Tasks = append(e.Tasks, invariants.Task{Project: w.project, Dataset: dataset, Task: task})
	}
	return e
}

// conflictError and the like are what the control plane says.
func controlPlaneError(name string) error {
	switch name {
	case "too-many-requests":
		return apierrors.NewTooManyRequests("the server is busy", 1)
	case "internal-error":
		return apierrors.NewInternalError(errors.New("etcdserver: leader changed"))
	case "forbidden":
		return apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource("datasetsyncs").GroupResource(), dataset, errors.New("the role was taken away"))
	case "timeout", "timeout-applied":
		return fmt.Errorf("http2: client connection lost: %w", context.DeadlineExceeded)
	default:
		panic("no such fault of the control plane: " + name)
	}
}

// place puts the real addresses into a redirect.
func (w *world) place(location string) string {
	path := "/v2/" + w.project + "/datasets/" + dataset + "/sync-data"
	location = strings.Replace(location, foreignPlace, w.servers.foreign.URL+path, 1)
	return strings.Replace(location, samePlace, w.servers.plain.URL+path, 1)
}
