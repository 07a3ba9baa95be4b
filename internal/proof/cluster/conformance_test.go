package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"datasetsync.dev/operator/api/v1alpha1"
)

const crds = "../../../config/crd/bases"

// script is what somebody does with an API server, and what came of it.
type script struct {
	client.Client
	namespace string
	seen      []string
}

// note writes an outcome down.
func (s *script) note(format string, args ...any) {
	s.seen = append(s.seen, fmt.Sprintf(format, args...))
}

// did writes down how an operation ended, and the object as it then is.
func (s *script) did(what string, obj *v1alpha1.DatasetSync, before string, err error) {
	if err != nil {
		s.note("%s: %s", what, apierrors.ReasonForError(err))
		return
	}
	s.note("%s: written %t, generation %d, deleting %t, spec %s, status %s",
		what, obj.ResourceVersion != before, obj.Generation, obj.DeletionTimestamp != nil, asJSON(obj.Spec), asJSON(obj.Status))
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *script) create(ctx context.Context, change func(*v1alpha1.DatasetSync)) *v1alpha1.DatasetSync {
	obj := &v1alpha1.DatasetSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "cats"},
		Spec:       v1alpha1.DatasetSyncSpec{ProjectID: strings.Repeat("a", 32), DatasetID: "cats"},
	}
	if change != nil {
		change(obj)
	}
	err := s.Create(ctx, obj)
	s.did("create", obj, "", err)
	return obj
}

func (s *script) get(ctx context.Context) *v1alpha1.DatasetSync {
	obj := &v1alpha1.DatasetSync{}
	err := s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "cats"}, obj)
	s.did("get", obj, "", err)
	return obj
}

// edit is a user's change, without a lock.
func (s *script) edit(ctx context.Context, obj *v1alpha1.DatasetSync, change func(*v1alpha1.DatasetSync)) *v1alpha1.DatasetSync {
	changed := obj.DeepCopy()
	change(changed)
	err := s.Patch(ctx, changed, client.MergeFrom(obj))
	s.did("edit", changed, obj.ResourceVersion, err)
	return changed
}

// record is a write of status, with a lock or without.
func (s *script) record(ctx context.Context, obj *v1alpha1.DatasetSync, locked bool, change func(*v1alpha1.DatasetSync)) *v1alpha1.DatasetSync {
	patch := client.MergeFrom(obj)
	if locked {
		patch = client.MergeFromWithOptions(obj, client.MergeFromWithOptimisticLock{})
	}
	changed := obj.DeepCopy()
	change(changed)
	err := s.Status().Patch(ctx, changed, patch)
	s.did("record", changed, obj.ResourceVersion, err)
	return changed
}

func taskID(id string) func(*v1alpha1.DatasetSync) {
	return func(obj *v1alpha1.DatasetSync) { obj.Status.TaskID = id }
}

func trigger(value string) func(*v1alpha1.DatasetSync) {
	return func(obj *v1alpha1.DatasetSync) { obj.Spec.Trigger = value }
}

// run is a status as the operator writes it, with every kind of value.
func run(obj *v1alpha1.DatasetSync) {
	at := metav1.MicroTime{Time: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)}
	added := int64(0)
	obj.Status.ObservedGeneration = obj.Generation
	obj.Status.Run = &v1alpha1.Run{
		Cause: v1alpha1.CauseCreated, RequestedTime: at, Nonce: "n", StartTime: &at, Attempt: 1,
		Target:   v1alpha1.Target{ProjectID: strings.Repeat("a", 32), DatasetID: "cats", Region: "cn-north-4"},
		Baseline: &v1alpha1.Baseline{State: "NOT_EXIST", ObservedTime: &at, Samples: &v1alpha1.Samples{Added: &added}},
	}
	meta.SetStatusCondition(&obj.Status.Conditions, metav1.Condition{
		Type: "Ready", Status: metav1.ConditionUnknown, Reason: "Starting", Message: "…",
		LastTransitionTime: metav1.Time(at),
	})
}

func scripts() map[string]func(context.Context, *script) {
	return map[string]func(context.Context, *script){
		"a new object has defaults, and its status is not the client's": func(ctx context.Context, s *script) {
			s.create(ctx, func(obj *v1alpha1.DatasetSync) { obj.Status.TaskID = "forged" })
			s.get(ctx)
			s.create(ctx, nil)
		},
		"an edit of spec raises the generation, one of metadata does not": func(ctx context.Context, s *script) {
			obj := s.create(ctx, nil)
			obj = s.edit(ctx, obj, trigger("a"))
			obj = s.edit(ctx, obj, func(obj *v1alpha1.DatasetSync) { obj.Labels = map[string]string{"a": "b"} })
			obj = s.edit(ctx, obj, func(obj *v1alpha1.DatasetSync) {
				obj.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: "1"}
			})
			obj = s.edit(ctx, obj, func(obj *v1alpha1.DatasetSync) { obj.Status.TaskID = "forged" })
			s.edit(ctx, obj, trigger(""))
		},
		"a write that changes nothing is none": func(ctx context.Context, s *script) {
			obj := s.create(ctx, nil)
			s.edit(ctx, obj, func(*v1alpha1.DatasetSync) {})
			obj = s.get(ctx)
			s.edit(ctx, obj, func(*v1alpha1.DatasetSync) {})
			s.record(ctx, obj, true, func(*v1alpha1.DatasetSync) {})
			old := obj
			obj = s.record(ctx, obj, true, taskID("a"))
			s.record(ctx, old, false, taskID("a"))
			s.record(ctx, obj, true, taskID("a"))
			s.edit(ctx, obj, func(*v1alpha1.DatasetSync) {})
		},
		"a locked write of status works once": func(ctx context.Context, s *script) {
			obj := s.create(ctx, nil)
			s.record(ctx, obj, true, taskID("a"))
			s.record(ctx, obj, true, taskID("b"))
			s.record(ctx, obj, false, taskID("c"))
			s.get(ctx)
		},
		"a locked write fails after an edit of anything": func(ctx context.Context, s *script) {
			obj := s.create(ctx, nil)
			edited := s.edit(ctx, obj, trigger("a"))
			s.record(ctx, obj, true, taskID("a"))
			labelled := s.edit(ctx, edited, func(obj *v1alpha1.DatasetSync) { obj.Labels = map[string]string{"a": "b"} })
			s.record(ctx, edited, true, taskID("a"))
			s.record(ctx, labelled, true, taskID("a"))
		},
		"a write of status changes status only": func(ctx context.Context, s *script) {
			obj := s.create(ctx, nil)
			s.record(ctx, obj, true, func(obj *v1alpha1.DatasetSync) {
				obj.Spec.Trigger, obj.Status.TaskID = "forged", "a"
				obj.Labels = map[string]string{"a": "forged"}
			})
			s.note("labels %v", s.get(ctx).Labels)
		},
		"a status is stored as precisely as it is written": func(ctx context.Context, s *script) {
			obj := s.create(ctx, nil)
			obj = s.record(ctx, obj, true, run)
			obj = s.record(ctx, obj, true, func(obj *v1alpha1.DatasetSync) { obj.Status.Run.Nonce, obj.Status.Run.StartTime = "", nil })
			s.record(ctx, obj, true, func(obj *v1alpha1.DatasetSync) { obj.Status.Run = nil })
			s.get(ctx)
		},
		"another object of the same name is another object": func(ctx context.Context, s *script) {
			old := s.record(ctx, s.create(ctx, nil), true, taskID("a"))
			s.note("delete: %v", s.Delete(ctx, old.DeepCopy()))
			s.record(ctx, old, true, taskID("b"))
			s.create(ctx, nil)
			s.record(ctx, old, true, taskID("b"))
			old.ResourceVersion = ""
			s.record(ctx, old, false, func(obj *v1alpha1.DatasetSync) { obj.Status.TaskID, obj.UID = "b", types.UID("of-the-old-one") })
			s.get(ctx)
		},
		"an object that is gone": func(ctx context.Context, s *script) {
			obj := s.create(ctx, nil)
			s.note("delete: %v", s.Delete(ctx, obj.DeepCopy()))
			s.get(ctx)
			s.record(ctx, obj, true, taskID("a"))
			s.edit(ctx, obj, trigger("a"))
			s.note("delete: %s", apierrors.ReasonForError(s.Delete(ctx, obj.DeepCopy())))
		},
		"an object that somebody keeps from going": func(ctx context.Context, s *script) {
			obj := s.create(ctx, func(obj *v1alpha1.DatasetSync) { obj.Finalizers = []string{"example.com/keep"} })
			s.note("delete: %v", s.Delete(ctx, obj.DeepCopy()))
			obj = s.get(ctx)
			obj = s.record(ctx, obj, true, taskID("a"))
			s.edit(ctx, obj, func(obj *v1alpha1.DatasetSync) { obj.Finalizers = nil })
			s.get(ctx)
		},
		"what the schema refuses": func(ctx context.Context, s *script) {
			s.create(ctx, func(obj *v1alpha1.DatasetSync) { obj.Spec.ProjectID = "short" })
			s.create(ctx, func(obj *v1alpha1.DatasetSync) { obj.Spec.DatasetID = "" })
			obj := s.create(ctx, nil)
			s.edit(ctx, obj, func(obj *v1alpha1.DatasetSync) { obj.Spec.DatasetID = "../x" })
			s.edit(ctx, obj, trigger(strings.Repeat("ü", 254)))
			s.edit(ctx, obj, trigger(strings.Repeat("ü", 253)))
			s.edit(ctx, obj, func(obj *v1alpha1.DatasetSync) { obj.Labels = map[string]string{"edited": "patch#2"} })
			s.record(ctx, obj, false, taskID(strings.Repeat("x", 129)))
			s.record(ctx, obj, false, func(obj *v1alpha1.DatasetSync) { obj.Status.ErrorMsg = strings.Repeat("x", 1025) })
			s.record(ctx, obj, false, func(obj *v1alpha1.DatasetSync) { run(obj); obj.Status.Run.Attempt = -1 })
			s.record(ctx, obj, false, func(obj *v1alpha1.DatasetSync) { run(obj); obj.Status.Run.Cause = "Whim" })
			s.record(ctx, obj, false, func(obj *v1alpha1.DatasetSync) { run(obj); obj.Status.Run.Target.DatasetID = "" })
			s.record(ctx, obj, false, func(obj *v1alpha1.DatasetSync) { obj.Status.History = make([]v1alpha1.HistoryEntry, 21) })
			s.record(ctx, obj, false, func(obj *v1alpha1.DatasetSync) { obj.Status.ObservedGeneration = -2 })
			s.record(ctx, obj, false, func(obj *v1alpha1.DatasetSync) { run(obj); obj.Status.Conditions[0].Reason = "no reason" })
		},
		"a Secret": func(ctx context.Context, s *script) {
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "s"}, StringData: map[string]string{"a": "b"}}
			s.note("create: %v", s.Create(ctx, secret.DeepCopy()))
			s.note("create: %s", apierrors.ReasonForError(s.Create(ctx, secret.DeepCopy())))
			first, second := &corev1.Secret{}, &corev1.Secret{}
			key := client.ObjectKeyFromObject(secret)
			s.note("get: %v, %s", s.Get(ctx, key, first), first.Data)
			s.note("delete: %v", s.Delete(ctx, secret.DeepCopy()))
			s.note("get: %s", apierrors.ReasonForError(s.Get(ctx, key, second)))
			s.note("create: %v", s.Create(ctx, secret.DeepCopy()))
			s.note("get: %v, another version %t", s.Get(ctx, key, second), first.ResourceVersion != second.ResourceVersion)
		},
	}
}

// TestServerDoesAsAnAPIServer plays each script against the stand-in and against
// a real API server.
func TestServerDoesAsAnAPIServer(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	environment := &envtest.Environment{Scheme: scheme, CRDDirectoryPaths: []string{crds}, ErrorIfCRDPathMissing: true}
	config, err := environment.Start()
	if err != nil {
		t.Fatalf("the control plane does not start; `make test` provides its binaries: %v", err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	config.QPS, config.Burst = -1, -1
	actual, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	schema := loadSchema(t)
	for name, play := range scripts() {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "conformance-"}}
			if err := actual.Create(ctx, namespace); err != nil {
				t.Fatal(err)
			}
			want := &script{Client: actual, namespace: namespace.Name}
			play(ctx, want)
			got := &script{Client: NewServer(schema, time.Now).Client(), namespace: namespace.Name}
			play(ctx, got)
			if diff := cmp.Diff(want.seen, got.seen); diff != "" {
				t.Errorf("a real API server (-) and the stand-in (+) differ:\n%s", diff)
			}
		})
	}
}

func loadSchema(t *testing.T) *Schema {
	t.Helper()
	schema, err := LoadSchema(filepath.Join(crds, "modelarts.datasetsync.dev_datasetsyncs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
