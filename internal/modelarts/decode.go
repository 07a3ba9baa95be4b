package modelarts

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
)

var (
	errNotObject = errors.New("the body is not a JSON object")
	errNoStatus  = errors.New("the body has no status")
)

const (
	// maxCount is the largest integer that every JSON reader keeps exact. The
	// documented limit of a dataset is a million samples.
	maxCount = 1 << 53
	// minMillis tells times in seconds from times in milliseconds: as milliseconds it
	// is in 1973, as seconds in 5138.
	minMillis = 1e11
	// maxMillis is the end of the year 9999, the last that RFC 3339 can write.
	maxMillis = 253402300799999
)

// object is a JSON object of which nothing is believed: a member that is missing,
// null or of another type than asked for counts as not told.
type object map[string]json.RawMessage

// parseObject reads a body that is one JSON object and nothing else, but for a byte
// order mark.
func parseObject(body []byte) (object, error) {
	var o object
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &o); err != nil || o == nil {
		return nil, errNotObject
	}
	return o, nil
}

// text returns the first of the named members that is a string and not empty.
func (o object) text(names ...string) string {
	for _, name := range names {
		var s string
		if err := json.Unmarshal(o[name], &s); err == nil && s != "" {
			return s
		}
	}
	return ""
}

// object returns a member that is an object, else nil.
func (o object) object(name string) object {
	var member object
	if err := json.Unmarshal(o[name], &member); err != nil {
		return nil
	}
	return member
}

// integer returns a member that is an integer within 0 and the maximum, else nil.
func (o object) integer(name string, maximum int64) *int64 {
	var n *int64 // a pointer, so that null is not taken for 0
	if err := json.Unmarshal(o[name], &n); err != nil || n == nil || *n < 0 || *n > maximum {
		return nil
	}
	return n
}

// count returns a member that is a number of samples, else nil.
func (o object) count(name string) *int64 { return o.integer(name, maxCount) }

// time returns a member that is a time since 1970: in milliseconds as documented,
// or in seconds. Zero: not told, or no time that a task can have.
func (o object) time(name string) time.Time {
	n := o.integer(name, maxMillis)
	switch {
	case n == nil || *n == 0:
		return time.Time{}
	case *n < minMillis:
		return time.Unix(*n, 0).UTC()
	}
	return time.UnixMilli(*n).UTC()
}
