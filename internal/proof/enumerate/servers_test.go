package enumerate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"datasetsync.dev/operator/internal/simulator"
)

// servers are the addresses that calls end at: the service, and where a fault
// leads them. All plans share them; a plan is told by its project.
type servers struct {
	plain, secure, expired, otherName, foreign *httptest.Server
	// closed is an address where nobody listens.
	closed string
	roots  *x509.CertPool

	services sync.Map // of *simulator.Simulator by project
	strays   sync.Map // of *atomic.Int64 by project
	// frames counts requests over HTTP/2, which there must not be.
	frames     atomic.Int64
	oneAtATime sync.Mutex
}

// newServers starts them.
func newServers(t *testing.T) *servers {
	t.Helper()
	s := &servers{closed: closedAddress(t)}
	authority := newAuthority(t)
	s.roots = authority.pool
	year := 365 * 24 * time.Hour
	service := http.HandlerFunc(s.serve)
	s.plain = s.start(t, service, nil)
	s.foreign = s.start(t, http.HandlerFunc(s.stray), nil)
	s.secure = s.start(t, service, authority.issue(t, "127.0.0.1", year))
	s.expired = s.start(t, service, authority.issue(t, "127.0.0.1", -time.Hour))
	s.otherName = s.start(t, service, authority.issue(t, "192.0.2.1", year))
	return s
}

// closeConnections ends what clients have left open.
func (s *servers) closeConnections() {
	for _, server := range []*httptest.Server{s.plain, s.secure, s.expired, s.otherName, s.foreign} {
		server.CloseClientConnections()
	}
}

// start starts a server, with TLS if there is a certificate.
func (s *servers) start(t *testing.T, handler http.Handler, certificate *tls.Certificate) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if certificate == nil {
		server.Start()
	} else {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
		server.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){"h2": s.replay}
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	return server
}

// closedAddress returns the URL of a port that was free a moment ago.
func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return "http://" + listener.Addr().String()
}

// serve hands a request to the service of its plan.
func (s *servers) serve(w http.ResponseWriter, r *http.Request) {
	service, known := s.services.Load(project(r))
	if !known {
		http.Error(w, "no such plan", http.StatusTeapot)
		return
	}
	service.(*simulator.Simulator).Handler().ServeHTTP(w, r)
}

// stray counts a request that came to somebody else's host.
func (s *servers) stray(w http.ResponseWriter, r *http.Request) {
	count, _ := s.strays.LoadOrStore(project(r), new(atomic.Int64))
	count.(*atomic.Int64).Add(1)
	w.WriteHeader(http.StatusOK)
}

// strayed returns how many requests of a plan went to somebody else's host.
func (s *servers) strayed(project string) int {
	count, known := s.strays.Load(project)
	if !known {
		return 0
	}
	return int(count.(*atomic.Int64).Load())
}

// project returns the project of a request: of /v2/PROJECT/datasets/….
func project(r *http.Request) string {
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}

// replay is a server of HTTP/2 that resets every stream as a fault of the
// protocol, as some do after they have done what was asked: a client that does
// not know better asks again and again.
func (s *servers) replay(_ *http.Server, conn *tls.Conn, _ http.Handler) {
	const (
		prefaceLength, headerLength       = 24, 9
		frameHeaders, frameReset          = 1, 3
		protocolError               uint8 = 1
		// A client that does ask again would do so for ever.
		mostReplies = 10
	)
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00")) // SETTINGS
	if _, err := io.CopyN(io.Discard, conn, prefaceLength); err != nil {
		return
	}
	for replies := 0; replies < mostReplies; {
		var header [headerLength]byte
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return
		}
		length := int64(header[0])<<16 | int64(binary.BigEndian.Uint16(header[1:3]))
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return
		}
		if header[3] == frameHeaders {
			s.frames.Add(1)
			replies++
			reset := append([]byte{0, 0, 4, frameReset, 0}, header[5:9]...)
			_, _ = conn.Write(append(reset, 0, 0, 0, protocolError))
		}
	}
}

// authority issues certificates.
type authority struct {
	pool        *x509.CertPool
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a := &authority{pool: x509.NewCertPool()}
	a.certificate, a.key = sign(t, template, template, nil)
	a.pool.AddCert(a.certificate)
	return a
}

// issue returns the certificate of an address, good for so long from now on.
func (a *authority) issue(t *testing.T, address string, lasts time.Duration) *tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: address}, IPAddresses: []net.IP{net.ParseIP(address)},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(lasts), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, key := sign(t, template, a.certificate, a.key)
	return &tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}
}

// sign makes a certificate with a key of its own; without a parent's key it
// signs itself.
func sign(t *testing.T, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parentKey == nil {
		parentKey = key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}
