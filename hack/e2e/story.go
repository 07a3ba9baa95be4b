package main

import (
	"context"
	"fmt"

	"datasetsync.dev/operator/api/v1alpha1"
)

// installation is a way to install the operator.
type installation interface {
	// deploy installs it with two replicas, or changes it to another image.
	deploy(ctx context.Context, of image) error
	// uninstall removes it, but not the CRD and the objects.
	uninstall(ctx context.Context, of image) error
}

// story is what happens, from an empty cluster to an empty cluster.
type story struct {
	cluster        *cluster
	before         inventory
	images         [2]image
	simulatorImage string
	// asked is how many syncs of each sample were asked for so far.
	asked int
}

// tell tells all of it.
func (s *story) tell(ctx context.Context) error {
	c := s.cluster
	fmt.Println("\n== The simulator")
	endpoint, err := c.startSimulator(ctx, s.simulatorImage)
	if err != nil {
		return err
	}
	c.say("the service is at %s", endpoint)
	if err := s.tellOf(ctx, "kustomize", byKustomize{c, endpoint}); err != nil {
		return err
	}
	if err := s.tellOf(ctx, "Helm", byHelm{c, endpoint}); err != nil {
		return err
	}
	return s.end(ctx)
}

// tellOf tells the part of one installation. After each step the simulator's
// ledger is judged.
func (s *story) tellOf(ctx context.Context, name string, by installation) error {
	for _, step := range []struct {
		title string
		take  func(context.Context, installation) error
	}{
		{"deploy two replicas and run the samples", s.runSamples},
		{"kill the leader while tasks run", s.killWhileTasksRun},
		{"kill the leader while starts are on the wire", s.killWhileStartsAreOut},
		{"change the image while tasks run", s.changeImage},
		{"uninstall, and leave the objects", s.uninstall},
	} {
		fmt.Printf("\n== %s: %s\n", name, step.title)
		if err := step.take(ctx, by); err != nil {
			return fmt.Errorf("%s: %s: %w", name, step.title, err)
		}
		if err := s.judge(ctx); err != nil {
			return fmt.Errorf("%s: %s: %w", name, step.title, err)
		}
	}
	return nil
}

// end removes the objects, which no operator is needed for, the CRD and the
// simulator. Then the cluster holds what it held in the beginning.
func (s *story) end(ctx context.Context) error {
	fmt.Println("\n== Leave nothing behind")
	if err := s.cluster.deleteSamples(ctx); err != nil {
		return err
	}
	if err := s.cluster.run(ctx, "delete", "-k", "config/crd"); err != nil {
		return err
	}
	if err := s.cluster.run(ctx, "delete", "namespace", ownNamespace); err != nil {
		return err
	}
	return s.cluster.awaitNothingSince(ctx, s.before, "the cluster holds what it held before", func(object) bool { return false })
}

// judge looks into the simulator's ledger.
func (s *story) judge(ctx context.Context) error {
	samples, err := s.cluster.samples(ctx)
	if err != nil {
		return err
	}
	starts, err := s.cluster.ledger(ctx)
	if err != nil {
		return err
	}
	if err := judge(samples, starts, s.asked); err != nil {
		return err
	}
	s.cluster.say("the ledger is right: syncs asked for of each of %d samples: %d; starts that came, each accepted: %d",
		len(samples), s.asked, len(starts))
	return nil
}

// finish waits until a task runs for each sample, does what is to be done in
// mid-run, ends the tasks and waits until the samples are Ready.
func (s *story) finish(ctx context.Context, request string, midway func() error) error {
	if err := s.cluster.awaitRunning(ctx, request); err != nil {
		return err
	}
	if err := midway(); err != nil {
		return err
	}
	samples, err := s.cluster.samples(ctx)
	if err != nil {
		return err
	}
	s.cluster.say("the tasks complete")
	for i := range samples {
		if err := s.cluster.endTask(ctx, samples[i].Spec.ProjectID, samples[i].Spec.DatasetID); err != nil {
			return err
		}
	}
	if err := s.cluster.awaitReady(ctx, request); err != nil {
		return err
	}
	return s.cluster.run(ctx, "get", "datasetsyncs", "--namespace", ownNamespace)
}

// ask asks for one more sync of each sample, once both replicas are well, and
// returns the request.
func (s *story) ask(ctx context.Context) (request string, err error) {
	if err := s.cluster.awaitReplicas(ctx, s.images[0]); err != nil {
		return "", err
	}
	s.asked++
	request = fmt.Sprintf("e2e-%d", s.asked)
	return request, s.cluster.run(ctx, "annotate", "datasetsyncs", "--all", "--overwrite", "--namespace", ownNamespace,
		v1alpha1.RequestedAtAnnotation+"="+request)
}

// syncAgain has each sample synchronized once more, with something in mid-run.
func (s *story) syncAgain(ctx context.Context, midway func() error) error {
	request, err := s.ask(ctx)
	if err != nil {
		return err
	}
	return s.finish(ctx, request, midway)
}
