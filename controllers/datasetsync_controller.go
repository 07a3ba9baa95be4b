// Package controllers keeps DatasetSyncs: it observes the latest task of a data
// set, decides what to do (a pure function), records the decision in status,
// and only then acts on it. A start is paid for by its own successful write.
package controllers

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// conflictWait is when to come back after a write that lost: the cache has to
// catch up first.
const conflictWait = 200 * time.Millisecond

// errorWait is the longest wait after an error of the API server: objects are
// worked on again soon after it is back.
const errorWait = 30 * time.Second

// SyncAPI is the service. Its errors are *modelarts.Error.
type SyncAPI interface {
	// LatestSync returns the latest task of a data set, whoever started it.
	LatestSync(ctx context.Context, t modelarts.Target, c modelarts.Credentials) (modelarts.Task, error)
	// StartSync starts a task: one request at most. The time is the service's.
	StartSync(ctx context.Context, t modelarts.Target, c modelarts.Credentials, at time.Time) (modelarts.Started, error)
}

// Dependencies are what a Reconciler works with.
type Dependencies struct {
	// Client reads DatasetSyncs, which may come from a cache, and writes.
	Client client.Client
	// Live reads past any cache.
	Live client.Reader
	// API is the service.
	API SyncAPI
	// Recorder takes the events.
	Recorder events.EventRecorder
	// Clock tells the time. Unset: the real one.
	Clock clock.Clock
	// Nonce returns a name for a start that no other has. Unset: a random text.
	Nonce func() string
	// Memory is what the process remembers between passes. Unset: nothing yet.
	Memory *Memory
	// Metrics count what is done. Unset: nobody can read them.
	Metrics *Metrics
}

// Reconciler keeps DatasetSyncs.
type Reconciler struct {
	Dependencies
	settings Settings
	secrets  *secrets
	keys     *keys
}

// NewReconciler returns a Reconciler.
func NewReconciler(d Dependencies, s Settings) *Reconciler {
	if d.Clock == nil {
		d.Clock = clock.RealClock{}
	}
	if d.Nonce == nil {
		d.Nonce = rand.Text
	}
	if d.Memory == nil {
		d.Memory = NewMemory()
	}
	if d.Metrics == nil {
		d.Metrics = NewMetrics()
	}
	return &Reconciler{Dependencies: d, settings: s, secrets: newSecrets(d.Live), keys: newKeys(s.QPS, s.Burst)}
}

// SetupWithManager has a manager call the Reconciler, for at most concurrency
// objects at once.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, concurrency int) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.DatasetSync{}).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: concurrency,
			EnableWarmup:            new(true),
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[ctrl.Request](conflictWait, errorWait),
		}).
		Complete(r)
}

// +kubebuilder:rbac:groups=modelarts.datasetsync.dev,resources=datasetsyncs,verbs=get;list;watch
// +kubebuilder:rbac:groups=modelarts.datasetsync.dev,resources=datasetsyncs/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile observes, decides, records and acts, in that order.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	obj := &v1alpha1.DatasetSync{}
	if err := r.Client.Get(ctx, req.NamespacedName, obj); err != nil {
		if apierrors.IsNotFound(err) {
			r.Memory.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !obj.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	f, slot := r.facts(obj)
	d := gate(obj, &r.settings, f)
	var seen sight
	if d.look != noLook {
		var err error
		if seen, err = r.observe(ctx, obj, d, f, slot); err != nil {
			return ctrl.Result{}, err
		}
		f = seen.after(f)
		d = seen.judge(obj, &r.settings, f, d)
	}
	return r.carryOut(ctx, obj, d, f, seen)
}

// carryOut records a decision and acts on it.
func (r *Reconciler) carryOut(ctx context.Context, obj *v1alpha1.DatasetSync, d decision, f facts, seen sight) (ctrl.Result, error) {
	if d.start {
		r.Memory.update(obj, func(m *remembered) { m.nonce, m.nonceSeen = f.nonce, f.now })
	}
	written, err := r.record(ctx, obj, d.status)
	if err != nil || !d.start {
		seen.unused()
	}
	switch {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: conflictWait}, nil
	case err != nil && d.start && !refusedWrite(err):
		return ctrl.Result{}, errors.Join(err, r.withdraw(ctx, obj, f, err))
	case err != nil:
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.tell(written, d)
	if d.start {
		d = r.act(ctx, written, f, seen)
	}
	r.Memory.update(obj, func(m *remembered) {
		m.slot = seen.slot
		if d.look != noLook || d.start {
			m.nextLook, m.lost = f.now.Add(d.wait), d.lost
		}
	})
	return ctrl.Result{RequeueAfter: d.wait, Priority: new(priorityOf(d.status.Run))}, nil
}

// priorityOf puts looks at tasks that are under way behind all else that is due:
// such a look loses nothing by being late, and somebody waits for a start. So it
// puts what has failed: a service that is silent holds its callers for long.
func priorityOf(run *v1alpha1.Run) int {
	if stageOf(run) == stageFollowing || (run != nil && run.Failures > 0) {
		return handler.LowPriority
	}
	return 0
}

// facts gathers what a decision rests on. What is decided on a look counts from
// the look's answer; otherwise this is the one reading of the clock.
func (r *Reconciler) facts(obj *v1alpha1.DatasetSync) (f facts, slot time.Time) {
	now := r.Clock.Now()
	m := r.Memory.recall(obj, now)
	return facts{now: now, nonce: r.Nonce(), nonceSeen: m.nonceSeen, nextLook: m.nextLook, lost: m.lost}, m.slot
}
