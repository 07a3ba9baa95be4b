package simulator

import (
	"crypto/hmac"
	"net/http"
	"strings"
	"time"
)

const (
	// signatureWindow is how far X-Sdk-Date may be from the service's clock
	// (API request signing guide).
	signatureWindow = 15 * time.Minute

	// More than maxFailures failures in a row lock a key pair for lockTime
	// (API gateway FAQ).
	maxFailures = 5
	lockTime    = 5 * time.Minute
)

// accessKey is one key pair, and how it has fared.
type accessKey struct {
	secret        string
	securityToken string // not empty: the pair is temporary
	failures      int    // in a row
	lockedUntil   time.Time
}

// SetKey makes access and secret the only key pair that is accepted. Like the
// service, it does not lift the lock on a pair by giving it another secret.
func (s *Simulator) SetKey(access, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.keys[access]
	s.keys = map[string]*accessKey{}
	if kept != nil {
		s.keys[access] = kept
	}
	s.addKey(access, secret, "")
}

// AddKey accepts one more key pair.
func (s *Simulator) AddKey(access, secret string) {
	s.AddTemporaryKey(access, secret, "")
}

// AddTemporaryKey accepts one more key pair, together with securityToken
// only.
func (s *Simulator) AddTemporaryKey(access, secret, securityToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addKey(access, secret, securityToken)
}

func (s *Simulator) addKey(access, secret, securityToken string) {
	key := s.keys[access]
	if key == nil {
		key = &accessKey{}
		s.keys[access] = key
	}
	key.secret, key.securityToken = secret, securityToken
}

// SetToken makes token the only IAM token that is accepted. The one before
// has expired.
func (s *Simulator) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" {
		s.oldTokens[s.token] = true
	}
	delete(s.oldTokens, token)
	s.token = token
}

// authenticate checks who asks, and that the project is theirs.
func (s *Simulator) authenticate(c *call, now time.Time) *refusal {
	if r := s.checkIdentity(c, now); r != nil {
		return r
	}
	named := c.r.Header.Get("X-Project-Id")
	switch {
	case !wellFormedProject(c.project):
		return &refusal{http.StatusBadRequest, "ModelArts.0210", "Invalid project ID."}
	case named != "" && named != c.project, s.cfg.Project != "" && s.cfg.Project != c.project:
		return &refusal{http.StatusForbidden, "ModelArts.0210", "The project id in the request URL does not match the token."}
	}
	return nil
}

func (s *Simulator) checkIdentity(c *call, now time.Time) *refusal {
	if token := c.r.Header.Get("X-Auth-Token"); token != "" {
		return s.checkToken(token)
	}
	if c.r.Header.Get("Authorization") == "" {
		return badIdentity("x-auth-token not found")
	}
	if c.authorizationErr != nil {
		return badIdentity("Unauthorized")
	}
	return s.checkKey(c, now)
}

func (s *Simulator) checkToken(token string) *refusal {
	switch {
	case s.oldTokens[token]:
		return &refusal{http.StatusUnauthorized, "APIGW.0307", "The token must be updated."}
	case token != s.token:
		return badIdentity("decrypt token fail")
	}
	return nil
}

func (s *Simulator) checkKey(c *call, now time.Time) *refusal {
	access := c.authorization.access
	key := s.keys[access]
	if key == nil {
		return badIdentity("Get secretKey failed,ak:" + access + ",err:ak not exist")
	}
	if now.Before(key.lockedUntil) {
		return badIdentity("AK access failed to reach the limit,forbidden.")
	}
	reason := key.verify(c, now)
	if reason == "" {
		key.failures = 0
		return nil
	}
	key.failures++
	if key.failures > maxFailures {
		key.failures, key.lockedUntil = 0, now.Add(lockTime)
		s.cfg.Logf("access key %s is locked until %s", access, key.lockedUntil.Format(time.RFC3339))
	}
	return badIdentity("verify aksk signature fail, " + reason)
}

// verify returns what is wrong with a signed request, or nothing. The text
// repeats the request as the gateway's does, header values included.
func (k *accessKey) verify(c *call, now time.Time) string {
	date, err := time.Parse(sdkDateLayout, c.r.Header.Get("X-Sdk-Date"))
	switch {
	case err != nil:
		return "X-Sdk-Date is missing or malformed"
	case now.Sub(date).Abs() > signatureWindow:
		return "signature expired"
	case c.r.Header.Get("X-Security-Token") != k.securityToken:
		return "x-security-token does not match"
	}
	canonical := canonicalRequest(c.r, c.authorization.signedHeaders, c.bodyHash)
	if !hmac.Equal([]byte(signature(k.secret, c.r.Header.Get("X-Sdk-Date"), canonical)), []byte(c.authorization.signature)) {
		return "canonicalRequest:" + strings.ReplaceAll(canonical, "\n", "|")
	}
	return ""
}

// badIdentity is the gateway's refusal of credentials.
func badIdentity(detail string) *refusal {
	return &refusal{http.StatusUnauthorized, "APIGW.0301", "Incorrect IAM authentication information: " + detail}
}
