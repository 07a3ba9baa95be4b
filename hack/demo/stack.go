package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// The first words of the lines by which the background process says that all of
// it is up, followed by the address of the simulator's control port, or what has
// failed. Every other line is progress.
const (
	readyWord  = "ready "
	failedWord = "failed "
)

// stack is what runs in the background.
type stack struct {
	// stops undo what was started, in the order of starting.
	stops []func() error
}

// runStack is the background process. It starts everything, says so, and stops
// everything when ctx ends, when one of its programs ends, or, unless it is to
// be kept, when its standard input does: then the demonstration is gone.
func runStack(ctx context.Context, keep bool) error {
	signal.Ignore(syscall.SIGPIPE) // The demonstration may have left.
	if !keep {
		ctx = untilEOF(ctx, os.Stdin)
	}
	var s stack
	err := s.hold(ctx)
	if err != nil && ctx.Err() == nil {
		fmt.Println(failedWord + err.Error()) // At once: stopping takes seconds.
	}
	return s.stop()
}

// hold starts everything and returns when it is to be stopped: with an error, if
// that is because something has failed.
func (s *stack) hold(ctx context.Context) error {
	pid, err := claimPIDFile()
	if err != nil {
		return err
	}
	s.stops = append(s.stops, pid.release)

	fmt.Println("starting etcd and kube-apiserver, and installing the CRD")
	if err := s.startControlPlane(); err != nil || ctx.Err() != nil {
		return err
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	service, control, probes := ports[0], ports[1], ports[2]

	fmt.Println("starting the simulator and the manager")
	simulator, err := s.startChild(ctx, "simulator", "bin/modelarts-simulator",
		"--listen="+service, "--control="+control)
	if err != nil {
		return err
	}
	manager, err := s.startChild(ctx, "manager", "bin/manager",
		"--endpoint=http://"+service, "--poll-min=1s",
		"--metrics-bind-address=0", "--health-probe-bind-address="+probes)
	if err != nil {
		return err
	}
	if err := awaitOK(ctx, simulator, "http://"+control+"/"); err != nil {
		return err
	}
	if err := awaitOK(ctx, manager, "http://"+probes+"/readyz"); err != nil {
		return err
	}
	fmt.Println(readyWord + "http://" + control)

	select {
	case <-ctx.Done():
		return nil
	case <-simulator.ended:
		return simulator.err
	case <-manager.ended:
		return manager.err
	}
}

// stop stops everything, the last first.
func (s *stack) stop() error {
	var errs []error
	for _, stop := range slices.Backward(s.stops) {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}

// startControlPlane starts etcd and kube-apiserver, installs the CRD, and writes
// the kubeconfig.
func (s *stack) startControlPlane() error {
	ctrl.SetLogger(logr.Discard())
	existing := false
	env := &envtest.Environment{
		UseExistingCluster:       &existing,
		CRDDirectoryPaths:        []string{"config/crd/bases"},
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: time.Minute,
		ControlPlaneStopTimeout:  10 * time.Second,
	}
	s.stops = append(s.stops, env.Stop) // It may fail half-way up.
	if _, err := env.Start(); err != nil {
		return fmt.Errorf("start the control plane: %w", err)
	}
	if err := os.WriteFile(kubeconfigFile, env.KubeConfig, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return nil
}

// startChild starts a program that writes to NAME.log.
func (s *stack) startChild(ctx context.Context, name, path string, args ...string) (*child, error) {
	c, err := startChild(ctx, name, path, args...)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	s.stops = append(s.stops, c.stop)
	return c, nil
}

// untilEOF returns a context that ends when there is no more to read from r.
func untilEOF(ctx context.Context, r io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, r) // An error ends it just as well.
	}()
	return ctx
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

// awaitOK waits until url answers 200. It fails when c has ended, when ctx has,
// or after a minute.
func awaitOK(ctx context.Context, c *child, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if answers(ctx, url) {
			return nil
		}
		select {
		case <-c.ended:
			return c.err
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", c.name, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// answers tells whether url answers 200.
func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}
