import sys
from pathlib import Path
from typing import Any

import pytest

from engine.errors import CodeError
from engine.functions.definition import define
from engine.functions.settings import FunctionSettings
from tests.fakes.real_functions import bare_python

OWN_RUNTIME = f"python3.{sys.version_info.minor}"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").touch()
    (tmp_path / "tool").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "tool").chmod(0o755)
    return tmp_path


def test_the_interpreter_is_the_simulators_own_unless_told_otherwise(base: Path) -> None:
    definition = define("fn", FunctionSettings(handler="app.handler", code=Path("src")), base)
    assert definition.python is not None
    assert (definition.python.program, definition.runtime) == (sys.executable, OWN_RUNTIME)
    assert definition.package.path == base / "src"


@pytest.mark.parametrize("part", [".", "bin/python"])
def test_python_may_be_a_virtual_environment_or_its_interpreter(base: Path, part: str) -> None:
    settings = FunctionSettings(handler="src.app.handler", python=bare_python() / part, runtime=OWN_RUNTIME)
    definition = define("fn", settings, base)
    assert definition.python is not None
    assert definition.python.program == str(bare_python() / "bin/python")


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param("src.app.handler", id="a module in a folder"),
        pytest.param("src/app.handler", id="with a slash"),
        pytest.param("json.loads", id="an installed module, as monitoring tools have it"),
    ],
)
def test_a_handler_is_found(base: Path, handler: str) -> None:
    define("fn", FunctionSettings(handler=handler), base)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {"handler": "app.handler"},
            r"handler: .* has no app\.py: `handler` is module\.function",
            id="no such module",
        ),
        pytest.param(
            {"handler": "app"}, r"handler: 'app' names no function", id="a handler without a function"
        ),
        pytest.param({"code": "gone"}, "code: .*gone does not exist", id="no such folder"),
        pytest.param(
            {"python": "gone"}, r"python: no interpreter at .*gone: give the path", id="no such interpreter"
        ),
        pytest.param(
            {"python": "tool"}, r"python: .*tool does not run: exit status 3", id="what is no interpreter"
        ),
        pytest.param(
            {"runtime": "python3.9", "python": sys.executable},
            "python: .* but runtime says python3.9",
            id="another version",
        ),
        pytest.param(
            {"runtime": "provided.al2"},
            "code: .* has no executable file called bootstrap, which provided.al2 runs",
            id="no bootstrap",
        ),
    ],
)
def test_what_is_missing_is_named_with_a_hint(base: Path, options: dict[str, Any], message: str) -> None:
    settings = FunctionSettings.model_validate({"handler": "src.app.handler"} | options)
    with pytest.raises(CodeError, match=rf"^functions\.fn: {message}"):
        define("fn", settings, base)


def test_a_runtime_that_is_not_installed_is_named(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "python3.14" if OWN_RUNTIME != "python3.14" else "python3.13"
    monkeypatch.setenv("PATH", str(base))
    with pytest.raises(CodeError, match=f"runtime: no {other} on the PATH: set `python`"):
        define("fn", FunctionSettings(handler="src.app.handler", runtime=other), base)


def test_an_interpreter_chosen_for_a_runtime_may_be_of_another_version(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "python3.14" if OWN_RUNTIME != "python3.14" else "python3.13"
    monkeypatch.setenv("PATH", str(base))
    settings = FunctionSettings(handler="src.app.handler", runtime=other)
    found = define("fn", settings, base, {other: Path(sys.executable)})
    assert found.runtime == other
    assert found.python is not None
    assert found.python.runtime == OWN_RUNTIME


def test_a_chosen_interpreter_that_is_not_there_is_named(base: Path) -> None:
    settings = FunctionSettings(handler="src.app.handler", runtime="python3.9")
    with pytest.raises(CodeError, match="python: no interpreter at"):
        define("fn", settings, base, {"python3.9": base / "nowhere"})
