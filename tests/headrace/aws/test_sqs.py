"""SQS on the endpoint: boto3 and a plain client."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.listener import listen
from headrace.aws.sqs import SqsWire
from tests.fakes.endpoint import Reply, name_the_handler, request
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.queue import Queue
from triggers.sqs.queue_registry import QueueRegistry
from triggers.sqs.settings import QueueSettings

ACCOUNT = Account()
ARN = "arn:aws:sqs:us-east-1:000000000000:"
QUEUES: dict[str, dict[str, Any]] = {
    "jobs": {"redrive_policy": {"dead_letter_target_arn": "queues.failures", "max_receive_count": 1}},
    "failures": {},
    "jobs.fifo": {},
    "small": {"maximum_message_size": 1024},
    "guarded": {
        "redrive_allow_policy": {"redrive_permission": "byQueue", "source_queue_arns": ["queues.jobs"]}
    },
}


@dataclass(frozen=True, slots=True)
class There:
    """The endpoint's address and what is behind it."""

    url: str
    queues: dict[str, Queue]
    client: Any

    def queue_url(self, name: str) -> str:
        return f"{self.url}/000000000000/{name}"

    async def call(self, operation: str, queue: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Call an operation with boto3, in another thread."""
        if queue is not None:
            parameters["QueueUrl"] = self.queue_url(queue)
        method = partial(getattr(self.client, operation), **parameters)
        answer: dict[str, Any] = await asyncio.get_running_loop().run_in_executor(None, method)
        answer.pop("ResponseMetadata")
        return answer

    async def refused(
        self, operation: str, queue: str | None = None, **parameters: Any
    ) -> tuple[str, str, int, str]:
        """Return code, text, status and JSON type of the error that an operation answers."""
        with pytest.raises(ClientError) as caught:
            await self.call(operation, queue, **parameters)
        found: Any = caught.value.response
        error = found["Error"]
        return (
            error["Code"],
            error["Message"],
            found["ResponseMetadata"]["HTTPStatusCode"],
            error.get("QueryErrorCode", ""),
        )

    async def post(self, operation: str, body: bytes) -> Reply:
        """Send a request as it is."""
        headers = {"X-Amz-Target": f"AmazonSQS.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        return await asyncio.get_running_loop().run_in_executor(
            None, partial(request, self.url, "POST", "/", body, headers)
        )


@pytest.fixture
async def there(clock: Clock, store: Store, feed: Feed) -> AsyncIterator[There]:
    settings = {name: QueueSettings.model_validate(each) for name, each in QUEUES.items()}
    registry = QueueRegistry({}, settings, ACCOUNT, store, clock, feed)
    await registry.open()
    queues = registry.queues
    listener = listen("127.0.0.1", 0)
    service = SqsWire(registry, ACCOUNT.account_id, listener.url).service()
    other = partial(name_the_handler, handler="other")
    async with Endpoint(listener, Handlers(other, other, other, {service.name: service.handle})) as endpoint:
        client = boto3.client(
            "sqs",
            endpoint_url=endpoint.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )
        yield There(endpoint.url, queues, client)
        client.close()


async def test_a_message_goes_there_and_back(there: There) -> None:
    attributes = {
        "Title": {"DataType": "String", "StringValue": "The Whistler"},
        "Author": {"DataType": "String", "StringValue": "John Grisham"},
        "WeeksOn": {"DataType": "Number", "StringValue": "6"},
        "Bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = await there.call(
        "send_message",
        "jobs",
        MessageBody="grüße",
        MessageAttributes=attributes,
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
    )
    assert set(sent) == {
        "MessageId",
        "MD5OfMessageBody",
        "MD5OfMessageAttributes",
        "MD5OfMessageSystemAttributes",
    }
    (message,) = (
        await there.call(
            "receive_message", "jobs", MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
        )
    )["Messages"]
    assert message["MessageId"] == sent["MessageId"]
    assert message["Body"] == "grüße"
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"].keys() == {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
        "AWSTraceHeader",
    }
    handle = message["ReceiptHandle"]
    assert (
        await there.call("change_message_visibility", "jobs", ReceiptHandle=handle, VisibilityTimeout=5) == {}
    )
    assert await there.call("delete_message", "jobs", ReceiptHandle=handle) == {}
    assert await there.queues["jobs"].count() == 0


async def test_an_empty_queue_answers_with_nothing(there: There) -> None:
    assert await there.call("receive_message", "jobs") == {}
    assert (await there.post("ReceiveMessage", json.dumps({"QueueUrl": "/jobs"}).encode())).body == b"{}"


async def test_a_long_poll_is_answered_by_the_next_send(there: There, clock: Clock) -> None:
    before = clock.now()
    polling = asyncio.create_task(there.call("receive_message", "jobs", WaitTimeSeconds=20))
    await there.call("get_queue_url", QueueName="jobs")  # the other request is under way by then
    await there.call("send_message", "jobs", MessageBody="a")
    assert (await polling)["Messages"][0]["Body"] == "a"
    assert clock.now() == before


@pytest.mark.parametrize(
    ("names", "shown", "md5"),
    [
        pytest.param([], set(), None, id="none"),
        pytest.param(["All"], {"Help.Me", "Hello", "General"}, "4c360f3fdafd970e05fae2f149d997f5", id="All"),
        pytest.param([".*"], {"Help.Me", "Hello", "General"}, "4c360f3fdafd970e05fae2f149d997f5", id=".*"),
        pytest.param(["Hel.*"], {"Help.Me", "Hello"}, "83fee93c1bcd8b9a5a923ffacdc636c7", id="a prefix"),
        pytest.param(
            ["Hello", "General"], {"Hello", "General"}, "fca026605781cb4126a1e9044df24232", id="names"
        ),
        pytest.param(
            ["Hello", "Nobody"], {"Hello"}, "a311262e065454b75da111d535b8dacd", id="one unknown name"
        ),
        pytest.param(["Nobody"], set(), None, id="unknown names only"),
    ],
)
async def test_the_md5_is_that_of_the_attributes_shown(
    there: There, names: list[str], shown: set[str], md5: str | None
) -> None:
    """[recorded: test_receive_message_message_attribute_names_filters]"""
    attributes = {"Help.Me": "Me", "Hello": "There", "General": "Kenobi"}
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    await there.call("send_message", "jobs", MessageBody="msg", MessageAttributes=typed)
    (message,) = (await there.call("receive_message", "jobs", MessageAttributeNames=names))["Messages"]
    assert set(message.get("MessageAttributes", {})) == shown
    assert message.get("MD5OfMessageAttributes") == md5


async def test_fifo_messages_carry_their_numbers(there: There) -> None:
    sent = await there.call(
        "send_message", "jobs.fifo", MessageBody="a", MessageGroupId="g", MessageDeduplicationId="1"
    )
    (message,) = (await there.call("receive_message", "jobs.fifo", AttributeNames=["All"]))["Messages"]
    assert message["Attributes"]["SequenceNumber"] == sent["SequenceNumber"]
    assert message["Attributes"]["MessageGroupId"] == "g"


async def test_batches_say_what_became_of_each_entry(there: There) -> None:
    """[recorded: test_send_batch_message_size]"""
    answer = await there.call(
        "send_message_batch",
        "small",
        Entries=[{"Id": "1", "MessageBody": "x" * 1025}, {"Id": "2", "MessageBody": "fine"}],
    )
    assert answer["Failed"] == [
        {
            "Id": "1",
            "SenderFault": True,
            "Code": "InvalidParameterValue",
            "Message": "One or more parameters cannot be validated. "
            "Reason: Message must be shorter than 1024 bytes.",
        }
    ]
    assert [entry["Id"] for entry in answer["Successful"]] == ["2"]
    (message,) = (await there.call("receive_message", "small"))["Messages"]
    handle = message["ReceiptHandle"]
    entries = [{"Id": "a", "ReceiptHandle": handle}, {"Id": "b", "ReceiptHandle": "nonsense"}]
    for operation, more in (
        ("change_message_visibility_batch", {"VisibilityTimeout": 9}),
        ("delete_message_batch", {}),
    ):
        answer = await there.call(operation, "small", Entries=[entry | more for entry in entries])
        assert answer["Successful"] == [{"Id": "a"}]
        assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [
            ("b", "ReceiptHandleIsInvalid")
        ]
    assert await there.queues["small"].count() == 0


TWENTY = [{"Id": str(number)} for number in range(20)]


@pytest.mark.parametrize(
    ("operation", "queue", "parameters", "expected"),
    [
        pytest.param(
            "send_message",
            "nowhere",
            {"MessageBody": "x"},
            (
                "AWS.SimpleQueueService.NonExistentQueue",
                "The specified queue does not exist.",
                400,
                "QueueDoesNotExist",
            ),
            id="no such queue",
        ),
        *(
            pytest.param(
                operation,
                "jobs",
                {"Entries": TWENTY},
                (
                    "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
                    "Maximum number of entries per request are 10. You have sent 20.",
                    400,
                    "TooManyEntriesInBatchRequest",
                ),
                id=f"{operation} of twenty",
            )
            for operation in ("send_message_batch", "delete_message_batch", "change_message_visibility_batch")
        ),
        pytest.param(
            "delete_message_batch",
            "jobs",
            {"Entries": [{"Id": "invalid:id", "ReceiptHandle": "x"}]},
            (
                "AWS.SimpleQueueService.InvalidBatchEntryId",
                (
                    "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It"
                    " can be at most 80 letters long."
                ),
                400,
                "InvalidBatchEntryId",
            ),
            id="a colon in an id",
        ),
        pytest.param(
            "send_message_batch",
            "jobs",
            {"Entries": [{"Id": "1", "MessageBody": "x"}] * 2},
            (
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
                "Id 1 repeated.",
                400,
                "BatchEntryIdsNotDistinct",
            ),
            id="an id twice",
        ),
        pytest.param(
            "send_message_batch",
            "jobs",
            {"Entries": []},
            (
                "AWS.SimpleQueueService.EmptyBatchRequest",
                "There should be at least one SendMessageBatchRequestEntry in the request.",
                400,
                "EmptyBatchRequest",
            ),
            id="an empty batch",
        ),
        pytest.param(
            "send_message_batch",
            "jobs",
            {
                "Entries": [
                    {"Id": "1", "MessageBody": "x" * 1_048_576},
                    {"Id": "2", "MessageBody": "x"},
                ]
            },
            (
                "AWS.SimpleQueueService.BatchRequestTooLong",
                "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
                400,
                "BatchRequestTooLong",
            ),
            id="a batch that is too large",
        ),
        pytest.param(
            "send_message_batch",
            "jobs.fifo",
            {"Entries": [{"Id": "1", "MessageBody": "x", "MessageDeduplicationId": "1"}]},
            (
                "InvalidParameterValue",
                "The request must contain the parameter MessageGroupId.",
                400,
                "InvalidParameterValueException",
            ),
            id="a batch without a group",
        ),
        pytest.param(
            "send_message_batch",
            "jobs.fifo",
            {"Entries": [{"Id": "1", "MessageBody": "x", "MessageGroupId": "1"}]},
            (
                "InvalidParameterValue",
                (
                    "The queue should either have ContentBasedDeduplication enabled or"
                    " MessageDeduplicationId provided explicitly"
                ),
                400,
                "InvalidParameterValueException",
            ),
            id="a batch without a deduplication id",
        ),
        pytest.param(
            "send_message",
            "small",
            {"MessageBody": "x" * 1025},
            (
                "InvalidParameterValue",
                "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.",
                400,
                "InvalidParameterValueException",
            ),
            id="a large message",
        ),
        pytest.param(
            "receive_message",
            "jobs",
            {"WaitTimeSeconds": 21},
            (
                "InvalidParameterValue",
                (
                    "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if "
                    "provided."
                ),
                400,
                "InvalidParameterValueException",
            ),
            id="a long wait",
        ),
        pytest.param(
            "receive_message",
            "jobs",
            {"MaxNumberOfMessages": 11},
            (
                "InvalidParameterValue",
                (
                    "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10,"
                    " if provided."
                ),
                400,
                "InvalidParameterValueException",
            ),
            id="eleven messages",
        ),
        pytest.param(
            "receive_message",
            "jobs",
            {"AttributeNames": ["Colour"]},
            ("InvalidAttributeName", "Unknown Attribute Colour.", 400, ""),
            id="an unknown attribute of messages",
        ),
        pytest.param(
            "get_queue_attributes",
            "jobs",
            {"AttributeNames": ["Colour"]},
            ("InvalidAttributeName", "Unknown Attribute Colour.", 400, ""),
            id="an unknown attribute of queues",
        ),
        pytest.param(
            "start_message_move_task",
            None,
            {"SourceArn": f"{ARN}nowhere"},
            (
                "ResourceNotFoundException",
                "The resource that you specified for the SourceArn parameter doesn't exist.",
                404,
                "",
            ),
            id="nothing to move from",
        ),
        pytest.param(
            "start_message_move_task",
            None,
            {"SourceArn": f"{ARN}jobs"},
            (
                "InvalidParameterValue",
                "Source queue must be configured as a Dead Letter Queue.",
                400,
                "InvalidParameterValueException",
            ),
            id="moving from what is no dead-letter queue",
        ),
    ],
)
async def test_errors_have_the_codes_of_both_protocols(
    there: There,
    operation: str,
    queue: str | None,
    parameters: dict[str, Any],
    expected: tuple[str, str, int, str],
) -> None:
    code, text, status, json_type = await there.refused(operation, queue, **parameters)
    assert (code, text, status) == expected[:3]
    if expected[3]:
        assert json_type == expected[3]


async def test_an_error_as_it_is_on_the_wire(there: There) -> None:
    reply = await there.post("DeleteMessage", json.dumps({"QueueUrl": there.queue_url("gone")}).encode())
    assert reply.status == 400
    assert json.loads(reply.body) == {
        "__type": "com.amazonaws.sqs#QueueDoesNotExist",
        "message": "The specified queue does not exist.",
    }
    assert reply.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert reply.headers["content-type"] == "application/x-amz-json-1.0"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param({}, "The request must contain the parameter QueueUrl.", id="no queue"),
        pytest.param(
            {"QueueUrl": "/jobs"}, "The request must contain the parameter MessageBody.", id="no body"
        ),
        pytest.param({"QueueUrl": "/jobs", "MessageBody": 5}, "MessageBody must be a string", id="no text"),
        pytest.param(
            {"QueueUrl": "/111122223333/jobs", "MessageBody": "x"},
            "The specified queue does not exist.",
            id="of another account",
        ),
        pytest.param(
            {"QueueUrl": "/jobs", "MessageBody": "x", "Colour": "red"},
            "Colour is not simulated by Headrace.",
            id="what is not known",
        ),
        pytest.param(
            {
                "QueueUrl": "/jobs",
                "MessageBody": "x",
                "MessageSystemAttributes": {"Colour": {"DataType": "String", "StringValue": "red"}},
            },
            "Message system attribute name 'Colour' is invalid.",
            id="an unknown system attribute",
        ),
    ],
)
async def test_requests_that_are_incomplete_or_wrong(there: There, body: dict[str, Any], text: str) -> None:
    reply = await there.post("SendMessage", json.dumps(body).encode())
    assert reply.status == 400
    assert json.loads(reply.body)["message"] == text


async def test_an_operation_that_is_not_simulated_is_named(there: There) -> None:
    reply = await there.post("ConsumeQueue", b"{}")
    assert reply.status == 501
    assert json.loads(reply.body) == {
        "__type": "NotImplementedException",
        "message": "AmazonSQS ConsumeQueue is not simulated by Headrace.",
    }


async def test_queues_are_found_and_listed(there: There) -> None:
    assert await there.call("get_queue_url", QueueName="jobs.fifo") == {
        "QueueUrl": there.queue_url("jobs.fifo")
    }
    listed = await there.call("list_queues")
    assert listed == {"QueueUrls": [there.queue_url(name) for name in sorted(QUEUES)]}
    first = await there.call("list_queues", QueueNamePrefix="jobs", MaxResults=1)
    assert first["QueueUrls"] == [there.queue_url("jobs")]
    rest = await there.call("list_queues", QueueNamePrefix="jobs", MaxResults=1, NextToken=first["NextToken"])
    assert rest == {"QueueUrls": [there.queue_url("jobs.fifo")]}
    assert await there.call("list_queues", QueueNamePrefix="none") == {}
    sources = await there.call("list_dead_letter_source_queues", "failures")
    assert sources == {"queueUrls": [there.queue_url("jobs")]}


async def test_attributes_are_shown_as_text(there: There) -> None:
    queue = there.queues["jobs"]
    await queue.send([OutgoingMessage("a"), OutgoingMessage("b", delay=timedelta(seconds=5))])
    found = await there.call("get_queue_attributes", "jobs", AttributeNames=["All"])
    assert found["Attributes"] == {
        "QueueArn": f"{ARN}jobs",
        "VisibilityTimeout": "30",
        "DelaySeconds": "0",
        "MessageRetentionPeriod": "345600",
        "MaximumMessageSize": "1048576",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "RedrivePolicy": f'{{"deadLetterTargetArn":"{ARN}failures","maxReceiveCount":1}}',
        "CreatedTimestamp": "1767225600",
        "LastModifiedTimestamp": "1767225600",
        "ApproximateNumberOfMessages": "1",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "1",
    }
    found = await there.call(
        "get_queue_attributes", "jobs.fifo", AttributeNames=["FifoQueue", "RedrivePolicy"]
    )
    assert found == {"Attributes": {"FifoQueue": "true"}}
    assert await there.call("get_queue_attributes", "jobs") == {}


async def test_changed_attributes_take_effect(there: There) -> None:
    await there.call(
        "set_queue_attributes",
        "small",
        Attributes={
            "VisibilityTimeout": "5",
            "MaximumMessageSize": "1024",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{ARN}failures", "maxReceiveCount": "1"}),
        },
    )
    queue = there.queues["small"]
    assert queue.visibility_timeout == timedelta(seconds=5)
    await queue.send([OutgoingMessage("x" * 1024)])
    for _ in range(2):
        await queue.receive_messages(1)
        await asyncio.sleep(5)
    assert await there.queues["failures"].count() == 1
    await there.call("set_queue_attributes", "small", Attributes={"RedrivePolicy": ""})
    assert queue.attributes.redrive_policy is None


@pytest.mark.parametrize(
    ("queue", "attributes", "code", "text"),
    [
        pytest.param(
            "jobs",
            {"FifoQueue": "true"},
            "InvalidAttributeName",
            "Unknown Attribute FifoQueue.",
            id="the kind",
        ),
        pytest.param(
            "jobs.fifo",
            {"FifoQueue": "false"},
            "InvalidAttributeValue",
            "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
            id="the kind of a FIFO queue",
        ),
        pytest.param(
            "jobs",
            {"ContentBasedDeduplication": "true"},
            "InvalidAttributeName",
            "Unknown Attribute ContentBasedDeduplication.",
            id="an attribute of FIFO queues",
        ),
        pytest.param(
            "jobs",
            {"DeduplicationScope": "queue"},
            "InvalidAttributeName",
            "You can specify the DeduplicationScope only when FifoQueue is set to true.",
            id="another",
        ),
        pytest.param(
            "jobs",
            {"VisibilityTimeout": "43201"},
            "InvalidAttributeValue",
            "Invalid value for the parameter VisibilityTimeout.",
            id="a number that is too large",
        ),
        pytest.param(
            "jobs",
            {"DelaySeconds": "soon"},
            "InvalidAttributeValue",
            "Invalid value for the parameter DelaySeconds.",
            id="no number",
        ),
        pytest.param(
            "jobs",
            {"RedrivePolicy": "[]"},
            "InvalidAttributeValue",
            "Invalid value for the parameter RedrivePolicy.",
            id="no policy",
        ),
        pytest.param(
            "jobs",
            {"RedrivePolicy": f'{{"deadLetterTargetArn":"{ARN}none","maxReceiveCount":1}}'},
            "InvalidParameterValue",
            "Dead letter target does not exist.",
            id="a dead-letter queue that is not there",
        ),
        pytest.param(
            "jobs",
            {"RedrivePolicy": f'{{"deadLetterTargetArn":"{ARN}jobs.fifo","maxReceiveCount":1}}'},
            "InvalidParameterValue",
            "must be same type of queue as the source",
            id="a dead-letter queue of the other kind",
        ),
        pytest.param(
            "small",
            {"RedrivePolicy": f'{{"deadLetterTargetArn":"{ARN}guarded","maxReceiveCount":1}}'},
            "InvalidParameterValue",
            "does not have permission",
            id="a dead-letter queue for others",
        ),
        pytest.param(
            "jobs",
            {"KmsMasterKeyId": "key", "SqsManagedSseEnabled": "true"},
            "InvalidAttributeValue",
            "You can use one type of server-side encryption (SSE) at one time.",
            id="two ways of encryption",
        ),
        pytest.param(
            "jobs",
            {"Policy": "[]"},
            "InvalidAttributeValue",
            "Invalid value for the parameter Policy.",
            id="a policy that is none",
        ),
        pytest.param(
            "jobs",
            {"KmsDataKeyReusePeriodSeconds": "59"},
            "InvalidAttributeValue",
            "Invalid value for the parameter KmsDataKeyReusePeriodSeconds.",
            id="a key that is used anew too soon",
        ),
        pytest.param(
            "small",
            {"MaximumMessageSize": "2048"},
            "InvalidAttributeValue",
            "headrace.toml declares it for queues.small.",
            id="what the configuration fixes",
        ),
    ],
)
async def test_attributes_that_cannot_be_changed(
    there: There, queue: str, attributes: dict[str, str], code: str, text: str
) -> None:
    before = there.queues[queue].attributes
    found = await there.refused("set_queue_attributes", queue, Attributes=attributes)
    assert found[0] == code
    assert text in found[1]
    assert there.queues[queue].attributes == before


async def test_purging_answers_with_an_error_the_second_time(there: There) -> None:
    await there.queues["jobs"].send([OutgoingMessage("a")])
    assert await there.call("purge_queue", "jobs") == {}
    assert await there.queues["jobs"].count() == 0
    assert await there.refused("purge_queue", "jobs") == (
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        "Only one PurgeQueue operation on jobs is allowed every 60 seconds.",
        403,
        "PurgeQueueInProgress",
    )


async def test_dead_letters_are_moved_back(there: There) -> None:
    jobs, failures = there.queues["jobs"], there.queues["failures"]
    await jobs.send([OutgoingMessage("a")])
    for _ in range(2):
        await jobs.receive_messages(1, visibility_timeout=timedelta())
    assert await failures.count() == 1
    answer = await there.call("start_message_move_task", SourceArn=failures.arn)
    assert answer["TaskHandle"]
    assert (await failures.count(), await jobs.count()) == (0, 1)
