package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/internal/simulator"
)

// control asks the control port.
func (s *service) control(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ControlHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func TestControl(t *testing.T) {
	const cat = `"project":"` + project + `","dataset":"` + cats + `"`
	type step struct {
		method, path, body string
		status             int
		answer             string // a regular expression
	}
	tests := map[string]struct {
		steps []step
		check func(t *testing.T, s *service) string // what is wrong
	}{
		"a data set is created, changed and deleted": {
			steps: []step{
				{"GET", "/datasets", "", 200, `^\[\]\n$`},
				{"POST", "/datasets", `{"id":"` + cats + `","state":6}`, 204, ""},
				{"GET", "/datasets", "", 200, `^\[{"id":"` + cats + `","type":0,"state":6,"tasks":0}\]\n$`},
				{"POST", "/datasets", `{"id":"` + cats + `"}`, 204, ""},
				{"POST", "/tasks", `{` + cat + `}`, 201, `"state":"RUNNING","external":true`},
				{"GET", "/datasets", "", 200, `"project":"` + project + `".*"state":5,"tasks":1,"latest":{"id":`},
				{"DELETE", "/datasets/" + cats + "?project=" + project, "", 204, ""},
			},
			check: func(t *testing.T, s *service) string {
				t.Helper()
				return complaint(s.latest(t, cats).Code == "ModelArts.4352", "the data set is still there")
			},
		},
		"data sets that cannot exist": {
			steps: []step{
				{"POST", "/datasets", `{"id":"a/b"}`, 400, "an id is"},
				{"POST", "/datasets", `{"id":"cats","type":2}`, 400, "no such type"},
				{"POST", "/datasets", `{"id":"cats","status":1}`, 400, "unknown field"},
				{"POST", "/datasets", `{"id":"cats"}{}`, 400, "more than one"},
				{"POST", "/datasets", ``, 400, "EOF"},
				{"DELETE", "/datasets/a.b", "", 400, "an id is"},
				{"PUT", "/datasets", "", 405, ""},
				{"GET", "/nothing", "", 404, ""},
			},
		},
		"somebody else's task is started and ended": {
			steps: []step{
				{"POST", "/tasks", `{` + cat + `}`, 201, `"id":"[0-9A-Za-z]{19}"`},
				{"POST", "/tasks", `{` + cat + `}`, 409, "ModelArts.4355"},
				{"POST", "/tasks", `{` + cat + `,"finish":"DONE"}`, 400, "a task ends as"},
				{"POST", "/tasks", `{` + cat + `,"finish":"COMPLETED","code":"X.1"}`, 400, "a task ends as"},
				{"POST", "/tasks", `{` + cat + `,"code":"X.1"}`, 400, "task-fails"},
				{"POST", "/tasks", `{` + cat + `,"finish":"FAILED","code":"ModelArts.4311"}`, 204, ""},
				{"POST", "/tasks", `{` + cat + `,"finish":"COMPLETED"}`, 409, "no task under way"},
				{"POST", "/tasks", `{` + cat + `}`, 201, ""},
				{"POST", "/tasks", `{` + cat + `,"finish":"COMPLETED"}`, 204, ""},
				{"POST", "/tasks", `{` + cat + `,"state":"COMPLETED"}`, 400, "unknown field"},
				{"GET", "/tasks?project=" + project + "&dataset=" + cats, "", 200, `"FAILED".*"error_code":"ModelArts.4311".*"COMPLETED"`},
				{"GET", "/tasks?project=" + project + "&dataset=dogs", "", 200, `^\[\]\n$`},
			},
			check: func(t *testing.T, s *service) string {
				t.Helper()
				return complaint(cmp.Equal([]string{"external", "external"}, s.verdicts()), "the ledger has no two external tasks")
			},
		},
		"a fault is armed, shown and cleared": {
			steps: []step{
				{"GET", "/faults", "", 200, `^\[\]\n$`},
				{"POST", "/faults", `{"kind":"answer","status":599,"count":3}`, 204, ""},
				{"POST", "/faults", `{"kind":"drip-body","delay":"2s"}`, 204, ""},
				{"GET", "/faults", "", 200, `"kind":"answer".*"seen":0,"hits":0.*"delay":"2s"`},
				{"POST", "/faults", `{"kind":"answer","stauts":599}`, 400, "stauts"},
				{"POST", "/faults", `{"kind":"anwser"}`, 400, "no such kind"},
			},
			check: func(t *testing.T, s *service) string {
				t.Helper()
				hit := s.latest(t, cats).status == 599
				_, shown := s.control(t, http.MethodGet, "/faults", "")
				s.control(t, http.MethodDelete, "/faults", "")
				_, cleared := s.control(t, http.MethodGet, "/faults", "")
				return complaint(hit && strings.Contains(shown, `"hits":1`) && cleared == "[]\n" && s.latest(t, cats).status == 200,
					"the fault has not hit once")
			},
		},
		"credentials are added and replaced": {
			steps: []step{
				{"POST", "/credentials", `{"access_key":"AK2","secret_key":"SK2"}`, 204, ""},
				{"POST", "/credentials", `{"token":"TOKEN"}`, 204, ""},
				{"POST", "/credentials", `{"access_key":"AK3"}`, 400, "want access_key and secret_key"},
				{"POST", "/credentials", `{"token":"TOKEN","access_key":"AK3","secret_key":"SK3"}`, 400, "want"},
				{"POST", "/credentials", `{"token":"TOKEN","secret_key":"SK3"}`, 400, "want"},
				{"POST", "/credentials", `{}`, 400, "want"},
				{"POST", "/credentials", `{"ak":"AK3"}`, 400, "unknown field"},
			},
			check: func(t *testing.T, s *service) string {
				t.Helper()
				s.access, s.secret = "AK2", "SK2"
				byKey := s.latest(t, cats)
				r := s.request(t, http.MethodGet, path(cats)+"/status")
				r.Header.Del("Authorization")
				r.Header.Set("X-Auth-Token", "TOKEN")
				return complaint(byKey.status == 200 && s.do(t, r).status == 200, "the credentials are not accepted")
			},
		},
		"what was asked is told": {
			steps: []step{
				{"GET", "/calls", "", 200, `^{}\n$`},
				{"GET", "/ledger", "", 200, `^$`},
				{"GET", "/held", "", 200, `^\[\]\n$`},
				{"POST", "/held/1/release", "", 404, "no such request"},
				{"POST", "/held/1/drop", "", 404, "no such request"},
				{"POST", "/held/1/keep", "", 404, "released or dropped"},
			},
			check: func(t *testing.T, s *service) string {
				t.Helper()
				s.start(t, cats)
				s.start(t, cats)
				_, calls := s.control(t, http.MethodGet, "/calls", "")
				_, ledger := s.control(t, http.MethodGet, "/ledger", "")
				return complaint(calls == `{"start":2}`+"\n" && sameEntries(t, ledger, s.Ledger()), "calls "+calls+"ledger "+ledger)
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, simulator.Config{})
			for _, step := range tc.steps {
				status, answer := s.control(t, step.method, step.path, step.body)
				if status != step.status || !regexp.MustCompile(step.answer).MatchString(answer) {
					t.Errorf("%s %s %s: %d %s, want %d %s", step.method, step.path, step.body, status, answer, step.status, step.answer)
				}
			}
			if tc.check == nil {
				return
			}
			if wrong := tc.check(t, s); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

func complaint(ok bool, text string) string {
	if ok {
		return ""
	}
	return text
}

// sameEntries reads a ledger that is one JSON object a line.
func sameEntries(t *testing.T, lines string, want []simulator.Entry) bool {
	t.Helper()
	var got []simulator.Entry
	for line := range strings.Lines(lines) {
		var e simulator.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		got = append(got, e)
	}
	return cmp.Equal(want, got)
}

func TestHeldRequestIsReleasedOverTheControlPort(t *testing.T) {
	for verdict, want := range map[string]ending{"release": 200, "drop": aborted} {
		t.Run(verdict, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, simulator.Config{})
				s.control(t, http.MethodPost, "/faults", `{"kind":"hold","operation":"start"}`)
				result := s.inBackground(t.Context(), t, http.MethodPost, path(cats))
				synctest.Wait()
				_, body := s.control(t, http.MethodGet, "/held", "")
				var held []simulator.Held
				if err := json.Unmarshal([]byte(body), &held); err != nil || len(held) != 1 {
					t.Fatalf("held: %s (%v), want one request", body, err)
				}
				if status, body := s.control(t, http.MethodPost, "/held/"+held[0].ID+"/"+verdict, ""); status != http.StatusNoContent {
					t.Errorf("%s: %d %s", verdict, status, body)
				}
				if got := <-result; got != want {
					t.Errorf("ended with %d, want %d", got, want)
				}
			})
		})
	}
}

// TestManualIsComplete sends what the manual shows, and looks for each
// endpoint and each kind of fault in it.
func TestManualIsComplete(t *testing.T) {
	s := newService(t, simulator.Config{TaskDuration: time.Minute})
	_, manual := s.control(t, http.MethodGet, "/", "")
	curl := regexp.MustCompile(`(?m)^  curl (?:-X (\w+) )?'?localhost:8091(/[^\s']*)'?(?: -d '([^']*)')?$`)
	examples := curl.FindAllStringSubmatch(manual, -1)
	if len(examples) != strings.Count(manual, "curl ") || len(examples) < 15 {
		t.Errorf("%d examples are understood of %d", len(examples), strings.Count(manual, "curl "))
	}
	for _, example := range examples {
		method, path, body := example[1], example[2], strings.ReplaceAll(example[3], "…", project)
		if method == "" {
			method = map[bool]string{true: http.MethodGet, false: http.MethodPost}[body == ""]
		}
		status, answer := s.control(t, method, strings.ReplaceAll(path, "…", project), body)
		isID := strings.Contains(path, "/ID/")
		if wants := map[bool]int{true: 404, false: 204}[isID]; status >= 400 && status != wants {
			t.Errorf("%s: %d %s", example[0], status, answer)
		}
	}
	for kind := range strings.FieldsSeq(kindsOf(t)) {
		if !regexp.MustCompile(`(?m)^  ` + kind + `( \(|$)`).MatchString(manual) {
			t.Errorf("the manual does not tell of fault %s", kind)
		}
	}
}

// kindsOf returns all kinds, which the refusal of a wrong one lists.
func kindsOf(t *testing.T) string {
	t.Helper()
	f := simulator.Fault{Kind: "?"}
	_, list, found := strings.Cut(f.Validate().Error(), "there are ")
	if !found {
		t.Fatal("the refusal lists no kinds")
	}
	return strings.ReplaceAll(list, ",", "")
}
