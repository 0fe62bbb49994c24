"""What a function may have changed: files, rows, messages, records, and events it has sent to functions."""

import difflib
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from engine.mapping.source import StartingPosition
from headrace.simulation.sandbox import SAME_ADDRESS
from headrace.simulator import Simulator
from headrace.sources import bucket_folders, database_path
from triggers.dynamodb.table_schema import quoted

MOST_TEXT_BYTES = 65_536  # of a file, to be compared line by line
MOST_MESSAGES = 100_000
READ_AT_ONCE = 1000
DIFF_LINES = 20
LINE_LENGTH = 400  # of a difference, as it is shown
CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(32), 127)}
IDS_OF_SNS = ("MessageId", "SequenceNumber", "Signature")
OWN_TABLES = ("headrace_", "sqlite_")

State = Mapping[str, Sequence[str]]
"""Lines by place: a file (`buckets.out/a.txt`) has its own, a table's are rows, a queue's are messages."""


async def users_state(simulator: Simulator) -> State:
    """Return all of it. What differs by itself, such as message ids and moments, is left out."""
    state: dict[str, Sequence[str]] = {}
    configuration = simulator.configuration
    for name, folder in zip(configuration.file.buckets, bucket_folders(configuration), strict=True):
        state |= _files(name, folder)
    for path in dict.fromkeys(database_path(configuration, name) for name in configuration.file.tables):
        state |= _rows(path)
    for name, queue in sorted(simulator.channels.queues.items()):
        messages = await queue.peek(MOST_MESSAGES)
        state[f"queues.{name}"] = sorted(
            _line({"body": without_ids(message.body), "group": message.group_id}) for message in messages
        )
    for name, payload in await simulator.store.read(_events):
        state[f"events at functions.{name}"] = [*state.get(f"events at functions.{name}", ()), payload]
    for name in sorted(simulator.channels.streams):
        state[f"streams.{name}"] = sorted([line async for line in _records(simulator, name)])
    address = simulator.listener.url  # its port is another in every sandbox
    return {
        place: [line.replace(address, SAME_ADDRESS) for line in lines]
        for place, lines in state.items()
        if lines
    }


def difference(before: State, after: State) -> list[str]:
    """Return what has changed, place by place, in the manner of diff; nothing when nothing has."""
    told: list[str] = []
    for place in sorted({*before, *after}):
        old, new = before.get(place, ()), after.get(place, ())
        if old == new:
            continue
        told.append(_headline(place, is_new=place not in before, is_gone=place not in after))
        _, _, *hunks = difflib.unified_diff(old, new, lineterm="", n=0)
        lines = [line for line in hunks if not line.startswith("@@")]
        told += [f"  {line[0]} {_cut(line[1:])}" for line in lines[:DIFF_LINES]]
        if len(lines) > DIFF_LINES:
            told.append(f"  ... {len(lines) - DIFF_LINES} more lines")
    return told


def without_ids(text: str) -> str:
    """Return what was sent without what differs each time: ids and signatures of SNS and EventBridge."""
    try:
        sent = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    bare = _bare(sent)
    return text if bare == sent else orjson.dumps(bare).decode()


def _bare(sent: Any) -> Any:
    match sent:
        case {"Records": [{"Sns": _}, *_] as records}:
            return {"Records": [record | {"Sns": _bare(record["Sns"])} for record in records]}
        case {"TopicArn": _, "MessageId": _}:
            return {name: value for name, value in sent.items() if name not in IDS_OF_SNS}
        case {"detail-type": _, "id": _}:
            return {name: value for name, value in sent.items() if name != "id"}
        case _:
            return sent


def _events(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the function and the payload of each asynchronous event that waits, in their order."""
    rows = connection.execute("SELECT function, payload FROM event_queue")
    return sorted((function, without_ids(payload.decode(errors="replace"))) for function, payload in rows)


def _cut(line: str) -> str:
    return line if len(line) <= LINE_LENGTH else f"{line[:LINE_LENGTH]}..."


def _headline(place: str, *, is_new: bool, is_gone: bool) -> str:
    return f"{place} is new:" if is_new else f"{place} is gone:" if is_gone else f"{place}:"


def _files(bucket: str, folder: Path) -> Iterator[tuple[str, Sequence[str]]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"buckets.{bucket}/{path.relative_to(folder).as_posix()}", _content(path)


def _content(path: Path) -> Sequence[str]:
    content = path.read_bytes()
    try:
        if len(content) <= MOST_TEXT_BYTES:
            lines = content.decode().split("\n") if content else ["(empty)"]
            return [line.translate(CONTROLS) for line in lines]
    except UnicodeDecodeError:
        pass
    digest = hashlib.sha256(content).hexdigest()
    return [f"({len(content):,} bytes, SHA-256 {digest[:16]}...)"]


def _rows(database: Path) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the rows of all the user's tables of a database, in no order but that of their text."""
    if not database.exists():
        return
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        for (table,) in tables.fetchall():
            if not table.startswith(OWN_TABLES):
                cursor = connection.execute(f"SELECT * FROM {quoted(table)}")  # noqa: S608 - quoted
                columns = [column[0] for column in cursor.description]
                rows = sorted(_line(dict(zip(columns, row, strict=True))) for row in cursor)
                yield f"table {table} in {database.name}", rows


async def _records(simulator: Simulator, name: str) -> AsyncIterator[str]:
    stream = simulator.channels.streams[name]
    for shard in await stream.shards():
        position = await stream.start(shard.shard_id, StartingPosition("TRIM_HORIZON"))
        while (page := await stream.read(shard.shard_id, position, READ_AT_ONCE)).records:
            for record in page.records:
                position = record.position
                kinesis = record.record["kinesis"]
                yield _line({"data": kinesis["data"], "partitionKey": kinesis["partitionKey"]})


def _line(value: Mapping[str, object]) -> str:
    return orjson.dumps(value, default=_of_bytes).decode()


def _of_bytes(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
