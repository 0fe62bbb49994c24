"""An event source mapping and its states.

    create        Creating -> Enabled, or Disabled at once when it is made so
    update        Enabling -> Enabled, Disabling -> Disabled, or Updating -> what it was
    delete        Deleting, then it is gone

Source: Lambda API reference, EventSourceMappingConfiguration; the shape of answers as recorded on AWS by
LocalStack's test_event_source_mapping_lifecycle and test_event_source_mapping_default_batch_size.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from engine.arn import Account
from engine.mapping.parameters import QUEUES, MappedSource
from engine.value import dataclass

State = Literal["Creating", "Enabling", "Enabled", "Disabling", "Disabled", "Updating", "Deleting"]
Maker = Literal["configuration", "api"]

SERVICES: Mapping[str, MappedSource] = {"sqs": "sqs", "kinesis": "kinesis", "dynamodb": "dynamodb"}
NOTHING_PROCESSED = "No records processed"
_NOT_ECHOED = ("Enabled", "FunctionName")


@dataclass(frozen=True, slots=True)
class EventSourceMapping:
    """A mapping as it is stored. `params` are the API's, with their defaults."""

    uuid: str
    function_arn: str
    params: Mapping[str, Any]
    state: State
    last_modified: datetime
    made_by: Maker

    @property
    def source_arn(self) -> str:
        """The ARN of the queue or stream."""
        arn: str = self.params["EventSourceArn"]
        return arn

    @property
    def is_enabled(self) -> bool:
        """Whether it reads its source, once it has settled."""
        return self.params.get("Enabled") is not False

    @property
    def is_settled(self) -> bool:
        """Whether it may be updated or deleted now."""
        return self.state in ("Enabled", "Disabled")


def source_of_arn(arn: str) -> MappedSource | None:
    """Return what kind of source an ARN names; None when mappings from it are not simulated."""
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    source = SERVICES.get(service)
    return "sqs-fifo" if source == "sqs" and arn.endswith(".fifo") else source


def first_state(enabled: bool) -> State:
    """Return the state of a mapping that has just been made."""
    return "Creating" if enabled else "Disabled"


def state_of_update(was_enabled: bool, enabled: bool) -> State:
    """Return the state of a mapping that is being updated."""
    if was_enabled == enabled:
        return "Updating"
    return "Enabling" if enabled else "Disabling"


def settled_state(enabled: bool) -> State:
    """Return the state that a mapping comes to."""
    return "Enabled" if enabled else "Disabled"


def describe(mapping: EventSourceMapping, account: Account, last_result: str | None) -> dict[str, Any]:
    """Return a mapping as the API does. `last_result` is LastProcessingResult, which queues do not have."""
    is_queue = source_of_arn(mapping.source_arn) in QUEUES
    shown = {name: value for name, value in mapping.params.items() if name not in _NOT_ECHOED}
    description = {
        "UUID": mapping.uuid,
        "EventSourceMappingArn": account.event_source_mapping(mapping.uuid),
        "FunctionArn": mapping.function_arn,
        **shown,
        "LastModified": mapping.last_modified.timestamp(),
        "State": mapping.state,
        "StateTransitionReason": "USER_INITIATED" if is_queue else "User action",
    }
    if not is_queue:
        description["LastProcessingResult"] = last_result or NOTHING_PROCESSED
    return description
