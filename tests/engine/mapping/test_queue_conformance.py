"""Batches from queues against the conformance cases, when those are present; on the real queue and store."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.clock import Clock
from engine.store.database import Store
from tests.fakes.queue_bench import bench
from tests.fakes.scripted_functions import Answer, raised, returned
from triggers.sqs.message import OutgoingMessage

CASES = Path(__file__).parents[4] / "shared" / "cases" / "sqs_batch.jsonl"
LONG_ENOUGH = timedelta(minutes=10)
Record = dict[str, Any]


def cases() -> list[Any]:
    if not CASES.is_file():
        return [pytest.param(None, id="absent")]
    lines = map(json.loads, CASES.read_text(encoding="utf-8").splitlines())
    return [pytest.param(case, id=case["id"]) for case in lines]


def receive_count(record: Record) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])


def handler(mode: dict[str, Any]) -> Callable[[list[Record]], Answer]:
    """Return the function that a case describes; `times` counts receives."""
    listed = set(mode.get("records", ()))
    times = mode.get("times", float("inf"))

    def failing(records: list[Record]) -> list[Record]:
        if "fail_times" in mode:
            return [r for r in records if receive_count(r) <= mode["fail_times"].get(r["body"], 0)]
        return [r for r in records if r["body"] in listed and receive_count(r) <= times]

    def answer(records: list[Record]) -> Answer:
        match mode["mode"]:
            case "raise_always":
                return raised("Exception", "always")
            case "raise_if_contains":
                return raised("Exception", "poison") if failing(records) else returned(None)
            case "report":
                ids = [{"itemIdentifier": record["messageId"]} for record in failing(records)]
                return returned({"batchItemFailures": ids})
            case "return":
                return returned(mode["value"])
            case "return_text":
                result = returned(None)
                text: str = mode.get("text", mode.get("value", ""))
                return replace(result, payload=text.encode())
            case other:
                raise AssertionError(f"unknown mode {other}")

    return answer


@pytest.mark.parametrize("case", cases())
async def test_batches_are_settled_as_recorded(
    case: dict[str, Any] | None, clock: Clock, store: Store
) -> None:
    if case is None:
        pytest.skip("the conformance cases are not beside the checkout")
    fifo = case["queue"]["type"] == "fifo"
    made = bench(
        clock, store, name="jobs.fifo" if fifo else "jobs", max_receive_count=case["queue"]["maxReceiveCount"]
    )
    made.script(handler(case["handler"]))
    await made.queue.send(
        [
            OutgoingMessage(each["label"], group_id=each.get("group"), deduplication_id=each["label"])
            if fifo
            else OutgoingMessage(each["label"])
            for each in case["messages"]
        ]
    )
    async with made.running(**case["settings"]):
        await asyncio.sleep(LONG_ENOUGH.total_seconds())

    attempts = Counter(body for batch in made.batches() for body in batch)
    assert attempts == case["expect_attempts"]
    dead = {message.body for message in await made.dead_letters.peek(100)}
    left = {message.body for message in await made.queue.peek(100)}
    assert dead == set(case["expect_dlq"])
    assert set(case["expect_deleted"]) == {each["label"] for each in case["messages"]} - dead - left
    if case.get("expect_batches") is not None:
        assert list(map(sorted, made.batches())) == list(map(sorted, case["expect_batches"]))
