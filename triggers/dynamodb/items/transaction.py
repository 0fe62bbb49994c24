"""Transactions over several items: all of the writes are done, or none.

Source: DynamoDB API reference, TransactWriteItems and TransactGetItems.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from engine.errors import ValidationFailed
from engine.value import dataclass
from triggers.dynamodb.capture import transaction
from triggers.dynamodb.errors import ConditionalCheckFailed, TransactionCanceled
from triggers.dynamodb.items.item_table import Check, ReadLayout, Write, Written, apply

NO_REASON: Mapping[str, Any] = {"Code": "None"}


@dataclass(frozen=True, slots=True)
class Step:
    """One action of a transaction, on a table in the database of a connection."""

    connection: sqlite3.Connection
    read_layout: ReadLayout
    action: Write | Check


def transact(steps: Sequence[Step]) -> list[Written]:
    """Do all steps, in one transaction of each database.

    Raises TransactionCanceled: nothing was written then.
    """
    reasons: list[Mapping[str, Any]] = []
    done: list[Written] = []
    for step in steps:
        step.read_layout(step.connection)  # which may have to make the table
    with ExitStack() as stack:
        for connection in dict.fromkeys(step.connection for step in steps):
            stack.enter_context(transaction(connection))
        for step in steps:
            reason = NO_REASON
            try:
                done.append(apply(step.connection, step.read_layout(step.connection), step.action))
            except ConditionalCheckFailed as error:
                reason = {"Code": "ConditionalCheckFailed", "Message": str(error)}
                if error.item is not None:
                    reason |= {"Item": error.item}
            except ValidationFailed as error:
                reason = {"Code": "ValidationError", "Message": str(error)}
            reasons.append(reason)
        if any(reason is not NO_REASON for reason in reasons):
            raise TransactionCanceled(reasons)
    return done
