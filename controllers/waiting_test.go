package controllers

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"datasetsync.dev/operator/api/v1alpha1"
)

// countSecrets makes the Reconciler note when it reads a Secret.
func (w *world) countSecrets() *[]time.Time {
	reads := &[]time.Time{}
	w.reconciler.secrets = newSecrets(interceptor.NewClient(w.client, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			*reads = append(*reads, w.clock.Now())
			return c.Get(ctx, key, obj, opts...)
		},
	}))
	return reads
}

var _ = Describe("Many objects that wait for one Secret", func() {
	const objects = 10
	good := map[string]string{keyAccessKey: testAK, keySecretKey: testSK}

	for name, data := range map[string]map[string]string{
		"that is missing":    nil,
		"that lacks a key":   {keyAccessKey: testAK},
		"that is refused":    {keyAccessKey: testAK, keySecretKey: "CANARY-WRONG"},
		"that is not theirs": {keyToken: "CANARY-EXPIRED"},
	} {
		It(name+" cost one read a minute, and all of them wake within a minute of its change", func(ctx SpecContext) {
			w := newWorld(ctx)
			w.settings.QPS = 0
			w.restart()
			w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, data)
			q := w.createMany(ctx, objects)
			names := slices.Sorted(maps.Keys(q))
			// The first minutes: each object needs the Secret once, and it is read sooner.
			reads := w.countSecrets()
			w.live(ctx, q, 5*time.Minute)
			calls := w.calls()
			*reads = nil
			w.live(ctx, q, 20*time.Minute)
			// A key is tried again after six minutes; the Secret is read for each call,
			// and after the last of them sooner, as at first.
			calls = w.calls() - calls
			Expect(calls).To(BeNumerically("<=", 4*maxAuthFailures))
			Expect(len(*reads)).To(BeNumerically("<=", 20+3*calls), "one a minute")
			for _, name := range names {
				Expect(isStalled(w.get(ctx, name))).To(BeTrue())
			}

			w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, good)
			w.live(ctx, q, time.Minute)
			for _, name := range names {
				Expect(w.get(ctx, name).Status.TaskID).NotTo(BeEmpty(), name)
			}
		})
	}

	It("read it after 10 s at first, and then ever more rarely", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, nil)
		reads := w.countSecrets()
		q := w.createMany(ctx, objects)
		w.live(ctx, q, 5*time.Minute)
		var seconds []int
		for _, read := range *reads {
			seconds = append(seconds, int(read.Sub(t0)/time.Second))
		}
		Expect(seconds).To(Equal([]int{0, 10, 30, 70, 130, 190, 250}))
	})

	It("wait for their own one only", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats", withSecret("theirs"))
		w.create(ctx, "dogs", withSecret("ours"))
		w.pass(ctx, "cats")
		w.pass(ctx, "dogs")
		w.setSecret(ctx, "ours", good)
		w.step(secretCheckFirst)
		w.pass(ctx, "cats")
		w.pass(ctx, "dogs")
		Expect(w.starts("cats")).To(BeZero())
		Expect(w.starts("dogs")).To(Equal(1))
	})
})

// heldReader answers when it is told to.
type heldReader struct {
	client.Reader
	reads  atomic.Int32
	answer chan error
}

func (r *heldReader) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	r.reads.Add(1)
	return <-r.answer
}

// wake reads a Secret for many objects at once, and returns how many reads of
// the API server came of it.
func wake(t *testing.T, s *secrets, reader *heldReader, now time.Time, answer error) int32 {
	t.Helper()
	reader.reads.Store(0)
	for range 16 {
		go func() {
			_, _ = s.read(t.Context(), secretUse{NamespacedName: types.NamespacedName{Name: "keys"}}, "", now)
		}()
	}
	synctest.Wait()
	for range reader.reads.Load() {
		reader.answer <- answer
	}
	synctest.Wait()
	return reader.reads.Load()
}

func TestWorkersThatWakeTogetherReadASecretOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader := &heldReader{answer: make(chan error)}
		s := newSecrets(reader)
		missing := apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, "keys")
		wake(t, s, reader, t0, missing)

		w := s.waits[secretUse{NamespacedName: types.NamespacedName{Name: "keys"}}]
		for range 4 {
			if n := wake(t, s, reader, w.next, missing); n != 1 {
				t.Errorf("the Secret was read %d times, want once", n)
			}
		}
		if got := w.delay; got != secretCheckLast {
			t.Errorf("after four more reads the delay is %s, want %s", got, secretCheckLast)
		}
		// A read that failed is not the last.
		if n := wake(t, s, reader, w.next, errors.New("the API server is away")); n != 1 {
			t.Errorf("the Secret was read %d times, want once", n)
		}
		if n := wake(t, s, reader, w.next, missing); n != 1 {
			t.Errorf("after a read that failed the Secret was read %d times, want once", n)
		}
	})
}

// goodReader has one Secret that can be used.
type goodReader struct{ client.Reader }

func (goodReader) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	*obj.(*corev1.Secret) = corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{ResourceVersion: "1"},
		Data:       map[string][]byte{keyAccessKey: []byte(testAK), keySecretKey: []byte(testSK)},
	}
	return nil
}

func TestASecretWhoseKeyIsHeldIsReadEverMoreRarely(t *testing.T) {
	t.Parallel()
	s := newSecrets(goodReader{})
	key := secretUse{NamespacedName: types.NamespacedName{Name: "keys"}}
	hold := &problem{note: note{v1alpha1.ReasonAuthenticationFailed, "held"}, stalled: true, until: t0.Add(authWindow)}
	now := t0.Add(s.unusable(key, "1", hold, t0).blocked.wait)
	var seconds []int
	for {
		read, err := s.read(t.Context(), key, "", now)
		if err != nil {
			t.Fatal(err)
		}
		if read.blocked == nil {
			break
		}
		if read.blocked.note != hold.note {
			t.Errorf("an object is told %v, want %v", read.blocked.note, hold.note)
		}
		seconds = append(seconds, int(now.Sub(t0)/time.Second))
		now = now.Add(read.blocked.wait)
	}
	if diff := cmp.Diff([]int{10, 30, 70, 130, 190, 250, 310}, seconds); diff != "" {
		t.Errorf("reads in seconds (-want +got):\n%s", diff)
	}
	if now.Before(hold.until) {
		t.Errorf("the key is used again after %s, while it is held", now.Sub(t0))
	}
}
