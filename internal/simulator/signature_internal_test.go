package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestSignature checks the published vectors of the vendor's signer.
func TestSignature(t *testing.T) {
	const (
		host    = "modelarts.cn-north-4.myhuaweicloud.com"
		project = "0123456789abcdef0123456789abcdef"
		syncURL = "https://" + host + "/v2/" + project + "/datasets/gfghHSokody6AJigS5A/sync-data"
	)
	tests := map[string]struct {
		method, url, body string
		header            map[string]string
		signed            string
		canonicalHash     string
		want              string
	}{
		"a query is signed": {
			method: http.MethodGet, url: "https://host/path?limit=1", signed: "x-sdk-date",
			want: "5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624",
		},
		"a body is signed": {
			method: http.MethodPost, url: "https://host/path?key=value", body: `{"Name":"test","Id":1}` + "\n", signed: "x-sdk-date",
			want: "cecc2af119b18ab70b4d094c0750f3b42c02f254903179a0fc2cc72fc9db4f59",
		},
		"a start, date only": {
			method: http.MethodPost, url: syncURL, signed: "x-sdk-date",
			canonicalHash: "b5e370c548201fd72cf872544c306d7f66a6cee4474dd772cee32eba827fb2ec",
			want:          "2b8b40a151b04ea97d0473f5447c1a71f464ede86b17d1b7ba66b6791e17b15e",
		},
		"a start, with its project": {
			method: http.MethodPost, url: syncURL, signed: "x-project-id;x-sdk-date",
			canonicalHash: "d4814129ad98305aaccb8df8fb758d451653760aad6585a6734bddae095b5754",
			want:          "9a2175a79fb129c4fa74afbccfa7863e49b87acb181141ecc327fd8520b8da38",
		},
		"a start, with its host": {
			method: http.MethodPost, url: syncURL, signed: "host;x-project-id;x-sdk-date",
			canonicalHash: "f6eadf31f0fc63a1934817e91f6e94fb94e202121eef4a6181571d15f30ee8f8",
			want:          "4e7814c16a5e1a98fc840e9313140a1cd8e25fc0a7fd85889af91f0b8ae9b6a8",
		},
		"a start, with a temporary key": {
			method: http.MethodPost, url: syncURL, signed: "host;x-project-id;x-sdk-date;x-security-token",
			header:        map[string]string{"X-Security-Token": "TOKEN"},
			canonicalHash: "a352ee91ac65274b7bbcad899ab31d14f9c0cf2fbd1069ba777b7486f847ced7",
			want:          "acf640f4237ec6499551bdc1654f161581221b9128a6bc998003ad01c9af0af1",
		},
		"a status request": {
			method: http.MethodGet, url: syncURL + "/status", signed: "host;x-project-id;x-sdk-date",
			canonicalHash: "c5f6ce877d14024018c780443e8f2ecaa4a8c976612ffade2308dc2a97da75f6",
			want:          "cef06068026dd858228c4afc8e4528454d1d979cb94d6272f49e598420120647",
		},
		"a query that needs escapes": {
			method: http.MethodGet, url: strings.TrimSuffix(syncURL, "/sync-data") + "?check_running_task=true&a%20b=x%2Fy~z*",
			signed:        "host;x-project-id;x-sdk-date",
			canonicalHash: "7f9f154ff7702ed066dd985bcb2967aa63f22f1653276986bad9fb55422e9fde",
			want:          "dbf2864e85dfe4c69897ef0ee6c5ab107ca55a95a50f9e224369107e2ea68292",
		},
		"an empty object for a body": {
			method: http.MethodPost, url: syncURL, body: "{}", signed: "host;x-project-id;x-sdk-date",
			canonicalHash: "19352eb9dc15776a61e52113e46bf5d19476cced03070fb55dd817477aa89f91",
			want:          "76f927c4e5c41130e61027ae39b2f7fd20453d6714dd3dac99646b747305e5b8",
		},
		"a body that is not signed": {
			method: http.MethodPost, url: syncURL, body: "{}", signed: "host;x-project-id;x-sdk-content-sha256;x-sdk-date",
			header:        map[string]string{"X-Sdk-Content-Sha256": "UNSIGNED-PAYLOAD"},
			canonicalHash: "7341464089a32347fe5fbb091256b34050ddcc0b484ba713dfff6756f353a794",
			want:          "aa142ee297bc3fbb6d98ab6c5d08d35542ddfee21eaa7b35d0f5f7ec77dba1b6",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), tc.method, tc.url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Sdk-Date", "20060102T150405Z")
			r.Header.Set("X-Project-Id", project)
			for name, value := range tc.header {
				r.Header.Set(name, value)
			}
			body := sha256.Sum256([]byte(tc.body))
			canonical := canonicalRequest(r, strings.Split(tc.signed, ";"), hex.EncodeToString(body[:]))
			hashed := sha256.Sum256([]byte(canonical))
			if got := hex.EncodeToString(hashed[:]); tc.canonicalHash != "" && got != tc.canonicalHash {
				t.Errorf("hash of the canonical request = %s, want %s:\n%s", got, tc.canonicalHash, canonical)
			}
			if got := signature("SecretKey", "20060102T150405Z", canonical); got != tc.want {
				t.Errorf("signature = %s, want %s", got, tc.want)
			}
		})
	}
}

func TestCanonicalQuery(t *testing.T) {
	tests := map[string]struct{ query, want string }{
		"none":                            {"", ""},
		"an empty value keeps its equals": {"b&a=", "a=&b="},
		"a name sorts before its longer":  {"a-b=2&a=1", "a=1&a-b=2"},
		"the vendor's vector": {
			url.Values{
				"limit": {"1"}, "enable": {"true"}, "test": {"一 (&=?!#%.*)"}, "path": {"/tmp/123"}, "multi": {"3", "1", "2"},
			}.Encode(),
			"enable=true&limit=1&multi=1&multi=2&multi=3&path=%2Ftmp%2F123&test=%E4%B8%80%20%28%26%3D%3F%21%23%25.%2A%29",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := canonicalQuery(&url.URL{RawQuery: tc.query}); got != tc.want {
				t.Errorf("canonicalQuery(%q) = %q, want %q", tc.query, got, tc.want)
			}
		})
	}
}

func TestParseAuthorization(t *testing.T) {
	tests := map[string]struct {
		header string
		want   bool
	}{
		"as documented":                 {"SDK-HMAC-SHA256 Access=a, SignedHeaders=host;x-sdk-date, Signature=00", true},
		"without spaces":                {"SDK-HMAC-SHA256 Access=a,SignedHeaders=x-sdk-date,Signature=00", true},
		"none":                          {"", false},
		"another algorithm":             {"AWS4-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature=00", false},
		"the retired spelling of a key": {"SDK-HMAC-SHA256 Credential=a, SignedHeaders=x-sdk-date, Signature=00", false},
		"no key":                        {"SDK-HMAC-SHA256 SignedHeaders=x-sdk-date, Signature=00", false},
		"no signature":                  {"SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date", false},
		"the date is not signed":        {"SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=00", false},
		"headers out of order":          {"SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date;host, Signature=00", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := parseAuthorization(tc.header); (err == nil) != tc.want {
				t.Errorf("parseAuthorization(%q): %v, want accepted: %t", tc.header, err, tc.want)
			}
		})
	}
}
