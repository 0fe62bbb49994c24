"""One child process in a session of its own: started, watched, and killed together with all that it started.

The exit is noticed by the loop itself through a pidfd; where the system has none, by a thread that waits.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from engine.functions.process_tree import descendants, processes

HAS_PIDFD = sys.platform == "linux" and hasattr(os, "pidfd_open")
HAS_WAITID = hasattr(os, "waitid")  # macOS has it since Python 3.13


class ChildProcess:
    """A running child. `on_exit`, which may be exchanged, is called once, on the loop, with it and its return
    code, negative for a signal.

    By then every process of its session's group has been sent SIGKILL, the child has been reaped, and
    `gone` is set.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        variables: Mapping[str, str],
        output: int,
        on_exit: "Callable[[ChildProcess, int], None]",
        reads: int | None = None,
    ) -> None:
        """Start `command`; it writes to the file descriptor `output`, and `reads` one or nothing.

        Raises OSError when it cannot be started. Call on the thread that lives longest: on Linux the child
        is told to die with the thread that started it.
        """
        self._popen = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL if reads is None else reads,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self.gone = asyncio.Event()
        self.on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._pidfd: int | None = None
        self._started: list[psutil.Process] = []
        self._watch()

    def has_ended(self) -> bool:
        """Look whether it has ended, which the loop may not know yet."""
        if self.gone.is_set():
            return True
        return HAS_WAITID and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def terminate(self) -> None:
        """Ask the child itself to end; what it has started until now is killed after it."""
        if not self.gone.is_set():
            # Once it has ended, nobody can tell any more what was its own.
            self._started = processes(descendants(self.pid))
            self._popen.terminate()

    def kill(self) -> None:
        """End the child and everything it started that still belongs to it; `on_exit` follows."""
        if not self.gone.is_set():
            strays = descendants(self.pid)
            self._kill_group()
            for pid in strays:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def _kill_group(self) -> None:
        # Until the child is reaped its number cannot belong to anybody else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _watch(self) -> None:
        if HAS_PIDFD:
            self._pidfd = os.pidfd_open(self.pid)
            self._loop.add_reader(self._pidfd, self._ended)
        else:
            threading.Thread(target=self._wait_in_thread, name=f"wait-{self.pid}", daemon=True).start()

    def _wait_in_thread(self) -> None:
        if HAS_WAITID:
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._popen.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: the program is ending
            self._loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        self._kill_group()
        for process in self._started:
            with contextlib.suppress(psutil.Error):
                process.kill()  # not another process that has got its number meanwhile
        returncode = self._popen.wait()
        # What the child sent before it ended may be in the same round of the loop: that comes first.
        self._loop.call_soon(self.on_exit, self, returncode)
        self.gone.set()
