"""Errors of EventBridge Scheduler.

Source: the service model scheduler 2021-06-30; the text about expressions as recorded on AWS.
"""

from engine.errors import ApiError


class SchedulerError(ApiError):
    """An error of the scheduler; all spell their message with a capital M."""

    def body(self) -> dict[str, str]:
        """Return the JSON body."""
        return {"Message": str(self)}


class InvalidSchedule(SchedulerError):
    """A parameter has a value that the scheduler refuses."""

    code = "ValidationException"


class ScheduleNotFound(SchedulerError):
    """There is no such schedule or group."""

    code = "ResourceNotFoundException"
    http_status = 404

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name} does not exist.")


class ScheduleConflict(SchedulerError):
    """A schedule or a group of this name exists."""

    code = "ConflictException"
    http_status = 409

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name} already exists.")
