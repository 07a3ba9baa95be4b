package enumerate

import (
	"maps"
	"slices"
	"time"

	"datasetsync.dev/operator/internal/proof/cluster/process"
	"datasetsync.dev/operator/internal/simulator"
)

// faultNumbers is how many kinds of faults of the service there are.
const faultNumbers = 52

// serviceFault is one way in which the service, or the way to it, goes wrong. A
// name that ends in + is one after whose effect nobody hears of it.
type serviceFault struct {
	// number is the kind of fault that it is a case of, 1 to faultNumbers.
	number int
	// arms is what the simulator is told, without operation and count.
	arms simulator.Fault
	// leads returns the address that the call goes to instead.
	leads func(*servers) string
	// waits is true if the client gives up in the end.
	waits bool
	// lasts is how long it goes on; 0: for one call.
	lasts time.Duration
	// delayed is how long after the client has given up the call arrives.
	delayed time.Duration
	// console is true if somebody starts a task just before the call.
	console bool
	// hampers is how much longer it keeps the operator waiting than others.
	hampers time.Duration
	// lies is true if the service shows another state of the data set than it has,
	// or hides which task is which: then less is promised.
	lies bool
	// pretends is true if the service says that it took a start, and did not.
	pretends bool
	// startOnly and lookOnly say why it is a fault of one call only.
	startOnly, lookOnly string
}

const (
	aboutEffect = "only a start has an effect"
	aboutStatus = "it is a fault of the status"
	aboutTask   = "it is what becomes of a task that is started"
)

// serviceFaults returns all faults of the service by name.
func serviceFaults() map[string]serviceFault {
	all := map[string]serviceFault{}
	for _, group := range []map[string]serviceFault{connectionFaults(), protocolFaults(), bodyFaults(), limitFaults(), semanticFaults()} {
		maps.Copy(all, group)
	}
	return all
}

// both returns a fault in two cases: nothing was done, and it was done all the
// same.
func both(name string, f serviceFault) map[string]serviceFault {
	applied := f
	applied.arms.Applied, applied.pretends, applied.startOnly = true, false, aboutEffect
	return map[string]serviceFault{name: f, name + "+": applied}
}

func merge(groups ...map[string]serviceFault) map[string]serviceFault {
	all := map[string]serviceFault{}
	for _, group := range groups {
		maps.Copy(all, group)
	}
	return all
}

func kindOf(kind string) simulator.Fault { return simulator.Fault{Kind: kind} }

func connectionFaults() map[string]serviceFault {
	nobody := func(*servers) string {
		return "http://" + string(slices.Repeat([]byte("x"), 64)) + ".invalid" // No name has 64 characters between dots: no resolver is asked.
	}
	late := func(after time.Duration) serviceFault {
		return serviceFault{number: 9, waits: true, delayed: after, startOnly: aboutEffect}
	}
	return merge(
		map[string]serviceFault{
			"refused":           {number: 1, leads: func(s *servers) string { return s.closed }},
			"no-such-host":      {number: 2, leads: nobody},
			"tls-expired":       {number: 3, leads: func(s *servers) string { return s.expired.URL }},
			"tls-wrong-host":    {number: 4, leads: func(s *servers) string { return s.otherName.URL }},
			"reset-before":      {number: 5, arms: kindOf("reset-before")},
			"reset-after":       {number: 6, arms: kindOf("reset-after")},
			"silence+":          {number: 8, arms: simulator.Fault{Kind: "silence", Applied: true}, waits: true, startOnly: aboutEffect},
			"silence":           {number: 9, arms: kindOf("silence"), waits: true},
			"arrives-after-50s": late(20 * time.Second),
			"arrives-after-5m":  late(5 * time.Minute),
			"arrives-after-16m": late(16 * time.Minute),
		},
		both("cut", serviceFault{number: 7, arms: kindOf("cut")}),
		both("drip-headers", serviceFault{number: 10, arms: kindOf("drip-headers"), waits: true}),
		both("drip-body", serviceFault{number: 11, arms: kindOf("drip-body"), waits: true}),
		both("length-mismatch", serviceFault{number: 12, arms: kindOf("length-mismatch")}),
	)
}

func protocolFaults() map[string]serviceFault {
	secure := func(s *servers) string { return s.secure.URL }
	redirect := func(status int, location string) simulator.Fault {
		return simulator.Fault{Kind: "redirect", Status: status, Location: location}
	}
	return merge(
		map[string]serviceFault{
			"redirect-302-elsewhere": {number: 13, arms: redirect(302, foreignPlace)},
			"redirect-307-elsewhere": {number: 14, arms: redirect(307, foreignPlace)},
			"redirect-307-same":      {number: 15, arms: redirect(307, samePlace)},
			"redirect-downgrade":     {number: 16, arms: redirect(302, samePlace), leads: secure},
			"h2-protocol-error":      {number: 17, arms: kindOf("reset-after"), leads: secure},
		},
		both("goaway", serviceFault{number: 18, arms: kindOf("not-http")}),
		both("informational", serviceFault{number: 19, arms: kindOf("informational")}),
		both("huge-headers", serviceFault{number: 20, arms: kindOf("huge-headers")}),
	)
}

func bodyFaults() map[string]serviceFault {
	return merge(
		both("empty", serviceFault{number: 21, arms: kindOf("empty"), pretends: true}),
		both("html", serviceFault{number: 22, arms: kindOf("html")}),
		both("braces", serviceFault{number: 23, arms: simulator.Fault{Kind: "answer", Status: 200, Body: "{}"}, pretends: true}),
		both("error-in-200", serviceFault{number: 24, arms: kindOf("error-in-200")}),
		both("error-in-200-for-good", serviceFault{number: 24, arms: simulator.Fault{Kind: "error-in-200", Code: "ModelArts.4352"}}),
		both("wrong-types", serviceFault{number: 25, arms: kindOf("wrong-types"), pretends: true}),
		both("deep-nesting", serviceFault{number: 26, arms: kindOf("deep-nesting")}),
		both("huge-body", serviceFault{number: 27, arms: kindOf("huge-body")}),
		both("endless-body", serviceFault{number: 28, arms: simulator.Fault{Kind: "endless-body", Size: 64 << 20}}),
		both("gzip-bomb", serviceFault{number: 29, arms: simulator.Fault{Kind: "gzip-bomb", Size: 16 << 20}}),
		map[string]serviceFault{"control-characters": {number: 30, arms: kindOf("control-characters")}},
	)
}

func limitFaults() map[string]serviceFault {
	answer := func(number, status int, code string) serviceFault {
		return serviceFault{number: number, arms: simulator.Fault{Kind: "answer", Status: status, Code: code}}
	}
	throttled := func(number int, retryAfter string) serviceFault {
		return serviceFault{number: number, arms: simulator.Fault{Kind: "throttled", RetryAfter: retryAfter}, hampers: 30 * time.Minute}
	}
	storm := answer(42, 503, "")
	storm.lasts = 10 * time.Minute
	return merge(
		map[string]serviceFault{
			"busy-4355":          answer(31, 400, "ModelArts.4355"),
			"busy-4355-running":  {number: 31, console: true, startOnly: "a look is not in anybody's way"},
			"busy-4356":          answer(32, 400, "ModelArts.4356"),
			"busy-4343":          answer(32, 400, "ModelArts.4343"),
			"busy-4349":          answer(32, 400, "ModelArts.4349"),
			"busy-4409":          answer(32, 400, "ModelArts.4409"),
			"no-dataset":         answer(33, 400, "ModelArts.4352"),
			"unsupported":        answer(34, 501, "ModelArts.4383"),
			"bad-signature":      answer(35, 401, "APIGW.0301"),
			"locked":             {number: 36, arms: kindOf("locked")},
			"token-expired":      {number: 37, arms: kindOf("token-expired")},
			"forbidden":          answer(38, 403, "APIGW.0302"),
			"throttled-seconds":  throttled(39, "90"),
			"throttled-absurd":   throttled(40, "1000000000"),
			"throttled-date":     throttled(40, "Fri, 31 Dec 2100 23:59:59 GMT"),
			"throttled-past":     throttled(40, "Fri, 31 Dec 1999 23:59:59 GMT"),
			"throttled-negative": throttled(40, "-5"),
			"throttled-bare":     throttled(41, ""),
			"throttle-as-500":    answer(44, 500, "ModelArts.5039"),
			"throttle-as-400":    answer(44, 400, "ModelArts.4370"),
			"storm":              storm,
			"error-500":          answer(42, 500, ""),
			"error-502":          answer(42, 502, ""),
			"error-503":          answer(42, 503, ""),
			"error-504":          answer(42, 504, ""),
		},
		map[string]serviceFault{
			"error-500+": applied(answer(43, 500, "")),
			"error-502+": applied(answer(43, 502, "")),
			"error-503+": applied(answer(43, 503, "")),
			"error-504+": applied(answer(43, 504, "")),
		},
	)
}

func applied(f serviceFault) serviceFault {
	f.arms.Applied, f.startOnly = true, aboutEffect
	return f
}

func semanticFaults() map[string]serviceFault {
	status := func(number int, f simulator.Fault, lasts time.Duration, lies bool) serviceFault {
		return serviceFault{number: number, arms: f, lasts: lasts, lies: lies, lookOnly: aboutStatus}
	}
	fate := func(f simulator.Fault, lasts time.Duration) serviceFault {
		return serviceFault{number: 52, arms: f, lasts: lasts, startOnly: aboutTask}
	}
	return map[string]serviceFault{
		"not-exist":              status(45, kindOf("not-exist"), 0, true),
		"not-exist-30s":          status(45, kindOf("not-exist"), 30*time.Second, true),
		"not-exist-5m":           status(45, kindOf("not-exist"), 5*time.Minute, true),
		"lag-15s":                status(46, simulator.Fault{Kind: "lag", Delay: 15 * time.Second}, time.Minute, false),
		"lag-one":                status(46, kindOf("lag"), 0, true),
		"lag-one-5m":             status(46, kindOf("lag"), 5*time.Minute, true),
		"superseded":             {number: 47, arms: kindOf("superseded")},
		"sparse":                 status(48, kindOf("sparse"), 0, true),
		"sparse-5m":              status(48, kindOf("sparse"), 5*time.Minute, true),
		"unknown-word":           status(49, kindOf("unknown-word"), 0, false),
		"unknown-word-5m":        status(49, kindOf("unknown-word"), 5*time.Minute, false),
		"create-time-backwards":  status(50, kindOf("create-time-backwards"), 0, true),
		"create-time-seconds":    status(50, kindOf("create-time-seconds"), 0, false),
		"status-regress":         status(51, kindOf("status-regress"), 0, false),
		"status-regress-5m":      status(51, kindOf("status-regress"), 5*time.Minute, false),
		"task-never-ends":        fate(kindOf("task-never-ends"), 150*time.Minute),
		"task-fails":             fate(kindOf("task-fails"), 0),
		"task-fails-for-good":    fate(simulator.Fault{Kind: "task-fails", Code: "ModelArts.4352"}, 0),
		"all-tasks-fail-for-10m": fate(kindOf("task-fails"), 10*time.Minute),
	}
}

// kubeFaults are the faults of the control plane.
func kubeFaults() []string {
	return []string{
		"conflict", "too-many-requests", "internal-error", "timeout-applied", "timeout", "forbidden",
		"recreated", "stale", "frozen",
	}
}

// crashes returns how a process can end at a thing that it does. What is on its
// way when the process ends may arrive later.
func crashes(kind process.Kind) []string {
	switch kind {
	case process.Start:
		return []string{"before", "after-effect", "after", "late", "late-50s", "late-5m", "late-16m"}
	case process.Patch:
		return []string{"before", "after-effect", "after", "late"}
	case process.Get, process.Secret, process.Live, process.Look, process.Tell:
		return []string{"before", "after"}
	case process.Sleep:
	}
	return nil
}

// notAt returns why a fault of the service is none of a call, or nothing.
func (f *serviceFault) notAt(kind process.Kind) string {
	if kind == process.Start {
		return f.lookOnly
	}
	return f.startOnly
}

// kubeNotAt returns why a fault of the control plane is none at a point, or
// nothing.
func kubeNotAt(name string, at point) string {
	read := at.kind != process.Patch
	switch {
	case name == "conflict" && read:
		return "a read does not conflict"
	case name == "timeout-applied" && read:
		return "a read has no effect"
	case name != "recreated" && name != "stale" && name != "frozen" && at.kind == process.Get:
		return "a read of the cache makes no request"
	case name == "stale" && at.kind == process.Secret:
		return "there is one version of the Secret"
	case (name == "stale" || name == "frozen") && at.kind != process.Get:
		return "it is a fault of the cache"
	case name == "stale" && at.n == 1:
		return "there is no older version"
	default:
		return ""
	}
}
