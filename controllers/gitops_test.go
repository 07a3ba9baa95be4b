package controllers

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// update has the recorded objects written anew instead of compared.
var update = flag.Bool("update", false, "record the objects of config/argocd/testdata anew")

// recordings is where the objects are that Argo CD's health check is shown, in
// the layout that Argo CD wants of checks that are contributed to it.
const recordings = "../config/argocd"

// states are the ones that GitOps tools have to tell apart, each by what leads
// there.
var states = map[string]struct {
	kstatus status.Status
	reach   func(ctx context.Context, w *world)
}{
	"new": {status.InProgressStatus, func(ctx context.Context, w *world) {
		w.create(ctx, "cats")
	}},
	"edited": {status.InProgressStatus, func(ctx context.Context, w *world) {
		w.healthy(ctx, "cats")
		w.edit(ctx, "cats", withTrigger("v2"))
	}},
	"credentials-missing": {status.InProgressStatus, func(ctx context.Context, w *world) {
		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, nil)
		w.create(ctx, "cats")
		w.pass(ctx, "cats")
	}},
	"running": {status.InProgressStatus, func(ctx context.Context, w *world) {
		w.create(ctx, "cats")
		w.follow(ctx, "cats", hasReason(v1alpha1.ReasonTaskRunning))
	}},
	"succeeded": {status.CurrentStatus, func(ctx context.Context, w *world) {
		w.healthy(ctx, "cats")
	}},
	"scheduled-run": {status.CurrentStatus, func(ctx context.Context, w *world) {
		w.healthy(ctx, "cats", withSchedule("0 * * * *"))
		w.clock.SetTime(t0.Add(time.Hour))
		w.follow(ctx, "cats", func(obj *v1alpha1.DatasetSync) bool { return obj.Status.TaskState == "RUNNING" })
	}},
	"retrying": {status.InProgressStatus, func(ctx context.Context, w *world) {
		w.service.AddFault(simulator.Fault{Kind: "task-fails"})
		w.create(ctx, "cats")
		w.follow(ctx, "cats", hasReason(v1alpha1.ReasonRetrying))
	}},
	"failed": {status.FailedStatus, func(ctx context.Context, w *world) {
		w.service.AddFault(simulator.Fault{Kind: "task-fails", Code: "ModelArts.4312"})
		w.create(ctx, "cats")
		w.follow(ctx, "cats", isStalled)
	}},
	"late": {status.FailedStatus, func(ctx context.Context, w *world) {
		w.service.AddFault(simulator.Fault{Kind: "task-never-ends"})
		w.create(ctx, "cats")
		w.follow(ctx, "cats", isStalled)
	}},
	"suspended": {status.CurrentStatus, func(ctx context.Context, w *world) {
		w.healthy(ctx, "cats")
		w.edit(ctx, "cats", withSuspend(true))
		w.pass(ctx, "cats")
	}},
	"suspended-request": {status.InProgressStatus, func(ctx context.Context, w *world) {
		w.healthy(ctx, "cats")
		w.edit(ctx, "cats", withSuspend(true), withTrigger("v2"))
		w.pass(ctx, "cats")
	}},
	"suspended-failure": {status.FailedStatus, func(ctx context.Context, w *world) {
		w.service.AddFault(simulator.Fault{Kind: "task-fails", Code: "ModelArts.4312"})
		w.create(ctx, "cats")
		w.follow(ctx, "cats", isStalled)
		w.edit(ctx, "cats", withSuspend(true))
		w.pass(ctx, "cats")
	}},
}

// recording is an object as a file: without what differs from run to run.
func (w *world) recording(obj *v1alpha1.DatasetSync) string {
	GinkgoHelper()
	obj.APIVersion, obj.Kind = v1alpha1.GroupVersion.String(), "DatasetSync"
	obj.ObjectMeta = metav1.ObjectMeta{Name: obj.Name, Namespace: "vision", Generation: obj.Generation}
	text, err := yaml.Marshal(toUnstructured(obj).Object)
	Expect(err).NotTo(HaveOccurred())
	recorded := string(text)
	for i, task := range w.service.Tasks(testProject, "cats") {
		recorded = strings.ReplaceAll(recorded, task.ID, []string{"ag60AUXPZZSv8Vjz4dP", "bh71BVYQAATw9Wka5eQ"}[i])
	}
	return recorded
}

var _ = Describe("The state that GitOps tools see", func() {
	for name, c := range states {
		It("is as they expect: "+name, func(ctx SpecContext) {
			w := punctual(ctx)
			w.reconciler.Nonce = func() string { return "2f6c0f3ad1b84c61" }
			c.reach(ctx, w)
			obj := w.get(ctx, "cats")
			Expect(kstatusOf(obj)).To(Equal(c.kstatus), describeStatus(obj))
			path := filepath.Join(recordings, "testdata", name+".yaml")
			if *update {
				Expect(os.WriteFile(path, []byte(w.recording(obj)), 0o644)).To(Succeed())
			}
			recorded, err := os.ReadFile(path)
			Expect(err).NotTo(HaveOccurred(), "go test ./controllers -update records it")
			Expect(cmp.Diff(string(recorded), w.recording(obj))).To(BeEmpty(), "-recorded +reached; go test ./controllers -update records it anew")
		})
	}

	It("is not that of a healthy object while one waits for its turn", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.settings.QPS, w.settings.Burst = 0.1, 2
		w.restart()
		w.healthy(ctx, "dogs")
		w.pass(ctx, "dogs")
		w.restart()
		w.edit(ctx, "dogs", withTrigger("v1"))
		for _, name := range []string{"birds", "cats"} {
			w.create(ctx, name)
			w.pass(ctx, name)
		}
		writes := w.writes
		w.pass(ctx, "dogs")
		Expect(w.starts("birds")).To(Equal(1))
		for _, name := range []string{"cats", "dogs"} {
			Expect(w.get(ctx, name).Status.TaskState).NotTo(Equal("QUEUING"), "there are no calls left for %s", name)
			Expect(kstatusOf(w.get(ctx, name))).To(Equal(status.InProgressStatus), name)
		}
		Expect(w.writes).To(Equal(writes), "waiting is not written down")
		w.follow(ctx, "cats", served)
		w.follow(ctx, "dogs", served)
	})
})

func TestRecordedHealth(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(recordings, "health_test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			HealthStatus struct{ Status, Message string }
			InputPath    string
		}
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		t.Fatal(err)
	}
	judged := map[string]bool{}
	health := newHealthScript()
	defer health.close()
	for _, c := range file.Tests {
		name := strings.TrimSuffix(filepath.Base(c.InputPath), ".yaml")
		judged[name] = true
		recorded, err := os.ReadFile(filepath.Join(recordings, c.InputPath))
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(recorded, &u.Object); err != nil {
			t.Fatal(err)
		}
		healthStatus, message, err := health.run(u)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff([]string{c.HealthStatus.Status, c.HealthStatus.Message}, []string{healthStatus, message}); diff != "" {
			t.Errorf("%s: health (-want +got):\n%s", name, diff)
		}
	}
	for name := range states {
		if !judged[name] {
			t.Errorf("health_test.yaml says nothing of %s", name)
		}
	}
}

var _ = Describe("Applying a manifest by server-side apply", func() {
	manifest := func(w *world) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
			"projectID": testProject, "datasetID": "cats", "trigger": "v1", "schedule": "0 2 * * *", "timeZone": "Asia/Shanghai",
		}}}
		u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("DatasetSync"))
		u.SetNamespace(w.namespace)
		u.SetName("cats")
		return u
	}
	apply := func(ctx context.Context, w *world) *v1alpha1.DatasetSync {
		GinkgoHelper()
		Expect(w.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(manifest(w)), client.FieldOwner("flux"))).To(Succeed())
		return w.get(ctx, "cats")
	}

	It("twice changes nothing, before and after the operator has written", func(ctx SpecContext) {
		w := newWorld(ctx)
		first := apply(ctx, w)
		// The API server stores the default of status with the first write after the
		// one that made the object, which is the operator's unless it is away.
		second := apply(ctx, w)
		Expect(second.Generation).To(Equal(first.Generation))
		Expect(apply(ctx, w).ResourceVersion).To(Equal(second.ResourceVersion))

		synced := w.follow(ctx, "cats", isReady)
		Expect(synced.Generation).To(Equal(first.Generation))
		Expect(synced.Spec).To(Equal(first.Spec))
		Expect(apply(ctx, w).ResourceVersion).To(Equal(synced.ResourceVersion))

		calls, writes := w.calls(), w.writes
		w.pass(ctx, "cats")
		Expect(w.calls()).To(Equal(calls))
		Expect(w.writes).To(Equal(writes))
	})

	It("leaves spec, labels and annotations to whoever applies", func(ctx SpecContext) {
		w := newWorld(ctx)
		apply(ctx, w)
		obj := w.follow(ctx, "cats", isReady)
		Expect(obj.Finalizers).To(BeEmpty())
		managers := map[string]string{}
		for _, entry := range obj.ManagedFields {
			managers[entry.Subresource] += entry.Manager + " "
		}
		Expect(managers).To(HaveLen(2))
		Expect(managers[""]).To(Equal("flux "), "the operator owns nothing but status")
	})
})
