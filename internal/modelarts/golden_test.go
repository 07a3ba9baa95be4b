package modelarts

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const goldenDir = "../../testdata/golden"

var (
	goldenDate      = time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC)
	goldenRequestID = "8d2a0c6e4f1b4a3c9e7d5b2f60a1c3e4"
	goldenTaskID    = "2MCIopOFu0bOmSxFkZ4"
	goldenCreated   = time.UnixMilli(1136214000000).UTC()
	throttleText    = "The throttling threshold has been reached: policy user over ratelimit,limit:100,time:1 minute"
	iamText         = "Incorrect IAM authentication information: "
)

// golden is one file of testdata/golden; its README.md describes the format.
type golden struct {
	setup           map[string]string
	request, answer string
}

func readGolden(t *testing.T, name string) golden {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(goldenDir, name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "\n---\n")
	if len(parts) != 3 {
		t.Fatalf("%s has %d sections, want 3", name, len(parts))
	}
	g := golden{setup: map[string]string{}, request: parts[1] + "\n", answer: strings.TrimSuffix(parts[2], "\n")}
	for line := range strings.SplitSeq(parts[0], "\n") {
		key, value, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("%s: bad setup line %q", name, line)
		}
		g.setup[key] = value
	}
	return g
}

// credentials of the client key.
func (g golden) credentials() Credentials {
	var cr Credentials
	for field := range strings.FieldsSeq(g.setup["client"]) {
		switch name, value, _ := strings.Cut(field, "="); name {
		case "access-key":
			cr.AccessKey = value
		case "secret-key":
			cr.SecretKey = value
		case "security-token":
			cr.SecurityToken = value
		case "token":
			cr.Token = value
		}
	}
	return cr
}

// wire returns the answer as it is sent.
func (g golden) wire() string {
	head, body, _ := strings.Cut(g.answer+"\n", "\n\n")
	body = strings.TrimSuffix(body, "\n")
	return strings.ReplaceAll(head, "\n", "\r\n") + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// lines returns the start line and the sorted header lines of a head.
func lines(head string) []string {
	all := strings.Split(strings.TrimRight(head, "\r\n"), "\n")
	for i, line := range all {
		all[i] = strings.TrimSuffix(line, "\r")
	}
	slices.Sort(all[1:])
	return all
}

// playGolden serves one answer and returns the target and the head of the request
// that it was the answer to.
func playGolden(t *testing.T, c *Client, g golden) (Target, <-chan string) {
	t.Helper()
	fields := strings.Fields(g.request)
	path := strings.Split(fields[1], "/")
	_, host, _ := strings.Cut(g.request, "Host: ")
	host, _, _ = strings.Cut(host, "\n")

	heads := make(chan string, 1)
	address := serve(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		var head strings.Builder
		for line := ""; line != "\r\n"; {
			var err error
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
			head.WriteString(line)
		}
		heads <- head.String()
		_, _ = conn.Write([]byte(g.wire()))
	})
	dialTo(c, address)
	return Target{Endpoint: "http://" + host, ProjectID: path[2], DatasetID: path[4]}, heads
}

func TestClientSpeaksTheGoldenRequests(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	latest, start := goldenLatest(), goldenStart()
	if len(files) != len(latest)+len(start) {
		t.Errorf("%d golden files, but %d + %d expectations", len(files), len(latest), len(start))
	}

	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := readGolden(t, name)
			c := NewClient(Options{UserAgent: "golden", Now: func() time.Time { return goldenDate }})
			target, heads := playGolden(t, c, g)

			var got, want goldenResult
			if strings.HasPrefix(name, "start-") {
				want = start[name]
				got.Started, got.Err = c.StartSync(context.Background(), target, g.credentials(), goldenDate)
			} else {
				want = latest[name]
				got.Task, got.Err = c.LatestSync(context.Background(), target, g.credentials())
			}

			if diff := cmp.Diff(lines(g.request), lines(<-heads)); diff != "" {
				t.Errorf("request (-golden +sent):\n%s", diff)
			}
			if diff := cmp.Diff(want, got, compareErrors()); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

// goldenResult is what a call returned.
type goldenResult struct {
	Task    Task
	Started Started
	Err     error
}

// compareErrors compares an *Error field by field, but its cause only by presence.
func compareErrors() cmp.Option {
	presence := cmp.Comparer(func(a, b error) bool { return (a == nil) == (b == nil) })
	return cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Err" },
		cmp.FilterValues(func(a, b error) bool { return !isError(a) || !isError(b) }, presence))
}

func isError(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

// refused is an answer with an error, at the golden time.
func refused(op string, status int, code, message string, class Class, fate Fate) *Error {
	return &Error{
		Op: op, HTTPStatus: status, Code: code, Message: message, RequestID: goldenRequestID,
		Class: class, Fate: fate, Date: goldenDate,
	}
}

func waiting(e *Error, wait time.Duration) *Error {
	e.RetryAfter = wait
	return e
}

func because(e *Error, err error) *Error {
	e.Err = err
	return e
}

func goldenStart() map[string]goldenResult {
	fail := func(status int, code, message string, class Class, fate Fate) goldenResult {
		return goldenResult{Err: refused(opStart, status, code, message, class, fate)}
	}
	html := func(status int) goldenResult {
		return goldenResult{Err: because(refused(opStart, status, "", "", ClassTransient, FateUnknown), errNotObject)}
	}
	accepted := Started{RequestID: goldenRequestID, Date: goldenDate}
	withID := accepted
	withID.TaskID = "gfghHSokody6AJigS5A_m1dYqOw8vWCAznw1V28"

	return map[string]goldenResult{
		"start-task-id":            {Started: withID},
		"start-temporary-key":      {Started: withID},
		"start-empty":              {Started: accepted},
		"start-token":              {Started: accepted},
		"start-running":            fail(400, "ModelArts.4355", "Sync data source task exist", ClassBusy, FateRefused),
		"start-publishing":         fail(400, "ModelArts.4343", "Dataset is publishing, the operation is forbidden", ClassBusy, FateRefused),
		"start-switching":          fail(400, "ModelArts.4349", "Dataset is switching version, the operation is forbidden", ClassBusy, FateRefused),
		"start-importing":          fail(400, "ModelArts.4356", "Dataset already has running import task", ClassBusy, FateRefused),
		"start-text":               fail(501, "ModelArts.4383", "Unsupported operation, dataset gfghHSokody6AJigS5A type is 100", ClassPermanent, FateRefused),
		"start-unknown-dataset":    fail(400, "ModelArts.4352", "Dataset does not exist", ClassPermanent, FateRefused),
		"start-wrong-project":      fail(403, "ModelArts.0210", "The project id in the request URL does not match the token.", ClassPermission, FateRefused),
		"start-bad-signature":      fail(401, "APIGW.0301", iamText+"verify aksk signature fail", ClassAuthentication, FateRefused),
		"start-locked-key":         fail(401, "APIGW.0301", iamText+"AK access failed to reach the limit,forbidden.", ClassAuthentication, FateRefused),
		"start-missing-permission": fail(403, "ModelArts.4310", "OBS action is forbidden, please check iam agency or OBS and so on", ClassPermission, FateRefused),
		"start-throttled":          {Err: waiting(refused(opStart, 429, "APIGW.0308", throttleText, ClassThrottled, FateRefused), 30*time.Second)},
		"start-throttle-as-500":    fail(500, "ModelArts.5039", "Dear User,the traffic is a little busy. Please try again later", ClassThrottled, FateRefused),
		"start-200-error-code":     fail(200, "ModelArts.4360", "Sync data source error", ClassTransient, FateRefused),
		"start-500-json":           fail(500, "ModelArts.6102", "Internal error.", ClassTransient, FateUnknown),
		"start-502-json":           fail(502, "APIGW.0201", "Backend unavailable.", ClassTransient, FateUnknown),
		"start-503-json":           fail(503, "ModelArts.4302", "Gateway forwarding error because of an upgrade.", ClassTransient, FateUnknown),
		"start-504-json":           fail(504, "APIGW.0201", "Backend timeout.", ClassTransient, FateUnknown),
		"start-500-html":           html(500),
		"start-502-html":           html(502),
		"start-503-html":           html(503),
		"start-504-html":           html(504),
	}
}

func goldenLatest() map[string]goldenResult {
	fail := func(status int, code, message string, class Class) goldenResult {
		return goldenResult{Err: refused(opLatest, status, code, message, class, FateUnknown)}
	}
	html := func(status int) goldenResult {
		return goldenResult{Err: because(refused(opLatest, status, "", "", ClassTransient, FateUnknown), errNotObject)}
	}
	sparse := func(state State) Task {
		return Task{State: state, Date: goldenDate, RequestID: goldenRequestID}
	}
	full := func(state State, added, deleted, total int64) Task {
		task := sparse(state)
		task.ID, task.CreateTime = goldenTaskID, goldenCreated
		task.Samples = Samples{Added: &added, Deleted: &deleted, Total: &total}
		return task
	}
	failed := full(StateFailed, 0, 0, 10)
	failed.ErrorCode, failed.ErrorMsg = "ModelArts.4360", "Sync data source error"

	return map[string]goldenResult{
		"latest-never":            {Task: sparse(StateNotExist)},
		"latest-queuing":          {Task: full(StateQueuing, 0, 0, 10)},
		"latest-starting":         {Task: full(StateStarting, 0, 0, 10)},
		"latest-running":          {Task: full(StateRunning, 0, 0, 10)},
		"latest-completed":        {Task: full(StateCompleted, 7, 2, 15)},
		"latest-completed-sparse": {Task: sparse(StateCompleted)},
		"latest-failed":           {Task: failed},
		"latest-unknown-dataset":  fail(400, "ModelArts.4352", "Dataset does not exist", ClassPermanent),
		"latest-wrong-project":    fail(403, "ModelArts.0210", "The project id in the request URL does not match the token.", ClassPermission),
		"latest-unknown-key":      fail(401, "APIGW.0301", iamText+"Get secretKey failed,ak:[redacted],err:ak not exist", ClassAuthentication),
		"latest-expired-token":    fail(401, "APIGW.0307", "The token must be updated.", ClassAuthentication),
		"latest-throttled-window": {Err: waiting(refused(opLatest, 429, "APIGW.0308", throttleText, ClassThrottled, FateUnknown), time.Minute)},
		"latest-error-message":    fail(400, "ModelArts.0104", "Parameter error.", ClassPermanent),
		"latest-keystone":         fail(401, "", "The request you have made requires authentication.", ClassAuthentication),
		"latest-200-error-code":   fail(200, "ModelArts.4360", "Sync data source error", ClassTransient),
		"latest-500-json":         fail(500, "ModelArts.6102", "Internal error.", ClassTransient),
		"latest-502-json":         fail(502, "APIGW.0201", "Backend unavailable.", ClassTransient),
		"latest-503-json":         fail(503, "ModelArts.4302", "Gateway forwarding error because of an upgrade.", ClassTransient),
		"latest-504-json":         fail(504, "APIGW.0201", "Backend timeout.", ClassTransient),
		"latest-500-html":         html(500),
		"latest-502-html":         html(502),
		"latest-503-html":         html(503),
		"latest-504-html":         html(504),
	}
}
