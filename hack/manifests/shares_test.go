package manifests

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
)

// perHome is how many objects are created for each share, and as many for nobody.
const perHome = 100

// home is where objects are, and the release that should work on them, if any.
type home struct {
	release, namespace string
	labels             map[string]string
}

// object returns the nth object of a home. Its data set has the name of the object.
func (h home) object(n int) *v1alpha1.DatasetSync {
	name := fmt.Sprintf("%s-%s-%d", h.namespace, h.labels["shard"], n)
	if h.labels["shard"] == "" {
		name = fmt.Sprintf("%s-%d", h.namespace, n)
	}
	return &v1alpha1.DatasetSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: h.namespace, Name: name, Labels: h.labels},
		Spec:       v1alpha1.DatasetSyncSpec{ProjectID: project, DatasetID: name},
	}
}

// byLabel are the homes of the releases that docs/operations.md divides by label.
var byLabel = []home{
	{"datasetsync-a", "vision", map[string]string{"shard": "a"}},
	{"datasetsync-b", "vision", map[string]string{"shard": "b"}},
	{"", "vision", map[string]string{"shard": "c"}},
	{"", "speech", nil},
}

// byNamespace are those of the releases that it divides by namespace.
var byNamespace = []home{
	{"datasetsync-vision", "vision", nil},
	{"datasetsync-speech", "speech", nil},
	{"", "music", nil},
}

// TestSharesOfOneCluster installs the examples of docs/operations.md, and looks who
// does what. All tasks are under way at once, so that both managers are at work
// together.
func TestSharesOfOneCluster(t *testing.T) {
	t.Parallel()
	for value, homes := range map[string][]home{"watchSelector": byLabel, "watchNamespaces": byNamespace} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			s := divide(t, value)
			want := map[string][]string{}
			for _, h := range homes {
				for n := range perHome {
					obj := h.object(n)
					s.create(t, obj)
					if h.release != "" {
						want[obj.Name] = []string{h.release}
					}
				}
			}
			s.awaitAll(t, len(want), "under way", isFollowed)
			s.testLeases(t)
			s.finish(want)
			s.awaitAll(t, len(want), "Ready", isReady)
			s.testUntouched(t, want)
			s.stop(t)
			s.testStarts(t, want)
			if diff := cmp.Diff(want, s.callers()); diff != "" {
				t.Errorf("who should call the service about a data set (-) and who did (+):\n%s", diff)
			}
			if diff := cmp.Diff(want, s.writers(t)); diff != "" {
				t.Errorf("who should write an object's status (-) and who did (+):\n%s", diff)
			}
		})
	}
}

// TestAnObjectChangesHands moves objects from one share to the other: some while
// their start is on the wire, the others while their task runs.
func TestAnObjectChangesHands(t *testing.T) {
	t.Parallel()
	s := divide(t, "watchSelector")
	from, to := byLabel[0], byLabel[1]
	const onTheWire = 5
	s.shares[from.release].beforeStart(func(dataset string) {
		for n := range onTheWire {
			if obj := from.object(n); obj.Name == dataset {
				s.relabel(t, obj, to)
			}
		}
	})
	want := map[string][]string{}
	for n := range perHome {
		obj := from.object(n)
		s.create(t, obj)
		want[obj.Name] = []string{from.release, to.release}
	}
	s.awaitAll(t, perHome, "under way", isFollowed)
	for n := onTheWire; n < perHome; n++ {
		s.relabel(t, from.object(n), to)
	}
	s.finish(want)
	s.awaitAll(t, perHome, "Ready", isReady)
	s.stop(t)
	s.testStarts(t, want)
	if diff := cmp.Diff(want, s.writers(t)); diff != "" {
		t.Errorf("who should write an object's status (-) and who did (+):\n%s", diff)
	}
}

func isFollowed(obj *v1alpha1.DatasetSync) bool { return obj.Status.TaskID != "" }
