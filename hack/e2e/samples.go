package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

// applySamples applies config/samples into a namespace of its own. The schedule of
// one of them is moved twelve hours away: a run at its time would be one more than
// was asked for.
func (c *cluster) applySamples(ctx context.Context) error {
	dir, err := writeKustomization("samples", fmt.Sprintf(`apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: %s
resources:
- ../../../config/samples
patches:
- target: {kind: DatasetSync, name: birds}
  patch: |
    - {op: replace, path: /spec/schedule, value: "0 %d * * *"}
    - {op: replace, path: /spec/timeZone, value: UTC}
`, ownNamespace, (time.Now().UTC().Hour()+12)%24))
	if err != nil {
		return err
	}
	return c.run(ctx, "apply", "-k", dir)
}

func (c *cluster) deleteSamples(ctx context.Context) error {
	return c.run(ctx, "delete", "datasetsyncs", "--all", "--namespace", ownNamespace)
}

// samples returns the DatasetSyncs; none is an error.
func (c *cluster) samples(ctx context.Context) ([]v1alpha1.DatasetSync, error) {
	var list v1alpha1.DatasetSyncList
	if err := c.client.List(ctx, &list, client.InNamespace(ownNamespace)); err != nil {
		return nil, err
	}
	if len(list.Items) == 0 {
		return nil, errors.New("there are no DatasetSyncs")
	}
	return list.Items, nil
}

// awaitEach waits until check has nothing to complain of for any of the samples.
func (c *cluster) awaitEach(ctx context.Context, what string, check func(*v1alpha1.DatasetSync) error) error {
	return c.await(ctx, what, func(ctx context.Context) error {
		samples, err := c.samples(ctx)
		if err != nil {
			return err
		}
		for i := range samples {
			if err := check(&samples[i]); err != nil {
				return fmt.Errorf("%s: %w", samples[i].Name, err)
			}
		}
		return nil
	})
}

// awaitRunning waits until a task runs for each sample that serves the request,
// which is a value of the annotation requested-at.
func (c *cluster) awaitRunning(ctx context.Context, request string) error {
	return c.awaitEach(ctx, "a task runs for each sample", func(d *v1alpha1.DatasetSync) error {
		if d.Status.HandledRequest != request || d.Status.Run == nil || d.Status.Run.Task == nil {
			return errors.New(appearance(d))
		}
		return nil
	})
}

// awaitReady waits until each sample is Ready, with the request served.
func (c *cluster) awaitReady(ctx context.Context, request string) error {
	return c.awaitEach(ctx, "each sample is Ready", func(d *v1alpha1.DatasetSync) error {
		if d.Status.HandledRequest != request || d.Status.Run != nil || d.Status.ObservedGeneration != d.Generation ||
			!meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ReadyCondition) {
			return errors.New(appearance(d))
		}
		return nil
	})
}

// appearance is how a sample looks in one line.
func appearance(d *v1alpha1.DatasetSync) string {
	c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ReadyCondition)
	if c == nil {
		return "nobody has seen it"
	}
	return fmt.Sprintf("Ready is %s, %s: %s", c.Status, c.Reason, c.Message)
}

// judge fails unless each sample was started as often as was asked for, each start
// was accepted, and the last one is the one that status names. A start that was
// refused is one too many as well: nothing else was to be tried.
func judge(samples []v1alpha1.DatasetSync, starts []start, asked int) error {
	byDataset := map[string][]start{}
	for _, s := range starts {
		byDataset[s.Dataset] = append(byDataset[s.Dataset], s)
	}
	for i := range samples {
		d := &samples[i]
		of := byDataset[d.Spec.DatasetID]
		delete(byDataset, d.Spec.DatasetID)
		if len(of) != asked {
			return fmt.Errorf("%s: %d syncs were asked for, and the simulator got %d starts: %v", d.Name, asked, len(of), of)
		}
		for _, s := range of {
			if s.Verdict != "accepted" {
				return fmt.Errorf("%s: a start was not accepted: %v", d.Name, of)
			}
		}
		if last := of[asked-1]; d.Status.TaskID != last.TaskID {
			return fmt.Errorf("%s: status names task %q, and the last start was of task %q", d.Name, d.Status.TaskID, last.TaskID)
		}
	}
	if len(byDataset) > 0 {
		return fmt.Errorf("starts of data sets that no sample names: %v", byDataset)
	}
	return nil
}
