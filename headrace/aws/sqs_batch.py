"""Batches of SQS: up to ten entries, each with an id by which the answer speaks of it.

Source: the service model sqs 2012-11-05; texts as recorded on AWS.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from headrace.aws.json_protocol import Input
from headrace.aws.sqs_shapes import required_text
from triggers.sqs.errors import (
    BatchEntryIdsNotDistinct,
    EmptyBatchRequest,
    InvalidBatchEntryId,
    QueueError,
    TooManyEntriesInBatchRequest,
)

ENTRIES_MOST = 10
ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def entries(given: Input, kind: str) -> dict[str, Input]:
    """Return the entries of a batch by their ids. Raises QueueError for a batch that SQS refuses as a whole.

    `kind` is the service model's name of an entry.
    """
    listed = given.structures("Entries")
    if not listed:
        raise EmptyBatchRequest(kind)
    if len(listed) > ENTRIES_MOST:
        raise TooManyEntriesInBatchRequest(ENTRIES_MOST, len(listed))
    found: dict[str, Input] = {}
    for entry in listed:
        identity = required_text(entry, "Id")
        if not ENTRY_ID.fullmatch(identity):
            raise InvalidBatchEntryId
        if identity in found:
            raise BatchEntryIdsNotDistinct(identity)
        found[identity] = entry
    return found


def failure_shape(identity: str, error: QueueError) -> dict[str, Any]:
    """Return what is said of an entry that was refused."""
    text = str(error).replace("parameters are invalid. Reason", "parameters cannot be validated. Reason")
    return {"Id": identity, "SenderFault": True, "Code": error.query_code, "Message": text}


async def settle_each(
    found: Mapping[str, Input], settle: Callable[[Input], Awaitable[None]]
) -> dict[str, list[dict[str, Any]]]:
    """Settle each entry; return the answer of DeleteMessageBatch or ChangeMessageVisibilityBatch."""

    async def outcome(entry: Input) -> QueueError | None:
        try:
            await settle(entry)
        except QueueError as error:
            return error
        return None

    # At once, so that they are stored in one transaction.
    outcomes = await asyncio.gather(*map(outcome, found.values()))
    both = list(zip(found, outcomes, strict=True))
    return answer(
        [{"Id": identity} for identity, error in both if error is None],
        [failure_shape(identity, error) for identity, error in both if error is not None],
    )


def answer(successful: list[dict[str, Any]], failed: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the answer of a batch, in which empty lists are left out [recorded]."""
    both = {"Successful": successful, "Failed": failed}
    return {name: listed for name, listed in both.items() if listed}
