"""A local SQS queue: messages in the store, taken in, handed out and deleted as SQS does.

Source: Amazon SQS API reference and developer guide.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from engine.arn import Account
from engine.clock import Clock
from engine.errors import StoreError
from engine.feed import Feed, MessageRedriven
from engine.mapping.source import QueueMessage
from engine.store.brevity import Brevity
from engine.store.database import Store
from triggers.sqs import receipts, validation
from triggers.sqs.arrivals import Arrivals
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.errors import InvalidParameter, OverLimit, QueueDoesNotExist, ReceiptHandleIsInvalid
from triggers.sqs.event import build_record
from triggers.sqs.message import Message, MessageAttribute, OutgoingMessage, SentMessage
from triggers.sqs.message_table import (
    Counts,
    MessageRow,
    counts,
    oldest_kept,
    oldest_messages,
    soonest_visible,
    to_received_message,
)
from triggers.sqs.receipt_handle import Receipt, from_handle, to_handle
from triggers.sqs.receive import Received, Receiving, receive
from triggers.sqs.redrive import MOVED_AT_ONCE, MoveTask, check_destination, move_some
from triggers.sqs.removal import begin_purge, drop_expired, purge_some
from triggers.sqs.send import send
from triggers.sqs.settings import QueueSettings

if TYPE_CHECKING:
    from engine.faults import Faults
    from triggers.sqs.queue_faults import QueueFaults

IN_FLIGHT_MOST = 120_000  # the quota of both kinds of queue
IN_HAND_MOST = 20_000  # receipts that are remembered for the mappings that have them
SWEEP_INTERVAL = timedelta(minutes=1)


class Queue:
    """One queue. `queues` are all queues by name, among them its dead-letter queue.

    `in_flight_most` is how many messages may be in the hands of receivers.
    """

    def __init__(
        self,
        name: str,
        account: Account,
        store: Store,
        clock: Clock,
        *,
        attributes: QueueAttributes | None = None,
        feed: Feed | None = None,
        queues: Mapping[str, "Queue"] | None = None,
        in_flight_most: int = IN_FLIGHT_MOST,
        faults: "Faults | None" = None,
    ) -> None:
        self._faults = None if faults is None else _queue_faults(faults, f"queues.{name}")
        self.attributes = attributes or QueueAttributes.default(name, account)
        self.name = f"queues.{name}"
        self.arn = self.attributes.arn
        self._region = account.region
        self._store = store
        self._clock = clock
        self._feed = feed
        self._queues = {} if queues is None else queues
        self._arrivals = Arrivals(clock)
        self.is_deleted = False
        self._in_hand: dict[str, Receipt] = {}
        self.created_at = self.changed_at = self._swept_at = clock.now()
        self._brevity = Brevity()
        self._in_flight_most = in_flight_most
        self._in_flight_at_most = in_flight_most  # not known yet, which makes the first receive count

    @property
    def is_fifo(self) -> bool:
        """Whether order is kept in each message group."""
        return self.attributes.is_fifo

    @property
    def visibility_timeout(self) -> timedelta:
        """How long a received message is hidden when the receiver does not say."""
        return self.attributes.visibility_timeout

    async def send(self, messages: Sequence[OutgoingMessage]) -> list[SentMessage]:
        """Return once all messages are in the store. Raises QueueError for one that SQS would not take:
        then none is.
        """
        self.check_that_it_is_there()
        for message in messages:
            validation.check(self.attributes, message)
        now = self._clock.now()
        self._brevity.see(len(message.body) for message in messages)
        sending = partial(send, queue=self.attributes, messages=messages, now=now)
        sent = await self._store.write(sending, brief=self._brevity.is_brief)
        self.wake()
        if now >= self._swept_at + SWEEP_INTERVAL:  # where nobody receives, nobody finds what has expired
            self._swept_at = now
            with suppress(StoreError):  # the next sweep will do; what was sent is stored
                await self._store.write(partial(drop_expired, queue=self.attributes, now=now))
        return sent

    def send_in(
        self,
        connection: sqlite3.Connection,
        body: str,
        attributes: Mapping[str, MessageAttribute] | None = None,
        system_attributes: Mapping[str, str] | None = None,
    ) -> str:
        """Store a message within a transaction of the caller's, on the store's thread; return its id.

        Call `wake` when the transaction is committed. Raises QueueDoesNotExist.
        """
        self.check_that_it_is_there()
        message = OutgoingMessage(body, attributes or {}, system_attributes or {})
        (sent,) = send(connection, self.attributes, [message], self._clock.now())
        return sent.message_id

    def wake(self) -> None:
        """Let those who wait for messages look again."""
        if self._faults is None:
            self._arrivals.ring()
        else:
            self._faults.wake_up(self._arrivals.ring)

    async def look_again(self) -> None:
        """Let those who wait look again if there is more than they know: a wake-up may have been lost."""
        if self._arrivals.is_awaited:
            soonest = await self._store.read(partial(soonest_visible, queue=self.attributes.name))
            if soonest is not None and self._arrivals.is_awaited_beyond(max(soonest, self._clock.now())):
                self._arrivals.ring()

    async def receive(
        self,
        limit: int,
        *,
        most_bytes: int | None = None,
        visibility_timeout: timedelta | None = None,
        wait: timedelta | None = None,
    ) -> list[QueueMessage]:
        """Hide and return up to `limit` messages for a mapping, as soon as there is one.

        With `most_bytes`, no more than make about so many bytes of JSON, but one. Returns none when there
        was none within `wait`; without `wait` it waits for ever. Cancelling it loses nothing: what was
        hidden already is visible again.
        """
        until = None if wait is None else self._clock.now() + wait
        timeout = self.visibility_timeout if visibility_timeout is None else visibility_timeout
        wanted = Receiving(limit, timeout, leased=True, most_bytes=most_bytes)
        received = await self._receive(wanted, until)
        return [self._queue_message(row, received.received_at) for row in received.rows]

    def _queue_message(self, row: MessageRow, received_at: int) -> QueueMessage:
        receipt = Receipt(row.sequence, row.receive_count, received_at, row.message_id)
        handle = to_handle(receipt)
        self._in_hand[handle] = receipt
        return QueueMessage(
            row.message_id,
            handle,
            row.group_id if self.is_fifo else None,
            build_record(row, handle, self.arn, self._region),
        )

    def _receipts_of(self, handles: Sequence[str]) -> list[Receipt]:
        """Return what a mapping's handles stand for; those in its hand need not be read again."""
        if len(self._in_hand) > IN_HAND_MOST:
            self._in_hand.clear()  # what has failed stays in there
        found = (self._in_hand.pop(handle, None) or from_handle(handle) for handle in handles)
        return [receipt for receipt in found if receipt is not None]

    async def receive_messages(
        self, limit: int, *, visibility_timeout: timedelta | None = None, wait: timedelta | None = None
    ) -> list[Message]:
        """As `receive`, for a client of the API: waits no longer than the queue's wait time by default."""
        wait = self.attributes.receive_message_wait_time if wait is None else wait
        timeout = self.visibility_timeout if visibility_timeout is None else visibility_timeout
        with self._arrivals.patience(wait) as is_over:
            received = await self._receive(Receiving(limit, timeout), None, is_over)
        return [to_received_message(row, received.received_at) for row in received.rows]

    async def delete(self, receipt_handles: Sequence[str]) -> None:
        """Delete messages for good. Handles that mean nothing any more are passed over."""
        found = self._receipts_of(receipt_handles)
        lost = self._faults.lost_deletes(found, self.attributes) if self._faults is not None else ()
        if lost:
            await self._store.write(partial(receipts.leave_hidden, queue=self.attributes, receipts=lost))
            gone = set(lost)
            found = [receipt for receipt in found if receipt not in gone]
        if found:
            await self._delete(found)

    async def delete_message(self, receipt_handle: str) -> None:
        """Delete a message; one that is gone already is a success.

        Raises ReceiptHandleIsInvalid, and in a FIFO queue InvalidParameter for a receipt that has expired.
        """
        (outcome,) = await self._delete([_receipt(receipt_handle)])
        if outcome == "expired":
            raise _expired(receipt_handle)

    async def hide_longer(self, receipt_handles: Sequence[str], timeout: timedelta) -> None:
        """Hide messages for `timeout` from now that are hidden by these receipts still."""
        found = self._receipts_of(receipt_handles)
        now = self._clock.now()
        hiding = partial(
            receipts.hide_longer, queue=self.attributes, receipts=found, timeout=timeout, now=now
        )
        await self._store.write(hiding, brief=self._brevity.is_brief)

    async def leave_hidden(self, receipt_handles: Sequence[str]) -> None:
        """Let messages go that were not processed: they show again when their timeouts end."""
        found = self._receipts_of(receipt_handles)
        await self._store.write(partial(receipts.leave_hidden, queue=self.attributes, receipts=found))

    async def give_back(self, receipt_handles: Sequence[str]) -> None:
        """Undo receipts that nobody has seen: the messages are visible again and were not received."""
        found = self._receipts_of(receipt_handles)
        await self._undo(found)

    async def change_message_visibility(self, receipt_handle: str, timeout: timedelta) -> None:
        """Hide a message for `timeout` from now; zero makes it visible.

        Raises ReceiptHandleIsInvalid, and InvalidParameter when the message is gone, would be held for over
        twelve hours, or is in a FIFO queue and its receipt has expired.
        """
        changing = partial(
            receipts.change_visibility,
            queue=self.attributes,
            receipt=_receipt(receipt_handle),
            timeout=timeout,
            now=self._clock.now(),
        )
        outcome = await self._store.write(changing, brief=self._brevity.is_brief)
        self.wake()
        if outcome == "expired":
            raise _expired(receipt_handle)
        if outcome == "absent":
            raise InvalidParameter.because(
                receipt_handle,
                "ReceiptHandle",
                "Message does not exist or is not available for visibility timeout change.",
            )
        if outcome == "too_long":
            raise InvalidParameter.because(
                int(timeout.total_seconds()),
                "VisibilityTimeout",
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
            )

    async def peek(self, limit: int) -> list[Message]:
        """Return up to `limit` messages, the next ones first, and change nothing."""
        kept = oldest_kept(self.attributes, self._clock.now())
        reading = partial(oldest_messages, queue=self.attributes.name, limit=limit, sent_after=kept)
        return await self._store.read(reading)

    async def count(self) -> int:
        """Return how many messages the queue holds."""
        return sum(await self.counts())

    async def counts(self) -> Counts:
        """Return how many messages are visible, in flight and delayed."""
        return await self._store.read(partial(counts, queue=self.attributes, now=self._clock.now()))

    def change_attributes(self, attributes: QueueAttributes) -> None:
        """Go on with other attributes, which are stored elsewhere."""
        self.attributes = attributes
        self.changed_at = self._clock.now()
        self.wake()

    def check_that_it_is_there(self) -> None:
        """Raise QueueDoesNotExist once the queue is deleted."""
        if self.is_deleted:
            raise QueueDoesNotExist

    async def purge(self) -> None:
        """Delete every message that was sent before.

        Raises PurgeQueueInProgress within a minute of another purge.
        """
        now = self._clock.now()
        last = await self._store.write(partial(begin_purge, queue=self.attributes, now=now))
        while await self._store.write(partial(purge_some, queue=self.attributes, last=last, now=now)):
            pass

    async def move_back(
        self, destination: "Queue | None" = None, note: Callable[[int], bool] = lambda _: True
    ) -> int:
        """Move the visible messages of a dead-letter queue to where each came from, or to `destination`.

        Returns how many have been moved; `note` is told now and then, and says whether to go on. Raises
        InvalidParameter when the destination is this queue or one of the other kind.
        """
        if destination is not None:
            check_destination(self.attributes, destination.attributes)
        task = MoveTask(
            self.attributes,
            None if destination is None else destination.attributes,
            {queue.arn: queue.attributes for queue in self._queues.values()},
        )
        moved = 0
        while targets := await self._store.write(
            partial(move_some, task=task, limit=MOVED_AT_ONCE, now=self._clock.now())
        ):
            moved += len(targets)
            for target in self._queues.values() if destination is None else [destination]:
                if target.attributes.name in targets:
                    target.wake()
            if not note(moved):
                break
        return moved

    async def release_leases(self) -> None:
        """At the start: show again what mappings had in hand when the simulator ended."""
        releasing = partial(receipts.release_leases, queue=self.attributes, now=self._clock.now())
        await self._store.write(releasing)
        self.wake()

    async def _receive(
        self, wanted: Receiving, until: datetime | None, is_over: Callable[[], bool] = lambda: False
    ) -> Received:
        """Return what was received as soon as there is something, nothing at `until` or when it is over."""
        while True:
            self.check_that_it_is_there()
            seen = self._arrivals.count
            room = await self._room()
            if not room and not wanted.leased and not self.is_fifo:
                raise OverLimit(self._in_flight_most)
            received = await self._claim(wanted if wanted.limit <= room else replace(wanted, limit=room))
            now = self._clock.now()
            if received.rows or is_over() or (until is not None and now >= until):
                return received
            moments = [moment for moment in (received.next_at, until) if moment is not None]
            await self._arrivals.wait(seen, min(moments, default=None))

    async def _claim(self, wanted: Receiving) -> Received:
        """Receive what there is now; if cancelled meanwhile, give it back before leaving."""
        queue = self._attributes_now()
        if self._faults is not None:
            wanted = self._faults.drawn(wanted, queue)
        operation = partial(receive, queue=queue, wanted=wanted, now=self._clock.now())
        claiming = self._store.ask(operation, brief=self._brevity.is_brief)
        try:
            received = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            await self._undo_claim(claiming)
            raise
        self._brevity.see(len(row.body) for row in received.rows)
        self._in_flight_at_most += len(received.rows)
        self._tell_of_redriven(received)
        if self._faults is not None:
            self._faults.tell(received)
            if received.duplicated:
                self.wake()
        return received

    def _attributes_now(self) -> QueueAttributes:
        """Return the attributes, without a dead-letter queue that is not there any more."""
        policy = self.attributes.redrive_policy
        if policy is None or policy.dead_letter_queue in self._queues:
            return self.attributes
        return replace(self.attributes, redrive_policy=None)

    async def _room(self) -> int:
        """Return how many messages more may be in flight, at least. They are counted seldom."""
        if self._in_flight_at_most >= self._in_flight_most:
            self._in_flight_at_most = (await self.counts()).in_flight
        return max(0, self._in_flight_most - self._in_flight_at_most)

    async def _undo_claim(self, claiming: "asyncio.Future[Received]") -> None:
        try:
            received = await claiming
            found = [
                Receipt(row.sequence, row.receive_count, received.received_at, row.message_id)
                for row in received.rows
            ]
            if found:
                await self._undo(found)
        except StoreError:
            return  # nothing was hidden, or it is visible again after its timeout
        self._tell_of_redriven(received)

    async def _undo(self, found: Sequence[Receipt]) -> None:
        await self._store.write(partial(receipts.give_back, queue=self.attributes, receipts=found))
        self.wake()

    def _tell_of_redriven(self, received: Received) -> None:
        policy = self.attributes.redrive_policy
        if not received.redriven or policy is None:
            return
        if policy.dead_letter_queue in self._queues:
            self._queues[policy.dead_letter_queue].wake()
        if self._feed is not None:
            now = self._clock.now()
            for row in received.redriven:
                target = policy.dead_letter_target_arn
                self._feed.publish(MessageRedriven(now, self.name, row.message_id, row.receive_count, target))

    async def _delete(self, found: Sequence[Receipt]) -> list[receipts.DeleteOutcome]:
        deleting = partial(receipts.delete, queue=self.attributes, receipts=found, now=self._clock.now())
        outcomes = await self._store.write(deleting, brief=self._brevity.is_brief)
        if self.is_fifo or self._in_flight_at_most >= self._in_flight_most:
            self.wake()  # the rest of the groups may follow; there is room for more
        return outcomes


def configured_queues(
    settings: Mapping[str, QueueSettings],
    account: Account,
    store: Store,
    clock: Clock,
    feed: Feed,
    *,
    into: dict[str, Queue] | None = None,
    faults: "Faults | None" = None,
) -> dict[str, Queue]:
    """Return all configured queues by name, added to those given; they know all as dead-letter queues."""
    queues: dict[str, Queue] = {} if into is None else into
    for name, each in settings.items():
        attributes = QueueAttributes.configured(name, each, account)
        queues[name] = Queue(
            name, account, store, clock, attributes=attributes, feed=feed, queues=queues, faults=faults
        )
    return queues


def _queue_faults(faults: "Faults", name: str) -> "QueueFaults":
    from triggers.sqs.queue_faults import QueueFaults  # only where any are declared

    return QueueFaults(faults, name)


def _receipt(handle: str) -> Receipt:
    receipt = from_handle(handle)
    if receipt is None:
        raise ReceiptHandleIsInvalid(handle)
    return receipt


def _expired(handle: str) -> InvalidParameter:
    return InvalidParameter.because(handle, "ReceiptHandle", "The receipt handle has expired.")
