package explore

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/controllers"
	"datasetsync.dev/operator/internal/modelarts"
)

// patchClient changes the resource version inside every status patch.
type patchClient struct {
	client.Client
	version func(client.Object) string
}

func (p patchClient) Status() client.SubResourceWriter {
	return patchWriter{p.Client.Status(), p.version}
}

type patchWriter struct {
	client.SubResourceWriter
	version func(client.Object) string
}

func (p patchWriter) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	data, err := patch.Data(obj)
	if err != nil {
		return err
	}
	var body map[string]any
	if err := json.Unmarshal(data, &body); err != nil {
		return err
	}
	delete(body, "metadata")
	if version := p.version(obj); version != "" {
		body["metadata"] = map[string]any{"resourceVersion": version}
	}
	if data, err = json.Marshal(body); err != nil {
		return err
	}
	return p.SubResourceWriter.Patch(ctx, obj, client.RawPatch(types.MergePatchType, data), opts...)
}

// plainPatch writes without a resource version.
func plainPatch(d *controllers.Dependencies) {
	d.Client = patchClient{d.Client, func(client.Object) string { return "" }}
}

// readAgain reads the object between the decision and the write, and writes over
// what it reads.
func readAgain(d *controllers.Dependencies) {
	reader := d.Live
	d.Client = patchClient{d.Client, func(obj client.Object) string {
		var newest v1alpha1.DatasetSync
		_ = reader.Get(context.Background(), client.ObjectKeyFromObject(obj), &newest) // It never fails here.
		return newest.ResourceVersion
	}}
}

// replays sends a start again whose answer was lost, as a transport may.
func replays(d *controllers.Dependencies) { d.API = replayingAPI{d.API} }

type replayingAPI struct{ controllers.SyncAPI }

func (r replayingAPI) StartSync(ctx context.Context, t modelarts.Target, c modelarts.Credentials, at time.Time) (modelarts.Started, error) {
	started, err := r.SyncAPI.StartSync(ctx, t, c, at)
	if failure := (*modelarts.Error)(nil); errors.As(err, &failure) && failure.Fate == modelarts.FateUnknown {
		return r.SyncAPI.StartSync(ctx, t, c, at)
	}
	return started, err
}

// ownTime signs a start by our clock.
func ownTime(d *controllers.Dependencies) { d.API = ownTimeAPI{d.API, d.Clock} }

type ownTimeAPI struct {
	controllers.SyncAPI
	clock clock.Clock
}

func (o ownTimeAPI) StartSync(ctx context.Context, t modelarts.Target, c modelarts.Credentials, _ time.Time) (modelarts.Started, error) {
	return o.SyncAPI.StartSync(ctx, t, c, o.clock.Now())
}

// looksFirst asks for the latest task when a pass begins, and only then waits
// until the settle time is over.
func looksFirst(d *controllers.Dependencies) {
	early := &earlyAPI{SyncAPI: d.API}
	d.API = early
	d.Client = earlyClient{d.Client, early}
}

type earlyAPI struct {
	controllers.SyncAPI
	task modelarts.Task
	err  error
}

func (e *earlyAPI) LatestSync(context.Context, modelarts.Target, modelarts.Credentials) (modelarts.Task, error) {
	return e.task, e.err
}

type earlyClient struct {
	client.Client
	api *earlyAPI
}

func (e earlyClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	e.api.task, e.api.err = e.api.SyncAPI.LatestSync(ctx, modelarts.Target{DatasetID: name}, modelarts.Credentials{})
	return e.Client.Get(ctx, key, obj, opts...)
}

// stoppedClock reads the clock once a pass: the right to send never expires.
func stoppedClock(d *controllers.Dependencies) { d.Clock = &oneReading{Clock: d.Clock} }

type oneReading struct {
	clock.Clock
	now time.Time
}

func (o *oneReading) Now() time.Time {
	if o.now.IsZero() {
		o.now = o.Clock.Now()
	}
	return o.now
}

// timeless drops when a task was created: another task is taken for a newer one.
func timeless(d *controllers.Dependencies) { d.API = timelessAPI{d.API} }

type timelessAPI struct{ controllers.SyncAPI }

func (a timelessAPI) LatestSync(ctx context.Context, t modelarts.Target, c modelarts.Credentials) (modelarts.Task, error) {
	task, err := a.SyncAPI.LatestSync(ctx, t, c)
	task.CreateTime = time.Time{}
	return task, err
}
