package controllers

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"datasetsync.dev/operator/api/v1alpha1"
)

// A Secret holds anything. What is taken from it fits a header, and what is said
// of it names keys and never values.
func FuzzParseCredentials(f *testing.F) {
	f.Add([]byte("AK"), []byte("SK"), []byte(""), []byte(""))
	f.Add([]byte(" AK\n"), []byte("\tSK\r\n"), []byte("ST"), []byte("ignored"))
	f.Add([]byte(""), []byte(""), []byte("ST"), []byte("token"))
	f.Add([]byte("AK\r\nX-Injected: 1"), []byte("SK"), []byte(""), []byte(""))
	f.Add([]byte("AK"), []byte("S\x00K"), []byte(""), []byte(""))
	f.Add([]byte("AK"), []byte("SK"), []byte("\xff\xfe"), []byte(""))
	f.Add([]byte("ключ"), []byte(" "), []byte(" "), []byte(" "))
	f.Add([]byte(""), []byte(""), []byte(""), []byte("a b"))
	f.Fuzz(func(t *testing.T, ak, sk, st, token []byte) {
		data := map[string][]byte{keyAccessKey: ak, keySecretKey: sk, keySecurityToken: st, keyToken: token}
		c, err := parseCredentials(data)
		if err != nil {
			for key, value := range data {
				// A short value may be a word of the sentence.
				if len(value) >= 12 && strings.Contains(err.Error(), string(value)) && !strings.Contains(key, string(value)) {
					t.Errorf("the error tells the value of %s: %v", key, err)
				}
			}
			return
		}
		pair := c.AccessKey != "" && c.SecretKey != "" && c.Token == ""
		only := c.AccessKey == "" && c.SecretKey == "" && c.SecurityToken == "" && c.Token != ""
		if !pair && !only {
			t.Error("neither a key pair nor a token, or both")
		}
		for _, value := range []string{c.AccessKey, c.SecretKey, c.SecurityToken, c.Token} {
			if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("%q does not fit a header", value)
			}
		}
	})
}

// Any text in the annotation asks for one sync, and not for another once status
// has it, as it comes back from the API server.
func FuzzRequestedAt(f *testing.F) {
	f.Add("2026-03-01T12:00:00Z")
	f.Add("")
	f.Add(" ")
	f.Add("\x00\x1b[31m")
	f.Add("\xff\xfe\xfd")
	f.Add(strings.Repeat("x", v1alpha1.MaxRequestLength+1))
	f.Add(strings.Repeat("é", v1alpha1.MaxRequestLength) + "x")
	f.Add(strings.Repeat("x", v1alpha1.MaxRequestLength-1) + "\xe2\x82")
	f.Fuzz(func(t *testing.T, value string) {
		obj := object(annotated(value))
		got := requestedAt(obj)
		if utf8.RuneCountInString(got) > v1alpha1.MaxRequestLength {
			t.Errorf("%d characters", utf8.RuneCountInString(got))
		}
		if utf8.ValidString(value) && !strings.HasPrefix(value, got) {
			t.Errorf("%q does not begin %q", got, value)
		}
		settings := Settings{DefaultRegion: "cn-north-4"}
		if p := newPass(obj, &settings, facts{now: t0}); p.due.annotation != (value != "") {
			t.Errorf("a new value is due: %t", p.due.annotation)
		}
		stored, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(stored, &obj.Status.HandledRequest); err != nil {
			t.Fatal(err)
		}
		if newPass(obj, &settings, facts{now: t0}).due.annotation {
			t.Errorf("%q is due again although status has it", value)
		}
	})
}

// Any schedule and zone either give a time that has not come, or a message; a
// time that was reached asks for one sync.
func FuzzTimetableOfAnObject(f *testing.F) {
	f.Add("30 2 * * *", "Europe/Berlin", int64(0), false)
	f.Add("@daily", "", int64(-86400), false)
	f.Add("0 0 30 2 *", "Asia/Shanghai", int64(1), true)
	f.Add("TZ=UTC * * * * *", "UTC", int64(0), false)
	f.Add("@every 1s", "Local", int64(0), false)
	f.Add("* * * * *", "../etc/passwd", int64(0), false)
	f.Add("*/0 * * * *", "\x00", int64(3600), true)
	f.Add("59 23 31 12 6", "America/St_Johns", int64(1<<33), false)
	f.Fuzz(func(t *testing.T, schedule, zone string, late int64, suspended bool) {
		now := t0.Add(time.Duration(late%(1<<34)) * time.Second)
		obj := object(func(obj *v1alpha1.DatasetSync) {
			obj.Spec.Schedule, obj.Spec.TimeZone, obj.Spec.Suspend = schedule, zone, suspended
		})
		settings := Settings{DefaultRegion: "cn-north-4", ScheduleJitter: 30 * time.Second}
		p := newPass(obj, &settings, facts{now: now})
		next := p.st.NextSyncTime
		switch {
		case schedule == "" || suspended || p.scheduleErr != nil:
			if next != nil {
				t.Errorf("a time, %s, although there should be none: %v", next, p.scheduleErr)
			}
			return
		case next == nil || !next.After(now):
			t.Fatalf("the time after %s is %v", now, next)
		}
		obj.Status = p.st
		p = newPass(obj, &settings, facts{now: next.Time})
		if !p.due.schedule {
			t.Errorf("%s has come and asks for nothing", next)
		}
		p.moveSchedule()
		if again := p.st.NextSyncTime; again != nil && !again.After(next.Time) {
			t.Errorf("after %s comes %s", next, again)
		}
	})
}
