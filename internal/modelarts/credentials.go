package modelarts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Credentials are a key pair, AccessKey and SecretKey, with SecurityToken if it is
// temporary; or Token, an IAM token. Where both are given the key pair counts,
// because a signature expires.
//
// Printed, logged or marshalled they show their kind and Fingerprint only. That
// holds where they can be reached: fmt does not ask a value in an unexported field
// how to print it, so do not keep them in one.
type Credentials struct {
	AccessKey, SecretKey, SecurityToken, Token string
}

var (
	errNoCredentials  = errors.New("the credentials have neither an access key with its secret key nor a token")
	errBadCredentials = errors.New("the credentials hold characters that are not visible ASCII")
)

// Fingerprint names the credentials, in 16 hexadecimal digits, to count calls or
// failures by. It does not lead back to them. All of them are part of it: a pair
// that was refused for want of its security token is worth another try once it has
// one.
func (c Credentials) Fingerprint() string {
	parts := []string{"token", c.Token}
	if c.signs() {
		parts = []string{"key pair", c.AccessKey, c.SecretKey, c.SecurityToken}
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// AccessKeyFingerprint names the access key or the token alone, as Fingerprint names
// all of the credentials. The service counts by it what it refuses, and locks by it.
func (c Credentials) AccessKeyFingerprint() string {
	return Credentials{AccessKey: c.AccessKey, Token: c.Token}.Fingerprint()
}

// signs tells whether requests are signed, rather than carry a token.
func (c Credentials) signs() bool {
	return c.AccessKey != "" || c.SecretKey != ""
}

// check tells why no request can be made with the credentials, without a value.
// Visible ASCII is all that the service gives out, and keeps line breaks out of
// headers.
func (c Credentials) check() error {
	if (c.AccessKey == "" || c.SecretKey == "") && (c.signs() || c.Token == "") {
		return errNoCredentials
	}
	for _, secret := range c.secrets() {
		for _, b := range []byte(secret) {
			if b <= ' ' || b > '~' {
				return errBadCredentials
			}
		}
	}
	return nil
}

// secrets are the values that nobody may see.
func (c Credentials) secrets() []string {
	return []string{c.AccessKey, c.SecretKey, c.SecurityToken, c.Token}
}

// String redacts.
func (c Credentials) String() string {
	kind := "token"
	if c.signs() {
		kind = "key pair"
	}
	return "[redacted " + kind + " " + c.Fingerprint() + "]"
}

// GoString redacts.
func (c Credentials) GoString() string { return c.String() }

// Format redacts, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalJSON redacts.
func (c Credentials) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// LogValue redacts.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }
