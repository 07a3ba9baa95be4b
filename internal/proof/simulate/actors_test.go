package simulate

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// mostAtOnce bounds what happens while time passes.
const mostAtOnce = 30

// act lets one thing happen from outside, or the next thing by itself.
func (w *world) act() {
	switch dice := w.random.IntN(100); {
	case dice < 10:
		w.user()
	case dice < 14:
		w.console()
	case dice < 16:
		w.upset()
	case dice < 18:
		w.upsetService()
	case dice < 24:
		w.pass()
	default:
		w.next(w.true.Now().Add(24 * time.Hour))
	}
	w.deliver()
}

// pass lets some time pass, with what happens in it by itself.
func (w *world) pass() {
	until := w.true.Now().Add(w.some(4 * time.Minute))
	for range mostAtOnce {
		if !w.next(until) {
			return
		}
		w.deliver()
	}
}

// user is somebody with kubectl.
func (w *world) user() {
	key := w.keys[w.random.IntN(len(w.keys))]
	object := w.server.Log.Latest(key)
	switch {
	case object == nil:
		w.create(key)
	case w.random.IntN(8) == 0:
		w.credentials(w.tenantOf(key.Namespace))
	case w.random.IntN(10) == 0:
		w.remove(object)
		if w.random.IntN(2) == 0 && w.server.Log.Latest(key) == nil {
			w.create(key)
		}
	default:
		w.edit(object, w.someEdit(key))
	}
}

// create makes an object of some data set of its tenant.
func (w *world) create(key types.NamespacedName) {
	t := w.tenantOf(key.Namespace)
	object := &v1alpha1.DatasetSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Spec:       v1alpha1.DatasetSyncSpec{ProjectID: t.project, DatasetID: w.someDataset(t), TaskTimeoutSeconds: w.someTimeout()},
	}
	if w.holds {
		object.Spec.RetryLimit = new(int32)
	} else if w.random.IntN(3) == 0 {
		limit := int32(w.random.IntN(3))
		object.Spec.RetryLimit = &limit
	}
	if w.random.IntN(12) == 0 {
		object.Finalizers = []string{"example.com/keep"}
	}
	w.must(w.server.Client().Create(context.Background(), object))
}

func (w *world) someDataset(t *tenant) string { return t.datasets[w.random.IntN(len(t.datasets))] }

func (w *world) someTimeout() int32 {
	return []int32{60, 600, 7200}[w.random.IntN(3)]
}

// remove deletes an object; somebody's finalizer keeps some for a while.
func (w *world) remove(object *v1alpha1.DatasetSync) {
	w.must(client.IgnoreNotFound(w.server.Client().Delete(context.Background(), object.DeepCopy())))
	if len(object.Finalizers) > 0 {
		uid := object.UID
		w.after(w.some(10*time.Minute), func() { w.letGo(client.ObjectKeyFromObject(object), uid) })
	}
}

// letGo takes the finalizer away.
func (w *world) letGo(key types.NamespacedName, uid types.UID) {
	if object := w.server.Log.Latest(key); object != nil && object.UID == uid && object.DeletionTimestamp != nil {
		w.edit(object, func(o *v1alpha1.DatasetSync) { o.Finalizers = nil })
	}
}

func (w *world) edit(object *v1alpha1.DatasetSync, change func(*v1alpha1.DatasetSync)) {
	changed := object.DeepCopy()
	change(changed)
	w.must(w.server.Client().Patch(context.Background(), changed, client.MergeFrom(object.DeepCopy())))
}

// someEdit draws what a user changes.
func (w *world) someEdit(key types.NamespacedName) func(*v1alpha1.DatasetSync) {
	t := w.tenantOf(key.Namespace)
	w.serial++
	token := fmt.Sprint(w.serial)
	edits := []func(*v1alpha1.DatasetSync){
		func(o *v1alpha1.DatasetSync) { o.Spec.Trigger = token },
		func(o *v1alpha1.DatasetSync) { o.Spec.Trigger = token },
		func(o *v1alpha1.DatasetSync) {
			o.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: token}
		},
		func(o *v1alpha1.DatasetSync) { o.Spec.DatasetID = w.someDataset(t) },
		func(o *v1alpha1.DatasetSync) { o.Spec.Suspend = !o.Spec.Suspend },
		func(o *v1alpha1.DatasetSync) { o.Spec.Suspend = false },
		func(o *v1alpha1.DatasetSync) { o.Labels = map[string]string{"edited": token} },
		func(o *v1alpha1.DatasetSync) { o.Spec.TaskTimeoutSeconds = w.someTimeout() },
		func(o *v1alpha1.DatasetSync) { o.Spec.Trigger = "" },
		func(o *v1alpha1.DatasetSync) {
			limit := int32(w.random.IntN(3))
			o.Spec.HistoryLimit = &limit
		},
		func(o *v1alpha1.DatasetSync) { w.editSchedule(o) },
	}
	return edits[w.random.IntN(len(edits))]
}

func (w *world) editSchedule(o *v1alpha1.DatasetSync) {
	o.Spec.Schedule = []string{"", "*/10 * * * *", "*/3 * * * *", "0 25 * * *"}[w.random.IntN(4)]
	o.Spec.StartingDeadlineSeconds = nil
	if w.random.IntN(3) == 0 {
		deadline := int32(60)
		o.Spec.StartingDeadlineSeconds = &deadline
	}
}

// credentials is what a user does to a Secret.
func (w *world) credentials(t *tenant) {
	switch w.random.IntN(4) {
	case 0:
		w.dropSecret(t)
	case 1:
		w.putSecret(t, "CANARY-WRONG")
	case 2:
		w.rotate(t)
		if w.random.IntN(2) == 0 {
			return // The Secret follows later.
		}
		w.putSecret(t, t.secret)
	default:
		w.putSecret(t, t.secret)
	}
}

// console is somebody at the service's own console.
func (w *world) console() {
	t := w.tenants[w.random.IntN(len(w.tenants))]
	p := place{t.project, w.someDataset(t)}
	d := w.service.datasets[p]
	if one := d.active(w.service.now()); one != nil && w.random.IntN(2) == 0 {
		state, code := string(modelarts.StateCompleted), ""
		if w.random.IntN(3) == 0 {
			state, code = string(modelarts.StateFailed), "ModelArts.4393"
		}
		one.finish(w.service.now(), state, code)
		return
	}
	w.service.console(p, w.somePlan())
}

// upset is something that happens to a replica.
func (w *world) upset() {
	r := w.replicas[w.random.IntN(len(w.replicas))]
	switch w.random.IntN(4) {
	case 0:
		if r.sleeping() && w.weather.latest < time.Minute {
			return // Of two wrong clocks none tells that a start comes late.
		}
		r.clock.Offset = time.Duration(w.random.IntN(7200)-3600) * time.Second
	case 1:
		r.stop(w.some(20*time.Minute), false)
	case 2:
		r.frozen = w.true.Now().Add(w.some(5 * time.Minute))
	default:
		r.die()
	}
}

// upsetService is something that happens to a data set.
func (w *world) upsetService() {
	t := w.tenants[w.random.IntN(len(w.tenants))]
	d := w.service.datasets[place{t.project, w.someDataset(t)}]
	switch w.random.IntN(6) {
	case 0:
		if w.lying && !d.gone {
			d.remove(w.service.now()) // What was started is not shown any more.
		}
		d.gone = true
	case 1:
		d.refuses = []string{"ModelArts.4343", "ModelArts.4356", "ModelArts.4383"}[w.random.IntN(3)]
	default:
		d.gone, d.refuses = false, ""
	}
}
