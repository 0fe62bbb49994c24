from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.functions.settings import FunctionName, FunctionSettings


def test_the_defaults_are_lambdas() -> None:
    settings = FunctionSettings(handler="app.handler")
    assert (settings.timeout, settings.memory, settings.reserved_concurrency) == (3, 128, None)
    assert (settings.maximum_retry_attempts, settings.maximum_event_age_in_seconds) == (2, 21_600)
    assert (settings.log_format, settings.recursive_loop) == ("Text", "Terminate")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({}, "handler is missing", id="no handler"),
        pytest.param({"timeout": 0}, "greater than or equal to 1", id="no time"),
        pytest.param({"timeout": 901}, "less than or equal to 900", id="too long"),
        pytest.param({"memory": 127}, "greater than or equal to 128", id="too little memory"),
        pytest.param({"memory": 10_241}, "less than or equal to 10240", id="too much memory"),
        pytest.param({"reserved_concurrency": -1}, "greater than or equal to 0", id="negative concurrency"),
        pytest.param({"maximum_retry_attempts": 3}, "less than or equal to 2", id="too many retries"),
        pytest.param({"maximum_event_age_in_seconds": 59}, "greater than or equal to 60", id="too young"),
        pytest.param({"runtime": "nodejs20.x"}, "runtime nodejs20.x .* set `command`", id="another language"),
        pytest.param({"runtime": "python3.8"}, "runtime python3.8 .* set `command`", id="an old Python"),
        pytest.param({"runtime": "provided.al2", "python": "venv"}, "python has no use", id="two programs"),
        pytest.param({"command": ["x"], "python": "venv"}, "exclude each other", id="two programs again"),
        pytest.param({"command": []}, "at least 1 item", id="an empty command"),
        pytest.param(
            {"environment": {"AWS_REGION": "x"}}, "AWS_REGION is set by Lambda", id="a reserved variable"
        ),
        pytest.param({"environment": {"1A": "x"}}, "is no name", id="a variable that starts with a digit"),
        pytest.param({"environment": {"A": "x"}}, "two at least", id="a variable of one letter"),
        pytest.param({"environment": {"AB": "x\0"}}, "NUL", id="a NUL in a value"),
        pytest.param({"environment": {"AB": "x" * 4095}}, "4096 bytes, these have 4097", id="over 4 KB"),
        pytest.param(
            {"application_log_level": "INFO"}, 'needs log_format = "JSON"', id="a level of text logs"
        ),
        pytest.param({"timeuot": 1}, "Extra inputs are not permitted", id="a misspelt option"),
    ],
)
def test_what_lambda_refuses_is_refused(options: dict[str, Any], message: str) -> None:
    handler = {} if message == "handler is missing" else {"handler": "app.handler"}
    with pytest.raises(ValidationError, match=message):
        FunctionSettings.model_validate(handler | options)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"runtime": "provided.al2023"}, id="a bootstrap needs no handler"),
        pytest.param(
            {"command": ["node", "index.js"], "runtime": "nodejs20.x"}, id="a command runs any runtime"
        ),
        pytest.param({"handler": "a.b", "environment": {"AB": "x" * 4094}}, id="4 KB of variables"),
        pytest.param({"handler": "a.b", "reserved_concurrency": 0}, id="a function that is off"),
    ],
)
def test_what_lambda_takes_is_taken(options: dict[str, Any]) -> None:
    FunctionSettings.model_validate(options)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("a", True),
        ("Resize-2_x", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("", False),
        ("a.b", False),
        ("ä", False),
    ],
)
def test_function_names_follow_lambdas_rule(name: str, good: bool) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(FunctionName)
    if good:
        assert adapter.validate_python(name) == name
    else:
        with pytest.raises(ValidationError, match="1 to 64 letters"):
            adapter.validate_python(name)
