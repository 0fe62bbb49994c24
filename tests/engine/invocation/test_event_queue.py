"""Asynchronous events from acceptance to their end, on the real store and the virtual clock."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Literal

import orjson
import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.errors import CodeError, ResourceNotFound, StoreFull
from engine.feed import (
    DeadLettered,
    DestinationSent,
    EventDropped,
    EventEmitted,
    EventNeverRan,
    Fact,
    Feed,
    InvocationThrottled,
    Notice,
    RecursionStopped,
    RetryScheduled,
)
from engine.functions.invocation import Invocation, Throttled
from engine.invocation import event_table
from engine.invocation.destination import DestinationMessage, DestinationRefused, FunctionDestination
from engine.invocation.dispatcher import LOOK_AHEAD
from engine.invocation.event import AsyncEvent
from engine.invocation.event_queue import EventQueue
from engine.invocation.retry import RetryLimits
from engine.invocation.settlement import EventInvokeConfig
from engine.store.database import Store
from tests.fakes.scripted_functions import Answer, ScriptedFunctions, raised, returned

ACCOUNT = Account()
CONFIG = EventInvokeConfig(ACCOUNT.function("resize"), concurrency=2)
THROTTLED = Throttled("ReservedFunctionConcurrentInvocationLimitExceeded")


class Outbox:
    """A destination that keeps what it is sent in a table of its own, as a queue does."""

    arn = "arn:aws:sqs:us-east-1:000000000000:outbox"

    def __init__(self, limit: int = 10_000) -> None:
        self.limit = limit
        self.messages: list[DestinationMessage] = []

    def send(self, connection: sqlite3.Connection, message: DestinationMessage) -> None:
        if len(message.body) > self.limit:
            raise DestinationRefused("too large")
        self.messages.append(message)

    def wake(self) -> None:
        pass


@pytest.fixture
def facts(feed: Feed) -> list[Fact]:
    told: list[Fact] = []
    feed.tap(told.append)
    return told


@pytest.fixture
def functions(clock: Clock) -> ScriptedFunctions:
    return ScriptedFunctions(clock)


@asynccontextmanager
async def running(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, **configs: EventInvokeConfig
) -> AsyncIterator[EventQueue]:
    """Run a queue for the given functions; leave it as a simulator does at Ctrl-C."""
    queue = EventQueue(store, clock, feed, functions)
    for name, config in configs.items():
        queue.add(name, config)
    await queue.release_leases()
    task = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


async def waiting(store: Store) -> dict[str, int]:
    return await store.read(event_table.waiting_by_function)


def fails_first(times: int) -> Callable[[str, Invocation], Answer]:
    return lambda function, invocation: (
        raised("ValueError", "no") if invocation.attempt <= times else returned("done")
    )


async def test_accepted_events_run_and_leave_the_store(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        for number in range(200):
            await queue.accept(AsyncEvent("resize", b"%d" % number))
        await clock.idle()
        assert sorted(int(a.invocation.payload) for a in functions.attempts) == list(range(200))
        assert await waiting(store) == {}


async def test_an_invocation_carries_what_was_accepted(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    event = AsyncEvent("resize", b'{"a": 1}', "buckets.photos", "id-1", "$LATEST", ("first", "second"))
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        await queue.accept(event)
        await clock.idle()
    assert [a.invocation for a in functions.attempts] == [
        Invocation("id-1", b'{"a": 1}', "buckets.photos", 1, "$LATEST", None, ("first", "second"))
    ]


async def test_an_accepted_invocation_is_told_as_an_event_with_the_beginning_of_its_payload(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, facts: list[Fact]
) -> None:
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        await queue.accept(AsyncEvent("resize", b'"' + b"x" * 1000 + b'"', request_id="id-1"))
        await clock.idle()
    assert facts == [EventEmitted(clock.now(), "invoke", "resize", "id-1", "Invoke", '"' + "x" * 59)]


async def test_a_refused_attempt_is_told(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, facts: list[Fact]
) -> None:
    functions.script = lambda function, invocation: THROTTLED if clock.now() < free_at else returned(1)
    start = clock.now()
    free_at = start + timedelta(seconds=2)
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        await queue.accept(AsyncEvent("resize", b"{}", "buckets.in", "id-1"))
        await asyncio.sleep(60)
    told = [fact for fact in facts if isinstance(fact, InvocationThrottled)]
    assert told == [
        InvocationThrottled(
            start + timedelta(seconds=after), "resize", "id-1", "buckets.in", THROTTLED.reason
        )
        for after in (0, 1)
    ]


async def test_function_errors_are_tried_again_after_one_and_two_minutes_with_one_request_id(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, facts: list[Fact]
) -> None:
    functions.script = fails_first(3)
    start = clock.now()
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        await queue.accept(AsyncEvent("resize", b"{}", request_id="id-1"))
        await asyncio.sleep(600)
    assert [(a.at - start).total_seconds() for a in functions.attempts] == [0, 60, 180]
    assert functions.request_ids() == ["id-1"] * 3
    assert [a.invocation.attempt for a in functions.attempts] == [1, 2, 3]
    assert facts[1:] == [
        RetryScheduled(start, "resize", "id-1", 2, start + timedelta(seconds=60), "function_error"),
        RetryScheduled(
            start + timedelta(seconds=60),
            "resize",
            "id-1",
            3,
            start + timedelta(seconds=180),
            "function_error",
        ),
        EventDropped(start + timedelta(seconds=180), "resize", "id-1", "RetriesExhausted"),
    ]
    assert await waiting(store) == {}


async def test_no_more_run_at_once_than_the_function_can(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.seconds = 1
    start = clock.now()
    async with running(store, clock, feed, functions, resize=replace(CONFIG, concurrency=3)) as queue:
        for _ in range(90):
            await queue.accept(AsyncEvent("resize", b"{}"))
        await asyncio.sleep(29.5)
        assert len(functions.attempts) == 90
        await asyncio.sleep(1)
        assert await waiting(store) == {}
    assert functions.most_running == 3
    assert functions.attempts[-1].at - start == timedelta(seconds=29)


async def test_a_concurrency_that_changes_holds_for_events_that_wait_already(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.seconds = 10
    start = clock.now()
    async with running(store, clock, feed, functions, resize=replace(CONFIG, concurrency=1)) as queue:
        await store.write(partial(queue.insert, events=[AsyncEvent("resize", b"{}") for _ in range(20)]))
        queue.wake()
        await asyncio.sleep(15)
        queue.reserve("resize", 4)  # beside the one that runs, three more
        await asyncio.sleep(9)
        queue.reserve("resize", 2)
        await asyncio.sleep(300)
        assert await waiting(store) == {}
    begun = [(attempt.at - start) // timedelta(seconds=1) for attempt in functions.attempts]
    assert begun[:9] == [0, 10, 15, 15, 15, 20, 25, 30, 35]
    assert functions.most_running == 4


async def test_a_long_queue_stays_in_the_store_not_in_memory(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.seconds = 1

    def claimed(connection: sqlite3.Connection) -> int:
        count: int = connection.execute("SELECT count(*) FROM event_queue WHERE leased = 1").fetchone()[0]
        return count

    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        events = [AsyncEvent("resize", b"{}") for _ in range(500)]
        await store.write(partial(queue.insert, events=events))
        queue.wake()
        for _ in range(10):
            await asyncio.sleep(1)
            assert await store.read(claimed) <= CONFIG.concurrency + LOOK_AHEAD


async def test_throttled_events_back_off_and_count_no_attempt(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, facts: list[Fact]
) -> None:
    answers: list[Answer] = [THROTTLED, THROTTLED, THROTTLED, returned(None)]
    functions.script = lambda function, invocation: answers.pop(0)
    start = clock.now()
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        await queue.accept(AsyncEvent("resize", b"{}"))
        await asyncio.sleep(60)
    assert [(a.at - start).total_seconds() for a in functions.attempts] == [0, 1, 3, 7]
    assert [a.invocation.attempt for a in functions.attempts] == [1, 1, 1, 1]
    assert [fact.reason for fact in facts if isinstance(fact, RetryScheduled)] == ["throttled"] * 3


async def test_throttling_ends_at_the_age_limit_with_the_last_answer_in_the_record(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    outbox = Outbox()
    config = replace(
        CONFIG, limits=RetryLimits(2, timedelta(minutes=10)), on_failure=outbox, dead_letter=outbox
    )
    functions.script = lambda function, invocation: (
        raised("ValueError", "first") if len(functions.attempts) == 1 else THROTTLED
    )
    async with running(store, clock, feed, functions, resize=config) as queue:
        await queue.accept(AsyncEvent("resize", b"[1]"))
        await asyncio.sleep(3600)
    letter, record = outbox.messages
    assert letter.body == b"[1]"
    assert letter.attributes["ErrorMessage"].value == "first"
    parsed = orjson.loads(record.body)
    assert parsed["requestContext"]["condition"] == "EventAgeExceeded"
    assert parsed["requestContext"]["approximateInvokeCount"] == 1
    assert parsed["responsePayload"]["errorMessage"] == "first"


async def test_reserved_concurrency_zero_sends_the_event_on_without_running(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    outbox = Outbox()
    config = replace(CONFIG, concurrency=0, on_failure=outbox)
    async with running(store, clock, feed, functions, resize=config) as queue:
        await queue.accept(AsyncEvent("resize", b'{"k":1}', request_id="id-1"))
        await clock.idle()
    assert functions.attempts == []
    assert orjson.loads(outbox.messages[0].body) == {
        "version": "1.0",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "requestContext": {
            "requestId": "id-1",
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:resize:$LATEST",
            "condition": "ZeroReservedConcurrency",
            "approximateInvokeCount": 0,
        },
        "requestPayload": {"k": 1},
    }


async def test_an_event_that_cannot_be_run_is_kept_and_the_reason_told_once(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, facts: list[Fact]
) -> None:
    functions.script = lambda function, invocation: CodeError("resize", "the folder code/ is missing")
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        await queue.accept(AsyncEvent("resize", b"{}"))
        await asyncio.sleep(20)
        assert await waiting(store) == {"resize": 1}
        functions.script = lambda function, invocation: returned(None)
        await asyncio.sleep(20)
        assert await waiting(store) == {}
    notices = [fact for fact in facts if isinstance(fact, Notice)]
    assert [notice.text for notice in notices] == ["functions.resize: the folder code/ is missing"]


async def test_both_dead_letter_queue_and_on_failure_destination_get_the_event(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, facts: list[Fact]
) -> None:
    letters, records = Outbox(), Outbox()
    config = replace(CONFIG, limits=RetryLimits(0), dead_letter=letters, on_failure=records)
    functions.script = lambda function, invocation: raised("ValueError", "boom", invocation.request_id)
    async with running(store, clock, feed, functions, resize=config) as queue:
        await queue.accept(AsyncEvent("resize", b'{ "k" : 1 }', request_id="id-1"))
        await clock.idle()
    (letter,), (record,) = letters.messages, records.messages
    assert letter.body == b'{ "k" : 1 }'
    assert {name: (a.data_type, a.value) for name, a in letter.attributes.items()} == {
        "RequestID": ("String", "id-1"),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "boom"),
    }
    assert orjson.loads(record.body)["requestContext"]["condition"] == "RetriesExhausted"
    assert facts[1:] == [
        DeadLettered(clock.now(), "resize", "id-1", letters.arn, "RetriesExhausted"),
        DestinationSent(clock.now(), "resize", "id-1", "on_failure", records.arn, "RetriesExhausted"),
    ]


@pytest.mark.parametrize(
    ("config", "lineage", "condition"),
    [
        pytest.param(replace(CONFIG, concurrency=0), (), "ZeroReservedConcurrency", id="turned off"),
        pytest.param(CONFIG, ("resize",) * 16, "RecursiveLoop", id="at the end of a loop"),
        pytest.param(
            replace(CONFIG, limits=RetryLimits(2, timedelta(seconds=60))),
            (),
            "EventAgeExceeded",
            id="too old",
        ),
    ],
)
async def test_an_event_that_ends_without_ever_running_is_told_with_its_payload(
    store: Store,
    clock: Clock,
    feed: Feed,
    functions: ScriptedFunctions,
    facts: list[Fact],
    config: EventInvokeConfig,
    lineage: tuple[str, ...],
    condition: str,
) -> None:
    functions.script = lambda function, invocation: THROTTLED
    accepted = clock.now()
    async with running(store, clock, feed, functions, resize=config) as queue:
        await queue.accept(AsyncEvent("resize", b'{"n":1}', "buckets.in", "id-1", None, lineage))
        await asyncio.sleep(120)
    (told,) = [fact for fact in facts if isinstance(fact, EventNeverRan)]
    assert told == EventNeverRan(told.time, "resize", "id-1", "buckets.in", accepted, condition, b'{"n":1}')


async def test_an_event_that_ran_and_failed_is_not_told_as_one_that_never_ran(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, facts: list[Fact]
) -> None:
    functions.script = fails_first(3)
    config = replace(CONFIG, limits=RetryLimits(2, timedelta(seconds=60)))
    async with running(store, clock, feed, functions, resize=config) as queue:
        await queue.accept(AsyncEvent("resize", b"{}"))
        await asyncio.sleep(600)
    assert [fact.condition for fact in facts if isinstance(fact, EventDropped)] == ["EventAgeExceeded"]
    assert not any(isinstance(fact, EventNeverRan) for fact in facts)


async def test_a_refused_record_is_told_and_ends_the_event(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, facts: list[Fact]
) -> None:
    config = replace(CONFIG, on_success=Outbox(limit=10))
    async with running(store, clock, feed, functions, resize=config) as queue:
        await queue.accept(AsyncEvent("resize", b"{}"))
        await clock.idle()
        assert await waiting(store) == {}
    assert [fact.level for fact in facts if isinstance(fact, Notice)] == ["error"]


async def test_a_success_record_is_another_functions_event(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, facts: list[Fact]
) -> None:
    functions.script = lambda function, invocation: returned({"from": function})
    queue = EventQueue(store, clock, feed, functions)
    notify = FunctionDestination("notify", ACCOUNT.function("notify"), queue)
    queue.add("resize", replace(CONFIG, on_success=notify))
    queue.add("notify", EventInvokeConfig(ACCOUNT.function("notify"), concurrency=1))
    task = asyncio.create_task(queue.run())
    await queue.accept(AsyncEvent("resize", b"{}", request_id="id-1"))
    await clock.idle()
    task.cancel()
    second = functions.attempts[1]
    assert second.function == "notify"
    assert second.invocation.source == "functions.resize"
    assert second.invocation.lineage == ("resize",)
    assert second.invocation.request_id != "id-1"
    assert orjson.loads(second.invocation.payload)["responsePayload"] == {"from": "resize"}
    emitted = [fact for fact in facts if isinstance(fact, EventEmitted)]
    assert [(fact.source, fact.function, fact.request_id, fact.name) for fact in emitted] == [
        ("invoke", "resize", "id-1", "Invoke"),
        ("functions.resize", "notify", second.invocation.request_id, "Success"),
    ]


@pytest.mark.parametrize(("recursive_loop", "runs"), [("Terminate", 32), ("Allow", 60)])
async def test_functions_that_call_each_other_are_stopped_after_sixteen_rounds(
    store: Store,
    clock: Clock,
    feed: Feed,
    facts: list[Fact],
    recursive_loop: Literal["Terminate", "Allow"],
    runs: int,
) -> None:
    functions = ScriptedFunctions(clock, seconds=1)
    queue = EventQueue(store, clock, feed, functions)
    for name, other in (("ping", "pong"), ("pong", "ping")):
        to_other = FunctionDestination(other, ACCOUNT.function(other), queue)
        queue.add(
            name,
            EventInvokeConfig(
                ACCOUNT.function(name),
                1,
                on_success=to_other,
                on_failure=to_other,
                recursive_loop=recursive_loop,
            ),
        )
    task = asyncio.create_task(queue.run())
    await queue.accept(AsyncEvent("ping", b"{}"))
    await asyncio.sleep(59.5)
    assert len(functions.attempts) == runs
    if recursive_loop == "Terminate":
        assert await waiting(store) == {}
        stopped = [fact for fact in facts if isinstance(fact, RecursionStopped)]
        assert [fact.function for fact in stopped] == ["ping"]
        assert stopped[0].remedy == 'functions.ping.recursive_loop = "Allow"'
    task.cancel()
    await asyncio.wait([task])


async def test_what_was_in_hand_when_the_simulator_died_runs_after_the_next_start(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    stuck = ScriptedFunctions(clock, seconds=900)
    async with Store(tmp_path / "headrace.db", clock) as store:
        queue = EventQueue(store, clock, feed, stuck)
        queue.add("resize", CONFIG)
        task = asyncio.create_task(queue.run())
        for number in range(50):
            await queue.accept(AsyncEvent("resize", b"%d" % number))
        await clock.idle()
        for every in asyncio.all_tasks() - {asyncio.current_task()}:
            every.cancel()  # as a crash would: nothing settles
        with pytest.raises(asyncio.CancelledError):
            await asyncio.gather(task)
    await asyncio.sleep(timedelta(days=3).total_seconds())
    functions = ScriptedFunctions(clock)
    async with Store(tmp_path / "headrace.db", clock) as store:
        async with running(store, clock, feed, functions, resize=CONFIG):
            await clock.idle()
        assert sorted(int(a.invocation.payload) for a in functions.attempts) == list(range(50))
        assert await waiting(store) == {}


async def test_a_retry_keeps_its_moment_and_its_count_over_a_restart(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.script = fails_first(2)
    start = clock.now()
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        await queue.accept(AsyncEvent("resize", b"{}", request_id="id-1"))
        await asyncio.sleep(30)
    async with running(store, clock, feed, functions, resize=CONFIG):
        await asyncio.sleep(60)
    await asyncio.sleep(600)
    async with running(store, clock, feed, functions, resize=CONFIG):
        await clock.idle()
    assert [(a.at - start).total_seconds() for a in functions.attempts] == [0, 60, 690]
    assert [a.invocation.attempt for a in functions.attempts] == [1, 2, 3]
    assert functions.request_ids() == ["id-1"] * 3


async def test_stopping_lets_running_invocations_settle_and_starts_no_more(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.seconds = 5
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        for _ in range(10):
            await queue.accept(AsyncEvent("resize", b"{}"))
        await asyncio.sleep(1)
    assert len(functions.attempts) == 2
    assert await waiting(store) == {"resize": 8}


async def test_a_second_cancellation_abandons_what_runs(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.seconds = 900
    queue = EventQueue(store, clock, feed, functions)
    queue.add("resize", CONFIG)
    queue.add("idle", CONFIG)
    task = asyncio.create_task(queue.run())
    for _ in range(5):
        await queue.accept(AsyncEvent("resize", b"{}"))
    await asyncio.sleep(1)
    start = clock.now()
    task.cancel()
    await asyncio.wait([task], timeout=10)
    assert functions.running == 2
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert functions.running == 0
    assert clock.now() - start == timedelta(seconds=10)
    assert await waiting(store) == {"resize": 5}


async def test_a_bug_in_the_runner_ends_the_queue_and_loses_nothing(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.script = lambda function, invocation: KeyError("bug")
    queue = EventQueue(store, clock, feed, functions)
    queue.add("resize", CONFIG)
    task = asyncio.create_task(queue.run())
    await queue.accept(AsyncEvent("resize", b"{}"))
    await asyncio.wait([task], timeout=10)
    assert isinstance(task.exception(), ExceptionGroup)
    assert await waiting(store) == {"resize": 1}


async def test_what_waits_from_before_is_told_and_kept_where_nobody_takes_it(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions, facts: list[Fact]
) -> None:
    events = [AsyncEvent("gone", b"{}")] * 3 + [AsyncEvent("resize", b"{}")] * 2 + [AsyncEvent("one", b"{}")]
    await store.write(partial(event_table.insert, events=events, now=clock.now()))
    async with running(store, clock, feed, functions, resize=CONFIG, one=CONFIG):
        await clock.idle()
    assert await waiting(store) == {"gone": 3}
    assert sorted((fact.place, fact.level, fact.text) for fact in facts if isinstance(fact, Notice)) == [
        (
            "functions.gone",
            "warning",
            "3 queued events wait for this function, which is not configured; they are kept",
        ),
        ("functions.one", "info", "1 event waits since the last run"),
        ("functions.resize", "info", "2 events wait since the last run"),
    ]


async def test_an_unknown_function_is_refused(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        with pytest.raises(ResourceNotFound):
            await queue.accept(AsyncEvent("other", b"{}"))


class FailingStore(Store):
    """A store whose disk is full while `full` is set."""

    full = False

    def ask(self, operation, *, brief=False):  # type: ignore[no-untyped-def]
        asked = super().ask(operation, brief=brief) if not self.full else asyncio.Future()
        if self.full:
            asked.set_exception(StoreFull(self.path))
        return asked


async def test_a_full_disk_does_not_disturb_the_end(
    clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.seconds = 5
    async with FailingStore(None, clock) as store:
        async with running(store, clock, feed, functions, resize=CONFIG) as queue:
            await queue.accept(AsyncEvent("resize", b"{}"))
            await asyncio.sleep(1)
            store.full = True
            for dispatcher in queue._dispatchers.values():
                dispatcher.wake()
            await asyncio.sleep(0.5)
        store.full = False
        assert await waiting(store) == {"resize": 1}


async def test_a_full_disk_delays_settling_and_runs_nothing_twice(
    clock: Clock, feed: Feed, functions: ScriptedFunctions, facts: list[Fact]
) -> None:
    functions.seconds = 1
    async with (
        FailingStore(None, clock) as store,
        running(store, clock, feed, functions, resize=CONFIG) as queue,
    ):
        await queue.accept(AsyncEvent("resize", b"{}"))
        await asyncio.sleep(0.5)
        store.full = True
        with pytest.raises(StoreFull):
            await queue.accept(AsyncEvent("resize", b"{}"))
        await asyncio.sleep(300)
        assert await waiting(store) == {"resize": 1}
        store.full = False
        await asyncio.sleep(60)
        assert await waiting(store) == {}
        assert len(functions.attempts) == 1
        await queue.accept(AsyncEvent("resize", b"{}"))
        await asyncio.sleep(5)
        assert len(functions.attempts) == 2
    assert len([fact for fact in facts if isinstance(fact, Notice)]) == 1


async def test_a_function_that_is_added_while_the_queue_runs_gets_its_events(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    async with running(store, clock, feed, functions) as queue:
        queue.add("resize", CONFIG)
        await queue.accept(AsyncEvent("resize", b"1"))
        await clock.idle()
        assert [attempt.function for attempt in functions.attempts] == ["resize"]


async def test_a_function_that_is_removed_gets_no_more_events(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.seconds = 1
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        await queue.accept(AsyncEvent("resize", b"1"))
        await asyncio.sleep(0.5)
        queue.remove("resize")
        with pytest.raises(ResourceNotFound):
            await queue.accept(AsyncEvent("resize", b"2"))
        await asyncio.sleep(1)
        assert len(functions.attempts) == 1
        assert await waiting(store) == {}


async def test_a_qualifier_may_have_limits_of_its_own(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.script = fails_first(9)
    once = replace(CONFIG, limits=RetryLimits(0))
    async with running(store, clock, feed, functions) as queue:
        queue.add("resize", CONFIG, {"live": once})
        await queue.accept(AsyncEvent("resize", b"1", qualifier="live"))
        await queue.accept(AsyncEvent("resize", b"2", qualifier="other"))
        await asyncio.sleep(200)
        payloads = sorted(attempt.invocation.payload for attempt in functions.attempts)
        assert payloads == [b"1", b"2", b"2", b"2"]


async def test_a_configuration_that_changes_holds_from_the_next_attempt_on(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.script = fails_first(9)
    async with running(store, clock, feed, functions, resize=CONFIG) as queue:
        await queue.accept(AsyncEvent("resize", b"1"))
        await asyncio.sleep(30)
        queue.add("resize", replace(CONFIG, limits=RetryLimits(1)))
        await asyncio.sleep(300)
        assert len(functions.attempts) == 2


async def test_the_record_names_the_version_that_answered(
    store: Store, clock: Clock, feed: Feed, functions: ScriptedFunctions
) -> None:
    functions.script = lambda function, invocation: replace(returned("done"), executed_version="7")
    outbox = Outbox()
    async with running(store, clock, feed, functions, resize=replace(CONFIG, on_success=outbox)) as queue:
        await queue.accept(AsyncEvent("resize", b"1", qualifier="live"))
        await clock.idle()
    record = orjson.loads(outbox.messages[0].body)
    assert record["responseContext"]["executedVersion"] == "7"
    assert record["requestContext"]["functionArn"] == ACCOUNT.function("resize", "live")
