"""What a process tree consists of, and the memory it takes.

Linux tells a process's children directly; elsewhere psutil looks through all processes.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress

import psutil

MEGABYTE = 1024 * 1024
LOOKS_BETWEEN_SEARCHES = 8


class ProcessTree:
    """A process and what it has started, whose memory is looked at again and again.

    Who belongs to it is found out now and then only: that costs several times a look at the memory.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._members: list[psutil.Process] = []
        self._looks = 0

    @property
    def is_single(self) -> bool:
        """Whether it is one process, as far as is known, which shares its pages with no other."""
        return len(self._members) == 1

    def resident_bytes(self) -> int:
        """Return its resident memory, pages that several of its processes share counted for each of them;
        0 when it has ended.
        """
        if self._looks % LOOKS_BETWEEN_SEARCHES == 0:
            self._members = processes([self.pid, *descendants(self.pid)])
        self._looks += 1
        return sum(map(_resident, self._members))

    def memory_bytes(self, limit: int) -> int:
        """Return what the tree takes of the machine's memory; 0 when it has ended.

        That is its resident memory. Only when it is over `limit` and there is more than one process, pages
        which a fork shares with its parent are counted once, as a container's account of memory does; this
        takes some 25 ms for each gigabyte.
        """
        resident = self.resident_bytes()
        if resident <= limit or self.is_single:
            return resident
        return min(resident, sum(map(_proportional, self._members)))


def descendants(pid: int) -> list[int]:
    """Return the children of `pid`, their children and so on; empty when it has ended."""
    if sys.platform != "linux":
        try:
            return [child.pid for child in psutil.Process(pid).children(recursive=True)]
        except psutil.Error:
            return []
    found: list[int] = []
    left = [pid]
    while left:
        children = _children(left.pop())
        found += children
        left += children
    return found


def processes(pids: Iterable[int]) -> list[psutil.Process]:
    """Return those of `pids` that are alive, each to be told from a later process of the same number."""
    found: list[psutil.Process] = []
    for pid in pids:
        with suppress(psutil.Error):
            found.append(psutil.Process(pid))
    return found


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return _resident(process)
    return int(getattr(full, "pss", full.uss))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):  # it has ended meanwhile
        for task in os.scandir(f"/proc/{pid}/task"):
            # A plain file, read in one piece: a process may have thousands of threads.
            with suppress(OSError), open(f"{task.path}/children", "rb", buffering=0) as file:  # noqa: PTH123
                found += map(int, file.read().split())
    return found
