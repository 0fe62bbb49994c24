"""Which messages of a batch are done after an invocation.

Source: Lambda developer guide, "Handling errors for an SQS event source"; the forms of a partial batch
response as recorded on AWS by LocalStack's test_report_batch_item_failures.
"""

from collections.abc import Sequence

import orjson

from engine.functions.invocation import InvocationResult
from engine.mapping.source import QueueMessage
from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class QueueOutcome:
    """`succeeded` messages are to be deleted, `failed` ones show again; both keep the order of the batch."""

    succeeded: Sequence[QueueMessage]
    failed: Sequence[QueueMessage]


def judge(
    messages: Sequence[QueueMessage], answer: InvocationResult, *, reports_failures: bool
) -> QueueOutcome:
    """Decide what became of a batch.

    After a function error all of it failed. Otherwise all of it succeeded, unless the mapping
    `reports_failures` and the response names some of the messages, or makes no sense.
    """
    if answer.function_error is not None:
        return QueueOutcome((), messages)
    if not reports_failures:
        return QueueOutcome(messages, ())
    failed = failed_ids(answer.payload, {message.message_id for message in messages})
    if not failed:
        return QueueOutcome(messages, ()) if failed is not None else QueueOutcome((), messages)
    return QueueOutcome(
        [message for message in messages if message.message_id not in failed],
        [message for message in messages if message.message_id in failed],
    )


def failed_ids(response: bytes, known: set[str]) -> set[str] | None:
    """Return the `itemIdentifier`s of a partial batch response, None when all of the batch failed.

    An empty response of any kind names none. A response that is not JSON, of another form, or that names
    something else than the `known` ids fails the whole batch.
    """
    if not response:
        return set()
    try:
        parsed = orjson.loads(response)
    except orjson.JSONDecodeError:
        return None
    if parsed is None or parsed in ("", [], {}):
        return set()
    if not isinstance(parsed, dict):
        return None
    items = parsed.get("batchItemFailures")
    if items is None:
        return set()
    if not isinstance(items, list):
        return None
    ids: set[str] = set()
    for item in items:
        name = item.get("itemIdentifier") if isinstance(item, dict) else None
        if not isinstance(name, str) or name not in known:
            return None
        ids.add(name)
    return ids
