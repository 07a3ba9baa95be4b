package modelarts

import (
	"context"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// endpointVariable makes of the test binary a program that starts one sync there.
// Go reads proxies and roots from the environment once, so each case needs a
// process of its own.
const endpointVariable = "MODELARTS_TEST_ENDPOINT"

func TestMain(m *testing.M) {
	endpoint := os.Getenv(endpointVariable)
	if endpoint == "" {
		os.Exit(m.Run())
	}
	if _, err := NewClient(Options{}).StartSync(context.Background(), testTarget(endpoint), testCredentials(), time.Now()); err != nil {
		_, _ = io.WriteString(os.Stderr, err.Error())
		os.Exit(1)
	}
}

// startElsewhere starts a sync in another process and returns what it complains of.
func startElsewhere(t *testing.T, endpoint string, environment ...string) string {
	t.Helper()
	program := exec.CommandContext(t.Context(), os.Args[0])
	program.Env = append([]string{endpointVariable + "=" + endpoint, "GOCOVERDIR=" + t.TempDir()}, environment...)
	complaint, err := program.CombinedOutput()
	if err != nil && len(complaint) == 0 {
		t.Fatal(err)
	}
	return string(complaint)
}

func TestTheProxyOfTheEnvironmentIsUsed(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	proxy := serve(t, func(conn net.Conn) {
		line := make([]byte, 128)
		n, _ := conn.Read(line)
		first, _, _ := strings.Cut(string(line[:n]), "\r\n")
		asked <- first
		whole(http.StatusForbidden, "")(conn)
	})

	complaint := startElsewhere(t, "https://modelarts.invalid", "HTTPS_PROXY=http://"+proxy)
	if got, want := <-asked, "CONNECT modelarts.invalid:443 HTTP/1.1"; got != want || !strings.Contains(complaint, "the proxy answers 403 X") {
		t.Errorf("the proxy was asked to %q, want %q; complaint %q", got, want, complaint)
	}
	if complaint := startElsewhere(t, "https://127.0.0.1:1", "HTTPS_PROXY=http://"+proxy, "NO_PROXY=127.0.0.1"); !strings.Contains(complaint, "refused") || len(asked) > 0 {
		t.Errorf("in spite of NO_PROXY: complaint %q", complaint)
	}
}

func TestTheRootsOfTheEnvironmentAreTrusted(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if complaint := startElsewhere(t, server.URL, "SSL_CERT_FILE="+roots); complaint != "" {
		t.Error(complaint)
	}
}

// counting tells how much was read of an endless body.
type counting struct{ n int }

func (c *counting) Read(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

func TestNoMoreOfABodyIsReadThanTheLimit(t *testing.T) {
	t.Parallel()
	var body counting
	a := readAnswer(&http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(&body)}, testDate)
	if body.n > maxBodyBytes+1 || a.body != nil || a.bodyErr == nil {
		t.Errorf("read %d bytes, kept %d, error %v", body.n, len(a.body), a.bodyErr)
	}
}
