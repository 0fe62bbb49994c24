"""The clock of one runtime process in simulated time, as the simulator sees it.

It is a small file that both sides have in memory: the moment at which the handler is, moved on by both, and
the moment at which its time is up. The other side is simulated_time.py.
"""

import mmap
import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

LAYOUT = struct.Struct("<qqQ")  # the handler's moment, its deadline (both in ns from 1970), the seed
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HandlerClock:
    """One clock, in the file `path`. Moments are aware UTC."""

    def __init__(self, path: Path, seed: int) -> None:
        """Make the file. All that is random in the process follows from `seed`; nothing when it is 0.

        Raises OSError.
        """
        self.path = path
        self._seed = seed % 2**64
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, LAYOUT.size)
            self._shared = mmap.mmap(descriptor, LAYOUT.size)
        finally:
            os.close(descriptor)
        LAYOUT.pack_into(self._shared, 0, 0, 0, self._seed)

    def variables(self) -> dict[str, str]:
        """Return the environment variables of the process: strings are hashed by the seed, too."""
        return {"PYTHONHASHSEED": str(self._seed % 2**32)} if self._seed else {}

    def set(self, now: datetime, deadline: datetime) -> None:
        """Begin an initialisation or an invocation."""
        LAYOUT.pack_into(self._shared, 0, _nanoseconds(now), _nanoseconds(deadline), self._seed)

    def now(self) -> datetime:
        """Return the moment at which the handler is: later than the simulator's when it has slept."""
        return _EPOCH + timedelta(microseconds=LAYOUT.unpack_from(self._shared)[0] // 1000)

    def move_to(self, now: datetime) -> None:
        """Let the handler know that it has waited until `now`; it is never set back."""
        at, deadline, seed = LAYOUT.unpack_from(self._shared)
        LAYOUT.pack_into(self._shared, 0, max(at, _nanoseconds(now)), deadline, seed)

    def close(self) -> None:
        """Let go of the file, which goes with its folder."""
        self._shared.close()


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
