"""The objects of a bucket whose folder nobody follows: a command that runs alone sees what lies there now.

The index stays as it was, so that the next start notices the same changes, with their events. It blocks.
"""

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path

from engine.store.migration import migrate
from triggers.s3 import files, objects
from triggers.s3.keys import KeyRules
from triggers.s3.objects import NOT_READ, ObjectEntry, ObjectPage
from triggers.s3.settle import FileState

NANOSECONDS = 1_000_000  # in a millisecond


def find(
    folder: Path, rules: KeyRules, keys: Collection[str], indexed: Mapping[str, ObjectEntry]
) -> dict[str, ObjectEntry]:
    """Return those keys that are objects, beside what the index has of them."""
    markers = [marker for key in keys if (marker := rules.marker_of(key)) is not None]
    states = files.look(folder, [*keys, *markers])
    present = {key for key, state in states.items() if state is not None}
    return {
        key: _entry(key, state, indexed.get(key))
        for key in keys
        if (state := states.get(key)) is not None and (key in indexed or _is_object(key, rules, present))
    }


def page(
    folder: Path,
    rules: KeyRules,
    indexed: Mapping[str, ObjectEntry],
    *,
    prefix: str,
    delimiter: str,
    start_after: str,
    limit: int,
) -> ObjectPage:
    """Return a page as `objects.page` does; `indexed` is all that the index has below the prefix."""
    states = files.scan(folder, prefix[: prefix.rfind("/") + 1], rules).states
    entries = [
        _entry(key, state, indexed.get(key))
        for key, state in states.items()
        if key.startswith(prefix) and (key in indexed or rules.is_complete(key, states))
    ]
    others = find(folder, rules, indexed.keys() - states.keys(), indexed)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, None)
        objects.apply(connection, "", [*entries, *others.values()], (), 0)
        return objects.page(
            connection, "", prefix=prefix, delimiter=delimiter, start_after=start_after, limit=limit
        )


def _is_object(key: str, rules: KeyRules, present: Collection[str]) -> bool:
    """Say whether a file that no index has is an object; a folder is one only if it was put."""
    return not key.endswith("/") and not rules.ignores(key) and rules.is_complete(key, frozenset(present))


def _entry(key: str, state: FileState, indexed: ObjectEntry | None) -> ObjectEntry:
    if indexed is not None and indexed.state == state:
        return indexed
    return ObjectEntry(
        key, NOT_READ, state.size, state.mtime_ns, state.inode, 0, state.mtime_ns // NANOSECONDS
    )
