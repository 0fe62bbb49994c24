"""The payload a function gets when its schedule runs. Pure.

Source: recorded scheduled events of EventBridge rules; logged event bodies of EventBridge Scheduler;
EventBridge Scheduler user guide, "Adding context attributes".
"""

import json
from datetime import datetime

from engine.arn import Account
from engine.clock import iso_seconds


def rule_event(arn: str, account: Account, event_id: str, time: datetime) -> bytes:
    """Return the event of a scheduled rule as compact JSON; `time` is when the run was due."""
    return _event("aws.events", arn, account, event_id, time, {})


def scheduler_event(arn: str, account: Account, event_id: str, time: datetime) -> bytes:
    """Return what EventBridge Scheduler sends without an Input: a rule's event whose `detail` is a text."""
    return _event("aws.scheduler", arn, account, event_id, time, "{}")


def _event(source: str, arn: str, account: Account, event_id: str, time: datetime, detail: object) -> bytes:
    event = {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": source,
        "account": account.account_id,
        "time": iso_seconds(time),
        "region": account.region,
        "resources": [arn],
        "detail": detail,
    }
    return json.dumps(event, separators=(",", ":")).encode()


def execution_id(event_id: str) -> str:
    """Return the scheduler's id of a run: the first sixteen hexadecimal digits of its event's id."""
    return event_id.replace("-", "")[:16]


def fill_input(text: str, arn: str, event_id: str, time: datetime) -> bytes:
    """Return a scheduler's Input with its context attributes replaced, wherever in the text they stand.

    But for the attempt number, which whoever delivers it knows.
    """
    attributes = {
        "<aws.scheduler.schedule-arn>": arn,
        "<aws.scheduler.scheduled-time>": iso_seconds(time),
        "<aws.scheduler.execution-id>": execution_id(event_id),
    }
    for attribute, value in attributes.items():
        text = text.replace(attribute, value)
    return text.encode()
