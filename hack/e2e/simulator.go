package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	simulatorPod = "simulator"
	servicePort  = "8090"
	controlPort  = "8091"
	// ledgerPath is where the API server passes a request on to the control port.
	ledgerPath = "/api/v1/namespaces/" + ownNamespace + "/pods/" + simulatorPod + ":" + controlPort + "/proxy/ledger"
)

// start is a line of the simulator's ledger: one request to start a task, and
// what became of it.
type start struct {
	Dataset string `json:"dataset"`
	Verdict string `json:"verdict"`
	TaskID  string `json:"task_id"`
}

// startSimulator runs the simulator in a namespace that lets only restricted pods
// in, and returns the URL of the service. Its tasks run until they are ended: what
// happens in mid-run does not depend on how fast anything is.
//
// The URL is the pod's address and not a Service's name, so that it works in a
// cluster without DNS as well; the pod is never replaced while this runs.
func (c *cluster) startSimulator(ctx context.Context, image string) (string, error) {
	if err := c.createNamespace(ctx, ownNamespace); err != nil {
		return "", err
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ownNamespace, Name: simulatorPod},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: ptr.To(false),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   ptr.To(true),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name:            simulatorPod,
				Image:           image,
				ImagePullPolicy: corev1.PullIfNotPresent,
				Args:            []string{"--listen=:" + servicePort, "--control=:" + controlPort, "--task-duration=0"},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false),
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
					ReadOnlyRootFilesystem:   ptr.To(true),
				},
			}},
		},
	}
	if err := c.client.Create(ctx, pod); err != nil {
		return "", fmt.Errorf("create the simulator's pod: %w", err)
	}
	err := c.await(ctx, "the simulator answers", func(ctx context.Context) error {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return err
		}
		if err := notReady(pod); err != nil {
			return err
		}
		_, err := c.ledger(ctx)
		return err
	})
	return "http://" + net.JoinHostPort(pod.Status.PodIP, servicePort), err
}

// createNamespace creates a namespace where Pod Security "restricted" is enforced,
// as config/default has it.
func (c *cluster) createNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := c.client.Create(ctx, namespace); err != nil {
		return fmt.Errorf("create the namespace %s: %w", name, err)
	}
	return nil
}

// control makes a request to the simulator's control port, by way of the API
// server, which can reach pods where this machine cannot.
func (c *cluster) control(ctx context.Context, verb, path string, body any) ([]byte, error) {
	request := c.core.CoreV1().RESTClient().Verb(verb).Namespace(ownNamespace).
		Resource("pods").Name(simulatorPod + ":" + controlPort).SubResource("proxy").Suffix(path)
	if body != nil {
		content, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		request.SetHeader("Content-Type", "application/json").Body(content)
	}
	answer, err := request.DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("the simulator: %s %s: %w: %s", verb, path, err, bytes.TrimSpace(answer))
	}
	return answer, nil
}

// ledger returns all starts since the simulator runs, oldest first.
func (c *cluster) ledger(ctx context.Context) ([]start, error) {
	content, err := c.control(ctx, "GET", "ledger", nil)
	if err != nil {
		return nil, err
	}
	var starts []start
	for decoder := json.NewDecoder(bytes.NewReader(content)); ; {
		var s start
		err := decoder.Decode(&s)
		if errors.Is(err, io.EOF) {
			return starts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the simulator's ledger: %w", err)
		}
		starts = append(starts, s)
	}
}

// endTask has the data set's task complete.
func (c *cluster) endTask(ctx context.Context, project, dataset string) error {
	_, err := c.control(ctx, "POST", "tasks", map[string]string{"project": project, "dataset": dataset, "finish": "COMPLETED"})
	return err
}

// holdStarts keeps so many starts on the wire: the service has taken them, but
// neither decides nor answers.
func (c *cluster) holdStarts(ctx context.Context, count int) error {
	_, err := c.control(ctx, "POST", "faults", map[string]any{"kind": "hold", "operation": "start", "count": count})
	return err
}

// awaitHeld waits until so many requests are kept on the wire, and returns their
// ids.
func (c *cluster) awaitHeld(ctx context.Context, count int) (ids []string, err error) {
	err = c.await(ctx, "the starts are on the wire", func(ctx context.Context) error {
		content, err := c.control(ctx, "GET", "held", nil)
		if err != nil {
			return err
		}
		var requests []struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(content, &requests); err != nil {
			return err
		}
		if len(requests) != count {
			return fmt.Errorf("%d of %d are", len(requests), count)
		}
		for i := range requests {
			ids = append(ids, requests[i].ID)
		}
		return nil
	})
	return ids, err
}

// release lets held requests go on, even if their sender is gone.
func (c *cluster) release(ctx context.Context, ids []string) error {
	for _, id := range ids {
		if _, err := c.control(ctx, "POST", "held/"+id+"/release", nil); err != nil {
			return err
		}
	}
	return nil
}

// looks returns how often the service was asked for the latest task of a data set.
func (c *cluster) looks(ctx context.Context) (int, error) {
	content, err := c.control(ctx, "GET", "calls", nil)
	if err != nil {
		return 0, err
	}
	var calls struct {
		Latest int `json:"latest"`
	}
	return calls.Latest, json.Unmarshal(content, &calls)
}
