package controllers

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

const (
	// maxAuthFailures is after how many refusals of a key in a row nobody calls
	// with it: the service locks a key for everybody after five in a row.
	maxAuthFailures = 3
	// authWindow is how long a refusal counts, and how long nobody calls.
	authWindow = 6 * time.Minute
	// probeWait is how soon to come back while another object tries a key first;
	// if that takes longer, the waits grow with it.
	probeWait = 250 * time.Millisecond
	// lookShare is the part of a key's calls that looks may use; the rest is kept
	// for starts.
	lookShare = 0.8
	// keyAge is how long a key that nobody uses is remembered.
	keyAge = time.Hour
)

// keys limits the calls made with each access key at each endpoint, and keeps
// the service from locking one.
type keys struct {
	qps   float64
	burst int
	mu    sync.Mutex
	known map[keyRef]*key
}

// keyRef is an access key or token, by its fingerprint, at an endpoint.
type keyRef struct{ id, endpoint string }

// use is a call with an access key and all that goes with it, by its fingerprint.
type use struct {
	keyRef
	credentials string
}

// key is what is known of one key at one endpoint.
type key struct {
	looks, starts *rate.Limiter
	// pausedUntil is until when the service asked to be left alone.
	pausedUntil time.Time
	// credentials are those that are used now. Others of the same access key have
	// to prove themselves, and are not held for the refusals of these.
	credentials string
	// refusals counts the refusals of the key in a row, the last of them at
	// refusedAt, of the credentials refused.
	refusals  int
	refusedAt time.Time
	refused   string
	// proven is true once the service has accepted the key; until then one
	// object tries at a time.
	proven, probing bool
	probeStart      time.Time
	// silent is true if the last try of a key that is not proven got no answer.
	silent bool
	used   time.Time
}

// admission is the answer to the question whether to call now.
type admission struct {
	// blocked is why there is no call with this key.
	blocked *blocked
	// wait is when the token comes that is reserved, or when to ask again.
	wait time.Duration
	// reserved is true if a token comes after wait.
	reserved bool
	// unused gives the token for a start back, nil if there is none.
	unused func()
}

func newKeys(qps float64, burst int) *keys {
	return &keys{qps: qps, burst: burst, known: map[keyRef]*key{}}
}

// admit says whether an object may look now, and start if start is true. An
// object whose reserved token has come is paid for already.
func (k *keys) admit(u use, start, paid bool, now time.Time) admission {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.get(u, now)
	switch {
	case now.Before(one.pausedUntil):
		n := note{v1alpha1.ReasonThrottled, "The service asked to be called less often: nothing is called with this access key for a while."}
		return admission{blocked: &blocked{note: n, wait: one.pausedUntil.Sub(now)}}
	case one.held(now):
		n := note{v1alpha1.ReasonAuthenticationFailed, "The service refused this access key several times: to keep it from being locked nobody calls with it for six minutes, or until the Secret changes."}
		return admission{blocked: &blocked{note: n, stalled: true, wait: one.release().Sub(now)}}
	case one.probing && one.silent:
		n := note{v1alpha1.ReasonServiceUnavailable, "The service could not answer when this access key was tried; the objects that use it try one after the other."}
		return admission{blocked: &blocked{note: n, wait: max(probeWait, now.Sub(one.probeStart))}}
	case one.probing:
		return admission{wait: max(probeWait, now.Sub(one.probeStart))}
	}
	var a admission
	if !paid {
		a = one.reserve(start, now)
	}
	if a.wait == 0 && !one.proven {
		one.probing, one.probeStart = true, now
	}
	return a
}

// reserve takes a token for a look, and one for a start.
func (o *key) reserve(start bool, now time.Time) admission {
	look := o.looks.ReserveN(now, 1)
	a := admission{wait: look.DelayFrom(now)}
	if start {
		token := o.starts.ReserveN(now, 1)
		if token.DelayFrom(now) > 0 {
			if spare := o.looks.ReserveN(now, 1); spare.DelayFrom(now) == 0 {
				token.CancelAt(now)
				token = spare
			} else {
				spare.CancelAt(now)
			}
		}
		a.wait = max(a.wait, token.DelayFrom(now))
		a.unused = func() { token.CancelAt(now) }
	}
	a.reserved = a.wait > 0
	return a
}

// report takes in how a call ended, nil for well.
func (k *keys) report(u use, failure *modelarts.Error, pause, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.get(u, now)
	one.probing, one.silent = false, false
	switch {
	case failure == nil:
		one.proven, one.refusals = true, 0
	case failure.HTTPStatus == 0 || failure.Class == modelarts.ClassTransient:
		one.silent = !one.proven
	case failure.Class == modelarts.ClassAuthentication:
		one.refuse(now)
	case failure.Class == modelarts.ClassThrottled:
		if pause.After(one.pausedUntil) {
			one.pausedUntil = pause
		}
	default:
		one.proven, one.refusals = true, 0
	}
}

// refuse counts a refusal. Those before a hold are not forgotten when it ends, or
// when the Secret changes: the service may count them still, and locks the access
// key whatever it was refused for. So then there is one try, not three.
func (o *key) refuse(now time.Time) {
	if o.refusals < maxAuthFailures && now.After(o.release()) {
		o.refusals = 0
	}
	o.proven, o.refusedAt, o.refused = false, now, o.credentials
	o.refusals++
}

// held reports whether the key was refused too often of late.
func (o *key) held(now time.Time) bool {
	return o.refusals >= maxAuthFailures && o.refused == o.credentials && now.Before(o.release())
}

// release is when a key that is held may be tried again.
func (o *key) release() time.Time { return o.refusedAt.Add(authWindow) }

// get returns the entry of a key.
func (k *keys) get(u use, now time.Time) *key {
	one := k.known[u.keyRef]
	if one == nil {
		for other, old := range k.known {
			if now.Sub(old.used) > keyAge {
				delete(k.known, other)
			}
		}
		one = k.newKey()
		k.known[u.keyRef] = one
	}
	if one.credentials != u.credentials {
		one.credentials, one.proven, one.probing, one.silent = u.credentials, false, false, false
	}
	one.used = now
	return one
}

func (k *keys) newKey() *key {
	if k.qps == 0 {
		return &key{looks: rate.NewLimiter(rate.Inf, 0), starts: rate.NewLimiter(rate.Inf, 0)}
	}
	looks := max(1, int(lookShare*float64(k.burst)))
	return &key{
		looks:  rate.NewLimiter(rate.Limit(lookShare*k.qps), looks),
		starts: rate.NewLimiter(rate.Limit((1-lookShare)*k.qps), max(1, k.burst-looks)),
	}
}
