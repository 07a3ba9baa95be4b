package modelarts

import (
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		header, message string
		want            time.Duration
	}{
		"not told":                       {},
		"seconds":                        {header: "30", want: 30 * time.Second},
		"seconds and white space":        {header: " 30 ", want: 30 * time.Second},
		"no seconds":                     {header: "0", want: time.Second},
		"seconds below zero":             {header: "-5", want: time.Second},
		"more than half an hour":         {header: "1801", want: 30 * time.Minute},
		"a thousand million":             {header: "1000000000", want: 30 * time.Minute},
		"more than fits":                 {header: "99999999999999999999999", want: 30 * time.Minute},
		"less than fits a duration":      {header: "-9223372037", want: time.Second},
		"less than fits":                 {header: "-99999999999999999999999", want: time.Second},
		"a date":                         {header: "Wed, 06 May 2026 07:09:09 GMT", want: time.Minute},
		"a date that is now":             {header: "Wed, 06 May 2026 07:08:09 GMT", want: time.Second},
		"a date in the past":             {header: "Wed, 06 May 2020 07:09:09 GMT", want: time.Second},
		"a date far ahead":               {header: "Fri, 31 Dec 9999 23:59:59 GMT", want: 30 * time.Minute},
		"a fraction":                     {header: "1.5"},
		"a word":                         {header: "soon"},
		"a window of seconds":            {message: "policy ip over ratelimit,limit:5,time:5 second", want: 5 * time.Second},
		"a window of a minute":           {message: "x: policy user over ratelimit,limit:100,time:1 minute", want: time.Minute},
		"a window of an hour":            {message: "limit:1,time:1 hour", want: 30 * time.Minute},
		"a window of days":               {message: "limit:1,time:9223372036854775807 day", want: 30 * time.Minute},
		"an empty window":                {message: "limit:1,time:0 second", want: time.Second},
		"no window":                      {message: "limit:1,time:1 fortnight"},
		"the header before the window":   {header: "7", message: "limit:1,time:1 minute", want: 7 * time.Second},
		"the window for a broken header": {header: "soon", message: "limit:1,time:1 minute", want: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := retryAfter(tc.header, tc.message, testDate); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestADateIsMeasuredFromTheServicesClock(t *testing.T) {
	t.Parallel()
	a := told(429, "")
	a.header.Set("Retry-After", "Wed, 06 May 2026 07:09:09 GMT")
	clean := newCleaner(testCredentials())
	if _, failure := readLatest(a, clean); failure.RetryAfter != time.Minute {
		t.Errorf("by the service's clock: %v, want 1m", failure.RetryAfter)
	}
	a.date, a.received = time.Time{}, testDate.Add(30*time.Second)
	if _, failure := readLatest(a, clean); failure.RetryAfter != 30*time.Second {
		t.Errorf("by ours, where it does not tell: %v, want 30s", failure.RetryAfter)
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("30", "")
	f.Add("-1", "limit:100,time:1 minute")
	f.Add("Wed, 06 May 2026 07:09:09 GMT", "")
	f.Add("", "limit:1,time:99999999999999999999 day")
	f.Fuzz(func(t *testing.T, header, message string) {
		got := retryAfter(header, message, testDate)
		if got != 0 && (got < time.Second || got > 30*time.Minute) {
			t.Errorf("%q, %q: %v", header, message, got)
		}
	})
}
