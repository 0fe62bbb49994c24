from datetime import UTC, timedelta

import click
import pytest

from engine.clock import VIRTUAL_START
from engine.feed import (
    BatchClosed,
    DeadLettered,
    DestinationSent,
    EnvironmentStarted,
    EventDropped,
    EventEmitted,
    Fact,
    FactsLost,
    FaultInjected,
    InvocationThrottled,
    LogLine,
    MessageRedriven,
    Notice,
    RecordsFiltered,
    RecordsReturned,
    RecursionStopped,
    RetryScheduled,
    SimulatorCrashed,
)
from headrace.live_view import LiveView
from tests.fakes.facts import ID, finished


@pytest.mark.parametrize(
    ("fact", "line"),
    [
        pytest.param(
            EventEmitted(VIRTUAL_START, "buckets.inbox", "resize", ID, "ObjectCreated:Put", "photo.jpg"),
            "00:00:00.000  inbox          event   ObjectCreated:Put  photo.jpg → resize",
            id="an event names what happened and whom it goes to",
        ),
        pytest.param(
            BatchClosed(VIRTUAL_START, "resize", "queues.jobs", ID, 10, "batch_size"),
            "00:00:00.000  jobs           batch   10 records → resize",
            id="a batch says how many records go to whom",
        ),
        pytest.param(
            RecordsFiltered(VIRTUAL_START, "resize", "queues.jobs", 1),
            "00:00:00.000  jobs           filter  1 record filtered out for resize",
            id="filtered records are counted",
        ),
        pytest.param(
            RecordsReturned(
                VIRTUAL_START, "resize", "queues.jobs", ID, 3, VIRTUAL_START + timedelta(seconds=30)
            ),
            "00:00:00.000  jobs           back    3 records of resize show again at 00:00:30",
            id="messages that go back say when they show again",
        ),
        pytest.param(
            RecordsReturned(VIRTUAL_START, "resize", "queues.jobs", ID, 1, VIRTUAL_START),
            "00:00:00.000  jobs           back    1 record of resize shows again at 00:00:00",
            id="a single message shows again",
        ),
        pytest.param(
            RecordsReturned(VIRTUAL_START, "resize", "queues.jobs", ID, 2, VIRTUAL_START, "no JSON"),
            "00:00:00.000  jobs           back    2 records of resize show again at 00:00:00: no JSON",
            id="messages of an answer that made no sense",
        ),
        pytest.param(
            MessageRedriven(VIRTUAL_START, "queues.jobs", ID, 1, "arn:q"),
            f"00:00:00.000  jobs           dead    message {ID} to arn:q, received 1 time",
            id="once is one time",
        ),
        pytest.param(
            MessageRedriven(VIRTUAL_START, "queues.jobs", ID, 3, "arn:q"),
            f"00:00:00.000  jobs           dead    message {ID} to arn:q, received 3 times",
            id="a redriven message says where to and why",
        ),
        pytest.param(
            finished(),
            "00:00:00.000  resize         ok         12 ms    64 MB",
            id="a success is one line with its figures",
        ),
        pytest.param(
            finished(init_ms=85.2, duration_ms=1.26, attempt=2),
            "00:00:00.000  resize         ok        1.3 ms    64 MB  cold start 85 ms  attempt 2",
            id="a cold start and a later attempt say so",
        ),
        pytest.param(
            finished(function_error="Unhandled", error_type="ValueError", error_message="bad\n  image"),
            "00:00:00.000  resize         failed     12 ms    64 MB  ValueError: bad image",
            id="a failure shows its error on one line",
        ),
        pytest.param(
            InvocationThrottled(
                VIRTUAL_START,
                "resize",
                ID,
                "invoke",
                "ReservedFunctionConcurrentInvocationLimitExceeded",
            ),
            "00:00:00.000  resize         busy    "
            "no concurrency left for invoke: ReservedFunctionConcurrentInvocationLimitExceeded",
            id="a throttled attempt says why",
        ),
        pytest.param(
            RetryScheduled(
                VIRTUAL_START, "resize", ID, 2, VIRTUAL_START + timedelta(minutes=1), "function_error"
            ),
            "00:00:00.000  resize         retry   attempt 2 at 00:01:00, as it failed",
            id="a retry says when and why",
        ),
        pytest.param(
            DestinationSent(VIRTUAL_START, "resize", ID, "on_failure", "arn:q", "RetriesExhausted"),
            "00:00:00.000  resize         sent    record to arn:q (RetriesExhausted)",
            id="a record sent to a destination",
        ),
        pytest.param(
            DeadLettered(VIRTUAL_START, "resize", ID, "arn:q", "RetriesExhausted"),
            "00:00:00.000  resize         dead    event to arn:q (RetriesExhausted)",
            id="a dead letter",
        ),
        pytest.param(
            FaultInjected(VIRTUAL_START, "duplicate", "queues.jobs", ID),
            f"00:00:00.000  jobs           fault   duplicate: {ID}",
            id="a declared fault that struck",
        ),
        pytest.param(
            FaultInjected(VIRTUAL_START, "lost_wake_up", "streams.clicks -> functions.resize", ""),
            "00:00:00.000  clicks -> functions.resize fault   lost_wake_up",
            id="a fault of which there is no more to say",
        ),
        pytest.param(
            SimulatorCrashed(VIRTUAL_START, "after commit 7"),
            "00:00:00.000  simulator      crashed after commit 7; another one goes on",
            id="a crash of the simulator itself",
        ),
        pytest.param(
            Notice(VIRTUAL_START, "info", "headrace.toml", "has changed"),
            "00:00:00.000  headrace.toml  info    has changed",
            id="the name of a file is shown whole",
        ),
        pytest.param(
            EventDropped(VIRTUAL_START, "resize", ID, "RecordAgeExceeded", "streams.clicks", 3),
            "00:00:00.000  resize         dropped 3 records of streams.clicks (RecordAgeExceeded): "
            "set the mapping's destination_config to keep them",
            id="records that a mapping gave up say what would keep them",
        ),
        pytest.param(
            EventDropped(VIRTUAL_START, "resize", ID, "RetriesExhausted"),
            "00:00:00.000  resize         dropped RetriesExhausted: "
            "set on_failure or dead_letter to keep such events",
            id="a dropped event says how to keep the next",
        ),
        pytest.param(
            RecursionStopped(VIRTUAL_START, "resize", "buckets.inbox", "thumb.jpg", "set recursive = true"),
            "00:00:00.000  inbox          stopped thumb.jpg comes from resize itself "
            "and is not sent to it again; set recursive = true",
            id="a stopped loop says what allows it",
        ),
        pytest.param(
            Notice(VIRTUAL_START, "warning", "buckets.inbox", "polling"),
            "00:00:00.000  inbox          warning polling",
            id="a notice",
        ),
        pytest.param(
            LogLine(VIRTUAL_START, "resize", "e", "first\rsecond\r"),
            "00:00:00.000  resize         log     first\n" + " " * 38 + "second",
            id="a traceback keeps its lines below each other",
        ),
        pytest.param(
            LogLine(VIRTUAL_START, "resize", "e", "a\x1b[2Jb\x07 \x1b[31mred\x1b[0m"),
            "00:00:00.000  resize         log     a\\x1b[2Jb\\x07 red",
            id="control characters are shown, colours stay",
        ),
        pytest.param(
            FactsLost(VIRTUAL_START, 7),
            "00:00:00.000  7 lines were left out: they came faster than they could be written",
            id="lost lines are counted",
        ),
        pytest.param(
            EnvironmentStarted(VIRTUAL_START, "resize", "e", 1), None, id="inner steps are not shown"
        ),
    ],
)
def test_each_fact_a_user_asks_about_is_one_line(fact: Fact, line: str | None) -> None:
    shown = LiveView(UTC).line(fact)
    assert (None if shown is None else click.unstyle(shown)) == line


def test_the_first_line_of_a_later_day_is_below_its_date() -> None:
    view = LiveView(UTC)
    assert view.line(EnvironmentStarted(VIRTUAL_START, "resize", "e", 1)) is None
    moments = [VIRTUAL_START + timedelta(hours=hours) for hours in (25, 23, 26, 49)]
    lines = [view.line(Notice(moment, "info", "clock", "so late")) for moment in moments]
    said = "clock          info    so late"
    assert [click.unstyle(line or "") for line in lines] == [
        f"Fri 2026-01-02\n01:00:00.000  {said}",
        f"23:00:00.000  {said}",
        f"02:00:00.000  {said}",
        f"Sat 2026-01-03\n01:00:00.000  {said}",
    ]


def test_a_long_message_is_cut() -> None:
    shown = LiveView(UTC).line(finished(function_error="Unhandled", error_type="E", error_message="x" * 500))
    assert shown is not None
    assert click.unstyle(shown).endswith("x…")
