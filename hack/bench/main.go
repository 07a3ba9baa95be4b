// Command bench measures the manager: a process of its own, against a real
// kube-apiserver with its etcd, and the simulator as the service. Every number
// that has a target is a count, or a ratio to what the same control plane does
// in the same run, since machines differ.
//
// It is run from the root of the repository, after bin/manager and
// bin/modelarts-simulator were built, and with KUBEBUILDER_ASSETS set.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

// bench is what is measured, and how much of it.
type bench struct {
	// manager and simulator are the programs.
	manager, simulator string
	// dir takes their logs.
	dir string
	// objects is how many there are in the phases with many.
	objects int
	// task is how long a task takes.
	task time.Duration
	// load is how long new requests come in, rate of them a second.
	load time.Duration
	rate float64
	// sizes are the numbers of objects of the phase scale.
	sizes []int
	// csv takes what the phase scale measured.
	csv string
	// flags are more flags of the manager.
	flags []string
	// profile has the manager profiled.
	profile bool
}

// phase is one measurement, on a control plane of its own.
type phase struct {
	name, about string
	run         func(*bench, context.Context) error
}

func phases() []phase {
	return []phase{
		{"burst", "objects that wait when the manager starts, against the ceiling", (*bench).burst},
		{"steady", "new objects at a steady rate", (*bench).steady},
		{"rest", "finished objects: an idle minute, and a restart", (*bench).rest},
		{"running", "a restart with runs under way", (*bench).running},
		{"fair", "one failing data set, and one throttled account, among 50", (*bench).fair},
		{"long", "the calls of a task of ten minutes", (*bench).long},
		{"scale", "how all of it grows with the number of objects", (*bench).scale},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	b := &bench{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&b.manager, "manager", "bin/manager", "the manager's program")
	flags.StringVar(&b.simulator, "simulator", "bin/modelarts-simulator", "the simulator's program")
	flags.StringVar(&b.dir, "dir", "bin/bench", "folder for logs and profiles")
	flags.IntVar(&b.objects, "objects", 2000, "number of objects of the phases burst, rest (five times as many) and running (half as many)")
	flags.DurationVar(&b.task, "task", time.Minute, "how long a task takes")
	flags.DurationVar(&b.load, "load", 30*time.Second, "how long new requests come in")
	flags.Float64Var(&b.rate, "rate", 20, "new requests a second")
	flags.BoolVar(&b.profile, "profile", false, "build a manager with pprof, and write its profiles to the folder")
	flags.StringVar(&b.csv, "csv", "hack/bench/scale.csv", "file that the phase scale writes, and -plot reads")
	more := flags.String("flags", "", "more flags of the manager, separated by spaces, to try something out")
	only := flags.String("phases", "burst,steady", "what to measure, of "+phaseNames())
	plot := flags.String("plot", "", "do nothing but draw the numbers of -csv into this SVG file")
	flags.Func("sizes", "numbers of objects of the phase scale (default 0,1000,10000,100000)", b.setSizes)
	if err := flags.Parse(args); err != nil {
		return err
	}
	b.flags = strings.Fields(*more)
	if *plot != "" {
		return drawPlot(b.csv, *plot)
	}
	if b.sizes == nil {
		b.sizes = []int{0, 1000, 10_000, 100_000}
	}
	ctrl.SetLogger(logr.Discard())
	return b.measure(ctx, strings.Split(*only, ","))
}

// measure runs the phases that are named, in their order.
func (b *bench) measure(ctx context.Context, names []string) error {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return errors.New("KUBEBUILDER_ASSETS is not set: run it with make bench")
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	if b.profile {
		if err := b.buildProfiled(ctx); err != nil {
			return err
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(phases(), func(p phase) bool { return p.name == name }) {
			return fmt.Errorf("no such phase: %q; there are %s", name, phaseNames())
		}
	}
	var errs []error
	for _, p := range phases() {
		if ctx.Err() != nil || !slices.Contains(names, p.name) {
			continue
		}
		fmt.Printf("\n%s: %s\n", p.name, p.about)
		if err := p.run(b, ctx); err != nil {
			fmt.Printf("  %v\n", err)
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	return errors.Join(errs...)
}

func phaseNames() string {
	var names []string
	for _, p := range phases() {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

func (b *bench) setSizes(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		var n int
		if _, err := fmt.Sscan(part, &n); err != nil || n < 0 {
			return fmt.Errorf("%q is no number of objects", part)
		}
		b.sizes = append(b.sizes, n)
	}
	return nil
}
