package main

import (
	"context"
	"fmt"
	"time"
)

// The limits of the calls for one key that a manager has by default.
const (
	defaultQPS   = 5
	defaultBurst = 10
)

// running kills a manager with runs under way, and starts another, with the
// default limits.
func (b *bench) running(ctx context.Context) error {
	s, err := b.newStack(ctx, b.task)
	if err != nil {
		return err
	}
	defer s.close()
	n := b.objects / 2
	accounts := (n + perAccount - 1) / perAccount
	if err := s.addWaiting(ctx, "running", n); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o, err := s.observe(ctx)
	if err != nil {
		return err
	}
	first, err := s.startManager(ctx, "--api-qps=0")
	if err != nil {
		return err
	}
	_, err = o.awaitTasks(ctx, n)
	first.kill()
	if err != nil {
		return err
	}
	before, err := s.calls(ctx)
	if err != nil {
		return err
	}
	second, err := s.startManager(ctx)
	if err != nil {
		return err
	}
	defer second.stop()
	worst, err := s.watchCalls(ctx, o, n, accounts)
	if err != nil {
		return err
	}
	after, err := s.calls(ctx)
	if err != nil {
		return err
	}
	made := after.since(before)
	fmt.Printf("  %d runs under way, of %d accounts: all Ready %.0f s after the restart; calls for each: %s\n", n, accounts, time.Since(second.started).Seconds(), made.per(n))
	verdict(made["start"] == 0, "every run is followed on, without a start")
	verdict(worst <= 1, "the calls keep to the token bucket: at most %.2f of what it allows", worst)
	return nil
}

// watchCalls waits until n objects are Ready. It returns the largest part, over
// any time from the start on, of the calls that the token buckets of so many
// accounts allow.
func (s *stack) watchCalls(ctx context.Context, o *observer, n, accounts int) (float64, error) {
	began := time.Now()
	before, err := s.calls(ctx)
	if err != nil {
		return 0, err
	}
	worst := 0.0
	for {
		now, err := s.calls(ctx)
		if err != nil {
			return 0, err
		}
		allowed := float64(accounts) * (defaultBurst + defaultQPS*time.Since(began).Seconds())
		worst = max(worst, float64(now.since(before).sum())/allowed)
		o.mu.Lock()
		done, failed := len(o.ready) >= n, o.err
		o.mu.Unlock()
		if done || failed != nil {
			return worst, failed
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return 0, err
		}
	}
}
