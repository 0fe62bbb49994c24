"""Splitting and merging shards, and reading across it."""

import asyncio
import base64
import sqlite3
from collections import defaultdict
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.arn import Account
from engine.clock import VIRTUAL_START, Clock, run, running_clock
from engine.feed import Feed
from engine.mapping.source import Shard, StartingPosition
from engine.store.database import Store
from triggers.kinesis.errors import InvalidArgument
from triggers.kinesis.limits import RecordEntry
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.resharding import merge, split
from triggers.kinesis.routing import HASH_KEYS, HashKeyRange
from triggers.kinesis.stream import Stream

ACCOUNT = Account("123456789012", "eu-west-1")
FIRST, SECOND, THIRD, FOURTH = (f"shardId-{number:012d}" for number in range(4))
MIDDLE = HASH_KEYS // 2
DAY = 86_400  # seconds

MakeStream = Callable[[int], Awaitable[Stream]]


@pytest.fixture
def make_stream(store: Store, clock: Clock, feed: Feed) -> MakeStream:
    async def make(shards: int) -> Stream:
        stream = Stream("clicks", StreamProperties(shards=shards), ACCOUNT, store, clock, feed)
        await stream.open()
        return stream

    return make


@pytest.mark.parametrize(
    ("first", "children"),
    [
        pytest.param(12, (HashKeyRange(10, 11), HashKeyRange(12, 20)), id="two above the first"),
        pytest.param(15, (HashKeyRange(10, 14), HashKeyRange(15, 20)), id="in the middle"),
        pytest.param(19, (HashKeyRange(10, 18), HashKeyRange(19, 20)), id="one below the last"),
    ],
)
def test_a_split_divides_the_hash_keys(first: int, children: tuple[HashKeyRange, HashKeyRange]) -> None:
    assert split(HashKeyRange(10, 20), first, "shard") == children


@pytest.mark.parametrize("first", [9, 10, 11, 20, 21])
def test_a_split_leaves_no_child_with_less_than_two_hash_keys(first: int) -> None:
    with pytest.raises(InvalidArgument) as caught:
        split(HashKeyRange(10, 20), first, "shard S in stream T under account A")
    assert str(caught.value) == (
        f"NewStartingHashKey {first} used in SplitShard() on shard S in stream T under account A is not both "
        "greater than one plus the shard's StartingHashKey 10 and less than the shard's EndingHashKey 20."
    )


@pytest.mark.parametrize(
    ("one", "other", "child"),
    [
        pytest.param(HashKeyRange(0, 4), HashKeyRange(5, 9), HashKeyRange(0, 9), id="side by side"),
        pytest.param(HashKeyRange(5, 9), HashKeyRange(0, 4), HashKeyRange(0, 9), id="the upper one first"),
        pytest.param(HashKeyRange(0, 4), HashKeyRange(6, 9), None, id="with a gap"),
        pytest.param(HashKeyRange(0, 4), HashKeyRange(0, 4), None, id="a shard with itself"),
    ],
)
def test_only_neighbours_merge(one: HashKeyRange, other: HashKeyRange, child: HashKeyRange | None) -> None:
    assert merge(one, other) == child


async def test_a_split_closes_the_parent_and_opens_two_children(make_stream: MakeStream) -> None:
    stream = await make_stream(1)
    await stream.split_shard(FIRST, MIDDLE)
    assert await stream.shards() == [Shard(FIRST), Shard(SECOND, (FIRST,)), Shard(THIRD, (FIRST,))]
    parent, lower, upper = stream.all_shards
    assert not parent.is_open
    assert (lower.hash_keys, upper.hash_keys) == (
        HashKeyRange(0, MIDDLE - 1),
        HashKeyRange(MIDDLE, HASH_KEYS - 1),
    )
    assert parent.ending_sequence_number is not None
    assert int(parent.ending_sequence_number) < int(lower.starting_sequence_number)
    assert lower.ending_sequence_number is None


async def test_a_merge_closes_both_parents_and_opens_one_child(make_stream: MakeStream) -> None:
    stream = await make_stream(2)
    await stream.merge_shards(FIRST, SECOND)
    assert await stream.shards() == [Shard(FIRST), Shard(SECOND), Shard(THIRD, (FIRST, SECOND))]
    assert [shard.is_open for shard in stream.all_shards] == [False, False, True]
    assert stream.all_shards[2].hash_keys == HashKeyRange(0, HASH_KEYS - 1)


async def test_shards_that_do_not_lie_side_by_side_do_not_merge(make_stream: MakeStream) -> None:
    stream = await make_stream(3)
    with pytest.raises(InvalidArgument) as caught:
        await stream.merge_shards(FIRST, THIRD)
    assert str(caught.value) == (
        f"Shards {FIRST} and {THIRD} in stream clicks under account 123456789012 are not an adjacent pair of "
        "shards eligible for merging"
    )


async def test_a_closed_shard_is_neither_split_nor_merged(make_stream: MakeStream) -> None:
    stream = await make_stream(1)
    await stream.split_shard(FIRST, MIDDLE)
    with pytest.raises(InvalidArgument, match="is closed"):
        await stream.split_shard(FIRST, MIDDLE // 2)
    with pytest.raises(InvalidArgument, match="is closed"):
        await stream.merge_shards(FIRST, SECOND)


async def test_what_was_put_before_a_split_stays_in_the_parent(make_stream: MakeStream) -> None:
    stream = await make_stream(1)
    before = await stream.put_record(RecordEntry(b"before", "k"))
    await stream.split_shard(FIRST, MIDDLE)
    after = await stream.put_record(RecordEntry(b"after", "k"))
    assert before.shard_id == FIRST
    assert after.shard_id in (SECOND, THIRD)
    assert int(before.sequence_number) < int(after.sequence_number)


async def test_sequence_numbers_grow_through_many_splits_in_one_second(make_stream: MakeStream) -> None:
    stream = await make_stream(1)
    numbers = []
    for halvings in range(1, 21):
        result = await stream.put_record(RecordEntry(b"", "k", "0"))
        numbers.append(int(result.sequence_number))
        await stream.split_shard(result.shard_id, HASH_KEYS >> halvings)
    assert numbers == sorted(numbers)


async def test_a_closed_shard_ends_with_its_last_record(make_stream: MakeStream) -> None:
    stream = await make_stream(1)
    await stream.put_records([RecordEntry(b"", "k")] * 2)
    await stream.split_shard(FIRST, MIDDLE)
    assert not (await stream.read(FIRST, 0, 1)).ended
    assert (await stream.read(FIRST, 0, 2)).ended
    assert not (await stream.read(SECOND, 0, 10)).ended


async def test_a_put_asked_for_during_a_split_goes_to_a_child(make_stream: MakeStream) -> None:
    stream = await make_stream(1)
    results = await asyncio.gather(
        stream.put_record(RecordEntry(b"", "k")),
        stream.split_shard(FIRST, MIDDLE),
        stream.put_record(RecordEntry(b"", "k")),
        stream.split_shard(SECOND, MIDDLE // 2),
        stream.put_record(RecordEntry(b"", "k", "0")),
    )
    before, _, between, _, after = results
    assert before.shard_id == FIRST
    assert between.shard_id in (SECOND, THIRD)
    assert after.shard_id == FOURTH


async def test_listeners_hear_of_new_shards(make_stream: MakeStream) -> None:
    stream = await make_stream(1)
    heard: list[int] = []
    stream.listen(lambda: heard.append(len(stream.all_shards)))
    await stream.split_shard(FIRST, MIDDLE)
    assert heard == [3]


async def test_resharding_survives_a_restart(make_stream: MakeStream) -> None:
    stream = await make_stream(1)
    await stream.split_shard(FIRST, MIDDLE)
    await stream.merge_shards(SECOND, THIRD)
    again = await make_stream(1)
    assert again.all_shards == stream.all_shards


async def test_a_split_that_cannot_be_stored_changes_nothing(make_stream: MakeStream, store: Store) -> None:
    stream = await make_stream(1)

    def refuse_shards(connection: sqlite3.Connection) -> None:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON kinesis_shards BEGIN SELECT raise(ABORT, 'refused'); END"
        )

    await store.write(refuse_shards)
    with pytest.raises(sqlite3.IntegrityError, match="refused"):
        await stream.split_shard(FIRST, MIDDLE)
    assert (await stream.put_record(RecordEntry(b"", "k"))).shard_id == FIRST
    assert [shard.is_open for shard in (await make_stream(1)).all_shards] == [True]


async def test_the_latest_of_a_child_leaves_out_what_came_since_the_split(make_stream: MakeStream) -> None:
    stream = await make_stream(1)
    await stream.split_shard(FIRST, MIDDLE)
    await stream.put_records([RecordEntry(b"old", "k", "0")] * 3)
    latest = await stream.start(SECOND, StartingPosition("LATEST"))
    oldest = await stream.start(SECOND, StartingPosition("TRIM_HORIZON"))
    await stream.put_record(RecordEntry(b"new", "k", "0"))
    assert len((await stream.read(SECOND, latest, 10)).records) == 1
    assert len((await stream.read(SECOND, oldest, 10)).records) == 4


async def test_a_closed_shard_is_forgotten_when_its_records_have_expired(make_stream: MakeStream) -> None:
    stream = await make_stream(1)
    await stream.put_record(RecordEntry(b"", "k"))
    await stream.split_shard(FIRST, MIDDLE)
    await asyncio.sleep(DAY + 1)
    await stream.shards()
    await stream.shards()
    await asyncio.sleep(61)
    assert await stream.shards() == [Shard(SECOND), Shard(THIRD)]
    assert (await stream.read(FIRST, 0, 10)).ended
    await stream.split_shard(SECOND, MIDDLE // 2)
    assert [shard.shard_id for shard in await stream.shards()][2:] == [FOURTH, "shardId-000000000004"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 7)),
        st.tuples(st.just("split"), st.integers(0, 2**128 - 1)),
        st.tuples(st.just("merge"), st.integers(0, 2**128 - 1)),
    ),
    max_size=40,
)


async def reshard_where_possible(stream: Stream, kind: str, hash_key: int) -> None:
    """Split the shard of a hash key in its middle, or merge it with its upper neighbour."""
    opened = sorted(
        (shard for shard in stream.all_shards if shard.is_open), key=lambda shard: shard.hash_keys.first
    )
    index = next(i for i, shard in enumerate(opened) if hash_key <= shard.hash_keys.last)
    shard = opened[index]
    if kind == "split":
        await stream.split_shard(shard.shard_id, (shard.hash_keys.first + shard.hash_keys.last) // 2)
    elif index + 1 < len(opened):
        await stream.merge_shards(shard.shard_id, opened[index + 1].shard_id)


async def read_parents_first(stream: Stream) -> list[tuple[str, bytes]]:
    """Read as a mapping does: a shard once its parents have ended, each a few records at a time."""
    found, ended, after = [], set[str](), defaultdict[str, int](int)
    shards = await stream.shards()
    going_on = True
    while going_on:
        going_on = False
        for shard in shards:
            if shard.shard_id in ended or not ended.issuperset(shard.parents):
                continue
            page = await stream.read(shard.shard_id, after[shard.shard_id], 2)
            for record in page.records:
                found.append((record.key, base64.b64decode(record.record["kinesis"]["data"])))
                after[shard.shard_id] = record.position
            if page.ended:
                ended.add(shard.shard_id)
            going_on = going_on or page.ended or bool(page.records)
    return found


@given(STEPS)
@settings(deadline=None, max_examples=60)
def test_every_hash_key_has_one_open_shard_and_keys_keep_their_order(steps: list[tuple[str, int]]) -> None:
    async def check() -> None:
        clock = running_clock()
        async with Store(None, clock) as store:
            stream = Stream("clicks", StreamProperties(shards=2), ACCOUNT, store, clock, Feed())
            await stream.open()
            expected = defaultdict[str, list[bytes]](list)
            for number, (kind, value) in enumerate(steps):
                if kind == "put":
                    await stream.put_record(RecordEntry(b"%d" % number, f"key-{value}"))
                    expected[f"key-{value}"].append(b"%d" % number)
                else:
                    await reshard_where_possible(stream, kind, value)
                ranges = sorted(
                    (each.hash_keys.first, each.hash_keys.last) for each in stream.all_shards if each.is_open
                )
                assert [first for first, _ in ranges] == [0, *(last + 1 for _, last in ranges[:-1])]
                assert ranges[-1][1] == HASH_KEYS - 1
            found = defaultdict[str, list[bytes]](list)
            for key, data in await read_parents_first(stream):
                found[key].append(data)
            assert found == expected

    run(check(), virtual_from=VIRTUAL_START)
