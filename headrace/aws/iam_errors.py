"""What IAM refuses. Codes and statuses: botocore's service model iam 2010-05-08; texts as AWS's."""

from engine.errors import ApiError


class EntityAlreadyExists(ApiError):
    """The name is taken."""

    code = "EntityAlreadyExists"
    http_status = 409


class NoSuchEntity(ApiError):
    """There is no such role, policy or version."""

    code = "NoSuchEntity"
    http_status = 404


class DeleteConflict(ApiError):
    """Something else still needs what is to be deleted."""

    code = "DeleteConflict"
    http_status = 409


class LimitExceeded(ApiError):
    """There are as many as there may be."""

    code = "LimitExceeded"
    http_status = 409


class MalformedPolicyDocument(ApiError):
    """A policy is not a JSON object."""

    code = "MalformedPolicyDocument"

    def __init__(self) -> None:
        super().__init__("This policy contains invalid Json")


class InvalidMarker(ApiError):
    """A marker that no page has given out."""

    code = "ValidationError"

    def __init__(self, marker: str) -> None:
        super().__init__(f"Invalid Marker: {marker}")


class NotSimulated(ApiError):
    """Something that AWS has and Headrace has not."""

    code = "NotImplementedException"
    http_status = 501
