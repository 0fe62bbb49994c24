"""A receive takes no more work for a long backlog than for a short one."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pytest

from engine.clock import VIRTUAL_START
from engine.store.migration import migrate
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.receipt_handle import Receipt
from triggers.sqs.receipts import delete
from triggers.sqs.receive import Receiving, receive
from triggers.sqs.send import send

STANDARD = QueueAttributes("jobs", "arn")
FIFO = QueueAttributes("jobs.fifo", "arn", is_fifo=True)
TEN = Receiving(10, timedelta(seconds=30))
SECOND = timedelta(seconds=1)


def plain(number: int) -> OutgoingMessage:
    return OutgoingMessage(str(number))


def one_group(number: int) -> OutgoingMessage:
    return OutgoingMessage(str(number), group_id="busy", deduplication_id=str(number))


def many_groups(number: int) -> OutgoingMessage:
    return OutgoingMessage(str(number), group_id=str(number), deduplication_id=str(number))


def noisy_and_quiet(number: int) -> OutgoingMessage:
    return OutgoingMessage(str(number), group_id="quiet" if number % 25 == 24 else "noisy")


def instructions_of_a_receive(
    queue: QueueAttributes, message: Callable[[int], OutgoingMessage], backlog: int
) -> int:
    """Count SQLite's instructions while three batches are received one after the other, and then deleted."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, None)
    send(connection, queue, [message(number) for number in range(backlog)], VIRTUAL_START)
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(step, 1)
    found = [receive(connection, queue, TEN, VIRTUAL_START + SECOND) for _ in range(3)]
    for each in found:
        receipts = [
            Receipt(row.sequence, row.receive_count, each.received_at, row.message_id) for row in each.rows
        ]
        if receipts:
            delete(connection, queue, receipts, VIRTUAL_START + SECOND)
    connection.close()
    return count


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        pytest.param(STANDARD, plain, id="in a standard queue"),
        pytest.param(STANDARD, noisy_and_quiet, id="in a fair queue"),
        pytest.param(FIFO, one_group, id="behind a busy group"),
        pytest.param(FIFO, many_groups, id="among many groups"),
    ],
)
def test_a_receive_does_not_go_through_the_backlog(
    queue: QueueAttributes, message: Callable[[int], OutgoingMessage]
) -> None:
    short = instructions_of_a_receive(queue, message, 50)
    assert instructions_of_a_receive(queue, message, 5000) < 1.5 * short
