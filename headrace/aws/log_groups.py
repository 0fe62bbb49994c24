"""Log groups and their streams: those of functions, in files, and those made over the API, in the store.

A group of a function is there as soon as the function has written something, or somebody has made the group.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Any

from engine.clock import Clock, to_millis
from engine.store.database import Store
from engine.value import dataclass
from headrace.aws import log_files, log_table
from headrace.aws.log_errors import InvalidParameter, LogResourceNotFound, ResourceAlreadyExists
from headrace.aws.log_files import LogEvent, Span
from headrace.aws.log_table import GroupRow

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Group:
    """A log group. `attributes` are those of the API: retentionInDays, kmsKeyId, logGroupClass, tags."""

    name: str
    created: int
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """A log stream; `path` is its file, None for one that is in the store. Moments are in milliseconds."""

    group: str
    name: str
    path: Path | None
    created: int
    first: int | None
    last: int | None
    ingested: int | None


class LogGroups:
    """Everything that CloudWatch Logs has of this simulator."""

    def __init__(self, logs: Path, store: Store, clock: Clock) -> None:
        """`logs` is the folder of all logs of functions."""
        self._logs = logs
        self._store = store
        self._clock = clock

    async def all(self) -> list[Group]:
        """Return the groups by name."""
        made = {row.name: row for row in await self._store.read(log_table.load_groups)}
        of_functions = await asyncio.to_thread(log_files.function_groups, self._logs)
        groups = [Group(row.name, row.created, row.attributes) for row in made.values()]
        groups += [Group(name, await self._began(name)) for name in of_functions if name not in made]
        return sorted(groups, key=lambda group: group.name)

    async def named(self, name: str) -> Group:
        """Return a group. Raises LogResourceNotFound."""
        for row in await self._store.read(log_table.load_groups):
            if row.name == name:
                return Group(row.name, row.created, row.attributes)
        if await asyncio.to_thread(log_files.stream_files, self._logs, name):
            return Group(name, await self._began(name))
        raise LogResourceNotFound("log group")

    async def make(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Make a group. Raises ResourceAlreadyExists."""
        try:
            await self.named(name)
        except LogResourceNotFound:
            await self.keep(Group(name, self._now(), attributes))
        else:
            raise ResourceAlreadyExists("log group")

    async def keep(self, group: Group) -> None:
        """Store what has changed of a group."""
        row = GroupRow(group.name, group.created, group.attributes)
        await self._store.write(partial(log_table.save_group, row=row))

    async def delete(self, name: str) -> None:
        """Delete a group and all its events. Raises LogResourceNotFound."""
        await self.named(name)
        await self._store.write(partial(log_table.delete_group, name=name))
        await asyncio.to_thread(log_files.delete_streams, self._logs, name)

    async def stored_bytes(self, group: Group) -> int:
        """Return how large the events of a group are."""
        files = await asyncio.to_thread(log_files.stream_files, self._logs, group.name)
        made = await self._store.read(partial(log_table.stored_bytes, group=group.name))
        return sum(file.size for file in files) + made

    async def streams(self, group: Group) -> list[Stream]:
        """Return the streams of a group by name."""
        files = await asyncio.to_thread(log_files.stream_files, self._logs, group.name)
        made = await self._store.read(partial(log_table.load_streams, group=group.name))
        streams = [
            Stream(group.name, file.name, file.path, file.first, file.first, file.last, file.last)
            for file in files
        ]
        streams += [
            Stream(group.name, row.name, None, row.created, row.first, row.last, row.ingested) for row in made
        ]
        return sorted(streams, key=lambda stream: stream.name)

    async def stream(self, group: Group, name: str) -> Stream:
        """Return a stream. Raises LogResourceNotFound."""
        for stream in await self.streams(group):
            if stream.name == name:
                return stream
        raise LogResourceNotFound("log stream")

    async def make_stream(self, group: Group, name: str) -> None:
        """Make a stream. Raises ResourceAlreadyExists."""
        files = await asyncio.to_thread(log_files.stream_files, self._logs, group.name)
        make = partial(log_table.make_stream, group=group.name, name=name, now=self._now())
        if any(file.name == name for file in files) or not await self._store.write(make):
            raise ResourceAlreadyExists("log stream")

    async def delete_stream(self, stream: Stream) -> None:
        """Delete a stream and its events."""
        if stream.path is not None:
            await asyncio.to_thread(log_files.delete_streams, self._logs, stream.group, stream.name)
        else:
            delete = partial(log_table.delete_stream, group=stream.group, name=stream.name)
            await self._store.write(delete)

    async def put(self, stream: Stream, events: Sequence[tuple[int, str]]) -> None:
        """Add events, each a moment and a text, to a stream that was made over the API."""
        if stream.path is not None:
            raise InvalidParameter(
                f"{stream.name} is the stream of an execution environment, to which Headrace adds no others."
            )
        put = partial(
            log_table.put_events, group=stream.group, stream=stream.name, events=events, now=self._now()
        )
        await self._store.write(put)

    async def read(self, stream: Stream, span: Span, most: int) -> list[LogEvent]:
        """Return at most so many events, and a megabyte of them, in the order of the span."""
        if stream.path is not None:
            return await asyncio.to_thread(log_files.read_events, stream.path, span, most)
        read = partial(log_table.read_events, group=stream.group, stream=stream.name, span=span, most=most)
        return await self._store.read(read)

    def kept_from(self, group: Group) -> int:
        """Return the moment whose events the group's retention still keeps, in milliseconds."""
        days = group.attributes.get("retentionInDays")
        return 0 if days is None else self._now() - days * DAY_MS

    async def _began(self, name: str) -> int:
        files = await asyncio.to_thread(log_files.stream_files, self._logs, name)
        return min((file.first for file in files), default=self._now())

    def _now(self) -> int:
        return to_millis(self._clock.now())
