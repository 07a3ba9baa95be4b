package controllers

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/simulator"
)

// many is how many objects are created at once.
const many = 500

// startManager runs the real manager over the namespace of a world, by the real
// clock, until the test ends.
func (w *world) startManager(ctx context.Context) {
	GinkgoHelper()
	rest := *restConfig
	rest.QPS, rest.Burst = 1000, 1000
	mgr, err := ctrl.NewManager(&rest, ctrl.Options{
		Scheme:     scheme,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{w.namespace: {}}},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	Expect(err).NotTo(HaveOccurred())
	api := modelarts.NewClient(modelarts.Options{RequestTimeout: w.settings.RequestTimeout})
	DeferCleanup(api.CloseIdleConnections)
	reconciler := NewReconciler(Dependencies{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), API: api, Recorder: mgr.GetEventRecorder("test"),
	}, w.settings)
	Expect(reconciler.SetupWithManager(mgr, 16)).To(Succeed())
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(running) }()
	DeferCleanup(func() {
		stop()
		Eventually(ended, time.Minute).Should(Receive(BeNil()))
	})
}

// realTime makes a world that runs by the real clock.
func realTime(ctx context.Context, c simulator.Config) *world {
	GinkgoHelper()
	w := newWorld(ctx)
	c.AccessKey, c.SecretKey, c.Latency = testAK, testSK, 5*time.Millisecond
	w.service = simulator.New(c)
	server := httptest.NewServer(w.service.Handler())
	DeferCleanup(server.Close)
	w.settings.Endpoint, w.settings.QPS = server.URL, 0
	w.settings.PollMin, w.settings.PollMax = 500*time.Millisecond, 2*time.Second
	return w
}

var _ = Describe("The manager", func() {
	for name, config := range map[string]simulator.Config{
		"a service that tells everything":         {},
		"a service that answers starts with none": {Answer: simulator.AnswerEmpty},
		"a service that tells only states":        {Status: simulator.StatusSparse},
	} {
		It(fmt.Sprintf("starts each of %d objects exactly once with %s", many, name), func(ctx SpecContext) {
			config.TaskDuration = 3 * time.Second
			w := realTime(ctx, config)
			w.startManager(ctx)
			creators := errgroup.Group{}
			creators.SetLimit(16)
			fast := *restConfig
			fast.QPS, fast.Burst = 1000, 1000
			c := newClient(&fast)
			for i := range many {
				creators.Go(func() error {
					obj := &v1alpha1.DatasetSync{Spec: v1alpha1.DatasetSyncSpec{ProjectID: testProject, DatasetID: fmt.Sprintf("cats-%d", i)}}
					obj.Namespace, obj.Name = w.namespace, obj.Spec.DatasetID
					return c.Create(ctx, obj)
				})
			}
			Expect(creators.Wait()).To(Succeed())

			list := &v1alpha1.DatasetSyncList{}
			Eventually(func(g Gomega) {
				g.Expect(c.List(ctx, list, client.InNamespace(w.namespace))).To(Succeed())
				ready := 0
				for i := range list.Items {
					if isReady(&list.Items[i]) {
						ready++
					}
				}
				g.Expect(ready).To(Equal(many))
			}).WithTimeout(3 * time.Minute).WithPolling(time.Second).Should(Succeed())

			started := map[string]string{}
			for _, entry := range w.service.Ledger() {
				Expect(entry.Verdict).To(Equal(simulator.VerdictAccepted))
				Expect(started).NotTo(HaveKey(entry.Dataset), "a second start")
				started[entry.Dataset] = entry.TaskID
			}
			Expect(started).To(HaveLen(many))
			for _, obj := range list.Items {
				if config.Status != simulator.StatusSparse || config.Answer != simulator.AnswerEmpty {
					Expect(obj.Status.TaskID).To(Equal(started[obj.Spec.DatasetID]))
				}
			}
		}, SpecTimeout(5*time.Minute))
	}
})
