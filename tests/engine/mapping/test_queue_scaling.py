"""How many batches of a queue are on their way at once."""

from datetime import timedelta
from typing import Any

import pytest

from engine.mapping.parameters import with_defaults
from engine.mapping.queue_scaling import (
    ScalingLimits,
    after_quiet,
    grown,
    lowered,
    next_fall,
    recovered,
    scaling_limits,
)

LIMITS = ScalingLimits(start=5, least=2, most=1250, growth_per_minute=300)


@pytest.mark.parametrize(
    ("params", "environments", "expected"),
    [
        pytest.param({}, 5000, (5, 2, 1250, 300), id="five at first, two when quiet, 300 more a minute"),
        pytest.param({}, 8, (5, 2, 8, 300), id="no more than there may be environments"),
        pytest.param({}, 1, (1, 1, 1, 300), id="one environment"),
        pytest.param(
            {"ScalingConfig": {"MaximumConcurrency": 20}},
            5000,
            (5, 5, 20, 300),
            id="with a maximum it does not fall below five",
        ),
        pytest.param({"ScalingConfig": {"MaximumConcurrency": 2}}, 5000, (2, 2, 2, 300), id="a low maximum"),
        pytest.param(
            {"ProvisionedPollerConfig": {"MinimumPollers": 3}},
            5000,
            (30, 30, 2000, 1000),
            id="a poller takes ten batches at once",
        ),
        pytest.param(
            {"ProvisionedPollerConfig": {"MaximumPollers": 10_000}},
            50_000,
            (20, 20, 20_000, 1000),
            id="20,000 at most",
        ),
    ],
)
def test_limits_follow_from_the_parameters(
    params: dict[str, Any], environments: int, expected: tuple[int, ...]
) -> None:
    assert scaling_limits(with_defaults("sqs", params), environments) == ScalingLimits(*expected)


@pytest.mark.parametrize(
    ("concurrency", "seconds", "expected"),
    [
        pytest.param(5, 60, 305, id="a busy minute"),
        pytest.param(5, 0.1, 5.5, id="a part of a step counts"),
        pytest.param(1240, 60, 1250, id="up to the most"),
        pytest.param(5, -1, 5, id="growth that is held back takes nothing away"),
    ],
)
def test_concurrency_grows_while_all_are_busy(concurrency: float, seconds: float, expected: float) -> None:
    assert grown(concurrency, timedelta(seconds=seconds), LIMITS) == pytest.approx(expected)


@pytest.mark.parametrize(("concurrency", "expected"), [(2, 2.2), (4.9, 5), (7, 7)])
def test_success_gives_back_what_failures_took(concurrency: float, expected: float) -> None:
    assert recovered(concurrency, LIMITS) == pytest.approx(expected)


def test_a_failure_takes_one_away_and_leaves_one() -> None:
    assert [lowered(5.5), lowered(1.5), lowered(1)] == [4.5, 1, 1]


@pytest.mark.parametrize(
    ("concurrency", "minutes", "expected", "minutes_left"),
    [
        pytest.param(50, 0, 50, 1, id="nothing yet"),
        pytest.param(50, 1, 5, 4, id="after a minute, where it began"),
        pytest.param(3, 1, 3, 4, id="never up"),
        pytest.param(5, 5, 2, None, id="after five, the least"),
        pytest.param(1, 9, 1, None, id="less than the least stays"),
    ],
)
def test_a_quiet_queue_needs_less(
    concurrency: float, minutes: float, expected: float, minutes_left: float | None
) -> None:
    quiet = timedelta(minutes=minutes)
    left = after_quiet(concurrency, quiet, LIMITS)
    assert left == expected
    assert next_fall(left, quiet, LIMITS) == (
        None if minutes_left is None else timedelta(minutes=minutes_left)
    )
