"""Starts the runtime of an execution environment; run as a program by the child's own interpreter.

    launcher.py PARENT python HIDDEN HANDLER CLOCK REACH [REPORTS FOLDER...]
        Python: awslambdaric, or python_runtime.py beside this file where that is missing
    launcher.py PARENT spare
        Python, too: a JSON line on standard input tells in time what comes after `python`, as "arguments",
        with the process's "folder" and "variables"; the end of the input ends it
    launcher.py PARENT exec PROGRAM [ARGUMENT...]
        any other runtime

PARENT is the simulator's process id (0 to be tied to none), HIDDEN the folder its own packages are
imported from, CLOCK the file that says what the time is (empty for real time), REACH `aws` if the handler may
reach AWS itself and else empty, REPORTS the named pipe on which files of each FOLDER are reported before
they are written.
Nothing but the standard library is needed, by Python 3.9 or later.
"""

# pathlib takes a while to import, and a cold start waits for it:
# ruff: noqa: PTH116, PTH118, PTH120

from __future__ import annotations

import gc
import os
import signal
import sys

TYPE_CHECKING = False  # typing takes time to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec, SourceFileLoader
    from types import ModuleType
    from typing import Any

    # What runs a handler: its entry point, and its class with the method that waits for the next event.
    Client = tuple[Callable[[list[str]], Any], type, str]

HIDDEN_PACKAGES = frozenset(("engine", "triggers", "headrace"))
FRESH_SECONDS = 2
AWS_HOSTS = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".on.aws",
)


def die_with(parent: int) -> None:
    """Have this process killed when the simulator ends, in whatever way it does (Linux)."""
    if sys.platform == "linux":
        # ctypes itself takes 5 ms to import, a tenth of a cold start; this is the part of it that is needed.
        import _ctypes

        prctl = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type] # None is this program
        _ctypes.call_function(prctl, (1, int(signal.SIGKILL)))  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it ended before it could be tied to
        os._exit(1)


def interrupt_nobody() -> None:
    """Run when a processor is free, instead of taking that of the simulator, which wakes it (Linux).

    It gets as much of the processors as before. See docs/decisions/0018.
    """
    try:
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except (AttributeError, OSError):
        pass  # a system that has it not, or forbids it


class HidingFinder:
    """Keeps the simulator's own packages out of sight: a handler may have modules of the same names."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.realpath(folder)

    def find_spec(
        self, name: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or name not in HIDDEN_PACKAGES:
            return None
        from importlib.machinery import PathFinder

        visible = [entry for entry in sys.path if os.path.realpath(entry or ".") != self._folder]
        spec = PathFinder.find_spec(name, visible, target)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec


def layer_paths() -> list[str]:
    """Return where Python looks for the modules of layers, in the order in which Lambda has them."""
    folders = os.environ.get("LAMBDA_LAYERS", "").split(os.pathsep)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return [
        os.path.join(folder, *below)
        for below in (("python", "lib", version, "site-packages"), ("python",))
        for folder in folders
        if folder
    ]


def forget_fresh_bytecode() -> None:
    """Do not cache the bytecode of a source that is younger than two seconds now, or is changed from now on.

    Python recognises a stale cache by the source's size and its age in whole seconds; a handler that is
    edited twice within one second would otherwise run as it was before the second edit.
    """
    import time
    from importlib.machinery import SourceFileLoader

    write = SourceFileLoader.set_data
    began = time.time()  # noqa: TID251 - compared with a file's own time; later it may be a simulated one

    def set_data(self: SourceFileLoader, path: str, data: bytes, **options: Any) -> None:
        try:
            fresh = began - os.stat(self.path).st_mtime < FRESH_SECONDS
        except OSError:
            return
        if not fresh:
            write(self, path, data, **options)

    SourceFileLoader.set_data = set_data  # type: ignore[assignment, method-assign]


def report_writes(reports: str, folders: list[str]) -> None:
    """Say which files below `folders` are about to be written, each as a path that ends in NUL."""
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    below = tuple(folder.rstrip(os.sep) + os.sep for folder in folders)

    def report(path: Any) -> None:
        folder, name = os.path.split(os.fsdecode(path))
        path = os.path.join(os.path.realpath(folder), name)
        if path.startswith(below):
            pipe = os.open(reports, os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(pipe, os.fsencode(path) + b"\0")
            finally:
                os.close(pipe)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        try:
            if event == "open":
                if arguments[2] & writing and not isinstance(arguments[0], int):
                    report(arguments[0])
            elif event in ("os.rename", "os.link"):
                report(arguments[1])
        except Exception:  # noqa: BLE001, S110 - whatever it is, the handler's own call must go on
            pass

    sys.addaudithook(hook)


class AwsOutOfReach(RuntimeError):
    """The handler has asked for a host of AWS itself. No OSError: clients would try again in vain."""


def keep_from_aws() -> None:
    """Let no host of AWS itself be found: a handler that runs here must not change a real account."""
    # Read now: a handler may take them out of its environment.
    function, endpoint = (os.environ.get(f"AWS_{each}") for each in ("LAMBDA_FUNCTION_NAME", "ENDPOINT_URL"))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("socket.getaddrinfo", "socket.gethostbyname"):
            return
        host = arguments[0]
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
        if name.rstrip(".").lower().endswith(AWS_HOSTS):
            raise AwsOutOfReach(
                f"{name} is AWS itself, which functions under Headrace do not reach: let clients use "
                f"AWS_ENDPOINT_URL ({endpoint}) instead of an address of their own, or set reach_aws = true "
                f"in [functions.{function}]"
            )

    sys.addaudithook(hook)


def import_ahead() -> None:
    """Import what runtime clients import and what does not look at the variables, as runtime_client does."""
    from importlib import import_module

    try:
        for name in ("json", "logging", "traceback", "socket", "decimal", "simplejson"):
            import_module(name)
    except ImportError:
        pass  # awslambdaric is not there, then, and python_runtime.py has to do


def become_somebody() -> list[str]:
    """Wait for what this process is to be; return the arguments."""
    import json

    received = b""
    while not received.endswith(b"\n"):
        data = os.read(0, 65_536)
        if not data:
            os._exit(0)  # it is not needed any more
        received += data
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    order = json.loads(received)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["variables"])
    arguments: list[str] = order["arguments"]
    return arguments


def run_python(hidden: str, handler: str, clock: str, reach: str, reports: str = "", *folders: str) -> None:
    """Run the handler's module under a runtime client; returns only with the process."""
    main, client, take_next = awslambdaric() or python_runtime()
    forget_fresh_bytecode()
    if clock:
        live_in_simulated_time(clock, client, take_next)
    # Only now, so that a module of the package cannot take the place of one of the client's.
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"], *layer_paths()]
    sys.meta_path.insert(0, HidingFinder(hidden))
    sys.argv = ["bootstrap.py", handler]
    if not reach:
        keep_from_aws()
    if reports:
        report_writes(reports, list(folders))
    main(sys.argv)


def awslambdaric() -> Client | None:
    """Return AWS's own client, None where it or its compiled part is missing."""
    try:
        import runtime_client  # type: ignore[import-not-found] # noqa: F401
        from awslambdaric.__main__ import main
        from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
    except ImportError:
        return None
    return main, LambdaRuntimeClient, "wait_next_invocation"


def python_runtime() -> Client:
    """Return the client beside this file."""
    module = beside("python_runtime")
    return module.main, module.RuntimeApi, "call"


def live_in_simulated_time(clock: str, client: type, take_next: str) -> None:
    """Have the handler's clock follow the simulator's, as far as this interpreter can."""
    try:
        beside("simulated_time").live_in(clock, client, take_next)
    except ImportError:
        sys.stderr.write(
            "Headrace: this interpreter has no time-machine, so the handler's clock shows real time.\n"
        )


def beside(name: str) -> Any:
    """Load a module from the file beside this one."""
    from importlib.util import module_from_spec, spec_from_file_location

    path = os.path.join(os.path.dirname(os.path.realpath(__file__)), f"{name}.py")
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    if sys.argv[1] != "0":
        die_with(int(sys.argv[1]))
    interrupt_nobody()
    if sys.argv[2] in ("python", "spare"):
        del sys.path[0]  # this file's own folder
        gc.disable()  # nothing that is imported is garbage
        import_ahead()
        gc.enable()
        run_python(*(sys.argv[3:] if sys.argv[2] == "python" else become_somebody()))
    else:
        try:
            os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606 - this is the job
        except OSError as error:
            sys.stderr.write(f"{sys.argv[3]}: {error.strerror}\n")
            sys.exit(127)
