// Command manager runs the DatasetSync operator.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"time"
	_ "time/tzdata" // The image has no time zones, and schedules name them.

	"github.com/prometheus/client_golang/prometheus"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/controllers"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/options"
)

// version and commit are set by the build.
var version, commit = "dev", "unknown" //nolint:gochecknoglobals // The linker needs them so.

// shutdownMargin is what a shutdown has beyond the request timeout: time to
// record what came of the last call.
const shutdownMargin = 15 * time.Second

// gcPercent is how much the heap may grow, in percent of what is in use, before
// it is collected: half of Go's 100, because most of it is objects at rest.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	err := run(ctrl.SetupSignalHandler(), os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

// run runs the manager until ctx ends.
func run(ctx context.Context, args []string) error {
	o, err := options.Parse(args)
	if err != nil {
		return err
	}
	if o.Version {
		_, err := fmt.Fprintf(os.Stdout, "datasetsync-operator %s, commit %s, %s\n", version, commit, runtime.Version())
		return err
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&o.Log)))
	ctrl.Log.Info("Starting", "version", version, "commit", commit, "go", runtime.Version())

	mgr, err := newManager(o)
	if err != nil {
		return err
	}
	counts, err := newMetrics(mgr, o)
	if err != nil {
		return err
	}
	api := modelarts.NewClient(modelarts.Options{
		RequestTimeout: o.Settings.RequestTimeout, UserAgent: "datasetsync-operator/" + version, MaxIdleConns: o.Concurrency, Observe: counts.ObserveCall,
	})
	defer api.CloseIdleConnections()
	reconciler := controllers.NewReconciler(controllers.Dependencies{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), API: api,
		Recorder: mgr.GetEventRecorder("datasetsync-operator"), Metrics: counts,
	}, o.Settings)
	if err := reconciler.SetupWithManager(mgr, o.Concurrency); err != nil {
		return fmt.Errorf("set up the controller: %w", err)
	}
	return mgr.Start(ctx)
}

func newManager(o *options.Options) (ctrl.Manager, error) {
	scheme := k8sruntime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	cfg.QPS, cfg.Burst = float32(o.KubeQPS), o.KubeBurst
	if o.KubeQPS == 0 {
		cfg.QPS = -1 // To client-go 0 is a limit of 5.
	}
	grace := o.Settings.RequestTimeout + shutdownMargin
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cacheOptions(o),
		Metrics:                       metricsOptions(o),
		HealthProbeBindAddress:        o.ProbeAddress,
		GracefulShutdownTimeout:       &grace,
		LeaderElection:                o.LeaderElect,
		LeaderElectionID:              o.LeaseName(),
		LeaderElectionNamespace:       os.Getenv("POD_NAMESPACE"),
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &o.LeaseDuration,
		RenewDeadline:                 &o.RenewDeadline,
		RetryPeriod:                   &o.RetryPeriod,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the manager: %w", err)
	}
	return mgr, addProbes(mgr)
}

// cacheOptions keeps what the controller reads and no more.
func cacheOptions(o *options.Options) cache.Options {
	c := cache.Options{
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.DatasetSync{}: {Label: o.Selector, Transform: controllers.Compact},
		},
	}
	for _, namespace := range o.Namespaces {
		if c.DefaultNamespaces == nil {
			c.DefaultNamespaces = map[string]cache.Config{}
		}
		c.DefaultNamespaces[namespace] = cache.Config{}
	}
	return c
}

func metricsOptions(o *options.Options) metricsserver.Options {
	m := metricsserver.Options{
		BindAddress:   o.MetricsAddress,
		SecureServing: o.MetricsSecure,
		TLSOpts:       []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }},
	}
	if o.MetricsSecure {
		m.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	return m
}

// newMetrics registers the operator's metrics with those of the manager.
func newMetrics(mgr ctrl.Manager, o *options.Options) (*controllers.Metrics, error) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "datasetsync_build_info", Help: "Always 1; its labels tell the build.",
		ConstLabels: prometheus.Labels{"version": version, "commit": commit, "go_version": runtime.Version()},
	})
	build.Set(1)
	counts := controllers.NewMetrics()
	return counts, errors.Join(counts.Register(metrics.Registry), metrics.Registry.Register(build),
		metrics.Registry.Register(controllers.NewCollector(mgr.GetCache(), o.PerObjectMetrics)))
}

// addProbes makes a replica ready once its cache is filled, leader or not.
func addProbes(mgr ctrl.Manager) error {
	alive := func(*http.Request) error { return nil }
	filled := func(req *http.Request) error {
		informer, err := mgr.GetCache().GetInformer(req.Context(), &v1alpha1.DatasetSync{}, cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		if !informer.HasSynced() {
			return errors.New("the cache is not filled yet")
		}
		return nil
	}
	return errors.Join(mgr.AddHealthzCheck("alive", alive), mgr.AddReadyzCheck("cache", filled))
}
