"""One invocation for records of a stream, and what its answer means for them."""

from collections.abc import Sequence

from engine.errors import HeadraceError
from engine.feed import InvocationThrottled
from engine.functions.invocation import Invocation, InvocationResult, Throttled
from engine.invocation.event import new_request_id
from engine.mapping.failure_record import LastAnswer
from engine.mapping.payload import PAYLOAD_BYTES
from engine.mapping.stream_job import StreamJob
from engine.mapping.stream_outcome import read_answer
from engine.mapping.stream_record import ReadyRecord, records_event
from engine.mapping.stream_retry import (
    Again,
    Bisect,
    Done,
    GiveUp,
    Piece,
    RetryReason,
    StreamRetryLimits,
    after_answer,
    after_refusal,
)
from engine.value import dataclass

TOO_LARGE_STATUS = 413


@dataclass(frozen=True, slots=True)
class StreamAttempt:
    """How an invocation went on. `answer` is None when the function could not be run.

    `state` is the new state of the tumbling window, None when there is none.
    """

    step: Done | Again | Bisect | GiveUp
    request_id: str
    answer: LastAnswer | None = None
    state: bytes | None = None


async def attempt(
    job: StreamJob,
    records: Sequence[ReadyRecord],
    piece: Piece,
    members: bytes,
    limits: StreamRetryLimits,
    request_id: str | None,
) -> StreamAttempt:
    """Invoke the function with some records and decide what becomes of them.

    `members` are what the event has besides the records. Each invocation has a request id of its own, the
    first one of a batch that which is given.
    """
    request_id = request_id or new_request_id()
    event = records_event(records, members)
    if len(event) > PAYLOAD_BYTES and len(records) == 1:
        job.notice(
            f"record {records[0].sequence_number} makes an event of {len(event)} bytes, more than an "
            f"invocation takes ({PAYLOAD_BYTES}): it is given up"
        )
        answer = LastAnswer(request_id, None, status_code=TOO_LARGE_STATUS)
        return StreamAttempt(GiveUp(0, piece.attempts + 1, "RetryAttemptsExhausted"), request_id, answer)
    result = await _invoke(
        job,
        Invocation(
            request_id,
            event,
            source=job.source.name,
            attempt=piece.attempts + 1,
            qualifier=job.qualifier,
        ),
    )
    if not isinstance(result, InvocationResult):
        job.last_processing_result = "PROBLEM: Function call failed"
        return StreamAttempt(after_refusal(piece, result, job.now), request_id)
    outcome = read_answer(
        result,
        [record.sequence_number for record in records] if job.settings.reports_failures else (),
        reports_failures=job.settings.reports_failures,
        returns_state=job.settings.tumbling_window is not None,
    )
    failed = outcome.failed_from == 0
    reason: RetryReason = "function_error" if outcome.function_error else "batch_item_failures"
    if outcome.problem is not None:
        reason = "senseless_answer"
        job.notice(f"{outcome.problem}: all of the batch counts as failed")
    job.last_processing_result = "PROBLEM: Function call failed" if failed else "OK"
    step = after_answer(piece, outcome.failed_from, reason, job.now, limits)
    answer = LastAnswer(request_id, outcome.function_error, result.executed_version)
    return StreamAttempt(step, request_id, answer, outcome.state)


async def _invoke(job: StreamJob, invocation: Invocation) -> InvocationResult | RetryReason:
    """Run the function; return why it could not be run when it could not."""
    try:
        result = await job.runner.invoke(job.function, invocation)
    except (HeadraceError, OSError) as error:
        job.invoking.note(error)
        return "system_error"
    job.invoking.is_over()
    if isinstance(result, Throttled):
        job.publish(
            InvocationThrottled(job.now, job.function, invocation.request_id, job.source.name, result.reason)
        )
        return "throttled"
    return result
