package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"time"
)

// scale measures all that may grow with the number of objects at rest, and
// writes it down for the plot.
func (b *bench) scale(ctx context.Context) error {
	rows := [][]string{{"objects", "resident MiB", "peak MiB", "start s", "start CPU s", "idle CPU s", "p50 ms", "p99 ms"}}
	fmt.Printf("  %9s %9s %9s %9s %9s %9s %9s %9s\n", "objects", "MiB", "peak MiB", "start s", "CPU s", "idle CPU", "p50 ms", "p99 ms")
	for _, n := range b.sizes {
		row, err := b.scaleTo(ctx, n)
		if err != nil {
			return fmt.Errorf("%d objects: %w", n, err)
		}
		fmt.Printf("  %9s %9s %9s %9s %9s %9s %9s %9s\n", row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7])
		rows = append(rows, row)
	}
	file, err := os.Create(b.csv)
	if err != nil {
		return err
	}
	defer file.Close()
	return csv.NewWriter(file).WriteAll(rows)
}

// scaleTo measures one number of objects: an idle minute, then a rolling load of
// requests, spread over the objects.
func (b *bench) scaleTo(ctx context.Context, n int) ([]string, error) {
	s, err := b.newStack(ctx, b.task)
	if err != nil {
		return nil, err
	}
	defer s.close()
	began := time.Now()
	if err := s.addFinished(ctx, n); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "  (%d objects made in %.0f s)\n", n, time.Since(began).Seconds())
	found, err := s.idle(ctx)
	if err != nil {
		return nil, err
	}
	if found.writes+found.calls > 0 {
		return nil, fmt.Errorf("%d writes and %d calls at rest: there should be none", found.writes, found.calls)
	}
	m, err := s.startManager(ctx, "--api-qps=0")
	if err != nil {
		return nil, err
	}
	defer m.stop()
	if _, _, err := m.settle(ctx); err != nil {
		return nil, err
	}
	how := s.creating("load", 1)
	if n >= b.requests() {
		how = s.triggering(n, b.requests())
	}
	took, err := s.measureLoad(ctx, how)
	if err != nil {
		return nil, err
	}
	number := func(value float64, digits int) string { return fmt.Sprintf("%.*f", digits, value) }
	return []string{
		fmt.Sprint(n), number(found.now, 0), number(found.peak, 0), number(found.settled.Seconds(), 1),
		number(found.startCPU, 1), number(found.cpu, 2), number(quantile(took, 0.5), 1), number(quantile(took, 0.99), 1),
	}, nil
}
