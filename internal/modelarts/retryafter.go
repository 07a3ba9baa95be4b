package modelarts

import (
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter is the longest that an answer can ask to wait.
const MaxRetryAfter = 30 * time.Minute

const minRetryAfter = time.Second

var (
	// deltaPattern is Retry-After in seconds. The sign is not allowed (RFC 9110,
	// 10.2.3), but seen.
	deltaPattern = regexp.MustCompile(`^[+-]?[0-9]+$`)
	// windowPattern is how the gateway words a throttle: "policy user over
	// ratelimit,limit:100,time:1 minute".
	windowPattern = regexp.MustCompile(`limit:[0-9]+,time:([0-9]+) (second|minute|hour|day)`)
)

// retryAfter tells how long an answer asks to wait, within 1 s to 30 min: by its
// Retry-After header, in seconds or as a date measured from now, the time of the
// answer; else by the window that its message names. 0: not told.
func retryAfter(header, message string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if deltaPattern.MatchString(header) {
		return clampSeconds(header, time.Second)
	}
	if date, err := http.ParseTime(header); err == nil {
		return clampWait(date.Sub(now))
	}
	if window := windowPattern.FindStringSubmatch(message); window != nil {
		return clampSeconds(window[1], windowUnit(window[2]))
	}
	return 0
}

func windowUnit(name string) time.Duration {
	switch name {
	case "minute":
		return time.Minute
	case "hour":
		return time.Hour
	case "day":
		return 24 * time.Hour
	}
	return time.Second
}

// clampSeconds returns that many units, clamped. ParseInt returns the nearest int64
// for a number that does not fit, which is as good here.
func clampSeconds(digits string, unit time.Duration) time.Duration {
	n, _ := strconv.ParseInt(digits, 10, 64)
	if n > math.MaxInt64/int64(unit) {
		return MaxRetryAfter
	}
	return clampWait(time.Duration(max(n, 0)) * unit)
}

func clampWait(d time.Duration) time.Duration {
	return min(max(d, minRetryAfter), MaxRetryAfter)
}
