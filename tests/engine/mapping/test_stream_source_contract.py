"""What a mapping relies on in a stream, held against the fake and against a Kinesis stream."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.mapping.source import StartingPosition, StreamSource
from engine.store.database import Store
from tests.fakes.scripted_stream import ONLY_SHARD, ScriptedStream
from triggers.kinesis.limits import RecordEntry
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.stream import Stream

OLDEST, NEWEST = StartingPosition("TRIM_HORIZON"), StartingPosition("LATEST")
CHILD = "shardId-000000000001"


class Driver(Protocol):
    """Puts records into the stream under test, and splits its first shard."""

    @property
    def source(self) -> StreamSource: ...

    async def put(self, text: str) -> None: ...

    async def split(self) -> None: ...


class FakeDriver:
    def __init__(self, clock: Clock) -> None:
        self.source: ScriptedStream = ScriptedStream(clock)
        self.open = ONLY_SHARD

    async def put(self, text: str) -> None:
        self.source.put(text, shard=self.open)

    async def split(self) -> None:
        self.source.close(ONLY_SHARD, CHILD)
        self.open = CHILD


class KinesisDriver:
    def __init__(self, stream: Stream) -> None:
        self.source: Stream = stream

    async def put(self, text: str) -> None:
        await self.source.put_record(RecordEntry(text.encode(), "k", "0"))

    async def split(self) -> None:
        await self.source.split_shard(ONLY_SHARD, 2**127)


@pytest.fixture(params=["fake", "kinesis"])
async def driver(request: pytest.FixtureRequest, clock: Clock, store: Store, feed: Feed) -> Driver:
    if request.param == "fake":
        return FakeDriver(clock)
    properties = StreamProperties(1, timedelta(hours=24), 1024 * 1024)
    stream = Stream("clicks", properties, Account(), store, clock, feed)
    await stream.open()
    return KinesisDriver(stream)


def counter(source: StreamSource) -> tuple[list[None], Callable[[], None]]:
    rung: list[None] = []
    return rung, source.listen(lambda: rung.append(None))


async def test_a_shard_is_read_in_order_from_any_place(driver: Driver, clock: Clock) -> None:
    for text in "abc":
        await driver.put(text)
    source = driver.source
    after = await source.start(ONLY_SHARD, OLDEST)
    page = await source.read(ONLY_SHARD, after, 2)
    positions = [record.position for record in page.records]
    assert (len(positions), page.ended) == (2, False)
    assert positions == sorted(positions)
    rest = await source.read(ONLY_SHARD, positions[-1], 2)
    assert [record.position > positions[-1] for record in rest.records] == [True]
    assert (await source.read(ONLY_SHARD, rest.records[0].position, 2)).records in ([], ())
    again = await source.read(ONLY_SHARD, positions[0] - 1, 1)
    assert again.records[0].sequence_number == page.records[0].sequence_number
    assert page.records[0].arrived_at == clock.now()


async def test_latest_and_a_timestamp_are_places_between_records(driver: Driver, clock: Clock) -> None:
    await driver.put("a")
    await clock.sleep_until(clock.now() + timedelta(seconds=1))
    moment = clock.now()
    await driver.put("b")
    source = driver.source
    newest = await source.start(ONLY_SHARD, NEWEST)
    await driver.put("c")
    counts = [
        len((await source.read(ONLY_SHARD, after, 10)).records)
        for after in (newest, await source.start(ONLY_SHARD, StartingPosition("AT_TIMESTAMP", moment)))
    ]
    assert counts == [1, 2]


async def test_a_closed_shard_ends_with_its_last_page_and_its_children_are_there(driver: Driver) -> None:
    await driver.put("a")
    await driver.put("b")
    assert [shard.parents for shard in await driver.source.shards()] == [()]
    await driver.split()
    pages = [await driver.source.read(ONLY_SHARD, 0, limit) for limit in (1, 2)]
    assert [page.ended for page in pages] == [False, True]
    shards = await driver.source.shards()
    assert shards[0].shard_id == ONLY_SHARD
    assert {shard.parents for shard in shards[1:]} == {(ONLY_SHARD,)}
    await driver.put("c")
    assert len((await driver.source.read(CHILD, await driver.source.start(CHILD, OLDEST), 10)).records) == 1


async def test_whoever_listens_hears_of_records_and_of_shards(driver: Driver) -> None:
    rung, end = counter(driver.source)
    await driver.put("a")
    assert len(rung) == 1
    await driver.split()
    assert len(rung) == 2
    end()
    await driver.put("b")
    assert len(rung) == 2
