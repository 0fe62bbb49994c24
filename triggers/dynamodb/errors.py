"""The errors of DynamoDB and DynamoDB Streams, beside `ValidationFailed`.

Source: the service models dynamodb 2012-08-10 and streams.dynamodb 2012-08-10; texts as the services have
them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import ApiError
from triggers.dynamodb.attribute_value import AttributeValue


class NotSerializable(ApiError):
    """The body is not what the operation takes."""

    code = "SerializationException"


class NoTable(ApiError):
    """No table goes by this name, as operations on backups say it."""

    code = "TableNotFoundException"

    def __init__(self, name: str) -> None:
        super().__init__(f"Table not found: {name}")


class TableNotFound(ApiError):
    """No table, index or stream goes by this name."""

    code = "ResourceNotFoundException"

    def __init__(self, what: str | None = None) -> None:
        super().__init__("Requested resource not found" + ("" if what is None else f": {what}"))


class TableInUse(ApiError):
    """The table is there already."""

    code = "ResourceInUseException"


class LimitExceeded(ApiError):
    """There are more of something than there may be."""

    code = "LimitExceededException"


class ConditionalCheckFailed(ApiError):
    """The item is not as the condition wants it. `item` is what there is, when the request asked for it."""

    code = "ConditionalCheckFailedException"

    def __init__(self, item: Mapping[str, AttributeValue] | None = None) -> None:
        super().__init__("The conditional request failed")
        self.item = item

    def body(self) -> dict[str, Any]:
        """This exception shows the item."""
        shown: dict[str, Any] = {"message": str(self)}
        if self.item is not None:
            shown["Item"] = self.item
        return shown


class TransactionCanceled(ApiError):
    """Nothing of a transaction was done. `reasons` has an entry for each of its actions, in their order."""

    code = "TransactionCanceledException"

    def __init__(self, reasons: Sequence[Mapping[str, Any]]) -> None:
        codes = ", ".join(reason["Code"] for reason in reasons)
        super().__init__(
            f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
        )
        self.reasons = reasons

    def body(self) -> dict[str, Any]:
        """This exception spells its message with a capital M and shows the reasons."""
        return {"Message": str(self), "CancellationReasons": list(self.reasons)}


class IdempotentParameterMismatch(ApiError):
    """The token of an earlier transaction came with other actions."""

    code = "IdempotentParameterMismatchException"

    def __init__(self) -> None:
        super().__init__(
            "Transaction request has already been executed with the same ClientRequestToken, but with "
            "different parameters"
        )


class TransactionInProgress(ApiError):
    """The transaction of this token is being executed."""

    code = "TransactionInProgressException"

    def __init__(self) -> None:
        super().__init__("The transaction with the given request token is already in progress.")


class DatabaseUnusable(ApiError):
    """The table's database cannot be used now: another program has it locked, or the disk is full."""

    code = "InternalServerError"
    http_status = 500
    fault = "Service"


class ExpiredIterator(ApiError):
    """The shard iterator is too old."""

    code = "ExpiredIteratorException"
