package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"
)

// clearLine goes back to the beginning of the line and empties it.
const clearLine = "\r\x1b[2K"

// screen shows how a request fares: on a terminal in one line that is written
// anew, elsewhere by a line whenever something has changed.
type screen struct {
	out io.Writer
	// width returns how many characters a line of the terminal has; it is nil if
	// out is none.
	width func() int
	last  string
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		s.width = func() int {
			width, _, err := term.GetSize(int(file.Fd()))
			if err != nil || width < 1 {
				return 80
			}
			return width
		}
	}
	return s
}

// say prints a line of its own.
func (s *screen) say(line string) { fmt.Fprintln(s.out, printable(line)) }

// show shows how it goes.
func (s *screen) show(r report, elapsed time.Duration) {
	text := printable(r.state + "  " + r.text)
	switch {
	case s.width != nil:
		fmt.Fprint(s.out, clearLine+cut(stamp(elapsed)+text, s.width()-1))
	case text != s.last:
		fmt.Fprintln(s.out, stamp(elapsed)+text)
	}
	s.last = text
}

// end shows how it ended well; what went wrong is an error's to tell.
func (s *screen) end(r report, elapsed time.Duration) {
	if r.err != nil {
		s.leave()
		return
	}
	if s.width != nil {
		fmt.Fprint(s.out, clearLine)
	}
	fmt.Fprintln(s.out, stamp(elapsed)+printable(strings.TrimSpace(r.state+"  "+r.text)))
}

// leave ends a line that would have been written anew.
func (s *screen) leave() {
	if s.width != nil && s.last != "" {
		fmt.Fprintln(s.out)
	}
}

// stamp is the time that has passed, in whole seconds.
func stamp(elapsed time.Duration) string {
	return fmt.Sprintf("%6s  ", elapsed.Truncate(time.Second))
}

// printable takes out what would move the cursor or change a terminal: a status
// can be written by whoever has the right to, and texts in it come from outside.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}

// cut shortens a text to a number of characters.
func cut(text string, length int) string {
	runes := []rune(text)
	if len(runes) <= length || length < 1 {
		return text
	}
	return string(runes[:length-1]) + "…"
}
