"""Which Python runs a function: the simulator's own, a virtual environment's, or the runtime's."""

import functools
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from engine.errors import CodeError
from engine.value import dataclass

PROBE = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
PROBE_SECONDS = 20
OLDEST = (3, 9)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python program and its version, such as `3.11.7`."""

    program: str
    version: str

    @property
    def runtime(self) -> str:
        """Return the name of the Lambda runtime with this Python."""
        return "python" + ".".join(self.version.split(".")[:2])


NONE_CHOSEN: Mapping[str, Path] = {}
OWN = Interpreter(sys.executable, ".".join(map(str, sys.version_info[:3])))


def find_interpreter(
    function: str, runtime: str | None, python: Path | None, pythons: Mapping[str, Path] = NONE_CHOSEN
) -> Interpreter:
    """Choose by `python` (an interpreter, or a virtual environment's folder), else by `runtime`, else our
    own. `pythons` are the interpreters chosen for runtimes, of whatever version.

    Raises CodeError when it is missing, does not run, or is not the runtime's version. Another interpreter
    than the simulator's own is run once to learn its version.
    """
    if python is not None:
        found = _probe(function, "python", _program(function, python))
        if runtime is not None and found.runtime != runtime:
            raise CodeError(
                function, f"python: {found.program} is Python {found.version}, but runtime says {runtime}"
            )
        return found
    if runtime is not None and runtime in pythons:
        return _probe(function, f"pythons.{runtime}", _program(function, pythons[runtime]))
    if runtime is None or runtime == OWN.runtime:
        return OWN
    program = shutil.which(runtime)
    if program is not None:
        found = _probe(function, "runtime", program)
        if found.runtime == runtime:
            return found
    raise CodeError(
        function,
        f"runtime: no {runtime} on the PATH: set `python` to the path of such an interpreter or of a virtual "
        f"environment, leave `runtime` out to use Python {OWN.version}, or say which one runs {runtime} in "
        "simulator.pythons",
    )


def _program(function: str, python: Path) -> str:
    candidates = [python, python / "bin" / "python", python / "Scripts" / "python.exe"]
    for candidate in candidates:
        if candidate.is_file():
            return str(candidate.absolute())
    hint = "give the path of an interpreter or of a virtual environment's folder"
    raise CodeError(function, f"python: no interpreter at {python}: {hint}")


def _probe(function: str, option: str, program: str) -> Interpreter:
    try:
        version = _version(program)
    except subprocess.CalledProcessError as error:
        raise CodeError(
            function, f"{option}: {program} does not run: exit status {error.returncode}"
        ) from error
    except (OSError, subprocess.SubprocessError) as error:
        raise CodeError(function, f"{option}: {program} does not run: {error}") from error
    if tuple(map(int, version.split(".")[:2])) < OLDEST:
        raise CodeError(
            function, f"{option}: {program} is Python {version}; 3.9 is the oldest that can be used"
        )
    return Interpreter(program, version)


@functools.lru_cache
def _version(program: str) -> str:
    output = subprocess.run(
        [program, "-c", PROBE], capture_output=True, text=True, timeout=PROBE_SECONDS, check=True
    ).stdout
    return output.strip()
