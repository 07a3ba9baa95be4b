package simulator_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"datasetsync.dev/operator/internal/simulator"
)

const (
	project   = "0123456789abcdef0123456789abcdef"
	cats      = "gfghHSokody6AJigS5A"
	host      = "modelarts.cn-north-4.myhuaweicloud.com"
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// clock is a service's clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// service is a simulator, its clock, and a client that signs for it.
type service struct {
	*simulator.Simulator
	clock          *clock
	access, secret string
}

func newService(t *testing.T, cfg simulator.Config) *service {
	t.Helper()
	c := &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	cfg.AccessKey, cfg.SecretKey, cfg.Now = "AK", "SK", c.Now
	cfg.Logf = t.Logf
	return &service{Simulator: simulator.New(cfg), clock: c, access: "AK", secret: "SK"}
}

func path(dataset string) string {
	return "/v2/" + project + "/datasets/" + dataset + "/sync-data"
}

// sign is a signer of its own, for requests without query or body.
func (s *service) sign(r *http.Request) {
	date := s.clock.Now().UTC().Format("20060102T150405Z")
	canonical := strings.Join([]string{
		r.Method, r.URL.EscapedPath() + "/", "", "host:" + host, "x-sdk-date:" + date, "", "host;x-sdk-date", emptyHash,
	}, "\n")
	hashed := sha256.Sum256([]byte(canonical))
	mac := hmac.New(sha256.New, []byte(s.secret))
	mac.Write([]byte("SDK-HMAC-SHA256\n" + date + "\n" + hex.EncodeToString(hashed[:])))
	r.Host = host
	r.Header.Set("X-Sdk-Date", date)
	r.Header.Set("Authorization", "SDK-HMAC-SHA256 Access="+s.access+", SignedHeaders=host;x-sdk-date, Signature="+hex.EncodeToString(mac.Sum(nil)))
}

// reply is an answer with its body decoded.
type reply struct {
	status    int
	header    http.Header
	raw       string
	TaskID    string `json:"task_id"`
	Dataset   string `json:"dataset_id"`
	Status    string `json:"status"`
	Added     int64  `json:"add_sample_count"`
	Deleted   int64  `json:"deleted_sample_count"`
	Total     int64  `json:"total_sample_count"`
	Created   int64  `json:"create_time"`
	Duration  int64  `json:"duration_time"`
	Code      string `json:"error_code"`
	Message   string `json:"error_msg"`
	RequestID string `json:"request_id"`
}

// do serves r without a network.
func (s *service) do(t *testing.T, r *http.Request) reply {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return newReply(t, w.Code, w.Header(), w.Body.String())
}

func newReply(t *testing.T, status int, header http.Header, body string) reply {
	t.Helper()
	got := reply{status: status, header: header, raw: body}
	if body == "" {
		return got
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	return got
}

func (s *service) request(t *testing.T, method, path string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	s.sign(r)
	return r
}

func (s *service) start(t *testing.T, dataset string) reply {
	t.Helper()
	return s.do(t, s.request(t, http.MethodPost, path(dataset)))
}

func (s *service) latest(t *testing.T, dataset string) reply {
	t.Helper()
	return s.do(t, s.request(t, http.MethodGet, path(dataset)+"/status"))
}

// verdicts returns what the ledger says of each start.
func (s *service) verdicts() []string {
	var all []string
	for _, e := range s.Ledger() {
		all = append(all, e.Verdict)
	}
	return all
}

func readCloser(text string) io.ReadCloser {
	return io.NopCloser(strings.NewReader(text))
}
