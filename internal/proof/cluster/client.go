package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

// Client returns a client of the server. It can do what the operator and its
// users do, and panics at anything else: that would be something the proof
// knows nothing of.
func (s *Server) Client() client.Client { return serverClient{server: s} }

// serverClient is a client without a cache.
type serverClient struct {
	client.Client
	server *Server
}

// Get reads a DatasetSync or a Secret.
func (c serverClient) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	switch into := obj.(type) {
	case *v1alpha1.DatasetSync:
		one := c.server.objects[key]
		if one == nil {
			return apierrors.NewNotFound(resource(), key.Name)
		}
		one.object.DeepCopyInto(into)
		return nil
	case *corev1.Secret:
		secret := c.server.secrets[key]
		if secret == nil {
			return noSecret(key.Name)
		}
		secret.DeepCopyInto(into)
		return nil
	default:
		return unknownKind(obj)
	}
}

// Create stores a new object.
func (c serverClient) Create(_ context.Context, obj client.Object, _ ...client.CreateOption) error {
	switch object := obj.(type) {
	case *v1alpha1.DatasetSync:
		one, err := c.server.create(object)
		if err == nil {
			one.object.DeepCopyInto(object)
		}
		return err
	case *corev1.Secret:
		key := client.ObjectKeyFromObject(object)
		if c.server.secrets[key] != nil {
			return apierrors.NewAlreadyExists(corev1.Resource("secrets"), key.Name)
		}
		object.UID, object.ResourceVersion = c.server.nextUID(), c.server.nextVersion()
		c.server.secrets[key] = withData(object)
		return nil
	default:
		return unknownKind(obj)
	}
}

// withData moves what was given as text to where it is read.
func withData(secret *corev1.Secret) *corev1.Secret {
	secret = secret.DeepCopy()
	for name, value := range secret.StringData {
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		secret.Data[name] = []byte(value)
	}
	secret.StringData = nil
	return secret
}

// Delete deletes an object.
func (c serverClient) Delete(_ context.Context, obj client.Object, _ ...client.DeleteOption) error {
	key := client.ObjectKeyFromObject(obj)
	switch obj.(type) {
	case *v1alpha1.DatasetSync:
		return c.server.remove(key)
	case *corev1.Secret:
		if c.server.secrets[key] == nil {
			return noSecret(key.Name)
		}
		c.server.nextVersion()
		delete(c.server.secrets, key)
		return nil
	default:
		return unknownKind(obj)
	}
}

// Patch applies a JSON merge patch to spec and metadata of a DatasetSync.
func (c serverClient) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return c.patch(obj, patch, "")
}

// Status returns a writer of the status of DatasetSyncs.
func (c serverClient) Status() client.SubResourceWriter { return statusWriter{client: c} }

// statusWriter writes the status subresource.
type statusWriter struct {
	client.SubResourceWriter
	client serverClient
}

// Patch applies a JSON merge patch to the status of a DatasetSync.
func (w statusWriter) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	return w.client.patch(obj, patch, "status")
}

func (c serverClient) patch(obj client.Object, patch client.Patch, subresource string) error {
	object, isSync := obj.(*v1alpha1.DatasetSync)
	if !isSync || patch.Type() != types.MergePatchType {
		return unknownKind(obj)
	}
	data, err := patch.Data(object)
	if err != nil {
		return fmt.Errorf("make a patch: %w", err)
	}
	var changes map[string]any
	if err := json.Unmarshal(data, &changes); err != nil {
		return fmt.Errorf("read a patch: %w", err)
	}
	key := client.ObjectKeyFromObject(object)
	old := c.server.objects[key]
	if old == nil {
		return apierrors.NewNotFound(resource(), key.Name)
	}
	result, _ := merged(map[string]any(old.document), changes).(map[string]any)
	one, err := c.server.update(key, result, subresource)
	if err != nil {
		return err
	}
	*object = v1alpha1.DatasetSync{}
	one.object.DeepCopyInto(object)
	return nil
}

func noSecret(name string) error { return apierrors.NewNotFound(corev1.Resource("secrets"), name) }

func unknownKind(obj client.Object) error {
	return apierrors.NewBadRequest(fmt.Sprintf("the stand-in of the API server does not do that with a %T", obj))
}
