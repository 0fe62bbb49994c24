"""The moment that a steered clock has reached, kept in the state folder so that time never goes back there.

It is written at every move, in one small write that a killed process leaves whole.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from engine.store.state_folder import DATABASE

CLOCK_FILE = "clock"
PATTERN = "%Y-%m-%dT%H:%M:%S.%f+00:00\n"  # always of one length
MODE = os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class ClockFile:
    """The clock of one state folder, which need not be there yet to be read."""

    def __init__(self, state: Path) -> None:
        self._path = state / CLOCK_FILE
        self._database = state / DATABASE
        self._descriptor: int | None = None

    def reached(self) -> datetime | None:
        """Return the moment that a steered clock has reached here; None when there was none."""
        try:
            moment = datetime.fromisoformat(self._path.read_text(encoding="ascii").strip())
        except (OSError, ValueError):
            return None
        return moment.astimezone(UTC) if moment.tzinfo else None

    def used_until(self) -> datetime | None:
        """Return the moment before which time must not begin here; None for a new state folder."""
        reached = self.reached()
        if reached is not None:
            return reached
        try:
            return datetime.fromtimestamp(self._database.stat().st_mtime, UTC)
        except OSError:
            return None

    def note(self, moment: datetime) -> None:
        """Write down a moment, aware UTC. Raises OSError when the state folder cannot be written."""
        if self._descriptor is None:
            self._descriptor = os.open(self._path, MODE, 0o644)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, f"{moment.replace(tzinfo=None):{PATTERN}}".encode("ascii"))

    def close(self) -> None:
        """Write no more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def forget(self) -> None:
        """Remove it: the wall clock has overtaken it."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
