package docs

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"datasetsync.dev/operator/internal/simulator"
)

const (
	accessKey = "SIMULATOR"
	secretKey = "simulator-secret"
	// exampleNamespace is that of the README's example.
	exampleNamespace = "vision"
)

// cluster is a control plane with a simulated service, and a directory to run
// commands in.
type cluster struct {
	dir         string
	environment []string
	service     *simulator.Simulator
	endpoint    string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	log.SetLogger(logr.Discard())
	env := &envtest.Environment{}
	if _, err := env.Start(); err != nil {
		t.Fatalf("start a control plane, whose binaries are in KUBEBUILDER_ASSETS: %v", err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{dir: t.TempDir(), service: simulator.New(simulator.Config{
		AccessKey: accessKey, SecretKey: secretKey, TaskDuration: 300 * time.Millisecond,
	})}
	server := httptest.NewServer(c.service.Handler())
	t.Cleanup(server.Close)
	c.endpoint = server.URL
	c.write(t, "kubeconfig", string(env.KubeConfig))
	c.environment = append(os.Environ(), "ROOT="+repository, "KUBECONFIG="+filepath.Join(c.dir, "kubeconfig"),
		"PATH="+os.Getenv("KUBEBUILDER_ASSETS")+":"+c.dir+":"+os.Getenv("PATH"))
	return c
}

// shell runs commands and returns what they print.
func (c *cluster) shell(t *testing.T, script string) string {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", script)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, c.environment, &output, &output
	err := cmd.Run()
	t.Logf("$ %s\n%s", strings.TrimSpace(script), output.String())
	if err != nil {
		t.Fatalf("%s: %v", strings.TrimSpace(script), err)
	}
	return output.String()
}

// prepare brings about what the README takes for granted before a command.
func (c *cluster) prepare(t *testing.T, command string) {
	t.Helper()
	switch {
	case strings.HasPrefix(command, "kubectl apply -f cats.yaml"):
		c.startManager(t) // There is no node to run that of the Deployment.
	case strings.HasPrefix(command, "kubectl -n vision wait --for=condition=Stalled"):
		c.service.AddFault(simulator.Fault{Kind: "answer", Operation: simulator.OperationLatest, Code: "ModelArts.4352", Count: 1})
		c.shell(t, "kubectl -n vision annotate --overwrite dsync/cats modelarts.datasetsync.dev/requested-at=failing")
		c.shell(t, "kubectl -n vision wait --for=jsonpath='{.status.handledRequest}'=failing --timeout=30s dsync/cats")
	}
}

// installPlugin builds the plugin of kubectl into the PATH of the commands.
func (c *cluster) installPlugin(t *testing.T) {
	t.Helper()
	c.shell(t, `go -C "$ROOT/hack/kubectl-dsync" build -o "$PWD/kubectl-dsync" .`)
}

// startManager runs the manager beside the control plane.
func (c *cluster) startManager(t *testing.T) {
	t.Helper()
	c.shell(t, "kubectl wait --for=condition=Established crd/datasetsyncs.modelarts.datasetsync.dev")
	c.shell(t, `go -C "$ROOT" build -o "$PWD/manager" .`)
	var output bytes.Buffer
	// It is told to end in the cleanup, and not killed before.
	manager := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(c.dir, "manager"), "--endpoint="+c.endpoint,
		"--poll-min=200ms", "--metrics-bind-address=0", "--health-probe-bind-address=0")
	manager.Env, manager.Stdout, manager.Stderr = c.environment, &output, &output
	if err := manager.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = manager.Process.Signal(syscall.SIGTERM)
		if err := manager.Wait(); err != nil {
			t.Errorf("the manager ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the manager's log:\n%s", output.String())
		}
	})
}
