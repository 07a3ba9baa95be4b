// Package options reads the manager's flags.
package options

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"datasetsync.dev/operator/controllers"
)

// leaseName is the name of the lease of a manager that watches everything.
const leaseName = "datasetsync-operator"

// Options are the manager's flags.
type Options struct {
	// Settings are those that the controller's decisions depend on.
	Settings controllers.Settings
	// Concurrency is how many objects are worked on at once.
	Concurrency int
	// KubeQPS and KubeBurst limit the calls of the API server; a KubeQPS of 0 leaves
	// that to the API server.
	KubeQPS   float64
	KubeBurst int
	// Namespaces are watched; all if empty.
	Namespaces []string
	// Selector is what the labels of watched objects match.
	Selector labels.Selector

	// LeaderElect has one replica at a time do the work.
	LeaderElect                               bool
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration

	// MetricsAddress and ProbeAddress are where metrics and probes are served.
	MetricsAddress, ProbeAddress string
	// MetricsSecure serves metrics over TLS to whoever is authorized.
	MetricsSecure bool
	// PerObjectMetrics adds two series for each object.
	PerObjectMetrics bool

	// Version asks for the version and nothing else.
	Version bool
	// Log is how and what is logged.
	Log zap.Options
}

// Parse reads the flags. It returns flag.ErrHelp if help was asked for.
func Parse(args []string) (*Options, error) {
	o := &Options{Log: zap.Options{TimeEncoder: zapcore.RFC3339NanoTimeEncoder}}
	fs := flag.NewFlagSet("manager", flag.ContinueOnError)
	o.bindService(fs)
	o.bindCluster(fs)
	var regions []string
	fs.Func("region-endpoint", "region=URL of a region that does not follow --endpoint; repeatable.", func(value string) error {
		regions = append(regions, value)
		return nil
	})
	namespaces := fs.String("watch-namespaces", "", "Comma-separated namespaces to watch; empty: all.")
	selector := fs.String("watch-selector", "", "Label selector of the objects to work on; empty: all.")
	fs.BoolVar(&o.Version, "version", false, "Print version, commit and Go version, and exit.")
	o.Log.BindFlags(fs)
	// The library's text tells its own default.
	fs.Lookup("zap-time-encoding").Usage = "How times are logged: rfc3339nano (if unset), rfc3339, iso8601, epoch, millis or nano."
	config.RegisterFlags(fs)
	if err := fs.Parse(args); err != nil {
		return nil, err //nolint:wrapcheck // It has been printed, with the usage.
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: there are only flags", fs.Arg(0))
	}
	return o, errors.Join(o.setRegions(regions), o.setNamespaces(*namespaces), o.setSelector(*selector), o.validate())
}

func (o *Options) bindService(fs *flag.FlagSet) {
	s := &o.Settings
	fs.StringVar(&s.Endpoint, "endpoint", "https://modelarts.{region}.myhuaweicloud.com", "URL of the service; {region} stands for the region.")
	fs.StringVar(&s.DefaultRegion, "default-region", "cn-north-4", "Region of objects that name none.")
	fs.DurationVar(&s.RequestTimeout, "request-timeout", 30*time.Second, "How long one HTTP call may take.")
	fs.DurationVar(&s.SettleTime, "settle-time", time.Minute, "After a start whose fate is unknown, how long until the service's status is believed; at least twice --request-timeout.")
	fs.DurationVar(&s.ScheduleJitter, "schedule-jitter", 30*time.Second, "By how much scheduled runs are spread at most.")
	fs.DurationVar(&s.PollMin, "poll-min", 5*time.Second, "Shortest time between two looks at a task.")
	fs.DurationVar(&s.PollMax, "poll-max", time.Minute, "Longest time between two looks at a task.")
	fs.DurationVar(&s.RetryMin, "retry-min", 10*time.Second, "Delay before a run is started again, doubled each time.")
	fs.DurationVar(&s.RetryMax, "retry-max", 10*time.Minute, "Longest such delay.")
	fs.Float64Var(&s.QPS, "api-qps", 5, "Calls a second for one access key at one endpoint; 0: no limit.")
	fs.IntVar(&s.Burst, "api-burst", 10, "Calls for one access key at one endpoint that may come at once.")
}

func (o *Options) bindCluster(fs *flag.FlagSet) {
	fs.IntVar(&o.Concurrency, "concurrency", 16, "Objects worked on at once.")
	fs.Float64Var(&o.KubeQPS, "kube-api-qps", 0, "Calls a second of the API server for one kind of object; 0: no limit but its own priority and fairness.")
	fs.IntVar(&o.KubeBurst, "kube-api-burst", 400, "Calls of the API server that may come at once, where --kube-api-qps limits them.")
	fs.BoolVar(&o.LeaderElect, "leader-elect", false, "Have one replica at a time do the work.")
	fs.DurationVar(&o.LeaseDuration, "leader-elect-lease-duration", 15*time.Second, "How long the others wait before they take over.")
	fs.DurationVar(&o.RenewDeadline, "leader-elect-renew-deadline", 10*time.Second, "How long the leader tries to renew before it gives up.")
	fs.DurationVar(&o.RetryPeriod, "leader-elect-retry-period", 2*time.Second, "How often the lease is tried for.")
	fs.StringVar(&o.MetricsAddress, "metrics-bind-address", ":8443", "Where metrics are served; 0: nowhere.")
	fs.BoolVar(&o.MetricsSecure, "metrics-secure", true, "Serve metrics over TLS, to whoever is authorized.")
	fs.BoolVar(&o.PerObjectMetrics, "per-object-metrics", false, "Tell the last success and the schedule's interval of each object.")
	fs.StringVar(&o.ProbeAddress, "health-probe-bind-address", ":8081", "Where /healthz and /readyz are served; 0: nowhere.")
}

// setRegions takes in the values of --region-endpoint. They are not checked as the
// flag is parsed, since package flag repeats what it refuses, password and all.
func (o *Options) setRegions(values []string) error {
	for _, value := range values {
		region, address, ok := strings.Cut(value, "=")
		if !ok || len(validation.IsDNS1123Label(region)) > 0 {
			return errors.New("--region-endpoint: want region=URL")
		}
		if err := validateURL(address); err != nil {
			return fmt.Errorf("--region-endpoint of %s: %w", region, err)
		}
		if o.Settings.RegionEndpoints == nil {
			o.Settings.RegionEndpoints = map[string]string{}
		}
		o.Settings.RegionEndpoints[region] = address
	}
	return nil
}

func (o *Options) setNamespaces(value string) error {
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			return fmt.Errorf("--watch-namespaces: %q: %s", name, problems[0])
		}
		o.Namespaces = append(o.Namespaces, name)
	}
	slices.Sort(o.Namespaces)
	o.Namespaces = slices.Compact(o.Namespaces)
	return nil
}

func (o *Options) setSelector(value string) error {
	selector, err := labels.Parse(value)
	if err != nil {
		return fmt.Errorf("--watch-selector: %w", err)
	}
	o.Selector = selector
	return nil
}

// validate refuses what would break a promise or cannot work.
func (o *Options) validate() error {
	s := &o.Settings
	var problems []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	if err := validateURL(strings.ReplaceAll(s.Endpoint, "{region}", "region")); err != nil {
		problems = append(problems, fmt.Errorf("--endpoint: %w", err))
	}
	refuse(len(validation.IsDNS1123Label(s.DefaultRegion)) > 0, "--default-region: %q is no region", s.DefaultRegion)
	refuse(s.RequestTimeout <= 0, "--request-timeout must be positive")
	refuse(s.SettleTime < 2*s.RequestTimeout, "--settle-time must be at least twice --request-timeout (%s), since a start may be on its way that long", s.RequestTimeout)
	refuse(s.ScheduleJitter < 0, "--schedule-jitter must not be negative")
	refuse(s.PollMin <= 0 || s.PollMax < s.PollMin, "--poll-min must be positive and not above --poll-max")
	refuse(s.RetryMin <= 0 || s.RetryMax < s.RetryMin, "--retry-min must be positive and not above --retry-max")
	refuse(s.QPS < 0, "--api-qps must not be negative")
	refuse(s.Burst < 2, "--api-burst must be at least 2: one call to look, one to start")
	refuse(o.KubeQPS < 0, "--kube-api-qps must not be negative")
	refuse(o.KubeBurst < 1, "--kube-api-burst must be at least 1")
	refuse(o.Concurrency < 1, "--concurrency must be at least 1")
	return errors.Join(problems...)
}

// validateURL tells why the service cannot be called at an address, without the
// address: it may have a password in it.
func validateURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "":
		return errors.New("the value is no http or https URL")
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the value has a host that is not plain ASCII: write it as it stands in DNS")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("the value has a user, a query or a fragment")
	}
	return nil
}

// LeaseName names the lease after what is watched, so that managers of the same
// objects share one and managers of others do not.
func (o *Options) LeaseName() string {
	if len(o.Namespaces) == 0 && o.Selector.Empty() {
		return leaseName
	}
	sum := sha256.Sum256([]byte(strings.Join(o.Namespaces, ",") + "\n" + o.Selector.String()))
	return leaseName + "-" + hex.EncodeToString(sum[:4])
}
