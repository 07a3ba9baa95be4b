package cluster

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"datasetsync.dev/operator/api/v1alpha1"
)

// errModified is the API server's reason of a conflict.
var errModified = errors.New("the object has been modified; please apply your changes to the latest version and try again")

// Server is an API server that knows DatasetSyncs and Secrets.
type Server struct {
	// Log has every version of every DatasetSync.
	Log *Log

	now     func() time.Time
	schema  *Schema
	objects map[types.NamespacedName]*stored
	secrets map[types.NamespacedName]*corev1.Secret
	version int
	uids    int
}

// stored is an object as it is in etcd, and as a Go value.
type stored struct {
	document document
	object   *v1alpha1.DatasetSync
	// bare is true while etcd has no status: what is shown is the default, and a
	// write that changes nothing stores that.
	bare bool
}

// document is an object in JSON. The parts of one that is stored never change.
type document map[string]any

// NewServer returns an API server without objects.
func NewServer(s *Schema, now func() time.Time) *Server {
	return &Server{
		Log: NewLog(now), now: now, schema: s,
		objects: map[types.NamespacedName]*stored{}, secrets: map[types.NamespacedName]*corev1.Secret{},
	}
}

// nextVersion returns a resource version: etcd counts all writes together.
func (s *Server) nextVersion() string {
	s.version++
	return strconv.Itoa(s.version)
}

func (s *Server) nextUID() types.UID {
	s.uids++
	return types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", s.uids))
}

// create stores a new object. A status in it is dropped: it has a way of its
// own.
func (s *Server) create(object *v1alpha1.DatasetSync) (*stored, error) {
	key := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	if s.objects[key] != nil {
		return nil, apierrors.NewAlreadyExists(resource(), key.Name)
	}
	object = object.DeepCopy()
	object.UID, object.ResourceVersion, object.Generation = s.nextUID(), "", 1
	object.CreationTimestamp, object.DeletionTimestamp = metav1.NewTime(s.now().Truncate(time.Second)), nil
	d, err := encode(object)
	if err != nil {
		return nil, err
	}
	delete(d, "status")
	if err := s.fit(key, d); err != nil {
		return nil, err
	}
	one, err := s.store(key, d)
	if err == nil {
		one.bare = true
	}
	return one, err
}

// update stores another version of an object, if it is made from the one that
// is stored, or does not say from which. A client that writes the main resource
// changes spec and metadata, one that writes the status subresource nothing but
// status.
func (s *Server) update(key types.NamespacedName, changed document, subresource string) (*stored, error) {
	old := s.objects[key]
	if old == nil {
		return nil, apierrors.NewNotFound(resource(), key.Name)
	}
	meta, _ := changed["metadata"].(map[string]any)
	if version, _ := meta["resourceVersion"].(string); version != "" && version != old.object.ResourceVersion {
		return nil, conflict(key)
	}
	next := old.document.with("status", changed["status"])
	if subresource == "" {
		next = changed.with("status", old.document["status"])
		next = next.with("metadata", s.fixedMetadata(meta, old, !reflect.DeepEqual(changed["spec"], old.document["spec"])))
	}
	if err := s.fit(key, next); err != nil {
		return nil, err
	}
	if errs := metav1validation.ValidateLabels(labelsOf(next), field.NewPath("metadata", "labels")); len(errs) > 0 {
		return nil, apierrors.NewInvalid(kind(), key.Name, errs)
	}
	if !old.bare && reflect.DeepEqual(next, old.document) {
		return old, nil // A write that changes nothing is none.
	}
	return s.store(key, next)
}

// fixedMetadata keeps what no client may change, and counts changes of spec.
func (s *Server) fixedMetadata(meta map[string]any, old *stored, newSpec bool) map[string]any {
	fixed, _ := old.document["metadata"].(map[string]any)
	next := document(meta)
	for _, name := range []string{"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion"} {
		next = next.with(name, fixed[name])
	}
	if newSpec {
		next = next.with("generation", old.object.Generation+1)
	}
	return next
}

// fit applies the schema to a document that is about to be stored.
func (s *Server) fit(key types.NamespacedName, d document) error {
	d["spec"], d["status"] = copyJSON(d["spec"]), copyJSON(d["status"])
	if d["status"] == nil {
		delete(d, "status")
	}
	if errs := s.schema.fit(field.NewPath(""), map[string]any(d)); len(errs) > 0 {
		return apierrors.NewInvalid(kind(), key.Name, errs)
	}
	return nil
}

// store writes a document, under a new resource version.
func (s *Server) store(key types.NamespacedName, d document) (*stored, error) {
	meta, _ := d["metadata"].(map[string]any)
	d["metadata"] = map[string]any(document(meta).with("resourceVersion", s.nextVersion()))
	object := &v1alpha1.DatasetSync{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(d, object); err != nil {
		return nil, fmt.Errorf("decode an object: %w", err)
	}
	one := &stored{document: d, object: object}
	if object.DeletionTimestamp != nil && len(object.Finalizers) == 0 {
		object.ResourceVersion = s.objects[key].object.ResourceVersion
		delete(s.objects, key)
		s.Log.Deleted(object)
		return one, nil
	}
	s.objects[key] = one
	s.Log.Written(object)
	return one, nil
}

// remove deletes an object, or marks it if somebody's finalizer keeps it.
func (s *Server) remove(key types.NamespacedName) error {
	old := s.objects[key]
	switch {
	case old == nil:
		return apierrors.NewNotFound(resource(), key.Name)
	case len(old.object.Finalizers) == 0:
		delete(s.objects, key)
		s.nextVersion()
		s.Log.Deleted(old.object)
		return nil
	case old.object.DeletionTimestamp != nil:
		return nil
	}
	meta, _ := old.document["metadata"].(map[string]any)
	marked := document(meta).with("deletionTimestamp", s.now().UTC().Format(time.RFC3339)).
		with("deletionGracePeriodSeconds", int64(0)).with("generation", old.object.Generation+1)
	_, err := s.store(key, old.document.with("metadata", map[string]any(marked)))
	return err
}

// with returns a copy with one member changed, or without it if value is nil.
func (d document) with(name string, value any) document {
	c := make(document, len(d)+1)
	for k, v := range d {
		c[k] = v
	}
	c[name] = value
	if value == nil {
		delete(c, name)
	}
	return c
}

// merged applies a JSON merge patch (RFC 7386) and leaves the target as it is.
func merged(target, patch any) any {
	changes, isObject := patch.(map[string]any)
	if !isObject {
		return patch
	}
	old, _ := target.(map[string]any)
	result := make(map[string]any, len(old)+len(changes))
	for name, value := range old {
		result[name] = value
	}
	for name, change := range changes {
		if change == nil {
			delete(result, name)
			continue
		}
		result[name] = merged(old[name], change)
	}
	return result
}

// labelsOf returns the labels of a document.
func labelsOf(d document) map[string]string {
	meta, _ := d["metadata"].(map[string]any)
	all, _ := meta["labels"].(map[string]any)
	labels := make(map[string]string, len(all))
	for name, value := range all {
		labels[name], _ = value.(string)
	}
	return labels
}

func copyJSON(value any) any {
	switch v := value.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, sub := range v {
			c[name] = copyJSON(sub)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, sub := range v {
			c[i] = copyJSON(sub)
		}
		return c
	default:
		return value
	}
}

func encode(object *v1alpha1.DatasetSync) (document, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode an object: %w", err)
	}
	var d document
	if err := json.Unmarshal(text, (*map[string]any)(&d)); err != nil {
		return nil, fmt.Errorf("decode an object: %w", err)
	}
	return d, nil
}

func resource() schema.GroupResource {
	return v1alpha1.GroupVersion.WithResource("datasetsyncs").GroupResource()
}

func kind() schema.GroupKind { return v1alpha1.GroupVersion.WithKind("DatasetSync").GroupKind() }

func conflict(key types.NamespacedName) error {
	return apierrors.NewConflict(resource(), key.Name, errModified)
}
