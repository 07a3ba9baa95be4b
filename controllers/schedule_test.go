package controllers

import (
	"crypto/sha256"
	"fmt"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTimes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		schedule, zone, after string
		want                  []string
	}{
		"five fields, in UTC": {
			"30 2 * * *", "", "2026-03-01T12:00:00Z",
			[]string{"2026-03-02T02:30:00Z", "2026-03-03T02:30:00Z"},
		},
		"a time that is now is over": {
			"30 2 * * *", "", "2026-03-01T02:30:00Z", []string{"2026-03-02T02:30:00Z"},
		},
		"lists, ranges, steps and names": {
			"0,30 8-10/2 * MAR MON-FRI", "", "2026-03-06T09:00:00Z",
			[]string{"2026-03-06T10:00:00Z", "2026-03-06T10:30:00Z", "2026-03-09T08:00:00Z"},
		},
		"a day of the month or a day of the week, as cron has it": {
			"0 0 13 * FRI", "", "2026-03-08T00:00:00Z",
			[]string{"2026-03-13T00:00:00Z", "2026-03-20T00:00:00Z", "2026-03-27T00:00:00Z", "2026-04-03T00:00:00Z", "2026-04-10T00:00:00Z", "2026-04-13T00:00:00Z"},
		},
		"Sunday is 0": {
			"0 0 * * 0", "", "2026-03-01T12:00:00Z", []string{"2026-03-08T00:00:00Z"},
		},
		"a leap day": {
			"0 0 29 2 *", "", "2026-03-01T12:00:00Z", []string{"2028-02-29T00:00:00Z"},
		},
		"@hourly":   {"@hourly", "", "2026-03-01T12:00:00Z", []string{"2026-03-01T13:00:00Z"}},
		"@daily":    {"@daily", "", "2026-03-01T12:00:00Z", []string{"2026-03-02T00:00:00Z"}},
		"@midnight": {"@midnight", "", "2026-03-01T12:00:00Z", []string{"2026-03-02T00:00:00Z"}},
		"@weekly":   {"@weekly", "", "2026-03-01T12:00:00Z", []string{"2026-03-08T00:00:00Z"}},
		"@monthly":  {"@monthly", "", "2026-03-01T12:00:00Z", []string{"2026-04-01T00:00:00Z"}},
		"@yearly":   {"@yearly", "", "2026-03-01T12:00:00Z", []string{"2027-01-01T00:00:00Z"}},
		"@annually": {"@annually", "", "2026-03-01T12:00:00Z", []string{"2027-01-01T00:00:00Z"}},
		"a zone ahead of UTC": {
			"@daily", "Asia/Shanghai", "2026-03-01T12:00:00Z", []string{"2026-03-01T16:00:00Z"},
		},
		"a zone half an hour off": {
			"0 9 * * *", "Asia/Kolkata", "2026-03-01T12:00:00Z", []string{"2026-03-02T03:30:00Z"},
		},
		"Berlin, spring: the clock jumps over the time, and that day has no run": {
			"30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z",
			[]string{"2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"},
		},
		"Berlin, spring: a time next to the gap is kept": {
			"0 3 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z",
			[]string{"2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"},
		},
		"Berlin, autumn: the clock shows the time twice, and it runs twice": {
			"30 2 * * *", "Europe/Berlin", "2026-10-23T12:00:00Z",
			[]string{"2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"},
		},
		"Berlin, autumn: every hour stays every hour": {
			"0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z",
			[]string{"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"},
		},
		"New York, spring: the clock jumps over the time, and that day has no run": {
			"30 2 * * *", "America/New_York", "2026-03-06T12:00:00Z",
			[]string{"2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"},
		},
		"New York, spring: every hour stays every hour": {
			"0 * * * *", "America/New_York", "2026-03-08T05:30:00Z",
			[]string{"2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"},
		},
		"New York, autumn: the clock shows the time twice, and it runs twice": {
			"30 1 * * *", "America/New_York", "2026-10-30T12:00:00Z",
			[]string{"2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-02T06:30:00Z"},
		},
		"Cairo, spring: a day without a midnight has no @daily": {
			"@daily", "Africa/Cairo", "2026-04-22T12:00:00Z",
			[]string{"2026-04-22T22:00:00Z", "2026-04-24T21:00:00Z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := newTimetable(c.schedule, c.zone, "uid", 0)
			if err != nil {
				t.Fatal(err)
			}
			now, err := time.Parse(time.RFC3339, c.after)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range c.want {
				if now, err = table.next(now); err != nil {
					t.Fatal(err)
				}
				got = append(got, now.Format(time.RFC3339))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("times (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScheduleThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ schedule, zone, says string }{
		"a zone inside":              {"TZ=Asia/Shanghai 0 2 * * *", "", "set spec.timeZone"},
		"cron's own zone inside":     {"CRON_TZ=Asia/Shanghai 0 2 * * *", "", "set spec.timeZone"},
		"a zone and nothing else":    {"TZ=", "", "set spec.timeZone"},
		"@every":                     {"@every 1h", "", "uses @every"},
		"Local":                      {"@daily", "Local", "use an IANA name"},
		"an unknown zone":            {"@daily", "Mars/Base", "spec.timeZone: unknown time zone Mars/Base"},
		"a zone that is a path":      {"@daily", "../../etc/passwd", "spec.timeZone"},
		"a zone that is a full path": {"@daily", "/etc/localtime", "spec.timeZone"},
		"nothing":                    {"", "", "empty spec string"},
		"blanks":                     {"   ", "", "expected exactly 5 fields, found 0"},
		"words":                      {"every night", "", "expected exactly 5 fields, found 2"},
		"four fields":                {"0 2 * *", "", "expected exactly 5 fields, found 4"},
		"six fields":                 {"0 0 2 * * *", "", "expected exactly 5 fields, found 6"},
		"an unknown word":            {"@reboot", "", "unrecognized descriptor"},
		"a minute too many":          {"60 * * * *", "", "above maximum"},
		"a day 0":                    {"0 0 0 1 *", "", "below minimum"},
		"a seventh day":              {"0 0 * * 7", "", "above maximum"},
		"no step":                    {"*/0 * * * *", "", "should be a positive number"},
		"a step back":                {"*/-1 * * * *", "", "negative number"},
		"a huge number":              {"*/99999999999999999999 * * * *", "", "out of range"},
		"a range backwards":          {"30-10 * * * *", "", "beyond end of range"},
		"half a range":               {"5- * * * *", "", "failed to parse"},
		"Jenkins' H":                 {"H 2 * * *", "", "failed to parse"},
		"Quartz' last day":           {"0 0 L * *", "", "failed to parse"},
		"control characters":         {"\x00\x1b[31m", "", "expected exactly 5 fields"},
		"a day that no month has":    {"0 0 30 2 *", "", "no time within five years"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := newTimetable(c.schedule, c.zone, "uid", 30*time.Second)
			if err == nil {
				_, err = table.next(t0)
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got the error %v, want it to say %q", err, c.says)
			}
		})
	}
}

func TestNoTimeWithinFiveYears(t *testing.T) {
	t.Parallel()
	table, err := newTimetable("0 0 29 2 *", "", "uid", 0)
	if err != nil {
		t.Fatal(err)
	}
	// 2100 is no leap year.
	if next, err := table.next(time.Date(2096, 3, 1, 0, 0, 0, 0, time.UTC)); err == nil {
		t.Errorf("got %s, want an error: the next leap day is eight years away", next)
	}
}

// uid returns one of many uids as the API server makes them.
func uid(i int) string {
	sum := sha256.Sum256(fmt.Append(nil, i))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func TestJitterIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	for i := range 50 {
		offsets := map[time.Duration]bool{}
		for _, day := range []int{1, 2, 3, 14} {
			table, err := newTimetable("@daily", "", uid(i), 30*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			// Asked from different moments, a few of them within the jitter itself.
			for _, ago := range []time.Duration{time.Hour, 40 * time.Second, 31 * time.Second} {
				midnight := time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC)
				next, err := table.next(midnight.Add(-ago))
				if err != nil {
					t.Fatal(err)
				}
				offsets[next.Sub(midnight)] = true
			}
		}
		if len(offsets) != 1 {
			t.Errorf("object %d: got the offsets %v, want one", i, offsets)
		}
	}
}

func TestJitterSpreadsManyObjects(t *testing.T) {
	t.Parallel()
	const objects, jitter = 1000, 30
	midnight := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	seconds := map[int]int{}
	for i := range objects {
		table, err := newTimetable("@daily", "", uid(i), jitter*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		next, err := table.next(t0)
		if err != nil {
			t.Fatal(err)
		}
		offset := next.Sub(midnight)
		if offset < 0 || offset > jitter*time.Second || offset%time.Second != 0 {
			t.Fatalf("object %d is put off by %s, want whole seconds up to %d", i, offset, jitter)
		}
		seconds[int(offset/time.Second)]++
	}
	for second := range jitter + 1 {
		if n := seconds[second]; n < 10 || n > 60 {
			t.Errorf("%d of %d objects start in second %d, want about %d", n, objects, second, objects/(jitter+1))
		}
	}
}

func TestJitterNeverReachesTheNextTime(t *testing.T) {
	t.Parallel()
	for _, jitter := range []time.Duration{0, time.Millisecond, 30 * time.Second, time.Minute, time.Hour} {
		for i := range 50 {
			table, err := newTimetable("* * * * *", "", uid(i), jitter)
			if err != nil {
				t.Fatal(err)
			}
			now := t0
			for minute := range 5 {
				if now, err = table.next(now); err != nil {
					t.Fatal(err)
				}
				// The first may still be the one of t0 itself, put off.
				tick := now.Truncate(time.Minute)
				if want := t0.Add(time.Duration(minute) * time.Minute); tick.Before(want) || tick.After(want.Add(time.Minute)) {
					t.Fatalf("jitter %s, object %d: time %d is %s, want one a minute", jitter, i, minute, now)
				}
				if late := now.Sub(tick); late > jitter {
					t.Fatalf("jitter %s, object %d: put off by %s", jitter, i, late)
				}
			}
		}
	}
}

func TestDelayIsShorterThanTheGap(t *testing.T) {
	t.Parallel()
	longest := time.Duration(0)
	for i := range 1000 {
		table, err := newTimetable("* * * * *", "", uid(i), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, table.delay(t0, t0.Add(time.Minute)))
	}
	if want := 59 * time.Second; longest != want {
		t.Errorf("times a minute apart are put off by up to %s, want up to %s", longest, want)
	}
}

func FuzzSchedule(f *testing.F) {
	f.Add("30 2 * * *", "Europe/Berlin", "uid", int64(30))
	f.Add("@daily", "", "", int64(0))
	f.Add("TZ=", "Local", "uid", int64(1))
	f.Add("TZ", "UTC", "uid", int64(1<<30))
	f.Add("? ?,? */5 JAN-DEC 0/2", "Asia/Kolkata", "\x00", int64(3600))
	f.Add("@every", "@", "uid", int64(-1))
	f.Add("1,,2 * * * *\n", "localtime", "uid", int64(61))
	f.Fuzz(func(t *testing.T, schedule, zone, uid string, seconds int64) {
		jitter := time.Duration(max(0, min(seconds, 86400))) * time.Second
		table, err := newTimetable(schedule, zone, uid, jitter)
		if err != nil {
			return
		}
		if next, err := table.next(t0); err == nil && !next.After(t0) {
			t.Errorf("the time after %s is %s", t0, next)
		}
	})
}

func TestTimeZonesAreInsideTheBinary(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../main.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range file.Imports {
		if i.Path.Value == `"time/tzdata"` {
			return
		}
	}
	t.Error("main.go does not import time/tzdata: in an image without zone data every spec.timeZone would be unknown")
}
