package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var shownReports = []report{
	{state: "Waiting", text: "for it"},
	{state: "RUNNING", text: "one"},
	{state: "RUNNING", text: "one"},
	{state: "RUNNING", text: "\x1b[31mtwo\r\n"},
}

func play(s *screen) {
	for i, r := range shownReports {
		s.show(r, time.Duration(i)*time.Second)
	}
}

func TestElsewhereOnlyChangesAreShown(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out)
	play(s)
	s.end(report{state: "Succeeded", text: "samples: 12 in total", done: true}, 65*time.Second)
	want := "" +
		"    0s  Waiting  for it\n" +
		"    1s  RUNNING  one\n" +
		"    3s  RUNNING  [31mtwo\n" +
		"  1m5s  Succeeded  samples: 12 in total\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestATerminalHasOneLineThatIsWrittenAnew(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, width: func() int { return 20 }}
	play(s)
	s.end(report{done: true, err: errDeleted}, 4*time.Second)
	want := "" +
		clearLine + "    0s  Waiting  f…" +
		clearLine + "    1s  RUNNING  o…" +
		clearLine + "    2s  RUNNING  o…" +
		clearLine + "    3s  RUNNING  […" +
		"\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
