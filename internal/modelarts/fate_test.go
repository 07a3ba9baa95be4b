package modelarts

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// startCase is one way in which a start can go, against a server of our own.
type startCase struct {
	answer  func(net.Conn) bool // after the request was read
	timeout time.Duration       // of the request; unset: ample
	fate    Fate
	class   Class
	code    string
}

// whole is an answer with the right Content-Length.
func whole(status int, body string) func(net.Conn) bool {
	return saying(fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body))
}

// cutOff is an answer that promises more than it brings.
func cutOff(status int, body string) func(net.Conn) bool {
	return saying(fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body)+100, body))
}

// switching agrees to another protocol that nobody asked for, and then says nothing.
func switching(conn net.Conn) bool {
	saying("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")(conn)
	return silent(conn)
}

const (
	impatient = 150 * time.Millisecond
	kilobyte  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// unknownFates are answers, or what there is of them, that prove nothing.
func unknownFates() map[string]startCase {
	u := func(answer func(net.Conn) bool) startCase { return startCase{answer: answer} }
	slow := func(answer func(net.Conn) bool) startCase {
		return startCase{answer: answer, timeout: impatient}
	}
	coded := func(code string, answer func(net.Conn) bool) startCase {
		return startCase{answer: answer, code: code}
	}
	return map[string]startCase{
		"reset after the request":               u(reset),
		"end without an answer":                 u(saying("")),
		"silence":                               slow(silent),
		"half a status line":                    u(saying("HTTP/1.1 4")),
		"a head that breaks off":                u(saying("HTTP/1.1 403 Forbidden\r\nDate: x")),
		"a head that breaks off before its end": u(saying("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n")),
		"no HTTP":                               u(saying("SSH-2.0-OpenSSH_9.6\r\n\r\n")),
		"an HTTP/2 GOAWAY":                      u(saying("\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")),
		"headers beyond the limit":              u(saying("HTTP/1.1 403 X\r\nX: " + strings.Repeat("x", maxHeaderBytes) + "\r\n\r\n")),
		"endless headers":                       u(repeating("HTTP/1.1 403 X\r\n", "X: "+kilobyte+"\r\n", 0)),
		"a flood of interim answers":            u(repeating("", "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n", 0)),
		"headers that drip":                     slow(repeating("HTTP/1.1 403 X\r\n", "X: y\r\n", impatient/10)),
		"a switched protocol":                   u(switching),
		"a status that does not exist":          coded("ModelArts.4352", whole(999, `{"error_code":"ModelArts.4352"}`)),
		"408":                                   coded("ModelArts.4205", whole(408, `{"error_code":"ModelArts.4205","error_msg":"Connection timed out."}`)),
		"500":                                   coded("ModelArts.6102", whole(500, `{"error_code":"ModelArts.6102","error_msg":"Internal error."}`)),
		"500 of a class that is no throttle":    coded("ModelArts.4106", whole(500, `{"error_code":"ModelArts.4106","error_msg":"Failed to obtain the OBS agency."}`)),
		"500 with a throttle that breaks off":   u(cutOff(500, `{"error_code":"ModelArts.5039"}`)),
		"502":                                   u(whole(502, "<html>")),
		"503":                                   u(whole(503, "")),
		"504":                                   u(whole(504, "")),
		"200 with HTML":                         u(whole(200, "<html>Please log in</html>")),
		"200 with a list":                       u(whole(200, `[{"task_id":"T"}]`)),
		"200 with null":                         u(whole(200, `null`)),
		"200 with a word":                       u(whole(200, `"ok"`)),
		"200 with two objects":                  u(whole(200, `{"task_id":"T"}{"task_id":"U"}`)),
		"200 that breaks off":                   u(cutOff(200, `{"task_id":"T"}`)),
		"200 that breaks off before its body":   u(cutOff(200, "")),
		"200 with a broken chunk":               u(saying("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"task_id\":\"T\"}")),
		"200 nested too deeply":                 u(whole(200, strings.Repeat(`{"a":`, 20000)+"1"+strings.Repeat("}", 20000))),
		"200 with an endless body":              u(repeating("HTTP/1.1 200 X\r\n\r\n{\"a\":\"", kilobyte, 0)),
		"200 larger than the limit":             u(whole(200, `{"task_id":"T","x":"`+strings.Repeat("x", maxBodyBytes)+`"}`)),
		"200 with a body that drips":            slow(repeating("HTTP/1.1 200 X\r\nContent-Length: 9999\r\n\r\n{", " ", impatient/10)),
		"200 compressed":                        u(saying("HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")),
	}
}

// refusedFates are answers that prove that nothing was started.
func refusedFates() map[string]startCase {
	r := func(class Class, code string, answer func(net.Conn) bool) startCase {
		return startCase{answer: answer, fate: FateRefused, class: class, code: code}
	}
	to := func(status int, location string) func(net.Conn) bool {
		return saying(fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: 0\r\n\r\n", status, location))
	}
	return map[string]startCase{
		"400":                       r(ClassPermanent, "ModelArts.4352", whole(400, `{"error_code":"ModelArts.4352"}`)),
		"400, a running sync":       r(ClassBusy, "ModelArts.4355", whole(400, `{"error_code":"ModelArts.4355"}`)),
		"400, a throttle":           r(ClassThrottled, "ModelArts.4370", whole(400, `{"error_code":"ModelArts.4370"}`)),
		"400 that may pass":         r(ClassTransient, "ModelArts.1002", whole(400, `{"error_code":"ModelArts.1002"}`)),
		"400 after interim answers": r(ClassPermanent, "", saying("HTTP/1.1 103 X\r\n\r\nHTTP/1.1 103 X\r\n\r\nHTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n")),
		"400 whose code breaks off is not for good": r(ClassTransient, "", cutOff(400, `{"error_code":"ModelArts.4352"}`)),
		"400 with an endless body":                  r(ClassTransient, "", repeating("HTTP/1.1 400 X\r\n\r\n", kilobyte, 0)),
		"401":                                       r(ClassAuthentication, "APIGW.0301", whole(401, `{"error_code":"APIGW.0301"}`)),
		"401 that breaks off":                       r(ClassAuthentication, "", cutOff(401, "{")),
		"403":                                       r(ClassPermission, "", whole(403, "<html>")),
		"404":                                       r(ClassPermanent, "APIGW.0101", whole(404, `{"error_code":"APIGW.0101"}`)),
		"409":                                       r(ClassTransient, "", whole(409, "")),
		"425":                                       r(ClassTransient, "", whole(425, "")),
		"429":                                       r(ClassThrottled, "", whole(429, "")),
		"429 that breaks off":                       r(ClassThrottled, "", cutOff(429, "")),
		"494":                                       r(ClassPermanent, "APIGW.0201", whole(494, `{"error_code":"APIGW.0201"}`)),
		"500 that is a throttle":                    r(ClassThrottled, "ModelArts.5039", whole(500, `{"error_code":"ModelArts.5039"}`)),
		"501":                                       r(ClassPermanent, "ModelArts.4383", whole(501, `{"error_code":"ModelArts.4383"}`)),
		"501, other work":                           r(ClassBusy, "ModelArts.4394", whole(501, `{"error_code":"ModelArts.4394"}`)),
		"200 with an error code":                    r(ClassPermanent, "ModelArts.4392", whole(200, `{"error_code":"ModelArts.4392"}`)),
		"200 with a running sync":                   r(ClassBusy, "ModelArts.4355", whole(200, `{"error_code":"ModelArts.4355","task_id":""}`)),
		"302":                                       r(ClassPermanent, "", to(302, "Location: https://portal.example/login?secret\r\n")),
		"302 to a place that cannot be read":        r(ClassPermanent, "", to(302, "Location: http://%zz/\r\n")),
		"302 to nowhere":                            r(ClassPermanent, "", to(302, "")),
		"304":                                       r(ClassPermanent, "", to(304, "")),
	}
}

func TestStartTellsTheFateThatIsCertain(t *testing.T) {
	t.Parallel()
	cases := refusedFates()
	for name, tc := range unknownFates() {
		cases[name] = tc
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, requests := counted(t, tc.answer)
			c := NewClient(Options{RequestTimeout: tc.timeout})

			started, err := c.StartSync(context.Background(), testTarget("http://"+address), testCredentials(), time.Now())
			if err == nil {
				t.Fatalf("got %+v, want an error", started)
			}
			e := asError(t, err)
			if e.Fate != tc.fate || e.Class != tc.class || e.Code != tc.code {
				t.Errorf("got %v, %v, code %q, want %v, %v, code %q (%v)", e.Fate, e.Class, e.Code, tc.fate, tc.class, tc.code, e)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests on the wire, want 1", n)
			}
		})
	}
}

func TestStartIsAccepted(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer func(net.Conn) bool
		taskID string
	}{
		"200 and nothing":                       {answer: whole(200, "")},
		"200 until the connection ends":         {answer: saying("HTTP/1.1 200 X\r\n\r\n")},
		"200 and white space":                   {answer: whole(200, " \r\n")},
		"200 and an empty object":               {answer: whole(200, "{}")},
		"200 and something else":                {answer: whole(200, `{"dataset_id":"x","error_code":"","error_msg":null}`)},
		"204":                                   {answer: saying("HTTP/1.1 204 X\r\n\r\n")},
		"202 with an id":                        {answer: whole(202, `{"task_id":"T"}`), taskID: "T"},
		"200 in chunks":                         {answer: saying("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{\"task_id\":\"T\"}\r\n0\r\n\r\n"), taskID: "T"},
		"an id behind a byte order mark":        {answer: whole(200, "\xef\xbb\xbf{\"task_id\":\"T\"}"), taskID: "T"},
		"an id although there is an error code": {answer: whole(200, `{"error_code":"ModelArts.4355","task_id":"T"}`), taskID: "T"},
		"an id that is too long, with an error": {answer: whole(200, `{"error_code":"X","task_id":"`+strings.Repeat("x", 129)+`"}`)},
		"an id of another type":                 {answer: whole(200, `{"task_id":17}`)},
		"the later of two ids":                  {answer: whole(200, `{"task_id":"S","task_id":"T"}`), taskID: "T"},
		"an id after interim answers":           {answer: saying("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 X\r\nContent-Length: 15\r\n\r\n{\"task_id\":\"T\"}"), taskID: "T"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, requests := counted(t, tc.answer)
			started, err := NewClient(Options{}).StartSync(context.Background(), testTarget("http://"+address), testCredentials(), time.Now())
			if err != nil || started.TaskID != tc.taskID {
				t.Errorf("got %+v, %v, want task id %q", started, err, tc.taskID)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests on the wire, want 1", n)
			}
		})
	}
}

func TestStartOnAConnectionThatIsResetAtTheFirstByteIsOfUnknownFate(t *testing.T) {
	t.Parallel()
	address := serve(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		reset(conn)
	})
	_, err := NewClient(Options{}).StartSync(context.Background(), testTarget("http://"+address), testCredentials(), time.Now())
	if e := asError(t, err); e.Fate != FateUnknown || e.Class != ClassTransient {
		t.Errorf("got %v, %v, want unknown, transient", e.Fate, e.Class)
	}
}
