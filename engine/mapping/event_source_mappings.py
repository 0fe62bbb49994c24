"""All event source mappings: made, changed and deleted while they run, and kept in the store.

What a request changes is stored first; then, in a task of its own, the mapping passes through its states: its
loop is stopped gently, another one begins where it left off. Source: Lambda API reference,
CreateEventSourceMapping, UpdateEventSourceMapping, DeleteEventSourceMapping.
"""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from engine.alarm import wait_until
from engine.arn import Account
from engine.clock import Clock, from_millis, to_millis
from engine.errors import StoreError
from engine.feed import Feed, MappingChanged, Notice
from engine.functions.invocation import FunctionRunner
from engine.invocation.event import new_request_id
from engine.mapping import checkpoints, mapping_table
from engine.mapping.function_reference import FunctionReference, parse_reference
from engine.mapping.mapping_errors import MappingExists, MappingInUse, MappingNotFound
from engine.mapping.mapping_loop import Loop, LoopBuilder, MissingResource, Resources
from engine.mapping.mapping_request import grant
from engine.mapping.mapping_state import (
    NOTHING_PROCESSED,
    EventSourceMapping,
    describe,
    first_state,
    settled_state,
    source_of_arn,
    state_of_update,
)
from engine.mapping.parameters import QUEUES, with_defaults
from engine.mapping.stream_mapping import StreamMapping
from engine.mapping.waits import Wait
from engine.store.database import Store

if TYPE_CHECKING:
    from engine.faults import Faults

READY_WITHIN = timedelta(seconds=5)  # a source that cannot be read does not hold up the others for longer
SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)


class EventSourceMappings:
    """Owns the mappings. `open` it with those of the configuration, then keep `run()` running.

    `ready` is set once every mapping reads its source.
    """

    name = "event source mappings"

    def __init__(
        self,
        resources: Resources,
        *,
        account: Account,
        runner: FunctionRunner,
        store: Store,
        clock: Clock,
        feed: Feed,
        environments: int,
        faults: "Faults | None" = None,
    ) -> None:
        """`environments` is how many execution environments there may be at once."""
        self.ready = asyncio.Event()
        self._resources = resources
        self._account = account
        self._store = store
        self._clock = clock
        self._feed = feed
        self._builder = LoopBuilder(
            resources,
            account=account,
            runner=runner,
            store=store,
            clock=clock,
            feed=feed,
            environments=environments,
            faults=faults,
        )
        self._mappings: dict[str, EventSourceMapping] = {}
        self._loops: dict[str, tuple[Loop, asyncio.Task[None]]] = {}
        self._results: dict[str, str] = {}  # the last result of loops that have ended
        self._group: asyncio.TaskGroup | None = None
        self._settling: set[asyncio.Task[None]] = set()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # to settle a mapping
        self._ending: set[asyncio.Task[None]] = set()

    async def open(self, configured: Sequence[Mapping[str, Any]]) -> None:
        """Read the stored mappings, and bring those of the configuration up to date.

        `configured` has for each the parameters of CreateEventSourceMapping, checked by now. A mapping that
        has left the configuration is deleted with its progress; a starting position that has changed makes
        it begin anew. What the API has made stays.
        """
        stored = {mapping.uuid: mapping for mapping in await self._store.read(mapping_table.load)}
        by_target = {self._target(mapping): mapping for mapping in stored.values()}
        kept: dict[str, EventSourceMapping] = {}
        begin_anew: list[str] = []
        for params in configured:
            wanted = self._configured(params)
            existing = by_target.get(self._target(wanted))
            if existing is not None:
                wanted, moved = _brought_up_to_date(existing, wanted)
                begin_anew += [wanted.uuid] if moved else []
            kept[wanted.uuid] = wanted
        for uuid, mapping in stored.items():
            if mapping.made_by == "api":
                kept.setdefault(uuid, mapping)
        gone = stored.keys() - kept.keys()

        def operation(connection: sqlite3.Connection) -> None:
            for uuid in gone:
                mapping_table.delete(connection, uuid)
            for uuid in begin_anew:
                checkpoints.forget(connection, uuid)
            for mapping in kept.values():
                mapping_table.save(connection, mapping)

        await self._store.write(operation)
        self._mappings = kept

    async def run(self) -> None:
        """Run all mappings until cancelled; then let running invocations end before it returns.

        A second cancellation abandons them.
        """
        async with asyncio.TaskGroup() as group:
            self._group = group
            for uuid in tuple(self._mappings):
                self._settle_later(uuid)
            try:
                if self._settling:
                    await asyncio.wait(self._settling, timeout=READY_WITHIN.total_seconds())
                self.ready.set()
                await asyncio.Event().wait()
            finally:
                self._group = None
                ending = [*self._settling, *(task for _, task in self._loops.values())]
                for task in ending:
                    task.cancel()
                if ending or self._ending:
                    await asyncio.wait([*ending, *self._ending])

    async def create(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Make a mapping; return its description. Raises the ApiError of Lambda, or StoreError."""
        granted = grant(params, None, self._resources, self._account, self._clock.now())
        self._refuse_duplicate(granted.params["EventSourceArn"], granted.function)
        enabled = granted.params.get("Enabled") is not False
        mapping = EventSourceMapping(
            new_request_id(), granted.function.arn, granted.params, first_state(enabled), self._now(), "api"
        )
        await self._accept(mapping, None)
        return self._describe(mapping)

    async def update(self, uuid: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Change a mapping; return its description. Raises the ApiError of Lambda, or StoreError."""
        current = self._settled(uuid)
        granted = grant(params, current, self._resources, self._account, self._clock.now())
        self._refuse_duplicate(current.source_arn, granted.function, besides=uuid)
        changed = replace(current, function_arn=granted.function.arn, params=granted.params)
        changed = replace(
            changed,
            state=state_of_update(current.is_enabled, changed.is_enabled),
            last_modified=self._now(),
        )
        await self._accept(changed, current)
        return self._describe(changed)

    async def delete(self, uuid: str) -> dict[str, Any]:
        """Delete a mapping with its progress; return its last description. Raises ApiError, StoreError."""
        current = self._settled(uuid)
        deleting = replace(current, state="Deleting", last_modified=self._now())
        await self._accept(deleting, current)
        return self._describe(deleting)

    def source_changed(self, arn: str) -> None:
        """Take note that a source has been made, or deleted: then its mappings have no progress any more."""
        is_gone = self._resources.queue_of(arn) is None and self._resources.stream_of(arn) is None
        for uuid, mapping in self._mappings.items():
            if mapping.source_arn == arn:
                self._settle_later(uuid, begin_anew=is_gone)

    def get(self, uuid: str) -> dict[str, Any]:
        """Describe one mapping. Raises MappingNotFound."""
        return self._describe(self._known(uuid))

    def list(
        self, *, event_source_arn: str | None = None, function_name: str | None = None
    ) -> list[dict[str, Any]]:
        """Describe the mappings of a source, of a function, of both, or all; in a stable order."""
        wanted = None if function_name is None else parse_reference(function_name, self._account)
        return [
            self._describe(mapping)
            for _, mapping in sorted(self._mappings.items())
            if event_source_arn in (None, mapping.source_arn)
            and (function_name is None or (wanted is not None and self._target(mapping)[1] == wanted.target))
        ]

    def look_again(self) -> None:
        """Let all that read streams look for records, should a wake-up have been lost."""
        for loop, _ in self._loops.values():
            if isinstance(loop, StreamMapping):
                loop.look_again()

    def waits(self) -> Sequence[tuple[str, str, Wait]]:
        """Return what waits for its time in the hands of mappings, with its source and its function."""
        return [
            (*self._names(self._mappings[uuid]), wait)
            for uuid, (loop, _) in self._loops.items()
            for wait in loop.waits
        ]

    def _known(self, uuid: str) -> EventSourceMapping:
        mapping = self._mappings.get(uuid)
        if mapping is None:
            raise MappingNotFound
        return mapping

    def _settled(self, uuid: str) -> EventSourceMapping:
        mapping = self._known(uuid)
        if not mapping.is_settled:
            raise MappingInUse
        return mapping

    def _configured(self, params: Mapping[str, Any]) -> EventSourceMapping:
        """Return a mapping as the configuration asks for it, with a UUID that is the same every time."""
        arn = params["EventSourceArn"]
        source, function = source_of_arn(arn), parse_reference(params["FunctionName"], self._account)
        assert source is not None, f"{arn} is not a source"
        assert function is not None, f"{params['FunctionName']} is not a function"
        given = with_defaults(source, params)
        uuid = str(uuid5(NAMESPACE_URL, f"{arn} {self._account.function(function.target)}"))
        state = first_state(params.get("Enabled") is not False)
        return EventSourceMapping(uuid, function.arn, given, state, self._now(), "configuration")

    def _target(self, mapping: EventSourceMapping) -> tuple[str, str]:
        """Return what no two mappings share: source and function."""
        function = parse_reference(mapping.function_arn, self._account)
        return mapping.source_arn, mapping.function_arn if function is None else function.target

    def _refuse_duplicate(
        self, source_arn: str, function: FunctionReference, besides: str | None = None
    ) -> None:
        for uuid, mapping in self._mappings.items():
            if uuid != besides and self._target(mapping) == (source_arn, function.target):
                is_queue = source_of_arn(source_arn) in QUEUES
                raise MappingExists(source_arn, function.target, uuid, is_queue=is_queue)

    async def _accept(self, mapping: EventSourceMapping, before: EventSourceMapping | None) -> None:
        """Store a change, and let it take effect; a store that fails leaves everything as it was."""
        self._mappings[mapping.uuid] = mapping  # at once, so that no other request gets in between
        try:
            await self._store.write(partial(mapping_table.save, mapping=mapping))
        except BaseException:
            if before is None:
                del self._mappings[mapping.uuid]
            else:
                self._mappings[mapping.uuid] = before
            raise
        self._publish(mapping)
        self._settle_later(mapping.uuid)

    def _settle_later(self, uuid: str, *, begin_anew: bool = False) -> None:
        if self._group is not None:
            settling = self._settle_in_turn(uuid, begin_anew)
            task = self._group.create_task(settling, name=f"mapping {uuid} settles")
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def _settle_in_turn(self, uuid: str, begin_anew: bool) -> None:
        async with self._turns[uuid]:
            if uuid in self._mappings:
                await self._settle(uuid, begin_anew)

    async def _settle(self, uuid: str, begin_anew: bool) -> None:
        """Bring a mapping to the state that it is on its way to."""
        await self._stop(uuid)
        mapping = self._mappings[uuid]
        if mapping.state == "Deleting":
            await self._write(partial(mapping_table.delete, uuid=uuid))
            del self._mappings[uuid], self._turns[uuid]
            self._results.pop(uuid, None)
            return
        if begin_anew:
            await self._write(partial(checkpoints.forget, mapping=uuid))
        if mapping.is_enabled:
            await self._start(mapping)
        state = settled_state(mapping.is_enabled)
        if mapping.state != state:
            mapping = replace(mapping, state=state, last_modified=self._now())
            await self._write(partial(mapping_table.save, mapping=mapping))
            self._mappings[uuid] = mapping
        self._publish(mapping)

    async def _start(self, mapping: EventSourceMapping) -> None:
        """Start a mapping's loop, and return when it reads its source, or after a while if it cannot."""
        assert self._group is not None, "mappings settle while they run"
        try:
            loop = self._builder.build(mapping)
        except MissingResource as missing:
            source, function = self._names(mapping)
            self._notice("warning", f"{source} -> functions.{function}", f"does not run: {missing}")
            return
        task = self._group.create_task(loop.run(), name=f"mapping {mapping.uuid}")
        self._loops[mapping.uuid] = loop, task
        await wait_until(loop.ready, self._clock.now() + READY_WITHIN, self._clock)

    async def _stop(self, uuid: str) -> None:
        """End a mapping's loop, if it has one, and return when what was in hand is settled."""
        if uuid not in self._loops:
            return
        loop, task = self._loops.pop(uuid)
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        await asyncio.wait([task])
        self._keep_result(uuid, loop)

    def _keep_result(self, uuid: str, loop: Loop) -> None:
        result = loop.last_processing_result
        if result is not None and result != NOTHING_PROCESSED:
            self._results[uuid] = result

    def _describe(self, mapping: EventSourceMapping) -> dict[str, Any]:
        if mapping.uuid in self._loops:
            self._keep_result(mapping.uuid, self._loops[mapping.uuid][0])
        return describe(mapping, self._account, self._results.get(mapping.uuid))

    async def _write(self, operation: Callable[[sqlite3.Connection], None]) -> None:
        """Write until the store takes it, pausing longer each time."""
        pause = SHORTEST_PAUSE
        while True:
            try:
                return await self._store.write(operation)
            except StoreError as error:
                self._notice("error", self.name, f"{error}; trying again in {pause.total_seconds():g} s")
            await self._clock.sleep_until(self._clock.now() + pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _publish(self, mapping: EventSourceMapping) -> None:
        self._feed.publish(
            MappingChanged(self._clock.now(), mapping.uuid, *self._names(mapping), mapping.state)
        )

    def _names(self, mapping: EventSourceMapping) -> tuple[str, str]:
        """Return what facts call the source and the function."""
        arn = mapping.source_arn
        source = self._resources.queue_of(arn) or self._resources.stream_of(arn)
        function = parse_reference(mapping.function_arn, self._account)
        return (
            arn if source is None else source.name,
            mapping.function_arn if function is None else function.name,
        )

    def _notice(self, level: Any, place: str, text: str) -> None:
        self._feed.publish(Notice(self._clock.now(), level, place, text))

    def _now(self) -> datetime:
        return from_millis(to_millis(self._clock.now()))


def _brought_up_to_date(
    existing: EventSourceMapping, wanted: EventSourceMapping
) -> tuple[EventSourceMapping, bool]:
    """Return a stored mapping as the configuration wants it now, and whether it begins to read anew."""
    if existing.state == "Deleting":
        return replace(wanted, uuid=existing.uuid), True
    if existing.params == wanted.params and existing.function_arn == wanted.function_arn:
        return replace(existing, made_by=wanted.made_by), False
    positions = ("StartingPosition", "StartingPositionTimestamp")
    moved = any(existing.params.get(name) != wanted.params.get(name) for name in positions)
    state = state_of_update(existing.is_enabled, wanted.is_enabled)
    return replace(wanted, uuid=existing.uuid, state=state), moved
