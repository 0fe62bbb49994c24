"""SQS in the Query protocol: forms as they are, and botocore's own writer and reader of them."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from headrace.aws.sqs_query import query_model
from tests.fakes.channels_endpoint import ChannelsEndpoint, channels_endpoint
from tests.fakes.endpoint import Reply

ARN = "arn:aws:sqs:us-east-1:000000000000:"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SIGNED = {
    **FORM,
    "Authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/sqs/aws4_request, Signature=0",
}
JOBS = "/000000000000/jobs"


@pytest.fixture
async def there(clock: Clock, store: Store, feed: Feed) -> AsyncIterator[ChannelsEndpoint]:
    queues: dict[str, dict[str, Any]] = {"jobs": {}, "orders.fifo": {}}
    async with channels_endpoint(clock, store, feed, queues=queues, streams={}) as endpoint:
        yield endpoint


def older_model() -> ServiceModel:
    """The service as botocore described it while its clients spoke this protocol."""
    model = query_model()
    metadata = {**model["metadata"], "protocol": "query", "protocols": ["query"]}
    operations = {
        name: {
            **each,
            **({"output": {**each["output"], "resultWrapper": f"{name}Result"}} if "output" in each else {}),
        }
        for name, each in model["operations"].items()
    }
    return ServiceModel({**model, "metadata": metadata, "operations": operations}, "sqs")


async def older_client(there: ChannelsEndpoint, operation: str, **parameters: Any) -> dict[str, Any]:
    """Call an operation as an older SDK does."""
    described = older_model().operation_model(operation)
    written = create_serializer("query", include_validation=False).serialize_to_request(parameters, described)
    reply = await there.send("POST", "/", urlencode(written["body"]).encode(), SIGNED)
    shape = described.output_shape
    if shape is None:
        assert reply.status == 200
        return {}
    response = {"status_code": reply.status, "headers": {}, "body": reply.body}
    parsed: dict[str, Any] = create_parser("query").parse(response, shape)
    metadata = parsed.pop("ResponseMetadata")
    assert metadata["RequestId"]
    return parsed


async def form(there: ChannelsEndpoint, path: str, **fields: str) -> Reply:
    return await there.send("POST", path, urlencode(fields).encode(), FORM)


async def test_an_older_client_sends_receives_and_deletes(there: ChannelsEndpoint) -> None:
    url = (await older_client(there, "GetQueueUrl", QueueName="jobs"))["QueueUrl"]
    assert url == there.queue_url("jobs")
    attributes = {
        "Title": {"DataType": "String", "StringValue": "a <b> & c"},
        "Bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    body = "line\r\n<tag> & grüße"
    sent = await older_client(
        there, "SendMessage", QueueUrl=url, MessageBody=body, DelaySeconds=0, MessageAttributes=attributes
    )
    received = await older_client(
        there,
        "ReceiveMessage",
        QueueUrl=url,
        MaxNumberOfMessages=10,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    (message,) = received["Messages"]
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Body"] == body
    assert message["MessageAttributes"] == attributes
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    handle = message["ReceiptHandle"]
    await older_client(
        there, "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=5
    )
    await older_client(there, "DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
    assert await there.queues.queues["jobs"].count() == 0


async def test_an_older_client_sends_and_deletes_batches(there: ChannelsEndpoint) -> None:
    url = there.queue_url("jobs")
    entries = [{"Id": str(number), "MessageBody": f"m{number}"} for number in range(10)]
    sent = await older_client(there, "SendMessageBatch", QueueUrl=url, Entries=entries)
    assert [each["Id"] for each in sent["Successful"]] == [str(number) for number in range(10)]
    received = await older_client(there, "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    handles = [message["ReceiptHandle"] for message in received["Messages"]]
    ended = await older_client(
        there,
        "DeleteMessageBatch",
        QueueUrl=url,
        Entries=[{"Id": "a", "ReceiptHandle": handles[0]}, {"Id": "b", "ReceiptHandle": "nonsense"}],
    )
    assert ended["Successful"] == [{"Id": "a"}]
    (failed,) = ended["Failed"]
    assert (failed["Id"], failed["SenderFault"], failed["Code"]) == ("b", True, "ReceiptHandleIsInvalid")


async def test_an_older_client_makes_and_describes_queues(there: ChannelsEndpoint) -> None:
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}jobs", "maxReceiveCount": 3})
    attributes = {"VisibilityTimeout": "7", "RedrivePolicy": policy}
    made = await older_client(
        there, "CreateQueue", QueueName="made", Attributes=attributes, tags={"team": "a", "x": "y"}
    )
    url = made["QueueUrl"]
    found = await older_client(
        there, "GetQueueAttributes", QueueUrl=url, AttributeNames=["VisibilityTimeout", "QueueArn"]
    )
    assert found == {"Attributes": {"VisibilityTimeout": "7", "QueueArn": f"{ARN}made"}}
    await older_client(there, "UntagQueue", QueueUrl=url, TagKeys=["x"])
    assert await older_client(there, "ListQueueTags", QueueUrl=url) == {"Tags": {"team": "a"}}
    listed = await older_client(there, "ListQueues", QueueNamePrefix="ma")
    assert listed == {"QueueUrls": [url]}
    sources = await older_client(there, "ListDeadLetterSourceQueues", QueueUrl=there.queue_url("jobs"))
    assert sources == {"queueUrls": [url]}
    await older_client(
        there,
        "AddPermission",
        QueueUrl=url,
        Label="a",
        AWSAccountIds=["111111111111", "222222222222"],
        Actions=["SendMessage"],
    )
    assert "222222222222" in there.queues.queues["made"].attributes.without_effect["Policy"]
    await older_client(there, "DeleteQueue", QueueUrl=url)
    assert "made" not in there.queues.queues


async def test_unsigned_forms_reach_the_queue_that_they_are_sent_to(there: ChannelsEndpoint) -> None:
    for reply in (
        await form(there, JOBS, Action="SendMessage", MessageBody="a"),
        await form(there, "/", Action="SendMessage", MessageBody="b", QueueUrl=there.queue_url("jobs")),
        await there.send("GET", f"{JOBS}?Action=SendMessage&MessageBody=c", None, {}),
        await there.send("GET", f"{JOBS}?Action=SendMessage&Version=2012-11-05&MessageBody=d", None, SIGNED),
    ):
        assert reply.status == 200, reply.body
        assert b"<SendMessageResponse xmlns=" in reply.body
    assert [message.body for message in await there.queues.queues["jobs"].peek(9)] == ["a", "b", "c", "d"]


async def test_other_names_of_this_machine_will_do(there: ChannelsEndpoint) -> None:
    for host in ("localhost:4566", "sqs.us-east-1.localhost:4566", "us-east-1.queue.localhost"):
        body = urlencode({"Action": "SendMessage", "MessageBody": host}).encode()
        assert (await there.send("POST", JOBS, body, {**FORM, "Host": host})).status == 200
    assert await there.queues.queues["jobs"].count() == 3


async def test_forms_for_nobody_in_particular_go_where_they_went_before(there: ChannelsEndpoint) -> None:
    reply = await form(there, "/bucket/key", Action="Dance")
    assert reply.body == b"other POST /bucket/key"


@pytest.mark.parametrize(
    ("path", "fields", "status", "code", "text"),
    [
        pytest.param(
            "/000000000000/none",
            {"Action": "SendMessage", "MessageBody": "a"},
            400,
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist for this wsdl version.",
            id="a queue that is not there",
        ),
        pytest.param(
            JOBS,
            {"Action": "SendMessage"},
            400,
            "MissingParameter",
            "The request must contain the parameter MessageBody.",
            id="a parameter that is missing",
        ),
        pytest.param(
            JOBS,
            {"Action": "ReceiveMessage", "WaitTimeSeconds": "21"},
            400,
            "InvalidParameterValue",
            "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be &gt;= 0 and &lt;= 20, if"
            " provided.",
            id="a number that is too large",
        ),
        pytest.param(
            JOBS,
            {"Action": "ReceiveMessage", "WaitTimeSeconds": "long"},
            400,
            "MalformedInput",
            "WaitTimeSeconds must be a whole number",
            id="a number that is none",
        ),
        pytest.param(
            JOBS,
            {"Action": "SendMessage", "MessageBody": "a", "Colour": "red"},
            400,
            "MalformedInput",
            "Colour is not simulated by Headrace.",
            id="a parameter that nobody knows",
        ),
        pytest.param(
            JOBS,
            {"Action": "Dance", "Version": "2012-11-05"},
            400,
            "InvalidAction",
            "Could not find operation Dance for version 2012-11-05",
            id="an action that nobody knows",
        ),
        pytest.param(
            "/",
            {"Action": "SendMessageBatch", "QueueUrl": JOBS, "SendMessageBatchRequestEntry.1": "a"},
            400,
            "MalformedInput",
            "SendMessageBatchRequestEntry.1 must be followed by the names of its members",
            id="an entry that is text",
        ),
    ],
)
async def test_errors_have_the_codes_of_their_time(
    there: ChannelsEndpoint, path: str, fields: dict[str, str], status: int, code: str, text: str
) -> None:
    reply = await form(there, path, **fields)
    assert reply.status == status
    assert reply.headers["content-type"] == "text/xml"
    found = reply.body.decode()
    assert f"<Type>Sender</Type><Code>{code}</Code><Message>{text}</Message>" in found
