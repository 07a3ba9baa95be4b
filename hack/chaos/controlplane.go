package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// adminToken is what the harness and its proxies show the API server.
const adminToken = "chaos-admin" // Of a server on a loopback address that lives for an hour.

// controlPlane is an etcd and a kube-apiserver that can be killed, stopped, and
// started again on the same data and the same port.
type controlPlane struct {
	starter      *starter
	graveyard    *graveyard
	dir, assets  string
	etcdPorts    [2]string
	port         string
	etcd, server *process
}

// newControlPlane prepares both and starts them.
func newControlPlane(ctx context.Context, s *starter, g *graveyard, dir, assets string) (*controlPlane, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	c := &controlPlane{starter: s, graveyard: g, dir: dir, assets: assets, etcdPorts: [2]string{ports[0], ports[1]}, port: ports[2]}
	if err := errors.Join(c.writeKey(), c.writeTokens()); err != nil {
		return nil, err
	}
	if err := c.startEtcd(); err != nil {
		return c, err
	}
	return c, c.startServer(ctx)
}

func (c *controlPlane) writeKey() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return os.WriteFile(filepath.Join(c.dir, "sa.key"), pem.EncodeToMemory(block), 0o600)
}

func (c *controlPlane) writeTokens() error {
	line := adminToken + `,admin,admin,"system:masters"` + "\n"
	return os.WriteFile(filepath.Join(c.dir, "tokens.csv"), []byte(line), 0o600)
}

func (c *controlPlane) startEtcd() (err error) {
	client, peer := "http://127.0.0.1:"+c.etcdPorts[0], "http://127.0.0.1:"+c.etcdPorts[1]
	c.etcd, err = c.starter.start(c.dir, "etcd", filepath.Join(c.assets, "etcd"), nil,
		"--data-dir="+filepath.Join(c.dir, "etcd"), "--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--unsafe-no-fsync=true", "--log-level=error")
	if err == nil {
		c.graveyard.add(c.etcd)
	}
	return err
}

// startServer starts the API server and waits until it is ready.
func (c *controlPlane) startServer(ctx context.Context) (err error) {
	key := filepath.Join(c.dir, "sa.key")
	c.server, err = c.starter.start(c.dir, "kube-apiserver", filepath.Join(c.assets, "kube-apiserver"), nil,
		"--etcd-servers=http://127.0.0.1:"+c.etcdPorts[0], "--bind-address=127.0.0.1", "--secure-port="+c.port,
		"--cert-dir="+c.dir, "--token-auth-file="+filepath.Join(c.dir, "tokens.csv"), "--authorization-mode=AlwaysAllow",
		"--service-account-issuer=https://localhost", "--service-account-key-file="+key, "--service-account-signing-key-file="+key,
		"--service-cluster-ip-range=10.0.0.0/24", "--disable-admission-plugins=ServiceAccount", "--profiling=false")
	if err != nil {
		return err
	}
	c.graveyard.add(c.server)
	return c.await(ctx)
}

// config is how the harness itself reaches the API server, past all proxies.
func (c *controlPlane) config() *rest.Config {
	return &rest.Config{
		Host: "https://127.0.0.1:" + c.port, BearerToken: adminToken, QPS: 1000, Burst: 1000, Timeout: 20 * time.Second,
		TLSClientConfig: rest.TLSClientConfig{Insecure: true}, // Of this machine, by this process.
	}
}

// await waits until the API server is ready.
func (c *controlPlane) await(ctx context.Context) error {
	transport, err := rest.TransportFor(c.config())
	if err != nil {
		return err
	}
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		if answers(ctx, client, c.config().Host+"/readyz") {
			return nil
		}
		select {
		case <-c.server.gone:
			return fmt.Errorf("the API server ended by itself: see %s", filepath.Join(c.dir, "kube-apiserver.log"))
		case <-ctx.Done():
			return fmt.Errorf("wait for the API server: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// installCRD installs the CRD of the tree at root.
func (c *controlPlane) installCRD(root string) error {
	_, err := envtest.InstallCRDs(c.config(), envtest.CRDInstallOptions{
		Paths: []string{filepath.Join(root, "config", "crd", "bases")}, ErrorIfPathMissing: true,
	})
	return err
}

// restartServer kills the API server and starts it again after a pause.
func (c *controlPlane) restartServer(ctx context.Context, pause time.Duration) error {
	c.server.kill()
	time.Sleep(pause)
	return c.startServer(ctx)
}

// pauseEtcd stops etcd for a while: the API server is there, and answers
// nothing.
func (c *controlPlane) pauseEtcd(ctx context.Context, pause time.Duration) error {
	c.etcd.signal(syscall.SIGSTOP)
	time.Sleep(pause)
	c.etcd.signal(syscall.SIGCONT)
	return c.await(ctx)
}

// restartEtcd kills etcd and starts it again, from what it wrote down.
func (c *controlPlane) restartEtcd(ctx context.Context, pause time.Duration) error {
	c.etcd.kill()
	time.Sleep(pause)
	if err := c.startEtcd(); err != nil {
		return err
	}
	return c.await(ctx)
}

// freePorts returns n ports of this machine that nobody listens on.
func freePorts(n int) ([]string, error) {
	ports := make([]string, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // Closed at once.
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // Not before all are found, lest one be found twice.
		if _, ports[i], err = net.SplitHostPort(l.Addr().String()); err != nil {
			return nil, err
		}
	}
	return ports, nil
}

// answers reports whether url answers 200.
func answers(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}
