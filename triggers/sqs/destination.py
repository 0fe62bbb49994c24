"""A queue as the destination of asynchronous invocations, or as their dead-letter queue."""

import random
import sqlite3
from collections.abc import Callable

from engine.clock import Clock
from engine.invocation.destination import DestinationMessage, DestinationRefused
from triggers.sqs.message import MessageAttribute
from triggers.sqs.queue import Queue


class QueueDestination:
    """Sends records and dead letters to a queue, as Lambda does."""

    def __init__(
        self, arn: str, find: Callable[[], Queue | None], clock: Clock, chance: random.Random
    ) -> None:
        """`find` returns the queue, which may come and go; None while it is not there."""
        self.arn = arn
        self._find = find
        self._clock = clock
        self._chance = chance

    def send(self, connection: sqlite3.Connection, message: DestinationMessage) -> None:
        """Store the message. Refuses one that is larger than the queue takes, and any while there is none."""
        queue = self._find()
        if queue is None:
            raise DestinationRefused(f"the queue {self.arn} does not exist")
        most = queue.attributes.maximum_message_size
        size = len(message.body) + sum(
            len(name) + len(attribute.data_type) + len(attribute.value.encode())
            for name, attribute in message.attributes.items()
        )
        if size > most:
            raise DestinationRefused(f"the message of {size} bytes is larger than the queue takes ({most})")
        queue.send_in(
            connection,
            message.body.decode(),
            {
                name: MessageAttribute(attribute.data_type, attribute.value)
                for name, attribute in message.attributes.items()
            },
            {"AWSTraceHeader": self._trace_header()},
        )

    def wake(self) -> None:
        """Let receivers of the queue look."""
        if (queue := self._find()) is not None:
            queue.wake()

    def _trace_header(self) -> str:
        seconds = int(self._clock.now().timestamp())
        root, parent = self._chance.getrandbits(96), self._chance.getrandbits(64)
        return f"Root=1-{seconds:08x}-{root:024x};Parent={parent:016x};Sampled=0"
