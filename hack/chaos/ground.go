package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
)

// groundTrial takes the control plane away from all lanes while they work: it
// kills the API server or etcd and starts it again, or stops etcd for a while.
func groundTrial(ctx context.Context, s *stage, lanes []*lane, i int) (string, error) {
	random := rand.New(rand.NewPCG(s.seed, uint64(i))) //nolint:gosec // It has to be repeatable.
	for _, l := range lanes {
		if err := errors.Join(l.keepRunning(ctx), l.refresh(ctx, l.random(1_000_000+i), 1_000_000+i)); err != nil {
			return "", fmt.Errorf("%s: %w", l.name, err)
		}
	}
	time.Sleep(time.Duration(random.IntN(1200)) * time.Millisecond)
	short, long := time.Duration(random.IntN(1500))*time.Millisecond, time.Duration(2000+random.IntN(4000))*time.Millisecond
	switch i % 4 {
	case 0:
		return fmt.Sprintf("the API server was killed for %s", short), s.plane.restartServer(ctx, short)
	case 2:
		return fmt.Sprintf("etcd was killed for %s", short), s.plane.restartEtcd(ctx, short)
	default:
		return fmt.Sprintf("etcd was stopped for %s", long), s.plane.pauseEtcd(ctx, long)
	}
}

// settle lets all lanes come to rest, and looks whether they stay there.
func settle(ctx context.Context, lanes []*lane) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range lanes {
		group.Go(func() error {
			if err := errors.Join(l.drain(ctx), l.staysAtRest(ctx)); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			return l.audit()
		})
	}
	return group.Wait()
}
