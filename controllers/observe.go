package controllers

import (
	"context"
	"errors"
	"time"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// sight is one look at the service, or why there was none.
type sight struct {
	observation
	// looked is true if the observation holds.
	looked bool
	// wait is how long to wait if it does not.
	wait time.Duration
	// slot is when a token comes that is reserved for the object.
	slot time.Time

	target modelarts.Target
	// Credentials are exported so that whatever prints a sight redacts them.
	Credentials modelarts.Credentials
	use         use
	// received is when the answer came, by our clock.
	received time.Time
	release  func()
}

// unused gives back what was kept for a start.
func (s *sight) unused() {
	if s.release != nil {
		s.release()
	}
}

// after returns the facts as of the look's answer: the time that a slow service
// takes to answer is not taken from the time to send a start.
func (s *sight) after(f facts) facts {
	if !s.received.IsZero() {
		f.now = s.received
	}
	return f
}

// judge turns a sight into a decision. Where there was no look, the decision is to
// wait. A look that is still to come says nothing yet: until then nobody may
// take a request that is due for served.
func (s *sight) judge(obj *v1alpha1.DatasetSync, settings *Settings, f facts, d decision) decision {
	if !s.looked {
		if d.look == lookNow {
			d.status, d.skipped = obj.Status, false
		}
		d.look = noLook
		d.wait = s.wait
		return d
	}
	look := d.look
	d = decide(obj, settings, f, s.observation)
	if s.blocked == nil {
		d.look = look
	}
	return d
}

// observe looks at the latest task, if the Secret and the limits of its key let
// it.
func (r *Reconciler) observe(ctx context.Context, obj *v1alpha1.DatasetSync, d decision, f facts, slot time.Time) (sight, error) {
	if f.now.Before(slot) {
		return sight{wait: slot.Sub(f.now), slot: slot}, nil
	}
	refused := ""
	if d.look == lookIfSecretChanged {
		refused = obj.Status.Run.SecretVersion
	}
	secret := secretUse{secretKey(obj), r.settings.endpoint(d.target.Region)}
	read, err := r.secrets.read(ctx, secret, refused, f.now)
	if err != nil {
		return sight{}, err
	}
	if read.blocked != nil {
		return blockedSight(read.blocked, d.wait), nil
	}
	key := use{keyRef{read.Credentials.AccessKeyFingerprint(), secret.endpoint}, read.Credentials.Fingerprint()}
	a := r.keys.admit(key, stageOf(obj.Status.Run) <= stageUnknown, !slot.IsZero(), f.now)
	switch {
	case a.blocked != nil && a.blocked.stalled:
		p := &problem{note: a.blocked.note, stalled: true, until: f.now.Add(a.blocked.wait)}
		return blockedSight(r.secrets.unusable(secret, read.version, p, f.now).blocked, a.blocked.wait), nil
	case a.blocked != nil:
		s := blockedSight(a.blocked, 0)
		s.slot = slot
		return s, nil
	case a.reserved:
		r.Metrics.waits.Observe(a.wait.Seconds())
		return sight{wait: a.wait, slot: f.now.Add(a.wait)}, nil
	case a.wait > 0:
		return sight{wait: a.wait, slot: slot}, nil
	}
	// The token is spent, whatever becomes of this pass.
	r.Memory.update(obj, func(m *remembered) { m.slot = time.Time{} })
	return r.look(ctx, d.target, read, key, a), nil
}

// blockedSight waits for a Secret or a key, no longer than needed otherwise. An
// empty note tells nothing new.
func blockedSight(b *blocked, limit time.Duration) sight {
	if limit > 0 {
		b.wait = min(b.wait, limit)
	}
	if b.reason == "" {
		return sight{wait: b.wait}
	}
	return sight{looked: true, observation: observation{blocked: b}}
}

// look calls the service.
func (r *Reconciler) look(ctx context.Context, t v1alpha1.Target, read secret, key use, a admission) sight {
	s := sight{
		looked: true, Credentials: read.Credentials, use: key, release: a.unused,
		target: modelarts.Target{Endpoint: key.endpoint, ProjectID: t.ProjectID, DatasetID: t.DatasetID},
	}
	// A call that panics tells nothing of the key, and must not keep it.
	failure := &modelarts.Error{Class: modelarts.ClassTransient}
	defer func() { r.report(key, failure, r.Clock.Now()) }()
	s.sent, s.secretVersion = r.Clock.Now(), read.version
	task, err := r.API.LatestSync(ctx, s.target, s.Credentials)
	failure = asError(err)
	s.received, s.task, s.err = r.Clock.Now(), task, failure
	return s
}

// report takes in what a call said of its key.
func (r *Reconciler) report(key use, failure *modelarts.Error, now time.Time) {
	pause := now.Add(r.settings.RetryMin)
	if failure != nil && failure.RetryAfter > 0 {
		pause = now.Add(failure.RetryAfter)
	}
	r.keys.report(key, failure, pause, now)
}

// asError returns the service's error, nil for none. Anything else that went
// wrong tells nothing of what the service did.
func asError(err error) *modelarts.Error {
	var failure *modelarts.Error
	if err == nil || errors.As(err, &failure) {
		return failure
	}
	return &modelarts.Error{Class: modelarts.ClassTransient, Fate: modelarts.FateUnknown, Err: err}
}
