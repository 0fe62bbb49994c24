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
from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class StreamOutcome:
    """`failed_from` is the index of the first record that is not processed, None when all are.

    `function_error` is Lambda's word for an exception, None when the function returned. `state` is the JSON
    of a tumbling window's new state, None when there is none.
    """

    failed_from: int | None
    function_error: str | None = None
    state: bytes | None = None


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
    try:
        answer = orjson.loads(result.payload or b"null")
    except orjson.JSONDecodeError:
        return StreamOutcome(0)
    state = None
    if returns_state:
        state = _state(answer)
        if state is None:
            return StreamOutcome(0)
    failed_from = _failed_from(answer, sequence_numbers) if reports_failures else None
    return StreamOutcome(failed_from, state=None if failed_from == 0 else state)


def _state(answer: Any) -> bytes | None:
    state = answer.get("state") if isinstance(answer, dict) else None
    return orjson.dumps(state) if isinstance(state, dict) else None


def _failed_from(answer: Any, sequence_numbers: Sequence[str]) -> int | None:
    if answer is None or answer in ("", [], {}):
        return None
    if not isinstance(answer, dict):
        return 0
    failures = answer.get("batchItemFailures")
    if failures is None or failures == []:
        return None
    if not isinstance(failures, list):
        return 0
    indices = {number: index for index, number in enumerate(sequence_numbers)}
    lowest = len(sequence_numbers)
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        index = indices.get(identifier) if isinstance(identifier, str) else None
        if index is None:
            return 0
        lowest = min(lowest, index)
    return lowest
