"""What is counted of the feed, and how old what a stream's mapping has not processed is."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.feed import (
    BatchClosed,
    DeadLettered,
    DestinationSent,
    EventDropped,
    EventEmitted,
    Feed,
    InvocationFinished,
    InvocationStarted,
    InvocationThrottled,
    MessageRedriven,
    Notice,
    RecordsFiltered,
    RecordsReturned,
    RetryScheduled,
)
from engine.mapping import checkpoints
from engine.mapping.checkpoints import Checkpoint
from engine.store.database import Store
from headrace.simulation.figures import Figures, percentile
from headrace.simulation.levels import iterator_age
from headrace.simulation.report import NoticeReport, Report
from triggers.kinesis.limits import RecordEntry
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.stream import Stream

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def started(seconds: float, *, cold: bool = False) -> InvocationStarted:
    return InvocationStarted(at(seconds), "work", "id", "queues.jobs", 1, "environment", cold)


def finished(seconds: float, millis: float, error: str | None = None) -> InvocationFinished:
    return InvocationFinished(
        time=at(seconds),
        function="work",
        request_id="id",
        source="queues.jobs",
        attempt=1,
        environment="environment",
        started=at(seconds - millis / 1000),
        duration_ms=millis,
        billed_ms=int(millis),
        memory_used_mb=30,
        init_ms=None,
        function_error=None if error is None else "Unhandled",
        error_type=error,
        error_message=None,
        event=b"{}",
        payload=b"{}",
    )


def report_of(*facts: Any) -> Report:
    feed = Feed()
    figures = Figures(feed, BEGAN)
    for fact in facts:
        feed.publish(fact)
    return figures.report(at(10), 7)


def test_warnings_and_errors_are_told_once_with_their_number() -> None:
    feed = Feed()
    figures = Figures(feed, BEGAN, reword=lambda text: text.replace("copy", "original"))
    for seconds, level, text in (
        (1, "info", "all is well"),
        (2, "warning", "waiting for copy"),
        (3, "error", "no"),
        (4, "warning", "waiting for copy"),
    ):
        feed.publish(Notice(at(seconds), level, "tables.orders", text))  # type: ignore[arg-type]
    assert figures.report(at(10), 7).notices == (
        NoticeReport("warning", "tables.orders", "waiting for original", 2, at(2)),
        NoticeReport("error", "tables.orders", "no", 1, at(3)),
    )


def test_every_fact_is_counted_where_it_belongs() -> None:
    now = at(1)
    report = report_of(
        EventEmitted(now, "buckets.inbox", "work", "id", "ObjectCreated:Put", "a"),
        BatchClosed(now, "work", "queues.jobs", "id", 10, "received"),
        BatchClosed(now, "work", "queues.jobs", "id", 3, "window"),
        RecordsFiltered(now, "work", "queues.jobs", 2),
        RecordsReturned(now, "work", "queues.jobs", "id", 4, now),
        MessageRedriven(now, "queues.jobs", "id", 4, "arn"),
        RetryScheduled(now, "work", "id", 2, now, "function_error"),
        InvocationThrottled(now, "work", "id", "invoke", "reason"),
        DeadLettered(now, "work", "id", "arn", "RetriesExhausted"),
        DestinationSent(now, "work", "id", "on_failure", "arn", "RetriesExhausted"),
        DestinationSent(now, "work", "id", "on_success", "arn", "Success"),
        EventDropped(now, "work", "id", "EventAgeExceeded"),
        EventDropped(now, "work", "id", "RecordAgeExceeded", "streams.clicks", 5),
    )
    sources = {source.name: source for source in report.sources}
    assert sources["buckets.inbox"].events == 1
    jobs = sources["queues.jobs"]
    assert (jobs.records, jobs.batches, jobs.filtered, jobs.returned, jobs.dead_letters) == (13, 2, 2, 4, 1)
    assert sources["streams.clicks"].dropped == 5
    (work,) = report.functions
    assert (work.retries, work.throttles, work.dead_letters, work.failure_records, work.dropped) == (
        1,
        1,
        1,
        1,
        6,
    )
    assert work.endings == {"EventAgeExceeded": 1, "RecordAgeExceeded": 5, "RetriesExhausted": 2}
    assert (work.invocations, work.max_ms) == (0, None)


def test_invocations_are_counted_with_their_durations_and_errors() -> None:
    report = report_of(
        started(1, cold=True),
        started(1.2),
        finished(1.4, 80),
        finished(1.5, 900, "ValueError"),
        started(3),
        finished(3.1, 80),
    )
    (work,) = report.functions
    assert (work.invocations, work.errors, work.cold_starts) == (3, 1, 1)
    assert work.error_types == {"ValueError": 1}
    assert (work.p50_ms, work.p99_ms, work.max_ms) == (80, 900, 900)
    series = {(each.name, each.unit): each.values for each in report.series}
    assert series["functions.work", "at once"][:5] == (0, 2, 0, 1, 0)
    assert series["all functions", "invocations"][:5] == (0, 2, 0, 1, 0)
    assert series["all functions", "errors"][:5] == (0, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("durations", "percent", "expected"),
    [
        pytest.param({}, 50, None, id="nothing has no middle"),
        pytest.param({100.0: 1}, 99, 100.0, id="one is every percentile"),
        pytest.param({1.0: 50, 2.0: 50}, 50, 1.0, id="half of them took no longer"),
        pytest.param({1.0: 49, 2.0: 51}, 50, 2.0, id="less than half of them did"),
        pytest.param({5.0: 1, 1.0: 98, 9.0: 1}, 99, 5.0, id="the order is that of the durations"),
    ],
)
def test_percentiles(durations: dict[float, int], percent: int, expected: float | None) -> None:
    assert percentile(durations, percent) == expected


async def test_the_iterator_age_is_that_of_the_oldest_record_not_processed(
    store: Store, clock: Clock, feed: Feed
) -> None:
    stream = Stream("clicks", StreamProperties(), Account(), store, clock, feed)
    await stream.open()
    (shard,) = await stream.shards()
    positions = []
    for _ in range(2):
        await stream.put_records([RecordEntry(b"a", "key")])
        positions.append((await stream.read(shard.shard_id, 0, 10)).records[-1].position)
        await clock.sleep_until(clock.now() + timedelta(minutes=5))
    ages = []
    await store.write(lambda connection: checkpoints.begin(connection, "uuid", {}))
    for mark in [0, *positions]:
        checkpoint = Checkpoint((mark, positions[-1]))
        saving = partial(checkpoints.save, mapping="uuid", shard=shard.shard_id, checkpoint=checkpoint)
        await store.write(saving)
        ages.append(await iterator_age("uuid", stream, store, clock))
    assert ages == [timedelta(minutes=10), timedelta(minutes=5), timedelta()]
    assert await iterator_age("another", stream, store, clock) == timedelta()
