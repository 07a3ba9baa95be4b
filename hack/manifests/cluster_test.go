package manifests

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"datasetsync.dev/operator/api/v1alpha1"
)

const (
	// root is the directory of the repository.
	root = "../.."
	// systemNamespace is where the manager is installed.
	systemNamespace = "datasetsync-system"
	// managerAccount is the manager's service account in it.
	managerAccount = "datasetsync-controller-manager"
	// patience bounds what a test waits for.
	patience = time.Minute
)

// auditPolicy has the API server write down every request once it is answered.
const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Metadata
`

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	m.Run()
}

// cluster is a control plane of its own: what is installed for one test is not
// there for another.
type cluster struct {
	config *rest.Config
	client client.WithWatch
	// kubeconfig is the path of a file that makes kubectl an administrator.
	kubeconfig string
	// audit is the path of the API server's audit log.
	audit string
}

// newCluster starts a control plane with some namespaces and the CRDs of the
// Prometheus operator.
func newCluster(t *testing.T, namespaces ...string) *cluster {
	t.Helper()
	dir := t.TempDir()
	c := &cluster{kubeconfig: filepath.Join(dir, "kubeconfig"), audit: filepath.Join(dir, "audit.log")}
	policy := filepath.Join(dir, "policy.yaml")
	write(t, policy, []byte(auditPolicy))
	env := &envtest.Environment{CRDDirectoryPaths: monitoringCRDs(t), ErrorIfCRDPathMissing: true}
	env.ControlPlane.GetAPIServer().Configure().
		Set("audit-policy-file", policy).Set("audit-log-path", c.audit)
	var err error
	if c.config, err = env.Start(); err != nil {
		t.Fatalf("start a control plane, whose binaries are in KUBEBUILDER_ASSETS: %v", err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	write(t, c.kubeconfig, env.KubeConfig)
	c.client = newClient(t, c.config)
	for _, name := range namespaces {
		c.kubectl(t, nil, "create", "namespace", name, "--save-config")
	}
	return c
}

func newClient(t *testing.T, config *rest.Config) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kubectl runs the control plane's kubectl as an administrator. A warning is a
// failure.
func (c *cluster) kubectl(t *testing.T, input []byte, args ...string) string {
	t.Helper()
	return kubectl(t, input, append([]string{"--kubeconfig=" + c.kubeconfig}, args...)...)
}

// install applies manifests, and waits for the CRD among them.
func (c *cluster) install(t *testing.T, manifests []byte) {
	t.Helper()
	c.kubectl(t, manifests, "apply", "-f", "-")
	c.kubectl(t, nil, "wait", "--for=condition=Established", "crd/datasetsyncs.modelarts.datasetsync.dev")
}

// as returns the configuration of a service account, by a token of its own.
func (c *cluster) as(t *testing.T, namespace, name string) *rest.Config {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := &authenticationv1.TokenRequest{}
	if err := c.client.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken = request.Status.Token
	return config
}

// await watches a DatasetSync until it is as it should be.
func (c *cluster) await(t *testing.T, namespace, name, what string, is func(*v1alpha1.DatasetSync) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w, err := c.client.Watch(ctx, &v1alpha1.DatasetSyncList{}, client.InNamespace(namespace))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	var last *v1alpha1.DatasetSync
	for event := range w.ResultChan() {
		obj, ok := event.Object.(*v1alpha1.DatasetSync)
		if !ok || obj.Name != name {
			continue
		}
		if last = obj; is(obj) {
			return
		}
	}
	t.Fatalf("%s/%s is not %s: %+v", namespace, name, what, last)
}

// kubectl runs the control plane's kubectl. A warning is a failure.
func kubectl(t *testing.T, input []byte, args ...string) string {
	t.Helper()
	var output, problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &output, &problems
	if err := cmd.Run(); err != nil || problems.Len() > 0 {
		t.Fatalf("kubectl %q: %v\n%s", args, err, problems.String())
	}
	return output.String()
}

// kustomize renders a directory.
func kustomize(t *testing.T, dir string) []byte {
	t.Helper()
	return []byte(kubectl(t, nil, "kustomize", dir))
}

// decode reads the objects of a manifest.
func decode(t *testing.T, manifests []byte) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096); ; {
		obj := &unstructured.Unstructured{}
		err := decoder.Decode(&obj.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, manifests)
		}
		if len(obj.Object) > 0 {
			objects = append(objects, obj)
		}
	}
}

// only returns the one object of a kind, as what it is.
func only[T any](t *testing.T, objects []*unstructured.Unstructured, kind string) *T {
	t.Helper()
	var found []*T
	for _, obj := range objects {
		if obj.GetKind() != kind {
			continue
		}
		typed := new(T)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, typed); err != nil {
			t.Fatal(err)
		}
		found = append(found, typed)
	}
	if len(found) != 1 {
		t.Fatalf("%d objects of the kind %s, want 1", len(found), kind)
	}
	return found[0]
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
