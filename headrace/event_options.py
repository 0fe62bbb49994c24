"""The options that kinds of events have on the command line, and which fields of the event they set.

A field is a path (headrace/event_path.py) and what to put there: a template for the value, or a function of
it.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from engine.arn import Account
from engine.value import dataclass
from triggers.s3.key_encoding import encode_key

ACCOUNT = Account()


@dataclass(frozen=True, slots=True)
class Option:
    """A command line option of a kind: `fields` are all the places that its value goes to."""

    name: str
    about: str
    fields: Mapping[str, str | Callable[[str], Any]]

    def below(self, path: str) -> "Option":
        """Return the same option for an event that lies inside another one, at `path`."""
        return Option(self.name, self.about, {f"{path}.{field}": what for field, what in self.fields.items()})


def as_base64(value: str) -> str:
    """Return the base64 of a text's UTF-8."""
    return base64.b64encode(value.encode()).decode()


def as_json(value: str) -> Any:
    """Return the value of a JSON text. Raises ValueError that says what is wrong with it."""
    try:
        return json.loads(value)
    except ValueError as problem:
        raise ValueError(f"it is not JSON: {problem}") from None


def as_bytes_count(value: str) -> int:
    """Return a number of bytes. Raises ValueError that says what is wrong with it."""
    if not value.isdecimal():
        raise ValueError("a whole number is needed")
    return int(value)


def arn(service: str, resource: str) -> str:
    """Return an ARN of the account that the examples are in."""
    return f"arn:aws:{service}:{ACCOUNT.region}:{ACCOUNT.account_id}:{resource}"


S3_OBJECT = "Records[*].s3.object"
BUCKET_FIELDS: dict[str, str | Callable[[str], Any]] = {
    "Records[*].s3.bucket.name": "{}",
    "Records[*].s3.bucket.arn": "arn:aws:s3:::{}",
}
S3_NAME = (
    Option("bucket", "The bucket's name.", BUCKET_FIELDS),
    Option("key", "The object's key, as it is; the event has it encoded.", {f"{S3_OBJECT}.key": encode_key}),
)
S3_SIZE = Option("size", "The object's size in bytes.", {f"{S3_OBJECT}.size": as_bytes_count})
S3_ETAG = Option("etag", "The object's entity tag.", {f"{S3_OBJECT}.eTag": "{}"})
S3_VERSION = Option("version", "The object's version id.", {f"{S3_OBJECT}.versionId": "{}"})
S3 = (*S3_NAME, S3_SIZE, S3_ETAG)
S3_IN_SQS = tuple(option.below("Records[*].body") for option in S3)
S3_IN_SNS = tuple(option.below("Records[*].Sns.Message") for option in S3)

DETAIL = "detail.object"
BRIDGE_S3_NAME = (
    Option("bucket", "The bucket's name.", {"detail.bucket.name": "{}", "resources[0]": "arn:aws:s3:::{}"}),
    Option("key", "The object's key.", {f"{DETAIL}.key": "{}"}),
)
BRIDGE_S3 = (
    *BRIDGE_S3_NAME,
    Option("size", "The object's size in bytes.", {f"{DETAIL}.size": as_bytes_count}),
)
BRIDGE = (
    Option("source", "Who sent the event.", {"source": "{}"}),
    Option("detail-type", "What sort of event it is.", {"detail-type": "{}"}),
    Option("detail", "The event itself, a JSON object.", {"detail": as_json}),
)
QUEUE = Option("queue", "The queue's name.", {"Records[*].eventSourceARN": arn("sqs", "{}")})
BODY = Option("body", "The message.", {"Records[*].body": "{}"})
SQS = (BODY, QUEUE)
GROUP = Option("group", "The message group id.", {"Records[*].attributes.MessageGroupId": "{}"})
TOPIC = "Records[*].Sns"
SNS = (
    Option("message", "The message.", {f"{TOPIC}.Message": "{}"}),
    Option("subject", "The subject.", {f"{TOPIC}.Subject": "{}"}),
    Option("topic", "The topic's name.", {f"{TOPIC}.TopicArn": arn("sns", "{}")}),
)
SNS_IN_SQS = (
    Option("message", "The message.", {"Records[*].body.Message": "{}"}),
    Option("subject", "The subject.", {"Records[*].body.Subject": "{}"}),
    Option("topic", "The topic's name.", {"Records[*].body.TopicArn": arn("sns", "{}")}),
    QUEUE,
)
STREAM = Option("stream", "The stream's name.", {"Records[*].eventSourceARN": arn("kinesis", "stream/{}")})
PARTITION = Option("partition-key", "The partition key.", {"Records[*].kinesis.partitionKey": "{}"})
KINESIS = (
    Option("data", "The data, as it is; the event has its base64.", {"Records[*].kinesis.data": as_base64}),
    PARTITION,
    STREAM,
)
TABLE_STREAM = arn("dynamodb", "table/{}/stream/2026-01-01T00:00:00.000")
TABLE = Option("table", "The table's name.", {"Records[*].eventSourceARN": TABLE_STREAM})
NEW_IMAGE = Option(
    "new-image",
    'The item after the change, such as {"id":{"S":"1"}}.',
    {"Records[*].dynamodb.NewImage": as_json},
)
OLD_IMAGE = Option("old-image", "The item before the change.", {"Records[*].dynamodb.OldImage": as_json})
KEYS = Option("keys", 'The item\'s key, such as {"id":{"S":"1"}}.', {"Records[*].dynamodb.Keys": as_json})
HTTP_BODY = Option("body", "The request's body.", {"body": "{}"})
REST = (
    HTTP_BODY,
    Option("path", "The request's path.", {"path": "{}", "requestContext.path": "/test{}"}),
    Option("method", "GET, POST ...", {"httpMethod": "{}", "requestContext.httpMethod": "{}"}),
)
HTTP = (
    HTTP_BODY,
    Option("path", "The request's path.", {"rawPath": "{}", "requestContext.http.path": "{}"}),
    Option("method", "GET, POST ...", {"requestContext.http.method": "{}"}),
)
ALB = (
    HTTP_BODY,
    Option("path", "The request's path.", {"path": "{}"}),
    Option("method", "GET, POST ...", {"httpMethod": "{}"}),
)
LATTICE = (HTTP_BODY, Option("method", "GET, POST ...", {"method": "{}"}))
TOKEN = Option("token", "The caller's token.", {"authorizationToken": "{}"})
LOG_GROUP = Option("log-group", "The log group.", {"awslogs.data.logGroup": "{}"})
LOG_MESSAGE = Option("message", "The text of every log event.", {"awslogs.data.logEvents[*].message": "{}"})
TRANSFORM = (
    Option("data", "The data, as it is; the event carries its base64.", {"records[*].data": as_base64}),
    Option("stream", "The delivery stream.", {"deliveryStreamArn": arn("firehose", "deliverystream/{}")}),
)
KAFKA = (
    Option("key", "The record's key.", {"records.clicks-0[*].key": as_base64}),
    Option("data", "The record's value.", {"records.clicks-0[*].value": as_base64}),
)
USER = Option("user", "The user's name.", {"userName": "{}"})
EMAIL = Option("email", "The user's address.", {"request.userAttributes.email": "{}"})
COGNITO = (USER, EMAIL)
RULE = Option("rule", "The rule's name.", {"resources[0]": arn("events", "rule/{}")})
SCHEDULE = Option(
    "schedule", "The schedule's name.", {"resources[0]": arn("scheduler", "schedule/default/{}")}
)
ROTATION = (
    Option("step", "createSecret, setSecret, testSecret or finishSecret.", {"Step": "{}"}),
    Option("secret", "The secret's name.", {"SecretId": arn("secretsmanager", "secret:{}-a1b2c3")}),
)
RESULT = Option("payload", "The event that the function got.", {"requestPayload": as_json})
EDGE_URI = Option("uri", "The path.", {"Records[0].cf.request.uri": "{}"})
BATCH_KEY = Option("key", "The object's key.", {"tasks[*].s3Key": encode_key})
BATCH = (Option("bucket", "The bucket's name.", {"tasks[*].s3BucketArn": "arn:aws:s3:::{}"}), BATCH_KEY)
BATCH_V2 = (Option("bucket", "The bucket's name.", {"tasks[*].s3Bucket": "{}"}), BATCH_KEY)
RABBIT_QUEUE = "rmqMessagesByQueue.orders::/"
ACTIVEMQ = (Option("body", "The message.", {"messages[*].data": as_base64}),)
RABBITMQ = (Option("body", "The message.", {f"{RABBIT_QUEUE}[*].data": as_base64}),)
DOCUMENT = (Option("document", "The document, a JSON object.", {"events[*].event.fullDocument": as_json}),)
RECORDS = "Records"
