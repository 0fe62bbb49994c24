"""What happens to an asynchronous event after an attempt."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.invocation.retry import (
    GiveUp,
    RetryAt,
    RetryLimits,
    Succeeded,
    after_answer,
    after_refusal,
    before_attempt,
    is_recursive,
)

ACCEPTED = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULTS = RetryLimits()


def after(seconds: float) -> datetime:
    return ACCEPTED + timedelta(seconds=seconds)


def limits(attempts: int = 2, age: int = 21600) -> RetryLimits:
    return RetryLimits(attempts, timedelta(seconds=age))


@pytest.mark.parametrize(
    ("failed", "attempts", "now", "rules", "expected"),
    [
        pytest.param(False, 1, 1, DEFAULTS, Succeeded(), id="an answer ends the event"),
        pytest.param(False, 3, 1, limits(age=60), Succeeded(), id="success counts however late"),
        pytest.param(
            True, 1, 1, DEFAULTS, RetryAt(after(61), "function_error"), id="a minute after the first error"
        ),
        pytest.param(
            True, 2, 62, DEFAULTS, RetryAt(after(182), "function_error"), id="two minutes after the second"
        ),
        pytest.param(True, 3, 183, DEFAULTS, GiveUp("RetriesExhausted"), id="the third error is the last"),
        pytest.param(
            True, 1, 1, limits(0), GiveUp("RetriesExhausted"), id="no retries when none are allowed"
        ),
        pytest.param(True, 2, 62, limits(1), GiveUp("RetriesExhausted"), id="one retry when one is allowed"),
        pytest.param(
            True, 1, 0, limits(age=60), GiveUp("EventAgeExceeded"), id="a retry at the age limit is too late"
        ),
        pytest.param(
            True,
            1,
            5,
            limits(age=90),
            RetryAt(after(65), "function_error"),
            id="a retry within the age limit",
        ),
        pytest.param(
            True,
            2,
            65,
            limits(age=90),
            GiveUp("EventAgeExceeded"),
            id="the age check looks ahead two minutes",
        ),
        pytest.param(
            True,
            3,
            65,
            limits(age=60),
            GiveUp("RetriesExhausted"),
            id="exhausted retries are named before age",
        ),
    ],
)
def test_step_after_an_answer(
    failed: bool, attempts: int, now: float, rules: RetryLimits, expected: Succeeded | RetryAt | GiveUp
) -> None:
    assert after_answer(failed, attempts, ACCEPTED, after(now), rules) == expected


@pytest.mark.parametrize(
    ("refusals", "seconds"),
    [(1, 1), (2, 2), (3, 4), (8, 128), (9, 256), (10, 300), (11, 300), (5000, 300)],
)
def test_refusals_back_off_from_a_second_to_five_minutes(refusals: int, seconds: int) -> None:
    assert after_refusal("throttled", refusals, ACCEPTED, after(7), DEFAULTS) == RetryAt(
        after(7 + seconds), "throttled"
    )


def test_refusals_end_at_the_age_limit() -> None:
    assert after_refusal("system_error", 6, ACCEPTED, after(31), limits(age=60)) == GiveUp("EventAgeExceeded")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(60, None, id="as old as allowed"),
        pytest.param(60.001, GiveUp("EventAgeExceeded"), id="older than allowed"),
    ],
)
def test_an_event_that_waited_too_long_is_not_tried(now: float, expected: GiveUp | None) -> None:
    assert before_attempt(ACCEPTED, after(now), limits(age=60)) == expected


@pytest.mark.parametrize(
    ("lineage", "expected"),
    [
        pytest.param(("a",) * 15, False, id="fifteen in the chain go on"),
        pytest.param(("a",) * 16, True, id="the seventeenth is stopped"),
        pytest.param(("a", "b") * 15, False, id="each function counts for itself"),
        pytest.param((), False, id="the first of a chain"),
    ],
)
def test_a_chain_is_recursive_after_sixteen_invocations(lineage: tuple[str, ...], expected: bool) -> None:
    assert is_recursive("a", lineage) is expected


@given(
    attempts=st.integers(1, 5),
    refusals=st.integers(1, 40),
    age=st.integers(60, 21600),
    allowed=st.integers(0, 2),
    now=st.floats(0, 30000),
)
def test_a_retry_always_starts_later_and_before_the_age_limit(
    attempts: int, refusals: int, age: int, allowed: int, now: float
) -> None:
    rules = limits(allowed, age)
    for step in (
        after_answer(True, attempts, ACCEPTED, after(now), rules),
        after_refusal("throttled", refusals, ACCEPTED, after(now), rules),
    ):
        if isinstance(step, RetryAt):
            assert after(now) < step.moment < after(age)
