"""The whole configuration, `headrace.toml`, composed of each part's settings model.

All problems are reported at once, each with its path, what is allowed there and what was found.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from engine.arn import Account
from engine.errors import CodeError, ConfigurationError
from engine.functions.definition import FunctionDefinition, define
from engine.functions.settings import FunctionName, FunctionSettings
from engine.settings import Settings
from engine.value import dataclass
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
    problems = list(_dangling_references(raw))
    try:
        file = ConfigurationFile.model_validate(raw)
    except ValidationError as error:
        problems = [*_described(error.errors()), *problems]
        if with_code:
            _define(_valid_functions(raw), folder, problems)
        raise ConfigurationError(problems) from None
    functions = _define(file.functions, folder, problems) if with_code else {}
    for name, bucket in file.buckets.items():
        place = folder / bucket.folder.expanduser()
        if place.exists() and not place.is_dir():
            problems.append(f"buckets.{name}.folder: {place} is a file: a bucket is a folder")
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


# What a table may refer to: (table, key inside a resource) -> kinds. A list of tables is looked into by name.
REFERENCES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("functions", "on_success"): ("functions", "queues"),
    ("functions", "on_failure"): ("functions", "queues"),
    ("functions", "dead_letter"): ("queues",),
    ("buckets", "notifications", "function"): ("functions",),
    ("schedules", "function"): ("functions",),
}


def resolve(reference: str, kinds: tuple[str, ...]) -> tuple[str, str]:
    """Return (kind, name) of `queues.jobs`, of an ARN, or of a bare name where only one kind fits.

    Raises ValueError for text that is none of them.
    """
    if reference.startswith("arn:"):
        parts = reference.split(":")
        if len(parts) >= 7 and parts[2] == "lambda" and parts[5] == "function":
            kind, name = "functions", parts[6]
            if parts[7:] not in ([], ["$LATEST"]):
                raise ValueError(f"there are no versions and aliases here: leave {parts[7]!r} out")
        elif len(parts) == 6 and parts[2] == "sqs":
            kind, name = "queues", parts[5]
        else:
            raise ValueError(f"{reference!r} is not the ARN of a local resource")
    elif "." in reference:
        kind, _, name = reference.partition(".")
    elif len(kinds) == 1:
        kind, name = kinds[0], reference
    else:
        raise ValueError(f'{reference!r} needs its kind: "{kinds[0]}.{reference}"')
    if kind not in kinds:
        raise ValueError(f"{' or '.join(kinds)} can stand here, not {kind}")
    return kind, name


def _dangling_references(raw: Mapping[str, Any]) -> Iterator[str]:
    """Check references on the raw tables, so that they are reported beside all other problems."""
    for (table, *keys), kinds in REFERENCES.items():
        resources = raw.get(table)
        if not isinstance(resources, dict):
            continue
        for name, resource in resources.items():
            for place, value in _values(f"{table}.{name}", resource, keys):
                if (problem := _reference_problem(raw, table, name, value, kinds)) is not None:
                    yield f"{place}: {problem}"


def _values(place: str, value: Any, keys: list[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _values(f"{place}[{index}]", item, keys)
    elif not keys:
        yield place, value
    elif isinstance(value, dict) and keys[0] in value:
        yield from _values(f"{place}.{keys[0]}", value[keys[0]], keys[1:])


def _reference_problem(
    raw: Mapping[str, Any], table: str, owner: str, value: Any, kinds: tuple[str, ...]
) -> str | None:
    if not isinstance(value, str):
        return None  # the model says what type is needed
    try:
        kind, name = resolve(value, kinds)
    except ValueError as error:
        return str(error)
    if value.startswith("arn:") and (elsewhere := _elsewhere(raw, value)) is not None:
        return elsewhere
    known = raw.get(kind)
    known = known if isinstance(known, dict) else {}
    if name not in known:
        near = get_close_matches(name, known, n=1)
        others = ", ".join(sorted(known)) or "none yet"
        hint = f"did you mean {near[0]!r}?" if near else f"add [{kind}.{name}] (there are: {others})"
        return f"there is no {kind}.{name}; {hint}"
    if (kind, name) == (table, owner):
        return "You can't specify the function as a destination for itself."
    return None


def _elsewhere(raw: Mapping[str, Any], arn: str) -> str | None:
    simulator = raw.get("simulator")
    given = simulator if isinstance(simulator, dict) else {}
    default = SimulatorSettings.model_fields
    here = [given.get(name, default[name].default) for name in ("region", "account_id")]
    there = arn.split(":")[3:5]
    return (
        None
        if here == there
        else f"{arn} is in {' '.join(there)}, this simulator is {' '.join(map(str, here))}"
    )


TABLES: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): ConfigurationFile,
    ("simulator",): SimulatorSettings,
    ("functions", "*"): FunctionSettings,
    ("buckets", "*"): BucketSettings,
    ("buckets", "*", "notifications", "*"): NotificationSettings,
    ("queues", "*"): QueueSettings,
    ("schedules", "*"): ScheduleSettings,
}


def _described(details: Sequence[ErrorDetails]) -> list[str]:
    """Describe all problems; that a list is too short goes without saying where its items are wrong."""
    places = [detail["loc"] for detail in details]
    return [
        _describe(detail)
        for detail in details
        if detail["type"] != "too_short"
        or not any(
            len(place) > len(detail["loc"]) and place[: len(detail["loc"])] == detail["loc"]
            for place in places
        )
    ]


def _is_below(place: tuple[int | str, ...], above: tuple[int | str, ...]) -> bool:
    return len(place) > len(above) and place[: len(above)] == above


def _describe(detail: ErrorDetails) -> str:
    """Turn pydantic's error into a line: path, what is allowed, what was found."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(
        "."
    )
    return f"{place or 'headrace.toml'}: {_explain(detail)}"


def _explain(detail: ErrorDetails) -> str:
    found = detail["input"]
    allowed = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return _unknown_key(tuple(str(part) for part in detail["loc"]))
        case "greater_than_equal":
            return f"{allowed['ge']} is the least, got {found!r}"
        case "less_than_equal":
            return f"{allowed['le']} is the most, got {found!r}"
        case "literal_error" | "enum":
            return f"allowed: {allowed['expected']}; got {found!r}"
        case "value_error":
            return str(allowed["error"])
        case "string_pattern_mismatch":
            return f"must match {allowed['pattern']}, got {found!r}"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"a whole number is needed, got {found!r}"
        case "float_type" | "float_parsing":
            return f"a number is needed, got {found!r}"
        case "string_type":
            return f"text in quotes is needed, got {found!r}"
        case "bool_type" | "bool_parsing":
            return f"true or false is needed, got {found!r}"
        case "tuple_type" | "list_type":
            table = ".".join(str(part) for part in detail["loc"])
            hint = f": write [[{table}]]" if isinstance(found, dict) else ", in brackets"
            return f"a list is needed{hint}; got {found!r}"
        case "finite_number":
            return f"a finite number is needed, got {found!r}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"a table is needed, got {found!r}"
        case _:
            return f"{detail['msg']}, got {found!r}"


def _unknown_key(place: tuple[str, ...]) -> str:
    table = next(
        (
            model
            for pattern, model in TABLES.items()
            if len(pattern) == len(place) - 1
            and all(want in ("*", part) for want, part in zip(pattern, place, strict=False))
        ),
        None,
    )
    names = sorted(table.model_fields) if table is not None else []
    near = get_close_matches(place[-1], names, n=1)
    if near:
        return f"there is no such option; did you mean {near[0]!r}?"
    return "there is no such option" + (f"; there are {', '.join(names)}" if names else "")
