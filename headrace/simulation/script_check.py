"""What is wrong with an action beside the configuration and the files that it names.

Whatever would be refused when its moment comes is refused before the simulation begins, as far as that can be
known: names, files, messages and records that are too large, settings out of their ranges.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.errors import ApiError, CodeError
from engine.functions.settings import FunctionSettings
from engine.mapping.settings import MappingSettings, mapping_parameters
from engine.mapping.validation import find_problems
from engine.value import dataclass
from headrace.config import Configuration
from headrace.references import SOURCE_KINDS, resolve
from headrace.settings_problems import described
from headrace.simulation import script_models as models
from triggers.sqs.message import OutgoingMessage, attributes_from_json
from triggers.sqs.settings import QueueSettings, is_fifo_name

Problems = Iterator[str]

# The arguments of each action that name resources of the configuration.
NAMED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "put_object": {"bucket": ("buckets",)},
    "delete_object": {"bucket": ("buckets",)},
    "send": {"queue": ("queues",)},
    "put_record": {"stream": ("streams",)},
    "sql": {"table": ("tables",)},
    "replay": {"function": ("functions",), "source": SOURCE_KINDS},
    "invoke": {"function": ("functions",)},
    "change_function": {"function": ("functions",)},
    "change_mapping": {"source": SOURCE_KINDS, "function": ("functions",)},
    "change_queue": {"queue": ("queues",)},
    "expect": {
        "queue": ("queues",),
        "function": ("functions",),
        "bucket": ("buckets",),
        "table": ("tables",),
    },
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where an action stands, and what it is checked against; its files are relative to `folder`."""

    place: str
    configuration: Configuration
    folder: Path

    def known(self, kind: str) -> Mapping[str, Any]:
        """Return the resources of a kind by name."""
        known: Mapping[str, Any] = getattr(self.configuration.file, kind)
        return known


def problems_of(
    name: str, place: str, arguments: BaseModel, configuration: Configuration, folder: Path
) -> list[str]:
    """Return what is wrong with the action `name` at `place`, a line each; files are relative to `folder`."""
    around = Surroundings(place, configuration, folder)
    problems = list(_unknown_names(name, arguments, around))
    check = _CHECKS.get(name)
    if check is not None and not problems:
        problems += check(arguments, around)
    return problems


def name_in(reference: str, kind: str) -> str:
    """Return the name in `queues.jobs`, in an ARN, or a bare name, of a resource whose kind is known."""
    return resolve(reference, (kind,))[1]


def _unknown_names(name: str, arguments: BaseModel, around: Surroundings) -> Problems:
    for argument, kinds in NAMED.get(name, {}).items():
        reference = getattr(arguments, argument)
        if reference is None:
            continue
        try:
            kind, own = resolve(reference, kinds)
        except ValueError as error:
            yield f"{around.place}.{argument}: {error}"
            continue
        known = around.known(kind)
        if own not in known:
            near = get_close_matches(own, known, n=1)
            there = ", ".join(known) or "none is configured"
            hint = f"did you mean {near[0]}?" if near else f"there are: {there}"
            yield f"{around.place}.{argument}: there is no {kind.removesuffix('s')} {own}; {hint}"


def _check_put_object(put: models.PutObject, around: Surroundings) -> Problems:
    if put.file is not None:
        yield from _unreadable(around, "file", put.file)


def _check_send(send: models.Send, around: Surroundings) -> Problems:
    from triggers.sqs.attributes import QueueAttributes
    from triggers.sqs.validation import check

    name = name_in(send.queue, "queues")
    settings = around.configuration.file.queues[name]
    try:
        check(QueueAttributes.configured(name, settings, around.configuration.account), message_of(send))
    except ApiError as error:
        yield f"{around.place}: {error}"


def message_of(send: models.Send) -> OutgoingMessage:
    """Return the message that is to be sent. Raises ApiError for attributes that are none."""
    return OutgoingMessage(
        send.body,
        attributes_from_json({name: each.as_api() for name, each in send.attributes.items()}),
        delay=None if send.delay is None else timedelta(seconds=send.delay),
        group_id=send.group,
        deduplication_id=send.deduplication_id,
    )


def _check_put_record(put: models.PutRecord, around: Surroundings) -> Problems:
    from triggers.kinesis.limits import RecordEntry, check_record

    settings = around.configuration.file.streams[name_in(put.stream, "streams")]
    key = "any" if put.partition_key is None else put.partition_key
    try:
        entry = RecordEntry(data_of(put), key, put.explicit_hash_key)
        check_record(entry, settings.properties().max_record_bytes)
    except ApiError as error:
        yield f"{around.place}: {error}"


def data_of(put: models.PutRecord) -> bytes:
    """Return what a record holds."""
    return put.base64 if put.base64 is not None else (put.data or "").encode()


def _check_replay(replay: models.Replay, around: Surroundings) -> Problems:
    from triggers.replay.plan import CannotReplay, make_plan

    try:
        plan = make_plan([around.folder / path.expanduser() for path in replay.paths])
    except CannotReplay as problem:
        yield f"{around.place}.paths: {problem}"
        return
    for skipped in plan.skipped:
        yield f"{around.place}.paths: {skipped.place}: {skipped.reason}"
    functions = around.configuration.file.functions
    if (
        replay.through == "function"
        and plan.has_plain_events
        and replay.function is None
        and len(functions) != 1
    ):
        there = ", ".join(functions) or "none is configured"
        yield f"{around.place}.function: which function are the events for? (there are: {there})"


def _check_invoke(invoke: models.Invoke, around: Surroundings) -> Problems:
    if invoke.file is None:
        return
    problems = list(_unreadable(around, "file", invoke.file))
    yield from problems
    if not problems:
        try:
            json.loads((around.folder / invoke.file.expanduser()).read_bytes())
        except ValueError as error:
            yield f"{around.place}.file: {invoke.file} is not JSON: {error}"


def _check_change_function(change: models.ChangeFunction, around: Surroundings) -> Problems:
    from engine.functions.definition import define

    name = name_in(change.function, "functions")
    given = around.configuration.file.functions[name].model_dump(exclude_unset=True)
    try:
        settings = FunctionSettings.model_validate(given | changes_of_function(change, around.folder))
        define(name, settings, around.configuration.folder)
    except ValidationError as error:
        yield from described(error.errors(), {}, (around.place,))
    except CodeError as error:
        yield f"{around.place}: {error.problem}"


def changes_of_function(change: models.ChangeFunction, folder: Path) -> dict[str, Any]:
    """Return what changes, by its name in `[functions.NAME]`; the code's path is absolute."""
    changes = change.changes()
    if change.code is not None:
        changes["code"] = (folder / change.code.expanduser()).absolute()
    return changes


def _check_change_queue(change: models.ChangeQueue, around: Surroundings) -> Problems:
    given = around.configuration.file.queues[name_in(change.queue, "queues")].model_dump(exclude_unset=True)
    try:
        QueueSettings.model_validate(given | change.changes())
    except ValidationError as error:
        yield from described(error.errors(), {}, (around.place,))


def _check_change_mapping(change: models.ChangeMapping, around: Surroundings) -> Problems:
    kind, source = resolve(change.source, SOURCE_KINDS)
    function = name_in(change.function, "functions")
    configured = mapping_between(around.configuration, (kind, source), function)
    if configured is None:
        yield f"{around.place}: there is no event source mapping from {kind}.{source} to functions.{function}"
        return
    of_queue = "sqs-fifo" if is_fifo_name(source) else "sqs"
    mapped = {"queues": of_queue, "streams": "kinesis", "tables": "dynamodb"}[kind]
    current = mapping_parameters(
        configured, event_source_arn=source, function=function, on_failure_arn=configured.on_failure
    )
    changes = changes_of_mapping(change)
    for problem in find_problems("update", mapped, changes, current=current):  # type: ignore[arg-type]
        yield f"{around.place}: {problem.explanation}"


def changes_of_mapping(change: models.ChangeMapping) -> dict[str, Any]:
    """Return what UpdateEventSourceMapping is called with, but for the destination's ARN."""
    changes = mapping_parameters(
        change, event_source_arn="", function=change.function, on_failure_arn=change.on_failure
    )
    del changes["EventSourceArn"], changes["FunctionName"]
    return changes


def mapping_between(
    configuration: Configuration, source: tuple[str, str], function: str
) -> MappingSettings | None:
    """Return the mapping from a source, by kind and name, to a function; None when there is none."""
    return next(
        (
            each
            for each in configuration.file.event_source_mappings
            if resolve(each.source, SOURCE_KINDS) == source
            and resolve(each.function, ("functions",))[1] == function
        ),
        None,
    )


def _unreadable(around: Surroundings, argument: str, path: Path) -> Problems:
    file = around.folder / path.expanduser()
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        yield f"{around.place}.{argument}: {file} cannot be read: {error.strerror or error}"


_CHECKS: Mapping[str, Callable[[Any, Surroundings], Problems]] = {
    "put_object": _check_put_object,
    "send": _check_send,
    "put_record": _check_put_record,
    "replay": _check_replay,
    "invoke": _check_invoke,
    "change_function": _check_change_function,
    "change_mapping": _check_change_mapping,
    "change_queue": _check_change_queue,
}
