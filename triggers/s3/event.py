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
    """One thing that happened to one key. `name` is AWS's, without `s3:`; `etag` is empty for a removal."""

    name: str
    key: str
    size: int
    etag: str
    sequencer: int


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
    if change.etag:
        described["size"] = change.size
        described["eTag"] = change.etag
    described["sequencer"] = sequencer_text(change.sequencer)
    record = {
        "eventVersion": "2.6" if version == "2.6" else "2.1",
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


def host_id(request_id: str) -> str:
    """Return the second id of a request, which S3 calls `x-amz-id-2` or HostId."""
    return sha256(request_id.encode()).hexdigest()
