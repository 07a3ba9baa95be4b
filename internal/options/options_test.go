package options

import (
	"errors"
	"flag"
	"strings"
	"testing"
	"time"
)

// The tests of this package do not run at once: controller-runtime keeps the
// value of --kubeconfig in one place.

func TestDefaults(t *testing.T) {
	o, err := Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := o.Settings
	if s.Endpoint != "https://modelarts.{region}.myhuaweicloud.com" || s.DefaultRegion != "cn-north-4" {
		t.Errorf("service: %q, %q", s.Endpoint, s.DefaultRegion)
	}
	for name, c := range map[string]struct{ got, want time.Duration }{
		"request-timeout": {s.RequestTimeout, 30 * time.Second},
		"settle-time":     {s.SettleTime, time.Minute},
		"schedule-jitter": {s.ScheduleJitter, 30 * time.Second},
		"poll-min":        {s.PollMin, 5 * time.Second},
		"poll-max":        {s.PollMax, time.Minute},
		"retry-min":       {s.RetryMin, 10 * time.Second},
		"retry-max":       {s.RetryMax, 10 * time.Minute},
		"lease-duration":  {o.LeaseDuration, 15 * time.Second},
		"renew-deadline":  {o.RenewDeadline, 10 * time.Second},
		"retry-period":    {o.RetryPeriod, 2 * time.Second},
	} {
		if c.got != c.want {
			t.Errorf("--%s is %s, want %s", name, c.got, c.want)
		}
	}
	if s.QPS != 5 || s.Burst != 10 || o.Concurrency != 16 || o.KubeQPS != 0 || o.KubeBurst != 400 {
		t.Errorf("limits: %v %v %v %v %v", s.QPS, s.Burst, o.Concurrency, o.KubeQPS, o.KubeBurst)
	}
	if o.LeaderElect || !o.MetricsSecure || o.MetricsAddress != ":8443" || o.ProbeAddress != ":8081" {
		t.Errorf("serving: %v %v %q %q", o.LeaderElect, o.MetricsSecure, o.MetricsAddress, o.ProbeAddress)
	}
}

func TestRefusals(t *testing.T) {
	for args, says := range map[string]string{
		"--settle-time=59s":                                       "--settle-time must be at least twice --request-timeout",
		"--endpoint=modelarts.example":                            "--endpoint",
		"--endpoint=https://user:password@host":                   "has a user",
		"--endpoint=https://user:password@host:no":                "no http or https URL",
		"--endpoint=ftp://user:password@host":                     "no http or https URL",
		"--endpoint=https://host/?q={region}":                     "a query",
		"--endpoint=https://mödelarts.example":                    "not plain ASCII",
		"--region-endpoint=cn-north-4":                            "want region=URL",
		"--region-endpoint=https://user:password@host":            "want region=URL",
		"--region-endpoint=cn-north-4=https://user:password@host": "has a user",
		"--region-endpoint=cn-north-4=ftp://host":                 "no http or https URL",
		"--default-region=CN":                                     "--default-region",
		"--request-timeout=0s":                                    "--request-timeout must be positive",
		"--poll-min=2m":                                           "--poll-min",
		"--retry-max=1s":                                          "--retry-min",
		"--api-qps=-1":                                            "--api-qps",
		"--api-burst=1":                                           "--api-burst",
		"--kube-api-qps=-1":                                       "--kube-api-qps must not be negative",
		"--concurrency=0":                                         "--concurrency",
		"--schedule-jitter=-1s":                                   "--schedule-jitter",
		"--watch-namespaces=a,B":                                  "--watch-namespaces",
		"--watch-selector=a in":                                   "--watch-selector",
		"stray":                                                   "only flags",
	} {
		_, err := Parse([]string{args})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want an error with %q", args, err, says)
		}
		if err != nil && strings.Contains(err.Error(), "password") {
			t.Errorf("%s: the error shows a password: %v", args, err)
		}
	}
	if _, err := Parse([]string{"--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
}

func TestLeaseName(t *testing.T) {
	name := func(args ...string) string {
		o, err := Parse(args)
		if err != nil {
			t.Fatal(err)
		}
		return o.LeaseName()
	}
	if got := name(); got != "datasetsync-operator" {
		t.Errorf("without a scope: %q", got)
	}
	same := [][2]string{
		{name("--watch-namespaces=a,b"), name("--watch-namespaces=b, a,a")},
		{name("--watch-selector=x=1,y=2"), name("--watch-selector=y=2, x=1")},
	}
	for _, pair := range same {
		if pair[0] != pair[1] {
			t.Errorf("the same scope has two leases: %q, %q", pair[0], pair[1])
		}
	}
	seen := map[string]bool{}
	for _, args := range [][]string{{}, {"--watch-namespaces=a"}, {"--watch-namespaces=b"}, {"--watch-selector=a"}, {"--watch-selector=!a"}} {
		if n := name(args...); seen[n] {
			t.Errorf("two scopes share the lease %q", n)
		} else {
			seen[n] = true
		}
	}
}
