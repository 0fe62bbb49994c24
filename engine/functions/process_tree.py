"""What a process tree consists of, and the memory it takes.

Linux tells a process's children directly; elsewhere psutil looks through all processes.
"""

import sys
from pathlib import Path

import psutil

MEGABYTE = 1024 * 1024


def descendants(pid: int) -> list[int]:
    """Return the children of `pid`, their children and so on; empty when it has ended."""
    found: list[int] = []
    left = [pid]
    while left:
        children = _children(left.pop())
        found += children
        left += children
    return found


def memory_bytes(pid: int, limit: int) -> int:
    """Return what the process and its descendants take of the machine's memory; 0 when it has ended.

    That is their resident memory. Only when it is over `limit` and there is more than one process, pages
    which a fork shares with its parent are counted once, as a container's account of memory does; this
    costs much more.
    """
    processes = [pid, *descendants(pid)]
    resident = sum(map(_resident, processes))
    if resident <= limit or len(processes) == 1:
        return resident
    return min(resident, sum(map(_proportional, processes)))


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(pid: int) -> int:
    try:
        full = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return _resident(pid)
    return int(getattr(full, "pss", full.uss))


def _children(pid: int) -> list[int]:
    if sys.platform != "linux":
        try:
            return [child.pid for child in psutil.Process(pid).children()]
        except psutil.Error:
            return []
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_bytes().split())
    except OSError:
        pass  # it has ended meanwhile
    return found
