"""What the actions of a script do to a simulator, each as a program beside it would."""

import asyncio
import base64
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from engine.errors import HeadraceError
from engine.functions.definition import define
from engine.functions.invocation import Throttled
from engine.functions.settings import FunctionSettings
from engine.invocation.event import AsyncEvent, new_request_id
from engine.mapping.mapping_errors import MappingInUse
from engine.value import dataclass
from headrace import operations
from headrace.references import SOURCE_KINDS, resolve
from headrace.simulation import script_models as models
from headrace.simulation.script_check import (
    changes_of_function,
    changes_of_mapping,
    data_of,
    name_in,
)
from headrace.simulator import Simulator
from headrace.sources import database_path

if TYPE_CHECKING:
    from triggers.replay.player import Answer, Played, Tally

BUSY_SECONDS = 10.0  # for a writer that holds the database
MAPPING_PAUSE, MAPPING_TRIES = timedelta(seconds=1), 60  # for a mapping that is being changed already


class ActionFailed(HeadraceError):
    """An action could not be done; the text says why."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where actions are done. Files of a script are relative to `folder`; replays run in `group`.

    `failed` takes note of what went wrong with something that goes on by itself. `changed_functions` has what
    was changed of functions so far, by its name in the configuration.
    """

    simulator: Simulator
    folder: Path
    group: asyncio.TaskGroup
    failed: Callable[[str], None]
    changed_functions: dict[str, dict[str, Any]]
    replays: "list[asyncio.Task[Tally]]" = field(default_factory=list)

    def file(self, path: Path) -> Path:
        """Return a file that a script names."""
        return self.folder / path.expanduser()


async def put_object(stage: Stage, put: models.PutObject) -> None:
    """Store an object as PutObject does."""
    from triggers.s3.upload import KeyRefused

    if put.file is not None:
        content = await asyncio.to_thread(stage.file(put.file).read_bytes)
    else:
        content = put.base64 if put.base64 is not None else (put.content or "").encode()
    bucket = stage.simulator.sources.buckets[name_in(put.bucket, "buckets")]
    try:
        upload = bucket.begin_upload(put.key)
        try:
            await asyncio.to_thread(upload.write, content)
            await bucket.put(put.key, upload)
        finally:
            upload.discard()
    except KeyRefused as error:
        raise ActionFailed(f"the folder cannot hold the key {put.key!r}: {error}") from error


async def delete_object(stage: Stage, deletion: models.DeleteObject) -> None:
    """Delete an object as DeleteObject does."""
    await stage.simulator.sources.buckets[name_in(deletion.bucket, "buckets")].delete(deletion.key)


async def send(stage: Stage, sending: models.Send) -> None:
    """Send a message, as often as it says, in one go."""
    message = {
        "body": sending.body,
        "attributes": {name: each.as_api() for name, each in sending.attributes.items()},
        "group_id": sending.group,
        "deduplication_id": sending.deduplication_id,
        "delay": sending.delay,
    }
    queue = name_in(sending.queue, "queues")
    arguments = {"queue": queue, "messages": [message] * sending.count}
    await operations.send(stage.simulator.channels, arguments)


async def put_record(stage: Stage, put: models.PutRecord) -> None:
    """Put a record, as often as it says, in one go."""
    keys = {"partition_key": put.partition_key, "explicit_hash_key": put.explicit_hash_key}
    record = {name: key for name, key in keys.items() if key is not None}
    record["data"] = base64.b64encode(data_of(put)).decode()
    stream = name_in(put.stream, "streams")
    arguments = {"stream": stream, "records": [record] * put.count}
    await operations.put_records(stage.simulator.channels, arguments)


async def sql(stage: Stage, change: models.Sql) -> None:
    """Run statements through a connection of their own, in one transaction."""
    table = name_in(change.table, "tables")
    path = database_path(stage.simulator.configuration, table)
    try:
        await asyncio.to_thread(_run_statements, path, change.statements)
    except sqlite3.Error as error:
        raise ActionFailed(f"{path.name}: {error}") from error
    await stage.simulator.sources.tables[table].look()


def _run_statements(path: Path, statements: str) -> None:
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{statements}\n;COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.rollback()
            raise


async def replay(stage: Stage, replaying: models.Replay) -> None:
    """Begin to replay; it goes on beside the actions that follow, at its own pace."""
    from triggers.replay.plan import make_plan
    from triggers.replay.player import Player

    simulator = stage.simulator
    plan = await asyncio.to_thread(make_plan, [stage.file(path) for path in replaying.paths])
    function = None if replaying.function is None else name_in(replaying.function, "functions")

    def played(event: "Played") -> None:
        if event.error is not None and replaying.through == "source":
            stage.failed(f"{event.place}: {event.error}")

    player = Player(
        _through_source(simulator, replaying.source)
        if replaying.through == "source"
        else _through_functions(simulator),
        simulator.clock,
        function=function,
        plain_function=function or next(iter(simulator.configuration.file.functions), None),
        speed=replaying.speed,
        on_played=played,
    )
    stage.replays.append(stage.group.create_task(player.play(plan), name="replay"))


def _through_functions(simulator: Simulator) -> "Callable[[str, bytes], Awaitable[Answer]]":
    from triggers.replay.player import Answer

    async def invoke(function: str, payload: bytes) -> Answer:
        return Answer(throttled=isinstance(await simulator.invoke(function, payload), Throttled))

    return invoke


def _through_source(simulator: Simulator, source: str | None) -> "Callable[[str, bytes], Awaitable[Answer]]":
    from headrace.through_source import ThroughSource

    async def operate(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return await operations.OPERATIONS[name](simulator.channels, arguments)

    through = ThroughSource(simulator.configuration, operate, source)

    async def give(_: str, payload: bytes) -> "Answer":
        answer = await through.replay(payload)
        for table in simulator.sources.tables.values():
            await table.look()
        return answer

    return give


async def invoke(stage: Stage, invocation: models.Invoke) -> None:
    """Queue an asynchronous event."""
    if invocation.file is not None:
        payload = await asyncio.to_thread(stage.file(invocation.file).read_bytes)
    else:
        payload = orjson.dumps(invocation.payload)
    event = AsyncEvent(name_in(invocation.function, "functions"), payload, request_id=new_request_id())
    await stage.simulator.events.accept(event)


async def change_function(stage: Stage, change: models.ChangeFunction) -> None:
    """Have the next invocations run with other settings or other code."""
    simulator, name = stage.simulator, name_in(change.function, "functions")
    configuration = simulator.configuration
    changed = stage.changed_functions.setdefault(name, {})
    changed.update(changes_of_function(change, stage.folder))
    given = configuration.file.functions[name].model_dump(exclude_unset=True)
    settings = FunctionSettings.model_validate(given | changed)
    simulator.functions.put(define(name, settings, configuration.folder))
    if change.reserved_concurrency is not None:
        reserved, most = change.reserved_concurrency, configuration.file.simulator.max_environments
        simulator.functions.versions.concurrency_of(name).reserved = reserved
        simulator.events.reserve(name, min(reserved, most))


async def change_mapping(stage: Stage, change: models.ChangeMapping) -> None:
    """Update an event source mapping, once it is not being changed any more."""
    simulator = stage.simulator
    kind, source = resolve(change.source, SOURCE_KINDS)
    function = name_in(change.function, "functions")
    assert simulator.mappings is not None, "one is configured"
    arns = {f"queues.{name}": queue.arn for name, queue in simulator.channels.queues.items()}
    arns |= {f"streams.{name}": stream.arn for name, stream in simulator.channels.streams.items()}
    arns |= {f"tables.{name}": table.arn for name, table in simulator.sources.tables.items()}
    (mapping,) = simulator.mappings.list(event_source_arn=arns[f"{kind}.{source}"], function_name=function)
    changes = changes_of_mapping(change)
    if change.on_failure is not None:
        to, target = resolve(change.on_failure, ("queues", "buckets"))
        account = simulator.configuration.account
        arn = account.queue(target) if to == "queues" else account.bucket(target)
        changes["DestinationConfig"] = {"OnFailure": {"Destination": arn}}
    for _ in range(MAPPING_TRIES):
        try:
            await simulator.mappings.update(mapping["UUID"], changes)
        except MappingInUse:
            await simulator.clock.sleep_until(simulator.clock.now() + MAPPING_PAUSE)
        else:
            return
    raise ActionFailed(f"the mapping from {change.source} to {function} is being changed all the while")


async def change_queue(stage: Stage, change: models.ChangeQueue) -> None:
    """Have a queue go on with other attributes."""
    queue = stage.simulator.channels.queues[name_in(change.queue, "queues")]
    seconds = {
        "visibility_timeout": change.visibility_timeout,
        "delay": change.delay_seconds,
        "message_retention_period": change.message_retention_period,
        "receive_message_wait_time": change.receive_message_wait_time_seconds,
    }
    changes: dict[str, Any] = {
        name: timedelta(seconds=value) for name, value in seconds.items() if value is not None
    }
    if change.maximum_message_size is not None:
        changes["maximum_message_size"] = change.maximum_message_size
    queue.change_attributes(replace(queue.attributes, **changes))


ACTIONS: Mapping[str, Callable[[Stage, Any], Awaitable[None]]] = {
    "put_object": put_object,
    "delete_object": delete_object,
    "send": send,
    "put_record": put_record,
    "sql": sql,
    "replay": replay,
    "invoke": invoke,
    "change_function": change_function,
    "change_mapping": change_mapping,
    "change_queue": change_queue,
}
