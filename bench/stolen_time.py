"""Measuring while the processors are ours: on a shared machine, others take some of their time (Linux).

The time for which a virtual machine's processors were not there is told as stolen. A tenth of it has been
seen to double the time of an invocation, which goes from process to process four times.
Source: proc(5), "/proc/stat".
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
STAT = Path("/proc/stat")
STOLEN = 7  # the field, from 0
FIELDS = 8  # that follow; later ones are counted in others already
MOST_STOLEN = 0.03
TRIES = 4

_settled_for: list[float] = []  # the share that was stolen from each measurement that counts


def undisturbed(measured: Callable[[], T]) -> T:
    """Measure again while too much is stolen, and return the least disturbed result."""
    calmest: tuple[float, T] | None = None
    for _ in range(TRIES):
        before = _ticks()
        result = measured()
        share = _share(before, _ticks())
        if calmest is None or share < calmest[0]:
            calmest = share, result
        if share <= MOST_STOLEN:
            break
    assert calmest is not None
    _settled_for.append(calmest[0])
    return calmest[1]


def disturbance() -> str:
    """Return a remark on what was measured since the last call, empty where little was stolen from it."""
    most = max(_settled_for, default=0.0)
    _settled_for.clear()
    return f"{most:.0%} stolen" if most > MOST_STOLEN else ""


def _ticks() -> list[int]:
    if not STAT.exists():
        return [0] * FIELDS
    with STAT.open() as lines:
        return [int(field) for field in lines.readline().split()[1 : FIELDS + 1]]


def _share(before: list[int], after: list[int]) -> float:
    passed = [late - early for early, late in zip(before, after, strict=True)]
    return passed[STOLEN] / max(1, sum(passed))
