"""The event a bucket sends to a function.

Source: S3 user guide, "Event message structure"; key order and presence of members as recorded.
"""

from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import orjson

from engine.arn import Account
from engine.clock import iso_millis
from engine.value import dataclass
from triggers.s3.key_encoding import encode_key

EventVersion = Literal["2.6", "legacy"]

PRINCIPAL_ID = "AWS:AIDAHEADRACELOCALUSER"
OWNER_ID = "A3NL1KOZZKEXAMPLE"
LOCAL_ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One thing that happened to one key. `name` is AWS's, without `s3:`.

    `etag` is empty for a removal. Only what was created has a `size`; what happens to the tags alone has no
    `sequencer`.
    """

    name: str
    key: str
    size: int | None
    etag: str
    sequencer: int | None


def sequencer_text(sequencer: int) -> str:
    """Return 18 upper-case hexadecimal digits: of constant length, so that text order is number order."""
    return f"{sequencer:018X}"


def build_event(
    change: ObjectChange,
    *,
    bucket: str,
    configuration_id: str,
    request_id: str,
    moment: datetime,
    account: Account,
    version: EventVersion = "2.6",
) -> bytes:
    """Return the JSON event with its one record. `request_id` is 16 upper-case hexadecimal digits."""
    described: dict[str, Any] = {"key": encode_key(change.key)}
    if change.size is not None:
        described["size"] = change.size
    if change.etag:
        described["eTag"] = change.etag
    if change.sequencer is not None:
        described["sequencer"] = sequencer_text(change.sequencer)
    record = {
        "eventVersion": "2.6" if version == "2.6" else _legacy_version(change.name),
        "eventSource": "aws:s3",
        "awsRegion": account.region,
        "eventTime": iso_millis(moment),
        "eventName": change.name,
        "userIdentity": {"principalId": PRINCIPAL_ID},
        "requestParameters": {"sourceIPAddress": LOCAL_ADDRESS},
        "responseElements": {"x-amz-request-id": request_id, "x-amz-id-2": host_id(request_id)},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": OWNER_ID},
                "arn": account.bucket(bucket),
            },
            "object": described,
        },
    }
    return orjson.dumps({"Records": [record]})


def configuration_test_event(bucket: str, request_id: str, moment: datetime) -> bytes:
    """Return what a queue or topic is sent when a notification configuration that names it is put."""
    return orjson.dumps(
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": iso_millis(moment),
            "Bucket": bucket,
            "RequestId": request_id,
            "HostId": host_id(request_id),
        }
    )


def _legacy_version(name: str) -> str:
    return "2.3" if name.startswith("ObjectTagging:") else "2.1"


def host_id(request_id: str) -> str:
    """Return the second id of a request, which S3 calls `x-amz-id-2` or HostId."""
    return sha256(request_id.encode()).hexdigest()
