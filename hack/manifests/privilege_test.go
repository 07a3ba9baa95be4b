package manifests

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// installation is a way to install the operator.
type installation struct {
	manifests func(*testing.T) []byte
	// scoped is set if the manager works on the namespace vision alone.
	scoped bool
	// open is set if it serves metrics to everybody, since it has no right to ask
	// who reads them.
	open bool
}

var installations = map[string]installation{
	"config/default": {
		manifests: func(t *testing.T) []byte { t.Helper(); return kustomize(t, filepath.Join(root, "config", "default")) },
	},
	"config/namespaced": {
		manifests: func(t *testing.T) []byte {
			t.Helper()
			return kustomize(t, filepath.Join(root, "config", "namespaced"))
		},
		scoped: true,
	},
	"the chart without any right in the cluster": {
		manifests: func(t *testing.T) []byte {
			t.Helper()
			crd := kustomize(t, filepath.Join(root, "config", "crd"))
			return append(append(crd, "\n---\n"...), render(t, chartVariants["without any right in the cluster"])...)
		},
		scoped: true, open: true,
	},
}

// TestLeastPrivilege installs the operator in each way, and then has it do its
// work, and try what it must not be able to, as its own service account.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	for name, i := range installations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			manifests := i.manifests(t)
			namespaces := []string{"vision", "speech"}
			if !strings.Contains(string(manifests), "kind: Namespace\n") {
				namespaces = append(namespaces, systemNamespace)
			}
			c := newCluster(t, namespaces...)
			c.install(t, manifests)
			t.Run("its pods are admitted", func(t *testing.T) { testPodSecurity(t, c, manifests) })
			t.Run("it does its work", func(t *testing.T) { testWork(t, c, manifests, i) })
			t.Run("it may do nothing else", func(t *testing.T) { testRefusals(t, c, i.scoped) })
			t.Run("it cannot do anything else", func(t *testing.T) { testAttempts(t, c) })
		})
	}
}

// testWork runs the manager with the rights of the manifests, and compares what it
// used of them with what they grant.
func testWork(t *testing.T, c *cluster, manifests []byte, i installation) {
	t.Helper()
	service := simulator.New(simulator.Config{AccessKey: "key", SecretKey: "secret", TaskDuration: 500 * time.Millisecond})
	server := httptest.NewServer(c.overtaking(t, service.Handler()))
	t.Cleanup(server.Close)
	deployment := only[appsv1.Deployment](t, decode(t, manifests), "Deployment")
	m := startManager(t, c.as(t, deployment.Namespace, deployment.Spec.Template.Spec.ServiceAccountName), deployment,
		"--endpoint="+server.URL, "--per-object-metrics")

	c.createSync(t, "speech")
	c.createSync(t, "vision")
	c.await(t, "vision", "cats", "Ready", isReady)
	c.kubectl(t, nil, "-n", "vision", "annotate", "datasetsync", "cats", v1alpha1.RequestedAtAnnotation+"=now")
	c.await(t, "vision", "cats", "Ready again", func(obj *v1alpha1.DatasetSync) bool {
		return isReady(obj) && len(obj.Status.History) == 2
	})
	if i.scoped {
		obj := &v1alpha1.DatasetSync{}
		if err := c.client.Get(t.Context(), client.ObjectKey{Namespace: "speech", Name: "cats"}, obj); err != nil {
			t.Fatal(err)
		}
		if obj.Status.ObservedGeneration != -1 || len(service.Tasks(project, "speech")) > 0 {
			t.Errorf("an object in a namespace that is not watched was worked on: %+v", obj.Status)
		}
	} else {
		c.await(t, "speech", "cats", "Ready", isReady)
	}
	testScrapes(t, c, m, i.open)
	m.stop(t)
	if diff := cmp.Diff(granted(t, manifests), slices.Sorted(slices.Values(append(c.used(t), spare...)))); diff != "" {
		t.Errorf("granted (-) and used (+) differ:\n%s", diff)
	}
}

// spare are rights that no test gets used: the recorders of Events ask for them
// when the same thing is told twice of one version of an object.
var spare = []string{"patch events", "patch events.events.k8s.io"}

// overtaking has the object in the namespace vision changed while its start is on
// the wire, so that the outcome is written over what was read past the cache.
func (c *cluster) overtaking(t *testing.T, service http.Handler) http.Handler {
	t.Helper()
	change := sync.OnceValue(func() error {
		obj := &v1alpha1.DatasetSync{ObjectMeta: metav1.ObjectMeta{Namespace: "vision", Name: "cats"}}
		return c.client.Patch(t.Context(), obj, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"changed":"meanwhile"}}}`)))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "vision") {
			if err := change(); err != nil {
				t.Error(err)
			}
		}
		service.ServeHTTP(w, r)
	})
}

const project = "cbfb9585c5854926a411a3f5a984fc09"

// createSync creates a DatasetSync and its credentials. The data set is named
// after the namespace.
func (c *cluster) createSync(t *testing.T, namespace string) {
	t.Helper()
	for _, obj := range []client.Object{
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DefaultCredentialsSecret},
			StringData: map[string]string{"accessKey": "key", "secretKey": "secret"},
		},
		&v1alpha1.DatasetSync{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cats"},
			Spec:       v1alpha1.DatasetSyncSpec{ProjectID: project, DatasetID: namespace, Schedule: "@daily"},
		},
	} {
		if err := c.client.Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
}

func isReady(obj *v1alpha1.DatasetSync) bool {
	return meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ReadyCondition)
}

// testScrapes reads the metrics as who may, and as who may not.
func testScrapes(t *testing.T, c *cluster, m *manager, open bool) {
	t.Helper()
	if open {
		status, body := m.scrape(t, "http", "")
		if status != http.StatusOK {
			t.Errorf("a reader got %d", status)
		}
		testExposition(t, body)
		return
	}
	for _, name := range []string{"prometheus", "stranger"} {
		c.kubectl(t, nil, "-n", systemNamespace, "create", "serviceaccount", name)
	}
	c.kubectl(t, nil, "create", "clusterrolebinding", "prometheus",
		"--clusterrole=datasetsync-metrics-reader", "--serviceaccount="+systemNamespace+":prometheus")
	token := func(name string) string { return c.as(t, systemNamespace, name).BearerToken }
	if status, _ := m.scrape(t, "https", ""); status != http.StatusUnauthorized {
		t.Errorf("nobody in particular got %d, want 401", status)
	}
	if status, _ := m.scrape(t, "https", token("stranger")); status != http.StatusForbidden {
		t.Errorf("a stranger got %d, want 403", status)
	}
	status, body := m.scrape(t, "https", token("prometheus"))
	if status != http.StatusOK {
		t.Errorf("a reader got %d, want 200", status)
	}
	testExposition(t, body)
}

// testAttempts tries as the manager, not only asks.
func testAttempts(t *testing.T, c *cluster) {
	t.Helper()
	ctx := t.Context()
	manager := newClient(t, c.as(t, systemNamespace, managerAccount))
	before := &v1alpha1.DatasetSync{}
	key := client.ObjectKey{Namespace: "vision", Name: "cats"}
	if err := c.client.Get(ctx, key, before); err != nil {
		t.Fatal(err)
	}
	forged := before.DeepCopy()
	forged.Spec.Suspend = true
	forged.Labels = map[string]string{"forged": "true"}
	forged.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: "forged"}
	forged.Status.TaskID = "told"
	patch := client.MergeFrom(before)
	for what, attempt := range map[string]func() error{
		"list Secrets":        func() error { return manager.List(ctx, &corev1.SecretList{}) },
		"list Secrets nearby": func() error { return manager.List(ctx, &corev1.SecretList{}, client.InNamespace("vision")) },
		"update an object":    func() error { return manager.Update(ctx, forged.DeepCopy()) },
		"patch an object":     func() error { return manager.Patch(ctx, forged.DeepCopy(), patch) },
		"delete an object":    func() error { return manager.Delete(ctx, before.DeepCopy()) },
		"make itself an administrator": func() error {
			return manager.Create(ctx, &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: "me"},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			})
		},
	} {
		if err := attempt(); !apierrors.IsForbidden(err) {
			t.Errorf("%s: got %v, want that it is forbidden", what, err)
		}
	}
	if err := manager.Status().Patch(ctx, forged.DeepCopy(), patch); err != nil {
		t.Fatal(err)
	}
	after := &v1alpha1.DatasetSync{}
	if err := c.client.Get(ctx, key, after); err != nil {
		t.Fatal(err)
	}
	if after.Status.TaskID != "told" {
		t.Error("the patch of status had no effect, so that it shows nothing")
	}
	if diff := cmp.Diff(before.Spec, after.Spec); diff != "" {
		t.Errorf("a patch of status changed spec:\n%s", diff)
	}
	if diff := cmp.Diff([2]map[string]string{before.Labels, before.Annotations}, [2]map[string]string{after.Labels, after.Annotations}); diff != "" {
		t.Errorf("a patch of status changed metadata:\n%s", diff)
	}
}

// testPodSecurity creates a Pod from the Deployment's template, to be thrown away,
// where the namespace enforces the standard "restricted".
func testPodSecurity(t *testing.T, c *cluster, manifests []byte) {
	t.Helper()
	ctx := t.Context()
	const enforce = "pod-security.kubernetes.io/enforce"
	namespace := &corev1.Namespace{}
	if err := c.client.Get(ctx, client.ObjectKey{Name: systemNamespace}, namespace); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(manifests), "kind: Namespace\n") {
		if got := namespace.Labels[enforce]; got != "restricted" {
			t.Fatalf("the namespace enforces %q", got)
		}
	} else {
		c.kubectl(t, nil, "label", "namespace", systemNamespace, enforce+"=restricted")
	}
	template := only[appsv1.Deployment](t, decode(t, manifests), "Deployment").Spec.Template
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Namespace, pod.Name = systemNamespace, "try"
	if err := c.client.Create(ctx, pod.DeepCopy(), client.DryRunAll); err != nil {
		t.Error(err)
	}
	pod.Spec.Containers[0].SecurityContext = nil
	if err := c.client.Create(ctx, pod, client.DryRunAll); !apierrors.IsForbidden(err) {
		t.Errorf("a pod without a security context got %v: the standard is not enforced", err)
	}
}
