// Package explore searches, exhaustively within bounds, what two workers and an
// adversary can do to the protocol of package controllers. It is a test: what it
// runs is the Reconciler itself, pass for pass, and not a model of it.
//
// # What is explored
//
// Two workers (two replicas that both believe they lead, on one object; or one
// on each of two objects) and one data set. Between any two effects of a worker
// the adversary may have the other one go on, start and end tasks from outside,
// edit the trigger, crash a worker, serve it an old version of the object, hold
// up or lose a start or its answer, let a call time out, answer with a task id or
// without, and let time pass. The search visits every order of these, breadth
// first, and checks in every state what is promised, and afterwards that from
// every state the request can still be served, or be shown as failed, without
// any further move of the adversary. It prints the shortest way to what it finds.
//
// # How a worker is run
//
// A worker in the middle of a pass is a beginning (what it remembers, and the
// version of the object that it was served) and the answers to its effects so
// far. To take it one step further the pass is run anew with these answers up to
// the first effect that has none; there it is broken off. What comes next
// depends on nothing else, so it is computed once and kept, however many states
// of the world have a worker at that point.
//
// # What is abstracted, and why nothing is missed
//
// Effects of one worker that nobody else can tell apart are one step: reading
// the object (a later read of the same old version is the same), the clock and
// the task; and writing the intent and sending the start, since a start may stay
// on the wire for as long as the adversary likes. A write over an old version is
// refused at once: it never gets another answer.
//
// A resource version is told by whether it is the newest. Nonces are told by
// which of them are equal, and by their order. The service's clock stands at
// twice the number of tasks it has created, in units longer than any grace, years
// away from ours. Of our clock only what is compared with it matters: a pass
// takes place shortly after the one before or an hour later, which is longer
// than all periods of the protocol; whatever was recorded in status counts as
// recorded just before the pass, or as an hour old. The adversary chooses for
// each pass, so that it has every order of events that real clocks have, and
// more: a worker may also look sooner than it asked to. Where an hour changes
// nothing that a worker does next, it is left out; it may as well pass later.
// The latest task may be shown late only in a pass before which no hour went by:
// the protocol takes for granted that after the settle time it is shown.
//
// Tokens and the state of an access key are those of a process that has just
// started: no limit of calls and no hold. They only put a pass off.
//
// In a strict world an hour ends the life of every signature made before the
// nonce that the worker remembers. In others a start on the wire may be taken at
// any time.
package explore
