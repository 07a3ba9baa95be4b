package docs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notRun are commands of the README that this test does not run, by how they
// begin, and why.
var notRun = map[string]string{
	"make demo":  "it starts all of this by itself, for a person to look at; a test of its own follows it",
	"make test":  "it runs this very test",
	"make image": "it needs a container tool and the base images",
	"docker ":    "it needs a container tool and a registry",
	"helm ":      "the tests of hack/manifests render and install the chart",
	"git clone":  "the network is not there in every place where tests run",
}

// adaptations turn what the README says to a person into what can be run here.
var adaptations = []struct {
	old *regexp.Regexp
	new string
}{
	// The repository is the one that is tested.
	{regexp.MustCompile(`-k config/default`), "-k $$ROOT/config/default"},
	{regexp.MustCompile(`(?m)^make `), "make -C $$ROOT "},
	// What is to be filled in.
	{regexp.MustCompile(`accessKey: …`), "accessKey: " + accessKey},
	{regexp.MustCompile(`secretKey: …`), "secretKey: " + secretKey},
	{regexp.MustCompile(`\bNAME\b`), "cats"},
	// Nothing here takes longer, and a test that hangs tells nothing.
	{regexp.MustCompile(`--timeout=30m`), "--timeout=30s"},
}

func adapt(text string) string {
	for _, a := range adaptations {
		text = a.old.ReplaceAllString(text, a.new)
	}
	return text
}

// block is a fenced block of the README.
type block struct{ language, text string }

var (
	fenced = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	// inline are commands in a sentence.
	inline = regexp.MustCompile("`(kubectl [^`]+)`")
)

func blocks(page string) []block {
	var all []block
	for _, m := range fenced.FindAllStringSubmatch(page, -1) {
		all = append(all, block{m[1], m[2]})
	}
	return all
}

// begins is how commands begin: with a program, or by setting a variable.
var begins = regexp.MustCompile(`^(kubectl|make|helm|git|\w+=)`)

// isCommands tells commands from what they print.
func (b block) isCommands() bool {
	return (b.language == "" || b.language == "sh" || b.language == "bash") && begins.MatchString(b.text)
}

// TestTheCommandsOfTheREADME does what the README says, in its order, as somebody
// whose current namespace is another than that of its example.
func TestTheCommandsOfTheREADME(t *testing.T) {
	readme := read(t, "README.md")
	c := newCluster(t)
	c.installPlugin(t)
	ran := 0
	for _, b := range blocks(readme) {
		switch {
		case b.language == "yaml" && strings.Contains(b.text, "kind: DatasetSync"):
			c.write(t, "cats.yaml", adapt(b.text))
		case b.language == "json":
			if !json.Valid([]byte(b.text)) {
				t.Errorf("this is no JSON:\n%s", b.text)
			}
		case strings.HasPrefix(b.text, "$ kubectl get dsync"):
			defer c.testColumns(t, b.text)
		case b.isCommands():
			ran += c.runBlock(t, b.text)
		}
	}
	for _, m := range inline.FindAllStringSubmatch(fences.ReplaceAllString(readme, ""), -1) {
		c.shell(t, adapt(m[1]))
		ran++
	}
	if ran < 15 {
		t.Errorf("only %d commands were run: are the blocks still understood?", ran)
	}
}

// TestThePagesAskAsTheREADMEDoes compares the ways to ask by an annotation and to
// wait, of which that of the README is run.
func TestThePagesAskAsTheREADMEDoes(t *testing.T) {
	asks := ""
	for _, b := range blocks(read(t, "README.md")) {
		if strings.Contains(b.text, "requested-at=") {
			asks = b.text
		}
	}
	if asks == "" || !strings.Contains(read(t, "docs/triggers.md"), asks) {
		t.Errorf("docs/triggers.md does not ask as the README does:\n%s", asks)
	}
}

// runBlock runs the lines of a block that can be run, and counts them.
func (c *cluster) runBlock(t *testing.T, text string) int {
	t.Helper()
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if why, ok := excuse(line); ok {
			t.Logf("not run: %s: %s", strings.TrimSpace(line), why)
			continue
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return 0
	}
	c.prepare(t, lines[0])
	c.shell(t, adapt(strings.Join(lines, "")))
	return len(lines)
}

func excuse(line string) (why string, ok bool) {
	for begins, why := range notRun {
		if strings.HasPrefix(line, begins) {
			return why, true
		}
	}
	return "", false
}

// testColumns compares the head of a table that the README shows with the real one.
// The README's is from the demo, whose kubeconfig has the namespace of its samples.
func (c *cluster) testColumns(t *testing.T, session string) {
	t.Helper()
	shown := strings.Split(session, "\n")
	head, _, _ := strings.Cut(c.shell(t, strings.Replace(shown[0], "$ kubectl", "kubectl -n "+exampleNamespace, 1)), "\n")
	if got, want := strings.Fields(head), strings.Fields(shown[1]); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s shows the columns %q, and the README %q", shown[0], got, want)
	}
}

// write writes a file where the commands run.
func (c *cluster) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
