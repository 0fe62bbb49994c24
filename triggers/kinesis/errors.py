"""What Kinesis refuses, in its words.

Source: service model kinesis 2013-12-02; texts as AWS answers them, some by way of the kinesalite project,
which compares itself with AWS.
"""

from engine.errors import ApiError


class StreamNotFound(ApiError):
    """No stream goes by this name."""

    code = "ResourceNotFoundException"

    def __init__(self, stream: str, account_id: str) -> None:
        super().__init__(f"Stream {stream} under account {account_id} not found.")


class ShardNotFound(ApiError):
    """The stream has no shard of this id, or its records have expired."""

    code = "ResourceNotFoundException"

    def __init__(self, shard_id: str, stream: str, account_id: str) -> None:
        super().__init__(f"Could not find shard {shard_id} in stream {stream} under account {account_id}.")


class ConsumerNotFound(ApiError):
    """The stream has no consumer of this name."""

    code = "ResourceNotFoundException"

    def __init__(self, consumer: str, stream_arn: str, account_id: str) -> None:
        super().__init__(f"Consumer {consumer}, stream {stream_arn} under account {account_id} not found.")


class ResourceInUse(ApiError):
    """There is one of this name, or something that hinders what is asked for."""

    code = "ResourceInUseException"


class ThroughputExceeded(ApiError):
    """A shard has taken or given as much as it does in a second."""

    code = "ProvisionedThroughputExceededException"

    def __init__(self, shard_id: str, stream: str, account_id: str) -> None:
        super().__init__(f"Rate exceeded for shard {shard_id} in stream {stream} under account {account_id}.")


class LimitExceeded(ApiError):
    """An account or a stream would have too many of something."""

    code = "LimitExceededException"


class InvalidArgument(ApiError):
    """A parameter does not fit the stream."""

    code = "InvalidArgumentException"


class ExpiredIterator(ApiError):
    """The shard iterator was given out more than five minutes ago."""

    code = "ExpiredIteratorException"
