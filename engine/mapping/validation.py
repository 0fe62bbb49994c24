"""What Lambda checks before it makes or changes an event source mapping.

Lambda tells of one problem, after those of its service model; a configuration is told of all of them.
Messages are as recorded on AWS by LocalStack's test suites; where none is recorded they follow that style.
Source: Lambda API reference, CreateEventSourceMapping; developer guide, the page of each source.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from engine.errors import ApiError, InvalidParameterValue, ValidationFailed
from engine.mapping.filter_criteria import INVALID_FILTER, InvalidFilter, Source, compile_criteria
from engine.mapping.parameters import (
    FILTERS,
    LARGEST_BATCH_WITHOUT_WINDOW,
    LARGEST_FIFO_BATCH,
    MEMBERS,
    PARAMETERS,
    PATTERN_CHARACTERS,
    QUEUES,
    SHORTEST_RECORD_AGE,
    STREAMS,
    Form,
    MappedSource,
    Parameter,
    is_empty,
    with_defaults,
)
from engine.value import dataclass

Operation = Literal["create", "update"]
Place = tuple[str | int, ...]

NOT_SIMULATED = "is an option of Lambda's that is not simulated: remove it"
UNRECOGNIZED_SOURCE = "Unrecognized event source."
DESTINATION = re.compile(r"arn:aws[a-zA-Z-]*:(?:sqs|sns):[^:]+:\d{12}:.+|arn:aws[a-zA-Z-]*:s3:::.+")
TYPES: Mapping[Form, tuple[type, ...]] = {
    "integer": (int,),
    "boolean": (bool,),
    "string": (str,),
    "timestamp": (int, float),
    "list": (list, tuple),
    "structure": (dict,),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a mapping is refused.

    `place` leads to the parameter, by AWS's names. `message` is what Lambda says; for a constraint of the
    service model (code ValidationException) only its clause, because Lambda puts several into one message.
    `explanation` is for the reader of a configuration.
    """

    place: Place
    code: Literal["InvalidParameterValueException", "ValidationException"]
    message: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else a mapping is checked against, as far as it is known."""

    now: datetime | None = None
    visibility_timeout_seconds: int | None = None
    function_timeout_seconds: int | None = None


def find_problems(
    operation: Operation,
    source: MappedSource | None,
    params: Mapping[str, Any],
    *,
    current: Mapping[str, Any] | None = None,
    around: Surroundings | None = None,
) -> list[Problem]:
    """Return every reason to refuse a request, those of the service model first.

    `source` is None when the request names no source that exists. For an update, `current` has the
    parameters that the mapping has: what is not in `params` stays.
    """
    around = around or Surroundings()
    given = {name: value for name, value in params.items() if value is not None}
    problems = list(_model_problems(given))
    wrong = {problem.place[0] for problem in problems}
    usable = {name: value for name, value in given.items() if name not in wrong}
    if source is None:
        unrecognized = _problem(("EventSourceArn",), UNRECOGNIZED_SOURCE)
        return [*problems, unrecognized, *_not_simulated(usable)]
    problems += _not_simulated(usable)
    problems += _not_for_this_source(source, usable)
    if operation == "update":
        problems += _not_changeable(usable)
    merged = with_defaults(source, {**(current or {}), **usable})
    problems += _filter_problems(source, usable.get("FilterCriteria"))
    if source in STREAMS:
        problems += _stream_problems(operation, source, usable, merged, around, wrong)
    else:
        problems += _queue_problems(source, merged, around)
    return problems


def refusal(problems: list[Problem]) -> ApiError | None:
    """Return the error Lambda answers with, None when there is no problem."""
    clauses = [problem.message for problem in problems if problem.code == "ValidationException"]
    if clauses:
        detected = "error" if len(clauses) == 1 else "errors"
        return ValidationFailed(f"{len(clauses)} validation {detected} detected: {'; '.join(clauses)}")
    return InvalidParameterValue(problems[0].message) if problems else None


def _problem(place: Place, message: str, explanation: str | None = None) -> Problem:
    return Problem(place, "InvalidParameterValueException", message, explanation or message)


def _constraint(place: Place, value: Any, rule: str, explanation: str) -> Problem:
    shown = f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else value
    path = ".".join(
        f"{part + 1}.member" if isinstance(part, int) else part[:1].lower() + part[1:] for part in place
    )
    message = f"Value '{shown}' at '{path}' failed to satisfy constraint: Member must {rule}"
    return Problem(place, "ValidationException", message, explanation)


def _model_problems(given: Mapping[str, Any]) -> Iterator[Problem]:
    """Check each value by itself: its type, its range, its place among those that are allowed."""
    for name, value in given.items():
        if name in PARAMETERS:
            yield from _value_problems((name,), PARAMETERS[name], value)
        if isinstance(value, dict):
            for member, parameter in MEMBERS.get(name, {}).items():
                if value.get(member) is not None:
                    yield from _value_problems((name, member), parameter, value[member])
    criteria = given.get("FilterCriteria")
    for index, pattern in enumerate(_patterns(criteria) if isinstance(criteria, dict) else ()):
        if isinstance(pattern, str) and len(pattern) > PATTERN_CHARACTERS:
            yield _constraint(
                ("FilterCriteria", "Filters", index, "Pattern"),
                pattern,
                f"have length less than or equal to {PATTERN_CHARACTERS}",
                f"{PATTERN_CHARACTERS} characters are the most, got {len(pattern)}",
            )


def _value_problems(place: Place, parameter: Parameter, value: Any) -> Iterator[Problem]:
    if not _has_form(value, parameter.form):
        yield _constraint(
            place, value, f"be of type {parameter.form}", f"needs a {parameter.form}, got {value!r}"
        )
    elif parameter.least is not None and value < parameter.least:
        yield _constraint(
            place,
            value,
            f"have value greater than or equal to {parameter.least}",
            f"{parameter.least} is the least, got {value!r}",
        )
    elif parameter.most is not None and value > parameter.most:
        yield _constraint(
            place,
            value,
            f"have value less than or equal to {parameter.most}",
            f"{parameter.most} is the most, got {value!r}",
        )
    elif parameter.allowed:
        yield from _choice_problems(place, parameter, value)


def _has_form(value: object, form: Form) -> bool:
    is_flag = isinstance(value, bool)
    return isinstance(value, TYPES[form]) and is_flag == (form == "boolean")


def _choice_problems(place: Place, parameter: Parameter, value: Any) -> Iterator[Problem]:
    rule = f"satisfy enum value set: [{', '.join(parameter.allowed)}]"
    explanation = f"allowed: {', '.join(parameter.allowed)}; got {value!r}"
    if isinstance(value, str):
        if value not in parameter.allowed:
            yield _constraint(place, value, rule, explanation)
        return
    if any(element not in parameter.allowed for element in value):
        yield _constraint(place, value, f"satisfy constraint: [Member must {rule}]", explanation)
    elif len(value) > len(parameter.allowed):
        most = len(parameter.allowed)
        yield _constraint(
            place,
            value,
            f"have length less than or equal to {most}",
            f"{most} is the most, got {len(value)}",
        )


def _not_simulated(given: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in given.items():
        if name not in PARAMETERS and not is_empty(value):
            yield _problem((name,), f"{name} is not simulated by Headrace.", NOT_SIMULATED)
    group = given.get("ProvisionedPollerConfig", {}).get("PollerGroupName")
    if group:
        place = ("ProvisionedPollerConfig", "PollerGroupName")
        yield _problem(place, "PollerGroupName is not simulated by Headrace.", NOT_SIMULATED)


def _not_for_this_source(source: MappedSource, given: Mapping[str, Any]) -> Iterator[Problem]:
    kind = "a queue" if source in QUEUES else "a stream"
    for name, value in given.items():
        parameter = PARAMETERS.get(name)
        if parameter is not None and source not in parameter.sources and not is_empty(value):
            yield _problem(
                (name,),
                f"Unsupported {name} parameter for given event source mapping type.",
                f"{kind} has no such option: remove it",
            )
    if source in STREAMS and not is_empty(given.get("DestinationConfig", {}).get("OnSuccess")):
        yield _problem(
            ("DestinationConfig", "OnSuccess"),
            "Unsupported DestinationConfig parameter for given event source mapping type.",
            "an event source mapping has no on-success destination: remove it",
        )


def _not_changeable(given: Mapping[str, Any]) -> Iterator[Problem]:
    for name in given:
        if name in PARAMETERS and PARAMETERS[name].fixed:
            yield _problem((name,), f"{name} cannot be changed: create another event source mapping.")


def _patterns(criteria: Mapping[str, Any]) -> list[Any]:
    filters = criteria.get("Filters")
    if not isinstance(filters, list | tuple):
        return []
    return [each.get("Pattern") if isinstance(each, dict) else None for each in filters]


def _filter_problems(source: MappedSource, criteria: Mapping[str, Any] | None) -> Iterator[Problem]:
    patterns = _patterns(criteria or {})
    if len(patterns) > FILTERS:
        yield _problem(
            ("FilterCriteria", "Filters"),
            f"The number of filters exceeds the limit of {FILTERS}.",
            f"{FILTERS} filters are the most, got {len(patterns)}",
        )
    kind: Source = "sqs" if source in QUEUES else "kinesis" if source == "kinesis" else "dynamodb"
    for index, pattern in enumerate(patterns):
        place = ("FilterCriteria", "Filters", index, "Pattern")
        if not isinstance(pattern, str):
            yield _problem(place, INVALID_FILTER, "the JSON text of an event pattern is needed")
            continue
        try:
            compile_criteria(kind, [pattern])
        except InvalidFilter as invalid:
            yield _problem(place, INVALID_FILTER, f"{INVALID_FILTER} {invalid.problem.reason}")


def _queue_problems(
    source: MappedSource, merged: Mapping[str, Any], around: Surroundings
) -> Iterator[Problem]:
    size, window = merged["BatchSize"], merged["MaximumBatchingWindowInSeconds"]
    if source == "sqs-fifo" and window > 0:
        yield _problem(
            ("MaximumBatchingWindowInSeconds",),
            "Batching window is not supported for FIFO queues.",
            f"a FIFO queue has no batching window, got {window}",
        )
    if size > LARGEST_BATCH_WITHOUT_WINDOW and window == 0:
        text = (
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than "
            f"{LARGEST_BATCH_WITHOUT_WINDOW}"
        )
        yield _problem(("BatchSize",), text, f"{text}; got batch size {size} and no window")
    elif source == "sqs-fifo" and size > LARGEST_FIFO_BATCH:
        text = f"Maximum batch size for FIFO queues is {LARGEST_FIFO_BATCH}."
        yield _problem(("BatchSize",), text, f"{LARGEST_FIFO_BATCH} is the most for a FIFO queue, got {size}")
    yield from _poller_problems(merged)
    visibility, timeout = around.visibility_timeout_seconds, around.function_timeout_seconds
    if visibility is not None and timeout is not None and visibility < timeout:
        text = (
            f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
        )
        hint = "raise the queue's visibility_timeout, or lower the function's timeout"
        yield _problem(("EventSourceArn",), text, f"{text}: {hint}")


def _poller_problems(merged: Mapping[str, Any]) -> Iterator[Problem]:
    pollers = merged.get("ProvisionedPollerConfig")
    if pollers is None:
        return
    if "ScalingConfig" in merged:
        yield _problem(
            ("ProvisionedPollerConfig",),
            "ScalingConfig and ProvisionedPollerConfig cannot be used together.",
            "provisioned_poller_config and scaling_config exclude each other",
        )
    least, most = pollers["MinimumPollers"], pollers["MaximumPollers"]
    for name, value in (("MinimumPollers", least), ("MaximumPollers", most)):
        if value < 2:
            text = f"{name} must be at least 2 for SQS event source mappings."
            yield _problem(("ProvisionedPollerConfig", name), text, f"2 is the least, got {value}")
    if least > most:
        yield _problem(
            ("ProvisionedPollerConfig", "MinimumPollers"),
            "MinimumPollers must be less than or equal to MaximumPollers.",
            f"no more than the maximum pollers ({most}), got {least}",
        )


def _stream_problems(
    operation: Operation,
    source: MappedSource,
    given: Mapping[str, Any],
    merged: Mapping[str, Any],
    around: Surroundings,
    wrong: set[str | int],
) -> Iterator[Problem]:
    if operation == "create" and "StartingPosition" not in wrong:
        yield from _position_problems(source, given, around)
    age = merged["MaximumRecordAgeInSeconds"]
    if age != -1 and age < SHORTEST_RECORD_AGE:
        yield _problem(
            ("MaximumRecordAgeInSeconds",),
            f"Maximum record age in seconds must be -1, or between {SHORTEST_RECORD_AGE} and 604800.",
            f"-1 for no limit, or {SHORTEST_RECORD_AGE} at least, got {age}",
        )
    if merged["TumblingWindowInSeconds"] > 0 and merged["ParallelizationFactor"] > 1:
        yield _problem(
            ("ParallelizationFactor",),
            "Parallelization factor must be 1 if a tumbling window is used.",
            f"1 is the most with a tumbling window, got {merged['ParallelizationFactor']}",
        )
    yield from _destination_problems(merged["DestinationConfig"])


def _position_problems(
    source: MappedSource, given: Mapping[str, Any], around: Surroundings
) -> Iterator[Problem]:
    position, timestamp = given.get("StartingPosition"), given.get("StartingPositionTimestamp")
    if position is None:
        text = (
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
            "Member must not be null."
        )
        hint = 'is required: "TRIM_HORIZON" reads what is there, "LATEST" only what comes'
        yield _problem(("StartingPosition",), text, f"{hint} (Lambda: {text})")
    elif position == "AT_TIMESTAMP" and source == "dynamodb":
        arn = given.get("EventSourceArn", "")
        text = f"Unsupported starting position for arn type: {arn}"
        yield _problem(("StartingPosition",), text, "a table's stream has TRIM_HORIZON and LATEST only")
    elif position == "AT_TIMESTAMP" and timestamp is None:
        text = "StartingPositionTimestamp is required when StartingPosition is AT_TIMESTAMP."
        yield _problem(("StartingPositionTimestamp",), text, "is required with AT_TIMESTAMP")
    elif position != "AT_TIMESTAMP" and timestamp is not None:
        text = "StartingPositionTimestamp can only be used when StartingPosition is AT_TIMESTAMP."
        hint = 'goes with starting_position = "AT_TIMESTAMP" only'
        yield _problem(("StartingPositionTimestamp",), text, hint)
    elif timestamp is not None and around.now is not None and timestamp > around.now.timestamp():
        text = "StartingPositionTimestamp cannot be in the future."
        yield _problem(("StartingPositionTimestamp",), text, "must not be in the future")


def _destination_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    on_failure = config.get("OnFailure") or {}
    arn = on_failure.get("Destination")
    if not arn:
        return
    place = ("DestinationConfig", "OnFailure", "Destination")
    text = f"The destination ARN {arn} is invalid."
    if not isinstance(arn, str) or (arn.startswith("arn:") and not DESTINATION.fullmatch(arn)):
        yield _problem(place, text, f"a queue, a topic or a bucket can stand here, got {arn}")
    elif arn.endswith(".fifo"):
        yield _problem(place, text, f"a standard queue or topic is needed, got {arn}")
