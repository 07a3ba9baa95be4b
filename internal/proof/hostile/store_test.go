package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

// store is the little of an API server that a Reconciler meets: Get of
// DatasetSyncs and Secrets, and a merge patch of a status, which it refuses where
// the resource version is an old one or the CRD's schema does not allow the
// result. Objects are kept as JSON, so that times are as exact as stored ones.
// What it does not implement panics.
type store struct {
	client.Client

	crd *schemaOf

	mu      sync.Mutex
	objects map[types.NamespacedName]map[string]any
	secrets map[types.NamespacedName]*corev1.Secret
	version int
	patches int
}

func newStore(crd *schemaOf) *store {
	return &store{
		crd:     crd,
		objects: map[types.NamespacedName]map[string]any{},
		secrets: map[types.NamespacedName]*corev1.Secret{},
	}
}

// Get implements client.Reader.
func (s *store) Get(_ context.Context, key types.NamespacedName, obj client.Object, _ ...client.GetOption) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch into := obj.(type) {
	case *corev1.Secret:
		secret := s.secrets[key]
		if secret == nil {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
		}
		secret.DeepCopyInto(into)
		return nil
	case *v1alpha1.DatasetSync:
		stored := s.objects[key]
		if stored == nil {
			return apierrors.NewNotFound(resource(), key.Name)
		}
		return json.Unmarshal(encode(stored), into)
	default:
		return fmt.Errorf("the store has no %T", obj)
	}
}

// Status implements client.Client.
func (s *store) Status() client.SubResourceWriter { return statusWriter{store: s} }

// statusWriter writes statuses, and nothing else.
type statusWriter struct {
	client.SubResourceWriter

	store *store
}

// Patch implements client.SubResourceWriter.
func (w statusWriter) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if patch.Type() != types.MergePatchType {
		return fmt.Errorf("the store takes no %s", patch.Type())
	}
	data, err := patch.Data(obj)
	if err != nil {
		return err
	}
	key, changes := client.ObjectKeyFromObject(obj), decode(data)
	stored := s.objects[key]
	if stored == nil {
		return apierrors.NewNotFound(resource(), key.Name)
	}
	if version := metadata(changes)["resourceVersion"]; version != nil && version != metadata(stored)["resourceVersion"] {
		return apierrors.NewConflict(resource(), key.Name, fmt.Errorf("the object has been modified"))
	}
	status, _ := merge(stored["status"], changes["status"]).(map[string]any)
	if err := s.crd.check(status); err != nil {
		return apierrors.NewInvalid(schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: "DatasetSync"}, key.Name, field.ErrorList{{Type: field.ErrorTypeInvalid, Field: "status", BadValue: err.Error()}})
	}
	s.patches++
	s.put(key, stored, "status", status)
	return json.Unmarshal(encode(s.objects[key]), obj)
}

// create stores an object as it is, its status included, if that is one that the
// API server would take.
func (s *store) create(obj *v1alpha1.DatasetSync) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := decode(encode(obj))
	must(s.crd.check(stored["status"]))
	s.put(client.ObjectKeyFromObject(obj), stored, "spec", stored["spec"])
}

// edit changes an object as a user does, or deletes it if change is nil.
func (s *store) edit(key types.NamespacedName, change func(*v1alpha1.DatasetSync)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if change == nil {
		delete(s.objects, key)
		return
	}
	obj := &v1alpha1.DatasetSync{}
	must(json.Unmarshal(encode(s.objects[key]), obj))
	before := encode(obj.Spec)
	change(obj)
	if !bytes.Equal(before, encode(obj.Spec)) {
		obj.Generation++
	}
	stored := decode(encode(obj))
	s.put(key, stored, "spec", stored["spec"])
}

// put stores an object with one member replaced, under a new resource version.
func (s *store) put(key types.NamespacedName, stored map[string]any, member string, value any) {
	s.version++
	next := maps.Clone(stored)
	next[member] = value
	meta := maps.Clone(metadata(stored))
	meta["resourceVersion"] = strconv.Itoa(s.version)
	next["metadata"] = meta
	s.objects[key] = next
}

// setSecret creates or replaces a Secret.
func (s *store) setSecret(key types.NamespacedName, data map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	secret := &corev1.Secret{Data: map[string][]byte{}}
	secret.Namespace, secret.Name, secret.ResourceVersion = key.Namespace, key.Name, strconv.Itoa(s.version)
	for name, value := range data {
		secret.Data[name] = []byte(value)
	}
	s.secrets[key] = secret
}

func resource() schema.GroupResource {
	return schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "datasetsyncs"}
}

func metadata(obj map[string]any) map[string]any {
	meta, _ := obj["metadata"].(map[string]any)
	return meta
}

// merge applies a JSON merge patch (RFC 7396).
func merge(into, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	members, _ := into.(map[string]any)
	result := maps.Clone(members)
	if result == nil {
		result = map[string]any{}
	}
	for name, value := range changes {
		if value == nil {
			delete(result, name)
			continue
		}
		result[name] = merge(result[name], value)
	}
	return result
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	must(err)
	return data
}

// decode keeps numbers as they are written.
func decode(data []byte) map[string]any {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var obj map[string]any
	must(decoder.Decode(&obj))
	return obj
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
