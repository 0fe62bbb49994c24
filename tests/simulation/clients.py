"""The clients of a scenario: each takes its steps at their moments, and notes what it was told.

After a crash they go on with the simulator that was started then. What was under way is nobody's to know: it
is noted as uncertain, and not done again.
"""

import asyncio
import sqlite3
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import field
from datetime import datetime, timedelta
from pathlib import Path

from engine.errors import HeadraceError
from engine.invocation.event import AsyncEvent
from engine.mapping.source import StreamSource
from engine.value import dataclass
from headrace.simulator import Simulator
from tests.simulation.changes import pause, reshard
from tests.simulation.records import Tokens
from tests.simulation.scenario import Give, Item, MoveBack, Pause, Reshard, Scenario, Step
from triggers.kinesis.limits import RecordEntry
from triggers.sqs.message import OutgoingMessage

DATABASE, INBOX = "entries.db", "inbox"  # below the folder of the configuration
TABLE = "CREATE TABLE entries (key TEXT PRIMARY KEY, token TEXT, wanted TEXT)"
WRITE = "INSERT OR REPLACE INTO entries (key, token, wanted) VALUES (?, ?, ?)"


@dataclass(slots=True)
class Notes:
    """What clients know of their items, by token.

    `accepted` says when the simulator confirmed it and `asked` when it was asked to take it; `places` are
    shard and sequence number of records. Dead-letter queues that were `moved_back` may have been emptied.
    """

    asked: dict[str, datetime] = field(default_factory=dict)
    accepted: dict[str, datetime] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    uncertain: set[str] = field(default_factory=set)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    moved_back: set[str] = field(default_factory=set)


class Clients:
    """Run them beside each simulator of a simulation."""

    def __init__(self, scenario: Scenario, folder: Path, began: datetime) -> None:
        self.notes = Notes()
        self._scenario = scenario
        self._folder = folder
        self._began = began
        self._tokens = Tokens(scenario.items)
        self._steps: defaultdict[str, deque[Step]] = defaultdict(deque)
        for step in scenario.steps:
            self._steps[step.client].append(step)
        self._under_way = 0

    def is_done(self) -> bool:
        """Say whether every step is taken."""
        return not self._under_way and not any(self._steps.values())

    async def run(self, simulator: Simulator) -> None:
        """Take the steps that are left."""
        await self._find_records(simulator)
        async with asyncio.TaskGroup() as group:
            for steps in self._steps.values():
                group.create_task(self._act(steps, simulator))

    async def _act(self, steps: deque[Step], simulator: Simulator) -> None:
        while steps:
            await simulator.clock.sleep_until(self._began + steps[0].at)
            step = steps.popleft()
            self._under_way += 1
            try:
                for _ in range(step.turns):
                    await asyncio.sleep(0)
                match step.act:
                    case Give():
                        await self._give(step.act, simulator)
                    case Reshard():
                        await reshard(step.act, simulator)
                    case MoveBack():
                        await self._move_back(step.act, simulator)
                    case Pause():
                        await pause(step.act, simulator)
            finally:
                self._under_way -= 1

    async def _give(self, give: Give, simulator: Simulator) -> None:
        notes, tokens = self.notes, [item.token for item in give.items]
        notes.asked.update(dict.fromkeys(tokens, simulator.clock.now()))
        notes.uncertain.update(tokens)
        kind, _, name = give.items[0].place.partition(".")
        try:
            await getattr(self, f"_give_{kind}")(name, give, simulator)
        except (HeadraceError, OSError) as error:
            for token in notes.uncertain.intersection(tokens):
                notes.refused[token] = str(error)
            notes.uncertain.difference_update(tokens)

    def _note_accepted(self, items: Sequence[Item], moment: datetime) -> None:
        for item in items:
            self.notes.accepted[item.token] = moment
            self.notes.uncertain.discard(item.token)

    async def _give_queues(self, name: str, give: Give, simulator: Simulator) -> None:
        is_fifo = name.endswith(".fifo")
        delay = None if give.delay is None else timedelta(seconds=give.delay)
        messages = [
            OutgoingMessage(item.text(), delay=delay, group_id=item.key if is_fifo else None)
            for item in give.items
        ]
        await simulator.channels.queues[name].send(messages)
        self._note_accepted(give.items, simulator.clock.now())

    async def _give_streams(self, name: str, give: Give, simulator: Simulator) -> None:
        entries = [RecordEntry(item.text().encode(), item.key) for item in give.items]
        results = await simulator.channels.streams[name].put_records(entries)
        self._note_accepted(give.items, simulator.clock.now())
        for item, result in zip(give.items, results, strict=True):
            self.notes.places[item.token] = result.shard_id, int(result.sequence_number)

    async def _give_tables(self, name: str, give: Give, simulator: Simulator) -> None:
        rows = [(item.key, item.token, "yes" if item.is_wanted else "no") for item in give.items]
        with closing(sqlite3.connect(self._folder / DATABASE, isolation_level=None)) as connection:
            for row in rows:
                connection.execute(WRITE, row)
        self._note_accepted(give.items, simulator.clock.now())
        table = simulator.sources.tables[name]
        await table.look()
        await self._find_in(table)

    async def _give_buckets(self, name: str, give: Give, simulator: Simulator) -> None:
        bucket = simulator.sources.buckets[name]
        if give.as_files:
            for item in give.items:
                (self._folder / INBOX / file_name(item)).write_text(item.text())
            self._note_accepted(give.items, simulator.clock.now())
            await bucket.look()
            return
        for item in give.items:
            upload = bucket.begin_upload(item.key)
            try:
                upload.write(item.text().encode())
                await bucket.put(item.key, upload)
            finally:
                upload.discard()
            self._note_accepted([item], simulator.clock.now())

    async def _give_functions(self, name: str, give: Give, simulator: Simulator) -> None:
        for item in give.items:
            await simulator.events.accept(AsyncEvent(name, item.text().encode(), request_id=item.token))
            self._note_accepted([item], simulator.clock.now())

    async def _move_back(self, act: MoveBack, simulator: Simulator) -> None:
        self.notes.moved_back.add(act.place)
        with suppress(HeadraceError):  # the store was busy; nobody insists
            await simulator.channels.queues[act.place.removeprefix("queues.")].move_back()

    async def _find_records(self, simulator: Simulator) -> None:
        """Find the places of records that nobody was told of."""
        for stream in simulator.channels.streams.values():
            await self._find_in(stream)
        for name in simulator.sources.tables:
            await self._find_in(simulator.sources.tables[name])

    async def _find_in(self, source: StreamSource) -> None:
        for shard in await source.shards():
            for record in (await source.read(shard.shard_id, 0, 10_000)).records:
                token = self._tokens.of_stream_record(record.record).token
                self.notes.places[token] = shard.shard_id, int(record.sequence_number)


def file_name(item: Item) -> str:
    """Return the key of an object that is written as a file: nobody else writes it."""
    return f"file-{item.token}"
