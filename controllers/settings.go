package controllers

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Times that are part of the protocol and not of an installation.
const (
	// sendBudget is how long after the intent was decided it may still be sent.
	sendBudget = 10 * time.Second
	// lostAfter is how long a task that the service took may stay out of sight.
	lostAfter = 2 * time.Minute
	// lostLooks is how many looks in a row must have missed it.
	lostLooks = 3
	// lookAgainAfter is the delay before the look that follows a refusal in a 2xx.
	lookAgainAfter = 15 * time.Second
	// busyDelay is for how long nothing is started after a refusal as busy.
	busyDelay = time.Minute
	// authenticationDelay outlasts the service's lock of five minutes.
	authenticationDelay = 6 * time.Minute
	// permissionDelay is the wait after a refusal for lack of rights.
	permissionDelay = 10 * time.Minute
	// missingSecretGrace is how long a missing Secret may still be on its way.
	missingSecretGrace = 5 * time.Minute
	// restingCheck bounds a wait, since timers stand still with a suspended
	// machine.
	restingCheck = time.Hour
	// clockTrust is how far the clocks of two managers, or of one before and after a
	// restart, may be apart before a stored time is doubted.
	clockTrust = 24 * time.Hour
	// graceBeforeStart and graceAfterStart are by how much a task may seem older
	// than the baseline's observation and still count as newer: before any start
	// not believing is safe, once one may have been accepted believing is.
	graceBeforeStart = time.Second
	graceAfterStart  = time.Minute
	// sparseSettle is how long a terminal answer that looks like the baseline is
	// not taken for our task's, where the service tells neither id nor time.
	sparseSettle = 30 * time.Second
	// strictSettle is the settle time from which on a start needs the service's
	// own clock, because the promise then rests on the age of the signature.
	strictSettle = 16 * time.Minute
)

// Settings are the manager's flags that the controller's decisions depend on.
type Settings struct {
	// Endpoint is the service's URL; {region} stands for the region.
	Endpoint string
	// RegionEndpoints has the URL of each region that does not follow Endpoint.
	RegionEndpoints map[string]string
	// DefaultRegion is the region of objects that name none.
	DefaultRegion string
	// RequestTimeout bounds one call of the service.
	RequestTimeout time.Duration
	// SettleTime is how long after a start whose fate is unknown the service's
	// status is believed.
	SettleTime time.Duration
	// ScheduleJitter is by how much scheduled runs are spread at most.
	ScheduleJitter time.Duration
	// PollMin and PollMax bound the time between two looks at a task.
	PollMin, PollMax time.Duration
	// RetryMin and RetryMax bound the delay before a retry, doubled each time.
	RetryMin, RetryMax time.Duration
	// QPS and Burst limit the calls for one access key at one endpoint; a QPS of
	// 0 lifts the limit.
	QPS   float64
	Burst int
}

// endpoint returns the service's URL for a region, none for what is no region: it
// may come from a status that somebody forged, and must not name another host.
func (s *Settings) endpoint(region string) string {
	if url, ok := s.RegionEndpoints[region]; ok {
		return url
	}
	if len(validation.IsDNS1123Label(region)) > 0 {
		return ""
	}
	return strings.ReplaceAll(s.Endpoint, "{region}", region)
}

// poll returns the time until the next look at something that is age old.
func (s *Settings) poll(age time.Duration) time.Duration {
	return min(max(age/4, s.PollMin), s.PollMax)
}

// backoff returns the delay after a number of failures in a row.
func (s *Settings) backoff(failures int32) time.Duration {
	delay := s.RetryMin
	for ; failures > 1 && delay < s.RetryMax; failures-- {
		delay *= 2
	}
	return min(delay, s.RetryMax)
}

// budget returns how long after the decision a start may still be sent.
func (s *Settings) budget() time.Duration {
	return min(sendBudget, s.RequestTimeout/3)
}
