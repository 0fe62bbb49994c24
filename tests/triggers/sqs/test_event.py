"""Records of received messages beside the example events and Powertools."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import SqsModel

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from triggers.sqs.message import MessageAttribute, OutgoingMessage
from triggers.sqs.queue import configured_queues
from triggers.sqs.settings import QueueSettings

EXAMPLES = Path(__file__).parents[3] / "fixtures" / "sqs"
BODY = '{"order":1001,"item":"lamp","quantity":2}'
ATTRIBUTES = {
    "priority": MessageAttribute("Number", "6"),
    "origin": MessageAttribute("String", "web shop"),
    "signature": MessageAttribute("Binary", b"signed by ann"),
}


@pytest.mark.parametrize(
    ("example", "queue", "message"),
    [
        pytest.param("message", "orders", OutgoingMessage(BODY), id="plain"),
        pytest.param("message-with-attributes", "orders", OutgoingMessage(BODY, ATTRIBUTES), id="attributes"),
        pytest.param("message-fifo", "orders.fifo", OutgoingMessage(BODY, group_id="customer-7"), id="FIFO"),
        pytest.param(
            "message-from-dead-letter-queue", "orders-dead", OutgoingMessage(BODY), id="dead letter"
        ),
    ],
)
async def test_a_record_is_like_the_example(
    example: str, queue: str, message: OutgoingMessage, store: Store, clock: Clock, feed: Feed
) -> None:
    tables: dict[str, dict[str, Any]] = {
        "orders": {"redrive_policy": {"dead_letter_target_arn": "orders-dead", "max_receive_count": 1}},
        "orders.fifo": {"content_based_deduplication": True},
        "orders-dead": {},
    }
    settings = {name: QueueSettings.model_validate(table) for name, table in tables.items()}
    queues = configured_queues(settings, Account(), store, clock, feed)
    sender = queues["orders" if queue == "orders-dead" else queue]
    await sender.send([message])
    if queue == "orders-dead":
        for _ in range(2):
            await sender.receive(1, visibility_timeout=timedelta(), wait=timedelta())
    (received,) = await queues[queue].receive(1)
    record = json.loads(json.dumps(received.record))
    expected = json.loads((EXAMPLES / f"{example}.json").read_text(encoding="utf-8"))["Records"][0]
    assert _shape(record) == _shape(expected)
    for constant in ("body", "md5OfBody", "messageAttributes", "eventSource", "eventSourceARN", "awsRegion"):
        assert record[constant] == expected[constant]
    assert record.get("md5OfMessageAttributes") == expected.get("md5OfMessageAttributes")
    SqsModel.model_validate({"Records": [record]})


def _shape(value: Any) -> Any:
    """Keys in their order, with the types of what is under them."""
    if isinstance(value, dict):
        return [(key, _shape(inner)) for key, inner in value.items()]
    return type(value).__name__
