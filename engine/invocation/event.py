"""An asynchronous invocation before it is accepted, and who accepts it.

This is the small contract between pushed sources (buckets, schedules) and Lambda: a source stores its own
position and its events in one transaction, so that neither is ever kept without the other.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import field
from random import Random
from typing import Protocol

from engine.value import dataclass

_UUID_FIXED, _UUID_VERSION_4 = 0xF000_C000 << 48, 0x4000_8000 << 48  # the version's and the variant's bits
_IDS = Random()  # noqa: S311 - names, not secrets: a system call for each would cost as much as storing the event


def new_request_id() -> str:
    """Return a fresh request id: a random UUID, as Lambda makes them."""
    bits = _IDS.getrandbits(128) & ~_UUID_FIXED | _UUID_VERSION_4
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


@dataclass(frozen=True, slots=True)
class AsyncEvent:
    """One event for one function. `payload` is JSON; `source` names the resource it came from.

    `lineage` lists, oldest first, the functions whose invocations led to this event.
    """

    function: str
    payload: bytes
    source: str = "invoke"
    request_id: str = field(default_factory=new_request_id)
    qualifier: str | None = None
    lineage: tuple[str, ...] = ()


class EventAcceptor(Protocol):
    """Lambda's internal queue, as a source sees it."""

    def insert(self, connection: sqlite3.Connection, events: Sequence[AsyncEvent]) -> None:
        """Store `events`, as part of the transaction that `connection` is in."""

    def wake(self) -> None:
        """Say that the transaction is committed, so that the events run now."""
