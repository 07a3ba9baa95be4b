package explore

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"

	"datasetsync.dev/operator/api/v1alpha1"
)

const (
	namespace = "vision"
	name      = "cats"
	// anyNonce stands for the nonce of a stored object, which the state of the
	// world holds.
	anyNonce = "nonce"
	// tokenPrefix begins a trigger; the number after it is that of the request.
	tokenPrefix = "request-"
	// taskPrefix begins a task id; the number after it is that of the task.
	taskPrefix = "task-"
)

// stage is how far the run of a stored object has come.
type stage uint8

const (
	none stage = iota
	open
	unknown
	accepted
	following
)

// content is a stored object without its resource version, its nonce and the
// times by our clock, and what the promises need to know of it.
type content struct {
	object *v1alpha1.DatasetSync
	json   []byte

	stage stage
	// requested and handled are numbers of requests; the first is the creation.
	requested, handled uint8
	attempt            uint8
	// ready: Ready is True and there is no run. settled: or Stalled is.
	ready, settled bool
	// held: a time is in it until which nothing is started or called.
	held bool
	// task is the number of the task in status; highest that of the newest named.
	task, highest uint8
	// tasks has a bit for each task that may yet be reported as having served.
	tasks uint16
	// wrong is what is wrong with it whatever led to it, if anything is.
	wrong string
}

// shelf keeps contents, each once.
type shelf struct {
	known  map[string]int32
	all    []*content
	edited map[int32]int32
	schema *validate.SchemaValidator
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	return &shelf{known: map[string]int32{}, edited: map[int32]int32{}, schema: readSchema(t)}
}

// readSchema returns what the API server checks a DatasetSync by.
func readSchema(t *testing.T) *validate.SchemaValidator {
	t.Helper()
	data, err := os.ReadFile("../../../config/crd/bases/modelarts.datasetsync.dev_datasetsyncs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensions.CustomResourceDefinition
	if err := yaml.Unmarshal(data, &crd); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(crd.Spec.Versions[0].Schema.OpenAPIV3Schema)
	if err != nil {
		t.Fatal(err)
	}
	var schema spec.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	return validate.NewSchemaValidator(&schema, nil, "", strfmt.Default)
}

// create returns an object as it is stored on creation.
func (s *shelf) create(retryLimit int32) int32 {
	history := int32(0)
	return s.keep(&v1alpha1.DatasetSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "uid", Generation: 1},
		Spec: v1alpha1.DatasetSyncSpec{
			ProjectID: strings.Repeat("0", 32), DatasetID: name,
			TaskTimeoutSeconds: 604800, RetryLimit: &retryLimit, HistoryLimit: &history,
		},
		Status: v1alpha1.DatasetSyncStatus{ObservedGeneration: -1},
	})
}

// edit returns the content with the next trigger.
func (s *shelf) edit(id int32) int32 {
	if next, ok := s.edited[id]; ok {
		return next
	}
	obj := s.all[id].object.DeepCopy()
	obj.Spec.Trigger = tokenPrefix + strconv.Itoa(int(s.all[id].requested)+1)
	obj.Generation++
	s.edited[id] = s.keep(obj)
	return s.edited[id]
}

// patch applies a merge patch as the API server does. It tells the nonce by
// which the patch replaced the stored one, anyNonce if it did not.
func (s *shelf) patch(id int32, data []byte) (patched int32, nonce string) {
	merged, err := jsonpatch.MergePatch(s.all[id].json, data)
	if err != nil {
		panic(err)
	}
	obj := &v1alpha1.DatasetSync{}
	if err := json.Unmarshal(merged, obj); err != nil {
		panic(err)
	}
	if run := obj.Status.Run; run != nil {
		nonce = run.Nonce
	}
	return s.keep(obj), nonce
}

// keep returns the number of the content of an object, which it takes over.
func (s *shelf) keep(obj *v1alpha1.DatasetSync) int32 {
	obj.ResourceVersion = ""
	stamp(obj, epoch)
	if run := obj.Status.Run; run != nil && run.Nonce != "" {
		run.Nonce = anyNonce
	}
	text, err := json.Marshal(obj)
	if err != nil {
		panic(err)
	}
	id, ok := s.known[string(text)]
	if !ok {
		id = int32(len(s.all))
		s.known[string(text)] = id
		s.all = append(s.all, s.describe(obj, text))
	}
	return id
}

func (s *shelf) describe(obj *v1alpha1.DatasetSync, text []byte) *content {
	st := &obj.Status
	c := &content{object: obj, json: text, requested: 1, task: number(st.TaskID, taskPrefix)}
	if obj.Spec.Trigger != "" {
		c.requested = number(obj.Spec.Trigger, tokenPrefix)
	}
	switch {
	case st.HandledTrigger != "":
		c.handled = number(st.HandledTrigger, tokenPrefix)
	case st.HandledTarget != nil:
		c.handled = 1
	}
	c.highest, c.tasks = c.task, 1<<c.task
	if run := st.Run; run != nil {
		c.stage = stageOf(run)
		c.attempt = uint8(run.Attempt)
		c.held = run.RetryTime != nil || run.BusyTime != nil
		if run.Task != nil {
			id := number(run.Task.ID, taskPrefix)
			c.highest = max(c.highest, id)
			c.tasks |= 1 << id
		}
		if run.Baseline != nil {
			c.highest = max(c.highest, number(run.Baseline.TaskID, taskPrefix))
		}
	}
	c.ready = st.Run == nil && meta.IsStatusConditionTrue(st.Conditions, v1alpha1.ReadyCondition)
	c.settled = c.ready || st.Run == nil && meta.IsStatusConditionTrue(st.Conditions, v1alpha1.StalledCondition)
	c.wrong = s.wrong(c)
	return c
}

// wrong says what is wrong with a content: that the API server would refuse it,
// or that its conditions contradict each other or the rest.
func (s *shelf) wrong(c *content) string {
	var value any
	if err := json.Unmarshal(c.json, &value); err != nil {
		panic(err)
	}
	err := s.schema.Validate(value).AsError()
	st := &c.object.Status
	current := st.ObservedGeneration == c.object.Generation
	isTrue := func(kind string) bool { return meta.IsStatusConditionTrue(st.Conditions, kind) }
	switch {
	case err != nil:
		return "the API server refuses the status: " + err.Error()
	case isTrue(v1alpha1.ReconcilingCondition) && isTrue(v1alpha1.StalledCondition):
		return "Reconciling and Stalled are both True"
	case isTrue(v1alpha1.ReadyCondition) && current && (c.stage != none || c.handled != c.requested):
		return "Ready is True, but a request waits or is under way"
	default:
		return ""
	}
}

func stageOf(run *v1alpha1.Run) stage {
	switch {
	case run == nil:
		return none
	case run.Task != nil:
		return following
	case run.Accepted:
		return accepted
	case run.Nonce != "":
		return unknown
	default:
		return open
	}
}

// number returns the number after a prefix, 0 for an empty text.
func number(text, prefix string) uint8 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(text, prefix), 10, 8)
	if err != nil {
		panic(err)
	}
	return uint8(n)
}

// stamp sets every time in an object that is by our clock.
func stamp(obj *v1alpha1.DatasetSync, now time.Time) {
	st := &obj.Status
	at, micro := metav1.NewTime(now), metav1.NewMicroTime(now)
	for i := range st.Conditions {
		st.Conditions[i].LastTransitionTime = at
	}
	if st.LastSuccessTime != nil {
		st.LastSuccessTime = &at
	}
	for i := range st.History {
		st.History[i].StartTime, st.History[i].EndTime = at, at
	}
	run := st.Run
	if run == nil {
		return
	}
	run.RequestedTime = micro
	for _, t := range []**metav1.MicroTime{&run.StartTime, &run.RetryTime, &run.BusyTime} {
		if *t != nil {
			*t = &micro
		}
	}
	if run.Task != nil {
		run.Task.SeenTime = micro
	}
}

// serve returns the object as a worker reads it.
func (c *content) serve(now time.Time, nonce, version string) *v1alpha1.DatasetSync {
	obj := c.object.DeepCopy()
	obj.ResourceVersion = version
	stamp(obj, now)
	if run := obj.Status.Run; run != nil && run.Nonce != "" {
		run.Nonce = nonce
	}
	return obj
}
