"""Reads and writes single items of one table, on the thread of the connection that is given.

What has a condition, or shows what was there before, is one transaction with the look at the item.
Source: DynamoDB API reference, GetItem, PutItem, UpdateItem and DeleteItem.
"""

import sqlite3
from collections.abc import Callable, Mapping

from engine.errors import ValidationFailed
from engine.value import dataclass
from triggers.dynamodb.attribute_value import AttributeValue
from triggers.dynamodb.capture import transaction
from triggers.dynamodb.errors import ConditionalCheckFailed
from triggers.dynamodb.expression.evaluation import holds
from triggers.dynamodb.expression.tree import Change, Condition
from triggers.dynamodb.expression.update import updated
from triggers.dynamodb.items.item_check import check_item, check_key
from triggers.dynamodb.items.layout import Item, Layout
from triggers.dynamodb.items.value_check import INVALID, item_size
from triggers.dynamodb.items.value_order import is_same

ReadLayout = Callable[[sqlite3.Connection], Layout]


@dataclass(frozen=True, slots=True)
class Guard:
    """What must hold for a write. `shows_item`: the error for an item for which it does not, shows it."""

    condition: Condition | None = None
    shows_item: bool = False

    def check(self, item: Item | None) -> None:
        """Raise ConditionalCheckFailed unless the condition holds; None stands for no item."""
        if self.condition is not None and not holds(self.condition, item or {}):
            raise ConditionalCheckFailed(item if self.shows_item else None)


@dataclass(frozen=True, slots=True)
class Put:
    """An item to write, in place of the one with its key."""

    item: Item
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class Update:
    """Changes to make to the item with a key, which is made when it is not there."""

    key: Item
    changes: tuple[Change, ...]
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class Delete:
    """The key of an item to delete."""

    key: Item
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class Check:
    """The key of an item that a transaction looks at only."""

    key: Item
    guard: Guard


Write = Put | Update | Delete


@dataclass(frozen=True, slots=True)
class Written:
    """An item before and after a write, None where there was or is none. Not known of an unread `old`."""

    old: Item | None
    new: Item | None

    @property
    def size(self) -> int:
        """The size of the larger of the two, in bytes, which is what a write is counted by."""
        return max(item_size(self.old or {}), item_size(self.new or {}))


def get(connection: sqlite3.Connection, layout: Layout, key: Mapping[str, AttributeValue]) -> Item | None:
    """Return an item, None when there is none. Raises ValidationFailed for what is no key of the table."""
    check_key(layout.definition, key)
    return layout.get(connection, key)


def write(
    connection: sqlite3.Connection, read_layout: ReadLayout, action: Write, *, shows_old: bool
) -> Written:
    """Do a write by itself; without `shows_old` the item may stay unread.

    Raises ValidationFailed, and ConditionalCheckFailed: nothing was written then.
    """
    layout = read_layout(connection)
    if isinstance(action, Put) and action.guard.condition is None and not shows_old:
        check_item(layout.definition, action.item)
        layout.put(connection, action.item)
        return Written(None, action.item)
    with transaction(connection):
        return apply(connection, read_layout(connection), action)


def apply(connection: sqlite3.Connection, layout: Layout, action: Write | Check) -> Written:
    """Do a write within a transaction. Raises as `write` does."""
    definition = layout.definition
    match action:
        case Put(item, guard):
            check_item(definition, item)
            old = layout.get(connection, item)
            guard.check(old)
            layout.put(connection, item)
            return Written(old, item)
        case Delete(key, guard):
            check_key(definition, key)
            old = layout.get(connection, key)
            guard.check(old)
            if old is not None:
                layout.delete(connection, key)
            return Written(old, None)
        case Check(key, guard):
            check_key(definition, key)
            old = layout.get(connection, key)
            guard.check(old)
            return Written(old, old)
        case Update():
            return _update(connection, layout, action)


def _update(connection: sqlite3.Connection, layout: Layout, action: Update) -> Written:
    key, definition = action.key, layout.definition
    check_key(definition, key)
    for change in action.changes:
        if change.path.parts[0] in key:
            raise ValidationFailed(
                f"{INVALID}Cannot update attribute {change.path.parts[0]}. This attribute is part of the key"
            )
    old = layout.get(connection, key)
    action.guard.check(old)
    new = updated(key if old is None else old, action.changes)
    check_item(definition, new, "Item size to update has")
    if old is None:
        layout.put(connection, new)
    elif not is_same({"M": old}, {"M": new}):
        layout.change(connection, old, new)
    return Written(old, new)
