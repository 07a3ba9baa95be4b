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

// Collector tells how the objects are, from the cache and at the moment of the
// scrape: nothing of an object that is gone remains.
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
		conditions:  desc("objects", "Objects by condition and its status.", "condition", "status"),
		lastSuccess: desc("last_success_timestamp_seconds", "When the data set of an object was last in step.", "namespace", "name"),
		interval:    desc("expected_interval_seconds", "Time between two scheduled runs of an object.", "namespace", "name"),
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

// Collect implements prometheus.Collector.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	list := &v1alpha1.DatasetSyncList{}
	if err := c.objects.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		metrics <- prometheus.NewInvalidMetric(c.conditions, err)
		return
	}
	counts := map[[2]string]int{}
	for _, kind := range []string{v1alpha1.ReadyCondition, v1alpha1.ReconcilingCondition, v1alpha1.StalledCondition, v1alpha1.SyncingCondition} {
		counts[[2]string{kind, string(metav1.ConditionTrue)}] = 0
	}
	for i := range list.Items {
		obj := &list.Items[i]
		for _, condition := range obj.Status.Conditions {
			counts[[2]string{condition.Type, string(condition.Status)}]++
		}
		if c.perObject {
			c.collectObject(obj, metrics)
		}
	}
	for labels, n := range counts {
		metrics <- prometheus.MustNewConstMetric(c.conditions, prometheus.GaugeValue, float64(n), labels[0], labels[1])
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
