"""What `[event_buses.NAME]` may hold, and where the problems of a configuration are said to be."""

from pathlib import Path

import pytest

from engine.errors import ConfigurationError
from headrace.config import load

RULE = """
[queues.audit]
[event_buses.orders]
[[event_buses.orders.rules]]
name = "large"
pattern = { source = ["shop"] }
"""
PLACE = "event_buses.orders.rules[0]"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            'targets = ["queues.none"]',
            f"{PLACE}.targets[0]: there is no queues.none; add [queues.none] (there are: audit)",
            id="a target that is not there",
        ),
        pytest.param(
            'targets = [{ target = "queues.audit", input = "{" }]',
            f"{PLACE}.targets[0]: JSON syntax error in input for target target.",
            id="an input that is no JSON",
        ),
        pytest.param(
            'targets = [{ target = "queues.audit", dead_letter = "functions.f" }]',
            f"{PLACE}.targets[0].dead_letter: queues can stand here, not functions",
            id="a dead-letter queue that is none",
        ),
        pytest.param(
            'targets = [{ target = "queues.audit", retry = 3 }]',
            f"{PLACE}.targets[0].retry: there is no such option",
            id="a misspelt option of a target",
        ),
        pytest.param(
            'targets = ["queues.audit"]\n[[event_buses.orders.rules]]\nname = "large"\n'
            'pattern = "{}"\ntargets = ["queues.audit"]',
            "event_buses.orders.rules[1].pattern: Event pattern is not valid. "
            "Reason: Empty objects are not allowed",
            id="a pattern that AWS does not take",
        ),
    ],
)
def test_problems_are_said_with_their_place(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "headrace.toml"
    path.write_text(RULE + text)
    with pytest.raises(ConfigurationError) as caught:
        load(path, with_code=False)
    assert any(found.startswith(problem) for found in caught.value.problems), caught.value.problems


def test_a_bare_reference_is_a_target(tmp_path: Path) -> None:
    path = tmp_path / "headrace.toml"
    path.write_text(RULE + 'targets = ["queues.audit", { target = "event_buses.default", id = "d" }]')
    file = load(path, with_code=False).file
    (rule,) = file.event_buses["orders"].rules
    assert [(target.target, target.id) for target in rule.targets] == [
        ("queues.audit", None),
        ("event_buses.default", "d"),
    ]
    assert rule.pattern == '{"source":["shop"]}'
    assert file.summary() == "1 queue, 1 event bus"
