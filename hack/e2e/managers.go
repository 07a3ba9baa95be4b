package main

import (
	"context"
	"fmt"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// leaseName is the lease of a manager that watches everything.
const leaseName = "datasetsync-operator"

// managers returns the manager's pods by name, those that are being deleted
// included.
func (c *cluster) managers(ctx context.Context) (map[string]*corev1.Pod, error) {
	var list corev1.PodList
	if err := c.client.List(ctx, &list, client.InNamespace(systemNamespace),
		client.MatchingLabels{"control-plane": "controller-manager"}); err != nil {
		return nil, err
	}
	pods := map[string]*corev1.Pod{}
	for i := range list.Items {
		pods[list.Items[i].Name] = &list.Items[i]
	}
	return pods, nil
}

// leader returns the pod that holds the lease. It fails if there is none, or it
// is gone.
func (c *cluster) leader(ctx context.Context) (string, error) {
	var lease coordinationv1.Lease
	if err := c.client.Get(ctx, client.ObjectKey{Namespace: systemNamespace, Name: leaseName}, &lease); err != nil {
		return "", err
	}
	// controller-runtime adds a random part to the host's name, which is the pod's.
	name, _, _ := strings.Cut(ptr.Deref(lease.Spec.HolderIdentity, ""), "_")
	pods, err := c.managers(ctx)
	if err != nil {
		return "", err
	}
	if pods[name] == nil {
		return "", fmt.Errorf("the lease is held by %q, which is no pod", name)
	}
	return name, nil
}

// awaitReplicas waits for two ready managers with this image and no others, one
// of which leads.
func (c *cluster) awaitReplicas(ctx context.Context, of image) error {
	var leader string
	err := c.await(ctx, fmt.Sprintf("there are two replicas with %s, both ready, and one of them leads", of), func(ctx context.Context) error {
		pods, err := c.managers(ctx)
		if err != nil {
			return err
		}
		if len(pods) != 2 {
			return fmt.Errorf("there are %d pods", len(pods))
		}
		for name, pod := range pods {
			if got := pod.Spec.Containers[0].Image; got != of.String() {
				return fmt.Errorf("pod %s has image %s", name, got)
			}
			if err := notReady(pod); err != nil {
				return err
			}
		}
		leader, err = c.leader(ctx)
		return err
	})
	if err == nil {
		c.say("%s leads", leader)
	}
	return err
}

// killLeader gives the leader's pod no time for anything, and waits until the
// other replica leads. Until then no pod is made in its place: it might be the
// quicker one, and whether a replica that stands by takes over would not be known.
func (c *cluster) killLeader(ctx context.Context) error {
	killed, err := c.leader(ctx)
	if err != nil {
		return err
	}
	none := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "no-new-pod"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}},
	}
	if err := c.client.Create(ctx, none); err != nil {
		return fmt.Errorf("keep new pods out: %w", err)
	}
	if err := c.run(ctx, "delete", "pod", killed, "--namespace", systemNamespace, "--force", "--grace-period=0"); err != nil {
		return err
	}
	var successor string
	if err := c.await(ctx, "the other replica leads", func(ctx context.Context) error {
		successor, err = c.leader(ctx)
		return err
	}); err != nil {
		return err
	}
	c.say("%s leads", successor)
	return c.client.Delete(ctx, none)
}

// notReady tells why a pod is not ready; nil if it is.
func notReady(pod *corev1.Pod) error {
	if pod.DeletionTimestamp != nil {
		return fmt.Errorf("pod %s is being deleted", pod.Name)
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return nil
		}
	}
	why := string(pod.Status.Phase)
	for _, s := range pod.Status.ContainerStatuses {
		if w := s.State.Waiting; w != nil {
			why = strings.TrimSpace(w.Reason + " " + w.Message)
		}
	}
	return fmt.Errorf("pod %s is not ready: %s", pod.Name, why)
}
