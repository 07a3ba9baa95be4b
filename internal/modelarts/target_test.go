package modelarts

import (
	"net/url"
	"strings"
	"testing"
)

func TestURLs(t *testing.T) {
	t.Parallel()
	const path = "/v2/" + testProject + "/datasets/" + testDataset + "/sync-data"
	for endpoint, want := range map[string]string{
		"https://modelarts.cn-north-4.myhuaweicloud.com": "https://modelarts.cn-north-4.myhuaweicloud.com" + path,
		"https://host/":                  "https://host" + path,
		"http://127.0.0.1:8090":          "http://127.0.0.1:8090" + path,
		"http://[::1]:8090/a/b":          "http://[::1]:8090/a/b" + path,
		"https://host/a b$é//":           "https://host/a%20b%24%C3%A9" + path,
		"https://host/%7Ea":              "https://host/~a" + path,
		"host":                           "",
		"//host":                         "",
		"https://":                       "",
		"https://:443":                   "",
		"https://user@host":              "",
		"https://host?":                  "",
		"https://host#f":                 "",
		"ftp://host":                     "",
		"https://host\r\nX: y":           "",
		"https://host:port":              "",
		"mailto:somebody@modelarts.test": "",
	} {
		got, err := testTarget(endpoint).url("")
		switch {
		case want == "" && err == nil:
			t.Errorf("%q gives %v, want an error", endpoint, got)
		case want != "" && (err != nil || got.String() != want):
			t.Errorf("%q gives %v, %v, want %s", endpoint, got, err, want)
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		testDataset:                            true,
		"062ef90a-da4d-4af4-82ba-1523da57e78e": true,
		"a":                                    true,
		strings.Repeat("a", 64):                true,
		strings.Repeat("a", 65):                false,
		"":                                     false,
		"-a":                                   false,
		"..":                                   false,
		"a/b":                                  false,
		"a%2fb":                                false,
		"a?b":                                  false,
		"a\n":                                  false,
		"ａ":                                    false, // full width
	} {
		target := testTarget("https://host")
		target.DatasetID = id
		if _, err := target.url(""); (err == nil) != want {
			t.Errorf("dataset id %q: %v, want usable %t", id, err, want)
		}
	}
	for id, want := range map[string]bool{
		testProject:                  true,
		testProject[1:]:              false,
		testProject + "a":            false,
		strings.ToUpper(testProject): false,
		testProject[1:] + "\n":       false,
		testProject[2:] + "..":       false,
	} {
		target := testTarget("https://host")
		target.ProjectID = id
		if _, err := target.url(""); (err == nil) != want {
			t.Errorf("project id %q: %v, want usable %t", id, err, want)
		}
	}
}

// FuzzPath checks that whatever the ids are, a URL leads to them and nowhere else.
func FuzzPath(f *testing.F) {
	f.Add("https://host", testProject, testDataset)
	f.Add("https://host/a b", testProject, "../../x?y=1#z")
	f.Add("https://user:pw@host/%2f", "..%2f", "a\r\nb")
	f.Fuzz(func(t *testing.T, endpoint, project, dataset string) {
		u, err := Target{Endpoint: endpoint, ProjectID: project, DatasetID: dataset}.url("/status")
		if err != nil {
			if strings.Contains(err.Error(), dataset) && len(dataset) > 20 {
				t.Errorf("the error repeats the id: %v", err)
			}
			return
		}
		base, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Host != base.Host || again.Scheme != base.Scheme || again.User != nil || again.RawQuery != "" || again.Fragment != "" {
			t.Fatalf("%q leads to %v, %v", endpoint, again, err)
		}
		suffix := "/v2/" + project + "/datasets/" + dataset + "/sync-data/status"
		if !strings.HasSuffix(again.EscapedPath(), suffix) || again.Path != strings.TrimRight(base.Path, "/")+suffix {
			t.Errorf("%q, %q, %q give %s", endpoint, project, dataset, u)
		}
		if strings.Trim(strings.ReplaceAll(again.EscapedPath(), "%", ""), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/") != "" {
			t.Errorf("%s has characters that need escaping", again.EscapedPath())
		}
	})
}
