"""What CloudWatch Logs refuses. Codes: botocore's service model logs 2014-03-28; texts as AWS's."""

from engine.errors import ApiError


class LogResourceNotFound(ApiError):
    """There is no such group or stream."""

    code = "ResourceNotFoundException"

    def __init__(self, kind: str) -> None:
        super().__init__(f"The specified {kind} does not exist.")


class ResourceAlreadyExists(ApiError):
    """The name is taken."""

    code = "ResourceAlreadyExistsException"

    def __init__(self, kind: str) -> None:
        super().__init__(f"The specified {kind} already exists")


class InvalidParameter(ApiError):
    """A parameter, or a combination of parameters, is not allowed."""

    code = "InvalidParameterException"
