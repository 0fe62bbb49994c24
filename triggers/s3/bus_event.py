"""The event a bucket sends to EventBridge.

Source: S3 user guide, "EventBridge event message structure"; presence of members as recorded on AWS by
LocalStack's test_s3_notifications_eventbridge.
"""

from datetime import datetime
from typing import Any

import orjson

from engine.arn import Account
from engine.clock import iso_seconds
from triggers.s3.event import LOCAL_ADDRESS, ObjectChange, sequencer_text

REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
}
DETAIL_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
}


def build_bus_event(
    change: ObjectChange, *, bucket: str, event_id: str, moment: datetime, account: Account
) -> bytes:
    """Return the JSON event; its key is not encoded. `event_id` is a UUID."""
    described: dict[str, Any] = {"key": change.key}
    if change.size is not None:
        described["size"] = change.size
    if change.etag:
        described["etag"] = change.etag
    if change.sequencer is not None:
        described["sequencer"] = sequencer_text(change.sequencer)
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": described,
        "request-id": event_id.replace("-", "")[:16].upper(),
        "requester": account.account_id,
        "source-ip-address": LOCAL_ADDRESS,
    }
    if change.name in REASONS:
        detail["reason"] = REASONS[change.name]
    if change.name.startswith("ObjectRemoved:"):
        detail["deletion-type"] = "Permanently Deleted"
    family = change.name.partition(":")[0]
    event = {
        "version": "0",
        "id": event_id,
        "detail-type": DETAIL_TYPES.get(change.name) or DETAIL_TYPES[family],
        "source": "aws.s3",
        "account": account.account_id,
        "time": iso_seconds(moment),
        "region": account.region,
        "resources": [account.bucket(bucket)],
        "detail": detail,
    }
    return orjson.dumps(event)
