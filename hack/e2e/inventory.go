package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// mark is in the name, in the namespace or in a label of everything that the
// manifests, the manager and this program create.
const mark = "datasetsync"

// object is one thing in the cluster.
type object struct {
	resource        schema.GroupVersionResource
	namespace, name string
	// marked tells that it bears the mark.
	marked bool
}

// inventory is everything in the cluster, by what a person would call it.
type inventory map[string]object

// takeInventory lists all objects of all kinds.
func (c *cluster) takeInventory(ctx context.Context) (inventory, error) {
	lists, err := discovery.ServerPreferredResources(c.core.Discovery())
	// An extension API may be down for reasons of its own.
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, err
	}
	all := inventory{}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for i := range list.APIResources {
			kind := &list.APIResources[i]
			if slices.Contains(kind.Verbs, "list") && !ownLife(kind.Name) {
				if err := c.count(ctx, version.WithResource(kind.Name), all); err != nil {
					return nil, err
				}
			}
		}
	}
	return all, nil
}

// ownLife tells kinds whose objects come and go whatever is installed.
func ownLife(resource string) bool {
	return slices.Contains([]string{
		"events", "nodes", "csinodes", "componentstatuses", "certificatesigningrequests", "persistentvolumes", "volumeattachments",
	}, resource)
}

// count adds the objects of one kind.
func (c *cluster) count(ctx context.Context, resource schema.GroupVersionResource, all inventory) error {
	list, err := c.metadata.Resource(resource).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		return nil // The kind has just been removed, or cannot be listed after all.
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", resource.GroupResource(), err)
	}
	for i := range list.Items {
		item := &list.Items[i]
		o := object{resource: resource, namespace: item.Namespace, name: item.Name}
		o.marked = strings.Contains(o.namespace+" "+o.name, mark)
		for _, value := range item.Labels {
			o.marked = o.marked || strings.Contains(value, mark)
		}
		all[resource.GroupResource().String()+" "+path.Join(o.namespace, o.name)] = o
	}
	return nil
}

// ours returns what bears the mark.
func (i inventory) ours() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(i)) {
		if i[name].marked {
			names = append(names, name)
		}
	}
	return names
}

// since returns what is new since an earlier inventory: every object outside of
// namespaces, whatever its name, and in namespaces those with the mark, since
// others may work there at the same time.
func (i inventory) since(before inventory) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(i)) {
		if _, there := before[name]; !there && (i[name].namespace == "" || i[name].marked) {
			names = append(names, name)
		}
	}
	return names
}

// awaitNothingSince waits until nothing is left that was not there before, but
// for what is expected.
func (c *cluster) awaitNothingSince(ctx context.Context, before inventory, what string, expected func(object) bool) error {
	return c.await(ctx, what, func(ctx context.Context) error {
		now, err := c.takeInventory(ctx)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(now.since(before), func(name string) bool { return expected(now[name]) })
		if len(left) > 0 {
			return fmt.Errorf("left behind: %s", strings.Join(left, ", "))
		}
		return nil
	})
}

// sweep deletes what a run left that did not come to its end. It touches nothing
// that was there before, and nothing without the mark.
func (c *cluster) sweep(ctx context.Context, before inventory) error {
	c.say("cleaning up")
	now, err := c.takeInventory(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range now.since(before) {
		// What is in a namespace goes with it, or with its kind.
		if o := now[name]; o.marked && o.namespace == "" {
			err := c.metadata.Resource(o.resource).Delete(ctx, o.name, metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				errs = append(errs, fmt.Errorf("delete %s: %w", name, err))
			}
		}
	}
	return errors.Join(append(errs, c.awaitNothingSince(ctx, before, "everything is gone", func(object) bool { return false }))...)
}
