package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"datasetsync.dev/operator/api/v1alpha1"
)

// outcomePeriod is the time between two tries to write an outcome.
const outcomePeriod = 500 * time.Millisecond

// record writes a status, if it is another one, over the very object that was
// judged: a patch of an object that is not the newest fails, and so a worker
// with a stale view gets nothing done. It returns the object as written.
func (r *Reconciler) record(ctx context.Context, obj *v1alpha1.DatasetSync, status v1alpha1.DatasetSyncStatus) (*v1alpha1.DatasetSync, error) {
	if equality.Semantic.DeepEqual(obj.Status, status) {
		return obj, nil
	}
	written := obj.DeepCopy()
	written.Status = status
	patch := client.MergeFromWithOptions(obj, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, written, patch); err != nil {
		return nil, fmt.Errorf("write status: %w", err)
	}
	return written, nil
}

// refusedWrite reports whether a write that failed certainly had no effect.
func refusedWrite(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsInvalid(err) ||
		apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsTooManyRequests(err)
}

// tell counts a decision and emits its events, from the object that its write
// returned.
func (r *Reconciler) tell(written *v1alpha1.DatasetSync, d decision) {
	r.Metrics.observe(d, r.Clock.Now())
	for _, e := range d.events {
		r.Recorder.Eventf(written, nil, e.kind, e.reason, e.action, "%s", cutBytes(e.message, maxEventMessage))
	}
}

// withdraw gives a start back whose intent was written without a clear answer:
// nothing was sent. If it cannot, the intent stands, as after a crash.
func (r *Reconciler) withdraw(ctx context.Context, obj *v1alpha1.DatasetSync, f facts, cause error) error {
	log.FromContext(ctx).Info("The intent of a start was written without a clear answer; nothing is sent", "error", cause.Error())
	_, err := r.giveBack(ctx, obj, f, false)
	return err
}

// giveBack records that a start was not sent. If no run holds it any more, there is
// nothing to give back.
func (r *Reconciler) giveBack(ctx context.Context, obj *v1alpha1.DatasetSync, f facts, fresh bool) (decision, error) {
	d, err := r.writeOutcome(ctx, obj, f, fresh, func(held *v1alpha1.DatasetSync) decision {
		return unsent(held, &r.settings, f)
	})
	if errors.Is(err, errOrphaned) {
		return d, nil
	}
	return d, err
}

// writeOutcome writes what came of the start that holds the nonce of f, again
// and again for as long as one request may take. It goes on when the context of
// the pass ends, since the start is out. The object is read anew before each
// try, but for the first if it is fresh from the write of the intent.
func (r *Reconciler) writeOutcome(
	ctx context.Context, obj *v1alpha1.DatasetSync, f facts, fresh bool, conclude func(*v1alpha1.DatasetSync) decision,
) (decision, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.settings.RequestTimeout)
	defer cancel()
	deadline := r.Clock.Now().Add(r.settings.RequestTimeout)
	for {
		held, err := obj, error(nil)
		if !fresh {
			held, err = r.holder(ctx, obj, f.nonce)
		}
		switch {
		case held != nil:
			var d decision
			if d, err = r.conclude(ctx, held, conclude); err == nil {
				return d, nil
			}
		case err == nil || errors.Is(err, errOrphaned):
			return decision{wait: r.settings.PollMin}, err
		}
		if !r.Clock.Now().Before(deadline) {
			return decision{wait: r.settings.PollMin}, fmt.Errorf("write the outcome of a start: %w", err)
		}
		if fresh = false; !apierrors.IsConflict(err) {
			r.Clock.Sleep(outcomePeriod)
		}
	}
}

// conclude writes what came of a start, once.
func (r *Reconciler) conclude(ctx context.Context, held *v1alpha1.DatasetSync, conclude func(*v1alpha1.DatasetSync) decision) (decision, error) {
	d := conclude(held)
	written, err := r.record(ctx, held, d.status)
	if err != nil {
		return decision{}, err
	}
	r.tell(written, d)
	return d, nil
}

// errOrphaned is the outcome of a start that no run holds any more: the object is
// gone, or another start was paid for since.
var errOrphaned = errors.New("no run holds this start any more")

// holder reads the object past the cache. It returns nil if its run knows the
// outcome of the start with this nonce already: there is nothing left to write.
func (r *Reconciler) holder(ctx context.Context, obj *v1alpha1.DatasetSync, nonce string) (*v1alpha1.DatasetSync, error) {
	live := &v1alpha1.DatasetSync{}
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(obj), live)
	run := live.Status.Run
	switch {
	case err != nil && !apierrors.IsNotFound(err):
		return nil, fmt.Errorf("read the object: %w", err)
	case err != nil || live.UID != obj.UID || run == nil || run.Nonce != nonce:
		return nil, errOrphaned
	case stageOf(run) != stageUnknown:
		return nil, nil //nolint:nilnil // Nothing to write to is an answer, not an error.
	default:
		return live, nil
	}
}
