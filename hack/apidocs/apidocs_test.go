package main

import (
	"os"
	"strings"
	"testing"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile("../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestThePageIsUpToDate(t *testing.T) {
	page, err := render(read(t, crdFile))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != string(read(t, pageFile)) {
		t.Errorf("%s does not say what the CRD says: run make generate", pageFile)
	}
}

func TestTheCRDAndTheTypesMustAgree(t *testing.T) {
	crd := string(read(t, crdFile))
	for name, c := range map[string]struct{ old, new, says string }{
		"a field of the types alone":        {"\n              suspend:\n", "\n              halt:\n", "spec.suspend is a field of the Go type and not of the CRD"},
		"a field of the CRD alone":          {"\n              suspend:\n", "\n              halt:\n                type: string\n              suspend:\n", "13 fields in the CRD and 12 in the Go type"},
		"a field that nobody has explained": {"description: name is the name of the Secret.", "title: untold", "name has no description"},
		"no schema":                         {"openAPIV3Schema", "openAPI", "one version with a schema"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(crd, c.old, c.new, 1)
			if changed == crd {
				t.Fatalf("the CRD has no %q to change", c.old)
			}
			if _, err := render([]byte(changed)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error with %q", err, c.says)
			}
		})
	}
}

func TestAbout(t *testing.T) {
	for description, want := range map[string]string{
		"cats is the id\nof a cat.":    "The id of a cat.",
		"cats are Ready and so on.":    "Ready and so on.",
		"cats stops the dogs.":         "Stops the dogs.",
		"cats is spec.cats.":           "spec.cats.",
		"cats is spec.cats, no other.": "spec.cats, no other.",
		"catsitter is somebody else.":  "Catsitter is somebody else.",
	} {
		if got := about("cats", description); got != want {
			t.Errorf("%q: got %q, want %q", description, got, want)
		}
	}
}
