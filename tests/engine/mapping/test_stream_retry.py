"""What becomes of a batch of a stream after an attempt."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.mapping.stream_retry import (
    Again,
    Bisect,
    Done,
    GiveUp,
    Piece,
    StreamRetryLimits,
    after_answer,
    after_refusal,
    backoff,
    count_expired,
    expires_at,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
FOREVER = StreamRetryLimits()
ONCE = StreamRetryLimits(maximum_retry_attempts=1)
CUT = StreamRetryLimits(maximum_retry_attempts=0, bisect=True)


@pytest.mark.parametrize(
    ("piece", "failed_from", "limits", "expected"),
    [
        pytest.param(Piece(3), None, ONCE, Done(), id="nothing failed"),
        pytest.param(
            Piece(3),
            0,
            ONCE,
            Again(0, Piece(3, 1, 0, NOW + backoff(1)), "function_error"),
            id="a failed batch is tried again as it is",
        ),
        pytest.param(
            Piece(3, attempts=1),
            0,
            ONCE,
            GiveUp(0, 2, "RetryAttemptsExhausted"),
            id="one retry makes two attempts",
        ),
        pytest.param(
            Piece(3, attempts=1),
            2,
            ONCE,
            GiveUp(2, 2, "RetryAttemptsExhausted"),
            id="what is before the checkpoint is not given up",
        ),
        pytest.param(
            Piece(3, attempts=9_999),
            0,
            FOREVER,
            Again(0, Piece(3, 10_000, 0, NOW + timedelta(minutes=1)), "function_error"),
            id="without a limit it is tried for ever",
        ),
        pytest.param(
            Piece(3),
            2,
            ONCE,
            Again(2, Piece(1, 1, 0, NOW + backoff(1)), "function_error"),
            id="narrowing keeps the count of attempts",
        ),
        pytest.param(
            Piece(5, refusals=3),
            0,
            CUT,
            Bisect((Piece(2), Piece(3))),
            id="bisecting is no retry, halves are new",
        ),
        pytest.param(
            Piece(5),
            3,
            CUT,
            Again(3, Piece(2), "function_error"),
            id="bisecting cuts where the function says",
        ),
        pytest.param(
            Piece(1), 0, CUT, GiveUp(0, 1, "RetryAttemptsExhausted"), id="a single record cannot be cut"
        ),
    ],
)
def test_a_failed_batch_goes_on_as_its_mapping_says(
    piece: Piece, failed_from: int | None, limits: StreamRetryLimits, expected: object
) -> None:
    assert after_answer(piece, failed_from, "function_error", NOW, limits) == expected


def test_a_refused_invocation_counts_as_no_attempt() -> None:
    step = after_refusal(Piece(2, attempts=1, refusals=1), "throttled", NOW)
    assert step == Again(0, Piece(2, 1, 2, NOW + backoff(2)), "throttled")


def test_a_batch_that_may_grow_a_minute_old_is_invoked_about_eight_times() -> None:
    moment, attempts = timedelta(0), 0
    while moment < timedelta(minutes=1):
        attempts += 1
        moment += backoff(attempts)
    assert attempts == 8


def test_back_off_has_an_end() -> None:
    assert backoff(1_000_000) == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        pytest.param([80, 0, 0], 1, id="the head is cut off"),
        pytest.param([80, 70, 10], 2, id="however much of it"),
        pytest.param([60], 1, id="as old as it may be is too old"),
        pytest.param([59, 80], 0, id="what lies behind a fresh record waits"),
        pytest.param([90, 90], 2, id="all of it"),
    ],
)
def test_expired_records_are_cut_off_the_head(ages: list[int], expected: int) -> None:
    limits = StreamRetryLimits(maximum_record_age=timedelta(seconds=60))
    assert count_expired([NOW - timedelta(seconds=age) for age in ages], NOW, limits) == expected


def test_without_a_limit_nothing_expires() -> None:
    assert count_expired([datetime(1970, 1, 1, tzinfo=UTC)], NOW, FOREVER) == 0
    assert expires_at(NOW, FOREVER) is None
