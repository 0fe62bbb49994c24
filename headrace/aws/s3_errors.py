"""Errors that several operations of S3 answer. Source: S3 API reference, "Error responses"."""

from headrace.aws.rest_xml import S3Error


def no_such_bucket(bucket: str) -> S3Error:
    """No bucket goes by this name."""
    return S3Error("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=bucket)


def no_such_key(key: str) -> S3Error:
    """The bucket has no such object."""
    return S3Error("NoSuchKey", "The specified key does not exist.", 404, Key=key)


def invalid_argument(message: str, name: str, value: str | None = None) -> S3Error:
    """A parameter has a value that S3 refuses."""
    details = {"ArgumentName": name} if value is None else {"ArgumentName": name, "ArgumentValue": value}
    return S3Error("InvalidArgument", message, 400, **details)


def invalid_request(message: str) -> S3Error:
    """Parameters do not fit together."""
    return S3Error("InvalidRequest", message, 400)


def precondition_failed(condition: str) -> S3Error:
    """A condition of the request does not hold."""
    message = "At least one of the pre-conditions you specified did not hold"
    return S3Error("PreconditionFailed", message, 412, Condition=condition)


def not_simulated(what: str, **details: str) -> S3Error:
    """Something that Headrace does not do, by its name."""
    message = (
        f"{what} is not simulated: a header or the query you provided implies functionality "
        "that is not implemented"
    )
    return S3Error("NotImplemented", message, 501, **details)


def declared(bucket: str, what: str) -> S3Error:
    """Something that the configuration fixes cannot be changed here."""
    return S3Error(
        "AccessDenied", f"headrace.toml declares the bucket {bucket}: {what}", 403, BucketName=bucket
    )


def key_refused(key: str, reason: str) -> S3Error:
    """A folder cannot hold this key."""
    return S3Error("InvalidArgument", f"A bucket's folder cannot hold this key: {reason}", 400, Key=key)
