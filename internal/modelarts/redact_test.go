package modelarts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

func canaries() Credentials {
	cr := testCredentials()
	cr.SecurityToken = "stcanary-" + strings.Repeat("0123456789+/=", 20)
	cr.Token = "MIIatcanary-" + strings.Repeat("abcdefghij-+=", 40)
	return cr
}

// leaks tells which secrets, or signature, a text holds.
func leaks(text string, secrets ...string) []string {
	var found []string
	for _, secret := range secrets {
		if secret != "" && strings.Contains(text, secret) {
			found = append(found, secret)
		}
	}
	return found
}

// printed is a value in all the ways in which it can get into a log.
func printed(t *testing.T, values ...any) string {
	t.Helper()
	var b bytes.Buffer
	text := slog.New(slog.NewTextHandler(&b, nil))
	structured := slog.New(slog.NewJSONHandler(&b, nil))
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&b, verb+"\n", v)
			fmt.Fprintf(&b, verb+"\n", []any{v})
		}
		text.Info("text", "value", v)
		structured.Info("json", "value", v)
		if err := json.NewEncoder(&b).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestCredentialsNeverPrint(t *testing.T) {
	t.Parallel()
	cr := canaries()
	type holder struct {
		Name string
		Cr   Credentials
		P    *Credentials
	}
	got := printed(t, cr, &cr, holder{Cr: cr, P: &cr}, map[string]Credentials{"x": cr})
	secrets := cr.secrets()
	for _, secret := range cr.secrets() {
		secrets = append(secrets, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret))
	}
	if found := leaks(got, secrets...); found != nil {
		t.Errorf("%q in\n%s", found, got)
	}
	if !strings.Contains(got, cr.Fingerprint()) {
		t.Error("the key id is not shown")
	}
}

func TestAPanicWithCredentialsDoesNotPrintThem(t *testing.T) {
	t.Parallel()
	defer func() {
		if found := leaks(fmt.Sprint(recover()), canaries().secrets()...); found != nil {
			t.Errorf("%q", found)
		}
	}()
	panic(canaries())
}

func TestKeyIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]Credentials{}
	for _, cr := range []Credentials{
		{AccessKey: "a", SecretKey: "b"},
		{AccessKey: "a", SecretKey: "b", SecurityToken: "c"},
		{AccessKey: "ab"},
		{AccessKey: "a"},
		{AccessKey: "a", SecretKey: "c"},
		{AccessKey: "key pair", SecretKey: "b"},
		{Token: "a"},
		{Token: "a\x00b"},
		{},
	} {
		id := cr.Fingerprint()
		if other, ok := seen[id]; ok || len(id) != 16 {
			t.Errorf("id %q of %q is also that of %q", id, cr.secrets(), other.secrets())
		}
		seen[id] = cr
	}
}

// echo answers with all that a hostile or talkative gateway can know.
func echo(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var all []string
		for name, values := range r.Header {
			all = append(all, name+": "+strings.Join(values, ","))
		}
		seen := strings.Join(all, "|")
		quoted, _ := json.Marshal(seen)
		signature := r.Header.Get("Authorization")
		if i := strings.LastIndex(signature, "="); i >= 0 {
			signature = signature[i+1:]
		}
		w.Header().Set("X-Request-Id", "id "+seen)
		w.Header().Set("Location", "https://"+testCredentials().AccessKey+".example/"+signature)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(strings.NewReplacer(
			"{all}", strings.Trim(string(quoted), `"`),
			"{sk}", testCredentials().SecretKey,
			"{sk, split}", testCredentials().SecretKey[:9]+`\u0000\u200b`+testCredentials().SecretKey[9:],
			"{signature}", signature,
			"{SIGNATURE}", strings.ToUpper(signature),
			"{padding}", strings.Repeat("x ", 495),
		).Replace(body)))
	}
}

func TestCredentialsNeverComeBackInResults(t *testing.T) {
	t.Parallel()
	temporary := canaries()
	temporary.Token = ""
	token := Credentials{Token: canaries().Token}
	for name, tc := range map[string]struct {
		status int
		body   string
	}{
		"the request in an error":    {401, `{"error_code":"{all}","error_msg":"verify aksk signature fail, {all} {sk} {signature} {SIGNATURE}","request_id":"{sk}"}`},
		"the request in a task":      {200, `{"status":"{all}","task_id":"{sk}","error_code":"{sk}","error_msg":"{all}"}`},
		"the request, nested":        {403, `{"error":{"code":"{sk}","message":"{sk, split} {signature}"}}`},
		"the request, to be cut":     {400, `{"error_msg":"{padding}{all} {sk}"}`},
		"the request in a 2xx error": {200, `{"error_code":"{sk}{all}","error_msg":"{sk, split}"}`},
		"a redirect":                 {307, ""},
		"no JSON":                    {200, "{all} {sk}"},
		"no JSON in an error":        {500, "{all} {sk}"},
	} {
		for kind, cr := range map[string]Credentials{"temporary keys": temporary, "token": token} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				var authorization string
				handler := echo(tc.status, tc.body)
				endpoint := service(t, func(w http.ResponseWriter, r *http.Request) {
					authorization = r.Header.Get("Authorization")
					handler(w, r)
				})
				secrets := func() []string {
					_, signature, _ := strings.Cut(authorization, "Signature=")
					return append(cr.secrets(), signature, strings.ToUpper(signature))
				}
				c := NewClient(Options{})

				task, err := c.LatestSync(context.Background(), testTarget(endpoint), cr)
				got := printed(t, task, err)
				if found := leaks(got, secrets()...); found != nil {
					t.Errorf("latest: %q in\n%s", found, got)
				}
				started, err := c.StartSync(context.Background(), testTarget(endpoint), cr, time.Now())
				got = printed(t, started, err)
				if found := leaks(got, secrets()...); found != nil {
					t.Errorf("start: %q in\n%s", found, got)
				}
			})
		}
	}
}

func TestCredentialsNeverComeBackInNetworkErrors(t *testing.T) {
	t.Parallel()
	cr := testCredentials()
	for name, text := range map[string]string{
		"a status line":  "HTTP/1.1 " + cr.SecretKey + " X\r\n\r\n",
		"no HTTP":        cr.SecretKey + "\r\n\r\n",
		"a broken head":  "HTTP/1.1 200 X\r\n" + cr.AccessKey + " " + cr.SecretKey + "\r\n\r\n",
		"a wrong length": "HTTP/1.1 200 X\r\nContent-Length: " + cr.SecretKey + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := counted(t, saying(text))
			_, err := NewClient(Options{}).StartSync(context.Background(), testTarget("http://"+address), cr, time.Now())
			e := asError(t, err)
			got := printed(t, err, e.Err, *e)
			if found := leaks(got, cr.secrets()...); found != nil {
				t.Errorf("%q in\n%s", found, got)
			}
			if !strings.Contains(e.Err.Error(), redacted) {
				t.Errorf("%q does not show that something was removed: the case tests nothing", e.Err)
			}
		})
	}
}

func TestTheSameNetworkErrorReadsTheSame(t *testing.T) {
	t.Parallel()
	address, _ := counted(t, reset)
	c := NewClient(Options{})
	texts := map[string]bool{}
	for range 3 {
		_, err := c.StartSync(context.Background(), testTarget("http://"+address), testCredentials(), time.Now())
		texts[err.Error()] = true
	}
	if len(texts) != 1 {
		t.Errorf("got %d texts, want one: %v", len(texts), texts)
	}
}

func TestUsefulTextIsNotRedacted(t *testing.T) {
	t.Parallel()
	clean := newCleaner(canaries())
	for _, text := range []string{
		"Incorrect IAM authentication information: AK access failed to reach the limit,forbidden.",
		"The throttling threshold has been reached: policy user over ratelimit,limit:100,time:1 minute",
		"Unsupported operation, dataset 062ef90a-da4d-4af4-82ba-1523da57e78e type is 100",
		"OBS path obs://bucket/a/very/long/path/with-many-parts/and_underscores/and/more/of/them/image-0001.jpg does not exist",
		"数据集不存在",
		"request 8d2a0c6e4f1b4a3c9e7d5b2f60a1c3e4",
	} {
		if got := clean.message(text); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
	}
	id := "8d2a0c6e4f1b4a3c9e7d5b2f60a1c3e4-1606114833874-apigateway-cn-north-4-0123456789"
	if got := clean.name(id, maxRequestID); got != id {
		t.Errorf("request id: got %q, want %q", got, id)
	}
}

func TestPiecesOfLongTokensAndSignaturesAreRedacted(t *testing.T) {
	t.Parallel()
	clean := newCleaner(canaries())
	hash := strings.Repeat("0123456789abcdef", 4)
	for text, want := range map[string]string{
		"decrypt token fail: " + canaries().Token[:100]:                       "decrypt token fail: [redacted]",
		"SDK-HMAC-SHA256 Access=OTHER, SignedHeaders=host, Signature=" + hash: "SDK-HMAC-SHA256 [redacted], SignedHeaders=host, [redacted]",
		"the hash is " + strings.ToUpper(hash) + "|":                          "the hash is [redacted]|",
	} {
		if got := clean.message(text); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestOfTwoCredentialsThatBeginAlikeTheLongerIsRedacted(t *testing.T) {
	t.Parallel()
	clean := newCleaner(Credentials{AccessKey: "canary", SecretKey: "canary-and-more"})
	if got, want := clean.message("for canary-and-more of canary"), "for [redacted] of [redacted]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCredentialsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cr   Credentials
		want error
	}{
		"a key pair":                 {Credentials{AccessKey: "a", SecretKey: "b"}, nil},
		"a temporary key pair":       {Credentials{AccessKey: "a", SecretKey: "b", SecurityToken: "c"}, nil},
		"a token":                    {Credentials{Token: "t"}, nil},
		"both":                       {Credentials{AccessKey: "a", SecretKey: "b", Token: "t"}, nil},
		"nothing":                    {Credentials{}, errNoCredentials},
		"a security token alone":     {Credentials{SecurityToken: "c"}, errNoCredentials},
		"an access key alone":        {Credentials{AccessKey: "a"}, errNoCredentials},
		"a secret key and a token":   {Credentials{SecretKey: "b", Token: "t"}, errNoCredentials},
		"a line break":               {Credentials{AccessKey: "a\n", SecretKey: "b"}, errBadCredentials},
		"a space":                    {Credentials{AccessKey: "a", SecretKey: "b b"}, errBadCredentials},
		"a control character":        {Credentials{Token: "t\x7f"}, errBadCredentials},
		"a letter that is not ASCII": {Credentials{AccessKey: "a", SecretKey: "b", SecurityToken: "é"}, errBadCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tc.cr.check(); !errors.Is(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// It takes minutes if one of the patterns spans an open end; a whole answer may be
// eight times as large.
func TestALongHostileTextIsCleaned(t *testing.T) {
	t.Parallel()
	clean := newCleaner(canaries())
	for _, unit := range []string{"Access=x ", "SDK-HMAC-SHA256 Access=", "x:1->", testCredentials().AccessKey[:19], strings.Repeat("a", 63) + "g"} {
		text := "SDK-HMAC-SHA256 Access=" + strings.Repeat(unit, (maxBodyBytes/8)/len(unit))
		fit(t, "message", clean.message(text), maxMessage)
		fit(t, "cause", clean.cause(errors.New(text)).Error(), maxMessage)
	}
}

// FuzzRedact: no credential survives, wherever it stands and whatever is around it.
func FuzzRedact(f *testing.F) {
	f.Add("verify aksk signature fail, ", "AccessKey", "SecretKey", "SECURITYTOKEN", "|x-sdk-date:1")
	f.Add("\x00", "AKAKAKAKAK", "KAKAKAKAKA", "AKAKAKAKAKAKAKAK", "\xff")
	f.Add("Signature=", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaaaaaaaa", "é")
	f.Fuzz(func(t *testing.T, before, accessKey, secretKey, token, after string) {
		cr := Credentials{AccessKey: accessKey, SecretKey: secretKey, SecurityToken: token}
		if cr.check() != nil {
			t.Skip()
		}
		for _, secret := range cr.secrets() {
			// What replaces a secret could be part of one like these. No real one is.
			if secret != "" && (len(secret) < 8 || strings.ContainsAny(secret, "[]") || strings.Contains(redacted, secret)) {
				t.Skip()
			}
		}
		clean := newCleaner(cr)
		text := before + secretKey + after + accessKey + before + token + after
		for _, got := range []string{
			clean.message(text), clean.name(text, maxCode), clean.id(text),
			clean.cause(errors.New(text)).Error(),
		} {
			if found := leaks(got, cr.secrets()...); found != nil {
				t.Errorf("%q in %q", found, got)
			}
			fit(t, "text", got, maxMessage)
		}
	})
}
