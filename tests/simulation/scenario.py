"""What one seed stands for: a small configuration, and what clients do with it, at which moments."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from typing import Any

from engine.value import dataclass

ENVIRONMENTS = 12

Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that is given to the simulator, and has to come to an end there.

    `token` is unique. `key` is what order is kept by, `fails` how many invocations with it are to fail, and
    `is_wanted` whether the filter of its mapping lets it through.
    """

    token: str
    place: str
    key: str
    fails: int
    is_wanted: bool = True

    def text(self) -> str:
        """Return what is sent, put or stored."""
        return json.dumps({"token": self.token, "wanted": "yes" if self.is_wanted else "no"})


@dataclass(frozen=True, slots=True)
class Give:
    """Send messages, put records, write rows, store objects or queue events: whatever the place takes."""

    items: Sequence[Item]
    delay: int | None = None
    as_files: bool = False  # written into the bucket's folder, past the endpoint


@dataclass(frozen=True, slots=True)
class Reshard:
    """Split an open shard of a stream, or merge two; `draw` chooses which."""

    place: str
    splits: bool
    draw: float


@dataclass(frozen=True, slots=True)
class MoveBack:
    """Move what is in a dead-letter queue back to where it came from."""

    place: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Disable a mapping, and enable it again after a while."""

    place: str
    length: timedelta


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a client does, so long after the beginning. A client does one thing after the other.

    It lets the loop turn so often before it: who is first at one moment is not always the same.
    """

    at: timedelta
    client: str
    act: Give | Reshard | MoveBack | Pause
    turns: int = 0


@dataclass(slots=True)
class Scenario:
    """A configuration, as the tables of headrace.toml, and the steps of all clients in order of time.

    `is_calm`: nothing is made to fail but functions. `thread_turns` is how many turns of the loop a statement
    may take, as one on a thread would.
    """

    seed: int
    tables: Table
    steps: Sequence[Step]
    is_calm: bool
    thread_turns: int
    items: Mapping[str, Item] = field(init=False)

    def __post_init__(self) -> None:
        self.items = {
            item.token: item for step in self.steps if isinstance(step.act, Give) for item in step.act.items
        }

    @property
    def mappings(self) -> Sequence[Table]:
        """The tables of the event source mappings."""
        mappings: Sequence[Table] = self.tables["event_source_mappings"]
        return mappings

    def mapping_of(self, place: str) -> Table:
        """Return the mapping that reads a queue, a stream or a table."""
        return next(mapping for mapping in self.mappings if mapping["source"] == place)
