package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// manager is one replica of the operator, with a door and a link of its own to
// the API server and to the service.
type manager struct {
	lane *lane
	name string

	kube, service         *door
	kubeLink, serviceLink *link
	process               *process
}

// bearer shows the API server the admin's token: the manager itself has none.
type bearer struct{ http.RoundTripper }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+adminToken)
	return b.RoundTripper.RoundTrip(r)
}

func newManager(l *lane, name string) (*manager, error) {
	m := &manager{lane: l, name: name}
	server := bearer{&http.Transport{
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // Of this machine, by this process.
		MaxIdleConnsPerHost: 64, ForceAttemptHTTP2: false,
	}}
	var err error
	if m.kube, err = newDoor(l.plane.config().Host, server, stepAtServer); err != nil {
		return nil, err
	}
	if m.service, err = newDoor("http://"+l.service, &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}, l.starts.stepAtService); err != nil {
		return nil, err
	}
	if m.kubeLink, err = newLink(name+" to the API server", m.kube.address()); err != nil {
		return nil, err
	}
	if m.serviceLink, err = newLink(name+" to the service", m.service.address()); err != nil {
		return nil, err
	}
	return m, m.writeKubeconfig()
}

func (m *manager) kubeconfig() string { return filepath.Join(m.lane.dir, m.name+".kubeconfig") }

func (m *manager) writeKubeconfig() error {
	c := clientcmdapi.NewConfig()
	c.Clusters["chaos"] = &clientcmdapi.Cluster{Server: "http://" + m.kubeLink.address()}
	c.Contexts["chaos"] = &clientcmdapi.Context{Cluster: "chaos", Namespace: m.lane.name}
	c.CurrentContext = "chaos"
	return clientcmd.WriteToFile(*c, m.kubeconfig())
}

// start starts the manager, if it does not run.
func (m *manager) start() error {
	if m.process.running() {
		return nil
	}
	args := append([]string{
		"--endpoint=http://" + m.serviceLink.address(), "--watch-namespaces=" + m.lane.name,
		"--request-timeout=1s", "--settle-time=" + m.lane.settleTime.String(),
		"--poll-min=200ms", "--poll-max=1s", "--retry-min=200ms", "--retry-max=2s",
		"--api-qps=0", "--kube-api-qps=500", "--kube-api-burst=1000", "--concurrency=16",
		"--metrics-bind-address=0", "--health-probe-bind-address=0", "--zap-log-level=debug",
	}, m.lane.flags...)
	env := []string{"KUBECONFIG=" + m.kubeconfig(), "POD_NAMESPACE=" + m.lane.name, "GOMAXPROCS=2"}
	p, err := m.lane.starter.start(m.lane.dir, m.name, m.lane.bin("manager"), env, args...)
	if err != nil {
		return err
	}
	m.lane.graveyard.add(p)
	m.process = p
	return nil
}

// doorOf returns the door that requests of a step go through.
func (m *manager) doorOf(s step) *door {
	if s == firstLook || s == start || s == poll || s == lastPoll {
		return m.service
	}
	return m.kube
}

// links returns both links by name.
func (m *manager) links() map[string]*link {
	return map[string]*link{"API server": m.kubeLink, "service": m.serviceLink}
}

// mend makes both links good again.
func (m *manager) mend(ctx context.Context) error {
	for name, l := range m.links() {
		if err := l.mend(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// awaitHit waits until a request is held. It reports whether one was, within a
// time.
func (a *aim) awaitHit(within time.Duration) bool {
	select {
	case <-a.hit:
		return true
	case <-time.After(within):
		return false
	}
}

// tail returns the last bytes of a file.
func tail(path string, n int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-n):])
}
