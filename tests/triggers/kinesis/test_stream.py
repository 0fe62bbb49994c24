"""Putting records into a stream and reading them from its shards."""

import asyncio
import base64
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.arn import Account
from engine.clock import VIRTUAL_START, Clock, run, running_clock
from engine.errors import StoreFull, ValidationFailed
from engine.feed import Fact, Feed, Notice
from engine.mapping.source import StartingPosition, StreamSource
from engine.store.database import Store
from triggers.kinesis.errors import InvalidArgument, ShardNotFound
from triggers.kinesis.limits import RecordEntry
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.stream import Stream

ACCOUNT = Account("123456789012", "eu-west-1")
SHARD = "shardId-000000000000"
MEGABYTE = 1024 * 1024
DAY = 86_400  # seconds
ONE_SHARD = StreamProperties()

MakeStream = Callable[..., Awaitable[Stream]]


@pytest.fixture
def make_stream(store: Store, clock: Clock, feed: Feed) -> MakeStream:
    async def make(properties: StreamProperties = ONE_SHARD, name: str = "clicks") -> Stream:
        stream = Stream(name, properties, ACCOUNT, store, clock, feed)
        await stream.open()
        return stream

    return make


@pytest.fixture
async def stream(make_stream: MakeStream) -> Stream:
    return await make_stream()


async def read_all(stream: Stream, shard_id: str, after: int) -> list[bytes]:
    data = []
    while records := (await stream.read(shard_id, after, 3)).records:
        data += [base64.b64decode(each.record["kinesis"]["data"]) for each in records]
        after = records[-1].position
    return data


async def count_records(store: Store) -> int:
    count: int = await store.read(
        lambda connection: connection.execute("SELECT count(*) FROM kinesis_records").fetchone()[0]
    )
    return count


async def test_a_put_record_is_read_as_lambda_shows_it(stream: Stream) -> None:
    source: StreamSource = stream
    result = await stream.put_record(RecordEntry(b"hello", "test_0"))
    page = await source.read(SHARD, after=0, limit=10)
    (record,) = page.records
    assert record.record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "test_0",
            "sequenceNumber": result.sequence_number,
            "data": base64.b64encode(b"hello").decode(),
            "approximateArrivalTimestamp": 1767225600.0,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{SHARD}:{result.sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "eu-west-1",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks",
    }
    assert not page.ended


async def test_records_of_a_shard_are_read_in_the_order_they_were_put(stream: Stream) -> None:
    await stream.put_records([RecordEntry(b"%d" % number, f"key-{number}") for number in range(5)])
    first = await stream.read(SHARD, after=0, limit=3)
    second = await stream.read(SHARD, first.records[-1].position, limit=3)
    records = [*first.records, *second.records]
    assert [base64.b64decode(each.record["kinesis"]["data"]) for each in records] == [
        b"0",
        b"1",
        b"2",
        b"3",
        b"4",
    ]
    assert [int(each.sequence_number) for each in records] == sorted(int(r.sequence_number) for r in records)
    assert [each.key for each in records] == [f"key-{number}" for number in range(5)]
    assert [each.arrived_at for each in records] == [VIRTUAL_START] * 5


async def test_results_name_shard_and_sequence_number_of_each_record(make_stream: MakeStream) -> None:
    stream = await make_stream(StreamProperties(shards=4))
    results = await stream.put_records([RecordEntry(b"", f"key-{number}") for number in range(20)])
    read = {
        record.sequence_number: shard.shard_id
        for shard in await stream.shards()
        for record in (await stream.read(shard.shard_id, 0, 100)).records
    }
    assert read == {result.sequence_number: result.shard_id for result in results}
    assert len(set(read.values())) == 4


async def test_records_of_one_key_share_a_shard(make_stream: MakeStream) -> None:
    stream = await make_stream(StreamProperties(shards=50))
    results = await stream.put_records([RecordEntry(b"", "same")] * 10)
    assert len({result.shard_id for result in results}) == 1


async def test_an_explicit_hash_key_decides_instead_of_the_partition_key(make_stream: MakeStream) -> None:
    stream = await make_stream(StreamProperties(shards=2))
    entries = [RecordEntry(b"", "same", "0"), RecordEntry(b"", "same", str(2**127))]
    results = await stream.put_records(entries)
    assert [result.shard_id for result in results] == [SHARD, "shardId-000000000001"]


async def test_conformance_cases_are_put_into_the_shard_they_name(
    make_stream: MakeStream, shared: Path
) -> None:
    wrong = []
    for line in (shared / "cases" / "kinesis_routing.jsonl").read_bytes().splitlines():
        case = orjson.loads(line)
        shards = case["shard_count"]
        stream = await make_stream(StreamProperties(shards=shards), name=f"{shards}-shards")
        entry = RecordEntry(b"", case.get("partition_key", "any"), case.get("explicit_hash_key"))
        result = await stream.put_record(entry)
        if result.shard_id != f"shardId-{case['shard_index']:012d}":
            wrong.append(case["id"])
    assert not wrong


async def test_what_is_refused_leaves_nothing_behind(stream: Stream) -> None:
    with pytest.raises(ValidationFailed):
        await stream.put_records([RecordEntry(b"", "k"), RecordEntry(bytes(2**20), "k")])
    assert (await stream.read(SHARD, 0, 10)).records == []


async def test_a_page_ends_at_about_ten_megabytes(make_stream: MakeStream) -> None:
    stream = await make_stream(StreamProperties(max_record_bytes=10 * MEGABYTE))
    for _ in range(3):
        await stream.put_record(RecordEntry(bytes(6 * MEGABYTE), "k"))
    page = await stream.read(SHARD, 0, 100)
    assert len(page.records) == 2
    rest = await stream.read(SHARD, page.records[-1].position, 100)
    assert len(rest.records) == 1


@pytest.mark.parametrize("number", ["7", "9" * 56, ""])
async def test_a_number_for_ordering_that_was_never_given_out_is_refused(stream: Stream, number: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^ExclusiveMinimumSequenceNumber .* on stream clicks under"):
        await stream.put_record(RecordEntry(b"", "k"), sequence_number_for_ordering=number)


async def test_a_record_comes_after_the_one_it_is_ordered_by(stream: Stream) -> None:
    first = await stream.put_record(RecordEntry(b"", "k"))
    second = await stream.put_record(
        RecordEntry(b"", "k"), sequence_number_for_ordering=first.sequence_number
    )
    assert int(second.sequence_number) > int(first.sequence_number)


async def test_listeners_hear_of_each_put_once_it_can_be_read(stream: Stream) -> None:
    heard: list[str] = []
    stream.listen(lambda: heard.append("one"))
    forget = stream.listen(lambda: heard.append("other"))
    await stream.put_record(RecordEntry(b"", "k"))
    forget()
    await stream.put_record(RecordEntry(b"", "k"))
    assert heard == ["one", "other", "one"]


async def test_a_reader_is_woken_without_time_passing(stream: Stream, clock: Clock) -> None:
    woken = asyncio.Event()
    stream.listen(woken.set)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(woken.wait())
        await stream.put_record(RecordEntry(b"", "k"))
        await waiting
    assert clock.now() == VIRTUAL_START


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(StartingPosition("TRIM_HORIZON"), [b"0", b"1", b"2", b"3"], id="trim horizon: all"),
        pytest.param(StartingPosition("LATEST"), [b"3"], id="latest: what is put later"),
        pytest.param(
            StartingPosition("AT_TIMESTAMP", VIRTUAL_START + timedelta(seconds=10)),
            [b"1", b"2", b"3"],
            id="at timestamp: that moment included",
        ),
        pytest.param(
            StartingPosition("AT_TIMESTAMP", VIRTUAL_START + timedelta(seconds=10.001)),
            [b"2", b"3"],
            id="at timestamp: a moment later",
        ),
        pytest.param(
            StartingPosition("AT_TIMESTAMP", VIRTUAL_START - timedelta(days=3)),
            [b"0", b"1", b"2", b"3"],
            id="at timestamp: before the stream",
        ),
        pytest.param(
            StartingPosition("AT_TIMESTAMP", VIRTUAL_START + timedelta(days=3)),
            [b"3"],
            id="at timestamp: after the newest",
        ),
    ],
)
async def test_where_a_reader_starts(stream: Stream, at: StartingPosition, expected: list[bytes]) -> None:
    for number in range(3):
        await stream.put_record(RecordEntry(b"%d" % number, "k"))
        await asyncio.sleep(10)
    position = await stream.start(SHARD, at)
    await stream.put_record(RecordEntry(b"3", "k"))
    assert await read_all(stream, SHARD, position) == expected


@given(arrivals=st.lists(st.integers(0, 3), max_size=40), moment=st.integers(0, 130))
@settings(deadline=None, max_examples=50)
def test_at_timestamp_finds_the_first_record_of_its_shard(arrivals: list[int], moment: int) -> None:
    async def check() -> None:
        clock = running_clock()
        async with Store(None, clock) as store:
            stream = Stream("clicks", StreamProperties(shards=2), ACCOUNT, store, clock, Feed())
            await stream.open()
            expected, since = [], 0
            for number, pause in enumerate(arrivals):
                await asyncio.sleep(pause)
                since += pause
                await stream.put_record(RecordEntry(b"%d" % number, f"key-{number}"))
                expected += [b"%d" % number] if since >= moment else []
            at = StartingPosition("AT_TIMESTAMP", VIRTUAL_START + timedelta(seconds=moment))
            found = [
                data
                for shard in await stream.shards()
                for data in await read_all(stream, shard.shard_id, await stream.start(shard.shard_id, at))
            ]
        assert sorted(found, key=int) == expected

    run(check(), virtual_from=VIRTUAL_START)


async def test_an_unknown_shard_is_refused_in_the_words_of_aws(stream: Stream) -> None:
    text = "Could not find shard shardId-000000000009 in stream clicks under account 123456789012."
    for asked in (
        stream.start("shardId-000000000009", StartingPosition("LATEST")),
        stream.read("shardId-000000000009", 0, 10),
        stream.split_shard("shardId-000000000009", 5),
    ):
        with pytest.raises(ShardNotFound) as caught:
            await asked
        assert str(caught.value) == text


async def test_positions_go_on_after_a_restart_even_when_all_has_expired(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    async with Store(tmp_path / "headrace.db", clock) as store:
        stream = Stream("clicks", StreamProperties(), ACCOUNT, store, clock, feed)
        await stream.open()
        await stream.put_record(RecordEntry(b"old", "k"))
        (old,) = (await stream.read(SHARD, 0, 10)).records
        await asyncio.sleep(2 * DAY)
        await stream.shards()
    async with Store(tmp_path / "headrace.db", clock) as store:
        assert await count_records(store) == 0
        stream = Stream("clicks", StreamProperties(), ACCOUNT, store, clock, feed)
        await stream.open()
        await stream.put_record(RecordEntry(b"new", "k"))
        assert await read_all(stream, SHARD, old.position) == [b"new"]


async def test_streams_in_one_store_do_not_mix(make_stream: MakeStream) -> None:
    one, other = await make_stream(), await make_stream(name="other")
    await one.put_record(RecordEntry(b"one", "k"))
    await other.put_record(RecordEntry(b"other", "k"))
    assert await read_all(one, SHARD, 0) == [b"one"]
    assert await read_all(other, SHARD, 0) == [b"other"]


async def test_what_is_older_than_the_retention_period_is_not_read(stream: Stream) -> None:
    await stream.put_record(RecordEntry(b"old", "k"))
    await asyncio.sleep(DAY - 1)
    await stream.put_record(RecordEntry(b"new", "k"))
    assert await read_all(stream, SHARD, 0) == [b"old", b"new"]
    await asyncio.sleep(2)
    assert await read_all(stream, SHARD, 0) == [b"new"]


async def test_what_has_expired_is_deleted_by_later_puts(stream: Stream, store: Store) -> None:
    for _ in range(24):
        await stream.put_records([RecordEntry(b"old", "k")] * 500)
    await asyncio.sleep(2 * DAY)
    for _ in range(3):
        assert await count_records(store) > 500
        await stream.put_record(RecordEntry(b"new", "k"))
    assert await count_records(store) == 3
    assert await read_all(stream, SHARD, 0) == [b"new"] * 3


async def test_a_longer_retention_keeps_records(stream: Stream) -> None:
    await stream.put_record(RecordEntry(b"old", "k"))
    await stream.set_retention(timedelta(hours=72))
    await asyncio.sleep(2 * DAY)
    assert await read_all(stream, SHARD, 0) == [b"old"]
    await stream.set_retention(timedelta(hours=24))
    assert await read_all(stream, SHARD, 0) == []


async def test_a_retention_that_was_set_stays_until_the_configuration_changes(
    make_stream: MakeStream,
) -> None:
    await (await make_stream()).set_retention(timedelta(hours=72))
    assert (await make_stream()).retention == timedelta(hours=72)
    changed = StreamProperties(retention=timedelta(hours=48))
    assert (await make_stream(changed)).retention == timedelta(hours=48)
    assert (await make_stream(changed)).retention == timedelta(hours=48)


async def test_stored_shards_stay_when_the_configuration_has_another_number(
    make_stream: MakeStream, feed: Feed
) -> None:
    facts: list[Fact] = []
    feed.tap(facts.append)
    await make_stream(StreamProperties(shards=2))
    assert facts == []
    stream = await make_stream(StreamProperties(shards=3))
    assert len(await stream.shards()) == 2
    (notice,) = facts
    assert isinstance(notice, Notice)
    assert notice.place == "streams.clicks"
    assert "keeps its 2 open shards, although the configuration says `shards = 3`" in notice.text


async def test_a_full_store_refuses_the_put_and_serves_readers(stream: Stream, store: Store) -> None:
    await stream.put_record(RecordEntry(b"kept", "k"))

    def limit_pages(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    await store.read(limit_pages)
    with pytest.raises(StoreFull):
        await stream.put_record(RecordEntry(bytes(MEGABYTE - 1), "k"))
    assert await read_all(stream, SHARD, 0) == [b"kept"]
