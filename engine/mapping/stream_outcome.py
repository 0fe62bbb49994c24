"""What a function's answer says of a batch of a stream: where processing has to go on.

The lowest sequence number among `batchItemFailures` is a checkpoint: what lies before it is processed. An
answer that names no record of the batch, or is of no known form, fails the whole batch.
Source: Lambda developer guide, "Configuring partial batch response with Kinesis Data Streams and Lambda";
recorded in LocalStack's test_kinesis_report_batch_item_failure_scenarios and ..._success_scenarios.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from engine.functions.invocation import InvocationResult
from engine.mapping.partial_response import SenselessAnswer, failed_ids, parsed
from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class StreamOutcome:
    """`failed_from` is the index of the first record that is not processed, None when all are.

    `function_error` is Lambda's word for an exception, None when the function returned. `state` is the JSON
    of a tumbling window's new state, None when there is none. `problem` says why an answer made no sense.
    """

    failed_from: int | None
    function_error: str | None = None
    state: bytes | None = None
    problem: str | None = None


def read_answer(
    result: InvocationResult,
    sequence_numbers: Sequence[str],
    *,
    reports_failures: bool,
    returns_state: bool,
) -> StreamOutcome:
    """Read an answer. `sequence_numbers` are those of the batch, in order; it may be empty.

    `reports_failures`: the mapping has `ReportBatchItemFailures`; without it any return is a success.
    `returns_state`: the mapping has a tumbling window; an answer without a `state` fails the batch.
    """
    if result.function_error is not None:
        return StreamOutcome(0, result.function_error)
    if not reports_failures and not returns_state:
        return StreamOutcome(None)
    indices = {number: index for index, number in enumerate(sequence_numbers)}
    try:
        answer = parsed(result.payload)
        failed = failed_ids(answer, indices) if reports_failures else set()
    except SenselessAnswer as problem:
        return StreamOutcome(0, problem=str(problem))
    state = _state(answer) if returns_state else None
    if returns_state and state is None:
        return StreamOutcome(0)
    failed_from = min((indices[number] for number in failed), default=None)
    return StreamOutcome(failed_from, state=None if failed_from == 0 else state)


def _state(answer: Any) -> bytes | None:
    state = answer.get("state") if isinstance(answer, dict) else None
    return orjson.dumps(state) if isinstance(state, dict) else None
