package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"datasetsync.dev/operator/api/v1alpha1"
)

// runSamples deploys and has every sample synchronized once.
func (s *story) runSamples(ctx context.Context, by installation) error {
	if err := by.deploy(ctx, s.images[0]); err != nil {
		return err
	}
	if err := s.cluster.awaitReplicas(ctx, s.images[0]); err != nil {
		return err
	}
	if s.asked > 0 {
		// The ledger tells afterwards that being found again was no reason for a sync.
		s.cluster.say("the objects that were left are gone on with, and then replaced by new ones")
		if err := s.syncAgain(ctx, func() error { return nil }); err != nil {
			return err
		}
		if err := s.cluster.deleteSamples(ctx); err != nil {
			return err
		}
	}
	s.asked++
	if err := s.cluster.applySamples(ctx); err != nil {
		return err
	}
	return s.finish(ctx, "", func() error { return nil })
}

func (s *story) killWhileTasksRun(ctx context.Context, _ installation) error {
	return s.syncAgain(ctx, func() error { return s.cluster.killLeader(ctx) })
}

// killWhileStartsAreOut kills the leader when it knows least: the service has its
// starts, but has not decided. It accepts them only after the other replica has
// looked and seen nothing of them, when nobody is there to hear it.
func (s *story) killWhileStartsAreOut(ctx context.Context, _ installation) error {
	c := s.cluster
	samples, err := c.samples(ctx)
	if err != nil {
		return err
	}
	if err := c.holdStarts(ctx, len(samples)); err != nil {
		return err
	}
	request, err := s.ask(ctx)
	if err != nil {
		return err
	}
	held, err := c.awaitHeld(ctx, len(samples))
	if err != nil {
		return err
	}
	looks, err := c.looks(ctx)
	if err != nil {
		return err
	}
	if err := c.killLeader(ctx); err != nil {
		return err
	}
	if err := c.await(ctx, "it has looked at the data sets, which show nothing of the starts", func(ctx context.Context) error {
		now, err := c.looks(ctx)
		if err == nil && now < looks+len(samples) {
			err = fmt.Errorf("it has looked at %d of %d", now-looks, len(samples))
		}
		return err
	}); err != nil {
		return err
	}
	c.say("the service accepts the starts, and their sender is gone")
	if err := c.release(ctx, held); err != nil {
		return err
	}
	return s.finish(ctx, request, func() error { return nil })
}

// changeImage rolls another image out. The tasks that ran before are the ones that
// run after it.
func (s *story) changeImage(ctx context.Context, by installation) error {
	return s.syncAgain(ctx, func() error {
		before, err := s.tasks(ctx)
		if err != nil {
			return err
		}
		if err := by.deploy(ctx, s.images[1]); err != nil {
			return err
		}
		if err := s.cluster.awaitReplicas(ctx, s.images[1]); err != nil {
			return err
		}
		after, err := s.tasks(ctx)
		if err == nil && !maps.Equal(before, after) {
			err = fmt.Errorf("the tasks were %v before the change, and are %v", before, after)
		}
		return err
	})
}

// tasks returns the task of each sample, by its name.
func (s *story) tasks(ctx context.Context) (map[string]string, error) {
	samples, err := s.cluster.samples(ctx)
	tasks := map[string]string{}
	for i := range samples {
		tasks[samples[i].Name] = samples[i].Status.TaskID
	}
	return tasks, err
}

// uninstall removes the operator, which is no reason for any object to change.
func (s *story) uninstall(ctx context.Context, by installation) error {
	c := s.cluster
	before, err := s.versions(ctx)
	if err != nil {
		return err
	}
	if err := by.uninstall(ctx, s.images[1]); err != nil {
		return err
	}
	if err := c.awaitNothingSince(ctx, s.before, "nothing is left but the CRD, the objects and the simulator", func(o object) bool {
		return o.namespace == ownNamespace || o.name == ownNamespace || strings.HasSuffix(o.name, v1alpha1.GroupVersion.Group)
	}); err != nil {
		return err
	}
	after, err := s.versions(ctx)
	if err != nil {
		return err
	}
	if !maps.Equal(before, after) {
		return fmt.Errorf("the objects (UID and version) were %v before uninstalling, and are %v", before, after)
	}
	c.say("the objects are as they were: %s", strings.Join(slices.Sorted(maps.Keys(after)), ", "))
	return nil
}

// versions returns the UID and the version of each sample, by its name.
func (s *story) versions(ctx context.Context) (map[string]string, error) {
	samples, err := s.cluster.samples(ctx)
	versions := map[string]string{}
	for i := range samples {
		versions[samples[i].Name] = string(samples[i].UID) + " " + samples[i].ResourceVersion
	}
	return versions, err
}
