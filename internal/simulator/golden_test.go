package simulator_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/internal/simulator"
)

// TestGolden sends every golden request and compares the answer, by the rules
// of testdata/golden/README.md.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("../../testdata/golden/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			g := readGolden(t, file)
			s := g.setUp(t)
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, g.request(t))
			g.compare(t, w)
		})
	}
}

// golden is a file, not yet understood.
type golden struct {
	setup           map[string][]string
	asked, answered string
}

func readGolden(t *testing.T, file string) golden {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(text), "\n---\n")
	if len(sections) != 3 {
		t.Fatalf("%d sections, want setup, request and answer", len(sections))
	}
	g := golden{setup: map[string][]string{}, asked: sections[1], answered: strings.TrimSuffix(sections[2], "\n")}
	for line := range strings.Lines(sections[0]) {
		key, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !found {
			t.Fatalf("setup line %q", line)
		}
		g.setup[key] = append(g.setup[key], value)
	}
	return g
}

// only returns the value of a key that is there at most once.
func (g golden) only(t *testing.T, key string) string {
	t.Helper()
	values := g.setup[key]
	if len(values) > 1 {
		t.Fatalf("%d values for %s", len(values), key)
	}
	return strings.Join(values, "")
}

// fields reads 'word name=value name="two words"'.
func fields(t *testing.T, line string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line != "" {
		name, rest, found := strings.Cut(line, "=")
		if word, after, spaced := strings.Cut(line, " "); spaced && strings.Contains(name, " ") || !found {
			all["word"], line = word, after
			continue
		}
		value, after, _ := strings.Cut(rest, " ")
		if quoted, isQuoted := strings.CutPrefix(rest, `"`); isQuoted {
			value, after, _ = strings.Cut(quoted, `"`)
		}
		all[name], line = value, strings.TrimPrefix(after, " ")
	}
	return all
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// setUp builds the service that the file describes.
func (g golden) setUp(t *testing.T) *simulator.Simulator {
	t.Helper()
	now, err := time.Parse(time.RFC3339, g.only(t, "time"))
	if err != nil {
		t.Fatal(err)
	}
	accepted := fields(t, g.only(t, "accepts"))
	cfg := simulator.Config{
		AccessKey: accepted["access-key"], SecretKey: accepted["secret-key"], SecurityToken: accepted["security-token"],
		Token: accepted["token"], Project: g.only(t, "project"),
		Answer: g.only(t, "post-answer"), Status: g.only(t, "status-answer"),
		Now: func() time.Time { return now }, Logf: t.Logf,
	}
	for _, line := range g.setup["dataset"] {
		d := fields(t, line)
		cfg.Datasets = append(cfg.Datasets, simulator.Dataset{
			ID: d["word"], Type: int(number(t, d["type"])), State: int(number(t, d["state"])),
		})
	}
	ledger := g.ledger(t, now, &cfg)
	if expired := g.only(t, "expired-token"); expired != "" {
		cfg.Token = expired
	}
	s := simulator.New(cfg)
	if err := s.Reload(strings.NewReader(ledger)); err != nil {
		t.Fatal(err)
	}
	if g.only(t, "expired-token") != "" {
		s.SetToken(accepted["token"])
	}
	g.lock(t, s)
	g.addFault(t, s)
	return s
}

// ledger writes down the tasks as an earlier process would have, and picks a
// length for them at which they are in the state that the file wants.
func (g golden) ledger(t *testing.T, now time.Time, cfg *simulator.Config) string {
	t.Helper()
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, line := range g.setup["task"] {
		f := fields(t, line)
		e := simulator.Entry{
			Time: time.UnixMilli(number(t, f["create-time"])), Project: cfg.Project, Dataset: f["word"],
			Verdict: simulator.VerdictAccepted, TaskID: f["id"],
			Added: number(t, f["added"]), Deleted: number(t, f["deleted"]), Total: number(t, f["total"]),
		}
		age := now.Sub(e.Time)
		switch f["state"] {
		case "QUEUING":
			cfg.TaskDuration = 20 * age
		case "STARTING":
			cfg.TaskDuration = 7 * age
		case "RUNNING":
			cfg.TaskDuration = 2 * age
		}
		if err := encoder.Encode(e); err != nil {
			t.Fatal(err)
		}
		if f["state"] == "COMPLETED" || f["state"] == "FAILED" {
			e.Verdict, e.Time, e.State, e.Code, e.Message = simulator.VerdictFinished, now, f["state"], f["error-code"], f["error-msg"]
			if err := encoder.Encode(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	return lines.String()
}

// lock fails often enough for the key pair to be locked.
func (g golden) lock(t *testing.T, s *simulator.Simulator) {
	t.Helper()
	access := g.only(t, "locked")
	if access == "" {
		return
	}
	for range 6 {
		r := g.request(t)
		r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), "Signature=", "Signature=00"))
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
}

func (g golden) addFault(t *testing.T, s *simulator.Simulator) {
	t.Helper()
	line := g.only(t, "fault")
	if line == "" {
		return
	}
	f := fields(t, line)
	fault := simulator.Fault{
		Kind: "answer", Status: int(number(t, f["http"])), Code: f["code"], Message: f["message"], RetryAfter: f["retry-after"],
	}
	switch f["body"] {
	case "html":
		fault.Kind = "html"
	case "error-message", "keystone":
		fault.Shape = f["body"]
	}
	s.AddFault(fault)
}

func (g golden) request(t *testing.T) *http.Request {
	t.Helper()
	head, body, _ := strings.Cut(g.asked+"\n", "\n\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(
		strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + strings.TrimSuffix(body, "\n"))))
	if err != nil {
		t.Fatalf("request %q: %v", g.asked, err)
	}
	return r
}

// compare holds the answer to the file.
func (g golden) compare(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	head, body, _ := strings.Cut(g.answered+"\n", "\n\n")
	want, err := http.ReadResponse(bufio.NewReader(strings.NewReader(
		strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n")), nil)
	if err != nil {
		t.Fatalf("answer %q: %v", g.answered, err)
	}
	defer func() { _ = want.Body.Close() }()
	if w.Code != want.StatusCode {
		t.Errorf("status %d, want %d", w.Code, want.StatusCode)
	}
	for name := range want.Header {
		compareHeader(t, name, w.Header().Get(name), want.Header.Get(name))
	}
	got, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	free := strings.Fields(strings.ReplaceAll(g.only(t, "free"), ",", " "))
	compareBody(t, string(got), strings.TrimSuffix(body, "\n"), free)
}

func compareHeader(t *testing.T, name, got, want string) {
	t.Helper()
	switch name {
	case "X-Request-Id":
		if got == "" {
			t.Errorf("header %s is missing", name)
		}
		return
	case "Content-Type":
		got, _, _ = mime.ParseMediaType(got)
		want, _, _ = mime.ParseMediaType(want)
	}
	if got != want {
		t.Errorf("header %s = %q, want %q", name, got, want)
	}
}

func compareBody(t *testing.T, got, want string, free []string) {
	t.Helper()
	switch {
	case slices.Contains(free, "body"):
		if got == "" || json.Valid([]byte(got)) {
			t.Errorf("body = %q, want one that is not JSON", got)
		}
	case !json.Valid([]byte(want)):
		if got != want {
			t.Errorf("body = %q, want %q", got, want)
		}
	default:
		if diff := cmp.Diff(members(t, want, free), members(t, got, free)); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
	}
}

// members decodes an object, and keeps only the types of free members. What
// may be absent is left out.
func members(t *testing.T, body string, free []string) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	for name, value := range all {
		if name == "request_id" || slices.Contains(free, name) {
			all[name] = fmt.Sprint("any ", reflect.TypeOf(value))
		}
	}
	if slices.Contains(free, "request_id") {
		delete(all, "request_id")
	}
	return all
}
