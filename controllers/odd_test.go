package controllers

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	dto "github.com/prometheus/client_model/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// noReader must not be asked.
type noReader struct{ client.Reader }

func TestANameThatNoSecretCanHave(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a/b", "..", ".", "x%y"} {
		read, err := newSecrets(noReader{}).read(t.Context(), secretUse{NamespacedName: types.NamespacedName{Name: name}}, "", t0)
		if err != nil || read.blocked == nil || read.blocked.reason != v1alpha1.ReasonCredentialsNotFound || !read.blocked.stalled {
			t.Errorf("%q: got %+v, %v; want an object that is told to stall", name, read.blocked, err)
		}
	}
}

func TestEventsFitTheAPIServer(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("数", 700), strings.Repeat("x", 1025), "short", strings.Repeat("x", 1023) + "数"} {
		got := cutBytes(text, maxEventMessage)
		if len(got) > 1024 || !strings.HasPrefix(text, strings.TrimSuffix(got, "…")) || (len(text) <= 1024 && got != text) {
			t.Errorf("%d bytes became %d: %.20q", len(text), len(got), got)
		}
	}
}

var _ = Describe("A key that is refused in one region", func() {
	It("is used in another", func(ctx SpecContext) {
		w := newWorld(ctx)
		elsewhere := simulator.New(simulator.Config{AccessKey: "OTHERACCESSKEY", SecretKey: "OTHERSECRETKEY", Now: w.clock.Now})
		server := httptest.NewServer(elsewhere.Handler())
		DeferCleanup(server.Close)
		w.settings.RegionEndpoints = map[string]string{"elsewhere": server.URL}
		w.restart()
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			w.create(ctx, name, func(obj *v1alpha1.DatasetSync) { obj.Spec.Region = "elsewhere" })
			w.pass(ctx, name)
		}
		Expect(elsewhere.Calls()[simulator.OperationLatest]).To(Equal(maxAuthFailures))
		Expect(isStalled(w.get(ctx, "e"))).To(BeTrue())
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
		Expect(isFollowing(w.get(ctx, "cats"))).To(BeTrue())
	})
})

var _ = Describe("A token for a call", func() {
	It("is spent by the call, also if nothing could be written", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.settings.QPS, w.settings.Burst = 0.1, 2
		w.restart()
		for _, name := range []string{"first", "cats", "dogs"} {
			w.create(ctx, name)
			w.pass(ctx, name)
		}
		w.hooks.afterLook = func() {
			w.edit(ctx, "dogs", func(obj *v1alpha1.DatasetSync) {
				obj.Labels = map[string]string{"edited": w.clock.Now().Format("150405.000")}
			})
		}
		began, calls := w.clock.Now(), w.calls()
		for w.clock.Now().Sub(began) < 2*time.Minute {
			w.step(w.pass(ctx, "dogs").RequeueAfter)
		}
		Expect(w.calls()-calls).To(BeNumerically("<=", 13), "one in ten seconds")
	})
})

// orphans returns how many outcomes found no run.
func orphans(w *world) float64 {
	GinkgoHelper()
	var m dto.Metric
	Expect(w.reconciler.Metrics.orphans.Write(&m)).To(Succeed())
	return m.GetCounter().GetValue()
}

var _ = Describe("A start that was never sent", func() {
	It("is no outcome without a run", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.funcs.SubResourcePatch = func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return apierrors.NewInternalError(context.DeadlineExceeded)
		}
		_, err := w.reconciler.Reconcile(ctx, w.request("cats"))
		Expect(err).To(HaveOccurred())
		Expect(w.starts("cats")).To(BeZero())
		Expect(orphans(w)).To(BeZero())
	})

	It("is one if it was sent, and the object is gone", func(ctx SpecContext) {
		w := newWorld(ctx)
		obj := w.create(ctx, "cats")
		w.hooks.afterStart = func() { Expect(w.client.Delete(ctx, obj)).To(Succeed()) }
		w.pass(ctx, "cats")
		Expect(w.starts("cats")).To(Equal(1))
		Expect(orphans(w)).To(BeEquivalentTo(1))
	})
})

var _ = Describe("What is remembered", func() {
	It("of an object at rest is nothing", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.follow(ctx, "cats", isReady)
		w.pass(ctx, "cats")
		Expect(w.reconciler.Memory.objects).To(BeEmpty())
	})
})

var _ = Describe("A task that fails while its object is suspended", func() {
	It("is not started again, and says why", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.follow(ctx, "cats", isFollowing)
		w.edit(ctx, "cats", suspended)
		w.service.FinishTask(testProject, "cats", "FAILED", "ModelArts.4360")
		w.follow(ctx, "cats", isStalled)
		Expect(message(w.get(ctx, "cats"))).To(ContainSubstring("not started again, since spec.suspend is true"))
		Expect(w.starts("cats")).To(Equal(1))
	})
})

var _ = Describe("An object that is resumed", func() {
	It("says nothing of its suspension any more", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.create(ctx, "cats")
		w.follow(ctx, "cats", isReady)
		w.edit(ctx, "cats", suspended)
		w.pass(ctx, "cats")
		w.edit(ctx, "cats", func(obj *v1alpha1.DatasetSync) { obj.Spec.Suspend = false })
		w.pass(ctx, "cats")
		for _, c := range w.get(ctx, "cats").Status.Conditions {
			Expect(c.Reason).NotTo(Equal(v1alpha1.ReasonSuspended), c.Type)
		}
	})
})
