package cluster

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

// Cached returns a client that reads DatasetSyncs from a view, as a manager's
// client reads them from its cache, and does all else with c.
func Cached(c client.Client, v *View) client.Client { return cachedClient{c, v} }

type cachedClient struct {
	client.Client
	view *View
}

// Get reads a DatasetSync from the view.
func (c cachedClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	into, isSync := obj.(*v1alpha1.DatasetSync)
	if !isSync {
		return c.Client.Get(ctx, key, obj, opts...) //nolint:wrapcheck // It stands for that client.
	}
	object := c.view.Get(key)
	if object == nil {
		return apierrors.NewNotFound(resource(), key.Name)
	}
	object.DeepCopyInto(into)
	return nil
}
