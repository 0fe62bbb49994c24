"""`[functions.NAME]`: a function's code and how it is run. Names, ranges and defaults are Lambda's.

Source: Lambda API, CreateFunction and PutFunctionEventInvokeConfig; developer guide, "Lambda environment
variables".
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from engine.functions.simulated_duration import parse_simulated_duration
from engine.settings import Settings

FUNCTION_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")

PythonRuntime = Literal["python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"]
PYTHON_RUNTIMES: tuple[str, ...] = get_args(PythonRuntime)
PROVIDED_RUNTIMES = ("provided.al2", "provided.al2023")

VARIABLES_LIMIT_BYTES = 4096
VARIABLE_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
RESERVED_VARIABLES = frozenset(
    (
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    )
)


def _function_name(name: str) -> str:
    if not FUNCTION_NAME.fullmatch(name):
        raise ValueError("a function name is 1 to 64 letters, digits, hyphens and underscores")
    return name


def _variables(variables: dict[str, str]) -> dict[str, str]:
    for name, value in variables.items():
        if name in RESERVED_VARIABLES:
            raise ValueError(f"{name} is set by Lambda itself and cannot be set here")
        if not VARIABLE_NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is no name: a letter first, then letters, digits and underscores, two at least"
            )
        if "\0" in value:
            raise ValueError(f"the value of {name} holds a NUL character, which no environment can")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > VARIABLES_LIMIT_BYTES:
        raise ValueError(f"all variables together may have {VARIABLES_LIMIT_BYTES} bytes, these have {size}")
    return variables


def _simulated_duration(text: str) -> str:
    parse_simulated_duration(text)
    return text


FunctionName = Annotated[str, AfterValidator(_function_name)]


class FunctionSettings(Settings):
    """One function. Relative paths are relative to the configuration file."""

    handler: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^\S+$")] | None = None
    code: Path = Path()
    runtime: str | None = None
    python: Path | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    timeout: Annotated[int, Field(ge=1, le=900)] = 3
    memory: Annotated[int, Field(ge=128, le=10_240)] = 128
    environment: Annotated[dict[str, str], AfterValidator(_variables)] = Field(default_factory=dict)
    reserved_concurrency: Annotated[int, Field(ge=0)] | None = None
    maximum_retry_attempts: Annotated[int, Field(ge=0, le=2)] = 2
    maximum_event_age_in_seconds: Annotated[int, Field(ge=60, le=21_600)] = 21_600
    on_success: str | None = None
    on_failure: str | None = None
    dead_letter: str | None = None
    recursive_loop: Literal["Terminate", "Allow"] = "Terminate"
    log_format: Literal["Text", "JSON"] = "Text"
    application_log_level: Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] | None = None
    idle_timeout: Annotated[float, Field(gt=0)] = 300
    reach_aws: bool = False
    simulated_duration: Annotated[str, AfterValidator(_simulated_duration)] = "100ms"
    simulated_init_duration: Annotated[str, AfterValidator(_simulated_duration)] = "200ms"

    @model_validator(mode="after")
    def _runtime_can_be_run(self) -> Self:
        runtime = self.runtime
        if self.command is not None:
            if self.python is not None:
                raise ValueError("python and command exclude each other: the command names its own program")
            return self
        if runtime is not None and runtime not in PYTHON_RUNTIMES + PROVIDED_RUNTIMES:
            known = ", ".join(PYTHON_RUNTIMES + PROVIDED_RUNTIMES)
            raise ValueError(
                f"runtime {runtime} is not one that can be started without help ({known}): set `command` to "
                "the program that runs its runtime interface client"
            )
        if runtime in PROVIDED_RUNTIMES:
            if self.python is not None:
                raise ValueError(
                    f"python has no use with runtime {runtime}, which runs the package's bootstrap"
                )
        elif self.handler is None:
            raise ValueError("handler is missing: name it as module.function, for example handler.handler")
        return self

    @model_validator(mode="after")
    def _log_level_needs_json(self) -> Self:
        if self.application_log_level is not None and self.log_format != "JSON":
            raise ValueError('application_log_level needs log_format = "JSON", as on AWS')
        return self
