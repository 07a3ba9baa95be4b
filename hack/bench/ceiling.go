package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

// bodies are the two status patches of a start: of what is paid for, with the
// project and the data set, and of what came of it, with the task id.
type bodies struct{ intent, outcome string }

// least says as little as can be said.
func least() bodies {
	return bodies{
		`{"status":{"run":{"cause":"Created","target":{"projectID":%q,"datasetID":%q,"region":"cn-north-4"},"requestedTime":"2026-01-01T00:00:00.000000Z","attempt":1,"nonce":"0123456789abcdef0123456789abcdef"}}}`,
		`{"status":{"taskID":%q}}`,
	}
}

// whole says what the manager says, so that its patches cost the API server as
// much.
func whole() bodies {
	condition := func(kind, status, reason, message string) string {
		return fmt.Sprintf(`{"type":%q,"status":%q,"reason":%q,"message":%q,"observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z"}`, kind, status, reason, message)
	}
	conditions := func(syncing, reason, message string) string {
		return condition("Syncing", syncing, reason, message) + "," + condition("Ready", "Unknown", reason, message) + "," +
			condition("Reconciling", "True", reason, message)
	}
	return bodies{
		`{"status":{"observedGeneration":1,"run":{"cause":"Created","target":{"projectID":%[1]q,"datasetID":%[2]q,"region":"cn-north-4"},"requestedTime":"2026-01-01T00:00:00.000000Z","startTime":"2026-01-01T00:00:00.000000Z","attempt":1,"nonce":"0123456789abcdef0123456789abcdef","baseline":{"state":"NOT_EXIST","observedTime":"2026-01-01T00:00:00.000000Z"}},"handledTarget":{"projectID":%[1]q,"datasetID":%[2]q,"region":"cn-north-4"},"conditions":[` +
			conditions("False", "Starting", "A sync is being started.") + `]}}`,
		`{"status":{"taskID":%q,"run":{"accepted":true,"task":{"id":"0123456789abcdefghi","origin":"Started","seenTime":"2026-01-01T00:00:00.000000Z"}},"conditions":[` +
			conditions("True", "TaskQueued", "The task is queued (task 0123456789abcdefghi).") + `]}}`,
	}
}

// ceiling is the bare loop: for each object one GET, one POST and two status
// patches, over connections that are kept, and nothing else.
type ceiling struct {
	*stack
	bodies

	api, service *http.Client
}

func (s *stack) newCeiling() (*ceiling, error) {
	tlsConfig, err := rest.TLSConfigFor(s.config)
	if err != nil {
		return nil, err
	}
	return &ceiling{stack: s, bodies: least(), api: keeping(tlsConfig), service: keeping(nil)}, nil
}

// keeping returns a client that keeps a connection for each worker.
func keeping(tlsConfig *tls.Config) *http.Client {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: tlsConfig, MaxIdleConnsPerHost: workers, Protocols: &http1}}
}

// result is how fast objects had their task id, and what one of them cost all
// programs together, in milliseconds of CPU.
type result struct{ rate, cost float64 }

// run does it for n new objects of a kind. They are gone afterwards.
func (c *ceiling) run(ctx context.Context, kind string, n int) (result, error) {
	err := each(ctx, n, func(ctx context.Context, i int) error {
		return c.client.Create(ctx, object("default", kind, i))
	})
	if err != nil {
		return result{}, err
	}
	watched, cancel := context.WithCancel(ctx)
	defer cancel()
	o, err := c.observe(watched) // As in the measurement of the manager.
	if err != nil {
		return result{}, err
	}
	from := look()
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range workers {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := c.one(ctx, object("default", kind, i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return result{}, err
	}
	last, err := o.awaitTasks(watched, n)
	if err != nil {
		return result{}, err
	}
	to := look()
	found := result{float64(n) / last.Sub(from.at).Seconds(), cost(from, to) * 1000 / float64(n)}
	fmt.Printf("  ceiling, %s: %.0f objects/s, %.1f ms of CPU for each; CPU: %s\n", kind, found.rate, found.cost, cpu(from, to))
	return found, c.client.DeleteAllOf(watched, &v1alpha1.DatasetSync{}, client.InNamespace("default"))
}

// one takes one object from waiting to its task id.
func (c *ceiling) one(ctx context.Context, obj *v1alpha1.DatasetSync) error {
	url := c.stack.service + "/v2/" + projectID + "/datasets/" + obj.Name + "/sync-data"
	if _, err := c.call(ctx, http.MethodGet, url+"/status"); err != nil {
		return err
	}
	if err := c.patch(ctx, obj, fmt.Sprintf(c.intent, projectID, obj.Name)); err != nil {
		return err
	}
	answer, err := c.call(ctx, http.MethodPost, url)
	if err != nil {
		return err
	}
	var started struct {
		TaskID string `json:"task_id"`
	}
	if err := json.Unmarshal(answer, &started); err != nil {
		return err
	}
	return c.patch(ctx, obj, fmt.Sprintf(c.outcome, started.TaskID))
}

func (c *ceiling) call(ctx context.Context, method, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Auth-Token", serviceToken)
	return send(c.service, request)
}

func (c *ceiling) patch(ctx context.Context, obj *v1alpha1.DatasetSync, body string) error {
	url := c.config.Host + "/apis/modelarts.datasetsync.dev/v1alpha1/namespaces/" + obj.Namespace + "/datasetsyncs/" + obj.Name + "/status"
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/merge-patch+json")
	_, err = send(c.api, request)
	return err
}

// idlePatch is how long one status patch of the idle control plane takes, in
// milliseconds: the median of some.
func (c *ceiling) idlePatch(ctx context.Context) (float64, error) {
	obj := object("default", "idle", 0)
	if err := c.client.Create(ctx, obj); err != nil {
		return 0, err
	}
	var took []float64
	for i := range 100 {
		began := time.Now()
		if err := c.patch(ctx, obj, fmt.Sprintf(c.outcome, fmt.Sprint("idle", i))); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began).Seconds()*1000)
		time.Sleep(10 * time.Millisecond)
	}
	return quantile(took, 0.5), c.client.Delete(ctx, obj)
}
