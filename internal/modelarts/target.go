package modelarts

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// Target names one dataset of one project at one endpoint.
type Target struct {
	// Endpoint is the service's URL: scheme://host[:port][/prefix]. It comes from
	// the manager's flags, never from an object.
	Endpoint string
	// ProjectID is 32 lower-case letters and digits.
	ProjectID string
	// DatasetID is up to 64 letters, digits, "_" and "-", the first a letter or digit.
	DatasetID string
}

var (
	projectIDPattern = regexp.MustCompile(`^[a-z0-9]{32}$`)
	datasetIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

	errEndpoint  = errors.New("the endpoint is not of the form scheme://host[:port][/prefix] with http or https")
	errProjectID = errors.New("the project id is not 32 lower-case letters and digits")
	errDatasetID = errors.New("the dataset id is not 1 to 64 letters, digits, '_' and '-'")
)

// url returns the URL of sync-data, or of what the suffix names below it. The ids
// are checked here again, whatever admission did: they come from people and end
// in a path that is signed with somebody's key. Errors do not repeat the values.
func (t Target) url(suffix string) (*url.URL, error) {
	base, err := url.Parse(t.Endpoint)
	if err != nil || !plainEndpoint(base) {
		return nil, errEndpoint
	}
	if !projectIDPattern.MatchString(t.ProjectID) {
		return nil, errProjectID
	}
	if !datasetIDPattern.MatchString(t.DatasetID) {
		return nil, errDatasetID
	}

	path := strings.TrimRight(base.Path, "/") +
		"/v2/" + t.ProjectID + "/datasets/" + t.DatasetID + "/sync-data" + suffix
	return &url.URL{Scheme: base.Scheme, Host: base.Host, Path: path, RawPath: escapePath(path)}, nil
}

// plainEndpoint tells whether u has a scheme and a host and, beyond them, at most
// a path.
func plainEndpoint(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" &&
		u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// escapePath escapes all but slashes and the unreserved characters of RFC 3986,
// which is stricter than net/url: the path has to go out as it is signed (API
// request signing guide, canonical URI).
func escapePath(path string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(path) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("/-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
