"""Watchdog's observer of Linux, for a process whose loop has better things to do than to wait for threads.

While one thread of Python runs, the others wait. So events are handed over without a dispatcher, and while
files change in quick succession, the kernel is asked for what has gathered rather than for each event.
"""

from collections.abc import Callable
from typing import Any

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import DEFAULT_OBSERVER_TIMEOUT, BaseObserver, ObservedWatch
from watchdog.observers.inotify import InotifyFullEmitter, InotifyObserver
from watchdog.observers.inotify_c import InotifyEvent, InotifyFD
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

EVENTS_A_SECOND = 500  # more than these make a burst,
MANY_EVENTS = 16  # once so many came: one file is told in three or four
GATHER_SECONDS = 0.002

# Pairing the two halves of a move would hold everything behind it for half a second.
InotifyMoveEventGrouper.delay = 0.0


class Pace:
    """Tells a burst from what comes now and then: a vessel that events fill, and that leaks steadily."""

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self._stopwatch = stopwatch
        self._level = 0.0
        self._seen_at = stopwatch()

    def has_read(self, events: int) -> None:
        """Take note that so many events have just been read."""
        now = self._stopwatch()
        left = max(0.0, self._level - (now - self._seen_at) * EVENTS_A_SECOND)
        self._level = min(left + events, 2 * MANY_EVENTS)
        self._seen_at = now

    @property
    def pause(self) -> float:
        """How many seconds more events may gather before the next reading."""
        return GATHER_SECONDS if self._level >= MANY_EVENTS else 0.0


class PatientInotify(InotifyFD):
    """The kernel's queue. What comes now and then is read at once; a burst may gather."""

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        super().__init__()
        self._pace = Pace(stopwatch)

    def read_events(self, **options: Any) -> list[InotifyEvent]:
        """Return what has happened, waiting for it."""
        if pause := self._pace.pause:
            self.stopped_event.wait(pause)
        events = super().read_events(**options)
        self._pace.has_read(len(events))
        return events


class Emitter(InotifyFullEmitter):
    """Hands its events over at once, without the dispatcher's queue and thread."""

    def __init__(
        self, *args: Any, handlers_of: Callable[[ObservedWatch], list[FileSystemEventHandler]], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._handlers_of = handlers_of

    def queue_event(self, event: FileSystemEvent) -> None:
        """Let the watch's handlers have the event, when it is one of those that they want."""
        if self._event_filter is None or type(event) in self._event_filter:
            for handler in self._handlers_of(self.watch):
                handler.dispatch(event)


class LeanObserver(InotifyObserver):
    """Watchdog's observer, with its own reading and emitting. Its threads begin with `start`."""

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self._inotify_fd = PatientInotify(stopwatch)
        self._inotify_fd.start()
        BaseObserver.__init__(
            self,
            Emitter,
            timeout=DEFAULT_OBSERVER_TIMEOUT,
            inotify_fd=self._inotify_fd,
            handlers_of=self._handlers_of,
        )

    def _handlers_of(self, watch: ObservedWatch) -> list[FileSystemEventHandler]:
        return list(self._handlers.get(watch, ()))
