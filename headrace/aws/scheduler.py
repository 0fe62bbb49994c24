"""EventBridge Scheduler as HTTP: schedules and their groups.

Source: the service model scheduler 2021-06-30.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import unquote

import orjson
from aiohttp import web

from engine.arn import Account
from engine.errors import ApiError, HeadraceError, ServiceFailure, ValidationFailed
from engine.invocation.event import new_request_id
from engine.store.database import Store
from headrace.aws.error_body import REQUEST_ID, not_implemented
from headrace.aws.json_protocol import BadInput
from headrace.aws.model_check import checked
from headrace.aws.paging import BadToken, page
from headrace.aws.service_model import service_model
from headrace.aws.stored_tags import StoredTags, tags_of
from triggers.schedule.errors import InvalidSchedule, ScheduleNotFound
from triggers.schedule.schedule_table import MadeSchedule, ScheduleGroup
from triggers.schedule.schedules import Schedules

T = TypeVar("T")
Given = Mapping[str, Any]
Answer = Mapping[str, Any]

PAGE = 100
PATH = re.compile(r"/(?P<kind>schedules|schedule-groups|tags)(?:/(?P<name>.+))?/?")
OPERATIONS = {
    ("POST", "schedules", True): "CreateSchedule",
    ("GET", "schedules", True): "GetSchedule",
    ("PUT", "schedules", True): "UpdateSchedule",
    ("DELETE", "schedules", True): "DeleteSchedule",
    ("GET", "schedules", False): "ListSchedules",
    ("POST", "schedule-groups", True): "CreateScheduleGroup",
    ("GET", "schedule-groups", True): "GetScheduleGroup",
    ("DELETE", "schedule-groups", True): "DeleteScheduleGroup",
    ("GET", "schedule-groups", False): "ListScheduleGroups",
    ("POST", "tags", True): "TagResource",
    ("DELETE", "tags", True): "UntagResource",
    ("GET", "tags", True): "ListTagsForResource",
}
QUERY_NAMES = {  # others are spelt as the members
    "groupName": "GroupName",
    "ScheduleGroup": "GroupName",
    "clientToken": "ClientToken",
}
NUMBERS = ("MaxResults",)
LISTS = ("TagKeys",)
NOT_PROPERTIES = ("Name", "GroupName")
NOT_SHOWN = ("ClientToken",)
DATES = ("StartDate", "EndDate")


class SchedulerWire:
    """Answers for schedules and groups."""

    def __init__(self, schedules: Schedules, account: Account, store: Store) -> None:
        self._schedules = schedules
        self._account = account
        tags = StoredTags(store, self._tagged)
        self._operations: dict[str, Callable[[Given], Awaitable[Answer]]] = {
            "CreateSchedule": self._create_schedule,
            "GetSchedule": self._get_schedule,
            "UpdateSchedule": self._update_schedule,
            "DeleteSchedule": self._delete_schedule,
            "ListSchedules": self._list_schedules,
            "CreateScheduleGroup": self._create_schedule_group,
            "GetScheduleGroup": self._get_schedule_group,
            "DeleteScheduleGroup": self._delete_schedule_group,
            "ListScheduleGroups": self._list_schedule_groups,
            "TagResource": tags.tag,
            "UntagResource": tags.untag,
            "ListTagsForResource": tags.list,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Raises ApiError for what is refused; unexpected errors pass through."""
        matched = PATH.fullmatch(request.raw_path.partition("?")[0])
        name = None if matched is None or matched["name"] is None else unquote(matched["name"])
        kind = "" if matched is None else matched["kind"]
        operation = OPERATIONS.get((request.method, kind, name is not None))
        if operation is None:
            return not_implemented("scheduler", f"{request.method} {request.path}", "rest-json")
        members = await _members(request)
        if name is not None:
            members["ResourceArn" if kind == "tags" else "Name"] = name
        try:
            given = checked(service_model("scheduler", "2021-06-30"), operation, members)
            answer = await self._operations[operation](given)
        except (BadInput, ValidationFailed) as error:
            raise InvalidSchedule(str(error)) from error
        except ApiError:
            raise
        except HeadraceError as error:
            raise ServiceFailure(str(error)) from error
        return web.Response(
            body=orjson.dumps(answer),
            headers={"Content-Type": "application/json", REQUEST_ID: new_request_id()},
        )

    async def _create_schedule(self, given: Given) -> Answer:
        made = await self._schedules.create(given["Name"], given.get("GroupName"), _properties(given))
        return {"ScheduleArn": self._account.schedule(made.name, made.group)}

    async def _update_schedule(self, given: Given) -> Answer:
        made = await self._schedules.update(given["Name"], given.get("GroupName"), _properties(given))
        return {"ScheduleArn": self._account.schedule(made.name, made.group)}

    async def _get_schedule(self, given: Given) -> Answer:
        made = self._schedules.schedule(given["Name"], given.get("GroupName"))
        properties = {key: value for key, value in made.properties.items() if key not in NOT_SHOWN}
        for name in DATES:
            if name in properties:
                properties[name] = datetime.fromisoformat(properties[name]).timestamp()
        return {
            **self._listed(made),
            "ActionAfterCompletion": "NONE",
            "ScheduleExpressionTimezone": "UTC",
            **properties,
            "Target": _with_retry_policy(made.properties["Target"]),
        }

    async def _delete_schedule(self, given: Given) -> Answer:
        await self._schedules.delete(given["Name"], given.get("GroupName"))
        return {}

    async def _list_schedules(self, given: Given) -> Answer:
        group = given.get("GroupName")
        if group is not None:
            self._schedules.group(group)
        schedules = [
            made
            for made in self._schedules.schedules()
            if group in (None, made.group)
            and made.name.startswith(given.get("NamePrefix", ""))
            and given.get("State", _state(made)) == _state(made)
        ]
        return _page("Schedules", schedules, lambda made: f"{made.group}/{made.name}", given, self._listed)

    async def _create_schedule_group(self, given: Given) -> Answer:
        group = await self._schedules.create_group(given["Name"], tags_of(given))
        return {"ScheduleGroupArn": self._account.schedule_group(group.name)}

    async def _get_schedule_group(self, given: Given) -> Answer:
        return self._group_shape(self._schedules.group(given["Name"]))

    async def _delete_schedule_group(self, given: Given) -> Answer:
        await self._schedules.delete_group(given["Name"])
        return {}

    async def _list_schedule_groups(self, given: Given) -> Answer:
        prefix = given.get("NamePrefix", "")
        groups = [group for group in self._schedules.groups() if group.name.startswith(prefix)]
        return _page("ScheduleGroups", groups, lambda group: group.name, given, self._group_shape)

    def _tagged(self, given: Given) -> str:
        """Return the ARN of a group, which alone has tags. Raises ScheduleNotFound."""
        arn: str = given["ResourceArn"]
        name = arn.rpartition("schedule-group/")[2]
        if arn != self._account.schedule_group(name):
            raise ScheduleNotFound("Resource", arn)
        self._schedules.group(name)
        return arn

    def _listed(self, made: MadeSchedule) -> dict[str, Any]:
        return {
            "Arn": self._account.schedule(made.name, made.group),
            "Name": made.name,
            "GroupName": made.group,
            "State": _state(made),
            "CreationDate": made.created.timestamp(),
            "LastModificationDate": made.changed.timestamp(),
            "Target": {"Arn": made.properties["Target"]["Arn"]},
        }

    def _group_shape(self, group: ScheduleGroup) -> dict[str, Any]:
        return {
            "Arn": self._account.schedule_group(group.name),
            "Name": group.name,
            "State": "ACTIVE",
            "CreationDate": group.created.timestamp(),
            "LastModificationDate": group.changed.timestamp(),
        }


async def _members(request: web.BaseRequest) -> dict[str, Any]:
    """Return what the body and the query say."""
    try:
        members = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as error:
        raise InvalidSchedule(f"The request is not JSON: {error}") from None
    if not isinstance(members, dict):
        raise InvalidSchedule("The request must be a JSON object.")
    for key in dict.fromkeys(request.query):
        name = QUERY_NAMES.get(key, key)
        values = request.query.getall(key)
        members[name] = values if name in LISTS else _number(values[0]) if name in NUMBERS else values[0]
    return members


def _number(text: str) -> int | str:
    return int(text) if re.fullmatch(r"\d{1,9}", text) else text


def _properties(given: Given) -> dict[str, Any]:
    found = {name: value for name, value in given.items() if name not in NOT_PROPERTIES}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()
    }


def _with_retry_policy(target: Given) -> Answer:
    policy = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    return {**target, "RetryPolicy": {**policy, **target.get("RetryPolicy", {})}}


def _state(made: MadeSchedule) -> str:
    return str(made.properties.get("State", "ENABLED"))


def _page(
    member: str, items: list[T], name_of: Callable[[T], str], given: Given, shape: Callable[[T], Any]
) -> Answer:
    try:
        found, token = page(items, name_of, given.get("NextToken"), given.get("MaxResults", PAGE))
    except BadToken as error:
        raise InvalidSchedule(f"The NextToken {error} is not valid.") from None
    answer = {member: [shape(item) for item in found]}
    return answer if token is None else {**answer, "NextToken": token}
