package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"datasetsync.dev/operator/api/v1alpha1"
)

// The service answers after serviceLatency, and takes the token from the loop
// that measures the ceiling.
const (
	serviceLatency = 5 * time.Millisecond
	serviceToken   = "bench"
)

// stack is a control plane with the CRD, and the simulator.
type stack struct {
	*bench
	env    *envtest.Environment
	config *rest.Config
	client client.Client
	// api is an HTTP client for the API server.
	api *http.Client
	sim *process
	// service and control are addresses of the simulator.
	service, control string
	kubeconfig       string
}

// newStack starts one. The tasks of its service take so long.
func (b *bench) newStack(ctx context.Context, task time.Duration) (*stack, error) {
	existing := false
	s := &stack{bench: b, env: &envtest.Environment{
		UseExistingCluster: &existing, CRDDirectoryPaths: []string{"config/crd/bases"}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: time.Minute, ControlPlaneStopTimeout: 20 * time.Second,
	}}
	if err := s.start(ctx, task); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stack) start(ctx context.Context, task time.Duration) (err error) {
	if s.config, err = s.env.Start(); err != nil {
		return fmt.Errorf("start the control plane: %w", err)
	}
	s.config.QPS, s.config.Host = -1, strings.TrimSuffix(s.config.Host, "/")
	s.kubeconfig = filepath.Join(s.dir, "kubeconfig")
	if err := os.WriteFile(s.kubeconfig, s.env.KubeConfig, 0o600); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if s.client, err = client.New(s.config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if s.api, err = rest.HTTPClientFor(s.config); err != nil {
		return err
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	s.service, s.control = "http://"+ports[0], "http://"+ports[1]
	s.sim, err = s.startProcess(ctx, "simulator", s.simulator, nil,
		"--listen="+ports[0], "--control="+ports[1], "--token="+serviceToken,
		"--latency="+serviceLatency.String(), "--task-duration="+task.String())
	if err != nil {
		return err
	}
	return s.await(ctx, s.sim, s.control+"/")
}

func (s *stack) close() error {
	if s.sim != nil {
		s.sim.stop()
	}
	return s.env.Stop()
}

// manager is the program that is measured.
type manager struct {
	*process
	started time.Time
	// ready is how long it took until its cache was filled.
	ready time.Duration
	pprof string
}

// startManager starts the manager with the default flags, and those given.
func (s *stack) startManager(ctx context.Context, flags ...string) (*manager, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	flags = append([]string{
		"--endpoint=" + s.service, "--metrics-secure=false",
		"--metrics-bind-address=" + ports[0], "--health-probe-bind-address=" + ports[1],
	}, slices.Concat(flags, s.flags)...)
	m := &manager{started: time.Now(), pprof: "http://" + ports[2]}
	m.process, err = s.startProcess(ctx, "manager", s.manager, []string{"KUBECONFIG=" + s.kubeconfig, "BENCH_PPROF=" + ports[2]}, flags...)
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, m.process, "http://"+ports[1]+"/readyz"); err != nil {
		m.kill()
		return nil, err
	}
	m.ready = time.Since(m.started)
	return m, nil
}

// await waits until url answers 200.
func (s *stack) await(ctx context.Context, p *process, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		if _, err := get(ctx, http.DefaultClient, url); err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("a program has ended by itself: see the logs in %s", s.dir)
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", url, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freePorts returns n addresses of this machine that nobody listens on.
func freePorts(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // Closed at once.
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // Not before all are found, lest one be found twice.
		addresses[i] = l.Addr().String()
	}
	return addresses, nil
}
