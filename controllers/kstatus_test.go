package controllers

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"datasetsync.dev/operator/api/v1alpha1"
)

// kstatusOf returns what kstatus makes of an object.
func kstatusOf(obj *v1alpha1.DatasetSync) status.Status {
	GinkgoHelper()
	result, err := status.Compute(toUnstructured(obj))
	Expect(err).NotTo(HaveOccurred())
	return result.Status
}

func toUnstructured(obj *v1alpha1.DatasetSync) *unstructured.Unstructured {
	GinkgoHelper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	Expect(err).NotTo(HaveOccurred())
	return &unstructured.Unstructured{Object: content}
}

// observer watches all DatasetSyncs of the suite, and judges each version of
// each of them as the readers of status do.
type observer struct {
	once     sync.Once
	versions watch.Interface
	judged   chan struct{}
	// wrong has what was found, each once.
	wrong map[string]string
}

// everything is the observer of this suite: it sees every state that any test
// reaches.
var everything = &observer{wrong: map[string]string{}, judged: make(chan struct{})}

var _ = BeforeEach(func() { everything.once.Do(everything.start) })

var _ = AfterSuite(func(ctx SpecContext) {
	if everything.versions == nil {
		return
	}
	everything.finish(ctx)
	for what, example := range everything.wrong {
		GinkgoWriter.Printf("%s, for example of %s\n", what, example)
	}
	Expect(everything.wrong).To(BeEmpty(), "what kstatus and Argo CD make of the states of all tests")
})

// theEnd is the name of the object that comes last.
const theEnd = "the-end"

func (o *observer) start() {
	GinkgoHelper()
	resource := v1alpha1.GroupVersion.WithResource("datasetsyncs")
	objects := dynamic.NewForConfigOrDie(restConfig).Resource(resource)
	list, err := objects.List(context.Background(), metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	// The API server may end a watch at any time.
	o.versions, err = watchtools.NewRetryWatcherWithContext(context.Background(), list.GetResourceVersion(), &cache.ListWatch{
		WatchFuncWithContext: objects.Watch,
	})
	Expect(err).NotTo(HaveOccurred())
	go o.judgeAll()
}

// finish waits until all that was written before has been judged.
func (o *observer) finish(ctx context.Context) {
	GinkgoHelper()
	last := &v1alpha1.DatasetSync{Spec: v1alpha1.DatasetSyncSpec{ProjectID: testProject, DatasetID: "cats"}}
	last.Namespace, last.Name = metav1.NamespaceDefault, theEnd
	Expect(newClient(restConfig).Create(ctx, last)).To(Succeed())
	Eventually(o.judged, time.Minute).Should(BeClosed())
	o.versions.Stop()
}

func (o *observer) judgeAll() {
	defer close(o.judged)
	health := newHealthScript()
	defer health.close()
	for event := range o.versions.ResultChan() {
		u, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			o.wrong[fmt.Sprintf("the watch broke: %v", event.Object)] = "the watch"
			return
		}
		if event.Type == watch.Deleted || u.GetDeletionTimestamp() != nil {
			continue
		}
		for _, what := range judgeState(u, health) {
			if _, known := o.wrong[what]; !known {
				o.wrong[what] = u.GetNamespace() + "/" + u.GetName()
			}
		}
		if u.GetName() == theEnd {
			return
		}
	}
	o.wrong["the watch ended too soon"] = "the watch"
}

// judgeState returns what is wrong with the state of an object, as status
// tells it.
func judgeState(u *unstructured.Unstructured, health *healthScript) []string {
	obj := &v1alpha1.DatasetSync{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, obj); err != nil {
		return []string{err.Error()}
	}
	result, err := status.Compute(u)
	if err != nil {
		return []string{err.Error()}
	}
	var wrong []string
	check := func(good bool, what string) {
		if !good {
			wrong = append(wrong, what+": "+string(result.Status)+" with "+describeConditions(obj))
		}
	}
	checkReaders(check, obj, result.Status, health.status(u))
	checkConditions(check, obj)
	return wrong
}

// checkReaders: never Current before the first look, InProgress while a request
// is open, Failed when stalled, Current otherwise; and Argo CD agrees.
func checkReaders(check func(bool, string), obj *v1alpha1.DatasetSync, got status.Status, health string) {
	st := &obj.Status
	seen := st.ObservedGeneration == obj.Generation
	trigger, request := obj.Spec.Trigger, requestedAt(obj)
	target := st.HandledTarget != nil && st.HandledTarget.DatasetID == obj.Spec.DatasetID && st.HandledTarget.ProjectID == obj.Spec.ProjectID
	asked := !target || trigger != "" && trigger != st.HandledTrigger
	open := st.Run != nil && st.Run.Cause != v1alpha1.CauseSchedule
	annotated := request != "" && request != st.HandledRequest
	current, stalled := got == status.CurrentStatus, isStalled(obj)

	check(seen || got == status.InProgressStatus, "a spec that nobody has looked at")
	check(!current || !asked, "a request that nobody has taken in")
	check(!current || !open, "a request that is open")
	check(!seen || stalled == (got == status.FailedStatus), "stalled")
	check(got != status.InProgressStatus || !seen || asked || annotated || st.Run != nil, "an object that nothing is on the way for")
	check(!current || st.Run != nil || st.TaskState == "COMPLETED", "an object whose last task is not completed")

	want := map[status.Status]string{
		status.CurrentStatus: "Healthy", status.InProgressStatus: "Progressing", status.FailedStatus: "Degraded",
	}[got]
	suspended := health == "Suspended" && obj.Spec.Suspend && !stalled && seen
	check(health == want || suspended, "Argo CD says "+health)
}

// checkConditions: what every reader may rely on.
func checkConditions(check func(bool, string), obj *v1alpha1.DatasetSync) {
	st := &obj.Status
	if st.ObservedGeneration < 0 {
		check(len(st.Conditions) == 0, "conditions before the first look")
		return
	}
	reconciling := meta.IsStatusConditionTrue(st.Conditions, v1alpha1.ReconcilingCondition)
	check(!reconciling || !isStalled(obj), "both Reconciling and Stalled")
	for _, kind := range []string{v1alpha1.ReadyCondition, v1alpha1.SyncingCondition} {
		check(meta.FindStatusCondition(st.Conditions, kind) != nil, "no "+kind)
	}
	for _, c := range st.Conditions {
		check(c.ObservedGeneration == st.ObservedGeneration, c.Type+" of another generation")
		abnormal := c.Type == v1alpha1.ReconcilingCondition || c.Type == v1alpha1.StalledCondition
		check(!abnormal || c.Status == metav1.ConditionTrue, c.Type+" that does not hold")
	}
}

// describeConditions tells what is judged, in words that differ only where the
// judgement may.
func describeConditions(obj *v1alpha1.DatasetSync) string {
	text := fmt.Sprintf("suspend %t, generation seen %t, no run", obj.Spec.Suspend, obj.Generation == obj.Status.ObservedGeneration)
	if run := obj.Status.Run; run != nil {
		text = strings.Replace(text, "no", string(run.Cause), 1)
	}
	for _, c := range obj.Status.Conditions {
		text += fmt.Sprintf(", %s=%s %s", c.Type, c.Status, c.Reason)
	}
	return text
}
