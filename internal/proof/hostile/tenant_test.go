package hostile

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"datasetsync.dev/operator/api/v1alpha1"
)

func TestAWrongKeyOfManyObjectsIsSeldomTried(t *testing.T) {
	t.Parallel()
	const objects = 1000
	w := newWorld(t)
	w.setSecret(map[string]string{"accessKey": accessKey, "secretKey": "CANARY-WRONG"})
	for i := range objects {
		w.create("cats-" + strconv.Itoa(i))
	}
	began := w.clock.Now()
	for w.clock.Now().Sub(began) < 6*time.Minute {
		for i := range objects {
			w.pass("cats-" + strconv.Itoa(i))
		}
		w.step(30 * time.Second)
	}
	if n := w.calls(); n > 3 {
		t.Errorf("%d calls with a wrong key in 6 minutes: the service locks it after 5", n)
	}
	w.findSecrets(t)
}

func TestATriggerThatIsChangedAThousandTimesStartsTwoTasks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("cats")
	w.follow("cats", isFollowing)
	for i := range 1000 {
		w.store.edit(key("cats"), func(obj *v1alpha1.DatasetSync) { obj.Spec.Trigger = "t" + strconv.Itoa(i) })
		w.pass("cats")
	}
	obj := w.follow("cats", func(obj *v1alpha1.DatasetSync) bool { return isReady(obj) && obj.Status.Run == nil })
	if n := len(w.starts("cats")); n != 2 || obj.Status.HandledTrigger != "t999" {
		t.Errorf("%d starts, handled %q", n, obj.Status.HandledTrigger)
	}
}

func TestTenantsOfOneDatasetDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("first-tenant-app", func(obj *v1alpha1.DatasetSync) { obj.Spec.DatasetID = "cats" })
	w.create("second-tenant-app", func(obj *v1alpha1.DatasetSync) { obj.Spec.DatasetID = "cats" })
	for range 3 {
		w.pass("first-tenant-app")
		w.pass("second-tenant-app")
		w.step(time.Second)
	}
	w.follow("first-tenant-app", isReady)
	w.follow("second-tenant-app", isReady)
	for mine, theirs := range map[string]string{"first-tenant-app": "second-tenant", "second-tenant-app": "first-tenant"} {
		if strings.Contains(string(encode(w.get(mine).Status)), theirs) {
			t.Errorf("%s tells of %s", mine, theirs)
		}
	}
	for {
		select {
		case event := <-w.recorder.Events:
			if strings.Contains(event, "tenant") {
				t.Errorf("an event names an object: %s", event)
			}
			continue
		default:
		}
		return
	}
}

func TestTheDeletionNeedsNoCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("cats")
	w.follow("cats", isFollowing)
	w.setSecret(nil)
	calls := w.calls()
	w.store.edit(key("cats"), func(obj *v1alpha1.DatasetSync) {
		now := obj.CreationTimestamp
		now.Time = w.clock.Now()
		obj.DeletionTimestamp = &now
	})
	if wait := w.pass("cats"); wait != 0 {
		t.Errorf("an object that is being deleted is looked at again in %s", wait)
	}
	w.store.edit(key("cats"), nil)
	if wait := w.pass("cats"); wait != 0 || w.calls() != calls {
		t.Errorf("%d calls for an object that is gone, and again in %s", w.calls()-calls, wait)
	}
}

// forgeries are statuses that somebody with the right to write them makes up, to
// have the operator call elsewhere with the credentials of the namespace.
func forgeries() map[string]func(*v1alpha1.DatasetSync) {
	ours := v1alpha1.Target{ProjectID: project, DatasetID: "cats", Region: "cn-north-4"}
	forged := func(change func(*v1alpha1.Target), more ...func(*v1alpha1.Run)) func(*v1alpha1.DatasetSync) {
		target := ours
		change(&target)
		return func(obj *v1alpha1.DatasetSync) {
			run := &v1alpha1.Run{Cause: v1alpha1.CauseCreated, Target: target}
			run.RequestedTime.Time = time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
			for _, m := range more {
				m(run)
			}
			obj.Status = v1alpha1.DatasetSyncStatus{ObservedGeneration: 1, HandledTarget: &ours, Run: run}
		}
	}
	otherDataset := func(t *v1alpha1.Target) { t.DatasetID = "dogs" }
	otherProject := func(t *v1alpha1.Target) { t.ProjectID = strings.Repeat("f", 32) }
	otherHost := func(t *v1alpha1.Target) { t.Region = "evil.example/" }
	unknown := func(run *v1alpha1.Run) { run.Nonce, run.Attempt = "forged", 1 }
	return map[string]func(*v1alpha1.DatasetSync){
		"an open run of another data set":               forged(otherDataset),
		"an open run of another project":                forged(otherProject),
		"an open run at another host":                   forged(otherHost),
		"a start of another data set, its fate unknown": forged(otherDataset, unknown),
		"a start at another host, its fate unknown":     forged(otherHost, unknown),
		"a task at another host": forged(otherHost, func(run *v1alpha1.Run) {
			run.Task = &v1alpha1.RunTask{ID: "forged", Origin: v1alpha1.OriginStarted, SeenTime: run.RequestedTime}
		}),
		"a path in the region": forged(func(t *v1alpha1.Target) { t.Region = "../v2" }),
	}
}

func TestAForgedStatusSendsNobodyElsewhere(t *testing.T) {
	t.Parallel()
	for name, forge := range forgeries() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			api := &recordingAPI{world: w}
			w.settings.Endpoint = "http://{region}.myhuaweicloud.example"
			w.useAPI(api)
			w.create("cats", forge)
			for range 100 {
				wait := w.pass("cats")
				if wait == 0 {
					break
				}
				w.step(wait)
			}
			for _, call := range api.calls {
				if call.Endpoint != "http://cn-north-4.myhuaweicloud.example" {
					t.Errorf("a call to %s", call.Endpoint)
				}
			}
			if i := slices.IndexFunc(api.starts, func(id string) bool { return id != project+"/cats" }); i >= 0 {
				t.Errorf("a start of %s", api.starts[i])
			}
			if obj := w.get("cats"); obj.Status.Run != nil {
				t.Errorf("it does not come to rest: %s", describe(obj))
			}
		})
	}
}

func TestASecretOfAnotherNamespaceIsOutOfReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.setSecret(types.NamespacedName{Namespace: "theirs", Name: "key"}, map[string]string{"accessKey": accessKey, "secretKey": secretKey})
	// A name that no Secret can have is told at once; any other may be on its way.
	for name, ready := range map[string]string{"key": "Unknown ", "theirs/key": "False ", "../theirs/key": "False "} {
		w.create("cats", func(obj *v1alpha1.DatasetSync) { obj.Spec.CredentialsSecretRef.Name = name })
		w.pass("cats")
		if got := condition(w.get("cats"), v1alpha1.ReadyCondition); got != ready+v1alpha1.ReasonCredentialsNotFound {
			t.Errorf("%q: %s", name, got)
		}
	}
	if w.calls() != 0 {
		t.Errorf("%d calls", w.calls())
	}
}
