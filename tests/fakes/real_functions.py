"""Real functions for tests: a handler's source becomes a folder, a definition, and a running pool."""

import sys
import textwrap
import venv
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from engine.functions.definition import FunctionDefinition, define
from engine.functions.invocation import Invocation, InvocationResult
from engine.functions.pool import Functions
from engine.functions.settings import FunctionSettings


def write_code(folder: Path, source: str, module: str = "app") -> Path:
    """Write a handler's module; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
    return folder


def function(folder: Path, source: str, name: str = "fn", **settings: Any) -> FunctionDefinition:
    """Define a function from the source of a module `app`, whose handler is called `handler`."""
    code = write_code(folder / name, source)
    return define(name, FunctionSettings(handler="app.handler", code=code, **settings), folder)


async def invoke(
    functions: Functions, payload: bytes = b"{}", name: str = "fn", **fields: Any
) -> InvocationResult:
    """Invoke and insist on not being throttled."""
    fields.setdefault("request_id", "8f2c1b7e-0000-4000-8000-000000000001")
    result = await functions.invoke(name, Invocation(payload=payload, **fields))
    assert isinstance(result, InvocationResult)
    return result


def log_events(state: Path, name: str = "fn") -> list[str]:
    """Return the events of all log streams of a function, without their times."""
    files = sorted((state / "logs/aws/lambda" / name).rglob("*.log"))
    return [line.split(" ", 1)[1] for file in files for line in file.read_bytes().decode().split("\n")[:-1]]


@cache
def bare_python() -> Path:
    """Return a virtual environment of the running Python in which nothing is installed."""
    folder = Path(mkdtemp(prefix="bare-python-"))
    venv.create(folder, symlinks=sys.platform != "win32")
    return folder
