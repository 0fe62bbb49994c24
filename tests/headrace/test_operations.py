"""Operations on queues and streams: what they answer, what they refuse, and how they are divided."""

import base64
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from headrace.channels import Channels, open_channels
from headrace.config import load
from headrace.operations import in_portions, perform

CONFIGURATION = """
[queues.jobs]
redrive_policy = { dead_letter_target_arn = "queues.failures", max_receive_count = 1 }

[queues.failures]

[queues."orders.fifo"]

[streams.clicks]
shards = 2
"""
OK, REFUSED = 200, 409
TOO_LARGE = "a" * (1024 * 1024 + 1)


@pytest.fixture
async def channels(tmp_path: Path, store: Store, clock: Clock, feed: Feed) -> Channels:
    (tmp_path / "headrace.toml").write_text(CONFIGURATION)
    return await open_channels(load(tmp_path / "headrace.toml"), store, clock, feed)


async def ask(channels: Channels, operation: str, **arguments: Any) -> tuple[int, dict[str, Any]]:
    return await perform(channels, operation, orjson.dumps(arguments))


def data(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_a_message_that_was_sent_is_seen_with_its_attributes(channels: Channels) -> None:
    attributes = {
        "size": {"DataType": "Number", "StringValue": "3"},
        "raw": {"DataType": "Binary", "BinaryValue": "AQI="},
    }
    messages = [{"body": "a", "attributes": attributes, "group_id": "g"}, {"body": "b", "delay": 5}]
    status, sent = await ask(channels, "send", queue="jobs", messages=messages)
    _, seen = await ask(channels, "peek", queue="jobs", limit=10)
    assert status == OK
    assert [message["message_id"] for message in seen["messages"]] == sent["message_ids"]
    assert seen["messages"][0]["attributes"] == attributes
    assert [message["group_id"] for message in seen["messages"]] == ["g", None]
    assert seen["messages"][1]["hidden_until"] == "2026-01-01T00:00:05.000Z"
    _, counts = await ask(channels, "count_messages")
    assert counts["queues"]["jobs"] == {"visible": 1, "in_flight": 0, "delayed": 1}


async def test_a_record_goes_where_its_key_leads_and_without_one_anywhere(channels: Channels) -> None:
    records = [{"data": data("a"), "partition_key": "alice"}] * 3 + [{"data": data("b")} for _ in range(40)]
    status, put = await ask(channels, "put_records", stream="clicks", records=records)
    shards = [each["shard_id"] for each in put["records"]]
    assert status == OK
    assert len(set(shards[:3])) == 1
    assert len(set(shards[3:])) == 2


async def test_more_records_than_one_put_takes_are_put_in_order(channels: Channels) -> None:
    records = [{"data": data(str(number)), "partition_key": "alice"} for number in range(1200)]
    _, put = await ask(channels, "put_records", stream="clicks", records=records)
    numbers = [int(each["sequence_number"]) for each in put["records"]]
    assert len(numbers) == 1200
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("operation", "arguments", "index", "problem"),
    [
        pytest.param(
            "send",
            {"queue": "jobs", "messages": [{"body": "a"}, {"body": TOO_LARGE}]},
            1,
            "Message must be shorter than 1048576 bytes.",
            id="a message over the limit",
        ),
        pytest.param(
            "send",
            {"queue": "orders.fifo", "messages": [{"body": "a"}]},
            0,
            "The request must contain the parameter MessageGroupId.",
            id="a FIFO queue without a group",
        ),
        pytest.param(
            "put_records",
            {"stream": "clicks", "records": [{"data": data("a")}, {"data": data("b"), "partition_key": ""}]},
            1,
            "Value at 'partitionKey' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
            id="an empty partition key",
        ),
        pytest.param(
            "put_records",
            {"stream": "clicks", "records": [{"data": data("a"), "explicit_hash_key": "x"}]},
            0,
            "Value at 'explicitHashKey' failed to satisfy constraint",
            id="a hash key that is no number",
        ),
    ],
)
async def test_a_refusal_names_the_item_and_nothing_is_taken(
    channels: Channels, operation: str, arguments: dict[str, Any], index: int, problem: str
) -> None:
    status, answer = await ask(channels, operation, **arguments)
    assert (status, answer["index"]) == (REFUSED, index)
    assert problem in answer["message"]
    assert await channels.queues["jobs"].count() == 0
    assert await channels.streams["clicks"].latest_position() == 0


@pytest.mark.parametrize(
    ("operation", "arguments", "status", "problem"),
    [
        pytest.param("destroy", {}, 404, "there is no operation destroy", id="an operation there is not"),
        pytest.param(
            "peek",
            {"queue": "young", "limit": 1},
            REFUSED,
            "the running simulator has no 'young': restart it",
            id="a queue that was configured after the start",
        ),
        pytest.param(
            "redrive",
            {"queue": "failures", "target": "orders.fifo"},
            REFUSED,
            "",
            id="dead letters to a queue of another kind",
        ),
    ],
)
async def test_what_cannot_be_done_is_answered_and_not_raised(
    channels: Channels, operation: str, arguments: dict[str, Any], status: int, problem: str
) -> None:
    answered, answer = await ask(channels, operation, **arguments)
    assert answered == status
    assert problem in answer["message"]


async def test_a_purge_counts_what_it_deletes_and_is_refused_a_second_time(channels: Channels) -> None:
    await ask(channels, "send", queue="jobs", messages=[{"body": "a"}] * 3)
    assert await ask(channels, "purge", queue="jobs") == (OK, {"messages": 3})
    status, answer = await ask(channels, "purge", queue="jobs")
    assert status == REFUSED
    assert "Only one PurgeQueue operation on jobs is allowed every 60 seconds." in answer["message"]


async def test_dead_letters_go_back_to_where_they_came_from(channels: Channels) -> None:
    await ask(channels, "send", queue="jobs", messages=[{"body": "a"}])
    jobs = channels.queues["jobs"]
    (message,) = await jobs.receive_messages(1)
    assert message.receipt_handle is not None
    await jobs.change_message_visibility(message.receipt_handle, message.sent_at - message.sent_at)
    assert await jobs.receive_messages(1) == []  # the second receive would be one too many
    assert (await ask(channels, "redrive", queue="failures"))[1] == {"messages": 1}
    assert (await jobs.counts()).visible == 1


@given(
    sizes=st.lists(st.integers(0, 30), max_size=30),
    most_bytes=st.integers(20, 60),
    most_items=st.integers(1, 5),
)
def test_portions_hold_everything_in_order_within_their_limits(
    sizes: list[int], most_bytes: int, most_items: int
) -> None:
    items = [{"n": "x" * size} for size in sizes]
    portions = list(in_portions(items, most_bytes, most_items))
    assert [item for portion in portions for item in portion] == items
    for portion in portions:
        assert 0 < len(portion) <= most_items
        size = sum(len(json.dumps(item, separators=(",", ":"))) for item in portion)
        assert size <= most_bytes or len(portion) == 1
