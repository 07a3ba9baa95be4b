package modelarts

import (
	"net/http"
	"strconv"
	"strings"
)

// Classify returns the class of an answer by its HTTP status and error code
// together: many codes have several meanings, told apart by the status, and many
// statuses mislead (501 for an unsupported type, 500 for a throttle; ModelArts API
// reference, "Error Codes"). A pair that the reference does not list is classed by
// its status alone; 2xx by the code alone.
func Classify(httpStatus int, code string) Class {
	if isSuccess(httpStatus) {
		return ClassifyTask(code)
	}
	if class, ok := errorTable[strconv.Itoa(httpStatus)+" "+canonicalCode(code)]; ok {
		return class
	}
	return classifyStatus(httpStatus)
}

// ClassifyTask returns the class of a task that FAILED, or of an error inside a 2xx
// answer, by its code alone. A code that is unknown, or is listed with meanings of
// several classes, may pass: ClassTransient.
func ClassifyTask(code string) Class {
	suffix := " " + canonicalCode(code)
	found, class := false, ClassTransient
	for pair, c := range errorTable {
		if !strings.HasSuffix(pair, suffix) {
			continue
		}
		if found && c != class {
			return ClassTransient
		}
		found, class = true, c
	}
	return class
}

// canonicalCode gives the gateway's codes one prefix: it is "APIGW." at the cloud's
// own endpoints, and "APIG." or "APIC." elsewhere, with the same numbers.
func canonicalCode(code string) string {
	for _, prefix := range []string{"APIG.", "APIC."} {
		if number, ok := strings.CutPrefix(code, prefix); ok {
			return "APIGW." + number
		}
	}
	return code
}

// classifyStatus is the fallback. 3xx is permanent because the endpoint is wrong;
// 407 is not because the fault is a proxy's, on the way.
func classifyStatus(status int) Class {
	switch status {
	case http.StatusUnauthorized:
		return ClassAuthentication
	case http.StatusForbidden:
		return ClassPermission
	case http.StatusTooManyRequests:
		return ClassThrottled
	case http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly:
		return ClassTransient
	case http.StatusNotImplemented:
		return ClassPermanent
	}
	if isRedirect(status) || isClientError(status) {
		return ClassPermanent
	}
	return ClassTransient
}

// startFate tells what is certain about a start that was answered with a status
// other than 2xx, and an error of a class.
//
// A status of 4xx is a refusal, whatever became of the body: the status line is the
// gateway's or the service's verdict, and the head came whole. Of them 408 alone can
// follow a request that was passed on (ModelArts.4205 and 6100 are timeouts behind
// the gateway). So is 3xx, which asks us to go elsewhere; 501, which the service
// uses for types it cannot synchronize; and a throttle, even one that comes as 500.
// All other 5xx may come from a gateway that lost sight of a start on its way.
func startFate(status int, class Class) Fate {
	switch {
	case status == http.StatusRequestTimeout:
		return FateUnknown
	case isRedirect(status), isClientError(status), status == http.StatusNotImplemented, class == ClassThrottled:
		return FateRefused
	}
	return FateUnknown
}

func isSuccess(status int) bool     { return status >= 200 && status < 300 }
func isRedirect(status int) bool    { return status >= 300 && status < 400 }
func isClientError(status int) bool { return status >= 400 && status < 500 }
