"""One worker at a time for each key: the endpoint or the watched folder, never both."""

import asyncio
from collections.abc import Callable


class KeyLocks:
    """Keys that somebody is working on. `on_release` is called whenever one becomes free."""

    def __init__(self) -> None:
        self.on_release: Callable[[], None] = lambda: None
        self._held: dict[str, asyncio.Event | None] = {}

    def try_hold(self, key: str) -> bool:
        """Take the key if it is free."""
        if key in self._held:
            return False
        self._held[key] = None
        return True

    def release(self, key: str) -> None:
        """Give the key back and wake who waits for it."""
        waited_for = self._held.pop(key)
        if waited_for is not None:
            waited_for.set()
        self.on_release()

    async def released(self) -> None:
        """Wait until all keys that are held now have been free once."""
        for key in list(self._held):
            async with self.hold(key):
                pass

    def hold(self, key: str) -> "HeldKey":
        """Return a context that waits until the key is free, and holds it meanwhile."""
        return HeldKey(self, key)

    async def wait_for(self, key: str) -> None:
        """Wait until the key is free, and take it."""
        while not self.try_hold(key):
            waited_for = self._held[key]
            if waited_for is None:
                waited_for = self._held[key] = asyncio.Event()
            await waited_for.wait()


class HeldKey:
    """A key that is held within the context."""

    def __init__(self, locks: KeyLocks, key: str) -> None:
        self._locks, self._key = locks, key

    async def __aenter__(self) -> None:
        """Wait for the key."""
        if not self._locks.try_hold(self._key):
            await self._locks.wait_for(self._key)

    async def __aexit__(self, *_: object) -> None:
        """Give it back."""
        self._locks.release(self._key)
