package v1alpha1

// The condition types. They follow kstatus: Ready sums up, Reconciling and
// Stalled are present only while they hold, and never together.
const (
	// ReadyCondition is True when the run that closed last succeeded and no
	// request waits, False when it failed or is failing, Unknown until then.
	ReadyCondition = "Ready"
	// ReconcilingCondition is True on the way to a request that has not been
	// served yet, and between tries.
	ReconcilingCondition = "Reconciling"
	// StalledCondition is True when somebody has to act. The object heals by
	// itself once they did.
	StalledCondition = "Stalled"
	// SyncingCondition is True while a task of the data set is under way,
	// whoever asked for it.
	SyncingCondition = "Syncing"
)

// The reasons of the conditions.
const (
	// ReasonSucceeded: the data set is in step with its object storage.
	ReasonSucceeded = "Succeeded"
	// ReasonRequested: a sync was asked for and is about to be started.
	ReasonRequested = "Requested"
	// ReasonStarting: a start was sent, and its task has not been seen yet.
	ReasonStarting = "Starting"
	// ReasonTaskQueued: the service has taken the task and not begun with it.
	ReasonTaskQueued = "TaskQueued"
	// ReasonTaskRunning: the service works on the task.
	ReasonTaskRunning = "TaskRunning"
	// ReasonAwaitingOtherTask: a task that began before the request is under way;
	// the sync starts when it has ended.
	ReasonAwaitingOtherTask = "AwaitingOtherTask"
	// ReasonThrottled: the service asked to be called less often.
	ReasonThrottled = "Throttled"
	// ReasonRetrying: the sync failed in a way that may pass, and is started
	// again after a delay.
	ReasonRetrying = "Retrying"
	// ReasonSuspended: spec.suspend is true.
	ReasonSuspended = "Suspended"
	// ReasonInvalidSpec: spec has a value that cannot be used, such as a schedule
	// that does not parse.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonCredentialsNotFound: the Secret with the credentials does not exist.
	ReasonCredentialsNotFound = "CredentialsNotFound"
	// ReasonCredentialsInvalid: the Secret lacks a key, or a key is empty.
	ReasonCredentialsInvalid = "CredentialsInvalid"
	// ReasonAuthenticationFailed: the service does not accept the credentials.
	ReasonAuthenticationFailed = "AuthenticationFailed"
	// ReasonPermissionDenied: the credentials are good, but may not do this.
	ReasonPermissionDenied = "PermissionDenied"
	// ReasonDatasetNotFound: the service knows no such data set in this project.
	ReasonDatasetNotFound = "DatasetNotFound"
	// ReasonDatasetBusy: the data set is busy with something that keeps a sync
	// from starting, such as an import or the publication of a version.
	ReasonDatasetBusy = "DatasetBusy"
	// ReasonUnsupported: data sets of this type cannot be synchronized.
	ReasonUnsupported = "Unsupported"
	// ReasonRequestRejected: the service refused the call for good.
	ReasonRequestRejected = "RequestRejected"
	// ReasonServiceUnavailable: the service does not answer, or with errors of
	// its own.
	ReasonServiceUnavailable = "ServiceUnavailable"
	// ReasonTaskFailed: the service reports that the task failed.
	ReasonTaskFailed = "TaskFailed"
	// ReasonTaskTimedOut: the task has been under way longer than
	// spec.taskTimeoutSeconds. It is still followed.
	ReasonTaskTimedOut = "TaskTimedOut"
	// ReasonTaskLost: a sync was started, but the service shows no task for it.
	ReasonTaskLost = "TaskLost"
	// ReasonRetryLimitReached: the sync was started spec.retryLimit + 1 times
	// without success.
	ReasonRetryLimitReached = "RetryLimitReached"
)
