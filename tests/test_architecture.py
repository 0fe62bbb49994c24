"""Imports run one way: headrace -> triggers -> engine. Sources know only Lambda's small contracts."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("engine", "triggers", "headrace")  # the ground floor first
CONTRACTS = (  # what of engine a source may know
    "engine.alarm",
    "engine.arn",
    "engine.clock",
    "engine.errors",
    "engine.faults",
    "engine.feed",
    "engine.functions.invocation",
    "engine.invocation.destination",
    "engine.invocation.event",
    "engine.mapping.event_pattern",
    "engine.mapping.json_number",
    "engine.mapping.source",
    "engine.random_uuid",
    "engine.settings",
    "engine.store",
    "engine.value",
    "engine.watching",
)


def modules() -> list[Path]:
    return [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(name: str) -> bool:
    return name.split(".")[0] in FLOORS


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_imports_run_downwards(path: Path) -> None:
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    upward = [name for name in imported(path) if ours(name) and FLOORS.index(name.split(".")[0]) > floor]
    assert upward == []


@pytest.mark.parametrize("path", sorted((ROOT / "triggers").rglob("*.py")), ids=module_name)
def test_sources_know_only_the_small_contracts_of_lambda(path: Path) -> None:
    beyond = [
        name
        for name in imported(path)
        if name.startswith("engine.")
        and not any(name == allowed or name.startswith(allowed + ".") for allowed in CONTRACTS)
    ]
    assert beyond == []


def test_no_two_modules_need_each_other() -> None:
    known = {module_name(path) for path in modules()}
    graph = {
        module_name(path): {
            target
            for name in imported(path)
            for target in (name, name.rpartition(".")[0])
            if target in known and target != module_name(path)
        }
        for path in modules()
    }
    finished: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"import cycle: {' -> '.join((*trail, name))}"
        if name not in finished:
            for target in graph[name]:
                visit(target, (*trail, name))
            finished.add(name)

    for name in graph:
        visit(name, ())
