"""Whole asynchronous invocations against the conformance cases and what was recorded on AWS."""

import asyncio
import itertools
import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.functions.invocation import Invocation, InvocationResult
from engine.invocation import event_table
from engine.invocation.destination import Destination
from engine.invocation.event import AsyncEvent
from engine.invocation.event_queue import EventQueue
from engine.invocation.retry import RetryLimits
from engine.invocation.settlement import EventInvokeConfig
from engine.store.database import Store
from tests.fakes.queue_buses import buses_to_queues
from tests.fakes.scripted_functions import ScriptedFunctions, raised, returned
from triggers.eventbridge.buses import EventBuses
from triggers.eventbridge.destination import BusDestination
from triggers.sqs.destination import QueueDestination
from triggers.sqs.message import Message
from triggers.sqs.queue import Queue

CASES = Path(__file__).parents[4] / "shared" / "cases" / "async_retry.jsonl"
ACCOUNT = Account()


def cases() -> list[dict[str, Any]]:
    """The cases, or one that is skipped where they are not beside the checkout."""
    if not CASES.is_file():
        return [{"id": "absent"}]
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


def scripted(handler: dict[str, Any], invocation: Invocation) -> InvocationResult:
    if handler["mode"] == "return" or invocation.attempt > handler.get("times", 3):
        return returned(handler.get("value"))
    return raised(handler["errorType"], handler["errorMessage"], invocation.request_id)


def to_queue(queue: Queue, clock: Clock) -> QueueDestination:
    return QueueDestination(queue.arn, lambda: queue, clock, random.Random(0))


def config(
    case: dict[str, Any], queues: dict[str, Queue], clock: Clock, buses: EventBuses
) -> EventInvokeConfig:
    wanted = case["config"]
    destinations = wanted.get("DestinationConfig", {})

    def destination(kind: str) -> Destination | None:
        if kind not in destinations:
            return None
        if destinations[kind] == "eventbridge":
            return BusDestination(kind, buses, clock, takes_records=True)
        return to_queue(queues[kind], clock)

    return EventInvokeConfig(
        ACCOUNT.function("f"),
        concurrency=1,
        limits=RetryLimits(
            wanted.get("MaximumRetryAttempts", 2),
            timedelta(seconds=wanted.get("MaximumEventAgeInSeconds", 21600)),
        ),
        on_success=destination("OnSuccess"),
        on_failure=destination("OnFailure"),
        dead_letter=to_queue(queues["dlq"], clock) if "dlq" in case["expect"] else None,
    )


def constantly(answer: InvocationResult) -> Callable[[str, Invocation], InvocationResult]:
    return lambda function, invocation: answer


def holds(expected: Any, found: Any) -> bool:
    """Say whether `found` has every member of `expected` with its value."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            key in found and holds(value, found[key]) for key, value in expected.items()
        )
    return bool(expected == found)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
async def test_conformance_case(case: dict[str, Any], store: Store, clock: Clock, feed: Feed) -> None:
    if case["id"] == "absent":
        pytest.skip("the shared conformance cases are not beside this checkout")
    queues = {name: Queue(name, ACCOUNT, store, clock) for name in ("OnSuccess", "OnFailure", "dlq")}
    functions = ScriptedFunctions(clock, lambda function, invocation: scripted(case["handler"], invocation))
    events = EventQueue(store, clock, feed, functions)
    events.add("f", config(case, queues, clock, buses_to_queues(queues, store, clock, feed)))
    task = asyncio.create_task(events.run())
    await events.accept(AsyncEvent("f", json.dumps(case["payload"]).encode()))
    await asyncio.sleep(timedelta(hours=7).total_seconds())
    task.cancel()
    await asyncio.wait([task])

    expect = case["expect"]
    times = [attempt.at for attempt in functions.attempts]
    assert len(times) == expect["attempts"]
    if "delays_seconds" in expect:
        gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
        assert gaps == expect["delays_seconds"]
    assert len(set(functions.request_ids())) == 1
    messages = {name: await queue.peek(10) for name, queue in queues.items()}
    assert_record(expect, messages)
    if "dlq" in expect:
        (letter,) = messages["dlq"]
        assert json.loads(letter.body) == case["payload"]
    assert await store.read(event_table.waiting_by_function) == {}


def assert_record(expect: dict[str, Any], messages: dict[str, list[Message]]) -> None:
    destination = expect["destination"]
    for name in ("OnSuccess", "OnFailure"):
        assert len(messages[name]) == (1 if name == destination else 0)
    if destination is None:
        return
    record = json.loads(messages[destination][0].body)
    if "event" in expect:
        assert len(record["resources"]) == expect["event"].pop("resources_count")
        assert holds(expect["event"], record)
        record = record["detail"]
    assert holds(expect["record"], record)
    for member in expect.get("requestContext_has", ()):
        assert member in record["requestContext"]
    for member in expect.get("responsePayload_has", ()):
        assert member in record["responsePayload"]
    if "functionArn_qualifier" in expect:
        assert record["requestContext"]["functionArn"].endswith(":" + expect["functionArn_qualifier"])


def recorded_records(shared: Path) -> list[dict[str, Any]]:
    """Every invocation record that was recorded on AWS, in whatever it was wrapped."""
    text = (shared / "samples" / "recorded" / "destinations.json").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "requestContext" in value and "requestPayload" in value:
                found.append(value)
            for member in value.values():
                look(member)
        elif isinstance(value, list):
            for member in value:
                look(member)

    look(json.loads(text))
    return found


async def test_records_have_the_members_that_were_recorded_on_aws(
    shared: Path, store: Store, clock: Clock, feed: Feed
) -> None:
    records = recorded_records(shared)
    assert len(records) >= 6
    for number, recorded in enumerate(records):
        failed = "functionError" in recorded["responseContext"]
        attempts = recorded["requestContext"]["approximateInvokeCount"]
        answer = raised("E", "m") if failed else returned({})
        functions = ScriptedFunctions(clock, constantly(answer))
        queue = Queue(f"q{number}", ACCOUNT, store, clock)
        sender = to_queue(queue, clock)
        events = EventQueue(store, clock, feed, functions)
        limits = RetryLimits(attempts - 1)
        if recorded["requestContext"]["condition"] == "EventAgeExceeded":
            limits = RetryLimits(2, timedelta(seconds={1: 60, 2: 90}[attempts]))
        events.add(
            "f", EventInvokeConfig(ACCOUNT.function("f"), 1, limits, on_success=sender, on_failure=sender)
        )
        task = asyncio.create_task(events.run())
        await events.accept(AsyncEvent("f", b"{}"))
        await asyncio.sleep(400)
        task.cancel()
        await asyncio.wait([task])
        (message,) = await queue.peek(2)
        mine = json.loads(message.body)
        assert set(mine) == set(recorded)
        assert set(mine["requestContext"]) == set(recorded["requestContext"])
        assert mine["requestContext"]["condition"] == recorded["requestContext"]["condition"]
        assert mine["requestContext"]["approximateInvokeCount"] == attempts
        assert mine["responseContext"] == recorded["responseContext"]
