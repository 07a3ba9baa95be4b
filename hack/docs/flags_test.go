package docs

import (
	"errors"
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zapcore"

	"datasetsync.dev/operator/internal/options"
)

var (
	// usedFlag finds a flag in what the manager prints for --help.
	usedFlag    = regexp.MustCompile(`(?m)^  -(\S+).*\n    \t(.*)$`)
	usedDefault = regexp.MustCompile(`\(default "?([^"]*)"?\)$`)
	// toldFlag finds one in the table of docs/operations.md.
	toldFlag = regexp.MustCompile("(?m)^\\| `--(\\S+)` \\| (?:`([^`]*)`)? ?\\| .+ \\|$")
)

func TestEveryFlagIsExplained(t *testing.T) {
	used, told := map[string]string{}, map[string]string{}
	for _, f := range usedFlag.FindAllStringSubmatch(usage(t), -1) {
		used[f[1]] = ""
		if value := usedDefault.FindStringSubmatch(f[2]); value != nil {
			used[f[1]] = plain(value[1])
		}
	}
	for _, f := range toldFlag.FindAllStringSubmatch(read(t, "docs/operations.md"), -1) {
		told[f[1]] = plain(f[2])
	}
	if len(used) < 20 {
		t.Fatalf("only %d flags are understood", len(used))
	}
	if diff := cmp.Diff(used, told); diff != "" {
		t.Errorf("the flags and their defaults (-) and what docs/operations.md tells (+) differ:\n%s", diff)
	}
}

// plain writes a duration in one way.
func plain(value string) string {
	if d, err := time.ParseDuration(value); err == nil {
		return d.String()
	}
	return value
}

// usage returns what the manager prints for --help. Flags print to whatever
// os.Stderr is.
func usage(t *testing.T) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = w
	_, parsed := options.Parse([]string{"--help"})
	os.Stderr = stderr
	w.Close()
	text, err := io.ReadAll(r)
	if err != nil || !errors.Is(parsed, flag.ErrHelp) {
		t.Fatalf("--help: %v, %v", parsed, err)
	}
	return strings.ReplaceAll(string(text), "\r", "")
}

// toldEncoding finds what the help and the page call the time encoding if unset.
var toldEncoding = regexp.MustCompile("zap-time-encoding[^\\w]+(?:value\n.*: )?`?(\\w+)`? \\(?if unset")

func TestTimesAreLoggedAsTold(t *testing.T) {
	logged := func(args ...string) string {
		o, err := options.Parse(args)
		if err != nil {
			t.Fatal(err)
		}
		encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{TimeKey: "ts", EncodeTime: o.Log.TimeEncoder})
		line, err := encoder.EncodeEntry(zapcore.Entry{Time: time.Unix(0, 1)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return line.String()
	}
	for where, text := range map[string]string{"--help": usage(t), "docs/operations.md": read(t, "docs/operations.md")} {
		told := toldEncoding.FindStringSubmatch(text)
		if told == nil {
			t.Errorf("%s does not tell", where)
		} else if got, want := logged(), logged("--zap-time-encoding="+told[1]); got != want {
			t.Errorf("%s says that %s is the default, which logs %s, and not %s", where, told[1], want, got)
		}
	}
}

// toldLease finds a row of the table of leases.
var toldLease = regexp.MustCompile("(?m)^\\| (?:`(--watch-\\S+)`)? ?\\| `(datasetsync-operator[-\\w]*)` \\|$")

func TestTheLeasesAreNamedAsTold(t *testing.T) {
	told := toldLease.FindAllStringSubmatch(read(t, "docs/operations.md"), -1)
	if len(told) < 4 {
		t.Fatalf("only %d leases are understood", len(told))
	}
	for _, row := range told {
		o, err := options.Parse(strings.Fields(row[1]))
		if err != nil {
			t.Fatal(err)
		}
		if got := o.LeaseName(); got != row[2] {
			t.Errorf("the lease of %q is %s, and the page says %s", row[1], got, row[2])
		}
	}
}
