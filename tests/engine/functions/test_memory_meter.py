"""What process trees take, measured on real processes."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine.clock import Clock
from engine.functions.memory_meter import SLOW_LOOKS, MemoryMeter
from engine.functions.process_tree import ProcessTree

FAMILY = """
import os, signal, sys
megabytes, children = map(int, sys.argv[1:])
memory = os.urandom(4096) * (megabytes * 256)
for _ in range(children):
    if os.fork() == 0:
        signal.pause()
        os._exit(0)
print("ready", flush=True)
signal.pause()
"""


@contextmanager
def family(megabytes: int, children: int) -> Iterator[int]:
    """Run a process with so much memory, which its children share; yield its number."""
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY, str(megabytes), str(children)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            os.killpg(process.pid, 9)


@pytest.mark.parametrize(
    ("megabytes", "children", "limit_mb", "used_mb", "exceeds"),
    [
        pytest.param(50, 0, 128, (50, 90), False, id="one process"),
        pytest.param(50, 1, 512, (100, 180), False, id="under the limit, shared pages may count twice"),
        pytest.param(
            50,
            2,
            128,
            (50, 127),
            False,
            id="over it they count once",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of shared pages"),
        ),
        pytest.param(150, 0, 128, (128, 128), True, id="one process over the limit"),
        pytest.param(150, 1, 128, (128, 128), True, id="a family over the limit"),
    ],
)
async def test_what_a_tree_takes(
    clock: Clock, megabytes: int, children: int, limit_mb: int, used_mb: tuple[int, int], exceeds: bool
) -> None:
    excess: list[int] = []
    meter = MemoryMeter(clock, limit_mb, excess.append)
    with family(megabytes, children) as pid:
        meter.measure(pid)
        await meter.settled()
    assert used_mb[0] <= meter.used_mb <= used_mb[1]
    assert excess == ([pid] if exceeds else [])
    assert meter.measured_at <= clock.stopwatch()


async def test_a_look_that_takes_long_leaves_the_loop_free_and_is_the_only_one(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    looks: list[bool] = []

    def look(tree: ProcessTree, limit: int) -> int:
        looks.append(may_end.wait(10))
        return limit + 1

    monkeypatch.setattr(ProcessTree, "memory_bytes", look)
    excess: list[int] = []
    meter = MemoryMeter(clock, 1, excess.append)
    with family(1, 1) as pid:
        meter.measure(pid)
        meter.measure(pid)
        assert excess == []
        may_end.set()
        await meter.settled()
    assert (looks, excess) == ([True], [pid])


async def test_a_process_that_has_ended_takes_nothing(clock: Clock) -> None:
    with family(1, 0) as pid:
        pass
    meter = MemoryMeter(clock, 128, lambda _: pytest.fail("it takes nothing"))
    meter.measure(pid)
    await meter.settled()
    assert meter.used_mb == 0


async def test_a_tree_that_is_slow_to_look_at_is_looked_at_in_a_thread(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.functions.memory_meter.QUICK_SECONDS", 0.0)
    threads: list[threading.Thread] = []
    resident_bytes = ProcessTree.resident_bytes

    def look(tree: ProcessTree) -> int:
        threads.append(threading.current_thread())
        return resident_bytes(tree)

    monkeypatch.setattr(ProcessTree, "resident_bytes", look)
    meter = MemoryMeter(clock, 128, lambda _: None)
    with family(1, 0) as pid:
        for _ in range(SLOW_LOOKS + 1):
            meter.measure(pid)
            await asyncio.wait_for(meter.settled(), 10)
    on_the_loop = [thread is threading.main_thread() for thread in threads]
    assert on_the_loop == [True] * SLOW_LOOKS + [False]
