package simulator_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/internal/simulator"
)

// TestAnswerFaults covers the faults whose answer is a whole HTTP answer. Each
// is met by a start; started says whether a task began.
func TestAnswerFaults(t *testing.T) {
	const errBody = `{"error_code":"%c","error_msg":"%m"}`
	body := func(code, message string) string {
		return strings.NewReplacer("%c", code, "%m", message).Replace(errBody)
	}
	tests := map[string]struct {
		fault   simulator.Fault
		status  int
		body    string // empty: not compared
		header  map[string]string
		verdict string
		started bool
	}{
		"a documented code is completed": {
			fault: simulator.Fault{Kind: "answer", Code: "ModelArts.4355"}, status: 400,
			body: body("ModelArts.4355", "Sync data source task exist"), verdict: "refused",
		},
		"a permanent refusal as 501": {
			fault: simulator.Fault{Kind: "answer", Code: "ModelArts.4383", Message: "no"}, status: 501,
			body: body("ModelArts.4383", "no"), verdict: "refused",
		},
		"a throttle as 500": {fault: simulator.Fault{Kind: "answer", Code: "ModelArts.5039"}, status: 500, verdict: "refused"},
		"a throttle as 400": {fault: simulator.Fault{Kind: "answer", Code: "ModelArts.4370"}, status: 400, verdict: "refused"},
		"a code with the other of its statuses": {
			fault: simulator.Fault{Kind: "answer", Code: "ModelArts.4700", Status: 400}, status: 400,
			body: body("ModelArts.4700", "Task does not exist"), verdict: "refused",
		},
		"a code that nobody documented": {
			fault: simulator.Fault{Kind: "answer", Code: "ModelArts.9999"}, status: 400,
			body: body("ModelArts.9999", "Unknown error."), verdict: "refused",
		},
		"a status alone": {fault: simulator.Fault{Kind: "answer", Status: 504}, status: 504, verdict: "refused"},
		"a status that nobody documented": {
			fault: simulator.Fault{Kind: "answer", Status: 418}, status: 418, body: body("", "Unknown error."), verdict: "refused",
		},
		"a 5xx although it was applied": {
			fault: simulator.Fault{Kind: "answer", Status: 503, Applied: true}, status: 503, verdict: "accepted", started: true,
		},
		"an empty success that is a lie": {fault: simulator.Fault{Kind: "answer", Status: 200}, status: 200, verdict: "lost"},
		"any body": {
			fault: simulator.Fault{Kind: "answer", Body: "{}"}, status: 200, body: "{}", verdict: "lost",
		},
		"any header": {
			fault: simulator.Fault{
				Kind: "answer", Status: 503, RetryAfter: "Fri, 31 Dec 1999 23:59:59 GMT", Headers: map[string]string{"Content-Type": "text/plain"},
			},
			status: 503, verdict: "refused",
			header: map[string]string{"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Content-Type": "text/plain"},
		},
		"the older spelling": {
			fault: simulator.Fault{Kind: "answer", Code: "ModelArts.0104", Shape: "error-message"}, status: 400,
			body: `{"error_code":"ModelArts.0104","error_message":"Parameter error."}`, verdict: "refused",
		},
		"the shape of IAM": {
			fault: simulator.Fault{Kind: "answer", Status: 401, Message: "no", Shape: "keystone"}, status: 401,
			body: `{"error":{"message":"no","code":401,"title":"Unauthorized"}}`, verdict: "refused",
		},
		"a nested error": {
			fault: simulator.Fault{Kind: "answer", Code: "APIGW.0301", Message: "no", Shape: "nested"}, status: 401,
			body: `{"error":{"code":"APIGW.0301","message":"no"}}`, verdict: "refused",
		},
		"camel case": {
			fault: simulator.Fault{Kind: "answer", Code: "X.1", Message: "no", Shape: "camel"}, status: 400,
			body: `{"errorCode":"X.1","errorMessage":"no"}`, verdict: "refused",
		},
		"plain names": {
			fault: simulator.Fault{Kind: "answer", Code: "X.1", Message: "no", Shape: "plain"}, status: 400,
			body: `{"code":"X.1","message":"no"}`, verdict: "refused",
		},
		"the shape of the old training calls": {
			fault: simulator.Fault{Kind: "answer", Code: "X.1", Message: "no", Shape: "is-success"}, status: 400,
			body: `{"error_code":"X.1","error_msg":"no","is_success":false}`, verdict: "refused",
		},
		"an error in a success": {
			fault: simulator.Fault{Kind: "error-in-200"}, status: 200,
			body: body("ModelArts.4360", "Sync data source error"), verdict: "refused",
		},
		"locked":        {fault: simulator.Fault{Kind: "locked"}, status: 401, verdict: "refused"},
		"token expired": {fault: simulator.Fault{Kind: "token-expired"}, status: 401, verdict: "refused"},
		"throttled, and no more": {
			fault: simulator.Fault{Kind: "throttled"}, status: 429, verdict: "refused", header: map[string]string{"Retry-After": ""},
		},
		"throttled for ever": {
			fault: simulator.Fault{Kind: "throttled", RetryAfter: "1000000000"}, status: 429, verdict: "refused",
			header: map[string]string{"Retry-After": "1000000000"},
		},
		"redirected": {
			fault: simulator.Fault{Kind: "redirect", Location: "http://elsewhere.invalid/"}, status: 302, verdict: "refused",
			header: map[string]string{"Location": "http://elsewhere.invalid/"},
		},
		"redirected with its method": {
			fault: simulator.Fault{Kind: "redirect", Status: 307, Location: path("dogs"), Applied: true}, status: 307,
			header: map[string]string{"Location": path("dogs")}, verdict: "accepted", started: true,
		},
		"empty": {fault: simulator.Fault{Kind: "empty", Status: 502}, status: 502, verdict: "refused"},
		"the page of a portal": {
			fault: simulator.Fault{Kind: "html"}, status: 200, verdict: "lost", header: map[string]string{"Content-Type": "text/html"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, simulator.Config{})
			tc.fault.Count = 1
			s.AddFault(tc.fault)
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, s.request(t, http.MethodPost, path(cats)))
			if w.Code != tc.status {
				t.Errorf("status %d, want %d", w.Code, tc.status)
			}
			if tc.body != "" && !sameJSON(t, w.Body.String(), tc.body) {
				t.Errorf("body %s, want %s", w.Body, tc.body)
			}
			for header, value := range tc.header {
				if got := w.Header().Get(header); got != value {
					t.Errorf("%s = %q, want %q", header, got, value)
				}
			}
			entry := s.Ledger()[0]
			if entry.Verdict != tc.verdict || entry.Status != tc.status || entry.Fault != tc.fault.Kind {
				t.Errorf("ledger %+v, want %s by %s with %d", entry, tc.verdict, tc.fault.Kind, tc.status)
			}
			if started := s.latest(t, cats).Status == "RUNNING"; started != tc.started {
				t.Errorf("a task began: %t, want %t", started, tc.started)
			}
		})
	}
}

// sameJSON compares without regard to request_id, whose value is chance.
func sameJSON(t *testing.T, got, want string) bool {
	t.Helper()
	return cmp.Equal(members(t, want, []string{"request_id"}), members(t, got, []string{"request_id"}))
}

// TestBodyFaults checks that each unfit body is unfit in the way it promises.
func TestBodyFaults(t *testing.T) {
	tests := map[string]struct {
		fault simulator.Fault
		check func(w *httptest.ResponseRecorder) bool
	}{
		"JSON that stops in the middle": {
			simulator.Fault{Kind: "truncated", Applied: true},
			func(w *httptest.ResponseRecorder) bool {
				return w.Code == http.StatusOK && strings.HasPrefix(w.Body.String(), `{"task_id"`) && !json.Valid(w.Body.Bytes())
			},
		},
		"members of other types": {
			simulator.Fault{Kind: "wrong-types"},
			func(w *httptest.ResponseRecorder) bool {
				var body struct {
					TaskID any `json:"task_id"`
				}
				return json.Unmarshal(w.Body.Bytes(), &body) == nil && body.TaskID == 42.0
			},
		},
		"ten thousand levels": {
			simulator.Fault{Kind: "deep-nesting"},
			func(w *httptest.ResponseRecorder) bool { return strings.Count(w.Body.String(), "[") == 10_000 },
		},
		"control characters": {
			simulator.Fault{Kind: "control-characters"},
			func(w *httptest.ResponseRecorder) bool {
				b := w.Body.Bytes()
				return !utf8.Valid(b) && bytes.ContainsRune(b, 0) && bytes.Contains(b, []byte(`\u001b[31m`))
			},
		},
		"an error of a MiB": {
			simulator.Fault{Kind: "huge-body"},
			func(w *httptest.ResponseRecorder) bool { return w.Body.Len() > 1<<20 && json.Valid(w.Body.Bytes()) },
		},
		"a MiB of headers": {
			simulator.Fault{Kind: "huge-headers", Applied: true},
			func(w *httptest.ResponseRecorder) bool {
				return w.Code == http.StatusOK && len(w.Header().Get("X-Padding")) == 1<<20
			},
		},
		"a small body that unpacks to a large one": {
			simulator.Fault{Kind: "gzip-bomb", Size: 32 << 20},
			func(w *httptest.ResponseRecorder) bool {
				packed := w.Body.Len()
				r, err := gzip.NewReader(w.Body)
				if err != nil {
					return false
				}
				n, err := io.Copy(io.Discard, r)
				return err == nil && packed < 64<<10 && n > 32<<20 && w.Header().Get("Content-Encoding") == "gzip"
			},
		},
		"a body without an end": {
			simulator.Fault{Kind: "endless-body", Size: 8 << 20},
			func(w *httptest.ResponseRecorder) bool {
				return w.Body.Len() >= 8<<20 && w.Header().Get("Content-Length") == "" && !json.Valid(w.Body.Bytes())
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, simulator.Config{})
			s.AddFault(tc.fault)
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, s.request(t, http.MethodPost, path(cats)))
			if !tc.check(w) {
				t.Errorf("status %d, %d bytes, headers %v: %.200q", w.Code, w.Body.Len(), w.Header(), w.Body)
			}
			if got := len(s.Tasks(project, cats)) == 1; got != tc.fault.Applied {
				t.Errorf("a task began: %t, want %t", got, tc.fault.Applied)
			}
		})
	}
}

// TestTaskFaults checks what is shown of two tasks, one completed and one
// that runs since a minute.
func TestTaskFaults(t *testing.T) {
	tests := map[string]struct {
		fault simulator.Fault
		want  func(first, second simulator.Task) reply
	}{
		"the task before": {
			simulator.Fault{Kind: "lag"},
			func(first, _ simulator.Task) reply {
				return reply{TaskID: first.ID, Status: "COMPLETED", Dataset: cats}
			},
		},
		"the time before": {
			simulator.Fault{Kind: "lag", Delay: 2 * time.Minute},
			func(first, _ simulator.Task) reply { return reply{TaskID: first.ID, Status: "RUNNING", Dataset: cats} },
		},
		"the time before any": {
			simulator.Fault{Kind: "lag", Delay: time.Hour},
			func(_, _ simulator.Task) reply { return reply{Status: "NOT_EXIST", Dataset: cats} },
		},
		"nothing": {
			simulator.Fault{Kind: "not-exist"},
			func(_, _ simulator.Task) reply { return reply{Status: "NOT_EXIST", Dataset: cats} },
		},
		"little": {
			simulator.Fault{Kind: "sparse"},
			func(_, _ simulator.Task) reply { return reply{Status: "RUNNING", Dataset: cats} },
		},
		"a word nobody knows": {
			simulator.Fault{Kind: "unknown-word"},
			func(_, second simulator.Task) reply {
				return reply{TaskID: second.ID, Status: "PREPARING", Dataset: cats}
			},
		},
		"a word of one's own": {
			simulator.Fault{Kind: "unknown-word", State: "PAUSED"},
			func(_, second simulator.Task) reply { return reply{TaskID: second.ID, Status: "PAUSED", Dataset: cats} },
		},
		"an earlier state": {
			simulator.Fault{Kind: "status-regress"},
			func(_, second simulator.Task) reply {
				return reply{TaskID: second.ID, Status: "QUEUING", Dataset: cats}
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, first, second := twoTasks(t)
			s.AddFault(tc.fault)
			got := s.latest(t, cats)
			shown := reply{TaskID: got.TaskID, Status: got.Status, Dataset: got.Dataset}
			if diff := cmp.Diff(tc.want(first, second), shown, cmp.AllowUnexported(reply{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// twoTasks has one that took 90 s and one that began 30 s later, a minute ago.
func twoTasks(t *testing.T) (s *service, first, second simulator.Task) {
	t.Helper()
	s = newService(t, simulator.Config{})
	s.start(t, cats)
	s.clock.advance(90 * time.Second)
	s.FinishTask(project, cats, "COMPLETED")
	s.clock.advance(30 * time.Second)
	s.start(t, cats)
	s.clock.advance(time.Minute)
	tasks := s.Tasks(project, cats)
	return s, tasks[0], tasks[1]
}

func TestCreateTimeFaults(t *testing.T) {
	s, _, second := twoTasks(t)
	ms := second.CreateTime.UnixMilli()
	for _, step := range []struct {
		fault simulator.Fault
		want  int64
	}{
		{simulator.Fault{Kind: "create-time-seconds", Count: 1}, ms / 1000},
		{simulator.Fault{Kind: "create-time-backwards", Count: 1}, ms - 3_600_000},
		{simulator.Fault{Kind: "create-time-backwards", Delay: time.Second, Count: 1}, ms - 1000},
	} {
		s.AddFault(step.fault)
		if got := s.latest(t, cats).Created; got != step.want {
			t.Errorf("%s: create_time %d, want %d", step.fault.Kind, got, step.want)
		}
	}
	if got := s.latest(t, cats).Created; got != ms {
		t.Errorf("without a fault: create_time %d, want %d", got, ms)
	}
}

func TestEndedTaskRegressesToRunning(t *testing.T) {
	s := newService(t, simulator.Config{})
	s.AddFault(simulator.Fault{Kind: "status-regress"})
	if got := s.latest(t, cats); got.Status != "NOT_EXIST" {
		t.Errorf("status %s, want NOT_EXIST: there is nothing to regress", got.raw)
	}
	s.start(t, cats)
	s.FinishTask(project, cats, "FAILED")
	if got := s.latest(t, cats); got.Status != "RUNNING" || got.Code != "" {
		t.Errorf("status %s, want RUNNING without an error", got.raw)
	}
}

func TestSuperseded(t *testing.T) {
	tests := map[string]struct {
		operation string
		verdicts  []string
	}{
		"before the status is shown":   {simulator.OperationLatest, []string{"accepted", "external"}},
		"after the start was accepted": {simulator.OperationStart, []string{"accepted", "external"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, simulator.Config{})
			s.AddFault(simulator.Fault{Kind: "superseded", Operation: tc.operation, Count: 1})
			own := s.start(t, cats).TaskID
			shown := s.latest(t, cats)
			tasks := s.Tasks(project, cats)
			if len(tasks) != 2 || tasks[0].ID != own || tasks[0].State != "COMPLETED" || shown.TaskID != tasks[1].ID || !tasks[1].External {
				t.Errorf("tasks %+v, status %s, want %s completed and somebody else's shown", tasks, shown.raw, own)
			}
			if diff := cmp.Diff(tc.verdicts, s.verdicts()); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTaskFailsInDueTime(t *testing.T) {
	s := newService(t, simulator.Config{TaskDuration: time.Minute})
	s.AddFault(simulator.Fault{Kind: "task-fails", Code: "ModelArts.4312", Count: 1})
	s.start(t, cats)
	s.clock.advance(time.Minute - 1)
	if got := s.latest(t, cats); got.Status != "RUNNING" {
		t.Errorf("status %s, want RUNNING", got.raw)
	}
	s.clock.advance(1)
	if got := s.latest(t, cats); got.Status != "FAILED" || got.Code != "ModelArts.4312" || got.Message != "OBS path does not exist" {
		t.Errorf("status %s, want FAILED with ModelArts.4312", got.raw)
	}
	if got := s.start(t, cats); got.status != http.StatusOK {
		t.Errorf("the next start: %s, want success", got.raw)
	}
}

// TestFaultsAreChosen sends start cats, latest cats, start dogs, latest dogs,
// twice, and notes which calls fail.
func TestFaultsAreChosen(t *testing.T) {
	tests := map[string]struct {
		faults []simulator.Fault
		want   string
	}{
		"every call":              {[]simulator.Fault{{}}, "xxxxxxxx"},
		"the first two":           {[]simulator.Fault{{Count: 2}}, "xx......"},
		"the second":              {[]simulator.Fault{{Skip: 1, Count: 1}}, ".x......"},
		"all from the fourth on":  {[]simulator.Fault{{Skip: 3}}, "...xxxxx"},
		"starts":                  {[]simulator.Fault{{Operation: "start"}}, "x.x.x.x."},
		"status requests":         {[]simulator.Fault{{Operation: "latest"}}, ".x.x.x.x"},
		"one data set":            {[]simulator.Fault{{Dataset: "dogs"}}, "..xx..xx"},
		"the second start":        {[]simulator.Fault{{Operation: "start", Dataset: "dogs", Skip: 1}}, "......x."},
		"one after the other":     {[]simulator.Fault{{Count: 1}, {Count: 1}}, "xx......"},
		"the oldest that fits":    {[]simulator.Fault{{Operation: "latest", Count: 1}, {Count: 2}}, "xxx....."},
		"another data set's only": {[]simulator.Fault{{Dataset: "birds"}}, "........"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, simulator.Config{})
			for _, f := range tc.faults {
				f.Kind, f.Status = "answer", 599
				s.AddFault(f)
			}
			var got strings.Builder
			note := func(r reply) {
				got.WriteByte(map[bool]byte{true: 'x', false: '.'}[r.status == 599])
			}
			for range 2 {
				for _, dataset := range []string{cats, "dogs"} {
					note(s.start(t, dataset))
					note(s.latest(t, dataset))
				}
			}
			want := strings.ReplaceAll(tc.want, cats, "cats")
			if got.String() != want {
				t.Errorf("failed %s, want %s", got.String(), want)
			}
			s.ClearFaults()
			if got := s.latest(t, cats); got.status != http.StatusOK {
				t.Errorf("after the faults were cleared: %s", got.raw)
			}
		})
	}
}

func TestFaultsThatMeanNothingAreRefused(t *testing.T) {
	tests := map[string]struct {
		json string
		want string // part of the error; empty: accepted
	}{
		"a whole one": {
			`{"kind":"answer","operation":"start","dataset":"cats","skip":1,"count":2,"applied":true,"status":503,"code":"X.1","message":"m","shape":"camel","retry_after":"1","headers":{"A":"b"},"body":"{}"}`, "",
		},
		"a time":                       {`{"kind":"drip-body","delay":"1m30s"}`, ""},
		"no kind":                      {`{}`, "no such kind"},
		"a mistyped kind":              {`{"kind":"reset"}`, "reset-before"},
		"a mistyped member":            {`{"kind":"answer","stauts":503}`, "stauts"},
		"a mistyped operation":         {`{"kind":"answer","status":503,"operation":"post"}`, "no such operation"},
		"a parameter of another kind":  {`{"kind":"reset-before","retry_after":"1"}`, "means nothing"},
		"reset-before that is applied": {`{"kind":"reset-before","applied":true}`, "means nothing"},
		"a status that is applied":     {`{"kind":"cut","operation":"latest","applied":true}`, "only a start"},
		"a start that lags":            {`{"kind":"lag","operation":"start"}`, "is about latest"},
		"a status whose task fails":    {`{"kind":"task-fails","operation":"latest"}`, "is about start"},
		"a redirect to nowhere":        {`{"kind":"redirect"}`, "needs location"},
		"a delay of nothing":           {`{"kind":"delay"}`, "needs delay"},
		"an informational status":      {`{"kind":"answer","status":103}`, "no final answer"},
		"a shape that does not exist":  {`{"kind":"answer","status":400,"shape":"round"}`, "no such shape"},
		"a data set that cannot exist": {`{"kind":"locked","dataset":"a/b"}`, "no request can be for"},
		"a negative count":             {`{"kind":"locked","count":-1}`, "cannot be negative"},
		"a time that is a number":      {`{"kind":"drip-body","delay":5}`, "cannot unmarshal"},
		"a time without a unit":        {`{"kind":"drip-body","delay":"5"}`, "missing unit"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var f simulator.Fault
			err := json.Unmarshal([]byte(tc.json), &f)
			if err == nil {
				err = f.Validate()
			}
			switch {
			case tc.want == "" && err != nil:
				t.Fatalf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Fatalf("error %v, want %q in it", err, tc.want)
			}
			if tc.want != "" {
				return
			}
			again, err := json.Marshal(f)
			if err != nil || !sameJSON(t, string(again), tc.json) {
				t.Errorf("written as %s (%v), want %s", again, err, tc.json)
			}
		})
	}
}

func TestAddFaultPanicsOnAnInvalidOne(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a fault that does not exist is armed")
		}
	}()
	newService(t, simulator.Config{}).AddFault(simulator.Fault{Kind: "reset"})
}
