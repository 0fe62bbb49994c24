"""What declared faults do to one queue: duplicates, another order, lost deletes, wake-ups late or lost.

A message meets a duplicate or a lost delete at its first receipt only, and not where the second would already
send it to the dead-letter queue. In a FIFO queue nothing is duplicated or reordered. Deletes are lost of all
messages of a batch that were received for the first time: in a FIFO queue those are the last of each group,
which so keeps its order.
Source: Amazon SQS developer guide, "At-least-once delivery".
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from engine.faults import Faults
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.receipt_handle import Receipt
from triggers.sqs.receive import Received, Receiving


class QueueFaults:
    """The faults as the queue `name` meets them."""

    def __init__(self, faults: Faults, name: str) -> None:
        self._faults = faults
        self._name = name

    def drawn(self, wanted: Receiving, queue: QueueAttributes) -> Receiving:
        """Return a receive with what strikes it."""
        if queue.is_fifo:
            return wanted
        stay_visible = self._faults.duplicated(wanted.limit) if _may_come_again(queue) else frozenset[int]()
        return replace(wanted, stay_visible=stay_visible, order_seed=self._faults.order_seed())

    def tell(self, received: Received) -> None:
        """Tell of what has struck a receive."""
        for message_id in received.duplicated:
            self._faults.tell("duplicate", self._name, message_id)
        if received.is_reordered:
            self._faults.tell("reorder", self._name, f"{len(received.rows)} at once")

    def lost_deletes(self, receipts: Sequence[Receipt], queue: QueueAttributes) -> Sequence[Receipt]:
        """Return the receipts of a mapping's delete that gets lost; their messages show again."""
        first = [receipt for receipt in receipts if receipt.count == 1]
        if not first or not _may_come_again(queue):
            return ()
        return first if self._faults.redelivers(self._name, f"{len(first)} messages") else ()

    def wake_up(self, wake: Callable[[], None]) -> None:
        """Wake those who wait for messages now, later or never."""
        self._faults.wake_up(self._name, wake)


def _may_come_again(queue: QueueAttributes) -> bool:
    return queue.redrive_policy is None or queue.redrive_policy.max_receive_count > 1
