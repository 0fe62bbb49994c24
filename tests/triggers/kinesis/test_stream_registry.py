"""Streams that come and go, in the real store."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.arn import Account
from engine.clock import Clock, VirtualTimeLoop, running_clock
from engine.errors import StoreFull
from engine.feed import Feed
from engine.store.database import Store
from triggers.kinesis import stream_registry
from triggers.kinesis.description import StreamDescription
from triggers.kinesis.errors import (
    ConsumerNotFound,
    InvalidArgument,
    LimitExceeded,
    ResourceInUse,
    StreamNotFound,
)
from triggers.kinesis.limits import RecordEntry
from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.routing import even_ranges
from triggers.kinesis.settings import StreamSettings
from triggers.kinesis.stream_registry import StreamRegistry

ACCOUNT = Account()
PLAIN = StreamDescription()
RECORD = RecordEntry(b"x", "k")


class Registries:
    """Opens registries on one store, one after the other as simulators do."""

    def __init__(self, store: Store, clock: Clock, feed: Feed) -> None:
        self.store, self.clock, self.feed = store, clock, feed

    async def open(self, **configured: Mapping[str, Any]) -> StreamRegistry:
        settings = {name: StreamSettings.model_validate(each) for name, each in configured.items()}
        registry = StreamRegistry({}, settings, ACCOUNT, self.store, self.clock, self.feed)
        await registry.open()
        return registry


@pytest.fixture
def registries(store: Store, clock: Clock, feed: Feed) -> Registries:
    return Registries(store, clock, feed)


async def test_a_stream_that_was_made_is_there_after_a_restart(registries: Registries) -> None:
    registry = await registries.open()
    description = StreamDescription("ON_DEMAND", 2048 * 1024, {"team": "a"}, "key", ["IncomingBytes"], "{}")
    made = await registry.create("made", StreamProperties(3), description)
    await made.put_record(RECORD)
    await made.set_retention(timedelta(hours=48))
    consumer = await registry.register(made, "reader", {"a": "b"})

    again = await registries.open()
    found = again.streams["made"]
    assert found.description == description
    assert found.max_record_bytes == 2048 * 1024
    assert found.retention == timedelta(hours=48)
    assert found.all_shards == made.all_shards
    assert found.created_at == made.created_at
    assert again.consumers(found) == [consumer]
    assert await found.latest_position() == 1


async def test_a_deleted_stream_goes_with_all_it_had(registries: Registries) -> None:
    registry = await registries.open()
    made = await registry.create("made", StreamProperties(2), PLAIN)
    shard = made.all_shards[0]
    await made.put_records([RECORD] * 10)
    await registry.register(made, "reader", {})
    with pytest.raises(ResourceInUse, match="registered consumers"):
        await registry.delete(made, with_consumers=False)
    await registry.delete(made, with_consumers=True)

    assert (await registries.open()).streams == {}
    for attempt in (made.put_record(RECORD), made.read_shard(shard, 0, 1), made.describe(PLAIN)):
        with pytest.raises(StreamNotFound):
            await attempt
    with pytest.raises(StreamNotFound):
        await registry.delete(made, with_consumers=True)
    anew = await registry.create("made", StreamProperties(1), PLAIN)
    assert registry.consumers(anew) == []
    assert await anew.latest_position() == 0
    assert not (await anew.read_shard(anew.all_shards[0], 0, 10)).records


async def test_there_is_one_stream_of_a_name(registries: Registries) -> None:
    registry = await registries.open(clicks={})
    with pytest.raises(ResourceInUse, match="Stream clicks under account 000000000000 already exists"):
        await registry.create("clicks", StreamProperties(), PLAIN)


async def test_an_account_has_a_limit_of_shards(
    registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_registry, "SHARD_LIMIT", 5)
    registry = await registries.open(clicks={"shards": 3})
    with pytest.raises(LimitExceeded, match=r"Current shard count for the account: 3\. Limit: 5"):
        await registry.create("made", StreamProperties(3), PLAIN)
    await registry.create("made", StreamProperties(2), PLAIN)


async def test_what_the_configuration_declares_belongs_to_it(registries: Registries) -> None:
    registry = await registries.open(clicks={"max_record_size_in_kib": 2048}, views={})
    clicks, views = registry.streams["clicks"], registry.streams["views"]
    with pytest.raises(InvalidArgument, match=r"headrace.toml declares streams.clicks"):
        await registry.delete(clicks, with_consumers=True)
    assert registry.fixes(clicks, "max_record_size_in_kib")
    assert not registry.fixes(views, "max_record_size_in_kib")
    await views.describe(StreamDescription(max_record_bytes=4096 * 1024))

    assert (await registries.open(views={})).streams["views"].max_record_bytes == 4096 * 1024
    declared = await registries.open(views={"max_record_size_in_kib": 1024})
    assert declared.streams["views"].max_record_bytes == 1024 * 1024


async def test_consumers_have_names_of_their_own_and_a_limit(
    registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_registry, "CONSUMERS_MOST", 2)
    registry = await registries.open(clicks={})
    clicks = registry.streams["clicks"]
    first = await registry.register(clicks, "b", {})
    with pytest.raises(ResourceInUse, match="Consumer b"):
        await registry.register(clicks, "b", {})
    await registry.register(clicks, "a", {})
    with pytest.raises(LimitExceeded):
        await registry.register(clicks, "c", {})
    assert [each.name for each in registry.consumers(clicks)] == ["a", "b"]
    await registry.deregister(first)
    with pytest.raises(ConsumerNotFound):
        registry.consumer(clicks, "b")
    assert [each.name for each in (await registries.open(clicks={})).consumers(clicks)] == ["a"]


async def test_a_store_that_fails_leaves_streams_as_they_were(
    registries: Registries, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = await registries.open()
    made = await registry.create("made", StreamProperties(), PLAIN)

    async def fail(_: object) -> None:
        raise StoreFull(None)

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", fail)
        for attempt in (
            registry.create("other", StreamProperties(), PLAIN),
            registry.delete(made, with_consumers=True),
            registry.register(made, "reader", {}),
            made.describe(StreamDescription(tags={"a": "b"})),
        ):
            with pytest.raises(StoreFull):
                await attempt
    assert list(registry.streams) == ["made"]
    assert registry.consumers(made) == []
    assert made.description == PLAIN
    await made.put_record(RECORD)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_shards_share_the_hash_keys_evenly_after_their_count_is_updated(counts: list[int]) -> None:
    async def run() -> None:
        clock = running_clock()
        async with Store(None, clock) as store:
            registry = StreamRegistry({}, {}, ACCOUNT, store, clock, Feed())
            stream = await registry.create("made", StreamProperties(counts[0]), PLAIN)
            for count in counts:
                await stream.update_shard_count(count)
                opened = [shard for shard in stream.all_shards if shard.is_open]
                ranges = sorted((shard.hash_keys for shard in opened), key=lambda keys: keys.first)
                assert ranges == even_ranges(count)
                for shard in stream.all_shards:  # so that readers come to parents first, and keep their order
                    assert all(parent < shard.number for parent in shard.parents)
                    assert not shard.parents or 1 <= len(shard.parents) <= 2
                await stream.put_record(RECORD)
            assert await stream.latest_position() == len(counts)

    loop = VirtualTimeLoop()
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
