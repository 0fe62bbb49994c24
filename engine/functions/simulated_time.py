"""Lets a Python handler live in simulated time; loaded by the launcher into the runtime process.

`time.time`, `datetime.now` and all that is like them show the simulated moment, which stands still while the
handler works. `time.sleep` on the main thread takes no real time: it moves the moment on. When the function's
time is up, the process ends on the spot. Other threads, monotonic clocks and `asyncio.sleep` keep real time.
What is random follows from a seed. The file that says what the time is: handler_clock.py.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys

TYPE_CHECKING = False  # typing takes time to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LAYOUT = struct.Struct("<qqQ")
NOT_NEEDED = ("pytest", "dateutil", "dateutil.parser")  # what time_machine would load for its own fixtures
SECOND = 1_000_000_000


class SimulatedTime:
    """The moment of this process, in nanoseconds from 1970. Raises ImportError without time-machine."""

    def __init__(self, path: str) -> None:
        import threading

        real: Any = __import__("time")
        self._thread: Any = threading.get_ident
        time_machine: Any = _time_machine()
        descriptor = os.open(path, os.O_RDWR)
        try:
            self._shared = mmap.mmap(descriptor, LAYOUT.size)
        finally:
            os.close(descriptor)
        self._main = threading.main_thread().ident
        self._real_sleep: Any = real.sleep
        self._traveller: Any = time_machine.travel(self._at() / SECOND, tick=False).start()
        real.sleep = self.sleep

    def catch_up(self) -> None:
        """Show the moment that the file says."""
        self._traveller.move_to(self._at() / SECOND)

    def sleep(self, seconds: float) -> None:
        """Sleep as `time.sleep` does; on the main thread without waiting."""
        if self._thread() != self._main or seconds < 0:
            self._real_sleep(seconds)
            return
        at, deadline, seed = LAYOUT.unpack_from(self._shared)
        at = min(at + int(seconds * SECOND), deadline)
        LAYOUT.pack_into(self._shared, 0, at, deadline, seed)
        if at == deadline:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        self.catch_up()

    def after(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call` such that this process catches up after it: what it waits for takes time there."""

        def caught_up(*args: Any, **named: Any) -> Any:
            try:
                return call(*args, **named)
            finally:
                self.catch_up()

        return caught_up

    def _at(self) -> int:
        at: int = LAYOUT.unpack_from(self._shared)[0]
        return at


def live_in(path: str, events: type, take_next: str) -> None:
    """Follow the clock in the file `path`. `take_next` is the method of `events` that waits for an event.

    Raises ImportError when the interpreter has no time-machine.
    """
    import http.client

    with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes a while to import
        seed = LAYOUT.unpack(file.read(LAYOUT.size))[2]
    if seed:
        follow_seed(seed)
    clock = SimulatedTime(path)
    setattr(events, take_next, clock.after(getattr(events, take_next)))
    connection: Any = http.client.HTTPConnection
    connection.getresponse = clock.after(connection.getresponse)


def follow_seed(seed: int) -> None:
    """Let everything random of this process follow from `seed`: `random`, `uuid4`, `secrets`, `os.urandom`.

    Processes that it forks have real random numbers, as they would otherwise all have the same.
    """
    import random

    source, real, seeded = random.Random(seed), os.urandom, random.Random.seed  # noqa: S311

    def draw_from(urandom: Callable[[int], bytes]) -> None:
        os.urandom = random._urandom = urandom  # type: ignore[attr-defined] # noqa: SLF001 - for secrets

    def begin(self: random.Random, a: Any = None, version: int = 2) -> None:
        seeded(self, os.urandom(32) if a is None else a, version)

    draw_from(source.randbytes)
    random.Random.seed = begin  # type: ignore[method-assign]
    random.seed(seed)
    os.register_at_fork(after_in_child=lambda: draw_from(real))


def _time_machine() -> Any:
    """Import it alone: pytest, which it offers a fixture to, takes a quarter of a second."""
    hidden = [name for name in NOT_NEEDED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None: as if it were not installed
    try:
        import time_machine
    finally:
        for name in hidden:
            del sys.modules[name]
    return time_machine
