package modelarts

// errorTable holds the class of each documented pair of HTTP status and error code
// that a dataset call may be answered with (ModelArts API reference, "Error Codes";
// API gateway, "Error Codes"). What is behind a pair is the reference's message, or
// in lower case what it means. A pair belongs here once the reference lists it, even
// where the status alone would give the same class.
//
//nolint:gochecknoglobals // a constant in all but syntax: nobody writes to it
var errorTable = map[string]Class{
	// Conflicts: other work on the dataset is in the way.
	"400 ModelArts.4355": ClassBusy, // Sync data source task exist
	"400 ModelArts.4356": ClassBusy, // Dataset already has running import task
	"400 ModelArts.4343": ClassBusy, // Dataset is publishing, the operation is forbidden
	"400 ModelArts.4349": ClassBusy, // Dataset is switching version, the operation is forbidden
	"400 ModelArts.4381": ClassBusy, // Dataset is publishing, annotation is forbidden
	"400 ModelArts.4409": ClassBusy, // Running tasks has exceed the max threshold
	"501 ModelArts.4385": ClassBusy, // Auto deploy task exist
	"501 ModelArts.4386": ClassBusy, // Auto labeling task exist
	"501 ModelArts.4387": ClassBusy, // Pre-label task exist
	"501 ModelArts.4394": ClassBusy, // Task is running
	"401 ModelArts.4713": ClassBusy, // Forbidden operation. (an asynchronous job is unfinished)
	"403 ModelArts.4803": ClassBusy, // Dataset has unfinished label tasks, the operation is forbidden
	"403 ModelArts.4821": ClassBusy, // Task is publishing, the operation is forbidden
	"403 ModelArts.4850": ClassBusy, // Process task is initializing, the operation is forbidden

	// The dataset or its type.
	"400 ModelArts.4352": ClassPermanent, // Dataset does not exist
	"400 ModelArts.4338": ClassPermanent, // The resource not exists
	"404 ModelArts.6623": ClassPermanent, // Ensure that the dataset already exists.
	"400 ModelArts.4344": ClassPermanent, // Dataset is being deleted, annotation is forbidden
	"501 ModelArts.4383": ClassPermanent, // Unsupported operation, dataset %s type is %s
	"500 ModelArts.4354": ClassPermanent, // Insufficient quota

	// The task itself, mostly as the error of one that FAILED.
	"500 ModelArts.4360": ClassTransient, // Sync data source error
	"400 ModelArts.4392": ClassPermanent, // Task failed
	"400 ModelArts.4393": ClassPermanent, // Task stopped

	// Object storage. 4314 and 4750 do not say whether access was refused or broken, so they may pass.
	"400 ModelArts.4311": ClassPermanent, // OBS bucket does not exist
	"400 ModelArts.4312": ClassPermanent, // OBS path does not exist
	"400 ModelArts.4313": ClassPermanent, // OBS path is invalid
	"400 ModelArts.4314": ClassTransient, // Obs error
	"400 ModelArts.4315": ClassPermanent, // Invalid OBS path.
	"400 ModelArts.4316": ClassPermanent, // OBS buckets are not supported.
	"400 ModelArts.4340": ClassPermanent, // Import path does not contain valid file
	"400 ModelArts.4374": ClassPermanent, // Invalid path
	"403 ModelArts.4419": ClassPermanent, // File is too large
	"401 ModelArts.4826": ClassPermanent, // OBS KMS encryption buckets are not supported.
	"401 ModelArts.4750": ClassTransient, // Error in reading files from OBS.
	"400 ModelArts.1002": ClassTransient, // OBS operation failed.
	"500 ModelArts.5010": ClassTransient, // OBS operation failed

	// Rights, agencies and the state of the account.
	"403 ModelArts.4310": ClassPermission, // OBS action is forbidden, please check iam agency or OBS and so on
	"403 ModelArts.4335": ClassPermission, // Iam agency is invalid
	"403 ModelArts.4336": ClassPermission, // The user hasn't permission
	"403 ModelArts.4348": ClassPermission, // Check dli agency failed
	"403 ModelArts.4102": ClassPermission, // the te_agency role is missing
	"400 ModelArts.1003": ClassPermission, // account abnormal, or no OBS permission
	"403 ModelArts.4116": ClassPermission, // User has been owed, please check the account status and balance.
	"403 ModelArts.4118": ClassPermission, // User has been suspended, please check the account balance.
	"400 ModelArts.4106": ClassPermission, // Invalid authorization request. Your account is restricted.
	"500 ModelArts.4106": ClassPermission, // Failed to obtain the OBS agency.
	"401 ModelArts.4117": ClassPermission, // User is unverified.
	"400 ModelArts.0420": ClassPermission, // agency query, creation and authorization, up to 0431
	"400 ModelArts.0421": ClassPermission,
	"400 ModelArts.0422": ClassPermission,
	"400 ModelArts.0423": ClassPermission,
	"400 ModelArts.0424": ClassPermission, // (it exists already)
	"400 ModelArts.0425": ClassPermission,
	"400 ModelArts.0426": ClassPermission,
	"400 ModelArts.0427": ClassPermission,
	"400 ModelArts.0428": ClassPermission,
	"400 ModelArts.0429": ClassPermission, // (no such authorization)
	"400 ModelArts.0430": ClassPermission,
	"400 ModelArts.0431": ClassPermission,
	"401 ModelArts.0428": ClassPermission, // The user authorization does not exist.
	"401 ModelArts.0112": ClassPermission, // refused by policy (a workspace right)
	"403 ModelArts.0112": ClassPermission, // refused by policy (a workspace right)
	"401 ModelArts.6201": ClassPermission, // account suspended
	"401 ModelArts.6203": ClassPermission, // account restricted
	"403 ModelArts.0108": ClassPermission, // You are not authorized to perform the ({0}) operation.
	"403 ModelArts.6653": ClassPermission, // contact the owner of the project

	// The project. 0210 with 403 is about what these credentials may reach, not about
	// whether they are good: another Secret helps, another try with this one does not.
	"403 ModelArts.0210": ClassPermission, // The project id in the request URL does not match the token.
	"400 ModelArts.0210": ClassPermanent,  // Invalid project ID.
	"404 ModelArts.6650": ClassPermanent,  // project not found
	"400 ModelArts.0102": ClassPermanent,  // The workspace does not exist.

	// Credentials.
	"400 ModelArts.0204": ClassAuthentication, // Token must contain projectId info.
	"401 ModelArts.0201": ClassAuthentication, // Token doesn't exist.
	"401 ModelArts.0202": ClassAuthentication, // Invalid token header because the token has expired.
	"401 ModelArts.0203": ClassAuthentication, // Invalid token.
	"403 ModelArts.0203": ClassAuthentication, // Invalid token.
	"401 ModelArts.0204": ClassAuthentication, // token and header problems, up to 0210
	"401 ModelArts.0205": ClassAuthentication,
	"401 ModelArts.0206": ClassAuthentication,
	"401 ModelArts.0207": ClassAuthentication,
	"401 ModelArts.0208": ClassAuthentication,
	"401 ModelArts.0209": ClassAuthentication,
	"401 ModelArts.0210": ClassAuthentication,
	"401 ModelArts.0212": ClassAuthentication,
	"403 ModelArts.0206": ClassAuthentication, // Invalid AK/SK.
	"401 ModelArts.4119": ClassAuthentication, // Invalid RBAC. (a token without a project)
	"401 ModelArts.4127": ClassAuthentication, // Token authentication expired.
	"401 ModelArts.4504": ClassAuthentication, // Iam error
	"401 ModelArts.4804": ClassAuthentication, // Failed to create a label task by the member.
	"401 ModelArts.6608": ClassAuthentication, // refresh of the user information
	"401 ModelArts.6620": ClassAuthentication, // refresh of the user token

	// Throttles, whatever the status.
	"429 ModelArts.4395":     ClassThrottled, // Too many dataset requests
	"429 ModelArts.4206":     ClassThrottled, // Excessive number of requests to %s.
	"429 ModelArts.6101":     ClassThrottled, // The system is busy now. Please try again later.
	"429 ModelArts.2799":     ClassThrottled, // TooManyRequests
	"429 ModelArts.72060075": ClassThrottled, // Too Many Requests
	"500 ModelArts.5039":     ClassThrottled, // Dear User,the traffic is a little busy. Please try again later
	"400 ModelArts.4370":     ClassThrottled, // One dataset version can be released in a minute, please try again later
	"400 ModelArts.4704":     ClassThrottled, // Currently unable to start data analysis task, Please try again later

	// Trouble inside the service.
	"408 ModelArts.4205": ClassTransient, // Connection timed out.
	"408 ModelArts.6100": ClassTransient, // The request timed out. Please try again.
	"409 ModelArts.5044": ClassTransient, // Operations conflict, please try again later
	"500 ModelArts.4105": ClassTransient, // Failed to obtain the temporary AK/SK.
	"500 ModelArts.4301": ClassTransient, // Failed to obtain %s.
	"500 ModelArts.4302": ClassTransient, // Gateway forwarding error because %s.
	"503 ModelArts.4302": ClassTransient, // Gateway forwarding error because %s.
	"500 ModelArts.4367": ClassTransient, // Update dataset state failed
	"500 ModelArts.4373": ClassTransient, // No migratory job
	"500 ModelArts.4424": ClassTransient, // Delete sample failed
	"500 ModelArts.4503": ClassTransient, // Failed to obtain the backend service because %s.
	"504 ModelArts.4503": ClassTransient, // Failed to obtain the backend service because %s.
	"500 ModelArts.4505": ClassTransient, // Internal backend service error because reading timed out.
	"503 ModelArts.4700": ClassTransient, // Unavailable gateway.
	"500 ModelArts.4801": ClassTransient, // Failed to obtain the consul %s.
	"500 ModelArts.0010": ClassTransient, // Internal error.
	"500 ModelArts.6102": ClassTransient, // Internal error.
	"500 ModelArts.6200": ClassTransient, // Internal error.
	"500 ModelArts.6692": ClassTransient, // System error. Check the service status.
	"500 ModelArts.6699": ClassTransient, // Internal error.
	"500 ModelArts.5003": ClassTransient, // access IAM failed
	"500 ModelArts.5009": ClassTransient, // Database operation failed

	// Requests that are wrong. The reference prints status 100 for 0116.
	"400 ModelArts.0101": ClassPermanent, // Invalid Argument.
	"400 ModelArts.0104": ClassPermanent, // Parameter error.
	"400 ModelArts.0107": ClassPermanent, // The values of the request parameters ({0},{1}) are invalid.
	"400 ModelArts.1120": ClassPermanent, // Parameter verification failed.
	"400 ModelArts.4111": ClassPermanent, // Invalid Region header.
	"400 ModelArts.4105": ClassPermanent, // the JSON is bad
	"400 ModelArts.4200": ClassPermanent, // the request is invalid
	"400 ModelArts.4201": ClassPermanent, // the URL lacks ids
	"400 ModelArts.4202": ClassPermanent, // the request is empty
	"400 ModelArts.4203": ClassPermanent, // the service is unavailable to this request
	"400 ModelArts.4204": ClassPermanent, // not entitled
	"413 ModelArts.4104": ClassPermanent, // the body is larger than 12 MB
	"100 ModelArts.0116": ClassPermanent, // The expected {0} exceeds the quota limit.

	// Other calls on datasets, their versions, labels and samples. A sync is not known to
	// return them.
	"400 ModelArts.4301": ClassPermanent, // The labeling job does not exist.
	"400 ModelArts.4337": ClassPermanent, // OperationCenter error.
	"400 ModelArts.4342": ClassPermanent, // Dataset publish with splitting annotated samples error
	"400 ModelArts.4345": ClassPermanent, // File not found
	"400 ModelArts.4346": ClassPermanent, // Failed to obtain clusters.
	"400 ModelArts.4347": ClassPermanent, // List files failed
	"400 ModelArts.4350": ClassPermanent, // The work_path is too long, please select shorter folder
	"400 ModelArts.4351": ClassPermanent, // Dataset already exists
	"400 ModelArts.4353": ClassPermanent, // Dataset version does not exist
	"400 ModelArts.4357": ClassPermanent, // Parse AI annotation result file name error
	"400 ModelArts.4358": ClassPermanent, // Invalid export path
	"400 ModelArts.4359": ClassPermanent, // Export task does not exist
	"400 ModelArts.4361": ClassPermanent, // Import AI annotation error
	"400 ModelArts.4362": ClassPermanent, // Import data error
	"400 ModelArts.4364": ClassPermanent, // Dataset workPath subdir already exists
	"400 ModelArts.4365": ClassPermanent, // Dataset labels not set
	"400 ModelArts.4368": ClassPermanent, // Parse pc bin file error
	"400 ModelArts.4369": ClassPermanent, // Parse pc prelabel json file error
	"400 ModelArts.4371": ClassPermanent, // Dataset version already exists
	"400 ModelArts.4372": ClassPermanent, // Valid image not found
	"400 ModelArts.4375": ClassPermanent, // Parse pc obs image error
	"400 ModelArts.4376": ClassPermanent, // Unsupported pc pcd format error
	"400 ModelArts.4377": ClassPermanent, // Pc pcd format error
	"400 ModelArts.4378": ClassPermanent, // Parse pc pcd file error
	"400 ModelArts.4379": ClassPermanent, // Unsupported pc file format error
	"400 ModelArts.4380": ClassPermanent, // Parse kitti calibration file error
	"400 ModelArts.4382": ClassPermanent, // Generate 2d image error
	"400 ModelArts.4384": ClassPermanent, // Invalid export parameter
	"400 ModelArts.4391": ClassPermanent, // Task name is invalid
	"400 ModelArts.4396": ClassPermanent, // Parameter is invalid
	"400 ModelArts.4398": ClassPermanent, // Invalid system language.
	"400 ModelArts.4399": ClassPermanent, // Type match error
	"400 ModelArts.4400": ClassPermanent, // Can not get table schema
	"400 ModelArts.4401": ClassPermanent, // Failed to export data.
	"400 ModelArts.4404": ClassPermanent, // Can not get table schema from DLI
	"400 ModelArts.4405": ClassPermanent, // Dataset must contains labels to start automation labeling
	"400 ModelArts.4406": ClassPermanent, // Dataset must contains labels with at least five images to start automation labeling
	"400 ModelArts.4407": ClassPermanent, // Dataset must contains unlabeled files
	"400 ModelArts.4408": ClassPermanent, // Dataset contains labels shape not bndbox
	"400 ModelArts.4410": ClassPermanent, // Label not found
	"400 ModelArts.4411": ClassPermanent, // Label already exists
	"400 ModelArts.4412": ClassPermanent, // Label shortcut already exists
	"400 ModelArts.4413": ClassPermanent, // Label is incompatible with annotation rules
	"400 ModelArts.4414": ClassPermanent, // Triplet label's from_entity or to_entity does not exist
	"400 ModelArts.4415": ClassPermanent, // Entity label can not be deleted because it is used by triplet label
	"400 ModelArts.4416": ClassPermanent, // Sync tags error
	"400 ModelArts.4417": ClassPermanent, // Update sample labels failed when upload sample and labels
	"400 ModelArts.4418": ClassPermanent, // Label property mask_gray_value already exists
	"400 ModelArts.4420": ClassPermanent, // Sample not found
	"400 ModelArts.4421": ClassPermanent, // Upload sample failed
	"400 ModelArts.4422": ClassPermanent, // Sample already exists
	"400 ModelArts.4423": ClassPermanent, // Get sample size failed, please input size manually
	"400 ModelArts.4425": ClassPermanent, // Label property mask_gray_value is incompatible with defined value
	"400 ModelArts.4426": ClassPermanent, // Dataset must contains tags to start auto deploy
	"400 ModelArts.4427": ClassPermanent, // Dataset must contains tags with at least five images to start auto deploy
	"400 ModelArts.4428": ClassPermanent, // The label attribute name already exists.
	"400 ModelArts.4429": ClassPermanent, // The label attribute value already exists.
	"400 ModelArts.4430": ClassPermanent, // The label attribute or value does not exist.
	"400 ModelArts.4700": ClassPermanent, // Task does not exist
	"400 ModelArts.4701": ClassPermanent, // Can not start data analysis task, dataset version annotation type must be 'Image Classification' or 'Object Detection'
	"400 ModelArts.4702": ClassPermanent, // Can not start data analysis task, dataset version must be 'Default' format
	"400 ModelArts.4703": ClassPermanent, // Can not start data analysis task, dataset version must contains annotated samples
	"400 ModelArts.4705": ClassPermanent, // Oversized file to be downloaded.
	"400 ModelArts.4706": ClassPermanent, // Can not start data analysis task, dataset version status must be normal
	"400 ModelArts.4707": ClassPermanent, // Failed to obtain file %s from OBS %s.
	"400 ModelArts.4709": ClassPermanent, // Data preprocessing task already exists
	"400 ModelArts.4710": ClassPermanent, // Dataset export file error
	"400 ModelArts.4711": ClassPermanent, // Publishing requires splitting but annotated samples do not satisfied for splitting rules
	"400 ModelArts.4712": ClassPermanent, // Dataset publish version failed
	"400 ModelArts.4714": ClassPermanent, // The number of dataset versions has reached the quota limit.
	"400 ModelArts.4715": ClassPermanent, // Incorrect data analysis result.
	"400 ModelArts.4716": ClassPermanent, // Abnormal AI Gallery.
	"400 ModelArts.4717": ClassPermanent, // Failed to execute the fulfillment task by AI Gallery.
	"400 ModelArts.4760": ClassPermanent, // Failed to encrypt data.
	"400 ModelArts.4800": ClassPermanent, // The label task already exists
	"400 ModelArts.4801": ClassPermanent, // The label task not exists
	"400 ModelArts.4820": ClassPermanent, // Unsupported operation, label task type is %s
	"400 ModelArts.4822": ClassPermanent, // The number of labelers must exceed 1
	"400 ModelArts.4823": ClassPermanent, // Import to dataset version error
	"400 ModelArts.4824": ClassPermanent, // Dataset version status must be normal
	"400 ModelArts.4825": ClassPermanent, // Dataset version is empty
	"400 ModelArts.4827": ClassPermanent, // Dataset version delete failed
	"400 ModelArts.4828": ClassPermanent, // Failed to delete the version.
	"400 ModelArts.4851": ClassPermanent, // Task version not found
	"400 ModelArts.4852": ClassPermanent, // Error in downloading task version logs.
	"400 ModelArts.4853": ClassPermanent, // Insufficient quota for data feature tasks.
	"400 ModelArts.4854": ClassPermanent, // Insufficient quota for data feature versions.
	"400 ModelArts.4860": ClassPermanent, // Insufficient quota for real-time services.
	"400 ModelArts.4861": ClassPermanent, // Insufficient quota for batch services.
	"400 ModelArts.4870": ClassPermanent, // HBase error.

	// The API gateway: what the request asks for.
	"404 APIGW.0101": ClassPermanent, // The API does not exist or has not been published in the environment.
	"404 APIGW.0103": ClassPermanent, // The backend does not exist.
	"500 APIGW.0103": ClassPermanent, // The backend does not exist. (APIG)
	"400 APIGW.0104": ClassPermanent, // The plug-ins do not exist.
	"500 APIGW.0104": ClassPermanent, // The plug-ins do not exist. (APIG)
	"400 APIGW.0105": ClassPermanent, // The backend configurations do not exist.
	"500 APIGW.0105": ClassPermanent, // The backend configurations do not exist. (APIG)
	"400 APIGW.0106": ClassPermanent, // Orchestration error.
	"400 APIGW.0201": ClassPermanent, // API request error.
	"413 APIGW.0201": ClassPermanent, // Request entity too large.
	"414 APIGW.0201": ClassPermanent, // Request URI too large.
	"494 APIGW.0201": ClassPermanent, // Request headers too large.
	"400 APIGW.0602": ClassPermanent, // Bad request.
	"400 APIGW.0607": ClassPermanent, // The following protocol is supported: {xxx}

	// The API gateway: who asks.
	"401 APIGW.0301": ClassAuthentication, // Incorrect IAM authentication information
	"403 APIGW.0302": ClassPermission,     // The IAM user is not authorized to access the API.
	"401 APIGW.0303": ClassAuthentication, // Incorrect app authentication information.
	"403 APIGW.0304": ClassPermission,     // The app is not authorized to access the API.
	"401 APIGW.0305": ClassAuthentication, // Incorrect authentication information.
	"403 APIGW.0306": ClassPermission,     // API access denied.
	"401 APIGW.0307": ClassAuthentication, // The token must be updated.
	"403 APIGW.0310": ClassPermission,     // The project is unavailable.
	"401 APIGW.0311": ClassAuthentication, // Incorrect debugging authentication information.
	"403 APIGW.0401": ClassPermission,     // Unknown client IP address.
	"403 APIGW.0402": ClassPermission,     // The IP address is not authorized to access the API.
	"403 APIGW.0404": ClassPermission,     // Access to the backend IP address has been denied.
	"405 APIGW.0501": ClassPermission,     // The app quota has been used up.
	"405 APIGW.0502": ClassPermission,     // The app has been frozen.
	"403 APIGW.0801": ClassPermission,     // The service is unavailable in the currently selected region.
	"403 APIGW.0802": ClassPermission,     // The IAM user is forbidden in the currently selected region

	// The API gateway: how often.
	"429 APIGW.0308": ClassThrottled, // The throttling threshold has been reached

	// The API gateway: trouble of its own, or behind it.
	"502 APIGW.0201": ClassTransient, // Backend unavailable.
	"504 APIGW.0201": ClassTransient, // Backend timeout.
	"502 APIGW.0202": ClassTransient, // Backend unavailable. (APIG)
	"504 APIGW.0203": ClassTransient, // Backend timeout. (APIG)
	"500 APIGW.0601": ClassTransient, // Internal server error.
	"500 APIGW.0605": ClassTransient, // name resolution, configuration, admin token or backend, up to 0611
	"500 APIGW.0606": ClassTransient,
	"500 APIGW.0608": ClassTransient,
	"500 APIGW.0609": ClassTransient,
	"502 APIGW.0610": ClassTransient, // No backend available.
	"500 APIGW.0611": ClassTransient,
	"500 APIGW.0612": ClassPermanent, // (a configuration that does not heal)
	"503 APIGW.0613": ClassTransient, // The IAM service is currently unavailable.
	"500 APIGW.0705": ClassTransient, // Backend signature calculation failed.
}
