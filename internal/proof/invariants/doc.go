// Package invariants is what has to hold whatever happens: V1 to V14. Every
// test that puts the operator under stress ends by calling Check with what it
// has seen. The judge is the ledger of the service: which starts it was asked
// for, which of them it took, and what became of the tasks.
//
//	V1   A start is paid for by a status write of its own, is sent in its time
//	     and at most once; starts that may have been taken are at most
//	     retryLimit + 1 for a request. What is given back was not taken.
//	V2   One start is taken for a try, where that is promised; a second one
//	     waits until the fate of the first is settled, and none is sent where
//	     somebody else's newer task has served the request.
//	V3   No request is dropped: it is served, or shown as failed, or waits in
//	     sight.
//	V4   A request that is shown as served was served: by a task of that very
//	     data set, created after the request, that completed.
//	V5   Status names only tasks that the service knows, with its counts.
//	V6   An object at rest costs nothing: no call, no write.
//	V7   No more calls with a key than its limit allows, at most three refusals
//	     of it in six minutes, and none while the service asked for a pause.
//	V8   A run that goes well costs four status writes, five if the answer to
//	     the start is empty, and two events; no write takes words back and forth.
//	V9   Counters go up by one and down only when given back; conditions fit
//	     together; status speaks of no generation that is not there yet.
//	V10  No secret is anywhere.
//	V11  An object uses the credentials of its own namespace, at the endpoints
//	     of the manager.
//	V12  Nothing leaks: goroutines, connections, files.
//	V13  What is written is small and clean text.
//	V14  Another process takes over in time, and without a burst.
//
// V12 and the time of V14 are about processes; they are functions of their own.
package invariants
