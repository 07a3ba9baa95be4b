package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"datasetsync.dev/operator/api/v1alpha1"
)

// resting begins the task ids of objects that bench itself made finished.
const resting = "rest-"

// collection is the path of the objects.
const collection = "/apis/modelarts.datasetsync.dev/v1alpha1/datasetsyncs"

// observer watches the objects and notes when something was first seen of one.
type observer struct {
	mu sync.Mutex
	// task is when a task id was first seen, ready when the object was Ready with
	// it, by namespace/name.
	task, ready map[string]time.Time
	err         error
}

// change is what an observer reads of an object. It reads little, so as not to
// take the processors from what it observes.
type change struct {
	Type   string `json:"type"`
	Object struct {
		Metadata struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
			// ResourceVersion is where to go on.
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Status struct {
			TaskID     string `json:"taskID"`
			Conditions []struct {
				Type   string `json:"type"`
				Status string `json:"status"`
			} `json:"conditions"`
		} `json:"status"`
	} `json:"object"`
}

// observe begins to watch, until ctx ends.
func (s *stack) observe(ctx context.Context) (*observer, error) {
	page, err := get(ctx, s.api, s.config.Host+collection+"?limit=1")
	if err != nil {
		return nil, err
	}
	var list struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(page, &list); err != nil {
		return nil, err
	}
	body, err := s.watch(ctx, list.Metadata.ResourceVersion)
	if err != nil {
		return nil, err
	}
	o := &observer{task: map[string]time.Time{}, ready: map[string]time.Time{}}
	go o.follow(ctx, s, body, list.Metadata.ResourceVersion)
	return o, nil
}

// watch begins to watch after a resource version.
func (s *stack) watch(ctx context.Context, version string) (io.ReadCloser, error) {
	url := s.config.Host + collection + "?watch=1&timeoutSeconds=7200&resourceVersion=" + version
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := s.api.Do(request)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// follow reads a watch until ctx ends. The API server ends one now and then, for
// one when it has taken in a CRD; then it is begun again where it ended.
func (o *observer) follow(ctx context.Context, s *stack, body io.ReadCloser, version string) {
	for {
		version = o.read(body, version)
		body.Close()
		var err error
		if body, err = s.watch(ctx, version); err != nil {
			o.mu.Lock()
			o.err = fmt.Errorf("watch: %w", err)
			o.mu.Unlock()
			return
		}
	}
}

// read takes in what a watch tells until it ends, and returns the resource
// version that it got to.
func (o *observer) read(body io.Reader, version string) string {
	for decoder := json.NewDecoder(body); ; {
		var c change
		if err := decoder.Decode(&c); err != nil || c.Type == "ERROR" {
			return version
		}
		version = c.Object.Metadata.ResourceVersion
		o.mu.Lock()
		o.note(&c, time.Now())
		o.mu.Unlock()
	}
}

func (o *observer) note(c *change, now time.Time) {
	id := c.Object.Status.TaskID
	if id == "" || (len(id) > len(resting) && id[:len(resting)] == resting) {
		return
	}
	key := c.Object.Metadata.Namespace + "/" + c.Object.Metadata.Name
	if o.task[key].IsZero() {
		o.task[key] = now
	}
	for _, condition := range c.Object.Status.Conditions {
		if condition.Type == v1alpha1.ReadyCondition && condition.Status == "True" && o.ready[key].IsZero() {
			o.ready[key] = now
		}
	}
}

// awaitTasks waits until so many objects have a task id, and returns when the
// last of them had.
func (o *observer) awaitTasks(ctx context.Context, n int) (time.Time, error) {
	return o.await(ctx, n, o.task)
}

// awaitReady waits until so many objects are Ready.
func (o *observer) awaitReady(ctx context.Context, n int) (time.Time, error) {
	return o.await(ctx, n, o.ready)
}

func (o *observer) await(ctx context.Context, n int, seen map[string]time.Time) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	for {
		o.mu.Lock()
		have, last, err := len(seen), time.Time{}, o.err
		if have >= n {
			for _, at := range seen {
				if at.After(last) {
					last = at
				}
			}
		}
		o.mu.Unlock()
		switch {
		case err != nil:
			return time.Time{}, err
		case have >= n:
			return last, nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%d of %d objects: %w", have, n, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// latencies returns how long it took from asking to the task id, in
// milliseconds, of the objects that are asked about.
func (o *observer) latencies(asked map[string]time.Time) []float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []float64
	for key, at := range asked {
		if seen := o.task[key]; !seen.IsZero() {
			all = append(all, seen.Sub(at).Seconds()*1000)
		}
	}
	return all
}
