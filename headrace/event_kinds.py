"""Every kind of event that comes with Headrace: its name, its file, and what happened."""

from engine.value import dataclass
from headrace.event_options import (
    ACTIVEMQ,
    ALB,
    BATCH,
    BATCH_V2,
    BRIDGE,
    BRIDGE_S3,
    BRIDGE_S3_NAME,
    COGNITO,
    DOCUMENT,
    EDGE_URI,
    GROUP,
    HTTP,
    HTTP_BODY,
    KAFKA,
    KEYS,
    KINESIS,
    LATTICE,
    LOG_GROUP,
    LOG_MESSAGE,
    NEW_IMAGE,
    OLD_IMAGE,
    PARTITION,
    QUEUE,
    RABBIT_QUEUE,
    RABBITMQ,
    RECORDS,
    REST,
    RESULT,
    ROTATION,
    RULE,
    S3,
    S3_ETAG,
    S3_IN_SNS,
    S3_IN_SQS,
    S3_NAME,
    S3_VERSION,
    SCHEDULE,
    SNS,
    SNS_IN_SQS,
    SQS,
    STREAM,
    TABLE,
    TOKEN,
    TRANSFORM,
    USER,
    Option,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event. `records` is the path of the list that AWS fills with a batch, if it does."""

    name: str
    file: str
    about: str
    options: tuple[Option, ...] = ()
    records: str | None = None


KINDS = (
    Kind("s3-put", "s3/object-created-put", "an object was put into a bucket", S3),
    Kind(
        "s3-put-versioned",
        "s3/object-created-put-versioned",
        "an object was put into a versioned bucket",
        (*S3, S3_VERSION),
    ),
    Kind("s3-post", "s3/object-created-post", "an object was uploaded with a browser form", S3),
    Kind("s3-copy", "s3/object-created-copy", "an object was made by copying", S3),
    Kind(
        "s3-multipart", "s3/object-created-complete-multipart-upload", "a multipart upload was completed", S3
    ),
    Kind("s3-delete", "s3/object-removed-delete", "an object was deleted", S3_NAME),
    Kind(
        "s3-delete-marker",
        "s3/object-removed-delete-marker-created",
        "a delete marker was made in a versioned bucket",
        (*S3_NAME, S3_VERSION),
    ),
    Kind("s3-tagging-put", "s3/object-tagging-put", "an object was tagged", (*S3_NAME, S3_ETAG)),
    Kind(
        "s3-tagging-delete",
        "s3/object-tagging-delete",
        "the tags of an object were deleted",
        (*S3_NAME, S3_ETAG),
    ),
    Kind(
        "s3-acl-put", "s3/object-acl-put", "the access control list of an object changed", (*S3_NAME, S3_ETAG)
    ),
    Kind("s3-restore-post", "s3/object-restore-post", "the restore of an archived object began", S3),
    Kind("s3-restore-completed", "s3/object-restore-completed", "an archived object was restored", S3),
    Kind("s3-restore-delete", "s3/object-restore-delete", "the restored copy of an object expired", S3),
    Kind(
        "s3-lifecycle-expiration",
        "s3/lifecycle-expiration-delete",
        "a lifecycle rule deleted an object",
        S3_NAME,
    ),
    Kind(
        "s3-lifecycle-delete-marker",
        "s3/lifecycle-expiration-delete-marker-created",
        "a lifecycle rule made a delete marker",
        (*S3_NAME, S3_VERSION),
    ),
    Kind(
        "s3-lifecycle-transition",
        "s3/lifecycle-transition",
        "a lifecycle rule moved an object to another storage class",
        S3,
    ),
    Kind("s3-intelligent-tiering", "s3/intelligent-tiering", "an object was moved to an archive tier", S3),
    Kind(
        "s3-replication-failed",
        "s3/replication-operation-failed",
        "the replication of an object failed",
        (*S3, S3_VERSION),
    ),
    Kind(
        "s3-replication-missed-threshold",
        "s3/replication-missed-threshold",
        "a replication takes longer than its threshold",
        (*S3, S3_VERSION),
    ),
    Kind(
        "s3-lost-object", "s3/reduced-redundancy-lost-object", "an object of reduced redundancy was lost", S3
    ),
    Kind("s3-annotation-put", "s3/object-annotation-put", "an annotation was put on an object", S3),
    Kind("s3-annotation-delete", "s3/object-annotation-delete", "an annotation of an object was deleted", S3),
    Kind(
        "s3-retention-put", "s3/object-retention-put", "the retention of an object changed", (*S3, S3_VERSION)
    ),
    Kind("s3-batch", "s3/batch-operation", "S3 Batch Operations: a task, schema 1.0", BATCH),
    Kind("s3-batch-v2", "s3/batch-operation-v2", "S3 Batch Operations: a task, schema 2.0", BATCH_V2),
    Kind("s3-object-lambda", "s3/object-lambda", "S3 Object Lambda: an object is read through a function"),
    Kind("eventbridge", "eventbridge/custom-event", "an event of your own on an EventBridge bus", BRIDGE),
    Kind(
        "eventbridge-s3-created",
        "eventbridge/s3-object-created",
        "S3 through EventBridge: Object Created",
        BRIDGE_S3,
    ),
    Kind(
        "eventbridge-s3-deleted",
        "eventbridge/s3-object-deleted",
        "S3 through EventBridge: Object Deleted",
        BRIDGE_S3_NAME,
    ),
    Kind(
        "eventbridge-s3-restore-initiated",
        "eventbridge/s3-object-restore-initiated",
        "S3 through EventBridge: Object Restore Initiated",
        BRIDGE_S3,
    ),
    Kind(
        "eventbridge-s3-restore-completed",
        "eventbridge/s3-object-restore-completed",
        "S3 through EventBridge: Object Restore Completed",
        BRIDGE_S3,
    ),
    Kind(
        "eventbridge-s3-restore-expired",
        "eventbridge/s3-object-restore-expired",
        "S3 through EventBridge: Object Restore Expired",
        BRIDGE_S3_NAME,
    ),
    Kind(
        "eventbridge-s3-tags-added",
        "eventbridge/s3-object-tags-added",
        "S3 through EventBridge: Object Tags Added",
        BRIDGE_S3_NAME,
    ),
    Kind(
        "eventbridge-s3-tags-deleted",
        "eventbridge/s3-object-tags-deleted",
        "S3 through EventBridge: Object Tags Deleted",
        BRIDGE_S3_NAME,
    ),
    Kind(
        "eventbridge-s3-acl-updated",
        "eventbridge/s3-object-acl-updated",
        "S3 through EventBridge: Object ACL Updated",
        BRIDGE_S3_NAME,
    ),
    Kind(
        "eventbridge-s3-storage-class-changed",
        "eventbridge/s3-object-storage-class-changed",
        "S3 through EventBridge: Object Storage Class Changed",
        BRIDGE_S3,
    ),
    Kind(
        "eventbridge-s3-access-tier-changed",
        "eventbridge/s3-object-access-tier-changed",
        "S3 through EventBridge: Object Access Tier Changed",
        BRIDGE_S3,
    ),
    Kind(
        "eventbridge-ec2-state", "eventbridge/ec2-instance-state-change", "an EC2 instance changed its state"
    ),
    Kind(
        "eventbridge-auto-scaling",
        "eventbridge/auto-scaling-launch-successful",
        "EC2 Auto Scaling launched an instance",
    ),
    Kind(
        "eventbridge-codebuild", "eventbridge/codebuild-state-change", "a CodeBuild build changed its state"
    ),
    Kind("eventbridge-ecr-push", "eventbridge/ecr-image-push", "an image was pushed to ECR"),
    Kind(
        "eventbridge-lambda-success",
        "eventbridge/lambda-destination-success",
        "a function's on-success record, through EventBridge",
    ),
    Kind(
        "eventbridge-lambda-failure",
        "eventbridge/lambda-destination-failure",
        "a function's on-failure record, through EventBridge",
    ),
    Kind("sqs", "sqs/message", "a message of a standard queue", SQS, records=RECORDS),
    Kind("sqs-attributes", "sqs/message-with-attributes", "a message with attributes", SQS, records=RECORDS),
    Kind(
        "sqs-window",
        "sqs/message-with-window",
        "a message, as a mapping with a batching window delivers it",
        SQS,
        records=RECORDS,
    ),
    Kind("sqs-fifo", "sqs/message-fifo", "a message of a FIFO queue", (*SQS, GROUP), records=RECORDS),
    Kind(
        "sqs-from-dead-letter-queue",
        "sqs/message-from-dead-letter-queue",
        "a message that was moved to a dead-letter queue",
        SQS,
        records=RECORDS,
    ),
    Kind(
        "sqs-function-dead-letter",
        "sqs/function-dead-letter",
        "an event that a function failed on, from its dead-letter queue",
        SQS,
        records=RECORDS,
    ),
    Kind(
        "sqs-s3", "sqs/s3-notification", "an S3 notification in a queue", (*S3_IN_SQS, QUEUE), records=RECORDS
    ),
    Kind(
        "sqs-s3-test",
        "sqs/s3-test-event",
        "the test that S3 sends to a queue when notifications are configured",
        (QUEUE,),
    ),
    Kind("sqs-sns", "sqs/sns-notification", "an SNS notification in a queue", SNS_IN_SQS, records=RECORDS),
    Kind("sns", "sns/notification", "a notification of an SNS topic", SNS),
    Kind("sns-s3", "sns/s3-notification", "an S3 notification through an SNS topic", S3_IN_SNS),
    Kind("kinesis", "kinesis/record", "a record of a Kinesis stream", KINESIS, records=RECORDS),
    Kind("kinesis-window", "kinesis/window", "records in a tumbling window", KINESIS, records=RECORDS),
    Kind("kinesis-window-final", "kinesis/window-final", "the end of a tumbling window"),
    Kind(
        "kinesis-cloudwatch-logs",
        "kinesis/cloudwatch-logs",
        "log events, subscribed to through a stream",
        (PARTITION, STREAM),
        records=RECORDS,
    ),
    Kind(
        "dynamodb-insert",
        "dynamodb/insert",
        "an item was put into a DynamoDB table",
        (TABLE, KEYS, NEW_IMAGE),
        records=RECORDS,
    ),
    Kind(
        "dynamodb-modify",
        "dynamodb/modify",
        "an item was changed",
        (TABLE, KEYS, NEW_IMAGE, OLD_IMAGE),
        records=RECORDS,
    ),
    Kind(
        "dynamodb-remove", "dynamodb/remove", "an item was deleted", (TABLE, KEYS, OLD_IMAGE), records=RECORDS
    ),
    Kind(
        "dynamodb-ttl", "dynamodb/remove-by-ttl", "an item expired", (TABLE, KEYS, OLD_IMAGE), records=RECORDS
    ),
    Kind(
        "dynamodb-window",
        "dynamodb/window",
        "changes in a tumbling window",
        (TABLE, KEYS, NEW_IMAGE),
        records=RECORDS,
    ),
    Kind("dynamodb-window-final", "dynamodb/window-final", "the end of a tumbling window"),
    Kind("schedule", "schedule/rule", "a scheduled EventBridge rule came due", (RULE,)),
    Kind(
        "scheduler",
        "schedule/scheduler",
        "an EventBridge Scheduler schedule without an input came due",
        (SCHEDULE,),
    ),
    Kind("invoke", "lambda/invoke", "a payload of your own, for the example function `feeling`"),
    Kind("function-url", "lambda/function-url", "a request to a function URL", HTTP),
    Kind(
        "destination-success", "lambda/destination-success", "what an on-success destination gets", (RESULT,)
    ),
    Kind(
        "destination-failure",
        "lambda/destination-failure",
        "what an on-failure destination gets after the last retry",
        (RESULT,),
    ),
    Kind(
        "destination-event-age",
        "lambda/destination-event-age-exceeded",
        "what an on-failure destination gets when the event is too old",
        (RESULT,),
    ),
    Kind(
        "destination-zero-concurrency",
        "lambda/destination-zero-reserved-concurrency",
        "what an on-failure destination gets from a function that is switched off",
        (RESULT,),
    ),
    Kind(
        "kinesis-batch-failure",
        "lambda/kinesis-batch-failure",
        "what the on-failure destination of a Kinesis mapping gets",
    ),
    Kind(
        "dynamodb-batch-failure",
        "lambda/dynamodb-batch-failure",
        "what the on-failure destination of a DynamoDB mapping gets",
    ),
    Kind("api-rest", "apigateway/rest-proxy", "API Gateway: a request to a REST API", REST),
    Kind("api-http", "apigateway/http-api", "API Gateway: a request to an HTTP API, payload 2.0", HTTP),
    Kind("api-http-v1", "apigateway/http-api-v1", "API Gateway: a request to an HTTP API, payload 1.0", REST),
    Kind("api-http-jwt", "apigateway/http-api-jwt", "API Gateway: a request with a JSON web token", HTTP),
    Kind(
        "api-http-iam", "apigateway/http-api-iam", "API Gateway: a request signed with IAM credentials", HTTP
    ),
    Kind(
        "api-authorizer-token",
        "apigateway/authorizer-token",
        "API Gateway: a token authorizer is asked",
        (TOKEN,),
    ),
    Kind(
        "api-authorizer-request",
        "apigateway/authorizer-request",
        "API Gateway: a request authorizer is asked",
    ),
    Kind(
        "api-authorizer-http",
        "apigateway/authorizer-http",
        "API Gateway: the authorizer of an HTTP API is asked",
    ),
    Kind("websocket-connect", "apigateway/websocket-connect", "API Gateway: a WebSocket was opened"),
    Kind(
        "websocket-message", "apigateway/websocket-message", "API Gateway: a WebSocket message", (HTTP_BODY,)
    ),
    Kind("websocket-disconnect", "apigateway/websocket-disconnect", "API Gateway: a WebSocket was closed"),
    Kind("alb", "alb/request", "a request through an Application Load Balancer", ALB),
    Kind("alb-multi-value", "alb/request-multi-value", "the same with multi-value headers", ALB),
    Kind("vpc-lattice", "vpclattice/request-v2", "a request through VPC Lattice, version 2", LATTICE),
    Kind("vpc-lattice-v1", "vpclattice/request-v1", "a request through VPC Lattice, version 1", LATTICE),
    Kind("ses", "ses/message-received", "SES received a mail"),
    Kind("workmail", "workmail/message", "WorkMail handles a mail"),
    Kind("cloudwatch-logs", "cloudwatch/logs", "log events of a subscription", (LOG_GROUP, LOG_MESSAGE)),
    Kind("cloudwatch-alarm", "cloudwatch/alarm", "an alarm changed its state"),
    Kind("cloudwatch-composite-alarm", "cloudwatch/alarm-composite", "a composite alarm changed its state"),
    Kind("cloudformation-create", "cloudformation/create", "a custom resource is to be created"),
    Kind("cloudformation-update", "cloudformation/update", "a custom resource is to be updated"),
    Kind("cloudformation-delete", "cloudformation/delete", "a custom resource is to be deleted"),
    Kind("config-changed", "config/configuration-changed", "AWS Config: a resource changed"),
    Kind(
        "config-oversized",
        "config/oversized-configuration-changed",
        "AWS Config: a resource changed, too large to be sent",
    ),
    Kind("config-scheduled", "config/scheduled", "AWS Config: a periodic rule is evaluated"),
    Kind("iot-rule", "iot/rule", "an MQTT message, selected by an IoT rule"),
    Kind("iot-authorizer", "iot/custom-authorizer", "an IoT custom authorizer is asked"),
    Kind("iot-provisioning", "iot/provisioning-hook", "an IoT device is to be provisioned"),
    Kind("cognito-pre-sign-up", "cognito/pre-sign-up", "Cognito: before a user signs up", COGNITO),
    Kind("cognito-post-confirmation", "cognito/post-confirmation", "Cognito: a user was confirmed", COGNITO),
    Kind(
        "cognito-pre-authentication", "cognito/pre-authentication", "Cognito: before a user signs in", COGNITO
    ),
    Kind("cognito-post-authentication", "cognito/post-authentication", "Cognito: a user signed in", COGNITO),
    Kind(
        "cognito-pre-token",
        "cognito/pre-token-generation",
        "Cognito: before a token is made, version 1",
        COGNITO,
    ),
    Kind(
        "cognito-pre-token-v2",
        "cognito/pre-token-generation-v2",
        "Cognito: before a token is made, version 2",
        COGNITO,
    ),
    Kind("cognito-custom-message", "cognito/custom-message", "Cognito: a message is written", COGNITO),
    Kind(
        "cognito-define-challenge",
        "cognito/define-auth-challenge",
        "Cognito: the next challenge is decided",
        COGNITO,
    ),
    Kind(
        "cognito-create-challenge", "cognito/create-auth-challenge", "Cognito: a challenge is made", COGNITO
    ),
    Kind(
        "cognito-verify-challenge", "cognito/verify-auth-challenge", "Cognito: an answer is judged", COGNITO
    ),
    Kind("cognito-migrate-user", "cognito/migrate-user", "Cognito: an unknown user signs in", (USER,)),
    Kind("cognito-email-sender", "cognito/custom-email-sender", "Cognito: a mail is to be sent", COGNITO),
    Kind("cognito-sms-sender", "cognito/custom-sms-sender", "Cognito: a text message is to be sent", COGNITO),
    Kind("cognito-sync", "cognito/sync", "Cognito Sync: a dataset was synchronised"),
    Kind("alexa-launch", "alexa/launch", "an Alexa skill is opened"),
    Kind("alexa-intent", "alexa/intent", "an Alexa skill is asked for something"),
    Kind("alexa-session-ended", "alexa/session-ended", "an Alexa session ended"),
    Kind("alexa-smart-home-discovery", "alexa/smart-home-discovery", "Alexa looks for devices"),
    Kind("alexa-smart-home-turn-on", "alexa/smart-home-turn-on", "Alexa turns a device on"),
    Kind("step-functions", "stepfunctions/task", "a Step Functions task with its input"),
    Kind(
        "step-functions-error",
        "stepfunctions/error",
        "what a Step Functions state that catches an error gets",
    ),
    Kind("codecommit", "codecommit/reference-changes", "a push to a CodeCommit repository"),
    Kind("codepipeline", "codepipeline/job", "a CodePipeline job"),
    Kind("codedeploy", "codedeploy/lifecycle-hook", "a CodeDeploy lifecycle hook"),
    Kind("secrets-manager", "secretsmanager/rotation", "a step of rotating a secret", ROTATION),
    Kind("firehose", "firehose/transform", "Firehose: records to transform", TRANSFORM, records="records"),
    Kind(
        "firehose-kinesis",
        "firehose/transform-from-kinesis",
        "Firehose: records to transform, from a Kinesis stream",
        TRANSFORM,
        records="records",
    ),
    Kind("kafka-msk", "kafka/msk", "records of an Amazon MSK topic", KAFKA, records="records.clicks-0"),
    Kind(
        "kafka",
        "kafka/self-managed",
        "records of a Kafka topic of your own",
        KAFKA,
        records="records.clicks-0",
    ),
    Kind("activemq", "mq/activemq", "messages of an ActiveMQ queue", ACTIVEMQ, records="messages"),
    Kind("rabbitmq", "mq/rabbitmq", "messages of a RabbitMQ queue", RABBITMQ, records=RABBIT_QUEUE),
    Kind("documentdb", "documentdb/change", "changes of a DocumentDB collection", DOCUMENT, records="events"),
    Kind("lex", "lex/v2", "Amazon Lex version 2: an intent is to be fulfilled"),
    Kind("lex-v1", "lex/v1", "Amazon Lex version 1: an intent is to be fulfilled"),
    Kind("connect", "connect/contact-flow", "Amazon Connect: a contact flow calls a function"),
    Kind(
        "cloudfront-viewer-request",
        "cloudfront/viewer-request",
        "Lambda@Edge: a viewer's request",
        (EDGE_URI,),
    ),
    Kind(
        "cloudfront-origin-request",
        "cloudfront/origin-request",
        "Lambda@Edge: a request to the origin",
        (EDGE_URI,),
    ),
    Kind(
        "cloudfront-viewer-response",
        "cloudfront/viewer-response",
        "Lambda@Edge: the response to a viewer",
        (EDGE_URI,),
    ),
    Kind("appsync", "appsync/direct-resolver", "AppSync: a field is resolved"),
    Kind("appsync-authorizer", "appsync/authorizer", "AppSync: an authorizer is asked", (TOKEN,)),
    Kind("appsync-events", "appsync/events-publish", "AppSync Events: something was published"),
    Kind("bedrock-api", "bedrock/agent-api", "an Amazon Bedrock agent calls an API"),
    Kind("bedrock-function", "bedrock/agent-function", "an Amazon Bedrock agent calls a function"),
    Kind("transfer", "transfer/authorizer", "AWS Transfer Family: a user signs in"),
)
