// Command seeded-bugs shows that the tests find bugs. Each patch beside this file
// puts one bug into a copy of the tree, and the suites run over it, the quickest
// first, until one fails. A bug that none finds is a hole in the proof.
//
// It is run from the root of the repository, with KUBEBUILDER_ASSETS set. The copy
// is in bin/seeded-bugs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	every := flag.Bool("every", false, "run every suite over every bug, not only until one fails")
	only := flag.String("only", "", "run only the bugs whose names begin with this")
	flag.Parse()
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *only, *every)
	restore()
	if err != nil {
		fmt.Fprintln(os.Stderr, "seeded-bugs:", err)
		os.Exit(1)
	}
}

// run tries all bugs. Its error is that one was not found, or could not be tried.
func run(ctx context.Context, only string, every bool) error {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return errors.New("KUBEBUILDER_ASSETS is not set: run it with make seeded-bugs")
	}
	patches, err := filepath.Glob("hack/seeded-bugs/" + only + "*.patch")
	if err != nil || len(patches) == 0 {
		return errors.Join(err, fmt.Errorf("no patch begins with %q", only))
	}
	t, err := copyTree(ctx)
	if err != nil {
		return err
	}
	fmt.Println("without a bug, every suite has to pass")
	for _, s := range suites() {
		c, err := s.run(ctx, t.dir)
		if err != nil {
			return err
		}
		if c.found {
			return fmt.Errorf("%s fails without a bug: %s", s.name, c.by)
		}
		fmt.Printf("  %s passed\n", s.name)
	}
	var results []result
	for _, patch := range patches {
		r := try(ctx, t, patch, every)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		results = append(results, r)
		fmt.Printf("%-32s %s\n", r.bug, r.summary())
	}
	return report(results)
}

// result is what became of one bug.
type result struct {
	bug string
	// catches are of the suites that ran, in their order.
	catches []catch
	// broken is why the bug could not be tried.
	broken error
}

// try runs the suites over a tree with one bug.
func try(ctx context.Context, t *tree, patch string, every bool) result {
	r := result{bug: strings.TrimSuffix(filepath.Base(patch), ".patch")}
	if r.broken = t.apply(ctx, patch); r.broken != nil {
		return r
	}
	defer t.restore()
	if r.broken = t.compile(ctx); r.broken != nil {
		return r
	}
	for _, s := range suites() {
		c, err := s.run(ctx, t.dir)
		if r.broken = err; err != nil {
			return r
		}
		r.catches = append(r.catches, c)
		if c.found && !every {
			break
		}
	}
	return r
}

// first returns the first catch, nil if the bug was not found.
func (r result) first() *catch {
	for i := range r.catches {
		if r.catches[i].found {
			return &r.catches[i]
		}
	}
	return nil
}

func (r result) summary() string {
	switch first := r.first(); {
	case r.broken != nil:
		return "CANNOT BE TRIED: " + r.broken.Error()
	case first == nil:
		return "NOT FOUND"
	default:
		return fmt.Sprintf("found by %s after %s: %s", first.suite, first.took.Round(10*time.Millisecond), first.by)
	}
}

// report prints the table, and fails if a bug was not found.
func report(results []result) error {
	fmt.Printf("\n%-32s %-10s %8s  %s\n", "bug", "found by", "after", "test")
	missed := 0
	for _, r := range results {
		if r.first() == nil || r.broken != nil {
			missed++
			fmt.Printf("%-32s %s\n", r.bug, r.summary())
		}
		for _, c := range r.catches {
			if c.found {
				fmt.Printf("%-32s %-10s %6.1f s  %s\n", r.bug, c.suite, c.took.Seconds(), c.by)
			}
		}
	}
	fmt.Printf("%d of %d bugs were found\n", len(results)-missed, len(results))
	if missed > 0 {
		return fmt.Errorf("%d bugs were not found", missed)
	}
	return nil
}
