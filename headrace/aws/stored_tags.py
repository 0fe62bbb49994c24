"""Tags of resources that are nothing but kept: the same operations for EventBridge and Scheduler."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.store.database import Store
from triggers.eventbridge import bus_table

Given = Mapping[str, Any]
Answer = Mapping[str, Any]


class StoredTags:
    """The tags of one service's resources. `arn_of` gives the resource of a request, or raises."""

    def __init__(self, store: Store, arn_of: Callable[[Given], str]) -> None:
        self._store = store
        self._arn_of = arn_of

    async def tag(self, given: Given) -> Answer:
        """Add tags, or give some another value. Raises StoreError, and what `arn_of` raises."""
        await self._change(given, lambda tags: {**tags, **tags_of(given)})
        return {}

    async def untag(self, given: Given) -> Answer:
        """Remove tags. Raises as `tag` does."""
        gone = given["TagKeys"]
        await self._change(given, lambda tags: {key: value for key, value in tags.items() if key not in gone})
        return {}

    async def list(self, given: Given) -> Answer:
        """Return the tags. Raises as `tag` does."""
        arn = self._arn_of(given)
        tags = await self._store.read(lambda connection: bus_table.tags(connection, arn))
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    async def _change(self, given: Given, change: Callable[[dict[str, str]], Mapping[str, str]]) -> None:
        arn = self._arn_of(given)
        await self._store.write(
            lambda connection: bus_table.put_tags(connection, arn, change(bus_table.tags(connection, arn)))
        )


def tags_of(given: Given) -> dict[str, str]:
    """Return the tags that a request gives."""
    return {tag["Key"]: tag["Value"] for tag in given.get("Tags", ())}
