"""The environment variables of a runtime process, against the recorded ones of AWS's Python runtimes."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.functions.definition import FunctionDefinition
from engine.functions.variables import runtime_variables
from tests.fakes.real_functions import function

STREAM = "2026/02/18/[$LATEST]38930000000000000000000000000000"
FIXED = {
    "_HANDLER": "app.handler",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_NAME": "fn",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fn",
    "AWS_LAMBDA_LOG_STREAM_NAME": STREAM,
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "LAMBDA_TASK_ROOT": "/code",
    "TZ": ":UTC",
    "LANG": "en_US.UTF-8",
    "LC_CTYPE": "C.UTF-8",
    "PWD": "/code",
    "SHLVL": "0",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
    "_AWS_XRAY_DAEMON_PORT": "2000",
}
SET_TO_SOMETHING = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_EXECUTION_ENV",
    "LAMBDA_RUNTIME_DIR",
    "PATH",
}
OF_A_LOCAL_RUN = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
    "TMPDIR": "/temporary",
}


@pytest.fixture
def definition(tmp_path: Path) -> FunctionDefinition:
    return function(tmp_path, "def handler(event, context): pass")


def variables(
    definition: FunctionDefinition, host: Mapping[str, str], endpoint: str | None = None
) -> dict[str, str]:
    return runtime_variables(
        definition,
        host,
        region="eu-central-1",
        folder=Path("/code"),
        temporary=Path("/temporary"),
        api="127.0.0.1:9001",
        log_group="/aws/lambda/fn",
        log_stream=STREAM,
        endpoint=endpoint,
    )


def test_a_process_gets_lambdas_variables_and_no_others(definition: FunctionDefinition) -> None:
    found = variables(definition, {"PATH": "/bin", "SECRET": "of the host", "AWS_PROFILE": "production"})
    assert {name: found.pop(name, None) for name in FIXED} == FIXED
    assert {name: found.pop(name, None) for name in OF_A_LOCAL_RUN} == OF_A_LOCAL_RUN
    assert set(found) == SET_TO_SOMETHING


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"runtime": "python3.13"}, {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"}),
        ({"runtime": "provided.al2023"}, {"AWS_EXECUTION_ENV": None}),
        ({"runtime": None}, {"AWS_EXECUTION_ENV": None}),
        ({"log_format": "Text"}, {"AWS_LAMBDA_LOG_FORMAT": None, "AWS_LAMBDA_LOG_LEVEL": None}),
        ({"log_format": "JSON"}, {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}),
        ({"log_format": "JSON", "log_level": "DEBUG"}, {"AWS_LAMBDA_LOG_LEVEL": "DEBUG"}),
        (
            {"variables": {"TZ": "Europe/Zurich", "AWS_XRAY_DAEMON_ADDRESS": "10.0.0.1:2000", "TMPDIR": "/"}},
            {"TZ": "Europe/Zurich", "AWS_XRAY_DAEMON_ADDRESS": "10.0.0.1:2000", "TMPDIR": "/temporary"},
        ),
    ],
)
def test_what_depends_on_the_function(
    definition: FunctionDefinition, changes: dict[str, Any], expected: dict[str, str | None]
) -> None:
    found = variables(dataclasses.replace(definition, **changes), {})
    assert {name: found.get(name) for name in expected} == expected


def test_what_depends_on_the_host_and_the_endpoint(definition: FunctionDefinition) -> None:
    host = {"PATH": "/bin", "HOME": "/home/me", "LD_LIBRARY_PATH": "/lib"}
    found = variables(definition, host, "http://127.0.0.1:1")
    assert {name: found[name] for name in host} == host
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
