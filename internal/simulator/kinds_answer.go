package simulator

import (
	"cmp"
	"net/http"
)

// answerKinds are the faults whose answer is well-formed, but is not what the
// service would have said.
func answerKinds() []kind {
	return []kind{
		{
			name: "answer",
			help: "any status, code, message, shape, headers and body; what is unset is the documented one",
			takes: []string{
				"applied", "status", "code", "message", "shape", "retry_after", "headers", "body",
			},
			effect: effectAsked, answer: forcedAnswer,
		},
		{
			name:   "error-in-200",
			help:   "status 200 with an error code (ModelArts.4360)",
			takes:  []string{"applied", "code", "message"},
			effect: effectAsked,
			answer: func(x *exchange, _ answer) answer {
				return forced(x, http.StatusOK, "ModelArts.4360")
			},
		},
		{
			name:   "locked",
			help:   "the key pair is locked, says the gateway",
			effect: effectNever,
			answer: func(x *exchange, _ answer) answer {
				return refuse(badIdentity("AK access failed to reach the limit,forbidden."), x.requestID)
			},
		},
		{
			name:   "token-expired",
			help:   "the token has expired, says the gateway",
			effect: effectNever,
			answer: func(x *exchange, _ answer) answer {
				return forced(x, http.StatusUnauthorized, "APIGW.0307")
			},
		},
		{
			name:   "throttled",
			help:   "429 APIGW.0308, with retry_after word for word, or without",
			takes:  []string{"status", "code", "message", "retry_after"},
			effect: effectNever,
			answer: func(x *exchange, _ answer) answer {
				return forced(x, http.StatusTooManyRequests, "APIGW.0308")
			},
		},
		{
			name:   "redirect",
			help:   "status (302) with location",
			takes:  []string{"applied", "status", "location"},
			needs:  []string{"location"},
			effect: effectAsked,
			answer: func(x *exchange, _ answer) answer {
				return answer{status: cmp.Or(x.fault.Status, http.StatusFound)}.with("Location", x.fault.Location)
			},
		},
	}
}

// forced is the error that the fault asks for, where what it leaves open is
// the given default.
func forced(x *exchange, status int, code string) answer {
	f := x.fault
	status, code = cmp.Or(f.Status, status), cmp.Or(f.Code, code)
	message := cmp.Or(f.Message, x.sim.texts.message(code, status))
	return refuseShaped(&refusal{status, code, message}, f.Shape, x.requestID)
}

// forcedAnswer completes what the fault leaves open from the documented
// errors. A status under 300 with neither code nor body makes an empty body.
func forcedAnswer(x *exchange, _ answer) answer {
	f := x.fault
	status, code := f.Status, f.Code
	if d, ok := x.sim.texts.find(code, status); ok && (code != "" || status >= http.StatusMultipleChoices) {
		status, code = d.status, d.code
	}
	if status == 0 && code != "" {
		status = http.StatusBadRequest
	}
	switch {
	case f.Body != "":
		return answer{status: cmp.Or(status, http.StatusOK), code: f.Code, body: []byte(f.Body)}
	case code == "" && status < http.StatusMultipleChoices:
		return answer{status: cmp.Or(status, http.StatusOK)}
	}
	return forced(x, status, code)
}
