package modelarts

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	redacted = "[redacted]"
	// maxTaskID is the longest id that is taken for one.
	maxTaskID = 128
)

var (
	// signaturePattern finds the telling parts of an Authorization value, and any
	// digest as long as a signature: the gateway may answer with the request as it saw
	// it. No part of it spans an open end, or a hostile text would take quadratic time.
	signaturePattern = regexp.MustCompile(`(?i)\b(?:Access|Credential|Signature)=[^\s,;|"']+|[0-9a-f]{64,}`)
	// longPattern finds what is longer than any id or word: pieces of tokens.
	longPattern = regexp.MustCompile(`[A-Za-z0-9+=_-]{65,}`)
	// portPattern finds our own address in a network error, whose port differs each time.
	portPattern = regexp.MustCompile(`\S+:[0-9]+->`)
)

// cleaner makes text from outside fit to be shown: one line of valid UTF-8 without
// control characters, without the credentials of the call, and not too long. It
// cleans before it redacts and redacts before it cuts, so that neither can hide a
// credential from the next step.
type cleaner struct {
	mask *strings.Replacer
}

// newCleaner returns a cleaner that knows the credentials of a call.
func newCleaner(cr Credentials) cleaner {
	secrets := slices.DeleteFunc(cr.secrets(), func(s string) bool { return s == "" })
	// Of two that begin at the same place the longer has to go.
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })

	var pairs []string
	for _, secret := range secrets {
		pairs = append(pairs, secret, redacted)
	}
	return cleaner{mask: strings.NewReplacer(pairs...)}
}

// name cleans a short text: a code, a word, an id that is only shown.
func (c cleaner) name(s string, limit int) string {
	return cut(signaturePattern.ReplaceAllString(c.mask.Replace(oneLine(s)), redacted), limit)
}

// message cleans a sentence.
func (c cleaner) message(s string) string {
	s = signaturePattern.ReplaceAllString(c.mask.Replace(oneLine(s)), redacted)
	return cut(longPattern.ReplaceAllString(s, redacted), maxMessage)
}

// id returns an id that is compared, untouched; or nothing, if it cannot be used
// as it is.
func (c cleaner) id(s string) string {
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > maxTaskID || oneLine(s) != s || c.mask.Replace(s) != s {
		return ""
	}
	return s
}

// cause cleans the text of an error and keeps what errors.Is says of it. Network
// errors can quote what the other side sent.
func (c cleaner) cause(err error) error {
	text := portPattern.ReplaceAllString(oneLine(err.Error()), "")
	return &cause{text: c.message(text), err: err}
}

// cause is an error whose text was cleaned. It does not unwrap, because that would
// lead to the text that was not.
type cause struct {
	text string
	err  error
}

func (c *cause) Error() string        { return c.text }
func (c *cause) Is(target error) bool { return errors.Is(c.err, target) }

// oneLine returns s as one line of printable characters.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	return strings.TrimSpace(s)
}

// cut returns at most the first runes of s.
func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:limit]))
}
