"""Shard iterators and GetRecords."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from engine.arn import Account
from engine.clock import VIRTUAL_START, Clock
from engine.feed import Feed
from engine.store.database import Store
from triggers.kinesis.errors import ExpiredIterator, InvalidArgument, ShardNotFound
from triggers.kinesis.iterator import (
    IteratorType,
    RecordsRead,
    ShardIterator,
    decode,
    encode,
    get_records,
    shard_iterator,
)
from triggers.kinesis.limits import RecordEntry
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.routing import HASH_KEYS
from triggers.kinesis.sequence_number import SequenceNumber
from triggers.kinesis.stream import Stream

ACCOUNT = Account("123456789012", "eu-west-1")
DAY = 86_400  # seconds


@pytest.fixture
async def stream(store: Store, clock: Clock, feed: Feed) -> Stream:
    stream = Stream("clicks", StreamProperties(), ACCOUNT, store, clock, feed)
    await stream.open()
    return stream


async def iterator(stream: Stream, clock: Clock, kind: IteratorType = "TRIM_HORIZON", **more: Any) -> str:
    return await shard_iterator(stream, stream.all_shards[0], kind, clock, **more)


async def get(stream: Stream, clock: Clock, token: str, limit: int = 100) -> RecordsRead:
    return await get_records(stream, decode(token), limit, clock)


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        pytest.param("TRIM_HORIZON", {}, [b"0", b"1", b"2", b"3"], id="trim horizon"),
        pytest.param("LATEST", {}, [b"3"], id="latest"),
        pytest.param("AT_SEQUENCE_NUMBER", {"sequence_number": 1}, [b"1", b"2", b"3"], id="at a number"),
        pytest.param("AFTER_SEQUENCE_NUMBER", {"sequence_number": 1}, [b"2", b"3"], id="after a number"),
        pytest.param(
            "AT_TIMESTAMP",
            {"timestamp": VIRTUAL_START + timedelta(seconds=20)},
            [b"2", b"3"],
            id="at a timestamp",
        ),
    ],
)
async def test_where_an_iterator_begins(
    stream: Stream, clock: Clock, kind: IteratorType, arguments: dict[str, Any], expected: list[bytes]
) -> None:
    numbers = []
    for number in range(3):
        numbers.append((await stream.put_record(RecordEntry(b"%d" % number, "k"))).sequence_number)
        await asyncio.sleep(10)
    if "sequence_number" in arguments:
        arguments = {"sequence_number": numbers[arguments["sequence_number"]]}
    token = await iterator(stream, clock, kind, **arguments)
    await stream.put_record(RecordEntry(b"3", "k"))
    assert [record.data for record in (await get(stream, clock, token)).records] == expected


async def test_starting_and_ending_sequence_numbers_are_places_too(stream: Stream, clock: Clock) -> None:
    await stream.put_record(RecordEntry(b"0", "k"))
    await stream.split_shard(stream.all_shards[0].shard_id, HASH_KEYS // 2)
    parent = stream.all_shards[0]
    assert parent.ending_sequence_number is not None
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        first = await iterator(stream, clock, kind, sequence_number=parent.starting_sequence_number)
        assert [record.data for record in (await get(stream, clock, first)).records] == [b"0"]
        last = await iterator(stream, clock, kind, sequence_number=parent.ending_sequence_number)
        assert (await get(stream, clock, last)).next_iterator is None


async def test_a_record_is_shown_with_number_arrival_data_and_key(stream: Stream, clock: Clock) -> None:
    result = await stream.put_record(RecordEntry(b"\x00\xff", "kéy"))
    (record,) = (await get(stream, clock, await iterator(stream, clock))).records
    assert record.sequence_number == result.sequence_number
    assert record.arrived_at == VIRTUAL_START
    assert (record.data, record.partition_key) == (b"\x00\xff", "kéy")


async def test_the_next_iterator_goes_on_where_the_last_one_ended(stream: Stream, clock: Clock) -> None:
    await stream.put_records([RecordEntry(b"%d" % number, "k") for number in range(5)])
    token: str | None = await iterator(stream, clock)
    pages = []
    for _ in range(3):
        assert token is not None
        read = await get(stream, clock, token, limit=2)
        pages.append([record.data for record in read.records])
        token = read.next_iterator
    assert pages == [[b"0", b"1"], [b"2", b"3"], [b"4"]]


async def test_it_says_how_far_behind_the_reader_is(stream: Stream, clock: Clock) -> None:
    await stream.put_record(RecordEntry(b"0", "k"))
    await asyncio.sleep(3)
    await stream.put_record(RecordEntry(b"1", "k"))
    await asyncio.sleep(7)
    first = await get(stream, clock, await iterator(stream, clock), limit=1)
    assert first.millis_behind_latest == 7000
    assert first.next_iterator is not None
    assert (await get(stream, clock, first.next_iterator)).millis_behind_latest == 0


async def test_a_shard_that_has_ended_names_its_children(stream: Stream, clock: Clock) -> None:
    await stream.put_records([RecordEntry(b"", "k")] * 2)
    token = await iterator(stream, clock)
    await stream.split_shard(stream.all_shards[0].shard_id, HASH_KEYS // 2)
    partial = await get(stream, clock, token, limit=1)
    assert partial.next_iterator is not None
    assert partial.children == ()
    end = await get(stream, clock, partial.next_iterator)
    assert end.next_iterator is None
    assert [shard.number for shard in end.children] == [1, 2]


async def test_an_iterator_lives_for_five_minutes(stream: Stream, clock: Clock) -> None:
    token = await iterator(stream, clock)
    await asyncio.sleep(300)
    read = await get(stream, clock, token)
    assert read.next_iterator is not None
    await asyncio.sleep(1)
    with pytest.raises(ExpiredIterator) as caught:
        await get(stream, clock, token)
    assert str(caught.value) == (
        "Iterator expired. The iterator was created at time Thu Jan 01 00:00:00 UTC 2026 while right now it "
        "is Thu Jan 01 00:05:01 UTC 2026 which is further in the future than the tolerated delay of 300000 "
        "milliseconds."
    )
    assert (await get(stream, clock, read.next_iterator)).records == []


async def test_an_iterator_into_a_forgotten_shard_is_refused(stream: Stream, clock: Clock) -> None:
    await stream.split_shard(stream.all_shards[0].shard_id, HASH_KEYS // 2)
    await asyncio.sleep(DAY + 1)
    token = await iterator(stream, clock)
    await stream.shards()
    with pytest.raises(ShardNotFound):
        await get(stream, clock, token)


@pytest.mark.parametrize(
    ("kind", "arguments", "text"),
    [
        pytest.param(
            "AT_SEQUENCE_NUMBER",
            {},
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber "
            "or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
            "Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber.",
            id="a number is missing",
        ),
        pytest.param(
            "LATEST",
            {"sequence_number": "1"},
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber "
            "or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
            "Request specified LATEST and also a StartingSequenceNumber.",
            id="a number too many",
        ),
        pytest.param(
            "AT_TIMESTAMP",
            {},
            "Must specify timestamp parameter for iterator of type AT_TIMESTAMP.",
            id="a timestamp is missing",
        ),
        pytest.param(
            "LATEST",
            {"timestamp": VIRTUAL_START},
            "Timestamp is only for iterators of type AT_TIMESTAMP, not LATEST.",
            id="a timestamp too many",
        ),
        pytest.param(
            "AT_SEQUENCE_NUMBER",
            {"sequence_number": "12"},
            "StartingSequenceNumber 12 used in GetShardIterator on shard shardId-000000000000 in stream "
            "clicks under account 123456789012 is invalid.",
            id="no sequence number",
        ),
        pytest.param(
            "AT_SEQUENCE_NUMBER",
            {"sequence_number": str(SequenceNumber(1767225600, 7, 1, 1767225600))},
            "Invalid StartingSequenceNumber. It encodes shardId-000000000007, while it was used in a call to "
            "a shard with shardId-000000000000",
            id="the number of another shard",
        ),
        pytest.param(
            "AT_SEQUENCE_NUMBER",
            {"sequence_number": str(SequenceNumber(1, 0, 1, 1767225600))},
            f"StartingSequenceNumber {SequenceNumber(1, 0, 1, 1767225600)} used in GetShardIterator on shard "
            "shardId-000000000000 in stream clicks under account 123456789012 is invalid because it did not "
            "come from this stream.",
            id="the number of another stream",
        ),
    ],
)
async def test_arguments_that_do_not_go_together_are_refused(
    stream: Stream, clock: Clock, kind: IteratorType, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await iterator(stream, clock, kind, **arguments)
    assert str(caught.value) == text


def test_an_iterator_comes_back_from_its_text() -> None:
    place = ShardIterator("clicks", 3, 12345, VIRTUAL_START)
    assert decode(encode(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "bm90IGpzb24=",
        "W10=",
        "WyJhIiwxLDIsIngiXQ==",
        "WzEsMSwyLDNd",
        "WyJhIiwxLDE4NDQ2NzQ0MDczNzA5NTUxNjE1LDNd",
        "ü",
    ],
)
def test_what_is_no_iterator_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^Invalid ShardIterator\.$"):
        decode(text)
