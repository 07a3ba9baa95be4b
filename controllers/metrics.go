package controllers

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// metricsNamespace begins the name of every metric.
const metricsNamespace = "datasetsync"

// Metrics count what the operator does. Their labels have few values each, all
// of them ours: classes, outcomes and reasons, never names or texts from
// outside. docs/metrics.md lists them.
type Metrics struct {
	runs         *prometheus.CounterVec
	runDuration  *prometheus.HistogramVec
	startDelay   prometheus.Histogram
	adopted      prometheus.Counter
	starts       *prometheus.CounterVec
	duplicates   prometheus.Counter
	orphans      prometheus.Counter
	waits        prometheus.Histogram
	calls        *prometheus.CounterVec
	callDuration *prometheus.HistogramVec
}

// NewMetrics returns metrics that are registered nowhere.
func NewMetrics() *Metrics {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: metricsNamespace, Name: name, Help: help}
	}
	histogram := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: metricsNamespace, Name: name, Help: help, Buckets: buckets}
	}
	// From a second to a day: a task takes minutes, a schedule hours.
	long := []float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}
	m := &Metrics{
		runs: prometheus.NewCounterVec(
			opts("runs_total", "Runs that ended, by outcome and by the reason that was shown."), []string{"outcome", "reason"}),
		runDuration: prometheus.NewHistogramVec(
			histogram("run_duration_seconds", "Time from taking a request in to the end of its run.", long), []string{"outcome"}),
		startDelay: prometheus.NewHistogram(
			histogram("start_delay_seconds", "Time from taking a request in to knowing the task that serves it.",
				[]float64{0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 900, 3600})),
		adopted: prometheus.NewCounter(
			opts("adopted_tasks_total", "Tasks that serve a run and were not known to be started by it.")),
		starts: prometheus.NewCounterVec(
			opts("starts_total", "Starts that were tried, by what came of them: accepted, refused, not_sent, unknown."), []string{"fate"}),
		duplicates: prometheus.NewCounter(
			opts("duplicates_suspected_total", "Runs after which the service showed one task more than there should be.")),
		orphans: prometheus.NewCounter(
			opts("orphaned_outcomes_total", "Outcomes of starts that found no run to be recorded in, such as that of a deleted object.")),
		waits: prometheus.NewHistogram(
			histogram("throttle_wait_seconds", "How long objects were put off by --api-qps.", []float64{0.1, 0.5, 1, 5, 15, 60, 300})),
		calls: prometheus.NewCounterVec(
			opts("api_requests_total", "Calls of the service, by operation, HTTP status (none: no answer) and class of failure (none: success)."),
			[]string{"operation", "status", "class"}),
		callDuration: prometheus.NewHistogramVec(
			histogram("api_request_duration_seconds", "Duration of the calls of the service.",
				[]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}), []string{"operation"}),
	}
	// A series that begins at 1 has no increase; these begin at 0.
	m.starts.WithLabelValues(fateAccepted)
	for _, fate := range []modelarts.Fate{modelarts.FateRefused, modelarts.FateNotSent, modelarts.FateUnknown} {
		m.starts.WithLabelValues(fate.String())
	}
	return m
}

// collectors returns all of the metrics.
func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.runs, m.runDuration, m.startDelay, m.adopted, m.starts, m.duplicates, m.orphans, m.waits, m.calls, m.callDuration,
	}
}

// Register registers the metrics. It fails if one of them is registered already.
func (m *Metrics) Register(r prometheus.Registerer) error {
	for _, c := range m.collectors() {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

// ObserveCall counts a call of the service.
func (m *Metrics) ObserveCall(c modelarts.Call) {
	class := c.Class
	if class == "" {
		class = "none"
	}
	m.calls.WithLabelValues(c.Operation, statusLabel(c.HTTPStatus), class).Inc()
	m.callDuration.WithLabelValues(c.Operation).Observe(c.Duration.Seconds())
}

// statusLabel names an HTTP status. The service may answer with any number, so
// that those which HTTP does not define share one name.
func statusLabel(status int) string {
	switch {
	case status == 0:
		return "none"
	case http.StatusText(status) == "":
		return "other"
	default:
		return strconv.Itoa(status)
	}
}

// observe counts what a decision that was recorded did.
func (m *Metrics) observe(d decision, now time.Time) {
	if run := d.begun; run != nil {
		m.startDelay.Observe(now.Sub(run.RequestedTime.Time).Seconds())
		if run.Task.Origin == v1alpha1.OriginAdopted {
			m.adopted.Inc()
		}
	}
	if c := d.closed; c != nil {
		m.runs.WithLabelValues(string(c.outcome), c.reason).Inc()
		m.runDuration.WithLabelValues(string(c.outcome)).Observe(now.Sub(c.run.RequestedTime.Time).Seconds())
	}
	if d.skipped {
		m.runs.WithLabelValues(string(v1alpha1.OutcomeSkipped), "").Inc()
	}
	for _, e := range d.events {
		if e.reason == eventDuplicateSuspected {
			m.duplicates.Inc()
		}
	}
}

// fateAccepted is the fate of a start that did not fail, as a label.
const fateAccepted = "accepted"

// observeStart counts a start that was tried.
func (m *Metrics) observeStart(failure *modelarts.Error) {
	fate := fateAccepted
	if failure != nil {
		fate = failure.Fate.String()
	}
	m.starts.WithLabelValues(fate).Inc()
}
