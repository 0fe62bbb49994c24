"""The keys that something happened to, and when to look at each."""

import heapq
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from engine.value import dataclass
from triggers.s3.settle import Candidate


@dataclass(slots=True)
class _Entry:
    candidate: Candidate
    due: datetime | None  # None: at once


class Candidates:
    """What is known about keys that are not settled yet; at most one entry a key."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._now: dict[str, None] = {}
        self._later: list[tuple[datetime, str]] = []

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def note(
        self,
        key: str,
        *,
        written: bool = False,
        finished: bool = False,
        silent: bool = False,
        sought: bool = False,
        due: datetime | None = None,
        may_wait: bool = False,
    ) -> None:
        """Add what a hint or a scan says, to be looked at when `due` (None: at once).

        What is said aloud is not silent any more. A key that waits already goes on waiting, unless its writer
        is now known to be done. Then it is looked at at once, unless it `may_wait`.
        """
        entry = self._entries.get(key)
        if entry is None:
            candidate = Candidate(written, finished, silent, sought=sought)
            self._enter(key, candidate, None if finished and not may_wait else due)
            return
        known = entry.candidate
        entry.candidate = replace(
            known,
            written=known.written or written,
            finished=known.finished or finished,
            silent=known.silent and silent,
            sought=known.sought or sought,
        )
        if finished and not may_wait and entry.due is not None:
            entry.due = None
            self._now[key] = None

    def put_back(self, key: str, candidate: Candidate, due: datetime) -> None:
        """Look at `key` again at `due`, or at once when its writer was done meanwhile."""
        newer = self._entries.get(key)
        if newer is not None:
            candidate = replace(
                candidate,
                written=candidate.written or newer.candidate.written,
                finished=candidate.finished or newer.candidate.finished,
                silent=candidate.silent and newer.candidate.silent,
            )
            if newer.due is None and newer.candidate.finished:
                newer.candidate = candidate
                return
            self._now.pop(key, None)
        self._enter(key, candidate, due)

    def _enter(self, key: str, candidate: Candidate, due: datetime | None) -> None:
        self._entries[key] = _Entry(candidate, due)
        if due is None:
            self._now[key] = None
        else:
            heapq.heappush(self._later, (due, key))

    def take(self, now: datetime, limit: int, hold: Callable[[str], bool]) -> dict[str, Candidate]:
        """Remove and return up to `limit` candidates that are due and that `hold` could take hold of."""
        while self._later and self._later[0][0] <= now:
            due, key = heapq.heappop(self._later)
            entry = self._entries.get(key)
            if entry is not None and entry.due == due:
                entry.due = None
                self._now[key] = None
        taken: dict[str, Candidate] = {}
        for key in self._now:
            if hold(key):
                taken[key] = self._entries.pop(key).candidate
                if len(taken) == limit:
                    break
        for key in taken:
            del self._now[key]
        return taken

    def held_up(self) -> list[str]:
        """Return the keys that wait because somebody else has them in hand."""
        return [key for key, entry in self._entries.items() if entry.candidate.held_up_at is not None]

    def are_settled(self, since: datetime) -> bool:
        """Say whether nothing is left but what somebody else has had in hand since then."""
        return all(
            entry.candidate.held_up_at is not None and entry.candidate.held_up_at >= since
            for entry in self._entries.values()
        )

    def next_due(self) -> datetime | None:
        """Return when to take again, apart from keys that wait for somebody to let go of them."""
        while self._later:
            due, key = self._later[0]
            entry = self._entries.get(key)
            if entry is not None and entry.due == due:
                return due
            heapq.heappop(self._later)
        return None
