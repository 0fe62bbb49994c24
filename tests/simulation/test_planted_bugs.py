"""The promises are worth something: each bug that is planted is caught, by the promise that it breaks."""

from collections.abc import Callable

import pytest

from tests.simulation import planted_bugs
from tests.simulation.conftest import SEEDS
from tests.simulation.planted_bugs import Planted
from tests.simulation.promises import ends, latency, leaks, limits, order, retries
from tests.simulation.trial import try_seed


@pytest.mark.parametrize(
    ("plant", "promise"),
    [
        pytest.param(planted_bugs.acknowledge_before_commit, ends.LOST, id="acknowledge before commit"),
        pytest.param(
            planted_bugs.checkpoint_past_a_failed_record, ends.LOST, id="checkpoint past a failed record"
        ),
        pytest.param(planted_bugs.lost_wake_up, latency.AT_ONCE, id="lost wake-up"),
        pytest.param(planted_bugs.lost_fifo_order, order.ORDER, id="overtaking in a message group"),
        pytest.param(planted_bugs.double_settlement, ends.RECORDED, id="settling an event twice"),
        pytest.param(planted_bugs.hasty_retries, retries.PAUSES, id="retrying too early"),
        pytest.param(planted_bugs.one_receive_too_many, retries.ATTEMPTS, id="redriving too late"),
        pytest.param(planted_bugs.unlimited_concurrency, limits.CONCURRENCY, id="ignoring the concurrency"),
        pytest.param(planted_bugs.kept_leases, leaks.LEAKS, id="keeping leases over a restart"),
    ],
)
def test_planted_bug_is_caught(plant: Callable[[], Planted], promise: str) -> None:
    found = (
        any(broken.promise == promise for broken in try_seed(seed, plant).broken) for seed in range(SEEDS)
    )
    assert any(found), f"{SEEDS} seeds have not shown it"
