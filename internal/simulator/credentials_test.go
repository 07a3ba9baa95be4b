package simulator_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/internal/simulator"
)

const badIdentity = "Incorrect IAM authentication information: "

func TestCredentialsAreRefused(t *testing.T) {
	tests := map[string]struct {
		change func(s *service, r *http.Request)
		want   outcome
		text   string
	}{
		"none": {
			func(_ *service, r *http.Request) { r.Header.Del("Authorization") },
			outcome{401, "APIGW.0301"},
			"x-auth-token not found",
		},
		"a header that cannot be parsed": {
			func(_ *service, r *http.Request) { r.Header.Set("Authorization", "Basic QUs6U0s=") },
			outcome{401, "APIGW.0301"},
			"Unauthorized",
		},
		"an unknown key": {
			func(s *service, r *http.Request) { s.access = "other"; s.sign(r) },
			outcome{401, "APIGW.0301"},
			"Get secretKey failed,ak:other,err:ak not exist",
		},
		"a wrong secret": {
			func(s *service, r *http.Request) { s.secret = "wrong"; s.sign(r) },
			outcome{401, "APIGW.0301"},
			"verify aksk signature fail, canonicalRequest:POST|" + path(cats) + "/||host:" + host + "|",
		},
		"another path than the signed one": {
			func(_ *service, r *http.Request) { r.URL.Path = path("dogs") },
			outcome{401, "APIGW.0301"},
			"verify aksk signature fail",
		},
		"no date": {
			func(_ *service, r *http.Request) { r.Header.Del("X-Sdk-Date") },
			outcome{401, "APIGW.0301"},
			"verify aksk signature fail",
		},
		"a signature of 15 minutes ago passes": {
			func(s *service, _ *http.Request) { s.clock.advance(15 * time.Minute) },
			outcome{200, ""},
			"",
		},
		"an older one has expired": {
			func(s *service, _ *http.Request) { s.clock.advance(15*time.Minute + time.Second) },
			outcome{401, "APIGW.0301"},
			"signature expired",
		},
		"one from the future has not begun": {
			func(s *service, _ *http.Request) { s.clock.advance(-15*time.Minute - time.Second) },
			outcome{401, "APIGW.0301"},
			"signature expired",
		},
		"a security token for a permanent key": {
			func(_ *service, r *http.Request) { r.Header.Set("X-Security-Token", "TOKEN") },
			outcome{401, "APIGW.0301"},
			"x-security-token does not match",
		},
		"a temporary key without its token": {
			func(s *service, _ *http.Request) { s.AddTemporaryKey("AK", "SK", "TOKEN") },
			outcome{401, "APIGW.0301"},
			"x-security-token does not match",
		},
		"a temporary key with its token": {
			func(s *service, r *http.Request) {
				s.AddTemporaryKey("AK", "SK", "TOKEN")
				r.Header.Set("X-Security-Token", "TOKEN")
			},
			outcome{200, ""},
			"",
		},
		"an unknown token": {
			func(_ *service, r *http.Request) { r.Header.Set("X-Auth-Token", "other") },
			outcome{401, "APIGW.0301"},
			"decrypt token fail",
		},
		"the token": {
			func(s *service, r *http.Request) {
				s.SetToken("TOKEN")
				r.Header.Set("X-Auth-Token", "TOKEN")
			},
			outcome{200, ""},
			"",
		},
		"the token before": {
			func(s *service, r *http.Request) {
				s.SetToken("TOKEN")
				s.SetToken("NEXT")
				r.Header.Set("X-Auth-Token", "TOKEN")
			},
			outcome{401, "APIGW.0307"},
			"The token must be updated.",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, simulator.Config{})
			r := s.request(t, http.MethodPost, path(cats))
			tc.change(s, r)
			got := s.do(t, r)
			if diff := cmp.Diff(tc.want, outcome{got.status, got.Code}); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if !strings.Contains(got.Message, tc.text) {
				t.Errorf("message %q, want %q in it", got.Message, tc.text)
			}
			if tc.want.Code == "APIGW.0301" && (!strings.HasPrefix(got.Message, badIdentity) || got.RequestID == "") {
				t.Errorf("body %s is not the gateway's", got.raw)
			}
		})
	}
}

func TestKeyIsLockedAfterMoreThanFiveFailures(t *testing.T) {
	const locked = badIdentity + "AK access failed to reach the limit,forbidden."
	s := newService(t, simulator.Config{})
	fail := func() reply {
		s.secret = "wrong"
		defer func() { s.secret = "SK" }()
		return s.latest(t, cats)
	}
	for range 5 {
		fail()
	}
	if got := s.latest(t, cats); got.status != http.StatusOK {
		t.Fatalf("after five failures: %s, want success", got.raw)
	}
	for n := range 6 { // counted anew after a success
		if got := fail(); got.status != http.StatusUnauthorized || got.Message == locked {
			t.Fatalf("failure %d: %s, want a wrong signature", n+1, got.raw)
		}
	}
	if got := s.latest(t, cats); got.Message != locked {
		t.Errorf("after six failures: %s, want locked", got.raw)
	}
	s.SetKey("AK", "SK") // lifts no lock
	s.AddKey("AK2", "SK2")
	s.access, s.secret = "AK2", "SK2"
	if got := s.latest(t, cats); got.status != http.StatusOK {
		t.Errorf("another key: %s, want success", got.raw)
	}
	s.access, s.secret = "AK", "SK"
	s.clock.advance(5*time.Minute - time.Second)
	if got := s.latest(t, cats); got.Message != locked {
		t.Errorf("before five minutes: %s, want locked", got.raw)
	}
	s.clock.advance(time.Second)
	if got := s.latest(t, cats); got.status != http.StatusOK {
		t.Errorf("after five minutes: %s, want success", got.raw)
	}
}

func TestSetKeyRetiresTheOthers(t *testing.T) {
	s := newService(t, simulator.Config{})
	s.AddKey("AK2", "SK2")
	s.SetKey("AK3", "SK3")
	for access, want := range map[string]int{"AK": 401, "AK2": 401, "AK3": 200} {
		s.access, s.secret = access, strings.Replace(access, "AK", "SK", 1)
		if got := s.latest(t, cats); got.status != want {
			t.Errorf("key %s: status %d, want %d", access, got.status, want)
		}
	}
}

func TestTokenOfAnotherProject(t *testing.T) {
	s := newService(t, simulator.Config{Project: strings.Repeat("b", 32), Token: "TOKEN"})
	r := s.request(t, http.MethodPost, path(cats))
	r.Header.Set("X-Auth-Token", "TOKEN")
	got := s.do(t, r)
	if diff := cmp.Diff(outcome{403, "ModelArts.0210"}, outcome{got.status, got.Code}); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}
