"""How long a function's work takes in simulated time: as long as it really did, always the same, or drawn.

Pure: the draw is given, a uniform number between 0 and 1.
"""

import math
import re
from datetime import timedelta
from typing import Protocol

from engine.duration import parse_duration
from engine.value import dataclass

P99 = 2.3263478740408408  # standard deviations
_CALL = re.compile(r"(\w+)\s*\(([^()]*)\)")
FORMS = (
    '"real", a duration such as "120ms", "uniform(min=10ms, max=2s)", "exponential(mean=80ms)" or '
    '"lognormal(median=80ms, p99=900ms)"'
)


class Distribution(Protocol):
    """Gives a duration for a uniform draw."""

    def seconds(self, draw: float) -> float:
        """Return the duration in seconds for a draw, which is above 0 and below 1."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same."""

    length: float

    def seconds(self, draw: float) -> float:  # noqa: ARG002 - nothing is left to chance
        return self.length


@dataclass(frozen=True, slots=True)
class Uniform:
    """Anything between two durations, each as likely."""

    least: float
    most: float

    def seconds(self, draw: float) -> float:
        return self.least + (self.most - self.least) * draw


@dataclass(frozen=True, slots=True)
class Exponential:
    """Mostly short, seldom long."""

    mean: float

    def seconds(self, draw: float) -> float:
        return -self.mean * math.log(1 - draw)


@dataclass(frozen=True, slots=True)
class LogNormal:
    """As services behave: half of all take no longer than the median, one in a hundred longer than p99."""

    median: float
    p99: float

    def seconds(self, draw: float) -> float:
        from statistics import NormalDist  # takes a while to import

        spread = math.log(self.p99 / self.median) / P99
        return self.median * math.exp(spread * NormalDist().inv_cdf(draw))


def parse_simulated_duration(text: str) -> Distribution | None:
    """Return what `text` describes; None for `real`.

    Raises ValueError, with what is allowed, for anything else.
    """
    text = text.strip()
    if text == "real":
        return None
    call = _CALL.fullmatch(text)
    if call is None:
        try:
            return Fixed(parse_duration(text).total_seconds())
        except ValueError:
            raise ValueError(f"{FORMS} is needed, got {text!r}") from None
    name, given = call[1], _arguments(call[2])
    match name:
        case "uniform":
            least, most = _take(name, given, "min", "max")
            if least > most:
                raise ValueError("uniform: min is more than max")
            return Uniform(least, most)
        case "exponential":
            (mean,) = _take(name, given, "mean")
            return Exponential(mean)
        case "lognormal":
            median, p99 = _take(name, given, "median", "p99")
            if not 0 < median <= p99:
                raise ValueError("lognormal: median has to be above 0 and no more than p99")
            return LogNormal(median, p99)
    raise ValueError(f"there is no distribution {name!r}: {FORMS} is needed")


def _arguments(text: str) -> dict[str, timedelta]:
    arguments = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} needs a name, as in lognormal(median=80ms, p99=900ms)")
        arguments[name.strip()] = parse_duration(value.strip())
    return arguments


def _take(distribution: str, given: dict[str, timedelta], *names: str) -> list[float]:
    if set(given) != set(names):
        raise ValueError(f"{distribution} takes {' and '.join(names)}, got {', '.join(given) or 'nothing'}")
    return [given[name].total_seconds() for name in names]
