"""Which messages of a batch are done after an invocation.

Source: Lambda developer guide, "Handling errors for an SQS event source"; the forms of a partial batch
response as recorded on AWS by LocalStack's test_report_batch_item_failures.
"""

from collections.abc import Sequence

from engine.functions.invocation import InvocationResult
from engine.mapping.partial_response import SenselessAnswer, failed_ids, parsed
from engine.mapping.source import QueueMessage
from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class QueueOutcome:
    """`succeeded` messages are to be deleted, `failed` ones show again; both keep the order of the batch.

    `problem` says why a response made no sense, so that all of the batch failed.
    """

    succeeded: Sequence[QueueMessage]
    failed: Sequence[QueueMessage]
    problem: str | None = None


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
    try:
        failed = failed_ids(parsed(answer.payload), {message.message_id for message in messages})
    except SenselessAnswer as problem:
        return QueueOutcome((), messages, str(problem))
    return QueueOutcome(
        [message for message in messages if message.message_id not in failed],
        [message for message in messages if message.message_id in failed],
    )
