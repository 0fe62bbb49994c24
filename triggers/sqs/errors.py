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
