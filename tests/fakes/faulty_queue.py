"""A queue whose store fails at will."""

from collections.abc import Sequence
from datetime import timedelta

from engine.mapping.source import QueueMessage, QueueSource


class FaultyQueue:
    """Passes on to a real queue; while `failure` is an error, that is raised instead."""

    def __init__(self, queue: QueueSource) -> None:
        self.failure: Exception | None = None
        self._queue = queue
        self.name, self.arn, self.is_fifo = queue.name, queue.arn, queue.is_fifo
        self.visibility_timeout = queue.visibility_timeout

    async def receive(
        self,
        limit: int,
        *,
        most_bytes: int | None = None,
        visibility_timeout: timedelta | None = None,
        wait: timedelta | None = None,
    ) -> list[QueueMessage]:
        """As a queue does."""
        self._check()
        return await self._queue.receive(
            limit, most_bytes=most_bytes, visibility_timeout=visibility_timeout, wait=wait
        )

    async def delete(self, receipt_handles: Sequence[str]) -> None:
        """As a queue does."""
        self._check()
        await self._queue.delete(receipt_handles)

    async def hide_longer(self, receipt_handles: Sequence[str], timeout: timedelta) -> None:
        """As a queue does."""
        self._check()
        await self._queue.hide_longer(receipt_handles, timeout)

    async def leave_hidden(self, receipt_handles: Sequence[str]) -> None:
        """As a queue does."""
        self._check()
        await self._queue.leave_hidden(receipt_handles)

    async def give_back(self, receipt_handles: Sequence[str]) -> None:
        """As a queue does."""
        self._check()
        await self._queue.give_back(receipt_handles)

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure
