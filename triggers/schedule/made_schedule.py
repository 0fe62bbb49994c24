"""What CreateSchedule is given: what is refused of it, how it runs, and what its target gets.

Source: EventBridge Scheduler API reference and user guide, "Managing targets"; the service model scheduler
2021-06-30.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from engine.arn import Account
from engine.clock import iso_seconds
from triggers.delivery.target import Parcel
from triggers.eventbridge.event import build_event
from triggers.eventbridge.target import read_retry_policy
from triggers.schedule import schedule_table
from triggers.schedule.errors import InvalidSchedule
from triggers.schedule.event import execution_id
from triggers.schedule.expression import At, InvalidExpression, parse
from triggers.schedule.schedule import Schedule
from triggers.schedule.schedule_table import MadeSchedule

INPUT_BYTES = 256 * 1024
LATEST_START = timedelta(minutes=5)  # ago
SERVICES: Mapping[str, str | None] = {  # of targets, with the parameters that each needs
    "lambda": None,
    "sqs": None,
    "sns": None,
    "kinesis": "KinesisParameters",
    "events": "EventBridgeParameters",
}
ELSEWHERE = (
    "EcsParameters",
    "SageMakerPipelineParameters",
    "EventBridgePutEventsV2Parameters",
    "EventBridgePutRawEventsParameters",
)
_UNIVERSAL = re.compile(r"arn:aws[\w-]*:scheduler:::")
_ARN = re.compile(r"arn:aws[\w-]*:([a-z0-9-]+):[a-z0-9-]+:\d{12}:.+")


def check_schedule(properties: Mapping[str, Any], now: datetime) -> None:
    """Raise InvalidSchedule for what the scheduler refuses, or is not simulated."""
    expression = properties["ScheduleExpression"]
    try:
        parse(expression, "scheduler")
    except InvalidExpression as error:
        raise InvalidSchedule(error.message) from None
    zone = properties.get("ScheduleExpressionTimezone", "UTC")
    try:
        ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        raise InvalidSchedule(f"Invalid Schedule Expression Timezone {zone}.") from None
    window = properties["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        raise InvalidSchedule(
            "MaximumWindowInMinutes must be provided for, and only for, FlexibleTimeWindow mode FLEXIBLE."
        )
    _check_bounds(_moment(properties, "StartDate"), _moment(properties, "EndDate"), now)
    _check_target(properties["Target"])


def _check_bounds(start: datetime | None, end: datetime | None, now: datetime) -> None:
    if start is not None and start < now - LATEST_START:
        raise InvalidSchedule("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if end is not None and end < now:
        raise InvalidSchedule("The EndDate you specify cannot be in the past.")
    if start is not None and end is not None and end <= start:
        raise InvalidSchedule("The EndDate you specify must come after the StartDate.")


def _check_target(target: Mapping[str, Any]) -> None:
    arn = target["Arn"]
    if _UNIVERSAL.match(arn):
        raise InvalidSchedule(f"Universal targets are not simulated by Headrace: {arn}")
    matched = _ARN.fullmatch(arn)
    if matched is None:
        raise InvalidSchedule("Provided Arn is not in correct format.")
    service = matched[1]
    if service not in SERVICES:
        raise InvalidSchedule(f"Targets of {service} are not simulated by Headrace: {arn}")
    for name in ELSEWHERE:
        if name in target:
            raise InvalidSchedule(f"{name} are not simulated by Headrace.")
    needed = SERVICES[service]
    if needed is not None and needed not in target:
        raise InvalidSchedule(f"{needed} must be provided for target {arn}.")
    if service == "sqs" and arn.endswith(".fifo") and "MessageGroupId" not in target.get("SqsParameters", {}):
        raise InvalidSchedule(f"SqsParameters with a MessageGroupId must be provided for target {arn}.")
    if target.get("DeadLetterConfig", {}).get("Arn", "").endswith(".fifo"):
        raise InvalidSchedule("The dead-letter queue must be a standard queue.")
    _check_input(target.get("Input"), service)


def _check_input(text: str | None, service: str) -> None:
    if text is None:
        return
    if len(text.encode()) > INPUT_BYTES:
        raise InvalidSchedule(f"Input must not be larger than {INPUT_BYTES} bytes.")
    if service in ("lambda", "events"):
        try:
            value = json.loads(text)
        except ValueError:
            raise InvalidSchedule("Input must be valid JSON for this target.") from None
        if service == "events" and not isinstance(value, dict):
            raise InvalidSchedule("Input must be a JSON object for this target.")


def runnable(made: MadeSchedule, account: Account, completed: Callable[[], None]) -> Schedule:
    """Return what runs of a schedule that passed its checks; `completed` hears that it deleted itself."""
    given = made.properties
    expression = parse(given["ScheduleExpression"], "scheduler")
    window = given["FlexibleTimeWindow"]
    schedule = Schedule(
        name=made.name,
        function="",
        kind="scheduler",
        text=given["ScheduleExpression"],
        expression=expression,
        account=account,
        group=made.group,
        zone=given.get("ScheduleExpressionTimezone", "UTC"),
        start=_moment(given, "StartDate"),
        end=_moment(given, "EndDate"),
        window=timedelta(minutes=window.get("MaximumWindowInMinutes", 0)),
        enabled=given.get("State", "ENABLED") == "ENABLED",
        missed_runs="last" if isinstance(expression, At) else "skip",
        input=given["Target"].get("Input"),
    )
    return schedule.calling(ScheduleCalls(made, schedule, completed))


class ScheduleCalls:
    """What the runs of a schedule call: its one target."""

    def __init__(self, made: MadeSchedule, schedule: Schedule, completed: Callable[[], None]) -> None:
        self._made = made
        self._schedule = schedule
        self._completed = completed

    def parcels(self, event_id: str, due: datetime) -> Sequence[Parcel]:
        """Return what the target gets of the run that was due at `due`."""
        target = self._made.properties["Target"]
        schedule = self._schedule
        return [
            Parcel(
                sender=schedule.source,
                target=target["Arn"],
                body=self._body(event_id, due),
                request_id=event_id,
                name="Scheduled Event",
                about=iso_seconds(due),
                group_id=target.get("SqsParameters", {}).get("MessageGroupId"),
                partition_key=target.get("KinesisParameters", {}).get("PartitionKey"),
                retry=read_retry_policy(target.get("RetryPolicy", {})),
                dead_letter=target.get("DeadLetterConfig", {}).get("Arn"),
                labels={
                    "SCHEDULE_ARN": schedule.arn,
                    "SCHEDULED_TIME": iso_seconds(due),
                    "EXECUTION_ID": execution_id(event_id),
                    "IS_PAYLOAD_TRUNCATED": "false",
                },
                numbered=True,
            )
        ]

    def _body(self, event_id: str, due: datetime) -> bytes:
        entry = self._made.properties["Target"].get("EventBridgeParameters")
        if entry is None:
            return self._schedule.unnumbered_payload(event_id, due)
        detail = self._schedule.unnumbered_payload(event_id, due) if self._schedule.input else b"{}"
        account = self._schedule.account
        return build_event(
            source=entry["Source"],
            detail_type=entry["DetailType"],
            detail=detail,
            account_id=account.account_id,
            region=account.region,
            time=due,
            resources=(self._schedule.arn,),
            event_id=event_id,
        ).text

    def complete_in(self, connection: sqlite3.Connection) -> bool:
        """Delete the schedule after its last run, if it asks for that."""
        if self._made.properties.get("ActionAfterCompletion") != "DELETE":
            return False
        schedule_table.delete_schedule(connection, self._made.group, self._made.name)
        return True

    def completed(self) -> None:
        """Say that the transaction is committed that deleted it."""
        self._completed()


def _moment(properties: Mapping[str, Any], name: str) -> datetime | None:
    text = properties.get(name)
    return None if text is None else datetime.fromisoformat(text)
