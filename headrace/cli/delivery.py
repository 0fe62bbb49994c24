"""Handing many messages or records to a queue, a topic or a stream, portion by portion, and counting them."""

from collections.abc import Iterable
from typing import Any

from engine.clock import run
from headrace.config import Configuration
from headrace.operations import OperationRefused, in_portions, open_operations

# What an operation calls the items, and its answers to them.
KEYS = {
    "send": ("messages", "message_ids"),
    "publish": ("messages", "message_ids"),
    "put_records": ("records", "records"),
}


class Delivery:
    """`taken` is what the operation answered for each item so far, in order.

    `arguments` are those of the operation without the items, `noun` is what an item is called in messages.
    """

    def __init__(
        self, configuration: Configuration, operation: str, arguments: dict[str, Any], noun: str
    ) -> None:
        self.taken: list[Any] = []
        self._configuration = configuration
        self._operation, self._arguments, self._noun = operation, arguments, noun
        self._items_key, self._results_key = KEYS[operation]

    def deliver(self, items: Iterable[dict[str, Any]]) -> None:
        """Return when all items are taken. Raises OperationRefused, with the number of the item.

        The items of a portion are taken together or not at all; those of the portions before it stay taken.
        """
        run(self._deliver(items))

    async def _deliver(self, items: Iterable[dict[str, Any]]) -> None:
        async with open_operations(self._configuration) as operate:
            for portion in in_portions(items):
                try:
                    answer = await operate(self._operation, self._arguments | {self._items_key: portion})
                except OperationRefused as error:
                    raise self._numbered(error, len(portion)) from error
                self.taken += answer[self._results_key]

    def _numbered(self, error: OperationRefused, portion: int) -> OperationRefused:
        """Name the item, unless it is the only one."""
        if error.index is None or len(self.taken) + portion == 1:
            return error
        number = len(self.taken) + error.index + 1
        return OperationRefused(f"{self._noun} {number}: {error}", error.index)
