package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

const (
	// RequestedAtAnnotation asks for one more sync with every new value. Of a
	// value longer than MaxRequestLength only the first characters count.
	RequestedAtAnnotation = "modelarts.datasetsync.dev/requested-at"
	// MaxRequestLength is how many characters of RequestedAtAnnotation count.
	MaxRequestLength = 253
	// DefaultCredentialsSecret is the Secret read when spec names none.
	DefaultCredentialsSecret = "modelarts-credentials" //nolint:gosec // A name, not a credential.
)

// DatasetSyncSpec says which data set to keep in step with its object storage,
// and when.
//
// +kubebuilder:validation:XValidation:rule="!has(self.timeZone) || has(self.schedule)",message="timeZone has no meaning without schedule: set schedule or remove timeZone"
type DatasetSyncSpec struct {
	// projectID is the id of the ModelArts project that holds the data set: 32
	// lower-case letters and digits. Changing it asks for a sync of the new data
	// set.
	//
	// +kubebuilder:validation:MinLength=32
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[a-z0-9]{32}$`
	// +required
	ProjectID string `json:"projectID,omitempty"`

	// datasetID is the id of the data set: up to 64 letters, digits, dashes and
	// underscores. Text data sets cannot be synchronized. Changing it asks for a
	// sync of the new data set.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`
	// +required
	DatasetID string `json:"datasetID,omitempty"`

	// region is the Huawei Cloud region of the project, for example cn-north-4;
	// it selects the endpoint. Unset, the manager's --default-region is used.
	// Changing it asks for a sync in the new region.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`
	// +optional
	Region string `json:"region,omitempty"`

	// credentialsSecretRef names the Secret with the credentials, in the
	// namespace of the DatasetSync. Unset, the Secret modelarts-credentials is
	// used. The Secret has the keys accessKey and secretKey, and securityToken if
	// they are temporary; or token, an IAM token of the project.
	//
	// +optional
	CredentialsSecretRef SecretReference `json:"credentialsSecretRef,omitzero"`

	// trigger is an opaque token: every change to another non-empty value asks
	// for one more sync. This is the way to ask through Git; a revision or a date
	// serves well. Empty means unset; removing it asks for nothing.
	//
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Trigger string `json:"trigger,omitempty"` //nolint:kubeapilinter // Empty and unset mean the same.

	// schedule asks for a sync at set times, in the cron format of CronJob: five
	// fields, or @hourly, @daily, @weekly, @monthly, @yearly. @every and a time
	// zone inside the schedule are refused. Unset, nothing is scheduled.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!self.contains('TZ=')",message="schedule takes no TZ= or CRON_TZ=: use timeZone"
	// +kubebuilder:validation:XValidation:rule="!self.contains('@every')",message="schedule takes no @every: use five cron fields or @hourly, @daily, @weekly, @monthly, @yearly"
	// +optional
	Schedule string `json:"schedule,omitempty"`

	// timeZone is the IANA name of the time zone of schedule, for example
	// Europe/Berlin. Unset, schedule is read in UTC.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self != 'Local'",message="timeZone must be an IANA name such as Europe/Berlin or Etc/UTC, not Local"
	// +optional
	TimeZone string `json:"timeZone,omitempty"`

	// startingDeadlineSeconds is how late, in seconds, a scheduled sync may still
	// start; a later one is skipped. Unset, one missed sync is caught up however
	// late it is.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=315360000
	// +optional
	StartingDeadlineSeconds *int32 `json:"startingDeadlineSeconds,omitempty"`

	// suspend stops new syncs. A task that is under way is followed to its end;
	// what is asked for meanwhile is kept until suspend is false again.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty"` //nolint:kubeapilinter // The settled name and type of this switch across Kubernetes.

	// taskTimeoutSeconds is how long, in seconds, a request may wait or a task
	// may take before the object is shown as stalled. The task is followed all
	// the same, and the object heals when the task ends. 7200 if unset.
	//
	// +kubebuilder:default=7200
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	// +optional
	TaskTimeoutSeconds int32 `json:"taskTimeoutSeconds,omitempty"`

	// retryLimit is how often a sync is started again after a failure that may
	// pass, or after a start of which nobody can tell whether the service took
	// it. 0 means at most one start, whatever happens. 3 if unset.
	//
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=50
	// +optional
	RetryLimit *int32 `json:"retryLimit,omitempty"`

	// historyLimit is how many finished syncs status keeps. 5 if unset.
	//
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=20
	// +optional
	HistoryLimit *int32 `json:"historyLimit,omitempty"`
}

// SecretReference names a Secret in the namespace of the object that refers to
// it.
type SecretReference struct {
	// name is the name of the Secret.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +required
	Name string `json:"name,omitempty"`
}

// Target is a data set at a place: what a sync is a sync of.
type Target struct {
	// projectID is the id of the ModelArts project.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +required
	ProjectID string `json:"projectID,omitempty"`

	// datasetID is the id of the data set.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +required
	DatasetID string `json:"datasetID,omitempty"`

	// region is the region, with the manager's default filled in.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Region string `json:"region,omitempty"`
}

// DatasetSyncStatus is what the operator knows. Only the operator writes it.
type DatasetSyncStatus struct {
	// conditions are Ready, Syncing, and Reconciling or Stalled while they hold.
	//
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of spec that status speaks of; -1
	// until the operator has seen the object.
	//
	// +kubebuilder:validation:Minimum=-1
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// taskID is the service's id of the task of the latest run; empty where the
	// service tells none.
	//
	// +kubebuilder:validation:MaxLength=128
	// +optional
	TaskID string `json:"taskID,omitempty"` //nolint:kubeapilinter // Never written empty.

	// taskState is the service's word for the state of that task: QUEUING,
	// STARTING, RUNNING, COMPLETED, FAILED, NOT_EXIST, or one not known yet.
	//
	// +kubebuilder:validation:MaxLength=64
	// +optional
	TaskState string `json:"taskState,omitempty"` //nolint:kubeapilinter // Never written empty.

	// errorCode is the service's error code of the latest failed attempt of the
	// latest run, for example ModelArts.4352; absent after success.
	//
	// +kubebuilder:validation:MaxLength=64
	// +optional
	ErrorCode string `json:"errorCode,omitempty"` //nolint:kubeapilinter // Never written empty.

	// errorMsg is the service's message that goes with errorCode, without control
	// characters and credentials.
	//
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	ErrorMsg string `json:"errorMsg,omitempty"` //nolint:kubeapilinter // Never written empty.

	// samples are the counts of the latest completed run.
	//
	// +structType=atomic
	// +optional
	Samples *Samples `json:"samples,omitempty"`

	// run is the run under way, absent when there is none.
	//
	// +structType=atomic
	// +optional
	Run *Run `json:"run,omitempty"`

	// lastSuccessTime is when the operator last saw the data set in step with its
	// object storage.
	//
	// +optional
	LastSuccessTime *metav1.Time `json:"lastSuccessTime,omitempty"`

	// nextSyncTime is when the next scheduled sync is due; absent without a
	// schedule and while suspended.
	//
	// +optional
	NextSyncTime *metav1.Time `json:"nextSyncTime,omitempty"`

	// observedSchedule is the schedule that nextSyncTime was computed from.
	//
	// +structType=atomic
	// +optional
	ObservedSchedule *ObservedSchedule `json:"observedSchedule,omitempty"`

	// handledTrigger is the trigger that the latest run took in.
	//
	// +kubebuilder:validation:MaxLength=253
	// +optional
	HandledTrigger string `json:"handledTrigger,omitempty"` //nolint:kubeapilinter // Never written empty.

	// handledRequest is the value of the annotation requested-at that the latest
	// run took in.
	//
	// +kubebuilder:validation:MaxLength=253
	// +optional
	HandledRequest string `json:"handledRequest,omitempty"` //nolint:kubeapilinter // Never written empty.

	// handledTarget is the data set that the latest run took in.
	//
	// +structType=atomic
	// +optional
	HandledTarget *Target `json:"handledTarget,omitempty"`

	// history lists finished runs, newest first, up to spec.historyLimit.
	//
	// +kubebuilder:validation:MaxItems=20
	// +listType=atomic
	// +optional
	History []HistoryEntry `json:"history,omitempty"`
}

// Samples counts the samples of a data set. A count that the service did not
// tell is absent.
type Samples struct {
	// added is how many samples the task added.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	Added *int64 `json:"added,omitempty"`

	// deleted is how many samples the task removed.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	Deleted *int64 `json:"deleted,omitempty"`

	// total is how many samples the data set has.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	Total *int64 `json:"total,omitempty"`
}

// Cause says what asked for a run.
type Cause string

// The causes of a run. Where several ask at once, the first of this list that
// applies is told.
const (
	// CauseCreated: the object is new.
	CauseCreated Cause = "Created"
	// CauseTarget: the project, the data set or the region changed.
	CauseTarget Cause = "Target"
	// CauseTrigger: spec.trigger changed.
	CauseTrigger Cause = "Trigger"
	// CauseRequest: the annotation requested-at changed.
	CauseRequest Cause = "Request"
	// CauseSchedule: a scheduled time was reached.
	CauseSchedule Cause = "Schedule"
)

// Origin says who started a task.
type Origin string

const (
	// OriginStarted: the operator started the task, and the service said so.
	OriginStarted Origin = "Started"
	// OriginAdopted: a task that is newer than the request, and so serves it; it
	// may have been started by somebody else, or by a start of ours whose answer
	// was lost.
	OriginAdopted Origin = "Adopted"
)

// Run is a sync on its way: everything that is done for the requests that it
// took in. The stage of a run is told by which fields are present: task
// (following it), else accepted, else nonce (a start whose fate is unknown),
// else open.
type Run struct {
	// cause is what asked for the run.
	//
	// +kubebuilder:validation:Enum=Created;Target;Trigger;Request;Schedule
	// +required
	Cause Cause `json:"cause,omitempty"`

	// target is the data set of the run, as it was when the run was opened.
	//
	// +required
	Target Target `json:"target,omitzero"`

	// requestedTime is when the operator took the request in.
	//
	// +required
	RequestedTime metav1.MicroTime `json:"requestedTime,omitzero"`

	// baseline is the latest task of the data set before the start: a task newer
	// than this one serves the request.
	//
	// +optional
	Baseline *Baseline `json:"baseline,omitempty"`

	// attempt counts the starts of this run, each recorded here before it is sent,
	// without those that certainly were not accepted: at most spec.retryLimit + 1.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	Attempt int32 `json:"attempt,omitempty"`

	// lostAnswers counts the starts whose answer did not tell whether they were
	// taken. Such a run is looked at once more before it is closed.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	LostAnswers int32 `json:"lostAnswers,omitempty"`

	// failures counts failures in a row. It sets the delay before the next try.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	Failures int32 `json:"failures,omitempty"`

	// nonce names the start that was last recorded. Only the worker that made it
	// up may send that start.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Nonce string `json:"nonce,omitempty"`

	// startTime is when that start was recorded, just before it was sent.
	//
	// +optional
	StartTime *metav1.MicroTime `json:"startTime,omitempty"`

	// accepted is true once the service has taken the start without telling a
	// task id.
	//
	// +optional
	Accepted bool `json:"accepted,omitempty"` //nolint:kubeapilinter // The service either said so or did not.

	// task is the task that serves the run.
	//
	// +optional
	Task *RunTask `json:"task,omitempty"`

	// retryTime is when the service is called again after a failure.
	//
	// +optional
	RetryTime *metav1.MicroTime `json:"retryTime,omitempty"`

	// busyTime is until when nothing is started because the service refused the
	// last start as busy. The latest task is looked at all the same.
	//
	// +optional
	BusyTime *metav1.MicroTime `json:"busyTime,omitempty"`

	// secretVersion is the resource version of the Secret whose credentials were
	// refused; another version ends the wait for retryTime.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +optional
	SecretVersion string `json:"secretVersion,omitempty"`
}

// Baseline is a task as it was seen before a start.
type Baseline struct {
	// taskID is the id of the task, absent where the service tells none.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +optional
	TaskID string `json:"taskID,omitempty"`

	// createTime is when the service created the task, by its own clock.
	//
	// +optional
	CreateTime *metav1.MicroTime `json:"createTime,omitempty"`

	// state is the service's word for the state of the task.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +required
	State string `json:"state,omitempty"`

	// samples are the counts that the service told.
	//
	// +optional
	Samples *Samples `json:"samples,omitempty"`

	// observedTime is when the task was seen, by the service's clock.
	//
	// +optional
	ObservedTime *metav1.MicroTime `json:"observedTime,omitempty"`
}

// RunTask is the task that serves a run.
type RunTask struct {
	// id is the service's id of the task, absent where it tells none.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +optional
	ID string `json:"id,omitempty"`

	// createTime is when the service created the task, by its own clock.
	//
	// +optional
	CreateTime *metav1.MicroTime `json:"createTime,omitempty"`

	// state is the service's word for the state of the task, absent until it was
	// seen.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	State string `json:"state,omitempty"`

	// seenTime is when the operator first knew of the task.
	//
	// +required
	SeenTime metav1.MicroTime `json:"seenTime,omitzero"`

	// origin says who started the task.
	//
	// +kubebuilder:validation:Enum=Started;Adopted
	// +required
	Origin Origin `json:"origin,omitempty"`
}

// ObservedSchedule is a schedule as it was read.
type ObservedSchedule struct {
	// schedule is spec.schedule.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +required
	Schedule string `json:"schedule,omitempty"`

	// timeZone is spec.timeZone, absent for UTC.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	TimeZone string `json:"timeZone,omitempty"`

	// heldTime is the due time that stands still while the object is suspended.
	//
	// +optional
	HeldTime *metav1.Time `json:"heldTime,omitempty"`
}

// Outcome says how a run ended.
type Outcome string

const (
	// OutcomeSucceeded: a task newer than the request completed.
	OutcomeSucceeded Outcome = "Succeeded"
	// OutcomeFailed: the run was given up; see the error and the condition Ready.
	OutcomeFailed Outcome = "Failed"
	// OutcomeSuperseded: the run failed after spec had moved to another data set,
	// and so was not tried again.
	OutcomeSuperseded Outcome = "Superseded"
	// OutcomeSkipped: a scheduled time was past its starting deadline.
	OutcomeSkipped Outcome = "Skipped"
)

// HistoryEntry is a finished run.
type HistoryEntry struct {
	// cause is what asked for the run.
	//
	// +kubebuilder:validation:Enum=Created;Target;Trigger;Request;Schedule
	// +required
	Cause Cause `json:"cause,omitempty"`

	// outcome is how the run ended.
	//
	// +kubebuilder:validation:Enum=Succeeded;Failed;Superseded;Skipped
	// +required
	Outcome Outcome `json:"outcome,omitempty"`

	// taskID is the service's id of the last task of the run.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +optional
	TaskID string `json:"taskID,omitempty"`

	// origin says who started that task.
	//
	// +kubebuilder:validation:Enum=Started;Adopted
	// +optional
	Origin Origin `json:"origin,omitempty"`

	// attempts is how many starts the run had, without those that certainly were
	// not accepted.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	Attempts int32 `json:"attempts,omitempty"`

	// startTime is when the request was taken in; of a skipped run, when it was
	// due.
	//
	// +required
	StartTime metav1.Time `json:"startTime,omitzero"`

	// endTime is when the run was closed.
	//
	// +required
	EndTime metav1.Time `json:"endTime,omitzero"`

	// samples are the counts that the service told.
	//
	// +optional
	Samples *Samples `json:"samples,omitempty"`

	// errorCode is the service's error code of a run that did not succeed.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	ErrorCode string `json:"errorCode,omitempty"`

	// errorMsg is the message that goes with it, shortened.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +optional
	ErrorMsg string `json:"errorMsg,omitempty"`
}

// DatasetSync keeps a ModelArts data set in step with the object storage that
// its files lie in: it is synchronized once when the object appears, again when
// its trigger, its annotation requested-at or its target changes, and again on
// its schedule.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=dsync,categories=modelarts
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.taskState`
// +kubebuilder:printcolumn:name="Task",type=string,JSONPath=`.status.taskID`
// +kubebuilder:printcolumn:name="Last Success",type=date,JSONPath=`.status.lastSuccessTime`
// +kubebuilder:printcolumn:name="Next",type=string,JSONPath=`.status.nextSyncTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Dataset",type=string,JSONPath=`.spec.datasetID`,priority=1
// +kubebuilder:printcolumn:name="Added",type=integer,JSONPath=`.status.samples.added`,priority=1
// +kubebuilder:printcolumn:name="Deleted",type=integer,JSONPath=`.status.samples.deleted`,priority=1
// +kubebuilder:printcolumn:name="Total",type=integer,JSONPath=`.status.samples.total`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type DatasetSync struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says what to keep in step, and when.
	//
	// +required
	Spec DatasetSyncSpec `json:"spec,omitzero"`

	// status is what the operator knows.
	//
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status DatasetSyncStatus `json:"status,omitzero"`
}

// DatasetSyncList is a list of DatasetSyncs.
//
// +kubebuilder:object:root=true
type DatasetSyncList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []DatasetSync `json:"items"`
}
