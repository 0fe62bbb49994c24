"""A topic as the destination of invocation records, dead letters and other messages of AWS's own."""

import sqlite3
from collections import deque
from collections.abc import Callable

from engine.invocation.destination import DestinationMessage, DestinationRefused
from triggers.sns.errors import TopicError
from triggers.sns.message import MessageAttribute, OutgoingMessage
from triggers.sns.publication import Published
from triggers.sns.topics import Topics
from triggers.sns.validation import check


class TopicDestination:
    """Publishes what it is sent, with a subject if one is given.

    The topic is found by its name when something is sent, as it may come and go.
    """

    def __init__(
        self, topics: Callable[[], Topics | None], name: str, arn: str, subject: str | None = None
    ) -> None:
        """`topics` returns None for as long as there never was one."""
        self.arn = arn
        self._topics = topics
        self._name = name
        self._subject = subject
        self._published: deque[Published] = deque()  # filled on the store's thread, emptied on the loop

    def send(self, connection: sqlite3.Connection, message: DestinationMessage) -> None:
        """Publish in the transaction. Refuses what the topic would, and where there is none."""
        topics = self._topics()
        topic = None if topics is None else topics.find(self._name)
        if topics is None or topic is None:
            raise DestinationRefused("the topic does not exist")
        outgoing = OutgoingMessage(
            message.body.decode(),
            self._subject,
            attributes={
                name: MessageAttribute(attribute.data_type, attribute.value)
                for name, attribute in message.attributes.items()
            },
            lineage=message.lineage,
        )
        try:
            check(topic, outgoing)
        except TopicError as error:
            raise DestinationRefused(str(error)) from error
        self._published.extend(topics.publish_in(connection, topic, [outgoing], message.request_id))

    def wake(self) -> None:
        """Let the subscribers look."""
        topics = self._topics()
        while self._published and topics is not None:
            topics.wake([self._published.popleft()])
