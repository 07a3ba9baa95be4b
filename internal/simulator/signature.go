package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The algorithm is SDK-HMAC-SHA256 of the API request signing guide.
const (
	algorithm     = "SDK-HMAC-SHA256"
	sdkDateLayout = "20060102T150405Z"
	emptyBodyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// authorization is a parsed Authorization header.
type authorization struct {
	access        string
	signedHeaders []string
	signature     string
}

// parseAuthorization reads "SDK-HMAC-SHA256 Access=…, SignedHeaders=…,
// Signature=…". The date must be among the signed headers.
func parseAuthorization(header string) (authorization, error) {
	var a authorization
	fields, found := strings.CutPrefix(header, algorithm+" ")
	if !found {
		return a, errors.New("the algorithm is not " + algorithm)
	}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Access":
			a.access = value
		case "SignedHeaders":
			a.signedHeaders = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		default:
			return a, fmt.Errorf("no such field: %q", name)
		}
	}
	switch {
	case a.access == "" || a.signature == "":
		return a, errors.New("the access key or the signature is missing")
	case !slices.Contains(a.signedHeaders, "x-sdk-date"):
		return a, errors.New("x-sdk-date is not signed")
	case !slices.IsSorted(a.signedHeaders):
		return a, errors.New("the signed headers are not sorted")
	}
	return a, nil
}

// signature is what a holder of secret signs canonical with.
func signature(secret, date, canonical string) string {
	hashed := sha256.Sum256([]byte(canonical))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(algorithm + "\n" + date + "\n" + hex.EncodeToString(hashed[:])))
	return hex.EncodeToString(mac.Sum(nil))
}

// canonicalRequest is the text that both sides derive from a request.
func canonicalRequest(r *http.Request, signedHeaders []string, bodyHash string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + canonicalPath(r.URL) + "\n" + canonicalQuery(r.URL) + "\n")
	for _, name := range signedHeaders {
		b.WriteString(name + ":" + strings.TrimSpace(headerValue(r, name)) + "\n")
	}
	if stated := r.Header.Get("X-Sdk-Content-Sha256"); stated != "" {
		bodyHash = stated
	}
	b.WriteString("\n" + strings.Join(signedHeaders, ";") + "\n" + bodyHash)
	return b.String()
}

// canonicalPath encodes each segment anew; it always ends in a slash.
func canonicalPath(u *url.URL) string {
	segments := strings.Split(strings.TrimSuffix(u.EscapedPath(), "/"), "/")
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			plain = segment
		}
		segments[i] = percentEncode(plain)
	}
	return strings.Join(segments, "/") + "/"
}

// canonicalQuery sorts by name and then by value; an empty value keeps its
// equals sign.
func canonicalQuery(u *url.URL) string {
	query := u.Query()
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, value := range slices.Sorted(slices.Values(query[name])) {
			pairs = append(pairs, percentEncode(name)+"="+percentEncode(value))
		}
	}
	return strings.Join(pairs, "&")
}

// headerValue looks name up; the host is not among Go's headers.
func headerValue(r *http.Request, name string) string {
	switch {
	case name != "host":
		return strings.Join(r.Header.Values(name), ",")
	case r.Host != "":
		return r.Host
	}
	return r.URL.Host // a request that never was on the wire
}

// percentEncode escapes everything but letters, digits and "-_.~".
func percentEncode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isNameByte(c) || c == '.' || c == '~' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
