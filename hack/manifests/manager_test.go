package manifests

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// built is the path of the manager's binary, which is compiled once.
var built = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs(filepath.Join(root, "bin", "manifests-test", "manager"))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", path, ".")
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return string(output), err
	}
	return path, nil
})

// manager is a process of the manager.
type manager struct {
	metrics string
	cmd     *exec.Cmd
	log     *bytes.Buffer
	end     sync.Once
}

// startManager runs the manager with the flags of a Deployment, and some that
// make it fast, as the user that config stands for.
func startManager(t *testing.T, config *rest.Config, deployment *appsv1.Deployment, flags ...string) *manager {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatalf("build the manager: %v\n%s", err, binary)
	}
	m := &manager{metrics: freeAddress(t), log: &bytes.Buffer{}}
	args := append([]string{}, deployment.Spec.Template.Spec.Containers[0].Args...)
	args = append(args, "--kubeconfig="+kubeconfigOf(t, config), "--metrics-bind-address="+m.metrics,
		"--health-probe-bind-address=127.0.0.1:0", "--poll-min=200ms", "--poll-max=1s", "--request-timeout=5s", "--settle-time=10s")
	// It ends when it is told to, not when the context of the test does.
	m.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), binary, append(args, flags...)...)
	m.cmd.Env = []string{
		// In a pod the namespace is that of the mounted token.
		"POD_NAMESPACE=" + deployment.Namespace,
		// As with an API server that does not stream lists.
		"KUBE_FEATURE_WatchListClient=false",
	}
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.stop(t) })
	return m
}

// stop tells the manager to end, as a kubelet does, and waits until it has.
func (m *manager) stop(t *testing.T) {
	t.Helper()
	m.end.Do(func() {
		_ = m.cmd.Process.Signal(syscall.SIGTERM)
		if err := m.cmd.Wait(); err != nil {
			t.Errorf("the manager ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the manager's log:\n%s", m.log)
		}
	})
}

// scrape reads the metrics with a token, if there is one, and returns the HTTP
// status and the body.
func (m *manager) scrape(t *testing.T, scheme, token string) (status int, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+m.metrics+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: patience}
	defer c.CloseIdleConnections()
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

// freeAddress returns an address that nobody listened at a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// kubeconfigOf writes a configuration to a file.
func kubeconfigOf(t *testing.T, config *rest.Config) string {
	t.Helper()
	file := clientcmdapi.NewConfig()
	file.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos["test"] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	file.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	file.CurrentContext = "test"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		t.Fatal(err)
	}
	return path
}
