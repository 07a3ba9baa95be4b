package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// The keys of a Secret with credentials.
const (
	keyAccessKey     = "accessKey"
	keySecretKey     = "secretKey"
	keySecurityToken = "securityToken"
	keyToken         = "token"
)

const (
	// secretCheckFirst and secretCheckLast bound the time between two reads of a
	// Secret that something waits for.
	secretCheckFirst = 10 * time.Second
	secretCheckLast  = time.Minute
	// secretWaitAge is how long a wait that nobody renews is kept.
	secretWaitAge = 10 * time.Minute
)

var errSecretName = errors.New("no name of a Secret")

// secrets reads Secrets by name and without a cache. A Secret that something
// waits for is read once in a while for all objects together.
type secrets struct {
	reader client.Reader
	mu     sync.Mutex
	waits  map[secretUse]*secretWait
}

// secretUse is a Secret and the endpoint that its key is for: the same key may be
// refused in one region and be good in another.
type secretUse struct {
	types.NamespacedName
	endpoint string
}

// secretWait is a Secret that something waits for.
type secretWait struct {
	version string
	// problem is what every object that needs the Secret is told meanwhile, nil
	// where only some of them wait.
	problem *problem
	since   time.Time
	next    time.Time
	delay   time.Duration
	// reading is true while one object reads the Secret for all that wait.
	reading bool
}

// problem is why a Secret gives no call.
type problem struct {
	note
	stalled bool
	// until is how long the problem stands whatever the same version holds.
	until time.Time
}

// secret is one read of a Secret.
type secret struct {
	version string
	// Credentials are exported so that whatever prints a secret redacts them.
	Credentials modelarts.Credentials
	// blocked is why there are no credentials to use.
	blocked *blocked
}

func newSecrets(reader client.Reader) *secrets {
	return &secrets{reader: reader, waits: map[secretUse]*secretWait{}}
}

// secretKey names the Secret of an object: always one of its own namespace.
func secretKey(obj *v1alpha1.DatasetSync) types.NamespacedName {
	name := cmp.Or(obj.Spec.CredentialsSecretRef.Name, v1alpha1.DefaultCredentialsSecret)
	return types.NamespacedName{Namespace: obj.Namespace, Name: name}
}

// read returns the credentials of a Secret. A version other than "" is one that
// was refused: as long as the Secret has it, there is nothing to use.
func (s *secrets) read(ctx context.Context, use secretUse, refused string, now time.Time) (secret, error) {
	b, mayRead := s.waiting(use, refused, now)
	if !mayRead {
		return secret{blocked: b}, nil
	}
	defer s.readEnded(use)
	var object corev1.Secret
	err := s.get(ctx, use.NamespacedName, &object)
	switch {
	case errors.Is(err, errSecretName):
		n := note{v1alpha1.ReasonCredentialsNotFound, fmt.Sprintf("spec.credentialsSecretRef.name: no Secret can be named %q.", use.Name)}
		return s.unusable(use, "", &problem{note: n, stalled: true}, now), nil
	case apierrors.IsNotFound(err):
		return s.unusable(use, "", missingProblem(use.Name), now), nil
	case apierrors.IsForbidden(err):
		n := note{v1alpha1.ReasonCredentialsNotFound, fmt.Sprintf("The operator may not read the Secret %q: see its RBAC.", use.Name)}
		return s.unusable(use, "", &problem{note: n, stalled: true}, now), nil
	case err != nil:
		return secret{}, fmt.Errorf("read the Secret of the credentials: %w", err)
	}
	standing := s.standing(use, object.ResourceVersion, now)
	switch {
	case object.ResourceVersion == refused:
		waits := s.unusable(use, refused, standing, now)
		waits.blocked.note = note{} // The object tells already what it waits for.
		return waits, nil
	case standing != nil:
		return s.unusable(use, object.ResourceVersion, standing, now), nil
	}
	credentials, err := credentialsOf(&object)
	if err != nil {
		n := note{v1alpha1.ReasonCredentialsInvalid, fmt.Sprintf("The Secret %q cannot be used: %s.", use.Name, err)}
		return s.unusable(use, object.ResourceVersion, &problem{note: n, stalled: true}, now), nil
	}
	s.found(use, object.ResourceVersion)
	return secret{version: object.ResourceVersion, Credentials: credentials}, nil
}

// get reads a Secret. A name that no Secret can have is refused here: objects that
// were stored by an older CRD may have one, and a client's error would tell nobody.
func (s *secrets) get(ctx context.Context, key types.NamespacedName, object *corev1.Secret) error {
	if len(validation.IsDNS1123Subdomain(key.Name)) > 0 {
		return errSecretName
	}
	return s.reader.Get(ctx, key, object) //nolint:wrapcheck // The caller tells what it was for.
}

// waiting says whether an object may read the Secret, and if not, what it is
// told. Of all that wait for one Secret, one reads it when that is due.
func (s *secrets) waiting(use secretUse, refused string, now time.Time) (b *blocked, mayRead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.waits[use]
	refusedOne := w != nil && refused != "" && w.version == refused
	if w == nil || w.problem == nil && !refusedOne {
		return nil, true
	}
	due := !now.Before(w.next)
	if due && !w.reading {
		w.reading = true
		return nil, true
	}
	b = w.blocked(now)
	if due {
		b.wait = probeWait
	}
	if refusedOne {
		b.note = note{} // The object tells already what it waits for.
	}
	return b, false
}

// readEnded lets another object read a Secret.
func (s *secrets) readEnded(use secretUse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.waits[use]; w != nil {
		w.reading = false
	}
}

// standing returns the problem of a version of a Secret that a read does not
// end, nil if there is none.
func (s *secrets) standing(use secretUse, version string, now time.Time) *problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.waits[use]
	if w == nil || w.version != version || w.problem == nil || !now.Before(w.problem.until) {
		return nil
	}
	return w.problem
}

// unusable notes that a Secret cannot be used as it is, and when it is read
// again. A problem of nil concerns only objects whose call was refused.
func (s *secrets) unusable(use secretUse, version string, p *problem, now time.Time) secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.waits[use]
	if w == nil || w.version != version {
		s.sweep(now)
		w = &secretWait{version: version, since: now, delay: secretCheckFirst / 2}
		s.waits[use] = w
	}
	w.problem = p
	w.delay = min(2*w.delay, secretCheckLast)
	w.next = now.Add(w.delay)
	return secret{version: version, blocked: w.blocked(now)}
}

// found ends the wait for a Secret that was read and can be used, unless some
// objects still wait for another version.
func (s *secrets) found(use secretUse, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.waits[use]; w != nil && (w.problem != nil || w.version != version) {
		delete(s.waits, use)
	}
}

// sweep drops waits that no object renews.
func (s *secrets) sweep(now time.Time) {
	for use, w := range s.waits {
		if now.Sub(w.next) > secretWaitAge {
			delete(s.waits, use)
		}
	}
}

// blocked says what an object is told. A Secret that is missing may still be on
// its way for a while.
func (w *secretWait) blocked(now time.Time) *blocked {
	b := &blocked{wait: max(w.next.Sub(now), time.Millisecond)}
	if w.problem != nil {
		b.note = w.problem.note
		b.stalled = w.problem.stalled || now.Sub(w.since) >= missingSecretGrace
	}
	return b
}

func missingProblem(name string) *problem {
	return &problem{note: note{v1alpha1.ReasonCredentialsNotFound, fmt.Sprintf(
		"There is no Secret %q in this namespace: create it with the keys %s and %s, or %s.", name, keyAccessKey, keySecretKey, keyToken)}}
}

// credentialsOf reads a Secret. One that holds the token of a ServiceAccount has a
// key of the right name and was made for this cluster, not for the service: who
// may write a DatasetSync could have it sent away, without the right to read it.
func credentialsOf(object *corev1.Secret) (modelarts.Credentials, error) {
	if object.Type == corev1.SecretTypeServiceAccountToken {
		return modelarts.Credentials{}, fmt.Errorf("it is of the type %s, and such a token is not sent to the service", object.Type)
	}
	return parseCredentials(object.Data)
}

// parseCredentials reads the data of a Secret. It takes nothing but the known keys, and its
// errors name keys and never values.
func parseCredentials(data map[string][]byte) (modelarts.Credentials, error) {
	get := func(key string) string { return strings.TrimSpace(string(data[key])) }
	c := modelarts.Credentials{
		AccessKey: get(keyAccessKey), SecretKey: get(keySecretKey),
		SecurityToken: get(keySecurityToken), Token: get(keyToken),
	}
	switch {
	case c.AccessKey == "" && c.SecretKey == "" && c.Token != "":
		return modelarts.Credentials{Token: c.Token}, validateCredentials(c)
	case c.AccessKey == "" && c.SecretKey == "":
		return modelarts.Credentials{}, fmt.Errorf("the keys %s and %s are missing or empty, and there is no %s", keyAccessKey, keySecretKey, keyToken)
	case c.AccessKey == "":
		return modelarts.Credentials{}, fmt.Errorf("the key %s is missing or empty", keyAccessKey)
	case c.SecretKey == "":
		return modelarts.Credentials{}, fmt.Errorf("the key %s is missing or empty", keySecretKey)
	}
	c.Token = ""
	return c, validateCredentials(c)
}

// validateCredentials refuses what cannot stand in a header.
func validateCredentials(c modelarts.Credentials) error {
	fields := []struct{ key, value string }{
		{keyAccessKey, c.AccessKey},
		{keySecretKey, c.SecretKey},
		{keySecurityToken, c.SecurityToken},
		{keyToken, c.Token},
	}
	for _, field := range fields {
		for _, b := range []byte(field.value) {
			if b <= ' ' || b > '~' {
				return fmt.Errorf("the key %s has characters that no credential has", field.key)
			}
		}
	}
	return nil
}
