"""Making, describing, changing and deleting queues on the endpoint, with boto3."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from headrace.aws.service_model import service_model
from headrace.aws.sqs import SqsWire
from tests.fakes.channels_endpoint import ChannelsEndpoint, channels_endpoint

ARN = "arn:aws:sqs:us-east-1:000000000000:"
UNSUPPORTED = "AWS.SimpleQueueService.UnsupportedOperation"


@pytest.fixture
async def there(clock: Clock, store: Store, feed: Feed) -> AsyncIterator[ChannelsEndpoint]:
    queues = {"declared": {"visibility_timeout": 5}}
    async with channels_endpoint(clock, store, feed, queues=queues, streams={}) as endpoint:
        yield endpoint


async def test_every_operation_of_the_service_is_answered(there: ChannelsEndpoint) -> None:
    answered = SqsWire(there.queues, "000000000000", there.url).operations
    assert answered.keys() == service_model("sqs", "2012-11-05")["operations"].keys()


async def test_a_queue_is_made_used_and_deleted(there: ChannelsEndpoint) -> None:
    made = await there.sqs(
        "create_queue", QueueName="made", Attributes={"DelaySeconds": "1"}, tags={"team": "a"}
    )
    assert made == {"QueueUrl": there.queue_url("made")}
    assert await there.sqs("get_queue_url", QueueName="made") == made
    assert await there.sqs("list_queue_tags", "made") == {"Tags": {"team": "a"}}
    await there.sqs("send_message", "made", MessageBody="a", DelaySeconds=0)
    assert len((await there.sqs("receive_message", "made"))["Messages"]) == 1

    assert await there.sqs("delete_queue", "made") == {}
    gone = ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
    assert await there.refused("sqs", "delete_queue", QueueUrl=made["QueueUrl"]) == gone
    assert await there.refused("sqs", "receive_message", QueueUrl=made["QueueUrl"]) == gone
    code, text = await there.refused("sqs", "create_queue", QueueName="made")
    assert code == "AWS.SimpleQueueService.QueueDeletedRecently"
    assert text.startswith("You must wait 60 seconds after deleting a queue")


async def test_a_long_poll_on_a_queue_that_is_deleted_ends_with_an_error(there: ChannelsEndpoint) -> None:
    url = there.queue_url("made")
    await there.sqs("create_queue", QueueName="made")
    polling = asyncio.create_task(there.refused("sqs", "receive_message", QueueUrl=url, WaitTimeSeconds=20))
    await there.sqs("get_queue_url", QueueName="made")  # the other request is under way by then
    await there.sqs("delete_queue", "made")
    assert (await polling)[0] == "AWS.SimpleQueueService.NonExistentQueue"


async def test_queues_are_listed_in_pages(there: ChannelsEndpoint) -> None:
    for name in ("a1", "a2", "a3"):
        await there.sqs("create_queue", QueueName=name)
    first = await there.sqs("list_queues", QueueNamePrefix="a", MaxResults=2)
    rest = await there.sqs("list_queues", QueueNamePrefix="a", MaxResults=2, NextToken=first["NextToken"])
    assert first["QueueUrls"] + rest["QueueUrls"] == [there.queue_url(name) for name in ("a1", "a2", "a3")]
    assert "NextToken" not in rest
    assert await there.sqs("list_queues", QueueNamePrefix="none") == {}


async def test_a_dead_letter_queue_may_be_one_that_was_made(there: ChannelsEndpoint) -> None:
    await there.sqs("create_queue", QueueName="dead")
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": "2"})
    await there.sqs("create_queue", QueueName="made", Attributes={"RedrivePolicy": policy})
    await there.sqs("set_queue_attributes", "declared", Attributes={"RedrivePolicy": policy})
    sources = await there.sqs("list_dead_letter_source_queues", "dead")
    assert sources == {"queueUrls": [there.queue_url("declared"), there.queue_url("made")]}
    await there.sqs("send_message", "made", MessageBody="a")
    for _ in range(3):
        await there.sqs("receive_message", "made", VisibilityTimeout=0)
    (message,) = (await there.sqs("receive_message", "dead", AttributeNames=["All"]))["Messages"]
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == f"{ARN}made"


async def test_attributes_without_effect_are_kept_and_shown(there: ChannelsEndpoint) -> None:
    given = {"KmsMasterKeyId": "alias/aws/sqs", "Policy": '{"Version":"2012-10-17"}'}
    await there.sqs("create_queue", QueueName="made", Attributes=given)
    found = (await there.sqs("get_queue_attributes", "made", AttributeNames=["All"]))["Attributes"]
    assert found.items() >= given.items()
    assert found["SqsManagedSseEnabled"] == "false"
    assert found["KmsDataKeyReusePeriodSeconds"] == "300"
    await there.sqs("set_queue_attributes", "made", Attributes={"KmsMasterKeyId": ""})
    found = (await there.sqs("get_queue_attributes", "made", AttributeNames=["All"]))["Attributes"]
    assert "KmsMasterKeyId" not in found
    assert found["SqsManagedSseEnabled"] == "true"


async def test_a_fifo_queue_is_made(there: ChannelsEndpoint) -> None:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    for _ in range(2):
        await there.sqs("create_queue", QueueName="made.fifo", Attributes=attributes)
    await there.sqs("send_message", "made.fifo", MessageBody="a", MessageGroupId="g")
    found = await there.sqs("get_queue_attributes", "made.fifo", AttributeNames=["FifoQueue"])
    assert found == {"Attributes": {"FifoQueue": "true"}}


async def test_tags_are_added_and_removed(there: ChannelsEndpoint) -> None:
    assert await there.sqs("list_queue_tags", "declared") == {}
    await there.sqs("tag_queue", "declared", Tags={"a": "1", "b": "2"})
    await there.sqs("tag_queue", "declared", Tags={"b": "3", "c": ""})
    await there.sqs("untag_queue", "declared", TagKeys=["a", "none"])
    assert await there.sqs("list_queue_tags", "declared") == {"Tags": {"b": "3", "c": ""}}


async def test_permissions_are_kept_in_the_policy(there: ChannelsEndpoint) -> None:
    accounts = ["111111111111"]
    await there.sqs(
        "add_permission", "declared", Label="one", AWSAccountIds=accounts, Actions=["SendMessage"]
    )
    found = await there.sqs("get_queue_attributes", "declared", AttributeNames=["Policy"])
    (statement,) = json.loads(found["Attributes"]["Policy"])["Statement"]
    assert (statement["Sid"], statement["Resource"]) == ("one", f"{ARN}declared")
    await there.sqs("remove_permission", "declared", Label="one")
    assert await there.sqs("get_queue_attributes", "declared", AttributeNames=["Policy"]) == {}


async def test_messages_are_moved_back_by_a_task(there: ChannelsEndpoint) -> None:
    await there.sqs("create_queue", QueueName="dead")
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 1})
    await there.sqs("create_queue", QueueName="made", Attributes={"RedrivePolicy": policy})
    await there.sqs("send_message", "dead", MessageBody="a")
    assert await there.sqs("list_message_move_tasks", SourceArn=f"{ARN}dead") == {}
    started = await there.sqs("start_message_move_task", SourceArn=f"{ARN}dead", DestinationArn=f"{ARN}made")
    (task,) = (await there.sqs("list_message_move_tasks", SourceArn=f"{ARN}dead"))["Results"]
    assert task == {
        "Status": "COMPLETED",
        "SourceArn": f"{ARN}dead",
        "DestinationArn": f"{ARN}made",
        "ApproximateNumberOfMessagesMoved": 1,
        "ApproximateNumberOfMessagesToMove": 1,
        "StartedTimestamp": 1_767_225_600_000,
    }
    code, text = await there.refused("sqs", "cancel_message_move_task", **started)
    assert (code, text) == (UNSUPPORTED, "Only a task that is running can be cancelled.")


async def test_a_task_that_moves_messages_can_be_cancelled(
    there: ChannelsEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers.sqs.queue.MOVED_AT_ONCE", 1)  # so that it takes its time
    await there.sqs("create_queue", QueueName="dead")
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 1})
    await there.sqs("create_queue", QueueName="made", Attributes={"RedrivePolicy": policy})
    for _ in range(100):
        entries = [{"Id": str(number), "MessageBody": "a"} for number in range(10)]
        await there.sqs("send_message_batch", "dead", Entries=entries)
    source = {"SourceArn": f"{ARN}dead"}
    moving = asyncio.create_task(there.sqs("start_message_move_task", **source, DestinationArn=f"{ARN}made"))
    while (
        "TaskHandle"
        not in (listed := await there.sqs("list_message_move_tasks", **source)).get("Results", [{}])[0]
    ):
        assert not moving.done(), listed
    handle = listed["Results"][0]["TaskHandle"]
    moved = await there.sqs("cancel_message_move_task", TaskHandle=handle)
    assert moved["ApproximateNumberOfMessagesMoved"] < 1000
    await moving
    (task,) = (await there.sqs("list_message_move_tasks", **source))["Results"]
    assert task["Status"] == "CANCELLED"
    left = await there.sqs("get_queue_attributes", "dead", AttributeNames=["ApproximateNumberOfMessages"])
    assert (
        int(left["Attributes"]["ApproximateNumberOfMessages"])
        == 1000 - task["ApproximateNumberOfMessagesMoved"]
    )


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "text"),
    [
        pytest.param(
            "create_queue",
            {"QueueName": "declared", "Attributes": {"VisibilityTimeout": "6"}},
            "QueueAlreadyExists",
            "A queue already exists with the same name and a different value for attribute VisibilityTimeout",
            id="a queue that is there with other attributes",
        ),
        pytest.param(
            "create_queue",
            {"QueueName": "a b"},
            "InvalidParameterValue",
            "Value a b for parameter QueueName is invalid. Reason: Can only include alphanumeric characters,"
            " hyphens, or underscores. 1 to 80 in length",
            id="a name with a space",
        ),
        pytest.param(
            "create_queue",
            {},
            "MissingParameter",
            "The request must contain the parameter QueueName.",
            id="no name",
        ),
        pytest.param(
            "create_queue",
            {"QueueName": "a", "tags": {"k" * 129: ""}},
            "InvalidParameterValue",
            "Tag keys must be between 1 and 128 characters in length.",
            id="a tag whose key is too long",
        ),
        pytest.param(
            "delete_queue",
            {"QueueUrl": "/000000000000/declared"},
            UNSUPPORTED,
            "headrace.toml declares queues.declared: remove it there.",
            id="deleting a queue of the configuration",
        ),
        pytest.param(
            "delete_queue",
            {"QueueUrl": "/123456789012/declared"},
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist.",
            id="a queue of another account",
        ),
        pytest.param(
            "tag_queue",
            {"QueueUrl": "/000000000000/declared", "Tags": {str(n): "" for n in range(51)}},
            "InvalidParameterValue",
            "Too many tags added for queue: the most are 50.",
            id="too many tags",
        ),
        pytest.param(
            "untag_queue",
            {"QueueUrl": "/000000000000/declared", "TagKeys": []},
            "InvalidParameterValue",
            "Tag keys must be between 1 and 128 characters in length.",
            id="removing no tags",
        ),
        pytest.param(
            "add_permission",
            {"QueueUrl": "/000000000000/declared", "Label": "a", "AWSAccountIds": [], "Actions": ["*"]},
            "MissingParameter",
            "The request must contain the parameter AWSAccountIds.",
            id="a permission for nobody",
        ),
        pytest.param(
            "start_message_move_task",
            {"SourceArn": f"{ARN}declared"},
            "InvalidParameterValue",
            "Source queue must be configured as a Dead Letter Queue.",
            id="moving messages of a queue that is no dead-letter queue",
        ),
        pytest.param(
            "start_message_move_task",
            {"SourceArn": f"{ARN}declared", "MaxNumberOfMessagesPerSecond": 5},
            "SerializationException",
            "MaxNumberOfMessagesPerSecond is not simulated by Headrace.",
            id="moving at a pace",
        ),
        pytest.param(
            "list_message_move_tasks",
            {"SourceArn": f"{ARN}none"},
            "ResourceNotFoundException",
            "The resource that you specified for the SourceArn parameter doesn't exist.",
            id="tasks of a queue that is not there",
        ),
        pytest.param(
            "list_message_move_tasks",
            {"SourceArn": f"{ARN}declared", "MaxResults": 11},
            "InvalidParameterValue",
            "Value 11 for parameter MaxResults is invalid. Reason: Must be between 1 and 10.",
            id="too many tasks at once",
        ),
        pytest.param(
            "cancel_message_move_task",
            {"TaskHandle": "bm9uc2Vuc2U="},
            "InvalidParameterValue",
            "Value bm9uc2Vuc2U= for parameter TaskHandle is invalid. Reason: The task handle is invalid.",
            id="cancelling what is no task",
        ),
    ],
)
async def test_is_refused(
    there: ChannelsEndpoint, operation: str, parameters: dict[str, Any], code: str, text: str
) -> None:
    assert await there.refused("sqs", operation, **parameters) == (code, text)
