"""APScheduler's scheduler, imported without the search for its plugins. docs/decisions/0017 says why.

Importing it goes through what every installed distribution declares, three times, for triggers, executors and
job stores that somebody may name. Nobody here does: the search waits for whoever does, in the same process.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import metadata
from typing import Any


class _Plugins(Mapping[str, metadata.EntryPoint]):
    """The plugins of one group, searched for when the first is asked for."""

    def __init__(self, group: str) -> None:
        self._group = group

    @cached_property
    def _found(self) -> dict[str, metadata.EntryPoint]:
        return {each.name: each for each in metadata.entry_points(group=self._group)}

    def __getitem__(self, name: str) -> metadata.EntryPoint:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _import_without_search() -> None:
    search = metadata.entry_points

    def leave_for_later(**chosen: Any) -> Any:
        return () if str(chosen.get("group")).startswith("apscheduler.") else search(**chosen)

    metadata.entry_points = leave_for_later
    try:
        from apscheduler.schedulers.base import BaseScheduler
    finally:
        metadata.entry_points = search
    for kind in ("trigger", "executor", "jobstore"):
        setattr(BaseScheduler, f"_{kind}_plugins", _Plugins(f"apscheduler.{kind}s"))


if "apscheduler.schedulers.base" not in sys.modules:
    _import_without_search()

from apscheduler.schedulers import base  # noqa: E402 - it is imported already
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # noqa: E402

__all__ = ["AsyncIOScheduler", "base"]
