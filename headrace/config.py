"""The whole configuration, `headrace.toml`, composed of each part's settings model.

All problems are reported at once, each with its path, what is allowed there and what was found.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from engine.arn import Account
from engine.errors import CodeError, ConfigurationError
from engine.functions.definition import FunctionDefinition, define
from engine.functions.settings import FunctionSettings, PythonRuntime
from engine.functions.variables import MADE_UP, KeyPair
from engine.settings import Settings
from engine.value import dataclass
from headrace.option_advice import unknown_option
from headrace.references import dangling_references
from headrace.settings_models import TABLE_NAMES, nested_tables, table_type
from headrace.settings_problems import described

if TYPE_CHECKING:
    from engine.fault_settings import FaultSettings
    from engine.mapping.settings import MappingSettings
    from headrace.mending import Mended
    from triggers.dynamodb.settings import TableSettings
    from triggers.eventbridge.settings import EventBusSettings
    from triggers.kinesis.settings import StreamSettings
    from triggers.s3.settings import BucketSettings
    from triggers.schedule.settings import ScheduleSettings
    from triggers.sns.settings import TopicSettings
    from triggers.sqs.settings import QueueSettings


class SimulatorSettings(Settings):
    """`[simulator]`: where it keeps its state, where it listens, and what account it pretends to be."""

    state: Path = Path(".headrace")
    endpoint: str = "127.0.0.1:4566"
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")] = "us-east-1"
    account_id: Annotated[str, Field(pattern=r"^[0-9]{12}$")] = "000000000000"
    max_environments: Annotated[int, Field(ge=1, le=1000)] = 8
    pythons: dict[PythonRuntime, Path] = Field(default_factory=dict)
    history_limit: Annotated[int, Field(ge=0, le=10_000_000)] = 10_000
    shutdown_grace_in_seconds: Annotated[float, Field(ge=0, le=900)] = 10
    require_signature: bool = False
    access_key_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z_]{16,128}$")] | None = None
    secret_access_key: Annotated[str, Field(min_length=8)] | None = None

    @field_validator("state")
    @classmethod
    def _is_a_folder_of_its_own(cls, value: Path) -> Path:
        if value == Path():
            raise ValueError(
                'a folder of its own is needed, such as ".headrace": git leaves out all that is in it'
            )
        return value

    @field_validator("endpoint")
    @classmethod
    def _is_host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise ValueError('"HOST:PORT" is needed, such as "127.0.0.1:4566" (port 0 takes any free one)')
        return value

    @model_validator(mode="after")
    def _keys_are_for_signatures(self) -> Self:
        given = (self.access_key_id is not None, self.secret_access_key is not None)
        if self.require_signature and not all(given):
            raise ValueError("require_signature needs access_key_id and secret_access_key")
        if not self.require_signature and any(given):
            raise ValueError(
                "access_key_id and secret_access_key have no use without require_signature = true"
            )
        return self

    @property
    def keys(self) -> KeyPair:
        """The credentials that requests are signed with."""
        if self.access_key_id is None or self.secret_access_key is None:
            return MADE_UP
        return KeyPair(self.access_key_id, self.secret_access_key)

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The address to listen on."""
        host, _, port = self.endpoint.rpartition(":")
        return host.strip("[]"), int(port)


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """The top level of `headrace.toml`."""

    simulator: SimulatorSettings = field(default_factory=SimulatorSettings)
    functions: "Mapping[str, FunctionSettings]" = field(default_factory=dict)
    buckets: "Mapping[str, BucketSettings]" = field(default_factory=dict)
    queues: "Mapping[str, QueueSettings]" = field(default_factory=dict)
    topics: "Mapping[str, TopicSettings]" = field(default_factory=dict)
    streams: "Mapping[str, StreamSettings]" = field(default_factory=dict)
    tables: "Mapping[str, TableSettings]" = field(default_factory=dict)
    schedules: "Mapping[str, ScheduleSettings]" = field(default_factory=dict)
    event_buses: "Mapping[str, EventBusSettings]" = field(default_factory=dict)
    event_source_mappings: "Sequence[MappingSettings]" = ()
    faults: "FaultSettings | None" = None

    def summary(self) -> str:
        """Return how much there is of each kind, such as `2 functions, 1 bucket`; empty for nothing."""
        counts = {
            "function": len(self.functions),
            "bucket": len(self.buckets),
            "queue": len(self.queues),
            "topic": len(self.topics),
            "stream": len(self.streams),
            "table": len(self.tables),
            "schedule": len(self.schedules),
            "event bus": len(self.event_buses),
            "event source mapping": len(self.event_source_mappings),
        }
        return ", ".join(f"{count} {_plural(kind, count)}" for kind, count in counts.items() if count)


def _plural(kind: str, count: int) -> str:
    if count == 1:
        return kind
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


@dataclass(frozen=True, slots=True)
class Configuration:
    """A valid configuration; `folder` is what relative paths in it are relative to."""

    path: Path
    folder: Path
    file: ConfigurationFile
    account: Account
    functions: Mapping[str, FunctionDefinition]

    @property
    def pythons(self) -> Mapping[str, Path]:
        """The interpreters that were chosen for runtimes."""
        return _paths(self.file.simulator.pythons, self.folder)

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / self.file.simulator.state.expanduser()


def load(path: Path, *, with_code: bool = True) -> Configuration:
    """Read and check a configuration. Raises ConfigurationError with every problem found.

    Without `with_code` the functions' code is not looked at, and `functions` is empty: commands that only
    read the state work whatever has become of the code.
    """
    raw = read_toml(path, missing="write one with `headrace init`, or name yours with --config")
    folder = path.resolve().parent
    problems: list[str] = []
    simulator = _simulator(raw.get("simulator", {}), problems)
    spoilt: dict[str, dict[Any, Mended]] = {}
    tables = {name: _resources(name, raw[name], problems, spoilt) for name in TABLE_NAMES if name in raw}
    faults = _faults(raw["faults"], tables.get("functions", {}), problems) if "faults" in raw else None
    problems += _unknown_tables(raw)
    problems += dangling_references(raw, _account(raw))
    pythons = _paths(simulator.pythons, folder)
    functions = _define(tables.get("functions", {}), folder, pythons, problems) if with_code else {}
    problems += _problems_between(tables, folder, simulator)
    if spoilt:
        problems += _problems_of_the_rest(raw, spoilt, folder, pythons if with_code else None)
    if problems:
        raise ConfigurationError(problems)
    mappings = tuple(tables.pop("event_source_mappings", {}).values())
    file = ConfigurationFile(simulator, **tables, event_source_mappings=mappings, faults=faults)
    return Configuration(path, folder, file, Account(simulator.account_id, simulator.region), functions)


def _simulator(raw: object, problems: list[str]) -> SimulatorSettings:
    try:
        return SimulatorSettings.model_validate(raw)
    except ValidationError as error:
        problems += described(error.errors(), {("simulator",): SimulatorSettings}, ("simulator",))
        return SimulatorSettings()


def _faults(raw: object, functions: Mapping[str, Any], problems: list[str]) -> "FaultSettings | None":
    from engine.fault_settings import FaultSettings

    try:
        faults = FaultSettings.model_validate(raw)
    except ValidationError as error:
        problems += described(error.errors(), {("faults",): FaultSettings}, ("faults",))
        return None
    problems += unknown_functions("faults", faults.functions or (), functions)
    return faults


def unknown_functions(place: str, names: Sequence[str], functions: Mapping[str, Any]) -> Iterator[str]:
    """Yield a problem for each name of the `functions` of declared faults that is no function's."""
    for index, name in enumerate(names):
        if name not in functions:
            yield f"{place}.functions[{index}]: there is no function {name!r}"


def _resources(
    table: str, raw: object, problems: list[str], spoilt: "dict[str, dict[Any, Mended]]"
) -> dict[Any, Any]:
    """Return the resources of a table by name, or by number in a list; add what is wrong to `problems`.

    Those that are valid by themselves are returned whatever the others are, which are added to `spoilt`.
    """
    try:
        found = table_type(table).validate_python(raw)
    except ValidationError as error:
        problems += described(error.errors(), nested_tables(), (table,))
        return _valid(table, raw, spoilt)
    return found if isinstance(found, dict) else dict(enumerate(found))


def _valid(table: str, raw: object, spoilt: "dict[str, dict[Any, Mended]]") -> dict[Any, Any]:
    from headrace.mending import mend

    resources = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    mended = {name: mend(table, resource) for name, resource in resources}
    spoilt[table] = {name: each for name, each in mended.items() if each.left_out or each.resource is None}
    return {name: each.resource for name, each in mended.items() if name not in spoilt[table]}


def _problems_of_the_rest(
    raw: Mapping[str, Any],
    spoilt: "Mapping[str, Mapping[Any, Mended]]",
    folder: Path,
    pythons: Mapping[str, Path] | None,
) -> Iterator[str]:
    """Yield what else is wrong with resources of which some options are; code is not looked at for None."""
    from headrace.mending import problems_of_code
    from triggers.s3.bucket_folders import problem_of_folder

    for table, resources in spoilt.items():
        for name, mended in resources.items():
            yield from described(mended.further, nested_tables(), (table, name))
            if table == "functions" and pythons is not None:
                yield from problems_of_code(name, raw[table][name], mended, folder, pythons)
            if table == "buckets" and mended.resource is not None and "folder" not in mended.left_out:
                yield from problem_of_folder(name, folder / mended.resource.folder.expanduser())


def _unknown_tables(raw: Mapping[str, Any]) -> Iterator[str]:
    known = ("simulator", "faults", *TABLE_NAMES)
    return (f"{name}: {unknown_option(name, known)}" for name in raw if name not in known)


def _problems_between(
    tables: Mapping[str, Mapping[Any, Any]], folder: Path, simulator: SimulatorSettings
) -> Iterator[str]:
    """Yield what is wrong with resources that are valid by themselves, beside each other."""
    if "buckets" in tables:
        from triggers.s3.bucket_folders import problems_of_folders

        folders = {name: folder / bucket.folder.expanduser() for name, bucket in tables["buckets"].items()}
        yield from problems_of_folders(folders, folder / simulator.state.expanduser())
    if "queues" in tables:
        from triggers.sqs.settings import problems_between_queues

        yield from problems_between_queues(tables["queues"])
    if "topics" in tables:
        from triggers.sns.settings import problems_of_topics

        yield from problems_of_topics(tables["topics"])
    if "event_source_mappings" in tables:
        from headrace.mapping_problems import problems_of_mappings

        yield from problems_of_mappings(
            tables["event_source_mappings"], tables.get("queues", {}), tables.get("functions", {})
        )


def _paths(given: Mapping[PythonRuntime, Path], folder: Path) -> dict[str, Path]:
    return {name: folder / path.expanduser() for name, path in given.items()}


def _define(
    settings: Mapping[str, FunctionSettings], folder: Path, pythons: Mapping[str, Path], problems: list[str]
) -> dict[str, FunctionDefinition]:
    """Return the functions that can be run, and add to `problems` what hinders the others."""
    functions: dict[str, FunctionDefinition] = {}
    for name, each in settings.items():
        try:
            functions[name] = define(name, each, folder, pythons)
        except CodeError as error:
            problems.append(str(error))
    return functions


def _account(raw: Mapping[str, Any]) -> Account:
    """Return the account that raw settings name; what is not text there is reported elsewhere."""
    simulator = raw.get("simulator")
    given = simulator if isinstance(simulator, dict) else {}
    default = SimulatorSettings.model_fields
    account_id, region = (given.get(name, default[name].default) for name in ("account_id", "region"))
    return Account(str(account_id), str(region))


def read_toml(path: Path, *, missing: str) -> dict[str, Any]:
    """Read a TOML file. Raises ConfigurationError naming the file, the line and the column.

    `missing` is what to do when there is no such file.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        problem = f"{path} does not exist: {missing}"
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror or error}"
    except UnicodeDecodeError as error:
        problem = f"{path} is not UTF-8 text (byte {error.start})"
    except tomllib.TOMLDecodeError as error:
        problem = f"{path} is not valid TOML: {error}"
    raise ConfigurationError([problem])
