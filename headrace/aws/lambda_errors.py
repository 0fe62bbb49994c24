"""What Lambda's control plane answers when it refuses a request. Codes and texts as AWS's."""

from engine.errors import ApiError, InvalidParameterValue


class NotFound(ApiError):
    """What a request names is not there; the text says what."""

    code = "ResourceNotFoundException"
    http_status = 404

    def body(self) -> dict[str, str]:
        """This exception spells its message with a capital M [recorded: test_function_lifecycle]."""
        return {"Type": self.fault, "Message": str(self)}


class Conflict(ApiError):
    """What is to be made is there already."""

    code = "ResourceConflictException"
    http_status = 409


class PreconditionFailed(ApiError):
    """A revision is not the latest one."""

    code = "PreconditionFailedException"
    http_status = 412

    def __init__(self, api: str = "GetFunction/GetAlias") -> None:
        super().__init__(
            "The Revision Id provided does not match the latest Revision Id. "
            f"Call the {api} API to retrieve the latest Revision Id"
        )


class AccessDenied(ApiError):
    """A request is for another account."""

    code = "AccessDeniedException"
    http_status = 403


class Declared(InvalidParameterValue):
    """The configuration file has the function, so that a request cannot change it."""

    def __init__(self, function: str, what: str | None = None) -> None:
        """`what` is the one option that the file fixes, None when it is the function itself."""
        place = f"functions.{function}" if what is None else f"functions.{function}.{what}"
        super().__init__(f"headrace.toml declares {place}: change it there.")
