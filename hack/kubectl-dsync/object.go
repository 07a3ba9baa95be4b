package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"datasetsync.dev/operator/api/v1alpha1"
)

// resource is what DatasetSyncs are to the API server.
func resource() schema.GroupVersionResource {
	return v1alpha1.GroupVersion.WithResource("datasetsyncs")
}

var errDeleted = errors.New("it was deleted")

// object is one DatasetSync at the API server.
type object struct {
	client dynamic.ResourceInterface
	name   string
	// pause is the time between two tries to reach the API server.
	pause time.Duration
}

// request sets the annotation, and returns the object as it is with it.
func (o object) request(ctx context.Context, value string) (*v1alpha1.DatasetSync, error) {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]string{v1alpha1.RequestedAtAnnotation: value}},
	})
	if err != nil {
		return nil, err
	}
	u, err := o.client.Patch(ctx, o.name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-dsync"})
	if err != nil {
		return nil, err
	}
	return typed(u)
}

// version is a version of the object, or why there will be no more of them.
type version struct {
	object *v1alpha1.DatasetSync
	err    error
}

// watch tells the versions of the object that come after one, until ctx ends.
func (o object) watch(ctx context.Context, resourceVersion string) <-chan version {
	versions := make(chan version)
	send := func(v version) {
		select {
		case versions <- v:
		case <-ctx.Done():
		}
	}
	go func() {
		for ctx.Err() == nil {
			err := o.stream(ctx, resourceVersion, send)
			if err == nil {
				resourceVersion, err = o.resume(ctx, send)
			}
			if final(err) {
				send(version{err: err})
				return
			}
			select {
			case <-time.After(o.pause):
			case <-ctx.Done():
			}
		}
	}()
	return versions
}

// stream tells versions until the API server ends the watch, as it does every few
// minutes.
func (o object) stream(ctx context.Context, resourceVersion string, send func(version)) error {
	w, err := o.client.Watch(ctx, metav1.ListOptions{
		FieldSelector:   fields.OneTermEqualSelector("metadata.name", o.name).String(),
		ResourceVersion: resourceVersion,
	})
	if err != nil {
		return err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		u, ok := event.Object.(*unstructured.Unstructured)
		if !ok || event.Type == watch.Error {
			return nil // Most often the version is too old to go on from.
		}
		if u.GetName() != o.name {
			continue
		}
		if event.Type == watch.Deleted {
			return errDeleted
		}
		obj, err := typed(u)
		if err != nil {
			return err
		}
		send(version{object: obj})
	}
	return nil
}

// resume tells the version that is there now, from which the watch goes on.
func (o object) resume(ctx context.Context, send func(version)) (resourceVersion string, err error) {
	u, err := o.client.Get(ctx, o.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", errDeleted
	}
	if err != nil {
		return "", err
	}
	obj, err := typed(u)
	if err != nil {
		return "", err
	}
	send(version{object: obj})
	return obj.ResourceVersion, nil
}

// final tells whether trying again would be no use. A connection that breaks, or
// a server that restarts, is tried again.
func final(err error) bool {
	return errors.Is(err, errDeleted) || errors.Is(err, errUnreadable) ||
		apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err)
}

var errUnreadable = errors.New("the object cannot be read")

// typed makes a DatasetSync of what the API server sent.
func typed(u *unstructured.Unstructured) (*v1alpha1.DatasetSync, error) {
	obj := &v1alpha1.DatasetSync{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, obj); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return obj, nil
}
