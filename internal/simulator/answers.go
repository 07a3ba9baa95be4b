package simulator

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// errorsTSV holds code, HTTP status and text of the errors that the two calls
// can meet (ModelArts API reference, "error codes"; API gateway, "error
// codes"). The first line of a code or of a status is its usual one.
//
//go:embed errors.tsv
var errorsTSV string

// documented is a line of errorsTSV.
type documented struct {
	code    string
	status  int
	message string
}

// catalogue is the documented errors.
type catalogue []documented

func documentedErrors() catalogue {
	var all catalogue
	for line := range strings.Lines(errorsTSV) {
		code, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		number, message, _ := strings.Cut(rest, "\t")
		status, err := strconv.Atoi(number)
		if err != nil {
			panic("simulator: errors.tsv: " + err.Error())
		}
		all = append(all, documented{code, status, message})
	}
	return all
}

// find returns the first error with this code and this status, where an empty
// code and a zero status match any.
func (c catalogue) find(code string, status int) (documented, bool) {
	for _, d := range c {
		if (code == "" || d.code == code) && (status == 0 || d.status == status) {
			return d, true
		}
	}
	return documented{}, false
}

// message returns the text of a code, or a general one.
func (c catalogue) message(code string, status int) string {
	d, ok := c.find(code, status)
	if !ok && code != "" {
		d, ok = c.find(code, 0)
	}
	if !ok {
		return "Unknown error."
	}
	return d.message
}

// refusal is an error answer.
type refusal struct {
	status  int
	code    string
	message string
}

// Error makes a refusal an error for those who ask without HTTP.
func (r *refusal) Error() string {
	return fmt.Sprintf("%d %s: %s", r.status, r.code, r.message)
}

// answer is what goes back to the client, before it is spoilt on the wire.
type answer struct {
	status int
	code   string // the error code in the body, for the ledger
	header map[string]string
	body   []byte
}

// with returns the answer with one more header.
func (a answer) with(name, value string) answer {
	header := map[string]string{name: value}
	for k, v := range a.header {
		if k != name {
			header[k] = v
		}
	}
	a.header = header
	return a
}

// errorBody is the current shape of an error. The gateway's has a request id.
type errorBody struct {
	Code      string `json:"error_code"`
	Message   string `json:"error_msg"`
	RequestID string `json:"request_id,omitempty"`
}

// refuse renders r in the current shape.
func refuse(r *refusal, requestID string) answer {
	body := errorBody{Code: r.code, Message: r.message}
	if strings.HasPrefix(r.code, "API") {
		body.RequestID = requestID
	}
	return answer{status: r.status, code: r.code, body: encode(body)}
}

// The other shapes of an error body that are documented, or known from
// sibling services.
const (
	shapeErrorMessage = "error-message" // the older spelling
	shapeKeystone     = "keystone"      // IAM's, with a number for a code
	shapeNested       = "nested"
	shapeCamel        = "camel"
	shapePlain        = "plain"
	shapeIsSuccess    = "is-success"
)

// shapes returns all shapes, the current one first.
func shapes() []string {
	return []string{"", shapeErrorMessage, shapeKeystone, shapeNested, shapeCamel, shapePlain, shapeIsSuccess}
}

// refuseShaped renders r in the given shape.
func refuseShaped(r *refusal, shape, requestID string) answer {
	a := refuse(r, requestID)
	switch shape {
	case shapeErrorMessage:
		a.body = encode(map[string]any{"error_code": r.code, "error_message": r.message})
	case shapeKeystone:
		a.code = ""
		a.body = encode(map[string]any{"error": map[string]any{
			"message": r.message, "code": r.status, "title": http.StatusText(r.status),
		}})
	case shapeNested:
		a.body = encode(map[string]any{"error": map[string]any{"code": r.code, "message": r.message}})
	case shapeCamel:
		a.body = encode(map[string]any{"errorCode": r.code, "errorMessage": r.message})
	case shapePlain:
		a.body = encode(map[string]any{"code": r.code, "message": r.message})
	case shapeIsSuccess:
		a.body = encode(map[string]any{"error_code": r.code, "error_msg": r.message, "is_success": false})
	}
	return a
}

// startBody answers an accepted start.
type startBody struct {
	TaskID string `json:"task_id"`
}

// statusBody answers a status request (ModelArts API reference, "querying the
// status of a dataset synchronization task").
type statusBody struct {
	TaskID   string `json:"task_id,omitempty"`
	Dataset  string `json:"dataset_id"`
	Status   string `json:"status"`
	Added    *int64 `json:"add_sample_count,omitempty"`
	Deleted  *int64 `json:"deleted_sample_count,omitempty"`
	Total    *int64 `json:"total_sample_count,omitempty"`
	Created  *int64 `json:"create_time,omitempty"`   // milliseconds since 1970
	Duration *int64 `json:"duration_time,omitempty"` // seconds, as for import tasks
	Code     string `json:"error_code,omitempty"`
	Message  string `json:"error_msg,omitempty"`
}

// fullStatus tells all there is to tell about t.
func fullStatus(dataset string, t Task) statusBody {
	created := t.CreateTime.UnixMilli()
	duration := int64(t.Duration.Seconds())
	return statusBody{
		TaskID: t.ID, Dataset: dataset, Status: t.State,
		Added: &t.Added, Deleted: &t.Deleted, Total: &t.Total,
		Created: &created, Duration: &duration, Code: t.ErrorCode, Message: t.ErrorMsg,
	}
}

// thin leaves what the documented example has, and the error of a failure.
func (b *statusBody) thin() {
	*b = statusBody{Dataset: b.Dataset, Status: b.Status, Code: b.Code, Message: b.Message}
}

// encode renders a value that JSON can hold.
func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("simulator: " + err.Error())
	}
	return body
}
