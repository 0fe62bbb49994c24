"""Values over simulated time, in about as many steps whatever its length.

A step keeps the highest of the levels that it saw (a queue's depth), or the sum of what happened in it
(errors). When the steps are used up, two become one.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from engine.value import dataclass

MOST_STEPS = 400
GOOD_STEPS = 200
FIRST_STEP = timedelta(seconds=1)

Line = tuple[str, str]  # what it is about, and what is counted there


@dataclass(frozen=True, slots=True)
class Series:
    """One line over time: what there was of `unit` in `name`. `values` has one for each step."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def highest(self) -> float:
        """Return the highest value."""
        return max(self.values, default=0)


class Timeline:
    """Takes what is seen, at moments that never go back.

    `length`, when it is known, makes the steps as long as it takes for `GOOD_STEPS` of them.
    """

    def __init__(self, began: datetime, length: timedelta | None = None) -> None:
        self.began = began
        self.step = FIRST_STEP if length is None else max(length / GOOD_STEPS, timedelta(milliseconds=1))
        self._levels: dict[Line, list[float]] = {}
        self._sums: dict[Line, list[float]] = {}
        self._last: dict[Line, float] = {}

    def level(self, line: Line, value: float, now: datetime) -> None:
        """Take a level: it holds until another one is taken, and a step keeps its highest."""
        index = self._reach(now)
        values = self._levels.setdefault(line, [])
        is_first = len(values) <= index and now == self.began + self.step * index
        values.extend([self._last.get(line, 0)] * (index + 1 - len(values)))
        values[index] = value if is_first else max(values[index], value)  # what ends as a step begins is over
        self._last[line] = value

    def add(self, line: Line, value: float, now: datetime) -> None:
        """Count something that happened."""
        index = self._reach(now)
        values = self._sums.setdefault(line, [])
        values.extend([0] * (index + 1 - len(values)))
        values[index] += value

    def next_step(self, now: datetime) -> datetime:
        """Return when the next step begins."""
        return self.began + self.step * (self._index(now) + 1)

    def series(self, ended: datetime) -> list[Series]:
        """Return every line up to `ended`, by their names; the last step has that moment, too."""
        index = self._reach(max(ended, self.began))
        count = max(1, index + (ended > self.began + self.step * index))
        lines = [
            (line, _steps(values, count, self._last[line], max)) for line, values in self._levels.items()
        ]
        lines += [(line, _steps(values, count, 0, sum)) for line, values in self._sums.items()]
        return [Series(*line, values) for line, values in sorted(lines)]

    def _index(self, now: datetime) -> int:
        return (now - self.began) // self.step

    def _reach(self, now: datetime) -> int:
        """Return the index of the step that `now` is in, once steps are long enough for it."""
        while self._index(now) >= MOST_STEPS:
            self.step *= 2
            for values in self._levels.values():
                values[:] = [max(values[at : at + 2]) for at in range(0, len(values), 2)]
            for values in self._sums.values():
                values[:] = [sum(values[at : at + 2]) for at in range(0, len(values), 2)]
        return self._index(now)


def _steps(
    values: list[float], count: int, last: float, fold: Callable[[list[float]], float]
) -> tuple[float, ...]:
    """Return a value for each of so many steps: `last` is what goes on, and what is too much becomes one."""
    if len(values) <= count:
        return (*values, *[last] * (count - len(values)))
    return (*values[: count - 1], fold(values[count - 1 :]))
