"""Ends every runtime process when the simulator is gone, however it went.

A few lines of shell wait on a pipe that only the simulator holds open. When that closes, they kill the
process groups that are still alive, with whatever handlers have started in them, and remove the temporary
folder. On Linux the kernel kills the runtime processes themselves even before (launcher.py), and processes
that have left their group are recognised by the TMPDIR they were given: no other process has it.
"""

import contextlib
import subprocess
from pathlib import Path

# A process that is starting another one just now is found in the next round.
SCRIPT = """
sweep() {
    for round in 1 2 3; do
        found=$(grep -lsF -e "TMPDIR=$1" /proc/[0-9]*/environ)
        [ "$found" ] || return
        for file in $found; do
            pid=${file#/proc/}
            kill -KILL "${pid%/environ}"
        done
    done 2>/dev/null
}
groups=""
while read -r sign name; do
    case $sign in
        +) groups="$groups $name" ;;
        -)
            kept=""
            for other in $groups; do [ "$other" = "$name" ] || kept="$kept $other"; done
            groups=$kept
            ;;
        =) sweep "$1/$name" ;;
    esac
done
for group in $groups; do kill -KILL "-$group"; done 2>/dev/null
sweep "$1/"
rm -rf -- "$1"
"""


class Guard:
    """Knows the process groups that are alive. It is a process of its own from the first one on."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made by `prepare`, and removed by `close` or when the simulator has been killed."""
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._missing = False

    def prepare(self) -> None:
        """Start to watch, and only then make the folder. Raises OSError."""
        if self._process is None and not self._missing:
            self._start()
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def add(self, group: int) -> None:
        """Watch over a process group."""
        self._tell(f"+ {group}\n")

    def remove(self, group: int) -> None:
        """Forget a group that has ended."""
        self._tell(f"- {group}\n")

    def sweep(self, environment: str) -> None:
        """Kill what is left of an environment that has ended, wherever it went. Does not wait (Linux)."""
        self._tell(f"= {environment}\n")

    def close(self) -> None:
        """Kill what is left, remove the folder, and end. Waits for that."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.communicate()
            self._process = None

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", SCRIPT, "headrace-guard", str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in a terminal is not meant for it
                bufsize=0,
            )
        except OSError:
            self._missing = True  # a system without a shell: the kernel's own tie is left

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(line.encode())
