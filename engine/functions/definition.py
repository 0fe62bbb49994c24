"""A function, ready to be run: its settings checked against the files and programs they name."""

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import engine
from engine.errors import CodeError
from engine.functions.interpreter import NONE_CHOSEN, OWN, Interpreter, find_interpreter
from engine.functions.package import Package, is_executable
from engine.functions.settings import PROVIDED_RUNTIMES, FunctionSettings
from engine.functions.simulated_duration import Distribution, parse_simulated_duration
from engine.value import dataclass

LAUNCHER = Path(__file__).with_name("launcher.py")
FIRST_PYTHON_ARGUMENT = 4  # of the command for a Python function: what comes before says how it is started
OWN_PACKAGES = Path(engine.__file__).parent.parent  # where a handler must not look
LATEST = "$LATEST"


def version_key(name: str, version: str) -> str:
    """Return what tells a version of a function from all others of all functions."""
    return name if version == LATEST else f"{name}:{version}"


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """What an environment needs to know of its function.

    `program` is the command that runs the runtime, None for the package's own `bootstrap`; for Python it
    is the interpreter, and `python` says so. `runtime` is Lambda's name for it, None when it has none. Of
    `layers`, a later one comes before an earlier one.
    """

    name: str
    handler: str
    package: Package
    program: tuple[str, ...] | None
    python: Interpreter | None
    runtime: str | None
    timeout: int
    memory_mb: int
    variables: Mapping[str, str]
    reserved_concurrency: int | None
    idle_timeout: float
    log_format: str
    log_level: str | None
    simulated_duration: Distribution | None
    simulated_init_duration: Distribution | None
    version: str = LATEST
    layers: tuple[Package, ...] = ()
    reach_aws: bool = False

    @property
    def key(self) -> str:
        """What tells this version from all others of all functions: `NAME`, or `NAME:VERSION`."""
        return version_key(self.name, self.version)

    @property
    def code_paths(self) -> tuple[Path, ...]:
        """Where its code and that of its layers is."""
        return self.package.path, *(layer.path for layer in self.layers)

    @property
    def runtime_version(self) -> str:
        """Return the runtime and its version, for the log."""
        if self.python is not None:
            return f"python:{self.python.version}"
        return self.runtime or "custom"

    def command(self, folder: Path, parent: int, reporting: Sequence[str] = (), clock: str = "") -> list[str]:
        """Return the command that starts the runtime for the process `parent`; the code is in `folder`.

        `clock` is the file that says what the time is, empty for real time. `reporting` is the pipe on which
        a Python runtime reports what it writes, and below which folders.
        """
        if self.python is not None:
            wrapper = self.variables.get("AWS_LAMBDA_EXEC_WRAPPER")
            tied_to = (
                parent if wrapper is None else 0
            )  # the wrapper is tied, and may start this in any way it likes
            command = [
                self.python.program,
                str(LAUNCHER),
                str(tied_to),
                "python",
                str(OWN_PACKAGES),
                self.handler,
                clock,
                "aws" if self.reach_aws else "",
                *reporting,
            ]
            return command if wrapper is None else [*_executing(parent), wrapper, *command]
        return [*_executing(parent), *(self.program or (str(folder / "bootstrap"),))]


def define(
    name: str, settings: FunctionSettings, base: Path, pythons: Mapping[str, Path] = NONE_CHOSEN
) -> FunctionDefinition:
    """Check one function's settings; relative paths are below `base`, the configuration file's folder.

    `pythons` are the interpreters that were chosen for runtimes.

    Raises CodeError, with a hint, when its code, handler, bootstrap or interpreter is missing. Nothing is
    changed.
    """
    package = Package(name, base / settings.code.expanduser())
    package.check()
    program = settings.command
    python: Interpreter | None = None
    runtime = settings.runtime
    if program is None and runtime not in PROVIDED_RUNTIMES:
        chosen = None if settings.python is None else base / settings.python.expanduser()
        python = find_interpreter(name, runtime, chosen, pythons)
        runtime = runtime or python.runtime
        _check_handler(name, settings.handler or "", package, python)
    elif program is None and not _boots(package):
        raise CodeError(
            name, f"code: {package.path} has no executable file called bootstrap, which {runtime} runs"
        )
    return FunctionDefinition(
        name=name,
        handler=settings.handler or "",
        package=package,
        program=program,
        python=python,
        runtime=runtime,
        timeout=settings.timeout,
        memory_mb=settings.memory,
        variables=settings.environment,
        reserved_concurrency=settings.reserved_concurrency,
        idle_timeout=settings.idle_timeout,
        log_format=settings.log_format,
        log_level=settings.application_log_level,
        simulated_duration=parse_simulated_duration(settings.simulated_duration),
        simulated_init_duration=parse_simulated_duration(settings.simulated_init_duration),
        reach_aws=settings.reach_aws,
    )


def _check_handler(name: str, handler: str, package: Package, python: Interpreter) -> None:
    module, dot, _ = handler.rpartition(".")
    if not dot:
        raise CodeError(name, f"handler: {handler!r} names no function: write it as module.function")
    if package.holds(*package.module_names(module)):
        return
    # It may be an installed one, such as a monitoring tool's wrapper around the real handler.
    top = module.replace("/", ".").split(".")[0]
    if python is not OWN or top in sys.builtin_module_names or _is_installed(top):
        return
    wanted = module.replace(".", "/") + ".py"
    raise CodeError(
        name, f"handler: {package.path} has no {wanted}: `handler` is module.function, `code` its folder"
    )


def _boots(package: Package) -> bool:
    return package.holds("bootstrap") and (package.zipped or is_executable(package.path / "bootstrap"))


def _is_installed(top: str) -> bool:
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _executing(parent: int) -> list[str]:
    return [sys.executable, "-I", "-S", str(LAUNCHER), str(parent), "exec"]
