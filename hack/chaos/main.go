// Command chaos kills, stops and cuts off real managers that work against a real
// API server, and counts what comes of it by the ledger of the simulated service.
//
// In several lanes at once, syncs are asked for again and again, while the lane's
// managers suffer: they are killed at random, killed exactly before, in or after
// each of the ten requests that a run is made of, stopped while they lead and
// continued when another leads, run two at a time without leader election, or
// have a bad network. At the end the control plane is taken away from all of them,
// too. There are no failpoints in the manager: a reverse proxy before the API
// server and the service holds a request, and the harness strikes.
//
// The promise is the same everywhere: each request is served by exactly one
// accepted start, and status tells what the ledger tells. It is made for services
// that show within --settle-time what they accepted, and the harness keeps to
// that: it delays no start, and stops no manager, for longer.
//
//	go run . --size=ci      20 kills, within about a minute and a half
//	go run . --size=full    500 kills and 100 fail-overs with a zombie, within an hour
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

// options are the flags.
type options struct {
	root, size, only string
	seed             uint64
	resume           bool
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", "../..", "the root of the repository")
	flag.StringVar(&o.size, "size", "ci", "how much: ci or full")
	flag.StringVar(&o.only, "only", "", "run one lane and nothing else")
	flag.Uint64Var(&o.seed, "seed", 0, "repeats the choices of an earlier run; 0: new ones")
	flag.BoolVar(&o.resume, "resume", false, "go on with a run that was interrupted")
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy logs every byte.

	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	kept, err := run(ctx, o)
	restore()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	case !kept:
		fmt.Println("chaos: FAILED")
		os.Exit(1)
	}
	fmt.Println("chaos: passed")
}

// run does everything, and reports whether every promise was kept.
func run(ctx context.Context, o options) (kept bool, err error) {
	began := time.Now()
	todo, err := sizeOf(o.size)
	if err != nil {
		return false, err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64() //nolint:gosec // It is printed.
	}
	s := &stage{starter: newStarter(), graveyard: &graveyard{}, seed: o.seed}
	if s.dir, err = filepath.Abs(filepath.Join(o.root, "bin", "chaos")); err != nil {
		return false, err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return false, err
	}
	j, err := openJournal(s.dir, o.seed, o.size, o.resume)
	if err != nil {
		return false, err
	}
	s.seed = j.Seed
	fmt.Printf("chaos: size %s, seed %d; logs and ledgers are in %s\n", o.size, s.seed, s.dir)
	defer s.graveyard.bury()
	if err := s.build(ctx, o.root); err != nil {
		return false, err
	}
	if err := s.raise(ctx, o.root); err != nil {
		return false, err
	}
	lanes, groundTrials, err := s.perform(ctx, o, todo, j, began)
	if err != nil {
		return false, err
	}
	took, err := j.lasted(time.Since(began))
	return report(j, lanes, groundTrials, took), err
}

// build compiles the programs of the tree.
func (s *stage) build(ctx context.Context, root string) error {
	for name, pkg := range map[string]string{"manager": ".", "modelarts-simulator": "./hack/simulator"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", s.bin(name), pkg)
		cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
	}
	return nil
}

// raise starts the control plane.
func (s *stage) raise(ctx context.Context, root string) error {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		return errors.New("KUBEBUILDER_ASSETS is not set: run it with make chaos")
	}
	dir := filepath.Join(s.dir, "control-plane")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return err
	}
	var err error
	if s.plane, err = newControlPlane(ctx, s.starter, s.graveyard, dir, assets); err != nil {
		return err
	}
	if err := s.plane.installCRD(root); err != nil {
		return fmt.Errorf("install the CRD: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	s.client, err = client.New(s.plane.config(), client.Options{Scheme: scheme})
	return err
}

// perform runs the lanes side by side, then takes the control plane away from all
// of them, and waits until everything is at rest.
func (s *stage) perform(ctx context.Context, o options, todo size, j *journal, began time.Time) ([]*lane, int, error) {
	lanes, err := s.open(ctx, o.only, j)
	if err != nil {
		return nil, 0, err
	}
	say := func(format string, args ...any) {
		fmt.Printf("%5.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	group, laneCtx := errgroup.WithContext(ctx)
	for _, l := range lanes {
		group.Go(func() error { return l.run(laneCtx, todo.trials[l.name], j, say) })
	}
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	n, err := s.performGround(ctx, lanes, todo.ground, j, say)
	if err != nil {
		return nil, 0, err
	}
	say("waiting until everything is at rest")
	if err := settle(ctx, lanes); err != nil {
		return nil, 0, err
	}
	for _, l := range lanes {
		if err := j.note(l.name, l.progress()); err != nil {
			return nil, 0, err
		}
	}
	return lanes, n, nil
}

// open prepares the lanes, all of them or one.
func (s *stage) open(ctx context.Context, only string, j *journal) ([]*lane, error) {
	var lanes []*lane
	for _, c := range courses() {
		if only != "" && only != c.name {
			continue
		}
		l, err := newLane(ctx, s, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		l.before = j.lane(l.name)
		lanes = append(lanes, l)
	}
	if len(lanes) == 0 {
		return nil, fmt.Errorf("there is no lane %q", only)
	}
	return lanes, nil
}

func (s *stage) performGround(ctx context.Context, lanes []*lane, trials int, j *journal, say func(string, ...any)) (int, error) {
	for i := j.lane(laneGround).Trials; i < trials; i++ {
		what, err := groundTrial(ctx, s, lanes, i)
		if err != nil {
			return 0, err
		}
		for _, l := range lanes {
			l.write(fmt.Sprintf("ground %d: %s", i, what))
		}
		if err := j.note(laneGround, progress{Trials: i + 1}); err != nil {
			return 0, err
		}
		if i+1 == trials || (i+1)%max(1, trials/10) == 0 {
			say("control plane: %d of %d", i+1, trials)
		}
	}
	return trials, nil
}
