package controllers

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// act sends the start that written has paid for, once, and records what came of
// it. Nothing is sent when the right to do so has expired.
func (r *Reconciler) act(ctx context.Context, written *v1alpha1.DatasetSync, f facts, seen sight) decision {
	logger := log.FromContext(ctx).WithValues("dataset", seen.target.DatasetID, "attempt", written.Status.Run.Attempt)
	now := r.Clock.Now()
	if elapsed(f.now, now) > r.settings.budget() {
		logger.Info("A start was not sent: too much time has passed since it was decided")
		r.Metrics.observeStart(&modelarts.Error{Fate: modelarts.FateNotSent})
		seen.unused()
		d, err := r.giveBack(ctx, written, f, true)
		return r.concluded(logger, d, err)
	}
	a := r.send(ctx, seen, now)
	f.now = r.Clock.Now()
	r.report(seen.use, a.err, f.now)
	r.Metrics.observeStart(a.err)
	if a.err != nil {
		logger.Info("A start was not taken", "fate", a.err.Fate.String(), "error", a.err.Error())
	} else {
		logger.Info("A start was taken", "task", a.started.TaskID, "request", a.started.RequestID)
	}
	d, err := r.writeOutcome(ctx, written, f, true, func(obj *v1alpha1.DatasetSync) decision {
		return conclude(obj, &r.settings, f, a)
	})
	return r.concluded(logger, d, err)
}

// send sends the start. It goes on when the context of the pass ends: what is
// on the wire is finished. It is signed by the service's clock, as the look of
// this pass told it.
func (r *Reconciler) send(ctx context.Context, seen sight, now time.Time) answer {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.settings.RequestTimeout)
	defer cancel()
	at := now
	if date := seen.task.Date; !date.IsZero() {
		at = date.Add(now.Sub(seen.received))
	}
	started, err := r.API.StartSync(ctx, seen.target, seen.Credentials, at)
	return answer{started: started, err: asError(err), secretVersion: seen.secretVersion}
}

// concluded marks a decision as that of a pass that has called the service. An
// outcome that could not be written is found by looking, as after a crash.
func (r *Reconciler) concluded(logger logr.Logger, d decision, err error) decision {
	switch {
	case errors.Is(err, errOrphaned):
		r.Metrics.orphans.Inc()
		logger.Info("The outcome of a start finds no run that waits for it")
	case err != nil:
		logger.Error(err, "The outcome of a start is not recorded; it is looked for instead")
	}
	d.start = true
	return d
}

// elapsed is the time from a to b by the clock that saw more of it: the
// monotonic one stands still while a machine sleeps, the other may be set.
func elapsed(a, b time.Time) time.Duration {
	return max(b.Sub(a), b.Round(0).Sub(a.Round(0)))
}
