"""Errors of EventBridge, with the texts that were recorded on AWS.

Source: the service model events 2015-10-07; texts as recorded by LocalStack's test_events and
test_archive_and_replay.
"""

from engine.errors import ApiError


class EventsError(ApiError):
    """An error of EventBridge."""


class NotFound(EventsError):
    """There is no such bus, rule, archive or replay."""

    code = "ResourceNotFoundException"

    @classmethod
    def bus(cls, name: str) -> "NotFound":
        """Return the error for a bus."""
        return cls(f"Event bus {name} does not exist.")

    @classmethod
    def rule(cls, name: str, bus: str) -> "NotFound":
        """Return the error for a rule."""
        return cls(f"Rule {name} does not exist on EventBus {bus}.")


class AlreadyExists(EventsError):
    """A bus, an archive or a replay of this name exists."""

    code = "ResourceAlreadyExistsException"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name} already exists.")


class InvalidParameter(EventsError):
    """A parameter has a value that EventBridge refuses."""

    code = "ValidationException"

    @classmethod
    def because(cls, parameter: str, reason: str) -> "InvalidParameter":
        """Return the error in the words that EventBridge has for most parameters."""
        return cls(f"Parameter {parameter} is not valid. Reason: {reason}")


class InvalidEventPattern(EventsError):
    """The pattern cannot be read."""

    code = "InvalidEventPatternException"


class LimitExceeded(EventsError):
    """There would be more than AWS allows."""

    code = "LimitExceededException"


class ManagedRule(EventsError):
    """The rule belongs to headrace.toml."""

    code = "ManagedRuleException"

    def __init__(self, rule: str) -> None:
        super().__init__(f"Rule {rule} is declared in headrace.toml: change it there.")


class IllegalStatus(EventsError):
    """A replay that has ended cannot be cancelled."""

    code = "IllegalStatusException"
