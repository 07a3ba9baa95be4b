package simulate

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"datasetsync.dev/operator/internal/modelarts"
)

// refusals are the answers that say no, or cannot say anything.
func refusals() []refusal {
	return []refusal{
		{status: http.StatusInternalServerError, code: "APIGW.0601"},
		{status: http.StatusBadGateway, code: "APIGW.0201"},
		{status: http.StatusServiceUnavailable, code: "APIGW.0613"},
		{status: http.StatusGatewayTimeout, code: "APIGW.0201"},
		{status: http.StatusRequestTimeout, code: "ModelArts.4205"},
		{status: http.StatusTooManyRequests, code: "APIGW.0308"},
		{status: http.StatusInternalServerError, code: "ModelArts.5039"},
		{status: http.StatusBadRequest, code: "ModelArts.4370"},
		{status: http.StatusBadRequest, code: "ModelArts.4355"},
		{status: http.StatusBadRequest, code: "ModelArts.4356"},
		{status: http.StatusBadRequest, code: "ModelArts.4409"},
		{status: http.StatusUnauthorized, code: "APIGW.0301"},
		{status: http.StatusForbidden, code: "APIGW.0302"},
		{status: http.StatusBadRequest, code: "ModelArts.4352"},
		{status: http.StatusNotImplemented, code: "ModelArts.4383"},
		{status: http.StatusBadRequest, code: "ModelArts.1002"},
		{status: http.StatusNotFound, code: "APIGW.0101"},
		{status: http.StatusConflict, code: "ModelArts.5044"},
		{status: http.StatusFound},
	}
}

// weather says how often what goes wrong in a world, in thousandths.
type weather struct {
	// lookRefused and startRefused: an answer of the service that says no.
	lookRefused, startRefused int
	// lookLost: no answer. startLost: no answer, and no effect; startDeaf: no
	// answer, and it had its effect; startLate: no answer, and its effect comes
	// later. startUnsent: no connection.
	lookLost, startLost, startDeaf, startLate, startUnsent int
	// liar: 2xx with an error code, with or without an effect.
	liar int
	// lag, and how much of it; lies are what the status shows that is not so; bare:
	// it has no Date.
	lag, lies, words, bare int
	lagTime                time.Duration
	// taskFails, taskHangs: what becomes of a task.
	taskFails, taskHangs int
	// writeRefused, writeLost, writeDeaf: a write of status fails, is lost, or has
	// its effect without an answer; readFails: a live read fails; staleRead: a live
	// read is old.
	writeRefused, writeLost, writeDeaf, readFails, staleRead int
	// slow: something waits in the middle of a pass; pause: the whole process does;
	// crash: it dies.
	slow, pause, crash int
	// latest is how late the effect of a start may come, after its decision.
	latest time.Duration
}

// fine is when nothing goes wrong.
func fine() weather { return weather{} }

// newWeather draws the weather of a world: each thing is rare, common or does
// not happen at all, so that worlds differ. Strict weather has no bound for how
// late a start may come; any other stays within the settle time.
func newWeather(r *rand.Rand, unbounded, lying bool) weather {
	rate := func(most int) int {
		switch r.IntN(4) {
		case 0, 1:
			return 0
		case 2:
			return 1 + r.IntN(max(1, most/5))
		default:
			return most
		}
	}
	w := weather{
		lookRefused: rate(60), startRefused: rate(150), lookLost: rate(60), startLost: rate(150), startDeaf: rate(150),
		startLate: rate(150), startUnsent: rate(80), liar: rate(60), lag: rate(200), words: rate(40), bare: rate(40),
		lagTime: 10 * time.Second, taskFails: rate(150), taskHangs: rate(30),
		writeRefused: rate(50), writeLost: rate(50), writeDeaf: rate(50), readFails: rate(50), staleRead: rate(50),
		slow: rate(60), pause: rate(15), crash: rate(25), latest: 40 * time.Second,
	}
	if lying {
		w.lies, w.lagTime = rate(60), 3*time.Minute
	}
	if unbounded {
		w.latest = 25 * time.Minute
	}
	return w
}

// chance is true so many times of a thousand.
func chance(r *rand.Rand, thousandths int) bool { return thousandths > 0 && r.IntN(1000) < thousandths }

// someRefusal draws an answer that says no.
func someRefusal(r *rand.Rand) refusal {
	all := refusals()
	one := all[r.IntN(len(all))]
	if modelarts.Classify(one.status, one.code) == modelarts.ClassThrottled && r.IntN(2) == 0 {
		one.retryAfter = time.Duration(1+r.IntN(120)) * time.Second
	}
	return one
}

// lost is what a client gets to know when no answer comes.
func lost(op string, fate modelarts.Fate) *modelarts.Error {
	return &modelarts.Error{Op: op, Class: modelarts.ClassTransient, Fate: fate, Err: context.DeadlineExceeded}
}

// liar is a 2xx that tells of an error.
func liar(now time.Time) *modelarts.Error {
	return &modelarts.Error{
		Op: "start", HTTPStatus: http.StatusOK, Code: "ModelArts.4360", Message: "No", Class: modelarts.ClassifyTask("ModelArts.4360"),
		Fate: modelarts.FateRefused, Date: now.Truncate(time.Second),
	}
}

// someLens draws what is wrong with a status.
func (w *weather) someLens(r *rand.Rand) lens {
	var l lens
	if chance(r, w.lag) {
		l.lag = time.Duration(r.Int64N(int64(w.lagTime)))
	}
	if chance(r, w.words) {
		l.word = "PREPARING"
	}
	if chance(r, w.words) {
		l.regress = true
	}
	l.bare = chance(r, w.bare)
	if chance(r, w.lies) {
		switch r.IntN(3) {
		case 0:
			l.notExist = true
		case 1:
			l.sparse = true
		default:
			l.older = []time.Duration{2 * time.Minute, time.Hour}[r.IntN(2)]
		}
	}
	return l
}
