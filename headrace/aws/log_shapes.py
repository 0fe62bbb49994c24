"""How CloudWatch Logs writes groups, streams and events, and names groups."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from engine.arn import Account
from headrace.aws.log_errors import InvalidParameter
from headrace.aws.log_files import LogEvent
from headrace.aws.log_groups import Group, Stream
from headrace.aws.paging import BadToken, page

T = TypeVar("T")
Given = Mapping[str, Any]
Answer = dict[str, Any]
GROUP_ARN = re.compile(r"arn:[^:]+:logs:[^:]*:(?P<account>\d{12}):log-group:(?P<name>[^:]+)(?::\*)?")
PAGE = 50


def group_arn(account: Account, name: str) -> str:
    """Return the ARN of a log group."""
    return f"arn:{account.partition}:logs:{account.region}:{account.account_id}:log-group:{name}"


def group_name(given: Given) -> str:
    """Return the group that a request names, or whose ARN it gives. Raises InvalidParameter."""
    name, identifier = given.get("logGroupName"), given.get("logGroupIdentifier")
    if (name is None) is (identifier is None):
        raise InvalidParameter("Exactly one of logGroupName and logGroupIdentifier must be given.")
    return str(name) if identifier is None else name_of(identifier)


def name_of(identifier: str) -> str:
    """Return the name of a group given by its name or its ARN. Raises InvalidParameter."""
    if not identifier.startswith("arn:"):
        return identifier
    found = GROUP_ARN.fullmatch(identifier)
    if found is None:
        raise InvalidParameter(f"{identifier} is not the ARN of a log group.")
    return found["name"]


def group_shape(group: Group, account: Account, stored_bytes: int) -> Answer:
    """Return a group as lists have it."""
    arn = group_arn(account, group.name)
    shown = {
        name: group.attributes[name] for name in ("retentionInDays", "kmsKeyId") if name in group.attributes
    }
    return {
        "logGroupName": group.name,
        "creationTime": group.created,
        **shown,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "storedBytes": stored_bytes,
        "logGroupClass": group.attributes.get("logGroupClass", "STANDARD"),
        "logGroupArn": arn,
    }


def stream_shape(stream: Stream, account: Account) -> Answer:
    """Return a stream as lists have it."""
    moments = {
        "firstEventTimestamp": stream.first,
        "lastEventTimestamp": stream.last,
        "lastIngestionTime": stream.ingested,
    }
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        **{name: moment for name, moment in moments.items() if moment is not None},
        "arn": f"{group_arn(account, stream.group)}:log-stream:{stream.name}",
        "storedBytes": 0,
    }


def event_shape(event: LogEvent) -> Answer:
    """Return an event."""
    return {"timestamp": event.moment, "message": event.message, "ingestionTime": event.ingested}


def listed(
    given: Given, items: Sequence[T], name_of_item: Callable[[T], str]
) -> tuple[Sequence[T], Mapping[str, str]]:
    """Return a page of items that are sorted by name, and what tells of the next. Raises InvalidParameter."""
    try:
        found, token = page(items, name_of_item, given.get("nextToken"), given.get("limit", PAGE))
    except BadToken:
        raise InvalidParameter("The specified nextToken is invalid.") from None
    return found, {} if token is None else {"nextToken": token}
