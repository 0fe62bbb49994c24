"""How many batches of a queue are processed at once.

It begins with five, grows while all are busy, shrinks when invocations fail or are throttled, recovers when
they go well, and falls back when the queue is quiet. Source: Lambda developer guide, "Configuring scaling
behavior for SQS event source mappings"; how fast it shrinks is not published.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from engine.value import dataclass

START = 5
MOST = 1_250
GROWTH_PER_MINUTE = 300
LEAST_WHEN_QUIET = 2
BATCHES_PER_POLLER = 10  # provisioned mode
MOST_PROVISIONED = 20_000
PROVISIONED_GROWTH_PER_MINUTE = 1_000

QUIET = timedelta(minutes=1)  # then back to where it began
VERY_QUIET = timedelta(minutes=5)  # then to the least
HELD = timedelta(minutes=1)  # no growth for so long after a failure, no recovery after throttling
RECOVERY = 0.2  # by a success, of what failures have taken away


@dataclass(frozen=True, slots=True)
class ScalingLimits:
    """Where concurrency begins, what it falls to when the queue is quiet, what it grows to and how fast."""

    start: int
    least: int
    most: int
    growth_per_minute: int

    @property
    def growth_step(self) -> timedelta:
        """How long all have to be busy for one more."""
        return timedelta(minutes=1) / self.growth_per_minute


def scaling_limits(params: Mapping[str, Any], environments: int) -> ScalingLimits:
    """Return the limits of a mapping with these parameters of the API.

    `environments` is how many execution environments there may be: more batches at once would only wait
    for one of them, and their messages might show again meanwhile.
    """
    pollers = params.get("ProvisionedPollerConfig")
    maximum = params.get("ScalingConfig", {}).get("MaximumConcurrency")
    if pollers is not None:
        start = pollers["MinimumPollers"] * BATCHES_PER_POLLER
        most = min(pollers["MaximumPollers"] * BATCHES_PER_POLLER, MOST_PROVISIONED)
        limits = ScalingLimits(start, start, most, PROVISIONED_GROWTH_PER_MINUTE)
    elif maximum is not None:
        start = min(START, maximum)
        limits = ScalingLimits(start, start, maximum, GROWTH_PER_MINUTE)
    else:
        limits = ScalingLimits(START, LEAST_WHEN_QUIET, MOST, GROWTH_PER_MINUTE)
    return ScalingLimits(
        min(limits.start, environments),
        min(limits.least, environments),
        min(limits.most, environments),
        limits.growth_per_minute,
    )


def grown(concurrency: float, busy: timedelta, limits: ScalingLimits) -> float:
    """Return the concurrency after all were `busy` for so long. It never shrinks by this."""
    return max(concurrency, min(concurrency + busy / limits.growth_step, limits.most))


def lowered(concurrency: float) -> float:
    """Return the concurrency after an invocation that failed or was throttled: one less, one at least."""
    return max(1.0, concurrency - 1)


def recovered(concurrency: float, limits: ScalingLimits) -> float:
    """Return the concurrency after an invocation that went well: failures took some, a little comes back."""
    return max(concurrency, min(concurrency + RECOVERY, limits.start))


def after_quiet(concurrency: float, quiet: timedelta, limits: ScalingLimits) -> float:
    """Return the concurrency after the queue gave nothing for so long. What failures took stays taken."""
    if quiet >= VERY_QUIET:
        return min(concurrency, limits.least)
    return min(concurrency, limits.start) if quiet >= QUIET else concurrency


def next_fall(concurrency: float, quiet: timedelta, limits: ScalingLimits) -> timedelta | None:
    """Return for how much longer the queue has to be quiet until `after_quiet` takes something away."""
    if concurrency <= limits.least:
        return None
    return QUIET - quiet if concurrency > limits.start else VERY_QUIET - quiet
