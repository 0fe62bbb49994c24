"""The launcher on its own: a runtime process does not outlive who started it (Linux)."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from engine.functions.definition import LAUNCHER
from tests.fakes.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's tie is Linux's")

PARENT = """
import os, signal, subprocess, sys, time
launcher, marker = sys.argv[1:]
child = subprocess.Popen(
    [sys.executable, launcher, str(os.getpid()), "exec", "sh", "-c", 'touch "$0"; exec sleep 1000', marker],
    start_new_session=True,
    stdout=subprocess.DEVNULL,
)
print(child.pid, flush=True)
while not os.path.exists(marker):
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
WITH_POLICY = """
import os, sys
os.sched_setscheduler(0, getattr(os, sys.argv[1]), os.sched_param(0))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
SAY_POLICY = "import os; print(os.sched_getscheduler(0))"


def is_alive(pid: int) -> bool:
    """A stranger's child that nobody has collected yet is dead all the same."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_the_kernel_kills_the_runtime_with_its_parent(tmp_path: Path) -> None:
    parent = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PARENT, str(LAUNCHER), str(tmp_path / "marker")],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert parent.returncode == -9
    await until(lambda: not is_alive(int(parent.stdout)))


@pytest.mark.parametrize(
    ("given", "got"), [("SCHED_OTHER", "SCHED_BATCH"), ("SCHED_IDLE", "SCHED_IDLE")], ids=["as usual", "idle"]
)
async def test_a_runtime_interrupts_nobody(given: str, got: str) -> None:
    launching = [str(LAUNCHER), str(os.getpid()), "exec", sys.executable, "-c", SAY_POLICY]
    result = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", WITH_POLICY, given, *launching],
        stdout=subprocess.PIPE,
        check=True,
    )
    assert int(result.stdout) == getattr(os, got)


async def test_a_runtime_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    stranger = os.getppid()
    result = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(LAUNCHER), str(stranger), "exec", "touch", str(tmp_path / "started")],
        check=False,
    )
    assert result.returncode == 1
    assert not (tmp_path / "started").exists()
