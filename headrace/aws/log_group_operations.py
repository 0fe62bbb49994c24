"""CloudWatch Logs' operations on groups and streams.

Source: the service model logs 2014-03-28; CloudWatch Logs API reference.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from engine.arn import Account
from headrace.aws.log_errors import InvalidParameter
from headrace.aws.log_groups import Group, LogGroups, Stream
from headrace.aws.log_shapes import Answer, Given, group_name, group_shape, listed, name_of, stream_shape

RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288),
    3653,
)


class GroupOperations:
    """What can be done with groups and streams."""

    def __init__(self, groups: LogGroups, account: Account) -> None:
        self._groups = groups
        self._account = account

    def all(self) -> Mapping[str, Callable[[Given], Awaitable[Answer]]]:
        """Return the operations by name."""
        return {
            "CreateLogGroup": self._create,
            "DeleteLogGroup": self._delete,
            "DescribeLogGroups": self._describe,
            "PutRetentionPolicy": self._put_retention,
            "DeleteRetentionPolicy": self._delete_retention,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
            "TagLogGroup": self._tag,
            "UntagLogGroup": self._untag,
            "ListTagsLogGroup": self._list_tags,
            "CreateLogStream": self._create_stream,
            "DeleteLogStream": self._delete_stream,
            "DescribeLogStreams": self._describe_streams,
        }

    async def _create(self, given: Given) -> Answer:
        if given.get("deletionProtectionEnabled"):
            raise InvalidParameter("Deletion protection of log groups is not simulated by Headrace.")
        attributes = {name: given[name] for name in ("kmsKeyId", "logGroupClass", "tags") if name in given}
        await self._groups.make(given["logGroupName"], attributes)
        return {}

    async def _delete(self, given: Given) -> Answer:
        await self._groups.delete(given["logGroupName"])
        return {}

    async def _describe(self, given: Given) -> Answer:
        if "logGroupNamePrefix" in given and "logGroupNamePattern" in given:
            raise InvalidParameter("logGroupNamePrefix and logGroupNamePattern exclude each other.")
        prefix, part = given.get("logGroupNamePrefix", ""), given.get("logGroupNamePattern", "").lower()
        identified = {name_of(each) for each in given.get("logGroupIdentifiers", ())}
        wanted_class = given.get("logGroupClass")
        groups = [
            group
            for group in await self._groups.all()
            if group.name.startswith(prefix)
            and part in group.name.lower()
            and (not identified or group.name in identified)
            and wanted_class in (None, group.attributes.get("logGroupClass", "STANDARD"))
        ]
        found, more = listed(given, groups, lambda group: group.name)
        shapes = [
            group_shape(group, self._account, await self._groups.stored_bytes(group)) for group in found
        ]
        return {"logGroups": shapes, **more}

    async def _put_retention(self, given: Given) -> Answer:
        days = given["retentionInDays"]
        if days not in RETENTIONS:
            allowed = ", ".join(map(str, RETENTIONS))
            raise InvalidParameter(f"{days} is not a valid retention: it must be one of [{allowed}]")
        await self._change(given["logGroupName"], retentionInDays=days)
        return {}

    async def _delete_retention(self, given: Given) -> Answer:
        await self._change(given["logGroupName"], retentionInDays=None)
        return {}

    async def _tag(self, given: Given) -> Answer:
        group = await self._tagged(given)
        await self._change(group.name, tags={**group.attributes.get("tags", {}), **given["tags"]})
        return {}

    async def _untag(self, given: Given) -> Answer:
        group = await self._tagged(given)
        gone = given.get("tagKeys", given.get("tags", ()))
        tags = {key: value for key, value in group.attributes.get("tags", {}).items() if key not in gone}
        await self._change(group.name, tags=tags)
        return {}

    async def _list_tags(self, given: Given) -> Answer:
        return {"tags": (await self._tagged(given)).attributes.get("tags", {})}

    async def _tagged(self, given: Given) -> Group:
        name = given.get("logGroupName") or name_of(given["resourceArn"])
        return await self._groups.named(name)

    async def _change(self, name: str, **changes: Any) -> None:
        """Change attributes of a group; those that are None go."""
        group = await self._groups.named(name)
        attributes = {**group.attributes, **changes}
        kept = {key: value for key, value in attributes.items() if value is not None}
        await self._groups.keep(replace(group, attributes=kept))

    async def _create_stream(self, given: Given) -> Answer:
        group = await self._groups.named(given["logGroupName"])
        await self._groups.make_stream(group, given["logStreamName"])
        return {}

    async def _delete_stream(self, given: Given) -> Answer:
        group = await self._groups.named(given["logGroupName"])
        await self._groups.delete_stream(await self._groups.stream(group, given["logStreamName"]))
        return {}

    async def _describe_streams(self, given: Given) -> Answer:
        by_time = given.get("orderBy") == "LastEventTime"
        prefix = given.get("logStreamNamePrefix", "")
        if by_time and prefix:
            raise InvalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
        group = await self._groups.named(group_name(given))
        streams = [each for each in await self._groups.streams(group) if each.name.startswith(prefix)]
        streams.sort(key=_by_last_event if by_time else _by_name, reverse=given.get("descending", False))
        # The order may be any, so a page is told by how many are before it.
        found, more = listed(given, range(len(streams)), lambda number: f"{number:09}")
        return {"logStreams": [stream_shape(streams[each], self._account) for each in found], **more}


def _by_name(stream: Stream) -> tuple[int, str]:
    return 0, stream.name


def _by_last_event(stream: Stream) -> tuple[int, str]:
    return stream.last or 0, stream.name
