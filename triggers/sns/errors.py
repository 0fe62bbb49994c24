"""Errors of SNS, with its codes and the recorded messages.

Source: the service model sns 2010-03-31; texts as recorded on AWS by LocalStack's test_sns.
"""

from engine.errors import ApiError


class TopicError(ApiError):
    """An error of SNS."""


class InvalidParameter(TopicError):
    """A parameter has a value that SNS refuses."""

    code = "InvalidParameter"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Invalid parameter: {reason}")
        self.reason = reason


class InvalidAttributeOfMessage(TopicError):
    """A message attribute has a name, a type or a value that SNS refuses."""

    code = "ParameterValueInvalid"


class NotFound(TopicError):
    """There is no such topic or subscription."""

    code = "NotFound"
    http_status = 404

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind} does not exist")


class ResourceNotFound(TopicError):
    """What is to be tagged does not exist."""

    code = "ResourceNotFound"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("Resource does not exist")


class EmptyBatchRequest(TopicError):
    """A batch has no entries."""

    code = "EmptyBatchRequest"

    def __init__(self) -> None:
        super().__init__("The batch request doesn't contain any entries.")


class TooManyEntriesInBatchRequest(TopicError):
    """A batch has more than ten entries."""

    code = "TooManyEntriesInBatchRequest"

    def __init__(self) -> None:
        super().__init__("The batch request contains more entries than permissible.")


class InvalidBatchEntryId(TopicError):
    """The id of an entry has other characters than it may have."""

    code = "InvalidBatchEntryId"

    def __init__(self) -> None:
        super().__init__("The Id of a batch entry in a batch request doesn't abide by the specification.")


class BatchEntryIdsNotDistinct(TopicError):
    """Two entries of a batch have one id."""

    code = "BatchEntryIdsNotDistinct"

    def __init__(self) -> None:
        super().__init__("Two or more batch entries in the request have the same Id.")


class BatchRequestTooLong(TopicError):
    """The messages of a batch are together larger than one may be."""

    code = "BatchRequestTooLong"

    def __init__(self) -> None:
        super().__init__("The length of all the messages put together is more than the limit.")
