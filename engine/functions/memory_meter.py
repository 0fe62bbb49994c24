"""How much memory an environment's processes take, found out without holding up the loop.

A look at an ordinary runtime process takes a fraction of a millisecond. Sharing pages among gigabytes, or
going through thousands of threads, takes long: that is done in a thread.
"""

import asyncio
from collections.abc import Callable

from engine.clock import Clock
from engine.functions.process_tree import MEGABYTE, ProcessTree

QUICK_SECONDS = 0.002
SLOW_LOOKS = 3  # in a row, and the tree is looked at in a thread from then on: one may be the machine's doing


class MemoryMeter:
    """Measures one process tree after another; `on_excess` is called when one takes more than `limit_mb`."""

    def __init__(self, clock: Clock, limit_mb: int, on_excess: Callable[[int], None]) -> None:
        """`on_excess` gets the number of the tree's first process, on the loop."""
        self.used_mb = 0  # the most so far, at most `limit_mb`
        self.measured_at = float("-inf")  # on the stopwatch
        self._clock = clock
        self._limit_mb = limit_mb
        self._on_excess = on_excess
        self._tree: ProcessTree | None = None
        self._slow_looks = 0
        self._look: asyncio.Future[int] | None = None

    def measure(self, pid: int) -> None:
        """Measure the tree of `pid`, now or in a thread; nothing when a look is still going on there."""
        if self._look is not None:
            return
        tree = self._tree
        if tree is None or tree.pid != pid:
            tree = self._tree = ProcessTree(pid)
            self._slow_looks = 0
        if self._slow_looks < SLOW_LOOKS:
            watch = self._clock.stopwatch()
            resident = tree.resident_bytes()
            is_quick = self._clock.stopwatch() - watch <= QUICK_SECONDS
            self._slow_looks = 0 if is_quick else self._slow_looks + 1
            if resident <= self._limit_mb * MEGABYTE or tree.is_single:
                self._note(tree.pid, resident)
                return
        self._look = asyncio.get_running_loop().run_in_executor(
            None, tree.memory_bytes, self._limit_mb * MEGABYTE
        )
        self._look.add_done_callback(lambda look: self._looked(pid, look))

    async def settled(self) -> None:
        """Wait for a look that is going on."""
        if self._look is not None:
            await asyncio.wait((self._look,))

    def _looked(self, pid: int, look: asyncio.Future[int]) -> None:
        self._look = None
        if not look.cancelled():
            self._note(pid, look.result())

    def _note(self, pid: int, taken: int) -> None:
        self.measured_at = self._clock.stopwatch()
        self.used_mb = max(self.used_mb, min(round(taken / MEGABYTE), self._limit_mb))
        if taken > self._limit_mb * MEGABYTE:
            self._on_excess(pid)
