"""What a bucket sends to EventBridge, beside what was recorded on AWS."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.arn import Account
from engine.clock import VIRTUAL_START
from triggers.s3.bus_event import build_bus_event
from triggers.s3.event import ObjectChange
from triggers.s3.notification import Notification, bus_notification, problem_of_overlap

ACCOUNT = Account()
CREATED = ObjectChange("ObjectCreated:Put", "a b/é.txt", 4, "8d777f385d3dfec8815d20f7496026dc", 7)
REMOVED = ObjectChange("ObjectRemoved:Delete", "a", None, "", 8)
TAGGED = ObjectChange("ObjectTagging:Put", "a", None, "etag", None)


def built(change: ObjectChange) -> dict[str, Any]:
    text = build_bus_event(
        change,
        bucket="photos",
        event_id="0c1b7f3a-8e5d-4b7e-9d0a-1f2e3d4c5b6a",
        moment=VIRTUAL_START,
        account=ACCOUNT,
    )
    event: dict[str, Any] = json.loads(text)
    return event


@pytest.mark.parametrize(
    ("change", "recorded"), [(CREATED, "object_created"), (REMOVED, "object_deleted")], ids=["put", "delete"]
)
def test_events_have_the_members_that_were_recorded_on_aws(
    shared: Path, change: ObjectChange, recorded: str
) -> None:
    text = (shared / "samples" / "recorded" / "s3-eventbridge.json").read_text(encoding="utf-8")
    sample = json.loads(text)["TestS3NotificationsToEventBridge::test_object_created_put"]["content"][
        recorded
    ]
    event = built(change)
    assert set(event) == set(sample)
    assert event["detail-type"] == sample["detail-type"]
    assert set(event["detail"]) == set(sample["detail"])
    assert set(event["detail"]["object"]) == set(sample["detail"]["object"])
    assert event["detail"]["reason"] == sample["detail"]["reason"]


def test_the_key_is_not_encoded() -> None:
    assert built(CREATED)["detail"]["object"]["key"] == "a b/é.txt"


def test_tags_have_neither_size_nor_sequencer_nor_reason() -> None:
    event = built(TAGGED)
    assert event["detail-type"] == "Object Tags Added"
    assert event["detail"]["object"] == {"key": "a", "etag": "etag"}
    assert "reason" not in event["detail"]


def test_the_notification_to_a_bus_overlaps_with_no_other() -> None:
    to_bus = bus_notification(ACCOUNT.event_bus("default"))
    assert to_bus.wants(CREATED)
    assert to_bus.wants(TAGGED)
    assert problem_of_overlap([Notification("1", "f"), to_bus]) is None
