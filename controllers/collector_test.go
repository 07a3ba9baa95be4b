package controllers

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

// listed is a cache of these objects.
type listed struct {
	client.Reader
	items []v1alpha1.DatasetSync
	err   error
}

func (l *listed) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*v1alpha1.DatasetSyncList).Items = l.items
	return l.err
}

// scrape returns the series of collectors, as "name{label=value,…} value".
func scrape(t *testing.T, collectors ...prometheus.Collector) []string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collectors...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := make([]string, 0, len(m.GetLabel()))
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue()
			if h := m.GetHistogram(); h != nil {
				value = h.GetSampleSum()
			}
			lines = append(lines, fmt.Sprintf("%s{%s} %v", family.GetName(), strings.Join(labels, ","), value))
		}
	}
	return lines
}

// showing is an object with conditions, each as "Type=Status Reason".
func showing(name string, conditions ...string) v1alpha1.DatasetSync {
	obj := v1alpha1.DatasetSync{ObjectMeta: metav1.ObjectMeta{
		Namespace: "vision", Name: name, CreationTimestamp: metav1.Unix(1000, 0),
	}}
	for _, c := range conditions {
		kind, rest, _ := strings.Cut(c, "=")
		status, reason, _ := strings.Cut(rest, " ")
		obj.Status.Conditions = append(obj.Status.Conditions, metav1.Condition{
			Type: kind, Status: metav1.ConditionStatus(status), Reason: reason,
		})
	}
	return obj
}

// dueAt has a schedule, and is due at a time.
func dueAt(obj v1alpha1.DatasetSync, schedule, zone, due string) v1alpha1.DatasetSync {
	next, err := time.Parse(time.RFC3339, due)
	if err != nil {
		panic(err)
	}
	obj.Spec.Schedule, obj.Spec.TimeZone = schedule, zone
	obj.Status.NextSyncTime = &metav1.Time{Time: next}
	return obj
}

func TestCollector(t *testing.T) {
	t.Parallel()
	succeeded := showing("cats")
	succeeded.Status.LastSuccessTime = &metav1.Time{Time: time.Unix(2000, 0)}
	unread := showing("cats")
	unread.Status.NextSyncTime = &metav1.Time{Time: time.Unix(3000, 0)}
	unread.Spec.Schedule = "no schedule"
	for name, c := range map[string]struct {
		objects   []v1alpha1.DatasetSync
		perObject bool
		want      []string
	}{
		"no object, no series": {nil, true, nil},
		"objects are counted by condition, status and reason": {
			objects: []v1alpha1.DatasetSync{
				showing("cats", "Ready=True Succeeded", "Syncing=False Succeeded"),
				showing("dogs", "Ready=True Succeeded", "Syncing=True TaskRunning"),
				showing("birds", "Ready=False AuthenticationFailed", "Stalled=True AuthenticationFailed"),
			},
			want: []string{
				"datasetsync_objects{condition=Ready,reason=AuthenticationFailed,status=False} 1",
				"datasetsync_objects{condition=Ready,reason=Succeeded,status=True} 2",
				"datasetsync_objects{condition=Stalled,reason=AuthenticationFailed,status=True} 1",
				"datasetsync_objects{condition=Syncing,reason=Succeeded,status=False} 1",
				"datasetsync_objects{condition=Syncing,reason=TaskRunning,status=True} 1",
			},
		},
		"an object that nobody has seen counts as Ready=Unknown": {
			objects: []v1alpha1.DatasetSync{showing("cats")},
			want:    []string{"datasetsync_objects{condition=Ready,reason=unseen,status=Unknown} 1"},
		},
		"a forged status makes up no labels": {
			objects: []v1alpha1.DatasetSync{
				showing("cats", "Ready=True MadeUp1", "MadeUp2=True Succeeded"),
				showing("dogs", "Ready=True MadeUp3"),
			},
			want: []string{"datasetsync_objects{condition=Ready,reason=other,status=True} 2"},
		},
		"the last success of an object": {
			objects: []v1alpha1.DatasetSync{succeeded}, perObject: true,
			want: []string{
				"datasetsync_last_success_timestamp_seconds{name=cats,namespace=vision} 2000",
				"datasetsync_objects{condition=Ready,reason=unseen,status=Unknown} 1",
			},
		},
		"an object that never succeeded is as old as it is": {
			objects: []v1alpha1.DatasetSync{showing("cats")}, perObject: true,
			want: []string{
				"datasetsync_last_success_timestamp_seconds{name=cats,namespace=vision} 1000",
				"datasetsync_objects{condition=Ready,reason=unseen,status=Unknown} 1",
			},
		},
		"a scheduled object tells its interval": {
			objects: []v1alpha1.DatasetSync{dueAt(showing("cats"), "@daily", "", "2026-03-04T00:00:07Z")}, perObject: true,
			want: []string{
				"datasetsync_expected_interval_seconds{name=cats,namespace=vision} 86400",
				"datasetsync_last_success_timestamp_seconds{name=cats,namespace=vision} 1000",
				"datasetsync_objects{condition=Ready,reason=unseen,status=Unknown} 1",
			},
		},
		"a schedule that cannot be read has no interval": {
			objects: []v1alpha1.DatasetSync{unread}, perObject: true,
			want: []string{
				"datasetsync_last_success_timestamp_seconds{name=cats,namespace=vision} 1000",
				"datasetsync_objects{condition=Ready,reason=unseen,status=Unknown} 1",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := scrape(t, NewCollector(&listed{items: c.objects}, c.perObject))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNothingOfAnObjectThatIsGoneRemains(t *testing.T) {
	t.Parallel()
	cache := &listed{items: []v1alpha1.DatasetSync{showing("cats"), showing("dogs")}}
	collector := NewCollector(cache, true)
	if got := scrape(t, collector); len(got) != 3 {
		t.Fatalf("got %q, want one series of each object and one of both", got)
	}
	cache.items = cache.items[1:]
	want := []string{
		"datasetsync_last_success_timestamp_seconds{name=dogs,namespace=vision} 1000",
		"datasetsync_objects{condition=Ready,reason=unseen,status=Unknown} 1",
	}
	if diff := cmp.Diff(want, scrape(t, collector)); diff != "" {
		t.Error(diff)
	}
}

func TestACacheThatCannotBeReadLeavesTheOtherMetrics(t *testing.T) {
	t.Parallel()
	other := prometheus.NewCounter(prometheus.CounterOpts{Name: "other_total", Help: "Another metric."})
	got := scrape(t, other, NewCollector(&listed{err: errors.New("the cache is not filled yet")}, true))
	if diff := cmp.Diff([]string{"other_total{} 0"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestInterval(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		schedule, zone, due string
		want                time.Duration
	}{
		"every minute":                        {"* * * * *", "", "2026-03-04T10:00:30Z", time.Minute},
		"the time itself, without any jitter": {"@daily", "", "2026-03-04T00:00:00Z", 24 * time.Hour},
		"a time and some jitter":              {"@daily", "", "2026-03-04T00:00:30Z", 24 * time.Hour},
		"working days, on a Monday: since Friday": {
			"0 2 * * 1-5", "", "2026-03-09T02:00:00Z", 72 * time.Hour,
		},
		"working days, on a Tuesday: Monday's may be on its way": {
			"0 2 * * 1-5", "", "2026-03-10T02:00:00Z", 72 * time.Hour,
		},
		"working days, on a Wednesday":  {"0 2 * * 1-5", "", "2026-03-11T02:00:00Z", 24 * time.Hour},
		"office hours, in the morning":  {"*/5 9-17 * * 1-5", "", "2026-03-09T09:00:00Z", 63*time.Hour + 5*time.Minute},
		"the night the clock changes":   {"0 12 * * *", "Europe/Berlin", "2026-10-25T11:00:00Z", 25 * time.Hour},
		"once a year, with a leap year": {"@yearly", "", "2026-01-01T00:00:00Z", 366 * 24 * time.Hour},
		"a leap day":                    {"0 0 29 2 *", "", "2028-02-29T00:00:00Z", 1461 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := newTimetable(c.schedule, c.zone, "uid", 0)
			if err != nil {
				t.Fatal(err)
			}
			due, err := time.Parse(time.RFC3339, c.due)
			if err != nil {
				t.Fatal(err)
			}
			if got := table.interval(due); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestEveryReasonIsOurs reads the reasons from the source of the API, so that a
// new one cannot be counted as other by oversight.
func TestEveryReasonIsOurs(t *testing.T) {
	t.Parallel()
	reasons := constantsOf(t, "../api/v1alpha1/conditions.go", "Reason")
	if len(reasons) < 20 {
		t.Fatalf("only %d reasons were found", len(reasons))
	}
	for _, reason := range reasons {
		if !isReason(reason) {
			t.Errorf("%s is not taken for a reason of ours", reason)
		}
	}
	for _, kind := range []string{"Ready", "Reconciling", "Stalled", "Syncing"} {
		if !isCondition(kind) {
			t.Errorf("%s is not taken for a condition of ours", kind)
		}
	}
}

// constantsOf returns the values of the string constants of a file whose names
// begin so.
func constantsOf(t *testing.T, path, prefix string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, prefix) {
			values = append(values, strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`))
		}
		return true
	})
	return values
}
