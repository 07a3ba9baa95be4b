package modelarts

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	vectorHost = "modelarts.cn-north-4.myhuaweicloud.com"
	vectorPath = "/v2/0123456789abcdef0123456789abcdef/datasets/gfghHSokody6AJigS5A/sync-data"
)

// vector is a request as a signer sees it.
type vector struct {
	method, path, body string
	query              url.Values
	headers            map[string]string // those that are signed
}

// canonical is the canonical request, written from the API request signing guide
// and independent of the vendor's SDK.
func (v vector) canonical() string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	segments := strings.Split(strings.TrimSuffix(v.path, "/")+"/", "/")
	for i, segment := range segments {
		segments[i] = escape(segment)
	}
	var query []string
	for name, values := range v.query {
		for _, value := range values {
			query = append(query, escape(name)+"="+escape(value))
		}
	}
	slices.Sort(query)

	names := v.signed()
	var headers strings.Builder
	hash := sha256.Sum256([]byte(v.body))
	payload := hex.EncodeToString(hash[:])
	for _, name := range names {
		headers.WriteString(name + ":" + strings.TrimSpace(v.headers[name]) + "\n")
		if name == "x-sdk-content-sha256" {
			payload = v.headers[name]
		}
	}
	return strings.Join([]string{
		v.method, strings.Join(segments, "/"), strings.Join(query, "&"),
		headers.String(), strings.Join(names, ";"), payload,
	}, "\n")
}

func (v vector) signed() []string {
	var names []string
	for name := range v.headers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (v vector) hash() string {
	sum := sha256.Sum256([]byte(v.canonical()))
	return hex.EncodeToString(sum[:])
}

func (v vector) signature(secretKey string) string {
	mac := hmac.New(sha256.New, []byte(secretKey))
	mac.Write([]byte("SDK-HMAC-SHA256\n" + v.headers["x-sdk-date"] + "\n" + v.hash()))
	return hex.EncodeToString(mac.Sum(nil))
}

func (v vector) authorization(accessKey, secretKey string) string {
	return "SDK-HMAC-SHA256 Access=" + accessKey +
		", SignedHeaders=" + strings.Join(v.signed(), ";") + ", Signature=" + v.signature(secretKey)
}

// headers returns the signed headers of a vector: the date and more.
func headers(more ...string) map[string]string {
	h := map[string]string{"x-sdk-date": "20060102T150405Z"}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

// The first two are of the SDK's own tests; the others were made with the SDK's
// signer v0.1.207. All with the keys AccessKey and SecretKey.
func TestTheIndependentSignerReproducesTheVectors(t *testing.T) {
	t.Parallel()
	const project = "0123456789abcdef0123456789abcdef"
	host := []string{"host", vectorHost, "x-project-id", project}
	for name, tc := range map[string]struct {
		vector
		hash, signature string
	}{
		"the SDK's GET": {
			vector{method: "GET", path: "/path", query: url.Values{"limit": {"1"}}, headers: headers()},
			"", "5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624",
		},
		"the SDK's POST": {
			vector{method: "POST", path: "/path", query: url.Values{"key": {"value"}}, body: `{"Name":"test","Id":1}` + "\n", headers: headers()},
			"", "cecc2af119b18ab70b4d094c0750f3b42c02f254903179a0fc2cc72fc9db4f59",
		},
		"V1": {
			vector{method: "POST", path: vectorPath, headers: headers()},
			"b5e370c548201fd72cf872544c306d7f66a6cee4474dd772cee32eba827fb2ec",
			"2b8b40a151b04ea97d0473f5447c1a71f464ede86b17d1b7ba66b6791e17b15e",
		},
		"V2": {
			vector{method: "POST", path: vectorPath, headers: headers("x-project-id", project)},
			"d4814129ad98305aaccb8df8fb758d451653760aad6585a6734bddae095b5754",
			"9a2175a79fb129c4fa74afbccfa7863e49b87acb181141ecc327fd8520b8da38",
		},
		"V3": {
			vector{method: "POST", path: vectorPath, headers: headers(host...)},
			"f6eadf31f0fc63a1934817e91f6e94fb94e202121eef4a6181571d15f30ee8f8",
			"4e7814c16a5e1a98fc840e9313140a1cd8e25fc0a7fd85889af91f0b8ae9b6a8",
		},
		"V5": {
			vector{method: "POST", path: vectorPath, headers: headers(append(host, "x-security-token", "TOKEN")...)},
			"a352ee91ac65274b7bbcad899ab31d14f9c0cf2fbd1069ba777b7486f847ced7",
			"acf640f4237ec6499551bdc1654f161581221b9128a6bc998003ad01c9af0af1",
		},
		"V6": {
			vector{method: "GET", path: vectorPath + "/status", headers: headers(host...)},
			"c5f6ce877d14024018c780443e8f2ecaa4a8c976612ffade2308dc2a97da75f6",
			"cef06068026dd858228c4afc8e4528454d1d979cb94d6272f49e598420120647",
		},
		"V7": {
			vector{
				method: "GET", path: strings.TrimSuffix(vectorPath, "/sync-data"), headers: headers(host...),
				query: url.Values{"a b": {"x/y~z*"}, "check_running_task": {"true"}},
			},
			"7f9f154ff7702ed066dd985bcb2967aa63f22f1653276986bad9fb55422e9fde",
			"dbf2864e85dfe4c69897ef0ee6c5ab107ca55a95a50f9e224369107e2ea68292",
		},
		"V8": {
			vector{method: "POST", path: vectorPath, body: "{}", headers: headers(host...)},
			"19352eb9dc15776a61e52113e46bf5d19476cced03070fb55dd817477aa89f91",
			"76f927c4e5c41130e61027ae39b2f7fd20453d6714dd3dac99646b747305e5b8",
		},
		"V9": {
			vector{method: "POST", path: vectorPath, body: "{}", headers: headers(append(host, "x-sdk-content-sha256", "UNSIGNED-PAYLOAD")...)},
			"7341464089a32347fe5fbb091256b34050ddcc0b484ba713dfff6756f353a794",
			"aa142ee297bc3fbb6d98ab6c5d08d35542ddfee21eaa7b35d0f5f7ec77dba1b6",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tc.vector.hash(); tc.hash != "" && got != tc.hash {
				t.Errorf("hash %s, want %s, of\n%s", got, tc.hash, tc.canonical())
			}
			if got := tc.vector.signature("SecretKey"); got != tc.signature {
				t.Errorf("signature %s, want %s, of\n%s", got, tc.signature, tc.canonical())
			}
		})
	}
}

// signedRequest returns what is on the wire of a call, as a server reads it.
func signedRequest(t *testing.T, l call, cr Credentials, at time.Time) *http.Request {
	t.Helper()
	req, failure := NewClient(Options{}).newRequest(context.Background(), l, cr, at)
	if failure != nil {
		t.Fatal(failure)
	}
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestCallsAreSignedLikeTheVectors(t *testing.T) {
	t.Parallel()
	target := testTarget("https://" + vectorHost)
	at := time.Date(2006, 1, 2, 16, 4, 5, 999, time.FixedZone("", 3600))
	pair := Credentials{AccessKey: "AccessKey", SecretKey: "SecretKey"}
	temporary := pair
	temporary.SecurityToken = "TOKEN"
	const start = "SDK-HMAC-SHA256 Access=AccessKey, SignedHeaders=host;x-project-id;x-sdk-date"

	for name, tc := range map[string]struct {
		call call
		cr   Credentials
		want string
	}{
		"V3, a start": {
			call{op: opStart, method: "POST", target: target},
			pair,
			start + ", Signature=4e7814c16a5e1a98fc840e9313140a1cd8e25fc0a7fd85889af91f0b8ae9b6a8",
		},
		"V5, a start with temporary keys": {
			call{op: opStart, method: "POST", target: target},
			temporary,
			start + ";x-security-token, Signature=acf640f4237ec6499551bdc1654f161581221b9128a6bc998003ad01c9af0af1",
		},
		"V6, the latest": {
			call{op: opLatest, method: "GET", target: target, suffix: "/status"},
			pair,
			start + ", Signature=cef06068026dd858228c4afc8e4528454d1d979cb94d6272f49e598420120647",
		},
		"a token is not signed": {
			call{op: opStart, method: "POST", target: target}, Credentials{Token: "TOKEN"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := signedRequest(t, tc.call, tc.cr, at)
			if got := req.Header.Get("Authorization"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if got := req.Header.Get("X-Auth-Token"); got != tc.cr.Token {
				t.Errorf("got token %q, want %q", got, tc.cr.Token)
			}
		})
	}
}

// The signer would take the machine's clock for a time that it cannot read back.
func TestATimeThatCannotBeWrittenIsNotSigned(t *testing.T) {
	t.Parallel()
	call := call{op: opStart, method: "POST", target: testTarget("https://" + vectorHost)}
	_, failure := NewClient(Options{}).newRequest(context.Background(), call, testCredentials(), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
	if failure == nil || failure.Fate != FateNotSent {
		t.Errorf("got %v, want a call that was not sent", failure)
	}
}

// FuzzSign holds what goes out on the wire against the independent signer.
func FuzzSign(f *testing.F) {
	f.Add("AccessKey", "SecretKey", "", "", int64(1136214245))
	f.Add("AccessKey", "SecretKey", "TOKEN", "/a b/%C3%A9*", int64(0))
	f.Add("+/=", "~", "x", "//", int64(253402300799))
	f.Fuzz(func(t *testing.T, accessKey, secretKey, securityToken, prefix string, seconds int64) {
		cr := Credentials{AccessKey: accessKey, SecretKey: secretKey, SecurityToken: securityToken}
		call := call{op: opStart, method: "POST", target: testTarget("https://" + vectorHost + "/" + prefix)}
		_, unusable := call.target.url("")
		at := time.Unix(seconds, 0)
		if unusable != nil || cr.check() != nil || at.Year() < 0 || at.Year() > 9998 {
			t.Skip()
		}

		req := signedRequest(t, call, cr, at)
		seen := vector{method: req.Method, path: req.URL.Path, headers: map[string]string{"host": req.Host}}
		for _, name := range []string{"X-Project-Id", "X-Sdk-Date", "X-Security-Token"} {
			if value := req.Header.Get(name); value != "" {
				seen.headers[strings.ToLower(name)] = value
			}
		}
		if got, want := req.Header.Get("Authorization"), seen.authorization(accessKey, secretKey); got != want {
			t.Errorf("got  %s\nwant %s\nof %q", got, want, seen.canonical())
		}
	})
}
