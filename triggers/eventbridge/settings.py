"""The `[event_buses.NAME]` tables of the configuration.

Source: EventBridge API reference, PutRule and PutTargets.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from engine.settings import Settings
from triggers.eventbridge.errors import EventsError
from triggers.eventbridge.rule import read_pattern
from triggers.eventbridge.target import TARGETS_MOST, read_target

BusName = Annotated[str, Field(pattern=r"^[.\-_A-Za-z0-9]{1,256}$")]
RuleName = Annotated[str, Field(pattern=r"^[.\-_A-Za-z0-9]{1,64}$")]


class InputTransformerSettings(Settings):
    """A template and the paths of its values."""

    input_paths_map: Mapping[str, str] = Field(default_factory=dict)
    input_template: Annotated[str, Field(min_length=1, max_length=8192)]


class RetryPolicySettings(Settings):
    """How often a target is tried again, and for how long."""

    maximum_retry_attempts: Annotated[int, Field(ge=0, le=185)] = 185
    maximum_event_age_in_seconds: Annotated[int, Field(ge=60, le=86400)] = 86400


class EventTargetSettings(Settings):
    """One target of a rule; a bare reference stands for one with nothing but its `target`."""

    target: str
    id: str | None = None
    input: str | None = None  # JSON; a table of the configuration is turned into it
    input_path: Annotated[str, Field(max_length=256)] | None = None
    input_transformer: InputTransformerSettings | None = None
    message_group_id: Annotated[str, Field(max_length=100)] | None = None
    partition_key_path: Annotated[str, Field(max_length=256)] | None = None
    retry_policy: RetryPolicySettings | None = None
    dead_letter: str | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _as_aws_takes_it(self) -> Self:
        try:
            read_target(self.properties("target", "arn:aws:sqs:us-east-1:000000000000:any", None))
        except EventsError as error:
            raise ValueError(str(error)) from None
        return self

    def properties(self, target_id: str, arn: str, dead_letter: str | None) -> dict[str, Any]:
        """Return what PutTargets would be called with."""
        found: dict[str, Any] = {"Id": self.id or target_id, "Arn": arn}
        if self.input is not None:
            found["Input"] = self.input
        if self.input_path is not None:
            found["InputPath"] = self.input_path
        if (transformer := self.input_transformer) is not None:
            found["InputTransformer"] = {
                "InputPathsMap": dict(transformer.input_paths_map),
                "InputTemplate": transformer.input_template,
            }
        if self.message_group_id is not None:
            found["SqsParameters"] = {"MessageGroupId": self.message_group_id}
        if self.partition_key_path is not None:
            found["KinesisParameters"] = {"PartitionKeyPath": self.partition_key_path}
        if (policy := self.retry_policy) is not None:
            found["RetryPolicy"] = {
                "MaximumRetryAttempts": policy.maximum_retry_attempts,
                "MaximumEventAgeInSeconds": policy.maximum_event_age_in_seconds,
            }
        if dead_letter is not None:
            found["DeadLetterConfig"] = {"Arn": dead_letter}
        return found


class RuleSettings(Settings):
    """One `[[event_buses.NAME.rules]]` table. A pattern is a table, or its JSON text."""

    name: RuleName
    pattern: str
    description: str | None = None
    state: Literal["ENABLED", "DISABLED"] = "ENABLED"
    targets: Annotated[tuple[EventTargetSettings, ...], Field(min_length=1, max_length=TARGETS_MOST)]

    @field_validator("pattern", mode="before")
    @classmethod
    def _is_a_pattern(cls, value: object) -> object:
        text = json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else value
        if isinstance(text, str):
            try:
                read_pattern(text)
            except EventsError as error:
                raise ValueError(str(error).partition("\n")[0]) from None
        return text

    @field_validator("targets", mode="before")
    @classmethod
    def _references_are_targets(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            return tuple({"target": each} if isinstance(each, str) else each for each in value)
        return value

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        ids = [target.id for target in self.targets if target.id is not None]
        if len(set(ids)) < len(ids):
            raise ValueError("targets: two of them have the same id")
        return self


class EventBusSettings(Settings):
    """A bus; the table of the default bus only adds rules to it."""

    description: Annotated[str, Field(max_length=512)] | None = None
    rules: tuple[RuleSettings, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError("rules: two of them have the same name")
        return self
