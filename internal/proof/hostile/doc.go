// Package hostile holds the tests of what a hostile or broken service, a forged
// status and a greedy tenant can do to the operator. They run the real Reconciler
// and the real client against the simulated service over HTTP; in place of an API
// server they have a store that refuses what the CRD's schema refuses.
//
// What of the service goes wrong, and which test it is here, or in package
// modelarts (m) or controllers (c):
//
//	no answer, though the start was taken      EveryFault "silence", "reset"; m StartTellsTheFateThatIsCertain
//	200 with an error code                     EveryFault "an error code in a 200"
//	200 with an empty body                     EveryFault "a start answered with an empty body"
//	200 with HTML or half a JSON               EveryFault "html", "truncated"
//	3xx                                        NobodyIsRedirected; m StartIsNotRedirected
//	wrong types, deep nesting, controls        EveryFault "wrong-types", "deep-nesting"; ControlCharactersReachNobody; m FuzzStatusBody, FuzzErrorBody
//	endless and compressed bodies, headers     MemoryIsBounded; m NoMoreOfABodyIsReadThanTheLimit
//	answers that drip                          EveryFault "drip-headers", "drip-body"
//	429 with any Retry-After                   EveryFault "a throttle …"; m RetryAfter, FuzzRetryAfter
//	a throttle as 500 or 400, 501 for good     EveryFault "a throttle dressed as …", "an unsupported type"; m EveryListedErrorHasItsClass
//	a storm of 5xx                             AStormOfFailuresIsNoStormOfCalls
//	a token that expires in a run              ATokenThatExpiresInTheMiddleOfARunLosesNothing
//	wrong signatures                           AWrongKeyOfManyObjectsIsSeldomTried; c "are tried by few objects"
//	a wrong clock of ours, or one that jumps   AWrongClockOfOursNeitherFailsNorLocksTheKey, AClockThatJumpsStartsNothingTwice
//	4355                                       EveryFault "a running sync that nobody can see"
//	other work on the data set                 EveryFault "other work on the data set: …"
//	NOT_EXIST before and after a start         every test; EveryFault "NOT_EXIST after the start"
//	another task takes the place of ours       EveryFault "a task that is replaced …"; AForeignTaskThatReplacesOursAndFailsIsMadeUpFor
//	states and nothing else                    EveryFault "a service that tells states only"
//	unknown words, states and times backwards  EveryFault "looks: unknown-word", "creation times that go back"; ATerminalWordIsFinal
//	a task that never ends                     ATaskThatNeverEndsIsShownAndWaitedFor
//	a request that is sent twice on the way    m BothCallsSpeakHTTP1…, EveryStartHasAConnectionOfItsOwn
//
// Credentials and signatures are looked for in logs at every level, events,
// status, metrics and printed errors, for every fault that the simulator has
// (SecretsStayInside…, ErrorsHoldNoSecrets…). What a forged status and other
// tenants can do is in the tests of forgeries and tenants, and in FuzzReconcile.
package hostile
