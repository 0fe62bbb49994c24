"""What targets refuse is tried again: on virtual time, in the real store."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from engine.arn import Account
from engine.clock import VIRTUAL_START, Clock
from engine.feed import DeadLettered, EventSent, Fact, Feed, Notice
from engine.store.database import Store
from headrace.event_targets import QueueTarget
from tests.fakes.queue_buses import KnownTargets, RefusingTarget
from triggers.delivery.courier import Courier
from triggers.delivery.delivery_table import waiting_by_sender
from triggers.delivery.retry import after_failure
from triggers.delivery.target import Parcel, RetryPolicy
from triggers.sqs.queue import Queue

ACCOUNT = Account()
ARN, LETTERS = ACCOUNT.queue("jobs"), ACCOUNT.queue("letters")
POLICY = RetryPolicy(3, timedelta(hours=1))


def parcel(policy: RetryPolicy = POLICY) -> Parcel:
    body = b'{"try":"<aws.scheduler.attempt-number>"}'
    return Parcel(
        "rules.r",
        ARN,
        body,
        "id",
        "order",
        retry=policy,
        dead_letter=LETTERS,
        labels={"RULE_ARN": "r"},
        numbered=True,
    )


class Bench:
    """A courier, its one target, a dead-letter queue, and what the feed was told."""

    def __init__(self, store: Store, clock: Clock, feed: Feed, target: RefusingTarget) -> None:
        self.store = store
        self.target = target
        self.letters = Queue("letters", ACCOUNT, store, clock)
        self.facts: list[Fact] = []
        feed.tap(self.facts.append)
        targets = KnownTargets({ARN: target}, {LETTERS: QueueTarget(self.letters, clock)})
        self.courier = Courier(targets, store, clock, feed, random.Random(3))

    async def send(self, sent: Parcel) -> None:
        outcomes = await self.store.write(lambda connection: self.courier.send(connection, [sent]))
        self.courier.settle(outcomes)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.courier.run())
        yield
        task.cancel()
        await asyncio.wait([task])


async def test_what_a_target_refuses_is_tried_again_until_it_is_taken(
    store: Store, clock: Clock, feed: Feed
) -> None:
    bench = Bench(store, clock, feed, RefusingTarget(refusals=2))
    async with bench.running():
        await asyncio.sleep(1)
        await bench.send(parcel())
        assert bench.target.attempts == 1
        await asyncio.sleep(10)
    assert [json.loads(taken.body) for taken in bench.target.taken] == [{"try": "3"}]
    assert [type(fact) for fact in bench.facts] == [Notice, Notice, EventSent]
    assert await bench.letters.count() == 0


async def test_retries_go_on_after_a_restart(store: Store, clock: Clock, feed: Feed) -> None:
    bench = Bench(store, clock, feed, RefusingTarget(refusals=1))
    await bench.send(parcel())
    ((sender, count, due),) = await store.read(waiting_by_sender)
    assert (sender, count) == ("rules.r", 1)
    assert timedelta(0) < due - VIRTUAL_START <= timedelta(seconds=1)
    await asyncio.sleep(3600)
    async with bench.running():
        await asyncio.sleep(1)
    assert [taken.sender for taken in bench.target.taken] == ["rules.r"]


@pytest.mark.parametrize(
    ("policy", "condition", "retries"),
    [
        pytest.param(POLICY, "MaximumRetryAttempts", "3", id="as often as the policy says"),
        pytest.param(RetryPolicy(0), "MaximumRetryAttempts", "0", id="never again"),
        pytest.param(
            RetryPolicy(185, timedelta(seconds=60)), "MaximumEventAgeInSeconds", "6", id="until it is too old"
        ),
    ],
)
async def test_what_nobody_takes_becomes_a_dead_letter(
    store: Store, clock: Clock, feed: Feed, policy: RetryPolicy, condition: str, retries: str
) -> None:
    bench = Bench(store, clock, feed, RefusingTarget(refusals=1000))
    async with bench.running():
        await bench.send(parcel(policy))
        await asyncio.sleep(3600)
    (letter,) = await bench.letters.peek(2)
    assert {name: attribute.value for name, attribute in letter.attributes.items()} == {
        "RULE_ARN": "r",
        "TARGET_ARN": ARN,
        "ERROR_CODE": "THROTTLING",
        "ERROR_MESSAGE": "Rate exceeded",
        "RETRY_ATTEMPTS": retries,
        "EXHAUSTED_RETRY_CONDITION": condition,
    }
    assert isinstance(bench.facts[-1], DeadLettered)


async def test_a_final_refusal_is_not_tried_again(store: Store, clock: Clock, feed: Feed) -> None:
    bench = Bench(store, clock, feed, RefusingTarget(refusals=1, final=True))
    async with bench.running():
        await bench.send(parcel())
        await asyncio.sleep(3600)
    assert bench.target.attempts == 1
    assert await bench.letters.count() == 1


NOW = VIRTUAL_START


@pytest.mark.parametrize(
    ("attempts", "age", "expected"),
    [
        pytest.param(1, 0, NOW + timedelta(seconds=1), id="the first pause is a second"),
        pytest.param(4, 0, NOW + timedelta(seconds=8), id="each pause is twice the last"),
        pytest.param(100, 0, NOW + timedelta(minutes=8), id="no pause is longer than eight minutes"),
        pytest.param(186, 0, "MaximumRetryAttempts", id="185 retries are the most"),
        pytest.param(
            12, 86_000, "MaximumEventAgeInSeconds", id="a retry that would come too late is not made"
        ),
    ],
)
def test_when_a_target_is_tried_again(attempts: int, age: int, expected: datetime | str) -> None:
    accepted = NOW - timedelta(seconds=age)
    assert after_failure(attempts, accepted, NOW, RetryPolicy(), 0.0) == expected
