"""Notices changes in folders, for buckets and for function code.

What is reported is a hint, never the truth: the kernel forgets events when its queue overflows, sees a
folder that is moved in as one event, and starts to watch a new folder a moment too late. A listener looks
at the folder itself.

One watchdog observer serves the whole process. Its threads only note a path under a lock and wake the loop
once per burst; everything else happens on the loop, where a listener gets its hints coalesced by path.
"""

import asyncio
import errno
import logging
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from engine.clock import Clock
from engine.feed import Feed, Notice
from engine.value import dataclass

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver, ObservedWatch

POLL_INTERVAL_SECONDS = 1.0
# What says so when the kernel's queue overflows, and when the watches are set up again after it.
CLOSED_MEANWHILE = "InotifyEmitter.queue_events() called when the thread is inactive"
WATCHDOG_LOGGERS = ("watchdog.observers.inotify_c", "watchdog.observers.inotify")

_WRITTEN, _FINISHED, _FOLDER, _OVERFLOW = 1, 2, 4, 8
_FILE_CHANGES = {
    "created": _WRITTEN,
    "modified": _WRITTEN,
    "closed": _FINISHED,
    "moved": _WRITTEN | _FINISHED,
    "deleted": 0,
}
_FOLDER_CHANGES = {"created": _FOLDER, "moved": _FOLDER | _FINISHED, "deleted": _FOLDER}


@dataclass(frozen=True, slots=True)
class Hint:
    """Something happened at `path` (absolute), at least once since the last batch.

    `written`: its content may be new; false for a mere close, as `touch` does, and for a deletion.
    `finished`: a writer closed it, or it was moved here whole.
    `folder`: it is, or was, a folder: look at everything below.
    `overflow`: the kernel lost events: look at everything; `path` is the watched folder.
    """

    path: str
    written: bool = False
    finished: bool = False
    folder: bool = False
    overflow: bool = False


Listener = Callable[[Sequence[Hint]], None]


class Watch:
    """One watched folder, until closed."""

    def __init__(
        self,
        folder: Path,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
        forget: "Callable[[Watch], None]",
    ) -> None:
        self.folder = folder
        self._listener = listener
        self._loop = loop
        self._forget = forget
        self._lock = threading.Lock()
        self._changes: dict[str, int] = {}
        self._closed = False

    def close(self) -> None:
        """Report nothing more; harmless when already closed."""
        if not self._closed:
            self._closed = True
            self._forget(self)

    def note(self, path: str, change: int) -> None:
        """Remember a change for the next batch. Called on watchdog's threads."""
        with self._lock:
            burst = bool(self._changes)
            self._changes[path] = self._changes.get(path, 0) | change
        if not burst and not self._closed:
            try:
                self._loop.call_soon_threadsafe(self._report)
            except RuntimeError:  # the loop was closed meanwhile
                self._closed = True

    def take(self, event: "FileSystemEvent") -> None:
        """Note what watchdog reports. Called on watchdog's threads."""
        changes = _FOLDER_CHANGES if event.is_directory else _FILE_CHANGES
        change = changes.get(event.event_type)
        if change is None:
            return
        if event.event_type != "moved":
            self.note(os.fsdecode(event.src_path), change)
            return
        if event.src_path:
            self.note(os.fsdecode(event.src_path), change & _FOLDER)
        if event.dest_path:
            self.note(os.fsdecode(event.dest_path), change)

    def _report(self) -> None:
        with self._lock:
            changes, self._changes = self._changes, {}
        if self._closed or not changes:
            return
        self._listener(
            [
                Hint(path, bool(bits & 1), bool(bits & 2), bool(bits & 4), bool(bits & 8))
                for path, bits in changes.items()
            ]
        )


class FolderWatcher:
    """Watches folders for everybody in this process. Enter it with `async with`.

    A watcher that `misses_nothing` needs no second looks to be sure.
    """

    misses_nothing = False

    def __init__(self, clock: Clock, feed: Feed) -> None:
        self._clock = clock
        self._feed = feed
        self._subscriptions: dict[tuple[Path, bool, bool], _Subscription] = {}
        self._observers: dict[bool, BaseObserver] = {}  # by whether it polls
        self._filter = _WatchdogFilter(self._report_overflow)

    async def __aenter__(self) -> Self:
        """Start nothing yet: threads begin with the first watch."""
        for name in WATCHDOG_LOGGERS:
            logging.getLogger(name).addFilter(self._filter)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every watch and end watchdog's threads."""
        for subscription in list(self._subscriptions.values()):
            for watch in list(subscription.watches):
                watch.close()
        for observer in self._observers.values():
            observer.stop()
        for observer in self._observers.values():
            await asyncio.to_thread(observer.join)
        for name in WATCHDOG_LOGGERS:
            logging.getLogger(name).removeFilter(self._filter)
        self._observers.clear()

    def look(self) -> None:
        """Report at once what has changed, where the watcher finds it out only so."""

    def watch(self, folder: Path, listener: Listener, *, recursive: bool = True, poll: bool = False) -> Watch:
        """Call `listener`, on the running loop, with what happens below `folder` until the watch is closed.

        `poll` compares the folder with its last state every second instead of asking the kernel, as network
        file systems need it. When the kernel has no watch left, polling begins by itself, with a notice.
        A folder that is deleted is reported once more, as a folder; watch it again when it is back.
        Raises OSError when the folder cannot be watched: FileNotFoundError when it is missing.
        """
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        try:
            subscription = self._subscribe(folder, recursive, poll)
        except OSError as error:
            if poll or error.errno not in (errno.ENOSPC, errno.EMFILE):
                raise
            self._say_that_it_polls(folder, error)
            subscription = self._subscribe(folder, recursive, poll=True)
        watch = Watch(folder, listener, asyncio.get_running_loop(), self._forget)
        subscription.watches.add(watch)
        return watch

    def _subscribe(self, folder: Path, recursive: bool, poll: bool) -> "_Subscription":
        """Return the one subscription of watchdog for this folder, with a thread that is alive."""
        observer = self._observers.get(poll)
        if observer is None:
            observer = _polling_observer() if poll else _native_observer(self._clock)
            observer.start()
            self._observers[poll] = observer
        subscription = self._subscriptions.get((folder, recursive, poll))
        if subscription is None:
            subscription = _Subscription(observer, folder, recursive)
            subscription.begin()
            self._subscriptions[folder, recursive, poll] = subscription
        elif not subscription.is_alive():
            subscription.end()
            subscription.begin()
        return subscription

    def _forget(self, watch: Watch) -> None:
        for key, subscription in list(self._subscriptions.items()):
            subscription.watches.discard(watch)
            if not subscription.watches:
                del self._subscriptions[key]
                subscription.end()

    def _say_that_it_polls(self, folder: Path, error: OSError) -> None:
        text = (
            f"{error.strerror}: looking at the folder every {POLL_INTERVAL_SECONDS:g} s instead; "
            "raise fs.inotify.max_user_watches or max_user_instances with sysctl for faster notice"
        )
        self._feed.publish(Notice(self._clock.now(), "warning", str(folder), text))

    def _report_overflow(self) -> None:
        for subscription in list(self._subscriptions.values()):
            for watch in list(subscription.watches):
                watch.note(str(watch.folder), _OVERFLOW)


class _Subscription:
    """What watchdog is asked to watch, for one or several watches."""

    def __init__(self, observer: "BaseObserver", folder: Path, recursive: bool) -> None:
        self.watches: set[Watch] = set()
        self._observer = observer
        self._folder = folder
        self._recursive = recursive
        self._observed: ObservedWatch | None = None

    def begin(self) -> None:
        from watchdog.events import FileSystemEventHandler

        watches = self.watches

        class Handler(FileSystemEventHandler):
            def dispatch(self, event: "FileSystemEvent") -> None:
                for watch in tuple(watches):
                    watch.take(event)

        self._observed = self._observer.schedule(
            Handler(), str(self._folder), recursive=self._recursive, event_filter=_wanted_events()
        )

    def is_alive(self) -> bool:
        """Say whether watchdog's thread still runs: it ends when the folder is deleted."""
        emitters = self._observer.emitters
        return any(emitter.watch is self._observed and emitter.is_alive() for emitter in emitters)

    def end(self) -> None:
        if self._observed is not None:
            self._observer.unschedule(self._observed)
            self._observed = None


class _WatchdogFilter(logging.Filter):
    """Reads watchdog's log: a full kernel queue becomes a hint, for there is no other word of it.

    That a watch is closed while an event of its arrives is no error, though watchdog logs it as one.
    """

    def __init__(self, report: Callable[[], None]) -> None:
        super().__init__()
        self._report = report

    def filter(self, record: logging.LogRecord) -> bool:
        text = str(record.msg)
        if "overflow" in text.lower():
            self._report()
            return False
        return text != CLOSED_MEANWHILE


def _native_observer(clock: Clock) -> "BaseObserver":
    try:
        from engine.inotify import LeanObserver
    except ImportError:
        from watchdog.observers import Observer

        return Observer()

    # A folder that appears while its parent is being walked is added twice; nothing is wrong with that.
    warnings.filterwarnings("ignore", "Callback with id .* already exists", RuntimeWarning)
    return LeanObserver(clock.stopwatch)


def _polling_observer() -> "BaseObserver":
    from watchdog.observers.polling import PollingObserver

    return PollingObserver(timeout=POLL_INTERVAL_SECONDS)


def _wanted_events() -> "list[type[FileSystemEvent]]":
    from watchdog import events

    return [
        events.FileCreatedEvent,
        events.FileModifiedEvent,
        events.FileClosedEvent,
        events.FileMovedEvent,
        events.FileDeletedEvent,
        events.DirCreatedEvent,
        events.DirMovedEvent,
        events.DirDeletedEvent,
    ]
