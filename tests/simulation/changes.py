"""What is changed while a simulator is at work: the shards of a stream, whether a mapping reads."""

from datetime import timedelta
from typing import Any

from engine.errors import HeadraceError, StoreError
from engine.mapping.mapping_errors import MappingInUse
from headrace.simulator import Simulator
from tests.simulation.scenario import Pause, Reshard
from triggers.kinesis.stream import Stream

SOON = timedelta(seconds=1)


async def reshard(act: Reshard, simulator: Simulator) -> None:
    """Split a shard, or merge it with the next one; nothing happens while the store is busy."""
    stream: Stream = simulator.channels.streams[act.place.removeprefix("streams.")]
    shards = sorted(
        (each for each in stream.all_shards if each.is_open), key=lambda each: each.hash_keys.first
    )
    index = int(act.draw * len(shards))
    try:
        if act.splits:
            keys = shards[index].hash_keys
            await stream.split_shard(shards[index].shard_id, (keys.first + keys.last) // 2)
        elif index + 1 < len(shards):
            await stream.merge_shards(shards[index].shard_id, shards[index + 1].shard_id)
    except HeadraceError:
        return


async def pause(act: Pause, simulator: Simulator) -> None:
    """Disable a mapping, and enable it again."""
    await _update(act, simulator, {"Enabled": False})
    await simulator.clock.sleep_until(simulator.clock.now() + act.length)
    await _update(act, simulator, {"Enabled": True})


async def _update(act: Pause, simulator: Simulator, changes: dict[str, Any]) -> None:
    """Change a mapping, as soon as it is not being changed and the store takes it."""
    assert simulator.mappings is not None, "it has some"
    arn = _arn(act.place, simulator)
    (mapping,) = simulator.mappings.list(event_source_arn=arn)
    while True:
        try:
            await simulator.mappings.update(mapping["UUID"], changes)
        except (MappingInUse, StoreError):
            await simulator.clock.sleep_until(simulator.clock.now() + SOON)
        else:
            return


def _arn(place: str, simulator: Simulator) -> str:
    kind, _, name = place.partition(".")
    if kind == "queues":
        return simulator.channels.queues[name].arn
    return simulator.channels.streams[name].arn if kind == "streams" else simulator.sources.tables[name].arn
