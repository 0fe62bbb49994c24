"""Says what happens to the simulator's own files while it runs: its configuration and its state folder."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from engine.clock import Clock
from engine.feed import Feed, Notice
from engine.store.state_folder import DATABASE
from engine.watching import FolderWatcher, Hint
from headrace.config import Configuration


class OwnFiles:
    """Watches them, where they can be watched, and tells the feed."""

    def __init__(
        self, configuration: Configuration, watcher: FolderWatcher, clock: Clock, feed: Feed
    ) -> None:
        self._configuration = configuration
        self._watcher = watcher
        self._clock = clock
        self._feed = feed

    def watch(self) -> None:
        """Begin; the watches end with the watcher."""
        self._watch_configuration()
        self._watch_state()

    def _watch_configuration(self) -> None:
        """Say so when the configuration file is changed: it is read at the start only."""
        path = self._configuration.path.resolve()
        known = _content(path)

        def look() -> None:
            nonlocal known
            now = _content(path)
            if now and now != known:  # an empty one is about to be written
                known = now
                self._notice("info", path, "the configuration has changed: stop and start again to apply it")

        self._watch_beside(path, look)

    def _watch_state(self) -> None:
        """Say so when the state folder is removed: the database goes on, but nobody will find it again."""
        path = self._configuration.state.resolve()
        database = path / DATABASE
        is_gone = False

        def look() -> None:
            nonlocal is_gone
            if not is_gone and not database.exists():
                is_gone = True
                text = "was removed: nothing is kept any more; stop and start again for a new one"
                self._notice("error", path, text)

        self._watch_beside(path, look)

    def _watch_beside(self, path: Path, look: Callable[[], None]) -> None:
        """Look when something happens to `path`, whatever else is written beside it."""
        place = str(path)

        def listen(hints: Sequence[Hint]) -> None:
            if any(hint.path == place or hint.overflow for hint in hints):
                look()

        with suppress(OSError):  # a convenience: without it everything else works
            self._watcher.watch(path.parent, listen, recursive=False)

    def _notice(self, level: Literal["info", "error"], path: Path, text: str) -> None:
        self._feed.publish(Notice(self._clock.now(), level, path.name, text))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
