"""How far the mappings of streams have come, in the store.

A checkpoint never lies behind a record that is not processed, filtered, or handed to a destination; so what a
crash interrupts is delivered again, and nothing is skipped.
"""

import sqlite3
from collections.abc import Iterable, Mapping

import orjson

from engine.clock import from_millis, to_millis
from engine.mapping.tumbling_window import TumblingWindow
from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far one shard is processed.

    `marks` has a position for each lane: all of its records up to there are processed. `ended`: the shard is
    closed, and processed to its end. `window` is the tumbling window that is open.
    """

    marks: tuple[int, ...]
    ended: bool = False
    window: TumblingWindow | None = None

    def for_lanes(self, count: int) -> tuple[int, ...]:
        """Return the marks of `count` lanes; another number of lanes deals the keys anew."""
        return self.marks if len(self.marks) == count else (min(self.marks),) * count


def load(connection: sqlite3.Connection, mapping: str) -> dict[str, Checkpoint] | None:
    """Return the checkpoints of a mapping by shard; None when it has never begun to read."""
    if connection.execute("SELECT 1 FROM stream_mappings WHERE mapping = ?", (mapping,)).fetchone() is None:
        return None
    rows = connection.execute(
        "SELECT shard, marks, ended, window_start, window_end, window_state "
        "FROM checkpoints WHERE mapping = ?",
        (mapping,),
    )
    return {
        shard: Checkpoint(tuple(orjson.loads(marks)), ended == 1, _window(*window))
        for shard, marks, ended, *window in rows
    }


def begin(connection: sqlite3.Connection, mapping: str, checkpoints: Mapping[str, Checkpoint]) -> None:
    """Store where a mapping begins to read."""
    connection.execute("INSERT INTO stream_mappings (mapping) VALUES (?)", (mapping,))
    for shard, checkpoint in checkpoints.items():
        save(connection, mapping, shard, checkpoint)


def save(connection: sqlite3.Connection, mapping: str, shard: str, checkpoint: Checkpoint) -> None:
    """Store how far a shard is processed."""
    window = checkpoint.window
    connection.execute(
        "INSERT OR REPLACE INTO checkpoints "
        "(mapping, shard, marks, ended, window_start, window_end, window_state) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            mapping,
            shard,
            orjson.dumps(checkpoint.marks).decode(),
            int(checkpoint.ended),
            None if window is None else to_millis(window.start),
            None if window is None else to_millis(window.end),
            None if window is None else window.state,
        ),
    )


def forget_shards(connection: sqlite3.Connection, mapping: str, shards: Iterable[str]) -> None:
    """Remove the checkpoints of shards that are no more."""
    connection.executemany(
        "DELETE FROM checkpoints WHERE mapping = ? AND shard = ?", [(mapping, shard) for shard in shards]
    )


def forget(connection: sqlite3.Connection, mapping: str) -> None:
    """Remove everything about a mapping that is deleted."""
    connection.execute("DELETE FROM stream_mappings WHERE mapping = ?", (mapping,))
    connection.execute("DELETE FROM checkpoints WHERE mapping = ?", (mapping,))


def _window(start: int | None, end: int | None, state: bytes | None) -> TumblingWindow | None:
    if start is None or end is None or state is None:
        return None
    return TumblingWindow(from_millis(start), from_millis(end), state)
