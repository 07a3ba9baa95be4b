package controllers

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

const (
	// maxMessage is how long a message of a condition may get.
	maxMessage = 1024
	// maxEventMessage is how long the message of an event may get, in bytes: the API
	// server refuses more.
	maxEventMessage = 1024
	// maxHistoryMessage is how long the message of a finished run may get.
	maxHistoryMessage = 256
)

// The reasons of the events.
const (
	eventStarted            = "SyncStarted"
	eventSucceeded          = "SyncSucceeded"
	eventFailed             = "SyncFailed"
	eventDuplicateSuspected = "DuplicateSuspected"
)

// event is something that a person should hear of, once it is recorded.
type event struct {
	kind, reason, action, message string
}

func startedEvent(origin v1alpha1.Origin, id string) event {
	message := "The sync was started" + idText(id) + "."
	if origin == v1alpha1.OriginAdopted {
		message = "A task that is newer than the request serves it" + idText(id) + "."
	}
	return event{kind: "Normal", reason: eventStarted, action: "Start", message: message}
}

func succeededEvent(message string) event {
	return event{kind: "Normal", reason: eventSucceeded, action: "Follow", message: message}
}

func failedEvent(message string) event {
	return event{kind: "Warning", reason: eventFailed, action: "Follow", message: message}
}

func duplicateEvent(ours, other string) event {
	return event{kind: "Warning", reason: eventDuplicateSuspected, action: "Follow", message: "The answer to a start was lost, and after the task that served the run" +
		idText(ours) + " the service shows another" + idText(other) + ": the start may have been taken late, or somebody else started one."}
}

// idText names a task in a sentence; nothing where the service tells no id.
func idText(id string) string {
	if id == "" {
		return ""
	}
	return " (task " + id + ")"
}

// describe says what the service answered, or why it did not: the same words
// for the same thing every time.
func describe(err *modelarts.Error) string {
	switch {
	case err.HTTPStatus == 0 && err.Err != nil:
		return err.Err.Error()
	case err.HTTPStatus == 0:
		return "no answer"
	case err.Code == "" && err.Message == "" && err.Err != nil:
		return fmt.Sprintf("HTTP %d %s, %s", err.HTTPStatus, http.StatusText(err.HTTPStatus), err.Err)
	case err.Code == "" && err.Message == "":
		return strings.TrimSpace(fmt.Sprintf("HTTP %d %s", err.HTTPStatus, http.StatusText(err.HTTPStatus)))
	default:
		return errorText(err.Code, err.Message)
	}
}

func errorText(code, message string) string {
	switch {
	case code == "":
		return strings.TrimSuffix(message, ".")
	case message == "":
		return code
	default:
		return code + ": " + strings.TrimSuffix(message, ".")
	}
}

// errorText tells the service's last word on a failed attempt.
func (p *pass) errorText() string {
	if p.st.ErrorCode == "" && p.st.ErrorMsg == "" {
		return "the service told no reason"
	}
	return errorText(p.st.ErrorCode, p.st.ErrorMsg)
}

// attemptText counts starts where there is more than one.
func (p *pass) attemptText() string {
	if p.st.Run.Attempt <= 1 {
		return ""
	}
	return fmt.Sprintf(" (start %d of at most %d)", p.st.Run.Attempt, p.attemptLimit())
}

// nextText tells what follows on a failure that may pass.
func (p *pass) nextText() string {
	if p.st.Run.Attempt >= p.attemptLimit() {
		return p.usedText()
	}
	return fmt.Sprintf("; it is started again (start %d of at most %d)", p.st.Run.Attempt+1, p.attemptLimit())
}

// usedText tells that no start is left.
func (p *pass) usedText() string {
	if p.st.Run.Attempt < p.attemptLimit() {
		return ""
	}
	return fmt.Sprintf("; spec.retryLimit allows no start after %d", p.attemptLimit())
}

func (p *pass) lateText() string {
	return fmt.Sprintf(" This has lasted longer than spec.taskTimeoutSeconds (%d s).", p.obj.Spec.TaskTimeoutSeconds)
}

// samplesText counts what a task did, as far as it was told.
func samplesText(s *v1alpha1.Samples) string {
	if s == nil {
		return ""
	}
	var parts []string
	for _, count := range []struct {
		n    *int64
		what string
	}{{s.Added, "added"}, {s.Deleted, "deleted"}, {s.Total, "in total"}} {
		if count.n != nil {
			parts = append(parts, fmt.Sprintf("%d %s", *count.n, count.what))
		}
	}
	return ": samples " + strings.Join(parts, ", ")
}

// cutBytes shortens a text to a number of bytes.
func cutBytes(text string, length int) string {
	if len(text) <= length {
		return text
	}
	end := length - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// cut shortens a text to a number of characters.
func cut(text string, length int) string {
	if utf8.RuneCountInString(text) <= length {
		return text
	}
	return string([]rune(text)[:length-1]) + "…"
}
