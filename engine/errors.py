"""Every error raised on purpose.

    HeadraceError
    ├── ConfigurationError        one or more problems of the configuration, each with its path
    ├── CodeError                 a function's code or interpreter cannot be used
    ├── StoreError                the state folder cannot be used, or a write did not happen
    │   ├── StoreFull
    │   ├── StoreBusy
    │   ├── StoreTooNew
    │   └── StoreInUse
    └── ApiError                  an AWS error, with its code and HTTP status
        ├── ResourceNotFound
        ├── InvalidRequestContent
        ├── InvalidParameterValue
        ├── ValidationFailed
        ├── TooManyRequests
        ├── RequestTooLarge
        ├── RecursiveInvocation
        └── ServiceFailure

What AWS treats as normal (throttled, retries exhausted) is a return value, not an error.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal


class HeadraceError(Exception):
    """Something the user can understand and act upon; its text is complete."""


class ConfigurationError(HeadraceError):
    """The configuration is wrong, or the script; `problems` names every place and what is allowed there."""

    def __init__(
        self, problems: Sequence[str], of: Literal["configuration", "script"] = "configuration"
    ) -> None:
        super().__init__("\n".join(problems))
        self.problems, self.of = tuple(problems), of


class CodeError(HeadraceError):
    """A function's code, handler file or interpreter is missing or unusable."""

    def __init__(self, function: str, problem: str) -> None:
        super().__init__(f"functions.{function}: {problem}")
        self.function, self.problem = function, problem


class StoreError(HeadraceError):
    """The store did not do what was asked; nothing of that request was kept."""


class StoreFull(StoreError):
    """The disk is full."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(f"no space left for the store {path}: free some disk space; nothing was accepted")
        self.path = path


class StoreBusy(StoreError):
    """Another program holds the database locked."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(f"the store {path} is locked by another program; nothing was accepted, try again")
        self.path = path


class StoreTooNew(StoreError):
    """The state folder was written by a later version of Headrace."""

    def __init__(self, path: Path | None, found: int, known: int) -> None:
        super().__init__(
            f"the store {path} has format {found}, this version of Headrace knows {known}: "
            "upgrade Headrace, or choose another state folder"
        )
        self.path, self.found, self.known = path, found, known


class StoreInUse(StoreError):
    """Another simulator is running on this state folder."""

    def __init__(self, folder: Path, owner: str) -> None:
        super().__init__(
            f"another simulator is running on the state folder {folder}{owner}: "
            'stop it, or give this one a folder of its own with `state = "..."` in [simulator]'
        )
        self.folder = folder


class ApiError(HeadraceError):
    """An error as an AWS service answers it."""

    code: ClassVar[str]
    http_status: ClassVar[int] = 400
    fault: ClassVar[str] = "User"

    def body(self) -> dict[str, str]:
        """Return the JSON body; Lambda spells its keys as recorded."""
        return {"Type": self.fault, "message": str(self)}


class ResourceNotFound(ApiError):
    """No function, queue, stream or bucket goes by this name."""

    code = "ResourceNotFoundException"
    http_status = 404

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} not found: {name}")
        self.kind, self.name = kind, name

    def body(self) -> dict[str, str]:
        """This exception spells its message with a capital M [recorded: test_invoke_exceptions]."""
        return {"Type": self.fault, "Message": str(self)}


class InvalidRequestContent(ApiError):
    """The payload is not JSON."""

    code = "InvalidRequestContentException"


class InvalidParameterValue(ApiError):
    """A parameter has a value that the service refuses."""

    code = "InvalidParameterValueException"


class ValidationFailed(ApiError):
    """A parameter does not satisfy the service model's constraint."""

    code = "ValidationException"

    def body(self) -> dict[str, str]:
        """This exception has no Type [recorded: test_invalid_invoke]."""
        return {"message": str(self)}


class TooManyRequests(ApiError):
    """The function has no concurrency left."""

    code = "TooManyRequestsException"
    http_status = 429

    def __init__(self, reason: str) -> None:
        super().__init__("Rate Exceeded.")
        self.reason = reason

    def body(self) -> dict[str, str]:
        """Key order as recorded in test_reserved_concurrency."""
        return {"Type": self.fault, "Reason": self.reason, "message": str(self)}


class RequestTooLarge(ApiError):
    """The payload exceeds the limit of its invocation type."""

    code = "RequestTooLargeException"
    http_status = 413


class RecursiveInvocation(ApiError):
    """The function would be called by its own doing once more than recursion detection allows."""

    code = "RecursiveInvocationException"


class ServiceFailure(ApiError):
    """The simulator could not do its part, for example because its disk is full."""

    code = "ServiceException"
    http_status = 500
    fault = "Service"

    def body(self) -> dict[str, str]:
        """This exception spells its message with a capital M [botocore lambda 2015-03-31]."""
        return {"Type": self.fault, "Message": str(self)}
