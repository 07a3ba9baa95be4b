package explore

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"datasetsync.dev/operator/api/v1alpha1"
)

// name names a worker. The names stay when workers change places.
func (x *explorer) name(w int) string {
	if x.renamed {
		w = 1 - w
	}
	return [...]string{"A", "B"}[w]
}

// ofObject names an object, where there is more than one, by its worker.
func (x *explorer) ofObject(k int) string {
	if x.world.objects == 1 || !x.told {
		return ""
	}
	return " of " + x.name(k) + "'s object"
}

func (x *explorer) text(v view) string {
	switch {
	case !x.told:
		return ""
	case v.word == notExist:
		return "no task"
	default:
		return fmt.Sprintf("task %d %s", v.task, v.word.state())
	}
}

func (s stage) String() string {
	return [...]string{none: "no run", open: "open", unknown: "unknown", accepted: "accepted", following: "following"}[s]
}

func (k answerKind) String() string {
	return map[answerKind]string{
		throttled: "throttled", refusedInside: "an error inside a 2xx", refusedForGood: "refused for good", unsent: "not sent",
	}[k]
}

func (c *content) String() string {
	text := fmt.Sprintf("%s, request %d of %d", c.stage, c.handled, c.requested)
	if c.stage != none {
		text += fmt.Sprintf(", attempt %d", c.attempt)
	}
	if c.task != 0 {
		text += fmt.Sprintf(", task %d %s", c.task, c.object.Status.TaskState)
	}
	if ready := meta.FindStatusCondition(c.object.Status.Conditions, v1alpha1.ReadyCondition); ready != nil {
		text += fmt.Sprintf(", Ready=%s %s", ready.Status, ready.Reason)
	}
	return text
}
