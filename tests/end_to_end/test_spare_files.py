"""Files that are made ahead for uploads, on a loop of the real time."""

import asyncio
import os
from pathlib import Path

import pytest

from engine.clock import SimulatorLoop, running_clock
from triggers.s3 import spare_files
from triggers.s3.spare_files import MORE, SpareFiles


def run(folder: Path, *, closes_at_once: bool) -> tuple[int, int]:
    """Return how many files there were before the end, and how many descriptors too many after it."""

    async def work() -> tuple[int, int]:
        await asyncio.to_thread(os.getpid)  # the thread is there
        spares, before = SpareFiles(folder, running_clock()), descriptors()
        spares.expect()
        spares.expect()
        made = 0
        if not closes_at_once:
            while not (made := len(files(folder))):
                await asyncio.sleep(0.01)
            path, descriptor = spares.take()
            os.close(descriptor)
            Path(path).unlink()
        spares.close()
        while spares.is_making:
            await asyncio.sleep(0.01)
        spares.expect()
        spares.expect()
        await asyncio.sleep(0.05)
        return made, descriptors() - before

    with asyncio.Runner(loop_factory=SimulatorLoop) as runner:
        return runner.run(work())


def descriptors() -> int:
    """Return how many file descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("closes_at_once", [False, True])
def test_nothing_is_left_by_those_that_are_closed(tmp_path: Path, closes_at_once: bool) -> None:
    made, more_descriptors = run(tmp_path, closes_at_once=closes_at_once)
    assert made == 0 or made <= MORE
    assert (files(tmp_path), more_descriptors) == ([], 0)


def test_none_are_made_where_uploads_are_far_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare_files, "CLOSELY_SECONDS", 0.0)

    async def work() -> None:
        spares = SpareFiles(tmp_path, running_clock())
        spares.expect()
        spares.expect()
        assert not spares.is_making

    with asyncio.Runner(loop_factory=SimulatorLoop) as runner:
        runner.run(work())
