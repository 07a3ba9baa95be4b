package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/controllers"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/proof/cluster"
	"datasetsync.dev/operator/internal/proof/cluster/process"
	"datasetsync.dev/operator/internal/proof/invariants"
)

const (
	endpoint = "https://modelarts.invalid"
	region   = "cn-north-4"
	// budget is how long after its decision a start may be sent.
	budget = 10 * time.Second
	// steps is how long the weather of a world is bad.
	steps = 120
)

// tenant is a namespace with a project and keys of its own.
type tenant struct {
	namespace, project string
	// access and secret are the pair that is good now.
	access, secret string
	rotations      int
	datasets       []string
}

// world is a seed.
type world struct {
	random  *rand.Rand
	true    *cluster.Time
	server  *cluster.Server
	service *service
	journal *process.Journal

	settings controllers.Settings
	weather  weather
	strict   bool
	holds    bool
	lying    bool
	// lonely is true if one replica is left when the weather gets fine.
	lonely bool
	// rivals is until when several replicas may act at once.
	rivals time.Time
	ahead  time.Duration

	tenants  []*tenant
	keys     []types.NamespacedName
	replicas []*replica
	timers   []timer
	waiting  []*flight
	flying   *flight
	baton    chan *flight

	// lens and plan are what the call that is made now meets.
	lens lens
	plan plan

	nonces, serial, passes int
	rows                   map[string]int
	canaries               []string
	fingerprints           map[string][]string
	problems               []string
}

// timer is something that happens at a time.
type timer struct {
	at time.Time
	do func()
}

// newWorld draws a world from a seed.
func newWorld(seed uint64, schema *cluster.Schema) *world {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	t := cluster.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	w := &world{
		random: r, true: t, server: cluster.NewServer(schema, t.Now), baton: make(chan *flight),
		rows: map[string]int{}, fingerprints: map[string][]string{},
	}
	policy := r.IntN(4)
	w.strict, w.holds, w.lying = policy == 1, policy == 2, policy == 3
	w.weather = newWeather(r, w.strict || w.holds, w.lying)
	w.ahead = time.Duration(r.IntN(60)-30) * time.Second
	w.service = newService(func() time.Time { return t.Now().Add(w.ahead) })
	w.service.empty = r.IntN(2) == 0
	w.service.sparse = w.lying && r.IntN(3) == 0
	w.service.taskTime = []time.Duration{5 * time.Second, time.Minute, 4 * time.Minute}[r.IntN(3)]
	w.journal = &process.Journal{Now: t.Now, Ledger: func() int { return len(w.service.ledger) }}
	w.lonely, w.rivals = r.IntN(4) > 0, t.Now().AddDate(1, 0, 0)
	w.settings = controllers.Settings{
		Endpoint: endpoint, DefaultRegion: region, RequestTimeout: requestTimeout, SettleTime: time.Minute,
		ScheduleJitter: 30 * time.Second, PollMin: 5 * time.Second, PollMax: time.Minute,
		RetryMin: 10 * time.Second, RetryMax: 10 * time.Minute, QPS: 5, Burst: 10,
	}
	if w.strict {
		w.settings.SettleTime = 17 * time.Minute
	}
	w.populate()
	return w
}

// populate makes tenants, data sets, objects and replicas.
func (w *world) populate() {
	for i := range 2 {
		one := &tenant{namespace: fmt.Sprintf("team-%c", 'a'+i), project: strings.Repeat(string(rune('a'+i)), 32)}
		for n := range 2 + w.random.IntN(2) {
			one.datasets = append(one.datasets, fmt.Sprintf("set-%d", n))
			w.service.datasets[place{one.project, one.datasets[n]}] = &dataset{}
		}
		w.tenants = append(w.tenants, one)
		w.rotate(one)
		w.putSecret(one, one.secret)
		for n := range 8 + w.random.IntN(4) {
			key := types.NamespacedName{Namespace: one.namespace, Name: fmt.Sprintf("sync-%02d", n)}
			w.keys = append(w.keys, key)
			if w.random.IntN(3) > 0 {
				w.create(key)
			}
		}
	}
	for i := range 2 + w.random.IntN(2) {
		r := &replica{world: w, name: fmt.Sprintf("replica-%d", i), clock: cluster.NewClock(w.true)}
		r.clock.Offset = time.Duration(w.random.IntN(1200)-600) * time.Second
		r.start(0)
		w.replicas = append(w.replicas, r)
	}
}

// rotate gives a tenant another key pair, and ends the one before.
func (w *world) rotate(t *tenant) {
	delete(w.service.keys, t.access)
	t.rotations++
	t.access = fmt.Sprintf("CANARY-AK-%s-%d", t.namespace, t.rotations)
	t.secret = fmt.Sprintf("CANARY-SK-%s-%d", t.namespace, t.rotations)
	w.service.keys[t.access] = &key{secret: t.secret, project: t.project}
}

// putSecret replaces a tenant's Secret by its key pair, with a secret key that
// may be wrong.
func (w *world) putSecret(t *tenant, secret string) {
	w.dropSecret(t)
	w.canaries = append(w.canaries, t.access, secret)
	w.fingerprints[t.namespace] = append(w.fingerprints[t.namespace], modelarts.Credentials{AccessKey: t.access, SecretKey: secret}.Fingerprint())
	object := t.newSecret()
	object.StringData = map[string]string{"accessKey": t.access, "secretKey": secret}
	w.must(w.server.Client().Create(context.Background(), object))
}

func (w *world) dropSecret(t *tenant) {
	w.must(client.IgnoreNotFound(w.server.Client().Delete(context.Background(), t.newSecret())))
}

func (t *tenant) newSecret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: v1alpha1.DefaultCredentialsSecret}}
}

// must notes what no world allows.
func (w *world) must(err error) {
	if err != nil {
		w.problem("a user cannot do what users do: %v", err)
	}
}

func (w *world) problem(format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

func (w *world) nonce() string {
	w.nonces++
	return fmt.Sprintf("nonce-%d", w.nonces)
}

func (w *world) after(d time.Duration, do func()) {
	w.timers = append(w.timers, timer{w.true.Now().Add(d), do})
}

func (w *world) tenantOf(namespace string) *tenant {
	for _, t := range w.tenants {
		if t.namespace == namespace {
			return t
		}
	}
	panic("no such tenant: " + namespace)
}

// LatestSync asks the service, through the lens of the moment.
func (w *world) LatestSync(_ context.Context, t modelarts.Target, c modelarts.Credentials) (modelarts.Task, error) {
	return w.service.look(t, c, w.lens)
}

// StartSync asks the service for a start.
func (w *world) StartSync(_ context.Context, t modelarts.Target, c modelarts.Credentials, at time.Time) (modelarts.Started, error) {
	return w.service.start(t, c, at, w.plan)
}

// next lets the next thing happen, and returns false if there is none until
// then.
func (w *world) next(until time.Time) bool {
	at, do := w.earliest()
	if do == nil || at.After(until) {
		return false
	}
	w.true.AdvanceTo(at)
	do()
	return true
}

// earliest finds what happens next: a timer, a pass that goes on, or an object
// that is due.
func (w *world) earliest() (at time.Time, do func()) {
	consider := func(t time.Time, what func()) {
		if now := w.true.Now(); t.Before(now) {
			t = now
		}
		if do == nil || t.Before(at) {
			at, do = t, what
		}
	}
	for i, one := range w.timers {
		consider(one.at, func() {
			w.timers = slices.Delete(w.timers, i, i+1)
			one.do()
		})
	}
	for _, f := range w.waiting {
		consider(later(f.wakes, f.stopped()), func() { w.goOn(f, true) })
	}
	for _, r := range w.replicas {
		if key, due, queued := r.Queue.Next(); queued {
			consider(later(due, r.stopped), func() {
				w.passes++
				w.fly(r, key)
			})
		}
	}
	return at, do
}

// stopped is until when the process of a pass gets no processor.
func (f *flight) stopped() time.Time { return f.replica.stopped }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// deliver lets the watches of the replicas bring what was written: mostly all of
// it, sometimes some, and nothing while they are frozen.
func (w *world) deliver() {
	for _, r := range w.replicas {
		if !r.running() || w.true.Now().Before(r.frozen) || r.View.Behind() == 0 {
			continue
		}
		if w.random.IntN(10) < 7 {
			r.Deliver(r.View.Behind())
		} else {
			r.Deliver(w.random.IntN(3))
		}
	}
}

// evidence is what was seen.
func (w *world) evidence() *invariants.Evidence {
	return &invariants.Evidence{
		Objects: w.server.Log.Objects(), Ledger: w.service.ledger, Tasks: w.service.evidence(),
		Calls: w.journal.Calls, Events: w.journal.Events, Keys: w.fingerprints,
		Texts: map[string]string{"logs and events": w.journal.Texts.String()}, Canaries: w.canaries,
	}
}
