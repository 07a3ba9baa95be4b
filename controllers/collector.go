package controllers

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

// collectTimeout bounds the reading of the cache for one scrape.
const collectTimeout = 5 * time.Second

const (
	// reasonUnseen is told of objects that have no condition yet.
	reasonUnseen = "unseen"
	// reasonOther is told of reasons that are not ours.
	reasonOther = "other"
)

// Collector tells how the objects are, from the cache and at the moment of the
// scrape: nothing of an object that is gone remains. docs/metrics.md lists its
// metrics.
type Collector struct {
	objects   client.Reader
	perObject bool

	conditions, lastSuccess, interval *prometheus.Desc
}

// NewCollector returns a collector over a cache of DatasetSyncs. With perObject
// it also tells two series for each object.
func NewCollector(objects client.Reader, perObject bool) *Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(metricsNamespace, "", name), help, labels, nil)
	}
	return &Collector{
		objects: objects, perObject: perObject,
		conditions:  desc("objects", "Objects by condition, its status and its reason. A combination that no object has is absent.", "condition", "status", "reason"),
		lastSuccess: desc("last_success_timestamp_seconds", "When the data set of an object was last in step; before the first time, when the object was created.", "namespace", "name"),
		interval:    desc("expected_interval_seconds", "Time between two scheduled runs of an object: the longer of the last two. Absent without a schedule and while suspended.", "namespace", "name"),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.conditions
	if c.perObject {
		descs <- c.lastSuccess
		descs <- c.interval
	}
}

// Collect implements prometheus.Collector. As long as the cache cannot be read
// it tells nothing: an error would take all other metrics out of the scrape.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	list := &v1alpha1.DatasetSyncList{}
	if c.objects.List(ctx, list, client.UnsafeDisableDeepCopy) != nil {
		return
	}
	counts := map[seriesOfObjects]int{}
	for i := range list.Items {
		obj := &list.Items[i]
		count(obj, counts)
		if c.perObject {
			c.collectObject(obj, metrics)
		}
	}
	for s, n := range counts {
		metrics <- prometheus.MustNewConstMetric(c.conditions, prometheus.GaugeValue, float64(n), s.condition, s.status, s.reason)
	}
}

// seriesOfObjects has the labels of one series.
type seriesOfObjects struct{ condition, status, reason string }

// count counts an object's conditions. It takes no word for a label that a
// forged status could make up.
func count(obj *v1alpha1.DatasetSync, counts map[seriesOfObjects]int) {
	seen := false
	for _, condition := range obj.Status.Conditions {
		if !isCondition(condition.Type) {
			continue
		}
		seen = seen || condition.Type == v1alpha1.ReadyCondition
		reason := condition.Reason
		if !isReason(reason) {
			reason = reasonOther
		}
		counts[seriesOfObjects{condition.Type, string(condition.Status), reason}]++
	}
	if !seen {
		counts[seriesOfObjects{v1alpha1.ReadyCondition, string(metav1.ConditionUnknown), reasonUnseen}]++
	}
}

func isCondition(kind string) bool {
	switch kind {
	case v1alpha1.ReadyCondition, v1alpha1.ReconcilingCondition, v1alpha1.StalledCondition, v1alpha1.SyncingCondition:
		return true
	default:
		return false
	}
}

func isReason(reason string) bool {
	switch reason {
	case v1alpha1.ReasonSucceeded, v1alpha1.ReasonRequested, v1alpha1.ReasonStarting, v1alpha1.ReasonTaskQueued,
		v1alpha1.ReasonTaskRunning, v1alpha1.ReasonAwaitingOtherTask, v1alpha1.ReasonThrottled, v1alpha1.ReasonRetrying,
		v1alpha1.ReasonSuspended, v1alpha1.ReasonInvalidSpec, v1alpha1.ReasonCredentialsNotFound,
		v1alpha1.ReasonCredentialsInvalid, v1alpha1.ReasonAuthenticationFailed, v1alpha1.ReasonPermissionDenied,
		v1alpha1.ReasonDatasetNotFound, v1alpha1.ReasonDatasetBusy, v1alpha1.ReasonUnsupported,
		v1alpha1.ReasonRequestRejected, v1alpha1.ReasonServiceUnavailable, v1alpha1.ReasonTaskFailed,
		v1alpha1.ReasonTaskTimedOut, v1alpha1.ReasonTaskLost, v1alpha1.ReasonRetryLimitReached:
		return true
	default:
		return false
	}
}

// collectObject tells the series of one object. One that never succeeded is
// told as of its creation, so that its age shows.
func (c *Collector) collectObject(obj *v1alpha1.DatasetSync, metrics chan<- prometheus.Metric) {
	last := obj.CreationTimestamp
	if obj.Status.LastSuccessTime != nil {
		last = *obj.Status.LastSuccessTime
	}
	metrics <- prometheus.MustNewConstMetric(c.lastSuccess, prometheus.GaugeValue, float64(last.Unix()), obj.Namespace, obj.Name)
	if obj.Status.NextSyncTime == nil {
		return
	}
	table, err := newTimetable(obj.Spec.Schedule, obj.Spec.TimeZone, string(obj.UID), 0)
	if err != nil {
		return
	}
	if interval := table.interval(obj.Status.NextSyncTime.Time); interval > 0 {
		metrics <- prometheus.MustNewConstMetric(c.interval, prometheus.GaugeValue, interval.Seconds(), obj.Namespace, obj.Name)
	}
}
