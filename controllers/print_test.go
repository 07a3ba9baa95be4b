package controllers

import (
	"fmt"
	"strings"
	"testing"

	"datasetsync.dev/operator/internal/modelarts"
)

// TestWhatHoldsCredentialsPrintsNone: fmt does not ask a value in an unexported
// field how it is to be printed.
func TestWhatHoldsCredentialsPrintsNone(t *testing.T) {
	t.Parallel()
	c := modelarts.Credentials{AccessKey: testAK, SecretKey: testSK, SecurityToken: "CANARY-SECURITY-TOKEN"}
	for _, holder := range []any{sight{Credentials: c}, &sight{Credentials: c}, secret{Credentials: c}, &secret{Credentials: c}} {
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			if text := fmt.Sprintf(verb, holder); strings.Contains(text, "CANARY") || !strings.Contains(text, "redacted") {
				t.Errorf("%T as %s: %s", holder, verb, text)
			}
		}
	}
}
