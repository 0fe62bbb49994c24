"""Who hears of a bucket's changes, as a document.

Source: S3 API reference, "PutBucketNotificationConfiguration". The notifications of headrace.toml are shown,
and have to stay as they are.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from aiohttp import web

from engine.invocation.destination import DestinationMessage
from engine.random_uuid import random_uuid
from engine.value import dataclass
from headrace.aws.rest_xml import Node, S3Error, malformed_xml
from headrace.aws.s3_body import read_document
from headrace.aws.s3_call import Call, Operation
from headrace.aws.s3_errors import declared, invalid_argument, not_simulated
from triggers.s3.event import configuration_test_event
from triggers.s3.notification import (
    Notification,
    bus_notification,
    problem_of_event_type,
    problem_of_overlap,
)

ROOT = "NotificationConfiguration"
BUS = "EventBridgeConfiguration"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of destination: its elements' names, and the service in its ARNs."""

    element: str
    member: str
    service: str


KINDS = (
    Kind("TopicConfiguration", "Topic", "sns"),
    Kind("QueueConfiguration", "Queue", "sqs"),
    Kind("CloudFunctionConfiguration", "CloudFunction", "lambda"),
)


async def get_notification(call: Call) -> web.StreamResponse:
    """GetBucketNotificationConfiguration."""
    members: dict[str, list[dict[str, Any]]] = {kind.element: [] for kind in KINDS}
    members[BUS] = []
    for notification in call.bucket.notifications:
        if notification.is_for_a_bus:
            members[BUS] = [{}]
            continue
        arn = _arn(call, notification)
        kind = next(kind for kind in KINDS if arn.split(":")[2] == kind.service)
        members[kind.element].append(_described(notification, arn, kind))
    return call.xml(ROOT, members)


def _arn(call: Call, notification: Notification) -> str:
    if notification.destination:
        return notification.destination
    arn = call.s3.account.function(notification.function)
    return arn if notification.qualifier is None else f"{arn}:{notification.qualifier}"


def _described(notification: Notification, arn: str, kind: Kind) -> dict[str, Any]:
    rules = [
        {"Name": name.capitalize(), "Value": value}
        for name, value in (("prefix", notification.prefix), ("suffix", notification.suffix))
        if value
    ]
    return {
        "Id": notification.id,
        kind.member: arn,
        "Event": list(notification.events),
        **({"Filter": {"S3Key": {"FilterRule": rules}}} if rules else {}),
    }


async def put_notification(call: Call) -> web.StreamResponse:
    """PutBucketNotificationConfiguration: replaces what was put before."""
    bucket = call.bucket
    document = await read_document(call.request, ROOT)
    wanted = [_read(call, element) for element in document.children() if _is_configuration(element)]
    further = _beside_the_configured(call, wanted, bucket.configured)
    _check_ids(wanted)
    problem = problem_of_overlap((*bucket.configured, *further))
    if problem is not None:
        raise S3Error("InvalidArgument", problem, 400)
    destinations = [
        _destination(call, each) for each in further if each.destination and not each.is_for_a_bus
    ]
    if call.request.headers.get("x-amz-skip-destination-validation", "").lower() != "true":
        _validate(call, further)
    await call.s3.buckets.put_notifications(bucket.name, further)
    request_id = call.headers["x-amz-request-id"]
    body = configuration_test_event(bucket.name, request_id, call.s3.clock.now())
    for destination in destinations:
        if destination is not None:
            message = DestinationMessage("", body, ())
            await call.s3.buckets.store.write(partial(destination.send, message=message))
            destination.wake()
    return call.empty()


def _is_configuration(element: Node) -> bool:
    if element.name not in {BUS, *(kind.element for kind in KINDS)}:
        raise malformed_xml()
    return True


def _read(call: Call, element: Node) -> Notification:
    """Return one configuration of the document. Raises S3Error."""
    if element.name == BUS:
        return bus_notification(call.s3.account.event_bus("default"))
    kind = next(kind for kind in KINDS if kind.element == element.name)
    arn = element.text(kind.member)
    events = tuple(each.content for each in element.children("Event"))
    if arn is None or not events:
        raise malformed_xml()
    for event in events:
        if (problem := problem_of_event_type(event)) is not None:
            if "not simulated" in problem:
                raise not_simulated(event)
            raise invalid_argument("The event is not supported for notifications", "Event", event)
    prefix, suffix = _filter(element)
    identifier = element.text("Id") or random_uuid()
    parts = arn.split(":")
    least = 7 if kind.service == "lambda" else 6
    if len(parts) < least or parts[0] != "arn" or parts[2] != kind.service or not parts[least - 1]:
        raise invalid_argument("The ARN could not be parsed", kind.member, arn)
    account = call.s3.account
    if parts[3] != account.region or (kind.service == "lambda" and parts[4] != account.account_id):
        raise invalid_argument(
            "The notification destination service region is not valid for the bucket location constraint",
            kind.member,
            arn,
        )
    if kind.service != "lambda":
        if parts[5].endswith(".fifo"):
            raise invalid_argument(
                "FIFO queues and topics are not supported as destinations", kind.member, arn
            )
        return Notification(identifier, "", events, prefix, suffix, destination=arn)
    qualifier = parts[7] if len(parts) > 7 else None
    return Notification(identifier, parts[6], events, prefix, suffix, qualifier=qualifier)


def _filter(element: Node) -> tuple[str, str]:
    found = {"prefix": "", "suffix": ""}
    given: set[str] = set()
    filter_ = element.child("Filter")
    of_key = None if filter_ is None else filter_.child("S3Key")
    for rule in () if of_key is None else of_key.children("FilterRule"):
        name, value = (rule.text("Name") or "").lower(), rule.text("Value") or ""
        if name not in found:
            raise invalid_argument(
                "filter rule name must be either prefix or suffix", "FilterRule.Name", name
            )
        if name in given:
            raise invalid_argument(
                f"Cannot specify more than one {name} rule in a filter.", "FilterRule.Name", name
            )
        given.add(name)
        found[name] = value
    return found["prefix"], found["suffix"]


def _beside_the_configured(
    call: Call, wanted: Sequence[Notification], configured: Sequence[Notification]
) -> list[Notification]:
    """Return what is wanted beside the configured notifications, which have to be among it."""
    by_id = {each.id: each for each in wanted}
    for each in configured:
        same = by_id.get(each.id)
        if same is None or _essence(same) != _essence(each):
            raise declared(
                call.bucket.name,
                f"its notification {each.id} has to stay as it is; send it along with the others",
            )
    fixed = {each.id for each in configured}
    return [each for each in wanted if each.id not in fixed]


def _essence(notification: Notification) -> tuple[object, ...]:
    events = frozenset(notification.events)
    return notification.function, events, notification.prefix, notification.suffix, notification.qualifier


def _check_ids(wanted: Sequence[Notification]) -> None:
    ids = [each.id for each in wanted]
    if len(set(ids)) < len(ids):
        raise invalid_argument("Configuration ids must be unique", "Id")


def _destination(call: Call, notification: Notification) -> Any:
    return call.s3.destination_of(notification.destination)


def _validate(call: Call, further: Sequence[Notification]) -> None:
    """Raise S3Error for a destination that is not there."""
    for each in further:
        if each.destination:
            if _destination(call, each) is None:
                kind = "queue" if ":sqs:" in each.destination else "topic"
                raise _unable(each.destination, each.destination, f"The destination {kind} does not exist")
        elif not call.s3.knows_function(each.function, each.qualifier):
            arn = _arn(call, each)
            raise _unable(f"{arn}, null", arn, f"Not authorized to invoke function [{arn}]")


def _unable(name: str, _arn: str, reason: str) -> S3Error:
    return S3Error(
        "InvalidArgument",
        "Unable to validate the following destination configurations",
        400,
        ArgumentName1=name,
        ArgumentValue1=reason,
    )


OPERATIONS: dict[str, Operation] = {
    "GetBucketNotificationConfiguration": get_notification,
    "PutBucketNotificationConfiguration": put_notification,
}
