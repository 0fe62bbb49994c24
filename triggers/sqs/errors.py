"""Errors of SQS, with the codes of both its protocols and the recorded messages.

Source: the service model sqs 2012-11-05; texts as recorded on AWS by LocalStack's test_sqs.
"""

from typing import ClassVar

from engine.errors import ApiError


class QueueError(ApiError):
    """An error of SQS. `code` is that of the JSON protocol, `query_code` that of the query protocol."""

    query_code: ClassVar[str]


class QueueDoesNotExist(QueueError):
    """No queue goes by this name."""

    code = "QueueDoesNotExist"
    query_code = "AWS.SimpleQueueService.NonExistentQueue"

    def __init__(self) -> None:
        super().__init__("The specified queue does not exist.")


class QueueNameExists(QueueError):
    """There is a queue of this name, with other attributes."""

    code = "QueueNameExists"
    query_code = "QueueAlreadyExists"

    def __init__(self, attribute: str) -> None:
        super().__init__(
            f"A queue already exists with the same name and a different value for attribute {attribute}"
        )


class QueueDeletedRecently(QueueError):
    """A queue of this name was deleted less than a minute ago."""

    code = "QueueDeletedRecently"
    query_code = "AWS.SimpleQueueService.QueueDeletedRecently"

    def __init__(self) -> None:
        super().__init__(
            "You must wait 60 seconds after deleting a queue before you can create another with the same "
            "name."
        )


class InvalidParameter(QueueError):
    """A parameter has a value that SQS refuses."""

    code = "InvalidParameterValueException"
    query_code = "InvalidParameterValue"

    @classmethod
    def because(cls, value: object, parameter: str, reason: str) -> "InvalidParameter":
        """Return the error in the words that SQS has for most parameters."""
        return cls(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


class UnsupportedOperation(QueueError):
    """SQS knows the operation, but does not do it with this queue."""

    code = "UnsupportedOperation"
    query_code = "AWS.SimpleQueueService.UnsupportedOperation"


class MissingParameter(QueueError):
    """A parameter that is needed was not given."""

    code = "MissingRequiredParameterException"
    query_code = "MissingParameter"

    def __init__(self, parameter: str) -> None:
        super().__init__(f"The request must contain the parameter {parameter}.")
        self.parameter = parameter


class InvalidMessageContents(QueueError):
    """A body has characters that XML does not allow."""

    code = query_code = "InvalidMessageContents"

    def __init__(self) -> None:
        super().__init__(
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF"
            " | #xE000 to #xFFFD | #x10000 to #x10FFFF."
        )


class ReceiptHandleIsInvalid(QueueError):
    """A receipt handle is none that a queue has handed out."""

    code = query_code = "ReceiptHandleIsInvalid"

    def __init__(self, handle: str) -> None:
        super().__init__(f'The input receipt handle "{handle}" is not a valid receipt handle.')


class OverLimit(QueueError):
    """A standard queue has as many messages in flight as it may."""

    code = query_code = "OverLimit"
    http_status = 403

    def __init__(self, limit: int) -> None:
        super().__init__(f"The maximum number of in-flight messages is reached: {limit}.")


class PurgeQueueInProgress(QueueError):
    """The queue was purged less than a minute ago."""

    code = "PurgeQueueInProgress"
    query_code = "AWS.SimpleQueueService.PurgeQueueInProgress"
    http_status = 403

    def __init__(self, queue: str) -> None:
        super().__init__(f"Only one PurgeQueue operation on {queue} is allowed every 60 seconds.")


class InvalidAttributeName(QueueError):
    """A queue has no such attribute."""

    code = query_code = "InvalidAttributeName"


class InvalidAttributeValue(QueueError):
    """An attribute of a queue cannot have this value."""

    code = query_code = "InvalidAttributeValue"

    def __init__(self, attribute: str, reason: str = "") -> None:
        because = f" Reason: {reason}" if reason else ""
        super().__init__(f"Invalid value for the parameter {attribute}.{because}")


class SourceNotFound(QueueError):
    """Messages are to be moved from a queue that does not exist."""

    code = query_code = "ResourceNotFoundException"
    http_status = 404

    def __init__(self, parameter: str) -> None:
        super().__init__(f"The resource that you specified for the {parameter} parameter doesn't exist.")


class TaskNotFound(QueueError):
    """There is no task to move messages by this handle."""

    code = query_code = "ResourceNotFoundException"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("Task does not exist.")


class EmptyBatchRequest(QueueError):
    """A batch has no entries."""

    code = "EmptyBatchRequest"
    query_code = "AWS.SimpleQueueService.EmptyBatchRequest"

    def __init__(self, entry: str) -> None:
        super().__init__(f"There should be at least one {entry} in the request.")


class TooManyEntriesInBatchRequest(QueueError):
    """A batch has more than ten entries."""

    code = "TooManyEntriesInBatchRequest"
    query_code = "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"

    def __init__(self, most: int, count: int) -> None:
        super().__init__(f"Maximum number of entries per request are {most}. You have sent {count}.")


class BatchEntryIdsNotDistinct(QueueError):
    """Two entries of a batch have the same id."""

    code = "BatchEntryIdsNotDistinct"
    query_code = "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"

    def __init__(self, repeated: str) -> None:
        super().__init__(f"Id {repeated} repeated.")


class InvalidBatchEntryId(QueueError):
    """The id of an entry of a batch has characters that are not allowed, or too many."""

    code = "InvalidBatchEntryId"
    query_code = "AWS.SimpleQueueService.InvalidBatchEntryId"

    def __init__(self) -> None:
        super().__init__(
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
            "It can be at most 80 letters long."
        )


class BatchRequestTooLong(QueueError):
    """The messages of a batch are too large together."""

    code = "BatchRequestTooLong"
    query_code = "AWS.SimpleQueueService.BatchRequestTooLong"

    def __init__(self, most: int, size: int) -> None:
        super().__init__(f"Batch requests cannot be longer than {most} bytes. You have sent {size} bytes.")
