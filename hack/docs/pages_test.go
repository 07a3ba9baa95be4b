package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const root = "../.."

// pages returns the paths of all pages for people, from the root of the
// repository.
func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/design/*.md", "charts/*/*.md", "hack/*/*.md", "testdata/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			all = append(all, strings.TrimPrefix(path, root+"/"))
		}
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

var (
	fences  = regexp.MustCompile("(?ms)^```.*?^```$")
	spans   = regexp.MustCompile("`[^`\n]+`")
	links   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		prose := spans.ReplaceAllString(fences.ReplaceAllString(read(t, page), ""), "")
		for _, link := range links.FindAllStringSubmatch(prose, -1) {
			if strings.Contains(link[1], "://") || strings.HasPrefix(link[1], "mailto:") {
				continue
			}
			path, anchor, _ := strings.Cut(link[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: %s leads nowhere", page, link[1])
			} else if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: %s: the page has no such heading", page, link[1])
			}
		}
	}
}

// anchors returns what the headings of a page are linked by.
func anchors(page string) []string {
	var all []string
	for _, h := range heading.FindAllStringSubmatch(fences.ReplaceAllString(page, ""), -1) {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, h[1]))
	}
	return all
}

func TestTheIndexNamesEveryPage(t *testing.T) {
	const index = "docs/README.md"
	content := read(t, index)
	for _, page := range pages(t) {
		if name, ok := strings.CutPrefix(page, "docs/"); ok && page != index && !strings.Contains(content, "]("+name+")") {
			t.Errorf("%s does not name %s", index, page)
		}
	}
}

// namedTest is how the threat model names a test: by its function, or by the words
// of its It in quotes; and its file.
var namedTest = regexp.MustCompile("\\[`((?:Test|Fuzz)\\w+|\"[^`]+\")`\\]\\(\\.\\./([^)#]+_test\\.go)\\)")

func TestTheTestsOfTheThreatModelAreThere(t *testing.T) {
	named := namedTest.FindAllStringSubmatch(read(t, "docs/security.md"), -1)
	if len(named) < 20 {
		t.Fatalf("only %d tests are named in a form that is understood", len(named))
	}
	for _, n := range named {
		begins := "\nfunc " + n[1] + "("
		if strings.HasPrefix(n[1], `"`) {
			begins = "It(" + n[1]
		}
		if content, err := os.ReadFile(filepath.Join(root, n[2])); err != nil || !strings.Contains(string(content), begins) {
			t.Errorf("there is no %s in %s", n[1], n[2])
		}
	}
}
