"""A topic as the destination of invocation records, dead letters and other messages of AWS's own."""

import sqlite3
from collections import deque

from engine.invocation.destination import DestinationMessage, DestinationRefused
from triggers.sns.errors import TopicError
from triggers.sns.message import MessageAttribute, OutgoingMessage
from triggers.sns.publication import Published
from triggers.sns.topics import Topics
from triggers.sns.validation import check


class TopicDestination:
    """Publishes what it is sent. Found by name when something is sent: the topic may come and go."""

    def __init__(self, topics: Topics, name: str, arn: str) -> None:
        self.arn = arn
        self._topics = topics
        self._name = name
        self._published: deque[Published] = deque()  # filled on the store's thread, emptied on the loop

    def send(self, connection: sqlite3.Connection, message: DestinationMessage) -> None:
        """Publish in the transaction. Refuses what the topic would, and where there is none."""
        topic = self._topics.find(self._name)
        if topic is None:
            raise DestinationRefused("the topic does not exist")
        outgoing = OutgoingMessage(
            message.body.decode(),
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
        self._published.extend(self._topics.publish_in(connection, topic, [outgoing], message.request_id))

    def wake(self) -> None:
        """Let the subscribers look."""
        while self._published:
            self._topics.wake([self._published.popleft()])
