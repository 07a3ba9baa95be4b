package controllers

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// changed returns the series that were not there before, or not with this value.
func changed(before, after []string) []string {
	var lines []string
	for _, line := range after {
		if !slices.Contains(before, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	run := func(age time.Duration, origin v1alpha1.Origin) *v1alpha1.Run {
		return &v1alpha1.Run{
			RequestedTime: metav1.NewMicroTime(now.Add(-age)), Task: &v1alpha1.RunTask{Origin: origin},
		}
	}
	for name, c := range map[string]struct {
		observe func(*Metrics)
		want    []string
	}{
		"a decision that ends nothing": {
			func(m *Metrics) { m.observe(decision{}, now) }, nil,
		},
		"a run that ended": {
			func(m *Metrics) {
				m.observe(decision{closed: &closed{run: run(90*time.Second, ""), outcome: v1alpha1.OutcomeFailed, reason: v1alpha1.ReasonTaskFailed}}, now)
			},
			[]string{
				"datasetsync_run_duration_seconds{outcome=Failed} 90",
				"datasetsync_runs_total{outcome=Failed,reason=TaskFailed} 1",
			},
		},
		"a scheduled time that was passed over": {
			func(m *Metrics) { m.observe(decision{skipped: true}, now) },
			[]string{"datasetsync_runs_total{outcome=Skipped,reason=} 1"},
		},
		"a task of ours": {
			func(m *Metrics) { m.observe(decision{begun: run(2*time.Second, v1alpha1.OriginStarted)}, now) },
			[]string{"datasetsync_start_delay_seconds{} 2"},
		},
		"a task that was adopted": {
			func(m *Metrics) { m.observe(decision{begun: run(2*time.Second, v1alpha1.OriginAdopted)}, now) },
			[]string{"datasetsync_adopted_tasks_total{} 1", "datasetsync_start_delay_seconds{} 2"},
		},
		"a duplicate": {
			func(m *Metrics) { m.observe(decision{events: []event{{reason: eventDuplicateSuspected}}}, now) },
			[]string{"datasetsync_duplicates_suspected_total{} 1"},
		},
		"a start that was taken": {
			func(m *Metrics) { m.observeStart(nil) }, []string{"datasetsync_starts_total{fate=accepted} 1"},
		},
		"a start that was refused": {
			func(m *Metrics) { m.observeStart(&modelarts.Error{Fate: modelarts.FateRefused}) },
			[]string{"datasetsync_starts_total{fate=refused} 1"},
		},
		"a start that was not sent": {
			func(m *Metrics) { m.observeStart(&modelarts.Error{Fate: modelarts.FateNotSent}) },
			[]string{"datasetsync_starts_total{fate=not_sent} 1"},
		},
		"a start of which nothing is known": {
			func(m *Metrics) { m.observeStart(&modelarts.Error{Fate: modelarts.FateUnknown}) },
			[]string{"datasetsync_starts_total{fate=unknown} 1"},
		},
		"a call that went well": {
			func(m *Metrics) {
				m.ObserveCall(modelarts.Call{Operation: "latest", HTTPStatus: http.StatusOK, Duration: time.Second})
			},
			[]string{
				"datasetsync_api_request_duration_seconds{operation=latest} 1",
				"datasetsync_api_requests_total{class=none,operation=latest,status=200} 1",
			},
		},
		"a call without an answer": {
			func(m *Metrics) {
				m.ObserveCall(modelarts.Call{Operation: "start", Class: "transient", Duration: 30 * time.Second})
			},
			[]string{
				"datasetsync_api_request_duration_seconds{operation=start} 30",
				"datasetsync_api_requests_total{class=transient,operation=start,status=none} 1",
			},
		},
		"statuses that HTTP does not define share a label": {
			func(m *Metrics) {
				m.ObserveCall(modelarts.Call{Operation: "start", HTTPStatus: 777, Class: "transient"})
				m.ObserveCall(modelarts.Call{Operation: "start", HTTPStatus: 778, Class: "transient"})
			},
			[]string{
				"datasetsync_api_request_duration_seconds{operation=start} 0",
				"datasetsync_api_requests_total{class=transient,operation=start,status=other} 2",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := NewMetrics()
			before := scrape(t, m.collectors()...)
			c.observe(m)
			if diff := cmp.Diff(c.want, changed(before, scrape(t, m.collectors()...))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMetricsAreRegisteredOnce(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	m := NewMetrics()
	if err := m.Register(registry); err != nil {
		t.Fatal(err)
	}
	if err := m.Register(registry); err == nil {
		t.Error("metrics were registered twice")
	}
}

// registered returns the metrics of the operator, as "name type labels". That of
// the build is main's.
func registered(t *testing.T) []string {
	t.Helper()
	m := NewMetrics()
	m.ObserveCall(modelarts.Call{})
	m.runs.WithLabelValues("", "")
	m.runDuration.WithLabelValues("")
	obj := dueAt(showing("cats"), "@daily", "", "2026-03-04T00:00:00Z")
	registry := prometheus.NewPedanticRegistry()
	all := append(m.collectors(), NewCollector(&listed{items: []v1alpha1.DatasetSync{obj}}, true))
	registry.MustRegister(all...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	list := []string{"datasetsync_build_info gauge commit, go_version, version"}
	for _, family := range families {
		var labels []string
		for _, l := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		list = append(list, strings.TrimSpace(family.GetName()+" "+strings.ToLower(family.GetType().String())+" "+strings.Join(labels, ", ")))
	}
	if described := describedBy(all); described != len(families) {
		t.Fatalf("%d metrics are described and %d are told: a scrape must show them all", described, len(families))
	}
	slices.Sort(list)
	return list
}

// describedBy counts the metrics that collectors have.
func describedBy(collectors []prometheus.Collector) int {
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		for _, c := range collectors {
			c.Describe(descs)
		}
	}()
	n := 0
	for range descs {
		n++
	}
	return n
}

func TestTheTableOfMetricsIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(datasetsync_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\| .+ \\|$")
	var documented []string
	for _, cells := range row.FindAllStringSubmatch(string(page), -1) {
		labels := strings.TrimSpace(strings.ReplaceAll(cells[3], "`", ""))
		documented = append(documented, strings.TrimSpace(cells[1]+" "+cells[2]+" "+labels))
	}
	slices.Sort(documented)
	if diff := cmp.Diff(registered(t), documented); diff != "" {
		t.Errorf("registered (-) and documented (+) differ:\n%s", diff)
	}
}
