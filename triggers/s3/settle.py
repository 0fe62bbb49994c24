"""When a file that changed counts as put, and when one that is missing counts as removed.

A hint says that something happened; the state of the file beside the index says what. These rules are pure:
the loop in folder.py looks at files and asks them.
"""

from datetime import datetime, timedelta

from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells one content of a file from another without reading it."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A key that something happened to.

    `written`: its content may be new, even where the state looks like a mere `touch`. `finished`: its writer
    closed it, or it was moved here whole. `silent`: bring the index up to date, raise no event. `seen` is its
    state when last looked at (None: missing), `seen_at` since when it has been so (None: not looked at yet).
    `sought`: somebody waits for the truth. `held_up_at` is when somebody else last had it in hand: when it
    had changed since the look before, or could not be read.
    """

    written: bool = False
    finished: bool = False
    silent: bool = False
    seen: FileState | None = None
    seen_at: datetime | None = None
    sought: bool = False
    held_up_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """Read it and put it; `if_different`: only when its content is not what the index has."""

    if_different: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again at `until`; it has been in this state since `since`."""

    until: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class Removed:
    """The object is gone for good."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """The index is right."""


Step = Put | Wait | Removed | Nothing


def next_step(
    candidate: Candidate,
    state: FileState | None,
    indexed: FileState | None,
    now: datetime,
    settle_time: timedelta,
    *,
    racy: bool = False,
    unread: bool = False,
) -> Step:
    """Decide what a candidate in `state` (None: no such file), known to the index as `indexed`, comes to.

    `racy` means that the file was read so soon after it was written that a later write may have left the same
    time stamp; `unread`, that the index knows the file's state and not yet its content. A missing file is
    given one settle time to come back: an atomic save can look like delete and create. So is a changed one,
    unless its writer is known to be done.
    """
    since = now if candidate.seen_at is None or candidate.seen != state else candidate.seen_at
    if state is None:
        if indexed is None:
            return Nothing()
        return Removed() if now - since >= settle_time else Wait(since + settle_time, since)
    touched = _only_touched(candidate, state, indexed)
    if state == indexed and not unread:
        if racy and candidate.sought:
            return Put(if_different=True)
        if not (racy and (candidate.written or candidate.finished)):
            return Nothing()
        touched = True
    if candidate.finished or now - since >= settle_time:
        return Put(if_different=touched)
    return Wait(since + settle_time, since)


def _only_touched(candidate: Candidate, state: FileState, indexed: FileState | None) -> bool:
    """Say whether only the time stamp is known to have changed."""
    return (
        indexed is not None
        and not candidate.written
        and (state.size, state.inode) == (indexed.size, indexed.inode)
    )
