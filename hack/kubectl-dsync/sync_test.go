package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"datasetsync.dev/operator/api/v1alpha1"
)

// cluster is a fake API server with the DatasetSync cats, and what the command
// prints of it.
type cluster struct {
	t      *testing.T
	client *fake.FakeDynamicClient
	object object
	// watches gets every watch that the command begins.
	watches chan watch.Interface
	lines   *bufio.Scanner
	// err gets what the command returns.
	err chan error
}

// watched tells of the watches that are begun.
type watched struct {
	dynamic.ResourceInterface
	watches chan watch.Interface
}

func (w watched) Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	i, err := w.ResourceInterface.Watch(ctx, o)
	if err == nil {
		w.watches <- i
	}
	return i, err
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	obj := &v1alpha1.DatasetSync{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "DatasetSync"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "vision", Name: "cats", UID: "cats", Annotations: map[string]string{"kept": "yes"}},
	}
	kinds := map[schema.GroupVersionResource]string{resource(): "DatasetSyncList"}
	client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, untyped(t, obj))
	watches := make(chan watch.Interface, 1)
	return &cluster{
		t: t, client: client, watches: watches, err: make(chan error, 1),
		object: object{client: watched{client.Resource(resource()).Namespace("vision"), watches}, name: "cats"},
	}
}

func untyped(t *testing.T, obj *v1alpha1.DatasetSync) *unstructured.Unstructured {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: content}
}

// start runs the command.
func (c *cluster) start(ctx context.Context, s *syncer) {
	c.t.Helper()
	r, w := io.Pipe()
	c.lines = bufio.NewScanner(r)
	s.now = func() time.Time { return began }
	go func() {
		c.err <- s.run(ctx, c.object, newScreen(w))
		w.Close()
	}()
}

// says fails unless the next line that is printed contains a text.
func (c *cluster) says(want string) {
	c.t.Helper()
	if !c.lines.Scan() {
		c.t.Fatalf("nothing is printed, want %q; the command returned %v", want, <-c.err)
	}
	if got := c.lines.Text(); !strings.Contains(got, want) {
		c.t.Fatalf("got the line %q, want one with %q", got, want)
	}
}

// ends returns what the command returns, which prints nothing more.
func (c *cluster) ends() error {
	c.t.Helper()
	for c.lines.Scan() {
		c.t.Errorf("one more line: %q", c.lines.Text())
	}
	return <-c.err
}

// get returns the object as it is now.
func (c *cluster) get() *v1alpha1.DatasetSync {
	c.t.Helper()
	u, err := c.client.Resource(resource()).Namespace("vision").Get(c.t.Context(), "cats", metav1.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	obj, err := typed(u)
	if err != nil {
		c.t.Fatal(err)
	}
	return obj
}

// become is what the operator, or somebody else, does to the object.
func (c *cluster) become(next change) {
	c.t.Helper()
	obj := c.get()
	next(obj)
	if _, err := c.client.Resource(resource()).Namespace("vision").Update(c.t.Context(), untyped(c.t, obj), metav1.UpdateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

func TestAskingOnly(t *testing.T) {
	c := newCluster(t)
	c.start(t.Context(), &syncer{})
	c.says("datasetsync/cats: a sync is requested (2026-03-01T10:00:00.25Z-")
	if err := c.ends(); err != nil {
		t.Error(err)
	}
	annotations := c.get().Annotations
	if annotations["kept"] != "yes" || !strings.HasPrefix(annotations[v1alpha1.RequestedAtAnnotation], "2026-03-01T10:00:00.25Z-") {
		t.Errorf("the annotations are %v", annotations)
	}
}

func TestAskingASuspendedObject(t *testing.T) {
	c := newCluster(t)
	c.become(suspend)
	c.start(t.Context(), &syncer{})
	c.says("a sync is requested")
	c.says("datasetsync/cats: " + suspended)
	if err := c.ends(); err != nil {
		t.Error(err)
	}
}

func TestWaitingForTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  change
		says string
		err  string
	}{
		"it succeeds": {end: closed(v1alpha1.OutcomeSucceeded), says: "Succeeded  samples: 3 added, 12 in total (task t1)"},
		"it fails": {
			end: all(closed(v1alpha1.OutcomeFailed), stalled("TaskFailed", "The task failed.")),
			err: "datasetsync/cats: TaskFailed: The task failed.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t)
			cluster.start(t.Context(), &syncer{wait: true})
			cluster.says("a sync is requested")
			cluster.says("Waiting  the operator has not taken it in yet")
			<-cluster.watches
			cluster.become(takenIn(ours, 1))
			cluster.says("Requested  A sync was asked for.")
			cluster.become(following("t1", "RUNNING"))
			cluster.says("RUNNING  The task is running (task t1).")
			cluster.become(func(obj *v1alpha1.DatasetSync) { obj.Labels = map[string]string{"news": "none"} })
			cluster.become(c.end)
			if c.says != "" {
				cluster.says(c.says)
			}
			err := cluster.ends()
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Errorf("it returned %v, want %q", err, c.err)
			}
		})
	}
}

func TestWaitingForAnObjectThatIsDeleted(t *testing.T) {
	c := newCluster(t)
	c.start(t.Context(), &syncer{wait: true})
	c.says("a sync is requested")
	c.says("Waiting")
	<-c.watches
	if err := c.client.Resource(resource()).Namespace("vision").Delete(t.Context(), "cats", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.ends(); !errors.Is(err, errDeleted) {
		t.Errorf("it returned %v", err)
	}
}

func TestAWatchThatEndsIsTakenUpAgain(t *testing.T) {
	c := newCluster(t)
	c.start(t.Context(), &syncer{wait: true})
	c.says("a sync is requested")
	c.says("Waiting")
	first := <-c.watches
	first.Stop()
	<-c.watches
	c.become(all(takenIn(ours, 1), following("t1", "RUNNING"), closed(v1alpha1.OutcomeSucceeded)))
	c.says("Succeeded")
	if err := c.ends(); err != nil {
		t.Error(err)
	}
}

func TestWaitingNoLongerThanToldTo(t *testing.T) {
	c := newCluster(t)
	c.start(t.Context(), &syncer{wait: true, timeout: time.Nanosecond})
	for c.lines.Scan() {
	}
	if err := <-c.err; err == nil || !strings.Contains(err.Error(), "not done after 1ns") {
		t.Errorf("it returned %v", err)
	}
}

func TestAskingWithoutTheRight(t *testing.T) {
	c := newCluster(t)
	forbidden := apierrors.NewForbidden(resource().GroupResource(), "cats", errors.New("no"))
	c.client.PrependReactor("patch", "*", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, forbidden })
	c.start(t.Context(), &syncer{wait: true})
	if err := c.ends(); !apierrors.IsForbidden(err) {
		t.Errorf("it returned %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	const nobody = `{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":"http://127.0.0.1:1"}}],
		"contexts":[{"name":"c","context":{"cluster":"c"}}]}`
	if err := os.WriteFile(kubeconfig, []byte(nobody), 0o600); err != nil {
		t.Fatal(err)
	}
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	for name, c := range map[string]struct {
		ctx  context.Context
		args []string
		want int
		says string
	}{
		"no name":                {t.Context(), []string{"sync"}, exitFailed, "error: accepts 1 arg"},
		"help":                   {t.Context(), []string{"sync", "--help"}, 0, "kubectl dsync sync NAME"},
		"nobody answers":         {t.Context(), []string{"sync", "cats", "--kubeconfig", kubeconfig}, exitFailed, "error: "},
		"Ctrl-C":                 {interrupted, []string{"sync", "cats", "--kubeconfig", kubeconfig}, exitInterrupted, "interrupted"},
		"a kubeconfig not there": {t.Context(), []string{"sync", "cats", "--kubeconfig", kubeconfig + "-not"}, exitFailed, "error: "},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if got := run(c.ctx, c.args, genericiooptions.IOStreams{Out: &out, ErrOut: &out}); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("it printed %q, want %q in it", out.String(), c.says)
			}
		})
	}
}

func TestNoTwoRequestsHaveOneValue(t *testing.T) {
	if one, other := requestValue(began), requestValue(began); one == other || len(one) > v1alpha1.MaxRequestLength {
		t.Errorf("%q and %q", one, other)
	}
}
