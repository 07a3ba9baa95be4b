package enumerate

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/proof/cluster"
)

// realPlans are where the API server's own ways matter most.
func realPlans() []string {
	return []string{
		"policy=default answer=task-id",
		"policy=default answer=empty",
		"policy=default answer=task-id kube=conflict@patch#1",
		"policy=default answer=task-id kube=conflict@patch#2",
		"policy=default answer=empty kube=timeout-applied@patch#1",
		"policy=default answer=task-id kube=timeout-applied@patch#2",
		"policy=default answer=task-id kube=timeout@patch#2",
		"policy=default answer=task-id kube=recreated@patch#1",
		"policy=default answer=task-id kube=recreated@patch#2",
		"policy=default answer=task-id kube=stale@get#2",
		"policy=default answer=task-id crash=late@patch#1",
		"policy=default answer=task-id crash=late@patch#2",
		"policy=strict answer=empty service=reset-after@start#1 kube=conflict@patch#2 crash=after-effect@patch#1",
		"policy=strict answer=task-id service=silence+@start#1",
		"policy=hold answer=task-id crash=before@start#1",
		"policy=hold answer=empty service=control-characters@start#1",
	}
}

// TestRealAPIServer carries some plans out over a real API server, and over the
// stand-in: the same has to be done, in the same order.
func TestRealAPIServer(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	crds := filepath.Join("..", "..", "..", "config", "crd", "bases")
	environment := &envtest.Environment{Scheme: scheme, CRDDirectoryPaths: []string{crds}, ErrorIfCRDPathMissing: true}
	config, err := environment.Start()
	if err != nil {
		t.Fatalf("the control plane does not start; `make test` provides its binaries: %v", err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	config.QPS, config.Burst = -1, -1
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	p := newProver(t)
	for _, line := range realPlans() {
		t.Run(line, func(t *testing.T) {
			one, err := parsePlan(line)
			if err != nil {
				t.Fatal(err)
			}
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "plan-"}}
			if err := c.Create(t.Context(), namespace); err != nil {
				t.Fatal(err)
			}
			actual := run(t.Context(), one, p.servers, func(now *cluster.Time) backend {
				log := cluster.NewLog(now.Now)
				return backend{client: recordedClient{c, log}, log: log, namespace: namespace.Name}
			})
			if actual.err != nil {
				t.Errorf("over a real API server:\n%s", indented(actual.err))
			}
			standIn := p.run(one)
			if diff := cmp.Diff(points(actual.trace), points(standIn.trace)); diff != "" {
				t.Errorf("over a real API server (-) and the stand-in (+) it goes differently:\n%s", diff)
			}
		})
	}
}

func points(trace []point) []string {
	var all []string
	for _, p := range trace {
		all = append(all, p.String())
	}
	return all
}

// recordedClient writes every version of a DatasetSync that it makes into a log:
// nobody else writes.
type recordedClient struct {
	client.Client
	log *cluster.Log
}

// record takes a version in, if it is another one.
func (c recordedClient) record(obj client.Object, err error) error {
	object, isSync := obj.(*v1alpha1.DatasetSync)
	if err != nil || !isSync {
		return err
	}
	last := c.log.Latest(client.ObjectKeyFromObject(object))
	if last == nil || last.ResourceVersion != object.ResourceVersion {
		c.log.Written(object.DeepCopy())
	}
	return nil
}

// Create creates an object.
func (c recordedClient) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	return c.record(obj, c.Client.Create(ctx, obj, opts...))
}

// Patch changes an object.
func (c recordedClient) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return c.record(obj, c.Client.Patch(ctx, obj, patch, opts...))
}

// Delete deletes an object.
func (c recordedClient) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	last := c.log.Latest(client.ObjectKeyFromObject(obj))
	err := c.Client.Delete(ctx, obj, opts...)
	if err == nil && last != nil {
		c.log.Deleted(last)
	}
	return err
}

// Status returns a writer of status.
func (c recordedClient) Status() client.SubResourceWriter {
	return recordedWriter{c.Client.Status(), c}
}

type recordedWriter struct {
	client.SubResourceWriter
	client recordedClient
}

// Patch changes a status. A write that is on its way arrives, even if the process
// that sent it has crashed, and its context has ended with it.
func (w recordedWriter) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	return w.client.record(obj, w.SubResourceWriter.Patch(context.WithoutCancel(ctx), obj, patch, slices.Clip(opts)...))
}
