"""When changes happened, by the simulator's clock.

Writers stamp changes with the real time. In live programs that is the simulator's time as well. Where the
simulator's time is another, a change that is noticed happened as long ago as it really did; from then on that
moment is its own. In a simulation, where no time passes before a change is noticed, it happened just then.
"""

from bisect import bisect_left
from datetime import datetime, timedelta

from engine.clock import Clock, from_millis

_SAME = timedelta(seconds=1)


def writers_now(clock: Clock) -> datetime:
    """Return the present as writers stamp it: the real one, except in a simulation, where no stamp counts."""
    return clock.now() if clock.runs_inline else clock.real_now()


class Arrivals:
    """Turns writers' times into moments of `clock`. For one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._noticed: list[int] = []  # up to each of these positions ...
        self._shifts: list[timedelta] = []  # ... the simulator's clock was ahead by that much
        self._moments: list[datetime] = []  # or, in a simulation, showed this

    def notice(self, position: int) -> None:
        """Take changes up to `position` as noticed now, apart from those noticed before."""
        if self._noticed and position <= self._noticed[-1]:
            return
        if self._clock.runs_inline:
            self._noticed.append(position)
            self._moments.append(self._clock.now())
            return
        ahead = self._clock.now() - self._clock.real_now()
        shift = ahead if abs(ahead) > _SAME else timedelta()
        if self._shifts and abs(self._shifts[-1] - shift) <= _SAME:
            self._noticed[-1] = position
        else:
            self._noticed.append(position)
            self._shifts.append(shift)

    def moment(self, position: int, millis: int) -> datetime:
        """Return when a change that was noticed happened; `millis` is the writer's time, from 1970."""
        if self._moments:
            return self._moments[bisect_left(self._noticed, position)]
        if len(self._shifts) == 1:
            return from_millis(millis) + self._shifts[0]
        return from_millis(millis) + self._shifts[bisect_left(self._noticed, position)]
