package explore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/controllers"
	"datasetsync.dev/operator/internal/modelarts"
)

const (
	versionPrefix = "version-"
	// sendBudget is how long after the decision a start may be sent.
	sendBudget = 10 * time.Second
)

// replay answers the effects of a pass from its answers so far.
type replay struct {
	passes  *passes
	pass    *pass
	nonces  [foreign + 1]string
	given   int
	clock   passClock
	started time.Time
	// date is the service's clock at the look of the pass.
	date time.Time
}

func newReplay(p *passes, one *pass, now time.Time) *replay {
	r := &replay{passes: p, pass: one, nonces: p.nonces(one), started: now}
	r.clock = passClock{FakeClock: clocktesting.NewFakeClock(now), replay: r}
	return r
}

// ask returns the answer to an effect, or breaks the pass off.
func (r *replay) ask(e *effect) answer {
	if r.given == len(r.pass.answers) {
		panic(broken{e})
	}
	r.given++
	return r.pass.answers[r.given-1]
}

// object returns an object as the API server answers it.
func (r *replay) object(content int32, nonce label, now time.Time) *v1alpha1.DatasetSync {
	return r.passes.shelf.all[content].serve(now, r.nonces[nonce], versionPrefix+strconv.Itoa(r.given))
}

// end is the effect of a pass that returned.
func (r *replay) end(m *controllers.Memory) *effect {
	now := r.clock.FakeClock.Now()
	if now.Before(r.started) {
		now = r.started
	}
	e := &effect{kind: end}
	var nonce string
	e.memory, nonce = r.passes.memories.keep(m, now)
	for l, n := range r.nonces {
		if n == nonce {
			e.nonce = label(l)
			break
		}
	}
	return e
}

// passClock is the clock of a worker. Its first reading is an effect: before it
// time may pass.
type passClock struct {
	*clocktesting.FakeClock
	replay *replay
	read   bool
}

func (c *passClock) Now() time.Time {
	if !c.read {
		c.read = true
		kind := c.replay.ask(&effect{kind: readClock}).kind
		if kind == clockLong {
			c.Step(long)
		}
		if kind == clockEarly {
			c.SetTime(c.replay.started.Add(-time.Minute))
		}
	}
	return c.FakeClock.Now()
}

// cached is the worker's client. It serves the version that the pass began
// with.
type cached struct {
	client.Client
	replay *replay
}

func (c cached) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	r := c.replay
	r.passes.shelf.all[r.pass.content].serve(r.started, r.nonces[r.pass.nonce], versionPrefix+"0").DeepCopyInto(obj.(*v1alpha1.DatasetSync))
	return nil
}

func (c cached) Status() client.SubResourceWriter { return statusWriter{replay: c.replay} }

// statusWriter patches the status as the API server does.
type statusWriter struct {
	client.SubResourceWriter
	replay *replay
}

// errUnclear is what a worker hears whose write may or may not have been done.
var errUnclear = errors.New("the connection was lost")

func (w statusWriter) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	r := w.replay
	data, err := patch.Data(obj)
	if err != nil {
		return err
	}
	e := &effect{kind: write, patch: data}
	if version := lockedVersion(data); version != "" {
		e.locked = true
		e.version, _ = strconv.Atoi(strings.TrimPrefix(version, versionPrefix))
	}
	a := r.ask(e)
	if a.kind == conflictLate || a.kind == writtenLate {
		r.clock.Step(long)
	}
	if a.kind == conflict || a.kind == conflictLate {
		return apierrors.NewConflict(schema.GroupResource{Resource: "datasetsyncs"}, name, errors.New("the object has been modified"))
	}
	if a.kind == unclear {
		return errUnclear
	}
	r.object(a.content, a.nonce, r.clock.Now()).DeepCopyInto(obj.(*v1alpha1.DatasetSync))
	return nil
}

// lockedVersion returns the resource version inside a patch.
func lockedVersion(data []byte) string {
	var body struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		panic(err)
	}
	return body.Metadata.ResourceVersion
}

// liveReader reads past the cache.
type liveReader struct{ replay *replay }

func (l liveReader) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	r := l.replay
	switch obj := obj.(type) {
	case *corev1.Secret:
		if r.given > 0 && r.pass.answers[r.given-1].kind == clockStuck {
			r.clock.Step(long)
		}
		obj.Data = map[string][]byte{"accessKey": []byte("key"), "secretKey": []byte("secret")}
		obj.ResourceVersion = "1"
	case *v1alpha1.DatasetSync:
		a := r.ask(&effect{kind: readLive})
		r.object(a.content, a.nonce, r.clock.Now()).DeepCopyInto(obj)
	default:
		return fmt.Errorf("no %T is read", obj)
	}
	return nil
}

func (l liveReader) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("nothing is listed")
}

// service is the two calls.
type service struct{ replay *replay }

func (s service) LatestSync(_ context.Context, t modelarts.Target, _ modelarts.Credentials) (modelarts.Task, error) {
	if t.DatasetID != name {
		panic("the wrong data set is asked about")
	}
	a := s.replay.ask(&effect{kind: look})
	if a.kind == lookFailed {
		return modelarts.Task{}, &modelarts.Error{Op: "latest", HTTPStatus: 503, Class: modelarts.ClassTransient}
	}
	s.replay.date = a.view.date()
	return s.replay.passes.tells.task(a.view), nil
}

func (s service) StartSync(_ context.Context, t modelarts.Target, _ modelarts.Credentials, at time.Time) (modelarts.Started, error) {
	if t.DatasetID != name {
		panic("the wrong data set is started")
	}
	e := &effect{kind: send}
	if age := at.Sub(s.replay.date); age < 0 || age > sendBudget {
		e.flaw = "a start is signed for another time than the service's"
	}
	a := s.replay.ask(e)
	if a.kind == taken {
		return modelarts.Started{}, nil
	}
	if a.kind == takenWithID {
		return modelarts.Started{TaskID: taskPrefix + strconv.Itoa(int(a.task))}, nil
	}
	failure, ok := map[answerKind]modelarts.Error{
		busy:           {HTTPStatus: 400, Code: "ModelArts.4355", Class: modelarts.ClassBusy, Fate: modelarts.FateRefused},
		throttled:      {HTTPStatus: 429, Class: modelarts.ClassThrottled, Fate: modelarts.FateRefused},
		refusedInside:  {HTTPStatus: 200, Code: "ModelArts.9999", Class: modelarts.ClassTransient, Fate: modelarts.FateRefused},
		refusedForGood: {HTTPStatus: 404, Code: "ModelArts.4352", Class: modelarts.ClassPermanent, Fate: modelarts.FateRefused},
		unsent:         {Class: modelarts.ClassTransient, Fate: modelarts.FateNotSent},
		noAnswer:       {Class: modelarts.ClassTransient, Fate: modelarts.FateUnknown},
	}[a.kind]
	if !ok {
		panic("this is no answer to a start")
	}
	return modelarts.Started{}, &failure
}

// recorder drops events.
type recorder struct{}

func (recorder) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}
