"""What a script may hold: each action of `headrace simulate --script` with its arguments.

Actions are named after the commands that do the same, their arguments after the options and after
`headrace.toml`.
"""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from engine.duration import parse_duration
from engine.mapping.settings import MappingSettings
from engine.settings import Settings

Moment = timedelta | datetime  # from the start of the simulation, or in its calendar
Kinds = tuple[str, ...]

MOST_AT_ONCE = 1_000_000


def _moment(value: object) -> Moment:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, str):
        if value[:4].isdecimal() and value[4:5] == "-":
            try:
                return _moment(datetime.fromisoformat(value))
            except ValueError as error:
                raise ValueError(f"{value!r} is no moment: {error}") from None
        return parse_duration(value)
    raise ValueError(f'a duration from the start ("90s") or a moment ("2026-03-01T08:00Z"), got {value!r}')


def _duration(value: object) -> timedelta:
    duration = parse_duration(value if isinstance(value, str) else str(value))
    if not duration:
        raise ValueError("longer than nothing is needed")
    return duration


def _base64(value: object) -> bytes:
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except binascii.Error as error:
        raise ValueError(f"text in base64 is needed: {error}") from None


def _speed(value: object) -> float | None:
    """Return the factor; None for `max`, no pace at all."""
    if value == "max":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0.001 <= value < float("inf"):
        return float(value)
    raise ValueError(f'a number from 0.001, or "max", is needed, got {value!r}')


def _as_is(value: object) -> object:
    return value


AnyMoment = Annotated[Moment, PlainValidator(_moment)]
Base64 = Annotated[bytes, PlainValidator(_base64)]
Json = Annotated[Any, PlainValidator(_as_is)]
Times = Annotated[int, Field(ge=1, le=MOST_AT_ONCE)]


def _one_of(settings: Settings, names: tuple[str, ...], *, needed: bool = True) -> None:
    given = [name for name in names if name in settings.model_fields_set]
    if len(given) > 1 or (needed and not given):
        raise ValueError(f"one of {', '.join(names)} is needed, got {' and '.join(given) or 'none'}")


class Bounds(Settings):
    """What a number has to be."""

    exactly: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("a number, or a table with at_least or at_most, is needed")
        return self

    def holds(self, value: float) -> bool:
        """Say whether a number is within these."""
        return (
            self.exactly in (None, value)
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )

    def __str__(self) -> str:
        """Write them as in `expected 3` or `expected 1 to 5`."""
        if self.exactly is not None:
            return f"{self.exactly:g}"
        if self.at_most is None:
            return f"at least {self.at_least:g}"
        if self.at_least is None:
            return f"at most {self.at_most:g}"
        return f"{self.at_least:g} to {self.at_most:g}"


def _bounds(value: object) -> object:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"exactly": value} if is_number else value


Number = Annotated[Bounds | None, BeforeValidator(_bounds)]


class PutObject(Settings):
    """Put an object into a bucket: text, bytes in base64, or what a file holds."""

    bucket: str
    key: Annotated[str, Field(min_length=1)]
    content: str | None = None
    base64: Base64 | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _has_one_content(self) -> Self:
        _one_of(self, ("content", "base64", "file"))
        return self


class DeleteObject(Settings):
    """Delete an object of a bucket."""

    bucket: str
    key: Annotated[str, Field(min_length=1)]


class MessageAttributeSettings(Settings):
    """A message attribute in the form of the SQS API, in snake case; text stands for a String."""

    data_type: str = "String"
    string_value: str | None = None
    binary_value: str | None = None

    @model_validator(mode="after")
    def _has_one_value(self) -> Self:
        _one_of(self, ("string_value", "binary_value"))
        return self

    def as_api(self) -> dict[str, str]:
        """Return it as the SQS API spells it."""
        if self.binary_value is not None:
            return {"DataType": self.data_type, "BinaryValue": self.binary_value}
        return {"DataType": self.data_type, "StringValue": self.string_value or ""}


def _attribute(value: object) -> object:
    return {"string_value": value} if isinstance(value, str) else value


class Send(Settings):
    """Send a message to a queue, `count` times. `delay` is in seconds."""

    queue: str
    body: Annotated[str, Field(min_length=1)]
    attributes: dict[str, Annotated[MessageAttributeSettings, BeforeValidator(_attribute)]] = Field(
        default_factory=dict
    )
    group: str | None = None
    deduplication_id: str | None = None
    delay: Annotated[int, Field(ge=0, le=900)] | None = None
    count: Times = 1


class PutRecord(Settings):
    """Put a record into a stream, `count` times."""

    stream: str
    data: str | None = None
    base64: Base64 | None = None
    partition_key: str | None = None
    explicit_hash_key: str | None = None
    count: Times = 1

    @model_validator(mode="after")
    def _has_one_content(self) -> Self:
        _one_of(self, ("data", "base64"))
        return self


class Sql(Settings):
    """Run statements on the database of a table, in one transaction, as any other program would."""

    table: str
    statements: Annotated[str, Field(min_length=1)]


class Replay(Settings):
    """Replay event files, folders of them, and recordings."""

    paths: Annotated[tuple[Path, ...], Field(min_length=1), BeforeValidator(lambda value: _listed(value))]
    function: str | None = None
    through: Literal["function", "source"] = "function"
    source: str | None = None
    speed: Annotated[float | None, PlainValidator(_speed)] = 1.0

    @model_validator(mode="after")
    def _goes_one_way(self) -> Self:
        if self.through == "source" and self.function is not None:
            raise ValueError('function does not go with through = "source": mappings say who is invoked')
        if self.through == "function" and self.source is not None:
            raise ValueError('source goes with through = "source"')
        return self


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Invoke(Settings):
    """Invoke a function asynchronously (InvocationType Event)."""

    function: str
    payload: Json = Field(default_factory=dict)
    file: Path | None = None

    @model_validator(mode="after")
    def _has_one_payload(self) -> Self:
        _one_of(self, ("payload", "file"), needed=False)
        return self


class ChangeFunction(Settings):
    """Go on with other settings of a function, or with other code; invocations that run finish first."""

    function: str
    code: Path | None = None
    handler: str | None = None
    timeout: int | None = None
    memory: int | None = None
    environment: dict[str, str] | None = None
    reserved_concurrency: int | None = None

    def changes(self) -> dict[str, Any]:
        """Return what changes, by its name in `[functions.NAME]`."""
        return {name: getattr(self, name) for name in self.model_fields_set if name != "function"}

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        _needs_more_than(self, "function")
        return self


class ChangeMapping(MappingSettings):
    """Update the event source mapping from `source` to `function`, or enable or disable it."""

    enabled: bool | None = None  # type: ignore[assignment]

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        _needs_more_than(self, "source", "function")
        return self


class ChangeQueue(Settings):
    """Go on with other attributes of a queue."""

    queue: str
    visibility_timeout: int | None = None
    delay_seconds: int | None = None
    message_retention_period: int | None = None
    maximum_message_size: int | None = None
    receive_message_wait_time_seconds: int | None = None

    def changes(self) -> dict[str, Any]:
        """Return what changes, by its name in `[queues.NAME]`."""
        return {name: getattr(self, name) for name in self.model_fields_set if name != "queue"}

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        _needs_more_than(self, "queue")
        return self


def _needs_more_than(settings: Settings, *names: str) -> None:
    if settings.model_fields_set <= set(names):
        raise ValueError("it changes nothing: say what is to be another")


class Expect(Settings):
    """Something that has to be so: of a queue, a function, an object of a bucket, or rows of a table.

    A number stands for itself; `{ at_least = 1, at_most = 5 }` for a range.
    """

    queue: str | None = None
    messages: Number = None
    visible: Number = None
    in_flight: Number = None
    delayed: Number = None

    function: str | None = None
    invocations: Number = None
    errors: Number = None
    retries: Number = None
    throttles: Number = None
    dead_letters: Number = None
    waiting: Number = None

    bucket: str | None = None
    key: str | None = None
    exists: bool | None = None
    content: str | None = None
    objects: Number = None
    prefix: str | None = None

    table: str | None = None
    rows: Number = None
    sql: str | None = None
    result: Json = None

    SUBJECTS: ClassVar[dict[str, tuple[str, ...]]] = {
        "queue": ("messages", "visible", "in_flight", "delayed"),
        "function": ("invocations", "errors", "retries", "throttles", "dead_letters", "waiting"),
        "bucket": ("key", "exists", "content", "objects", "prefix"),
        "table": ("rows", "sql", "result"),
    }

    @property
    def subject(self) -> str:
        """What it is about: queue, function, bucket or table."""
        return next(subject for subject in self.SUBJECTS if getattr(self, subject) is not None)

    @model_validator(mode="after")
    def _is_about_one_thing(self) -> Self:
        _one_of(self, tuple(self.SUBJECTS))
        subject = self.subject
        own = self.SUBJECTS[subject]
        given = self.model_fields_set - {subject}
        if strange := sorted(given - set(own)):
            raise ValueError(f"{strange[0]} does not go with {subject}; there are {', '.join(own)}")
        if not given:
            raise ValueError(f"say what to expect of the {subject}: {', '.join(own)}")
        if subject == "bucket":
            self._check_of_bucket(given)
        if subject == "table" and ("sql" in given) != ("result" in given):
            raise ValueError("sql goes with result: what the query's first value has to be")
        return self

    def _check_of_bucket(self, given: set[str]) -> None:
        if "key" in given:
            if given.isdisjoint({"exists", "content"}):
                raise ValueError("key goes with exists or content")
            if not given.isdisjoint({"objects", "prefix"}):
                raise ValueError("key does not go with objects")
        elif "objects" not in given:
            raise ValueError("name a key, or say how many objects there have to be")


class Crash(Settings):
    """End the simulator as `kill -9` would, and start it again."""


ARGUMENTS: dict[str, type[Settings]] = {
    "put_object": PutObject,
    "delete_object": DeleteObject,
    "send": Send,
    "put_record": PutRecord,
    "sql": Sql,
    "replay": Replay,
    "invoke": Invoke,
    "change_function": ChangeFunction,
    "change_mapping": ChangeMapping,
    "change_queue": ChangeQueue,
    "crash": Crash,
    "expect": Expect,
}


class ActionSettings(Settings):
    """One action: when it is done, how often, and what it is."""

    at: AnyMoment
    every: Annotated[timedelta, PlainValidator(_duration)] | None = None
    count: Times | None = None
    until: AnyMoment | None = None

    put_object: PutObject | None = None
    delete_object: DeleteObject | None = None
    send: Send | None = None
    put_record: PutRecord | None = None
    sql: Sql | None = None
    replay: Replay | None = None
    invoke: Invoke | None = None
    change_function: ChangeFunction | None = None
    change_mapping: ChangeMapping | None = None
    change_queue: ChangeQueue | None = None
    faults: Json = None
    crash: Crash | None = None
    expect: Expect | None = None

    @property
    def name(self) -> str:
        """Which action it is."""
        return next(name for name in (*ARGUMENTS, "faults") if name in self.model_fields_set)

    @model_validator(mode="after")
    def _is_one_action(self) -> Self:
        names = (*ARGUMENTS, "faults")
        given = [name for name in names if name in self.model_fields_set]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"one action is needed, got {found}; there are {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _is_repeated_to_an_end(self) -> Self:
        if self.every is None:
            if self.count is not None or self.until is not None:
                raise ValueError('count and until go with every = "5m"')
        elif (self.count is None) == (self.until is None):
            raise ValueError("every goes with count, or with until")
        return self
