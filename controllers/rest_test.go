package controllers

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/discovery"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

func withTaskTimeout(seconds int32) change {
	return func(obj *v1alpha1.DatasetSync) { obj.Spec.TaskTimeoutSeconds = seconds }
}

// restful are the states in which an object "cats" costs nothing.
var restful = map[string]func(ctx context.Context, w *world){
	"is at rest": func(ctx context.Context, w *world) {
		w.healthy(ctx, "cats")
	},
	"waits for its schedule": func(ctx context.Context, w *world) {
		w.healthy(ctx, "cats", withSchedule("0 0 1 1 *"))
	},
	"is suspended": func(ctx context.Context, w *world) {
		w.healthy(ctx, "cats", withSchedule("* * * * *"))
		w.edit(ctx, "cats", withSuspend(true))
	},
	"was created suspended": func(ctx context.Context, w *world) {
		w.create(ctx, "cats", withSuspend(true))
	},
	"is suspended with an open run": func(ctx context.Context, w *world) {
		w.at(ctx, moments["between two tries"])
		w.edit(ctx, "cats", withSuspend(true))
	},
	"is stalled because the service refused it": func(ctx context.Context, w *world) {
		w.service.AddFault(simulator.Fault{Kind: "answer", Code: "ModelArts.4352"})
		w.create(ctx, "cats")
	},
	"is stalled because its task failed": func(ctx context.Context, w *world) {
		w.service.AddFault(simulator.Fault{Kind: "task-fails", Code: "ModelArts.4312"})
		w.create(ctx, "cats")
	},
	"is stalled because its task does not end": func(ctx context.Context, w *world) {
		w.service.AddFault(simulator.Fault{Kind: "task-never-ends"})
		w.create(ctx, "cats", withTaskTimeout(1))
	},
	"is stalled because its key is refused": func(ctx context.Context, w *world) {
		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{keyAccessKey: testAK, keySecretKey: "CANARY-WRONG"})
		w.create(ctx, "cats")
	},
	"is stalled because its Secret lacks a key": func(ctx context.Context, w *world) {
		w.setSecret(ctx, v1alpha1.DefaultCredentialsSecret, map[string]string{keyAccessKey: testAK})
		w.create(ctx, "cats")
	},
	"is stalled because its schedule does not parse": func(ctx context.Context, w *world) {
		w.healthy(ctx, "cats", withTrigger("v1"))
		w.edit(ctx, "cats", withSchedule("every night"))
	},
}

// requests reads from the API server's own metrics how often each verb was used
// on each resource that the operator has to do with.
func requests(ctx context.Context) map[string]int {
	GinkgoHelper()
	c, err := discovery.NewDiscoveryClientForConfig(restConfig)
	Expect(err).NotTo(HaveOccurred())
	text, err := c.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred())
	label := func(line, name string) string {
		if found := regexp.MustCompile(`[{,]` + name + `="([^"]*)"`).FindStringSubmatch(line); found != nil {
			return found[1]
		}
		return ""
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(text)) {
		resource := label(line, "resource")
		if !strings.HasPrefix(line, "apiserver_request_total{") || !slices.Contains([]string{"datasetsyncs", "events", "secrets", "leases"}, resource) {
			continue
		}
		count, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndex(line, " "):]))
		Expect(err).NotTo(HaveOccurred())
		counts[label(line, "verb")+" "+resource] += count
	}
	return counts
}

// writesOf returns the requests that change something.
func writesOf(counts map[string]int) map[string]int {
	counts = maps.Clone(counts)
	maps.DeleteFunc(counts, func(what string, _ int) bool {
		verb, resource, _ := strings.Cut(what, " ")
		// The API server renews leases of its own.
		return resource == "leases" || slices.Contains([]string{"GET", "LIST", "WATCH"}, verb)
	})
	return counts
}

var _ = Describe("An object that", func() {
	for name, reach := range restful {
		It(name+" costs no call and no write in a minute", func(ctx SpecContext) {
			w := newWorld(ctx)
			reach(ctx, w)
			q := queue{"cats": w.clock.Now()}
			w.live(ctx, q, 2*time.Minute)
			calls, writes := w.calls(), w.writes
			q["cats"] = w.clock.Now()
			w.live(ctx, q, time.Minute)
			Expect(w.calls()).To(Equal(calls))
			Expect(w.writes).To(Equal(writes))
		})
	}

	It("costs nothing costs nothing in a manager either", func(ctx SpecContext) {
		w := realTime(ctx, simulator.Config{TaskDuration: 200 * time.Millisecond})
		for code, dataset := range map[string]string{"ModelArts.4352": "gone", "ModelArts.4310": "forbidden"} {
			w.service.AddFault(simulator.Fault{Kind: "answer", Code: code, Dataset: dataset})
		}
		w.service.AddFault(simulator.Fault{Kind: "task-never-ends", Dataset: "late"})
		w.startManager(ctx)
		wanted := map[string]func(*v1alpha1.DatasetSync) bool{}
		for i := range 10 {
			name := fmt.Sprintf("healthy-%d", i)
			w.create(ctx, name, withSchedule("0 0 29 2 *"))
			wanted[name] = served
		}
		for _, name := range []string{"gone", "forbidden", "late"} {
			w.create(ctx, name, withTaskTimeout(1))
			wanted[name] = isStalled
		}
		w.create(ctx, "suspended", withSuspend(true))
		wanted["suspended"] = hasReason(v1alpha1.ReasonSuspended)
		for name, is := range wanted {
			Eventually(func() bool { return is(w.get(ctx, name)) }).WithTimeout(time.Minute).Should(BeTrue(), name)
		}

		// The last events are sent a moment after the status is written.
		var calls int
		var counts map[string]int
		Eventually(func(g Gomega) {
			before := writesOf(requests(ctx))
			calls, counts = w.calls(), requests(ctx)
			g.Expect(writesOf(counts)).To(Equal(before))
			g.Expect(counts["POST events"]).To(BeNumerically(">", 20), "they are counted at all")
		}).WithTimeout(time.Minute).WithPolling(time.Second).Should(Succeed())
		Consistently(func(g Gomega) {
			g.Expect(w.calls()).To(Equal(calls))
			now := requests(ctx)
			g.Expect(writesOf(now)).To(Equal(writesOf(counts)))
			g.Expect(now["GET secrets"]-counts["GET secrets"]).To(BeNumerically("<=", 1), "for the one that waits for it")
		}).WithTimeout(3 * time.Second).WithPolling(250 * time.Millisecond).Should(Succeed())
	}, SpecTimeout(2*time.Minute))
})
