"""What is said of what waits."""

from datetime import UTC, datetime, timedelta

import pytest

from headrace.waiting import Waiting, words_for

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("waiting", "text"),
    [
        pytest.param(
            Waiting("functions.resize", "event", 1, "retry", NOW + timedelta(seconds=57.6)),
            "1 event at functions.resize (retry, in 58s)",
            id="to the second",
        ),
        pytest.param(
            Waiting("queues.jobs", "message", 2, "hidden", NOW + timedelta(milliseconds=120)),
            "2 messages at queues.jobs (hidden, in 120ms)",
            id="finer when it is near",
        ),
        pytest.param(
            Waiting("queues.jobs", "message", 3, "batching window", NOW + timedelta(minutes=4), "work"),
            "3 messages at queues.jobs → work (batching window, in 4m)",
            id="for a function",
        ),
        pytest.param(
            Waiting("streams.clicks", "record", 0, "tumbling window", NOW + timedelta(days=1), "count"),
            "streams.clicks → count (tumbling window, in 1d)",
            id="a bare window",
        ),
        pytest.param(
            Waiting("buckets.inbox", "file", 1, "being written"),
            "1 file at buckets.inbox (being written)",
            id="in other hands",
        ),
    ],
)
def test_a_wait_is_told_in_a_few_words(waiting: Waiting, text: str) -> None:
    assert waiting.text(NOW) == text


def test_a_document_counts_the_seconds_and_none_into_the_past() -> None:
    late = Waiting("queues.jobs", "message", 1, "hidden", NOW - timedelta(seconds=1)).document(NOW)
    assert late["in_seconds"] == 0
    assert late["until"] == "2025-12-31T23:59:59.000Z"
    assert Waiting("buckets.inbox", "file", 1, "being written").document(NOW)["in_seconds"] is None


def test_one_line_says_that_all_is_done_and_what_waits() -> None:
    assert words_for([], NOW) == "idle: nothing is left to do"
    waiting = Waiting("buckets.inbox", "file", 2, "being written")
    assert words_for([waiting, waiting], NOW) == (
        "idle; what waits for its time: 2 files at buckets.inbox (being written),"
        " 2 files at buckets.inbox (being written)"
    )
