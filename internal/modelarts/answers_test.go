package modelarts

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var testDate = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

// told is a whole answer.
func told(status int, body string) answer {
	return answer{
		status: status, header: http.Header{"X-Request-Id": {"R"}}, body: []byte(body),
		date: testDate, received: testDate.Add(time.Hour),
	}
}

func ptr(n int64) *int64 { return &n }

func TestStatesThatAreNotKnownAreActive(t *testing.T) {
	t.Parallel()
	for state, want := range map[State]bool{
		StateQueuing: true, StateStarting: true, StateRunning: true, "PAUSED": true, "completed": true,
		StateCompleted: false, StateFailed: false, StateNotExist: false, "": false,
	} {
		if got := state.Active(); got != want {
			t.Errorf("%q is active: %t, want %t", state, got, want)
		}
	}
}

func TestLatestIsReadLeniently(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2000)
	for name, tc := range map[string]struct {
		body string
		want Task
	}{
		"everything": {
			`{"task_id":"T","dataset_id":"D","status":"FAILED","add_sample_count":1,"deleted_sample_count":2,"total_sample_count":3,
			  "create_time":1606114833874,"duration_time":5,"error_code":"ModelArts.4360","error_msg":"Sync data source error"}`,
			Task{
				ID: "T", State: StateFailed, CreateTime: time.UnixMilli(1606114833874).UTC(),
				Samples:   Samples{Added: ptr(1), Deleted: ptr(2), Total: ptr(3)},
				ErrorCode: "ModelArts.4360", ErrorMsg: "Sync data source error",
			},
		},
		"nothing but the status":      {`{"status":"COMPLETED"}`, Task{State: StateCompleted}},
		"a byte order mark":           {"\xef\xbb\xbf" + `{"status":"RUNNING"}`, Task{State: StateRunning}},
		"a word that is not known":    {`{"status":" PAUSED\u0007 "}`, Task{State: "PAUSED"}},
		"the older spelling":          {`{"status":"FAILED","error_message":"m"}`, Task{State: StateFailed, ErrorMsg: "m"}},
		"the last of two":             {`{"status":"RUNNING","status":"FAILED"}`, Task{State: StateFailed}},
		"nulls":                       {`{"status":"RUNNING","task_id":null,"create_time":null,"add_sample_count":null,"error_code":null}`, Task{State: StateRunning}},
		"members of other types":      {`{"status":"RUNNING","task_id":1,"create_time":"1606114833874","add_sample_count":"1","deleted_sample_count":1.5,"total_sample_count":[],"error_code":{},"error_msg":true}`, Task{State: StateRunning}},
		"numbers that are too large":  {`{"status":"RUNNING","create_time":1e300,"add_sample_count":1e300,"deleted_sample_count":9007199254740993,"total_sample_count":99999999999999999999}`, Task{State: StateRunning}},
		"numbers below zero":          {`{"status":"RUNNING","create_time":-1,"add_sample_count":-1,"deleted_sample_count":-9223372036854775808}`, Task{State: StateRunning}},
		"zeros":                       {`{"status":"RUNNING","create_time":0,"add_sample_count":0}`, Task{State: StateRunning, Samples: Samples{Added: ptr(0)}}},
		"a time in seconds":           {`{"status":"RUNNING","create_time":1606114833}`, Task{State: StateRunning, CreateTime: time.Unix(1606114833, 0).UTC()}},
		"the last time there is":      {`{"status":"RUNNING","create_time":253402300799999}`, Task{State: StateRunning, CreateTime: time.UnixMilli(253402300799999).UTC()}},
		"a time beyond it":            {`{"status":"RUNNING","create_time":253402300800000}`, Task{State: StateRunning}},
		"an id of 128 characters":     {`{"status":"RUNNING","task_id":"` + long[:128] + `"}`, Task{State: StateRunning, ID: long[:128]}},
		"an id of 129 characters":     {`{"status":"RUNNING","task_id":"` + long[:129] + `"}`, Task{State: StateRunning}},
		"an id with a line break":     {`{"status":"RUNNING","task_id":"a\nb"}`, Task{State: StateRunning}},
		"an id with a broken rune":    {`{"status":"RUNNING","task_id":"` + "a\xffb" + `"}`, Task{State: StateRunning, ID: "a\ufffdb"}},
		"texts that are too long":     {`{"status":"` + long + `","error_code":"` + long + `","error_msg":"` + strings.Repeat("x ", 1000) + `"}`, Task{State: State(long[:64]), ErrorCode: long[:64], ErrorMsg: strings.TrimSpace(strings.Repeat("x ", 512))}},
		"texts with control sequence": {`{"status":"FAILED","error_msg":"a\u001b[31mb\u0000\r\nc\u202ed\u0085e"}`, Task{State: StateFailed, ErrorMsg: "a[31mb  cd e"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.want.Date, tc.want.RequestID = testDate, "R"
			got, failure := readLatest(told(200, tc.body), newCleaner(testCredentials()))
			if failure != nil {
				t.Fatal(failure)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLatestThatCannotBeReadMayPass(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":             "",
		"HTML":              "<html>",
		"broken off":        `{"status":"RUN`,
		"a list":            `[{"status":"RUNNING"}]`,
		"no status":         `{"task_id":"T"}`,
		"an empty status":   `{"status":""}`,
		"a status number":   `{"status":3}`,
		"unprintable":       `{"status":"\u0000\u001b"}`,
		"nested too deeply": `{"status":"RUNNING","x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, failure := readLatest(told(200, body), newCleaner(testCredentials()))
			if failure == nil || failure.Class != ClassTransient || failure.HTTPStatus != 200 || failure.Err == nil || !failure.Date.Equal(testDate) {
				t.Errorf("got %#v, want a transient failure with a cause", failure)
			}
		})
	}
}

func TestErrorBodiesOfEveryShapeAreRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ body, code, message string }{
		"the service":             {`{"error_code":"ModelArts.4355","error_msg":"Sync data source task exist"}`, "ModelArts.4355", "Sync data source task exist"},
		"its older spelling":      {`{"error_code":"AS.0001","error_message":"The format of message is error"}`, "AS.0001", "The format of message is error"},
		"the gateway":             {`{"error_msg":"m","error_code":"APIGW.0301","request_id":"x"}`, "APIGW.0301", "m"},
		"IAM, a number for code":  {`{"error":{"message":"m","code":401,"title":"Unauthorized"}}`, "", "m"},
		"IAM, a title only":       {`{"error":{"code":401,"title":"Unauthorized"}}`, "", "Unauthorized"},
		"nested":                  {`{"error":{"code":"APIGW.0301","message":"m"}}`, "APIGW.0301", "m"},
		"version 1":               {`{"error_msg":"m","error_code":"ModelArts.0101","is_success":false}`, "ModelArts.0101", "m"},
		"camel case":              {`{"errorCode":"c","errorMessage":"m"}`, "c", "m"},
		"short":                   {`{"code":"c","message":"m"}`, "c", "m"},
		"a sentence":              {`{"error":"invalid_request"}`, "", "invalid_request"},
		"HTML":                    {"<html><body>Bad Gateway</body></html>", "", ""},
		"plain text":              {"no healthy upstream", "", ""},
		"nothing":                 {"", "", ""},
		"a list":                  {`[{"error_code":"c"}]`, "", ""},
		"other types":             {`{"error_code":4355,"error_msg":["m"],"error":[1]}`, "", ""},
		"an empty code, a nested": {`{"error_code":"","error":{"code":"c"}}`, "c", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, failure := readLatest(told(400, tc.body), newCleaner(testCredentials()))
			if failure.Code != tc.code || failure.Message != tc.message || failure.RequestID != "R" {
				t.Errorf("got %q, %q, want %q, %q", failure.Code, failure.Message, tc.code, tc.message)
			}
		})
	}
}

func TestTheRequestIDOfTheBodyServesWhereTheHeaderHasNone(t *testing.T) {
	t.Parallel()
	a := told(400, `{"request_id":"B"}`)
	a.header = http.Header{}
	if _, failure := readStart(a, newCleaner(testCredentials())); failure.RequestID != "B" {
		t.Errorf("got %q, want B", failure.RequestID)
	}
	a.header.Set("X-Request-Id", strings.Repeat("r", 300))
	if _, failure := readStart(a, newCleaner(testCredentials())); failure.RequestID != strings.Repeat("r", 256) {
		t.Errorf("got %q, want the first 256 characters of the header", failure.RequestID)
	}
}

func TestAnErrorIsOneLine(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*Error{
		"modelarts start: HTTP 400 Bad Request: ModelArts.4355: Sync data source task exist (request R)": {
			Op: opStart, HTTPStatus: 400, Code: "ModelArts.4355", Message: "Sync data source task exist", RequestID: "R",
		},
		"modelarts latest: no answer: the body is not a JSON object": {Op: opLatest, Err: errNotObject},
		"modelarts latest: HTTP 494":                                 {Op: opLatest, HTTPStatus: 494},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestAPageOfAProxyIsNamed(t *testing.T) {
	t.Parallel()
	a := told(200, "<html>")
	a.header.Set("Content-Type", "text/html; charset=utf-8")
	_, failure := readStart(a, newCleaner(testCredentials()))
	if want := "unreadable answer: the body is not a JSON object (text/html)"; failure.Err.Error() != want {
		t.Errorf("got %q, want %q", failure.Err, want)
	}
}

// fit reports what is wrong with a text that is to be shown.
func fit(t *testing.T, what, s string, limit int) {
	t.Helper()
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > limit || oneLine(s) != s {
		t.Errorf("%s is not fit to be shown: %q", what, s)
	}
}

func fitError(t *testing.T, e *Error) {
	t.Helper()
	fit(t, "code", e.Code, maxCode)
	fit(t, "message", e.Message, maxMessage)
	fit(t, "request id", e.RequestID, maxRequestID)
	fit(t, "line", e.Error(), 4*maxMessage)
	if e.RetryAfter != 0 && (e.RetryAfter < minRetryAfter || e.RetryAfter > MaxRetryAfter) {
		t.Errorf("retry after %v", e.RetryAfter)
	}
}

func FuzzStatusBody(f *testing.F) {
	f.Add([]byte(`{"status":"COMPLETED","dataset_id":"gfghHSokody6AJigS5A"}`))
	f.Add([]byte(`{"status":"RUNNING","task_id":"T","create_time":1606114833874,"add_sample_count":1}`))
	f.Add([]byte("\xef\xbb\xbf{\"status\":\"\xff\",\"create_time\":1e300,\"add_sample_count\":-1}"))
	f.Add([]byte(`{"error_code":"ModelArts.4360"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		task, failure := readLatest(told(200, string(body)), newCleaner(testCredentials()))
		if failure != nil {
			fitError(t, failure)
			return
		}
		if task.State == "" {
			t.Error("a task without a state")
		}
		fit(t, "state", string(task.State), maxState)
		fit(t, "id", task.ID, maxTaskID)
		fit(t, "code", task.ErrorCode, maxCode)
		fit(t, "message", task.ErrorMsg, maxMessage)
		if !task.CreateTime.IsZero() && (task.CreateTime.Unix() <= 0 || task.CreateTime.Year() > 9999) {
			t.Errorf("created at %v", task.CreateTime)
		}
		for _, n := range []*int64{task.Samples.Added, task.Samples.Deleted, task.Samples.Total} {
			if n != nil && (*n < 0 || *n > maxCount) {
				t.Errorf("%d samples", *n)
			}
		}
	})
}

func FuzzStartBody(f *testing.F) {
	f.Add(200, []byte(`{"task_id":"T"}`))
	f.Add(200, []byte(""))
	f.Add(202, []byte(`{"error_code":"ModelArts.4355","task_id":""}`))
	f.Add(400, []byte(`{"error_code":"ModelArts.4355"}`))
	f.Add(500, []byte(`{"error_code":"ModelArts.5039"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		started, failure := readStart(told(status, string(body)), newCleaner(testCredentials()))
		var members map[string]any
		isObject := json.Unmarshal([]byte(strings.TrimPrefix(string(body), "\xef\xbb\xbf")), &members) == nil && members != nil
		taskID, _ := members["task_id"].(string)

		switch {
		case failure == nil:
			fit(t, "id", started.TaskID, maxTaskID)
			if !isSuccess(status) {
				t.Errorf("status %d is accepted", status)
			}
		case isSuccess(status) && isObject && taskID != "":
			t.Errorf("a start with the id %q is not accepted: %v", taskID, failure)
		case isSuccess(status) && failure.Fate != FateUnknown && (!isObject || failure.Code == ""):
			t.Errorf("refused for certain without a code: %v", failure)
		case failure.Fate == FateNotSent:
			t.Errorf("answered, but not sent: %v", failure)
		case failure.Fate == FateUnknown && failure.Class != ClassTransient:
			t.Errorf("of unknown fate, but %v: %v", failure.Class, failure)
		}
		if failure != nil {
			fitError(t, failure)
		}
	})
}

func FuzzErrorBody(f *testing.F) {
	f.Add(400, "", []byte(`{"error_code":"ModelArts.4355","error_msg":"Sync data source task exist"}`))
	f.Add(401, "", []byte(`{"error":{"message":"m","code":401,"title":"Unauthorized"}}`))
	f.Add(429, "30", []byte(`{"error_msg":"policy user over ratelimit,limit:100,time:1 minute","error_code":"APIGW.0308"}`))
	f.Add(302, "-1", []byte("\x00\x1b[31m\xff"))
	f.Fuzz(func(t *testing.T, status int, wait string, body []byte) {
		if isSuccess(status) {
			t.Skip()
		}
		a := told(status, string(body))
		a.header.Set("Retry-After", wait)
		_, failure := readLatest(a, newCleaner(testCredentials()))
		if failure == nil {
			t.Fatalf("status %d is a task", status)
		}
		fitError(t, failure)
	})
}
