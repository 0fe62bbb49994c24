"""What mappings have in hand that waits for its time, to be told to whoever waits for all to be done."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Literal

from engine.value import dataclass

Reason = Literal["batching window", "tumbling window", "retry"]


@dataclass(frozen=True, slots=True)
class Wait:
    """So many records, none at the bare end of a tumbling window, wait until a moment."""

    count: int
    until: datetime
    reason: Reason


class Waits:
    """The waits of one mapping that are going on now."""

    def __init__(self) -> None:
        self._present: list[Wait] = []

    def __iter__(self) -> Iterator[Wait]:
        return iter(tuple(self._present))

    @contextmanager
    def of(self, count: int, until: datetime, reason: Reason) -> Iterator[None]:
        """Enclose a wait."""
        wait = Wait(count, until, reason)
        self._present.append(wait)
        try:
            yield
        finally:
            self._present.remove(wait)
