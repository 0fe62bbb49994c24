"""The whole configuration, `headrace.toml`, composed of each part's settings model.

All problems are reported at once, each with its path, what is allowed there and what was found.
"""

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator

from engine.arn import Account
from engine.errors import CodeError, ConfigurationError
from engine.functions.definition import FunctionDefinition, define
from engine.functions.settings import FunctionName, FunctionSettings
from engine.settings import Settings
from engine.value import dataclass
from headrace.references import dangling_references
from headrace.settings_problems import Tables, described
from triggers.s3.bucket_folders import problems_of_folders
from triggers.s3.settings import BucketName, BucketSettings, NotificationSettings
from triggers.schedule.settings import ScheduleName, ScheduleSettings
from triggers.sqs.settings import QueueName, QueueSettings


class SimulatorSettings(Settings):
    """`[simulator]`: where it keeps its state, where it listens, and what account it pretends to be."""

    state: Path = Path(".headrace")
    endpoint: str = "127.0.0.1:4566"
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] = "us-east-1"
    account_id: Annotated[str, Field(pattern=r"^\d{12}$")] = "000000000000"
    max_environments: Annotated[int, Field(ge=1, le=1000)] = 8
    history_limit: Annotated[int, Field(ge=0, le=10_000_000)] = 10_000
    shutdown_grace_in_seconds: Annotated[float, Field(ge=0, le=900)] = 10

    @field_validator("endpoint")
    @classmethod
    def _is_host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise ValueError('"HOST:PORT" is needed, such as "127.0.0.1:4566" (port 0 takes any free one)')
        return value

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The address to listen on."""
        host, _, port = self.endpoint.rpartition(":")
        return host.strip("[]"), int(port)


class ConfigurationFile(Settings):
    """The top level of `headrace.toml`."""

    simulator: SimulatorSettings = Field(default_factory=SimulatorSettings)
    functions: dict[FunctionName, FunctionSettings] = Field(default_factory=dict)
    buckets: dict[BucketName, BucketSettings] = Field(default_factory=dict)
    queues: dict[QueueName, QueueSettings] = Field(default_factory=dict)
    schedules: dict[ScheduleName, ScheduleSettings] = Field(default_factory=dict)


TABLES: Tables = {
    (): ConfigurationFile,
    ("simulator",): SimulatorSettings,
    ("functions", "*"): FunctionSettings,
    ("buckets", "*"): BucketSettings,
    ("buckets", "*", "notifications", "*"): NotificationSettings,
    ("queues", "*"): QueueSettings,
    ("schedules", "*"): ScheduleSettings,
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """A valid configuration; `folder` is what relative paths in it are relative to."""

    path: Path
    folder: Path
    file: ConfigurationFile
    account: Account
    functions: Mapping[str, FunctionDefinition]

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / self.file.simulator.state.expanduser()


def load(path: Path, *, with_code: bool = True) -> Configuration:
    """Read and check a configuration. Raises ConfigurationError with every problem found.

    Without `with_code` the functions' code is not looked at, and `functions` is empty: commands that only
    read the state work whatever has become of the code.
    """
    raw = read_toml(path)
    folder = path.resolve().parent
    problems = list(dangling_references(raw, _account(raw)))
    try:
        file = ConfigurationFile.model_validate(raw)
    except ValidationError as error:
        problems = [*described(error.errors(), TABLES), *problems]
        if with_code:
            _define(_valid_functions(raw), folder, problems)
        raise ConfigurationError(problems) from None
    functions = _define(file.functions, folder, problems) if with_code else {}
    problems += problems_of_folders(
        {name: folder / bucket.folder.expanduser() for name, bucket in file.buckets.items()},
        folder / file.simulator.state.expanduser(),
    )
    if problems:
        raise ConfigurationError(problems)
    simulator = file.simulator
    return Configuration(path, folder, file, Account(simulator.account_id, simulator.region), functions)


def _define(
    settings: Mapping[str, FunctionSettings], folder: Path, problems: list[str]
) -> dict[str, FunctionDefinition]:
    """Return the functions that can be run, and add to `problems` what hinders the others."""
    functions: dict[str, FunctionDefinition] = {}
    for name, each in settings.items():
        try:
            functions[name] = define(name, each, folder)
        except CodeError as error:
            problems.append(str(error))
    return functions


def _valid_functions(raw: Mapping[str, Any]) -> dict[str, FunctionSettings]:
    tables = raw.get("functions")
    valid: dict[str, FunctionSettings] = {}
    for name, table in (tables if isinstance(tables, dict) else {}).items():
        with suppress(ValidationError):
            valid[name] = FunctionSettings.model_validate(table)
    return valid


def _account(raw: Mapping[str, Any]) -> Account:
    """Return the account that raw settings name; what is not text there is reported elsewhere."""
    simulator = raw.get("simulator")
    given = simulator if isinstance(simulator, dict) else {}
    default = SimulatorSettings.model_fields
    account_id, region = (given.get(name, default[name].default) for name in ("account_id", "region"))
    return Account(str(account_id), str(region))


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file. Raises ConfigurationError naming the file, the line and the column."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        problem = f"{path} does not exist: write one with `headrace init`, or name yours with --config"
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror or error}"
    except UnicodeDecodeError as error:
        problem = f"{path} is not UTF-8 text (byte {error.start})"
    except tomllib.TOMLDecodeError as error:
        problem = f"{path} is not valid TOML: {error}"
    raise ConfigurationError([problem])
