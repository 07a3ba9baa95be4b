package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/api/v1alpha1"
)

func TestTheJudge(t *testing.T) {
	t.Parallel()
	cats := v1alpha1.DatasetSync{Spec: v1alpha1.DatasetSyncSpec{DatasetID: "cats"}, Status: v1alpha1.DatasetSyncStatus{TaskID: "2"}}
	first, last := start{"cats", "accepted", "1"}, start{"cats", "accepted", "2"}
	for name, c := range map[string]struct {
		starts []start
		fails  bool
	}{
		"one start for each request":            {[]start{first, last}, false},
		"a request that was lost":               {[]start{last}, true},
		"a start that was doubled":              {[]start{first, last, last}, true},
		"a doubled start that was refused":      {[]start{first, last, {"cats", "refused", ""}}, true},
		"a start that was refused":              {[]start{{"cats", "refused", ""}, last}, true},
		"a status that names an older task":     {[]start{last, first}, true},
		"a start of a data set that nobody has": {[]start{first, last, {"dogs", "accepted", "3"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := judge([]v1alpha1.DatasetSync{cats}, c.starts, 2); (err != nil) != c.fails {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestParseImages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, next string
		want        [2]image
		fails       bool
	}{
		"two tags":            {"op:a", "op:b", [2]image{{"op", "a", ""}, {"op", "b", ""}}, false},
		"a port":              {"host:5000/op", "host:5000/op:b", [2]image{{"host:5000/op", "latest", ""}, {"host:5000/op", "b", ""}}, false},
		"a digest":            {"op@sha256:0", "op:b", [2]image{{"op", "", "sha256:0"}, {"op", "b", ""}}, false},
		"the same image":      {"op", "op:latest", [2]image{}, true},
		"no image":            {"", "op:b", [2]image{}, true},
		"a tag that is empty": {"op:a", "op:", [2]image{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseImages(c.first, c.next)
			if (err != nil) != c.fails {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(image{})); diff != "" {
				t.Errorf("wanted (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestWhatCountsAsLeftBehind(t *testing.T) {
	t.Parallel()
	before := inventory{"clusterroles admin": {name: "admin"}}
	now := inventory{
		"clusterroles admin":         {name: "admin"},
		"clusterroles stray":         {name: "stray"},
		"secrets default/stray":      {namespace: "default", name: "stray"},
		"leases default/datasetsync": {namespace: "default", name: "datasetsync", marked: true},
	}
	want := []string{"clusterroles stray", "leases default/datasetsync"}
	if diff := cmp.Diff(want, now.since(before)); diff != "" {
		t.Errorf("wanted (-), got (+):\n%s", diff)
	}
}
