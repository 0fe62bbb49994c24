"""Whole stream mappings against the conformance cases, most of them recorded on AWS."""

import asyncio
import json
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.clock import Clock
from engine.functions.invocation import Invocation
from engine.store.database import Store
from tests.fakes.scripted_functions import Answer, ScriptedFunctions, raised, returned
from tests.fakes.scripted_stream import ScriptedStream
from tests.fakes.stream_mappings import Failures, labels, running, stream_mapping

CASES = Path(__file__).parents[4] / "shared" / "cases" / "stream_retry.jsonl"
WORD = re.compile(r"(?<!^)(?=[A-Z])")


def cases() -> list[dict[str, Any]]:
    """The cases, or one that is skipped where they are not beside the checkout."""
    if not CASES.is_file():
        return [{"id": "absent"}]
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


class Handler:
    """Answers as a case says; remembers each batch."""

    def __init__(self, handler: dict[str, Any]) -> None:
        self.batches: list[list[str]] = []
        self.processed: set[str] = set()
        self._handler = handler
        self._seen: Counter[str] = Counter()

    def __call__(self, function: str, invocation: Invocation) -> Answer:
        batch = labels(invocation)
        self.batches.append(batch)
        mode = self._handler["mode"]
        if mode == "raise_always":
            return raised("Exception", "no")
        if mode == "return":
            self.processed.update(batch)
            return returned(self._handler["value"])
        times = self._handler.get("times")
        bad = [
            label
            for label in batch
            if label in self._handler["records"] and (times is None or self._seen[label] < times)
        ]
        self._seen.update(batch)
        if mode == "raise_if_contains" and bad:
            return raised("Exception", "no")
        self.processed.update(batch[: batch.index(bad[0])] if bad else batch)
        return returned({"batchItemFailures": [{"itemIdentifier": label} for label in bad]} if bad else None)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
async def test_conformance_case(case: dict[str, Any], store: Store, clock: Clock) -> None:
    if case["id"] == "absent":
        pytest.skip("the shared conformance cases are not beside this checkout")
    stream = ScriptedStream(clock, kind=case["source"])
    ages = case.get("clock", {}).get("record_age_at_start_seconds", {})
    for label in case["records"]:
        stream.put(label, arrived_at=clock.now() - timedelta(seconds=ages.get(label, 0)))
    handler, failures = Handler(case["handler"]), Failures()
    settings = {WORD.sub("_", name).lower(): value for name, value in case["settings"].items()}
    mapping = stream_mapping(
        stream, ScriptedFunctions(clock, handler), store, clock, on_failure=failures, **settings
    )
    async with running(mapping):
        await asyncio.sleep(3600)
    if case["expect_batches"] is not None:
        assert handler.batches == case["expect_batches"]
    assert len(handler.batches) >= case.get("min_attempts", 0)
    if case["expect_destination"] is not None:
        assert_records(case, failures.documents())
    if "expect_set" in case:
        sent = {label for group in failures.labels() for label in group}
        assert sent == set(case["expect_set"]["to_destination"])
        assert handler.processed >= set(case["expect_set"]["processed"])


def assert_records(case: dict[str, Any], documents: list[dict[str, Any]]) -> None:
    assert len(documents) == len(case["expect_destination"])
    for expected, document in zip(case["expect_destination"], documents, strict=True):
        info = document["KinesisBatchInfo" if case["source"] == "kinesis" else "DDBStreamBatchInfo"]
        found = {
            "condition": document["requestContext"]["condition"],
            "approximateInvokeCount": document["requestContext"]["approximateInvokeCount"],
            "batchSize": info["batchSize"],
            "first": info["startSequenceNumber"],
            "last": info["endSequenceNumber"],
            "has_responseContext": "responseContext" in document,
        }
        if "responseContext" in document:
            found["functionError"] = document["responseContext"]["functionError"]
        assert {name: found[name] for name in expected} == expected
