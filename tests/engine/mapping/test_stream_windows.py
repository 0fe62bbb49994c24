"""Tumbling windows from the stream to the final invocation. Virtual time begins on an even minute."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from engine.clock import Clock
from engine.feed import BatchClosed, Fact, Feed
from engine.functions.invocation import Invocation
from engine.mapping import checkpoints
from engine.mapping.checkpoints import Checkpoint
from engine.mapping.tumbling_window import STATE_BYTES
from engine.store.database import Store
from tests.fakes.scripted_functions import Answer, ScriptedFunctions, raised, returned
from tests.fakes.scripted_stream import ONLY_SHARD, ScriptedStream
from tests.fakes.stream_mappings import UUID, Failures, labels, running, stream_mapping

CHILD = "shardId-000000000001"
Seen = tuple[float, str, list[str], int | None, bool]


@pytest.fixture
def stream(clock: Clock) -> ScriptedStream:
    return ScriptedStream(clock)


class Counter:
    """Counts the records of a window in its state; fails as `bad` says."""

    def __init__(self, clock: Clock) -> None:
        self.events: list[dict[str, Any]] = []
        self.seen: list[Seen] = []
        self.bad: set[str] = set()
        self.functions = ScriptedFunctions(clock, self.answer)
        self._clock, self._start = clock, clock.now()

    def answer(self, function: str, invocation: Invocation) -> Answer:
        event = json.loads(invocation.payload)
        self.events.append(event)
        moment = (self._clock.now() - self._start).total_seconds()
        count, final = event["state"].get("count"), event["isFinalInvokeForWindow"]
        self.seen.append((moment, event["window"]["start"][14:19], labels(invocation), count, final))
        if self.bad & {*labels(invocation), *(["final"] if final else [])}:
            return raised("ValueError", "no")
        return returned({"state": {"count": (count or 0) + len(event["Records"])}})


async def window_in_store(store: Store) -> Checkpoint:
    found = await store.read(lambda connection: checkpoints.load(connection, UUID))
    assert found is not None
    return found[ONLY_SHARD]


async def test_a_state_is_carried_through_a_window_and_ends_with_it(
    stream: ScriptedStream, store: Store, clock: Clock, feed: Feed
) -> None:
    counter, facts = Counter(clock), list[Fact]()
    feed.tap(facts.append)
    mapping = stream_mapping(
        stream, counter.functions, store, clock, feed, batch_size=2, tumbling_window_in_seconds=60
    )
    async with running(mapping):
        for label in "abc":
            stream.put(label)
        await asyncio.sleep(30)
        stream.put("d")
        await asyncio.sleep(40)
        stream.put("e")
        await asyncio.sleep(100)
    assert counter.seen == [
        (0, "00:00", ["a", "b"], None, False),
        (0, "00:00", ["c"], 2, False),
        (30, "00:00", ["d"], 3, False),
        (60, "00:00", [], 4, True),
        (70, "01:00", ["e"], None, False),
        (120, "01:00", [], 1, True),
    ]
    assert list(counter.events[0])[1:] == [
        "window",
        "state",
        "shardId",
        "eventSourceARN",
        "isFinalInvokeForWindow",
        "isWindowTerminatedEarly",
    ]
    assert counter.events[0]["shardId"] == ONLY_SHARD
    assert not any(event["isWindowTerminatedEarly"] for event in counter.events)
    assert await window_in_store(store) == Checkpoint((5,))
    assert len([fact for fact in facts if isinstance(fact, BatchClosed)]) == 4


async def test_a_backlog_is_divided_by_arrival(stream: ScriptedStream, store: Store, clock: Clock) -> None:
    counter, now = Counter(clock), clock.now()
    for label, ago in (("a", 180), ("b", 130), ("c", 119), ("d", 61), ("e", 1)):
        stream.put(label, arrived_at=now - timedelta(seconds=ago))
    async with running(
        stream_mapping(stream, counter.functions, store, clock, tumbling_window_in_seconds=60)
    ):
        await clock.idle()
    assert [(start, batch, final) for _, start, batch, _, final in counter.seen] == [
        ("57:00", ["a", "b"], False),
        ("57:00", [], True),
        ("58:00", ["c", "d"], False),
        ("58:00", [], True),
        ("59:00", ["e"], False),
        ("59:00", [], True),
    ]


async def test_the_window_ends_a_batch_that_waits_for_more(
    stream: ScriptedStream, store: Store, clock: Clock, feed: Feed
) -> None:
    counter, facts = Counter(clock), list[Fact]()
    feed.tap(facts.append)
    mapping = stream_mapping(
        stream,
        counter.functions,
        store,
        clock,
        feed,
        maximum_batching_window_in_seconds=300,
        tumbling_window_in_seconds=60,
    )
    async with running(mapping):
        await asyncio.sleep(50)
        stream.put("a")
        await asyncio.sleep(100)
    assert [(moment, batch) for moment, _, batch, _, _ in counter.seen] == [(60, ["a"]), (60, [])]
    assert [fact.reason for fact in facts if isinstance(fact, BatchClosed)] == ["tumbling_window"]


async def test_a_record_at_the_very_end_of_a_window_belongs_to_the_next(
    stream: ScriptedStream, store: Store, clock: Clock
) -> None:
    counter = Counter(clock)
    async with running(
        stream_mapping(stream, counter.functions, store, clock, tumbling_window_in_seconds=10)
    ):
        for second in range(31):
            stream.put(str(second))
            await asyncio.sleep(1)
        await asyncio.sleep(10)
    finals = [(start, count) for _, start, _, count, final in counter.seen if final]
    assert finals == [("00:00", 10), ("00:10", 10), ("00:20", 10), ("00:30", 1)]


async def test_a_restart_goes_on_with_the_stored_state(
    stream: ScriptedStream, store: Store, clock: Clock
) -> None:
    counter = Counter(clock)
    settings: dict[str, Any] = {"tumbling_window_in_seconds": 60}
    async with running(stream_mapping(stream, counter.functions, store, clock, **settings)):
        stream.put("a")
        await asyncio.sleep(10)
    stored = await window_in_store(store)
    assert stored.window is not None
    assert (stored.marks, stored.window.state) == ((1,), b'{"count":1}')
    async with running(stream_mapping(stream, counter.functions, store, clock, **settings)):
        stream.put("b")
        await asyncio.sleep(10)
    await asyncio.sleep(100)
    async with running(stream_mapping(stream, counter.functions, store, clock, **settings)):
        await clock.idle()
    assert counter.seen == [
        (0, "00:00", ["a"], None, False),
        (10, "00:00", ["b"], 1, False),
        (120, "00:00", [], 2, True),
    ]


async def test_without_windows_a_stored_one_is_forgotten(
    stream: ScriptedStream, store: Store, clock: Clock
) -> None:
    counter = Counter(clock)
    async with running(
        stream_mapping(stream, counter.functions, store, clock, tumbling_window_in_seconds=60)
    ):
        stream.put("a")
        await clock.idle()
    plain = ScriptedFunctions(clock)
    async with running(stream_mapping(stream, plain, store, clock)):
        stream.put("b")
        await asyncio.sleep(100)
    assert [json.loads(attempt.invocation.payload) for attempt in plain.attempts] == [
        {"Records": [{"label": "b", "key": "k"}]}
    ]
    assert await window_in_store(store) == Checkpoint((2,))


async def test_an_answer_without_state_is_retried_and_given_up(
    stream: ScriptedStream, store: Store, clock: Clock
) -> None:
    failures, functions = Failures(), ScriptedFunctions(clock)
    stream.put("a")
    mapping = stream_mapping(
        stream,
        functions,
        store,
        clock,
        on_failure=failures,
        tumbling_window_in_seconds=60,
        maximum_retry_attempts=1,
    )
    async with running(mapping):
        await asyncio.sleep(10)
    assert len(functions.attempts) == 2
    assert failures.documents()[0]["responseContext"]["functionError"] is None
    assert mapping.last_processing_result == "PROBLEM: Function call failed"


async def test_records_that_are_given_up_leave_the_state_as_it_was(
    stream: ScriptedStream, store: Store, clock: Clock
) -> None:
    counter = Counter(clock)
    counter.bad = {"bad"}
    for label in ("a", "bad", "b"):
        stream.put(label)
    async with running(
        stream_mapping(
            stream,
            counter.functions,
            store,
            clock,
            batch_size=1,
            tumbling_window_in_seconds=60,
            maximum_retry_attempts=0,
        )
    ):
        await asyncio.sleep(61)
    assert [(batch, count) for _, _, batch, count, _ in counter.seen] == [
        (["a"], None),
        (["bad"], 1),
        (["b"], 1),
        ([], 2),
    ]


async def test_a_failed_final_invocation_blocks_the_shard_until_it_succeeds(
    stream: ScriptedStream, store: Store, clock: Clock
) -> None:
    counter = Counter(clock)
    counter.bad = {"final"}
    stream.put("a")
    async with running(
        stream_mapping(
            stream,
            counter.functions,
            store,
            clock,
            tumbling_window_in_seconds=60,
            maximum_retry_attempts=0,
        )
    ):
        await asyncio.sleep(600)
        assert [batch for _, _, batch, _, _ in counter.seen if batch] == [["a"]]
        stored = await window_in_store(store)
        assert stored.window is not None
        stream.put("b")
        await asyncio.sleep(30)
        counter.bad = set()
        await asyncio.sleep(60)
    assert [batch for _, _, batch, _, _ in counter.seen if batch] == [["a"], ["b"]]
    assert sum(final for _, _, _, _, final in counter.seen) > 5


async def test_the_end_of_a_shard_ends_its_window(store: Store, clock: Clock) -> None:
    stream, counter = ScriptedStream(clock), Counter(clock)
    async with running(
        stream_mapping(stream, counter.functions, store, clock, tumbling_window_in_seconds=60)
    ):
        stream.put("a")
        await clock.idle()
        stream.close(ONLY_SHARD, CHILD)
        stream.put("b", shard=CHILD)
        await asyncio.sleep(100)
    assert counter.seen == [
        (0, "00:00", ["a"], None, False),
        (0, "00:00", [], 1, True),
        (0, "00:00", ["b"], None, False),
        (60, "00:00", [], 1, True),
    ]


async def test_the_end_of_a_shard_closes_a_batch_that_waits_for_more(
    store: Store, clock: Clock, feed: Feed
) -> None:
    stream, functions, facts = ScriptedStream(clock), ScriptedFunctions(clock), list[Fact]()
    feed.tap(facts.append)
    async with running(
        stream_mapping(stream, functions, store, clock, feed, maximum_batching_window_in_seconds=300)
    ):
        stream.put("a")
        stream.close(ONLY_SHARD)
        await clock.idle()
    assert [fact.reason for fact in facts if isinstance(fact, BatchClosed)] == ["shard_end"]


async def test_a_state_over_a_megabyte_ends_its_window_early(
    stream: ScriptedStream, store: Store, clock: Clock
) -> None:
    seen: list[tuple[list[str], int, bool, bool]] = []

    def script(function: str, invocation: Invocation) -> Answer:
        event = json.loads(invocation.payload)
        final, early = event["isFinalInvokeForWindow"], event["isWindowTerminatedEarly"]
        seen.append((labels(invocation), len(event["state"]), final, early))
        large = "large" in labels(invocation)
        return returned({"state": {"text": "x" * STATE_BYTES} if large else {}})

    for label in ("large", "b"):
        stream.put(label)
    async with running(
        stream_mapping(
            stream,
            ScriptedFunctions(clock, script),
            store,
            clock,
            batch_size=1,
            tumbling_window_in_seconds=60,
        )
    ):
        await asyncio.sleep(70)
    assert seen == [
        (["large"], 0, False, False),
        ([], 1, True, True),
        (["b"], 0, False, False),
        ([], 0, True, False),
    ]


async def test_a_state_that_grows_too_large_within_a_batch_ends_the_window_before_its_rest(
    stream: ScriptedStream, store: Store, clock: Clock
) -> None:
    seen: list[tuple[list[str], bool]] = []

    def script(function: str, invocation: Invocation) -> Answer:
        batch = labels(invocation)
        seen.append((batch, json.loads(invocation.payload)["isFinalInvokeForWindow"]))
        if len(batch) == 2:
            return raised("ValueError", "one by one, please")
        return returned({"state": {"text": "x" * STATE_BYTES if batch == ["a"] else ""}})

    for label in "ab":
        stream.put(label)
    async with running(
        stream_mapping(
            stream,
            ScriptedFunctions(clock, script),
            store,
            clock,
            tumbling_window_in_seconds=60,
            bisect_batch_on_function_error=True,
        )
    ):
        await asyncio.sleep(70)
    assert seen == [(["a", "b"], False), (["a"], False), ([], True), (["b"], False), ([], True)]


async def test_a_checkpoint_within_a_batch_keeps_the_state_of_what_is_processed(
    stream: ScriptedStream, store: Store, clock: Clock
) -> None:
    states: list[Any] = []

    def script(function: str, invocation: Invocation) -> Answer:
        states.append(json.loads(invocation.payload)["state"])
        if len(states) == 1:
            return returned({"state": {"sum": 1}, "batchItemFailures": [{"itemIdentifier": "b"}]})
        return returned({"state": {"sum": 2}})

    for label in "ab":
        stream.put(label)
    async with running(
        stream_mapping(
            stream,
            ScriptedFunctions(clock, script),
            store,
            clock,
            tumbling_window_in_seconds=60,
            function_response_types=("ReportBatchItemFailures",),
        )
    ):
        await asyncio.sleep(70)
    assert states == [{}, {"sum": 1}, {"sum": 2}]
