package simulator_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/internal/simulator"
)

// outcome is what an answer says in short.
type outcome struct {
	Status int
	Code   string
}

func TestStartIsRefused(t *testing.T) {
	tests := map[string]struct {
		dataset simulator.Dataset
		want    outcome
		message string
	}{
		"a text classification cannot be synchronized": {
			dataset: simulator.Dataset{Type: 100}, want: outcome{501, "ModelArts.4383"},
			message: "Unsupported operation, dataset " + cats + " type is 100",
		},
		"named entities cannot be synchronized":    {dataset: simulator.Dataset{Type: 101}, want: outcome{501, "ModelArts.4383"}},
		"text triplets cannot be synchronized":     {dataset: simulator.Dataset{Type: 102}, want: outcome{501, "ModelArts.4383"}},
		"tables cannot be synchronized":            {dataset: simulator.Dataset{Type: 400}, want: outcome{501, "ModelArts.4383"}},
		"the type is looked at before the state":   {dataset: simulator.Dataset{Type: 100, State: 6}, want: outcome{501, "ModelArts.4383"}},
		"a data set that is being deleted":         {dataset: simulator.Dataset{State: 2}, want: outcome{400, "ModelArts.4344"}},
		"a deleted data set does not exist":        {dataset: simulator.Dataset{State: 3}, want: outcome{400, "ModelArts.4352"}},
		"a data set that is synchronizing":         {dataset: simulator.Dataset{State: 5}, want: outcome{400, "ModelArts.4355"}},
		"a data set that is publishing":            {dataset: simulator.Dataset{State: 6}, want: outcome{400, "ModelArts.4343"}},
		"a data set that is switching its version": {dataset: simulator.Dataset{State: 7}, want: outcome{400, "ModelArts.4349"}},
		"a data set that is importing":             {dataset: simulator.Dataset{State: 8}, want: outcome{400, "ModelArts.4356"}},
		"a data set of another project": {
			dataset: simulator.Dataset{Project: strings.Repeat("b", 32)}, want: outcome{400, "ModelArts.4352"},
			message: "Dataset does not exist",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.dataset.ID = cats
			s := newService(t, simulator.Config{Datasets: []simulator.Dataset{tc.dataset}})
			got := s.start(t, cats)
			if diff := cmp.Diff(tc.want, outcome{got.status, got.Code}); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if tc.message != "" && got.Message != tc.message {
				t.Errorf("message %q, want %q", got.Message, tc.message)
			}
			entry := s.Ledger()[0]
			want := simulator.Entry{
				Time: s.clock.Now(), Project: project, Dataset: cats, Verdict: simulator.VerdictRefused, AccessKey: "AK",
				RequestID: got.header.Get("X-Request-Id"), Status: tc.want.Status, Code: tc.want.Code,
			}
			if diff := cmp.Diff(want, entry); diff != "" {
				t.Errorf("ledger (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStartIsAccepted(t *testing.T) {
	tests := map[string]simulator.Dataset{
		"images":                    {Type: 0},
		"objects":                   {Type: 1},
		"sound":                     {Type: 200},
		"video":                     {Type: 600},
		"free format":               {Type: 900},
		"an abnormal data set":      {State: 4},
		"in its own project":        {Project: project},
		"an id with - and _, state": {State: 1},
	}
	for name, d := range tests {
		t.Run(name, func(t *testing.T) {
			d.ID = "38277e62-9e59_48f4"
			s := newService(t, simulator.Config{Datasets: []simulator.Dataset{d}})
			got := s.start(t, d.ID)
			if got.status != http.StatusOK || len(got.TaskID) != 19 {
				t.Errorf("answer %d %q, want 200 with a task id of 19 characters", got.status, got.raw)
			}
		})
	}
}

func TestRequestsThatAreNotUnderstood(t *testing.T) {
	tests := map[string]struct {
		method, path string
		header       map[string]string
		want         outcome
	}{
		"a start at the wrong path":        {http.MethodPost, path(cats) + "/status", nil, outcome{404, "APIGW.0101"}},
		"a status at the wrong path":       {http.MethodGet, path(cats), nil, outcome{404, "APIGW.0101"}},
		"another method":                   {http.MethodPut, path(cats), nil, outcome{404, "APIGW.0101"}},
		"a slash too many":                 {http.MethodPost, path(cats) + "/", nil, outcome{404, "APIGW.0101"}},
		"another version":                  {http.MethodPost, strings.Replace(path(cats), "v2", "v1", 1), nil, outcome{404, "APIGW.0101"}},
		"the data set itself":              {http.MethodGet, strings.TrimSuffix(path(cats), "/sync-data"), nil, outcome{404, "APIGW.0101"}},
		"an ill-formed project":            {http.MethodGet, "/v2/Project/datasets/cats/sync-data/status", nil, outcome{400, "ModelArts.0210"}},
		"an ill-formed data set":           {http.MethodGet, path("cats.and.dogs") + "/status", nil, outcome{400, "ModelArts.4352"}},
		"a data set that begins with dash": {http.MethodGet, path("-cats") + "/status", nil, outcome{400, "ModelArts.4352"}},
		"a data set of 65 characters":      {http.MethodGet, path(strings.Repeat("c", 65)) + "/status", nil, outcome{400, "ModelArts.4352"}},
		"an escaped slash in the data set": {http.MethodGet, path("cats%2Fdogs") + "/status", nil, outcome{400, "ModelArts.4352"}},
		"an unknown language":              {http.MethodPost, path(cats), map[string]string{"X-Language": "tlh"}, outcome{400, "ModelArts.4398"}},
		"a project other than the path's": {
			http.MethodPost, path(cats), map[string]string{"X-Project-Id": strings.Repeat("b", 32)}, outcome{403, "ModelArts.0210"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, simulator.Config{})
			r := s.request(t, tc.method, tc.path)
			if strings.Contains(tc.path, "%2F") { // the signer of these tests knows no escapes
				s.SetToken("TOKEN")
				r.Header.Set("X-Auth-Token", "TOKEN")
			}
			for name, value := range tc.header {
				r.Header.Set(name, value)
			}
			got := s.do(t, r)
			if diff := cmp.Diff(tc.want, outcome{got.status, got.Code}); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	tests := map[string]struct {
		body   string
		length int64
		want   outcome
	}{
		"of unknown length":                  {"{}", -1, outcome{411, "APIGW.0201"}},
		"too large":                          {strings.Repeat(" ", 12<<20+1), 12<<20 + 1, outcome{413, "APIGW.0201"}},
		"one that the signature leaves out":  {"{}", 2, outcome{401, "APIGW.0301"}},
		"none, which is what the client has": {"", 0, outcome{200, ""}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, simulator.Config{})
			r := s.request(t, http.MethodPost, path(cats))
			r.Body, r.ContentLength = http.MaxBytesReader(nil, readCloser(tc.body), 1<<30), tc.length
			got := s.do(t, r)
			if diff := cmp.Diff(tc.want, outcome{got.status, got.Code}); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	s := newService(t, simulator.Config{})
	answers := map[string]reply{
		"accepted": s.start(t, cats), "refused": s.start(t, cats), "status": s.latest(t, cats),
		"no such API": s.do(t, s.request(t, http.MethodGet, "/")),
	}
	ids := map[string]bool{}
	for name, got := range answers {
		t.Run(name, func(t *testing.T) {
			want := map[string]string{"Content-Type": "application/json", "Date": "Wed, 04 Mar 2026 05:06:07 GMT"}
			for header, value := range want {
				if got.header.Get(header) != value {
					t.Errorf("%s = %q, want %q", header, got.header.Get(header), value)
				}
			}
			id := got.header.Get("X-Request-Id")
			if len(id) != 32 || ids[id] {
				t.Errorf("X-Request-Id = %q, want 32 characters that no other answer has", id)
			}
			ids[id] = true
			if got.RequestID != "" && got.RequestID != id {
				t.Errorf("request_id = %q, want the header's %q", got.RequestID, id)
			}
		})
	}
}

func TestStatusTellsTheTask(t *testing.T) {
	tests := map[string]struct {
		cfg  simulator.Config
		want map[string]bool
	}{
		"full": {
			simulator.Config{TaskDuration: time.Minute},
			map[string]bool{
				"task_id": true, "dataset_id": true, "status": true, "add_sample_count": true, "deleted_sample_count": true,
				"total_sample_count": true, "create_time": true, "duration_time": true,
			},
		},
		"sparse": {
			simulator.Config{TaskDuration: time.Minute, Status: simulator.StatusSparse},
			map[string]bool{"dataset_id": true, "status": true},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, tc.cfg)
			never := s.latest(t, cats)
			if diff := cmp.Diff(`{"dataset_id":"`+cats+`","status":"NOT_EXIST"}`, never.raw); diff != "" {
				t.Errorf("never synchronized (-want +got):\n%s", diff)
			}
			s.start(t, cats)
			got := map[string]bool{}
			for member := range members(t, s.latest(t, cats).raw, nil) {
				got[member] = true
			}
			if !maps.Equal(tc.want, got) {
				t.Errorf("members (-want +got):\n%s", cmp.Diff(tc.want, got))
			}
		})
	}
}

func TestEmptyAnswerToAStart(t *testing.T) {
	s := newService(t, simulator.Config{Answer: simulator.AnswerEmpty})
	got := s.start(t, cats)
	if got.status != http.StatusOK || got.raw != "" || got.header.Get("Content-Length") != "0" {
		t.Errorf("answer %d %q, want 200 and no body", got.status, got.raw)
	}
	if id := s.latest(t, cats).TaskID; id == "" || id != s.Ledger()[0].TaskID {
		t.Errorf("status tells task %q, want the ledger's %q", id, s.Ledger()[0].TaskID)
	}
}

func TestCallsAreCounted(t *testing.T) {
	s := newService(t, simulator.Config{})
	s.start(t, cats)
	s.start(t, cats)
	s.latest(t, cats)
	s.do(t, s.request(t, http.MethodGet, "/"))
	if diff := cmp.Diff(map[string]int{simulator.OperationStart: 2, simulator.OperationLatest: 1}, s.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestConfigIsChecked(t *testing.T) {
	tests := map[string]struct {
		cfg  simulator.Config
		want bool
	}{
		"the zero value":       {simulator.Config{}, true},
		"an unknown answer":    {simulator.Config{Answer: "id"}, false},
		"an unknown status":    {simulator.Config{Status: "half"}, false},
		"an ill-formed id":     {simulator.Config{Datasets: []simulator.Dataset{{ID: "a/b"}}}, false},
		"a type that is not":   {simulator.Config{Datasets: []simulator.Dataset{{ID: "a", Type: 2}}}, false},
		"a state that is not":  {simulator.Config{Datasets: []simulator.Dataset{{ID: "a", State: 9}}}, false},
		"an ill-formed owner":  {simulator.Config{Datasets: []simulator.Dataset{{ID: "a", Project: "p"}}}, false},
		"an ill-formed tenant": {simulator.Config{Project: "P"}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tc.cfg.Validate(); (err == nil) != tc.want {
				t.Errorf("Validate() = %v, want valid: %t", err, tc.want)
			}
		})
	}
}
