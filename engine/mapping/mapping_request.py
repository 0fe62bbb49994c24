"""Decides whether a request to make or change an event source mapping is granted.

Lambda looks at the parameters first, then for the function, then for the source.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.arn import Account
from engine.errors import InvalidParameterValue
from engine.mapping.function_reference import FunctionReference, parse_reference
from engine.mapping.mapping_loop import Resources
from engine.mapping.mapping_state import EventSourceMapping, source_of_arn
from engine.mapping.parameters import QUEUES, MappedSource, is_empty, with_defaults
from engine.mapping.validation import Surroundings, find_problems, refusal
from engine.value import dataclass

NOT_SIMULATED_SERVICES = {"kafka": "Amazon MSK", "mq": "Amazon MQ", "rds": "Amazon DocumentDB"}
NO_FUNCTION = "Function does not exist"
NO_QUEUE = (
    "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
    "SQS Error Message: The specified queue does not exist."
)


@dataclass(frozen=True, slots=True)
class Granted:
    """A request that is granted. `params` are all that the mapping has now, with their defaults."""

    function: FunctionReference
    params: dict[str, Any]


def grant(
    params: Mapping[str, Any],
    current: EventSourceMapping | None,
    resources: Resources,
    account: Account,
    now: datetime,
) -> Granted:
    """Check a request to create a mapping, or to update the `current` one.

    Raises the ApiError that Lambda answers with.
    """
    arn = params.get("EventSourceArn") if current is None else current.source_arn
    arn = arn if isinstance(arn, str) else ""
    service = arn.split(":")[2] if arn.count(":") >= 2 else ""
    if service in NOT_SIMULATED_SERVICES:
        raise InvalidParameterValue(f"{NOT_SIMULATED_SERVICES[service]} is not simulated by Headrace.")
    source = source_of_arn(arn)
    name = params.get("FunctionName") or ("" if current is None else current.function_arn)
    function = parse_reference(name, account) if isinstance(name, str) else None
    timeout = None if function is None else resources.timeout_of(function.name, function.qualifier)
    queue = resources.queue_of(arn)
    problems = find_problems(
        "create" if current is None else "update",
        source,
        params,
        current=None if current is None else current.params,
        around=Surroundings(
            now,
            None if queue is None else int(queue.visibility_timeout.total_seconds()),
            None if timeout is None else int(timeout.total_seconds()),
        ),
    )
    if (error := refusal(problems)) is not None:
        raise error
    assert source is not None, "an unknown source is a problem"
    if function is None or timeout is None:
        raise InvalidParameterValue(NO_FUNCTION)
    _check_source(source, arn, resources)
    _check_destination(params, resources)
    merged = with_defaults(source, {**({} if current is None else current.params), **_given(params)})
    return Granted(function, {**merged, "EventSourceArn": arn})


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _check_source(source: MappedSource, arn: str, resources: Resources) -> None:
    if source in QUEUES and resources.queue_of(arn) is None:
        raise InvalidParameterValue(NO_QUEUE)
    if source not in QUEUES and resources.stream_of(arn) is None:
        raise InvalidParameterValue(f"Stream not found: {arn}")


def _check_destination(params: Mapping[str, Any], resources: Resources) -> None:
    config = params.get("DestinationConfig")
    if is_empty(config) or config is None:
        return
    arn = (config.get("OnFailure") or {}).get("Destination")
    if arn and resources.destination_of(arn) is None:
        raise InvalidParameterValue(f"The destination ARN {arn} is invalid.")
