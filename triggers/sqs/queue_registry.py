"""All queues by name: made, changed and deleted while they are in use, and kept in the store.

A queue that the configuration declares belongs to it: it is not deleted, and what is said of it there is not
changed. Source: Amazon SQS API reference, CreateQueue, DeleteQueue and SetQueueAttributes.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import orjson

from engine.arn import Account
from engine.clock import Clock, from_millis, to_millis
from engine.feed import Feed, Notice
from engine.store.database import Store
from triggers.sqs import attribute_values, queue_table
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.errors import (
    InvalidAttributeValue,
    InvalidParameter,
    QueueError,
    QueueNameExists,
    UnsupportedOperation,
)
from triggers.sqs.move_tasks import MoveTasks
from triggers.sqs.queue import Queue, configured_queues
from triggers.sqs.queue_table import StoredQueue
from triggers.sqs.settings import QueueSettings

if TYPE_CHECKING:
    from engine.faults import Faults

Listener = Callable[[str], None]


class QueueRegistry:
    """Owns `queues`, which others look into. `open()` comes first."""

    def __init__(
        self,
        queues: dict[str, Queue],
        settings: Mapping[str, QueueSettings],
        account: Account,
        store: Store,
        clock: Clock,
        feed: Feed,
        faults: "Faults | None" = None,
    ) -> None:
        """`settings` are those of the configured queues, by name."""
        self.queues = queues
        self.account = account
        self.move_tasks = MoveTasks(store, clock)
        self._settings = settings
        self._store, self._clock, self._feed, self._faults = store, clock, feed, faults
        self._stored: dict[str, StoredQueue] = {}
        self._listeners: list[Listener] = []
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Make the queues that are configured, and those that are in the store. Raises StoreError."""
        stored = await self._store.read(queue_table.load)
        self._stored = {each.name: each for each in stored}
        configured = configured_queues(
            self._settings,
            self.account,
            self._store,
            self._clock,
            self._feed,
            into=self.queues,
            faults=self._faults,
        )
        for each in stored:
            if each.name in configured:
                self._apply(each)
            elif each.made_by_api:
                self.queues[each.name] = self._queue(each)

    def listen(self, callback: Listener) -> None:
        """Call `callback` with the ARN of each queue that is made or deleted from now on."""
        self._listeners.append(callback)

    def at(self, arn: str) -> Queue | None:
        """Return the queue of an ARN; None when there is none."""
        queue = self.queues.get(arn.rpartition(":")[2])
        return queue if queue is not None and queue.arn == arn else None

    def is_declared(self, name: str) -> bool:
        """Whether the configuration has this queue."""
        return name in self._settings

    async def create(self, name: str, given: Mapping[str, str], tags: Mapping[str, str]) -> Queue:
        """Make a queue, or return the one of that name when it has just these attributes.

        Raises QueueNameExists when it has others, QueueDeletedRecently, QueueError for what SQS refuses, and
        StoreError.
        """
        async with self._changing:
            existing = self.queues.get(name)
            if existing is not None:
                other = attribute_values.difference(existing.attributes, given, self.account)
                if other is not None:
                    raise QueueNameExists(other)
                return existing
            attributes = attribute_values.created(name, given, self.account)
            self._check_redrive(attributes, given)
            now = self._clock.now()
            rest = {key: text for key, text in given.items() if key != attribute_values.FIFO}
            stored = StoredQueue(name, True, rest, dict(tags), to_millis(now), to_millis(now))
            await self._store.write(partial(queue_table.create, queue=stored, now=now))
            self._stored[name] = stored
            queue = self.queues[name] = self._queue(stored)
        self._tell(queue.arn)
        return queue

    async def delete(self, queue: Queue) -> None:
        """Delete a queue with its messages; who waits for some is told that it is gone.

        Raises UnsupportedOperation for a queue of the configuration, QueueDoesNotExist when it is gone, and
        StoreError.
        """
        name = queue.attributes.name
        if self.is_declared(name):
            raise UnsupportedOperation(f"headrace.toml declares queues.{name}: remove it there.")
        async with self._changing:
            queue.check_that_it_is_there()
            queue.is_deleted = True  # nothing that is asked for from now on comes after what follows
            try:
                while await self._store.write(partial(queue_table.delete_messages, name=name)):
                    pass
                await self._store.write(partial(queue_table.delete, name=name, now=self._clock.now()))
            except BaseException:
                queue.is_deleted = False
                raise
            del self.queues[name]
            self._stored.pop(name, None)
        self._tell(queue.arn)
        queue.wake()

    async def change_attributes(self, queue: Queue, changes: Mapping[str, str]) -> None:
        """Change attributes for good.

        Raises InvalidAttributeValue for what the configuration fixes otherwise, QueueError for what SQS
        refuses, and StoreError.
        """
        async with self._changing:
            queue.check_that_it_is_there()
            name = queue.attributes.name
            attributes = attribute_values.changed(queue.attributes, changes, self.account)
            self._check_redrive(attributes, changes)
            self._check_declared(name, attributes, changes)
            known = self._known(queue)
            given = {**known.attributes, **changes}
            stored = replace(known, attributes=given, changed_at=to_millis(self._clock.now()))
            await self._save(stored)
            queue.change_attributes(attributes)

    async def change_tags(self, queue: Queue, tags: Mapping[str, str]) -> None:
        """Give a queue other tags. Raises StoreError."""
        async with self._changing:
            queue.check_that_it_is_there()
            await self._save(replace(self._known(queue), tags=dict(tags)))

    def tags(self, queue: Queue) -> Mapping[str, str]:
        """Return the tags of a queue."""
        return self._known(queue).tags

    def _known(self, queue: Queue) -> StoredQueue:
        name = queue.attributes.name
        return self._stored.get(name) or StoredQueue(name, made_by_api=False)

    async def _save(self, stored: StoredQueue) -> None:
        await self._store.write(partial(queue_table.save, queue=stored))
        self._stored[stored.name] = stored

    def _queue(self, stored: StoredQueue) -> Queue:
        """Return a queue as it was made over the API."""
        attributes = attribute_values.changed(
            QueueAttributes.default(stored.name, self.account), stored.attributes, self.account
        )
        queue = Queue(
            stored.name,
            self.account,
            self._store,
            self._clock,
            attributes=attributes,
            feed=self._feed,
            queues=self.queues,
            faults=self._faults,
        )
        queue.created_at = from_millis(stored.created_at or 0)
        queue.changed_at = from_millis(stored.changed_at or 0)
        return queue

    def _apply(self, stored: StoredQueue) -> None:
        """Bring a configured queue to what was changed of it, as far as the configuration leaves it open."""
        queue = self.queues[stored.name]
        fixed = set(attribute_values.declared(self._settings[stored.name]))
        open_to_change = {name: text for name, text in stored.attributes.items() if name not in fixed}
        try:
            attributes = attribute_values.changed(queue.attributes, open_to_change, self.account)
        except QueueError as error:
            text = f"what was changed over the API does not go with headrace.toml any more: {error}"
            self._feed.publish(Notice(self._clock.now(), "warning", queue.name, text))
            return
        queue.attributes = attributes

    def _check_declared(self, name: str, attributes: QueueAttributes, changes: Mapping[str, str]) -> None:
        if not self.is_declared(name):
            return
        before = attribute_values.values(self.queues[name].attributes, self.account)
        after = attribute_values.values(attributes, self.account)
        for attribute in attribute_values.declared(self._settings[name]):
            if attribute in changes and before.get(attribute) != after.get(attribute):
                raise InvalidAttributeValue(attribute, f"headrace.toml declares it for queues.{name}.")

    def _check_redrive(self, queue: QueueAttributes, given: Mapping[str, str]) -> None:
        text = given.get("RedrivePolicy")
        if not text:
            return
        target = self.at(str(orjson.loads(text).get("deadLetterTargetArn")))
        if target is None:
            raise InvalidParameter.because(text, "RedrivePolicy", "Dead letter target does not exist.")
        if target.is_fifo != queue.is_fifo or target.arn == queue.arn:
            raise InvalidParameter.because(
                text, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source."
            )
        allow = target.attributes.redrive_allow_policy
        if allow is not None and not allow.allows(queue.name):
            raise InvalidParameter.because(
                text, "RedrivePolicy", "Queue does not have permission to use the dead-letter queue."
            )

    def _tell(self, arn: str) -> None:
        for callback in self._listeners:
            callback(arn)
