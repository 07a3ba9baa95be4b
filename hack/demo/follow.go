package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

const (
	// samplesTimeout is how long the samples may take together. A task of the
	// simulator takes five seconds.
	samplesTimeout = 2 * time.Minute
	// quietTime is how long nothing may be heard before it is said what is
	// waited for.
	quietTime = 10 * time.Second
)

// follow says what happens to the samples until all are Ready, and returns them.
// It fails when one is Stalled: here nobody would act on it.
func (d *demo) follow(ctx context.Context) ([]v1alpha1.DatasetSync, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, samplesTimeout,
		fmt.Errorf("the samples are not Ready after %s", samplesTimeout))
	defer cancel()
	cluster, err := newClient()
	if err != nil {
		return nil, err
	}

	seen, heard := map[string]string{}, time.Now()
	for {
		var list v1alpha1.DatasetSyncList
		err := cluster.List(ctx, &list, client.InNamespace(samplesNamespace))
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("look at the samples: %w", err)
		}
		if d.sayNews(list.Items, seen) {
			heard = time.Now()
		}
		waiting, err := judge(list.Items)
		if err != nil || len(waiting) == 0 {
			return list.Items, err
		}
		if time.Since(heard) > quietTime {
			d.say("still waiting for " + strings.Join(waiting, ", "))
			heard = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// newClient returns a client that knows DatasetSyncs.
func newClient() (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfigFile)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// sayNews says how the samples are that are not as they were seen last, and
// reports whether there were any.
func (d *demo) sayNews(samples []v1alpha1.DatasetSync, seen map[string]string) (news bool) {
	for i := range samples {
		s := &samples[i]
		now := appearance(s)
		if seen[s.Name] != now {
			seen[s.Name], news = now, true
			d.say(fmt.Sprintf("%-6s %s", s.Name, now))
		}
	}
	return news
}

// appearance is how a sample looks in one line.
func appearance(s *v1alpha1.DatasetSync) string {
	if meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ReadyCondition) {
		return "Ready"
	}
	words := []string{"not seen yet"}
	if c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ReadyCondition); c != nil {
		words = []string{c.Reason}
	}
	if s.Status.TaskState != "" {
		words = append(words, s.Status.TaskState)
	}
	if s.Status.TaskID != "" {
		words = append(words, "task "+s.Status.TaskID)
	}
	return strings.Join(words, ", ")
}

// judge returns the names of the samples that are not Ready yet. It fails if
// there is none at all, or one that is Stalled.
func judge(samples []v1alpha1.DatasetSync) (waiting []string, err error) {
	if len(samples) == 0 {
		return nil, errors.New("there are no samples")
	}
	for i := range samples {
		s := &samples[i]
		if c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.StalledCondition); c != nil {
			return nil, fmt.Errorf("%s is stalled: %s: %s", s.Name, c.Reason, c.Message)
		}
		if !meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ReadyCondition) {
			waiting = append(waiting, s.Name)
		}
	}
	return waiting, nil
}
