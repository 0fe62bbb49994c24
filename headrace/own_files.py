"""Says what happens to the simulator's own files while it runs: its configuration and its state folder."""

from pathlib import Path
from typing import Literal

from engine.clock import Clock
from engine.feed import Feed, Notice
from engine.store.state_folder import DATABASE
from headrace.config import Configuration

# They are looked at instead of watched: a watch tells of all that is written beside them, such as databases.
LOOK_SECONDS = 1.0

State = tuple[int, int, int]


class OwnFiles:
    """Looks at them now and then, and tells the feed."""

    def __init__(self, configuration: Configuration, clock: Clock, feed: Feed) -> None:
        self._path = configuration.path.resolve()
        self._state_folder = configuration.state.resolve()
        self._clock = clock
        self._feed = feed
        self._content = _content(self._path)
        self._known = self._seen = _state(self._path)
        self._is_gone = False

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._clock.world.sleep(LOOK_SECONDS)
            self._look_at_configuration()
            self._look_at_state_folder()

    def _look_at_configuration(self) -> None:
        """Say so when the configuration file is changed: it is read at the start only."""
        seen, self._seen = self._seen, _state(self._path)
        if self._seen == self._known or self._seen != seen:
            return  # the same as ever, or somebody may still be writing
        self._known = self._seen
        content = _content(self._path)
        if content and content != self._content:  # an empty one is about to be written
            self._content = content
            text = "the configuration has changed: stop and start again to apply it"
            self._notice("info", self._path, text)

    def _look_at_state_folder(self) -> None:
        """Say so when the state folder is removed: the database goes on, but nobody will find it again."""
        if not self._is_gone and not (self._state_folder / DATABASE).exists():
            self._is_gone = True
            text = "was removed: nothing is kept any more; stop and start again for a new one"
            self._notice("error", self._state_folder, text)

    def _notice(self, level: Literal["info", "error"], path: Path, text: str) -> None:
        self._feed.publish(Notice(self._clock.now(), level, path.name, text))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _state(path: Path) -> State | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
