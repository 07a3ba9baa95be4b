package hostile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/simulator"
)

// everyKind returns the names of all faults of the simulator, which it tells to
// whoever asks for one that it does not have.
func everyKind(t *testing.T) []string {
	t.Helper()
	err := (&simulator.Fault{Kind: "?"}).Validate()
	_, list, ok := strings.Cut(err.Error(), "there are ")
	kinds := strings.Split(list, ", ")
	if !ok || !slices.Contains(kinds, "silence") || len(kinds) < 30 {
		t.Fatalf("the simulator has the faults %q", kinds)
	}
	return kinds
}

// keyrings are the kinds of credentials, all of whose values are canaries.
func keyrings() map[string]struct {
	data  map[string]string
	known func(*simulator.Config)
} {
	const securityToken, token = "CANARY-SECURITY-TOKEN", "CANARY-TOKEN"
	return map[string]struct {
		data  map[string]string
		known func(*simulator.Config)
	}{
		"a key pair": {map[string]string{"accessKey": accessKey, "secretKey": secretKey}, func(*simulator.Config) {}},
		"a temporary key pair": {
			map[string]string{"accessKey": accessKey, "secretKey": secretKey, "securityToken": securityToken},
			func(c *simulator.Config) { c.SecurityToken = securityToken },
		},
		"a wrong key pair": {map[string]string{"accessKey": accessKey, "secretKey": "CANARY-WRONG"}, func(*simulator.Config) {}},
		"a token":          {map[string]string{"token": token}, func(c *simulator.Config) { c.Token = token }},
		"a bad Secret":     {map[string]string{"accessKey": accessKey, "secretKey": "CANARY\nKEY"}, func(*simulator.Config) {}},
	}
}

// Whatever goes wrong with a call, no log at any level, event, status or metric
// tells a credential or a signature.
func TestSecretsStayInsideWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	for _, kind := range everyKind(t) {
		for name, ring := range keyrings() {
			t.Run(kind+" with "+name, func(t *testing.T) {
				t.Parallel()
				for _, operation := range []string{simulator.OperationLatest, simulator.OperationStart} {
					f := loudest(kind, operation, ring.data)
					if f.Validate() != nil {
						continue // A kind that is not about this operation.
					}
					w := newWorld(t, ring.known)
					w.settings.RequestTimeout = impatient
					w.restart()
					w.setSecret(ring.data)
					w.fault(f)
					w.create("cats")
					for range 6 {
						w.step(max(w.pass("cats"), time.Second))
					}
					w.service.ClearFaults()
					w.findSecrets(t)
				}
			})
		}
	}
}

// loudest is a fault of a kind that tells the secrets of a call back wherever it
// can.
func loudest(kind, operation string, data map[string]string) simulator.Fault {
	secret := cmp.Or(data["secretKey"], data["token"])
	secrets := "AK " + data["accessKey"] + " SK " + secret + " x-auth-token:" + data["token"] + " x-security-token=" + data["securityToken"]
	f := simulator.Fault{Kind: kind, Operation: operation, Count: 3}
	for _, add := range []func(*simulator.Fault){
		func(f *simulator.Fault) { f.Message = secrets },
		func(f *simulator.Fault) {
			f.Headers = map[string]string{"X-Request-Id": secrets, "Retry-After": secrets}
		},
		func(f *simulator.Fault) { f.State = "SK " + secret },
		func(f *simulator.Fault) { f.Code = secret },
		func(f *simulator.Fault) { f.RetryAfter = secrets },
		func(f *simulator.Fault) { f.Location = "https://" + secret + ".example/" + secret },
		func(f *simulator.Fault) { f.Delay = time.Millisecond },
	} {
		louder := f
		add(&louder)
		if louder.Validate() == nil {
			f = louder
		}
	}
	return f
}

// An answer that echoes the request gets into no error, however it is printed.
func TestErrorsHoldNoSecretsHoweverTheyArePrinted(t *testing.T) {
	t.Parallel()
	for name, ring := range keyrings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range everyKind(t) {
				f := loudest(kind, simulator.OperationStart, ring.data)
				if f.Validate() != nil {
					f = loudest(kind, simulator.OperationLatest, ring.data)
				}
				w := newWorld(t, ring.known)
				w.fault(f)
				text := w.printAll(ring.data)
				w.service.ClearFaults()
				for _, secret := range w.seen.secrets() {
					if i := strings.Index(text, secret); i >= 0 {
						t.Errorf("%s: a secret got out: …%s…", kind, text[max(0, i-200):min(len(text), i+60)])
					}
				}
			}
		})
	}
}

// printAll makes both calls and returns what came of them, printed and logged in
// every way.
func (w *world) printAll(data map[string]string) string {
	c := modelarts.Credentials{
		AccessKey: data["accessKey"], SecretKey: data["secretKey"], SecurityToken: data["securityToken"], Token: data["token"],
	}
	target := modelarts.Target{Endpoint: w.server.URL, ProjectID: project, DatasetID: "cats"}
	api := modelarts.NewClient(modelarts.Options{RequestTimeout: impatient, Now: w.clock.Now})
	defer api.CloseIdleConnections()
	task, lookErr := api.LatestSync(context.Background(), target, c)
	started, startErr := api.StartSync(context.Background(), target, c, w.clock.Now())

	var b bytes.Buffer
	logger := zap.New(zap.UseDevMode(true), zap.Level(zapcore.Level(-127)), zap.WriteTo(&b))
	for _, v := range []any{task, lookErr, started, startErr, c, &c, target, struct{ C modelarts.Credentials }{c}} {
		fmt.Fprintf(&b, "%v %+v %#v %s %q\n", v, v, v, v, v)
		text, err := json.Marshal(v)
		fmt.Fprintf(&b, "%s %v\n", text, err)
		logger.Info("A value.", "value", v)
		if err, ok := v.(error); ok {
			logger.Error(err, "An error.")
		}
	}
	return b.String()
}

// What can be read on a terminal is one line of printable text.
func TestControlCharactersReachNobody(t *testing.T) {
	t.Parallel()
	escapes := regexp.MustCompile("[\x00-\x1f\x7f\u202e]")
	const nasty = "\x1b[31mred\x1b[0m\u202e\r\n\x00\x07"
	for _, operation := range []string{simulator.OperationLatest, simulator.OperationStart} {
		w := newWorld(t)
		w.fault(simulator.Fault{
			Kind: "answer", Operation: operation, Status: 400, Code: "ModelArts.4352" + nasty, Message: nasty + strings.Repeat("long ", 1000),
			Headers: map[string]string{"X-Request-Id": "tab\there"},
		})
		w.create("cats")
		obj := w.rest("cats")
		texts := []string{obj.Status.ErrorCode, obj.Status.ErrorMsg, obj.Status.History[0].ErrorMsg}
		for _, c := range obj.Status.Conditions {
			texts = append(texts, c.Message)
		}
		for range len(w.recorder.Events) {
			texts = append(texts, <-w.recorder.Events)
		}
		for _, text := range texts {
			if escapes.MatchString(text) || len(text) > 2*1024 {
				t.Errorf("%d bytes: %q", len(text), text)
			}
		}
		if size := len(encode(obj)); size > 32<<10 {
			t.Errorf("the object has %d bytes", size)
		}
		if got := condition(obj, v1alpha1.ReadyCondition); !strings.HasPrefix(got, "False") {
			t.Errorf("it is %s", describe(obj))
		}
	}
}
