package controllers

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/handler"

	"datasetsync.dev/operator/api/v1alpha1"
)

func TestPriority(t *testing.T) {
	for name, c := range map[string]struct {
		run  *v1alpha1.Run
		want int
	}{
		"an object at rest is in time":                          {nil, 0},
		"a request that waits is in time":                       {&v1alpha1.Run{}, 0},
		"a request that the service did not answer may be late": {&v1alpha1.Run{Failures: 1}, handler.LowPriority},
		"a start whose fate is unknown is in time":              {&v1alpha1.Run{Nonce: "1"}, 0},
		"a start whose task is not shown is in time":            {&v1alpha1.Run{Nonce: "1", Accepted: true}, 0},
		"a look at a task that is under way may be late":        {&v1alpha1.Run{Nonce: "1", Accepted: true, Task: &v1alpha1.RunTask{}}, handler.LowPriority},
		"a look at a task of somebody else may be late too":     {&v1alpha1.Run{Task: &v1alpha1.RunTask{}}, handler.LowPriority},
	} {
		t.Run(name, func(t *testing.T) {
			if got := priorityOf(c.run); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
