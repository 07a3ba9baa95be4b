package modelarts

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Class says what a failure asks of the caller.
type Class int

const (
	// ClassTransient may pass: try again later, each time a little later.
	ClassTransient Class = iota
	// ClassThrottled: too many calls; wait as told.
	ClassThrottled
	// ClassBusy: other work on the dataset is in the way, a running sync
	// (ModelArts.4355) included; wait for its end.
	ClassBusy
	// ClassAuthentication: the credentials are not accepted. Repeating locks the key
	// pair for everybody who uses it, after five failures in a row for five minutes
	// (API gateway FAQ).
	ClassAuthentication
	// ClassPermission: the credentials are good, but lack a right, or the account is
	// suspended or in arrears. Somebody has to act outside.
	ClassPermission
	// ClassPermanent: the same request will never succeed.
	ClassPermanent
)

// String returns the class in lower-case words.
func (c Class) String() string {
	switch c {
	case ClassTransient:
		return "transient"
	case ClassThrottled:
		return "throttled"
	case ClassBusy:
		return "busy"
	case ClassAuthentication:
		return "authentication"
	case ClassPermission:
		return "permission"
	case ClassPermanent:
		return "permanent"
	}
	return fmt.Sprintf("Class(%d)", int(c))
}

// Fate says what is certain about a start that failed.
type Fate int

const (
	// FateUnknown: a task may have been started.
	FateUnknown Fate = iota
	// FateNotSent: no request left us, so nothing was started.
	FateNotSent
	// FateRefused: the service, or the gateway before it, answered and refused, so
	// nothing was started.
	FateRefused
)

// String returns the fate as one lower-case word.
func (f Fate) String() string {
	switch f {
	case FateUnknown:
		return "unknown"
	case FateNotSent:
		return "not_sent"
	case FateRefused:
		return "refused"
	}
	return fmt.Sprintf("Fate(%d)", int(f))
}

// Error is a call that failed. All of its texts come free of control characters
// and of the credentials of the call.
type Error struct {
	// Op is "latest" or "start".
	Op string
	// HTTPStatus of the answer, 0 if there was none. 2xx: the answer told of an
	// error, or could not be read.
	HTTPStatus int
	// Code of the service or the gateway, such as "ModelArts.4355" or "APIGW.0301",
	// up to 64 characters; empty if not told.
	Code string
	// Message of the service, up to 1024 characters; empty if not told. Of a redirect:
	// where to.
	Message string
	// RequestID that the vendor's support asks for, up to 256 characters.
	RequestID string
	// RetryAfter is how long the service asks to wait, within 1 s to 30 min: by the
	// Retry-After header, else by the window in a throttle's message. 0: not told.
	RetryAfter time.Duration
	// Class says what to do.
	Class Class
	// Fate says what became of a start. It has no meaning for other calls.
	Fate Fate
	// Date is the service's clock at the answer; zero if not told.
	Date time.Time
	// Err is the cause where there was no answer, or none that could be read. Its
	// text is the same for the same cause.
	Err error
}

// Error returns one line for logs. It holds the request id, so it differs from call
// to call; use the fields for a text that must not.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("modelarts " + e.Op + ": ")
	if e.HTTPStatus == 0 {
		b.WriteString("no answer")
	} else {
		fmt.Fprintf(&b, "HTTP %d", e.HTTPStatus)
		if text := http.StatusText(e.HTTPStatus); text != "" {
			b.WriteString(" " + text)
		}
	}
	for _, part := range []string{e.Code, e.Message} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// Unwrap returns the cause. It tells errors.Is of an ended context or a timeout.
func (e *Error) Unwrap() error { return e.Err }

// provesSkew tells whether a request signed for the time at was refused although,
// or because, that is not what the service's clock shows. It is false for nil.
func (e *Error) provesSkew(at time.Time) bool {
	return e != nil && e.HTTPStatus == http.StatusUnauthorized &&
		!e.Date.IsZero() && e.Date.Sub(at).Abs() > maxSkew
}
