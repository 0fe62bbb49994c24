"""EventBridge's operations on archives and replays, as JSON values.

Source: the service model events 2015-10-07; shapes as recorded on AWS by LocalStack's
test_archive_and_replay.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from headrace.aws.paging import BadToken, page
from triggers.eventbridge.archive_table import Archive, Replay
from triggers.eventbridge.archives import Archives
from triggers.eventbridge.buses import EventBuses
from triggers.eventbridge.errors import InvalidParameter

Given = Mapping[str, Any]
Answer = Mapping[str, Any]

PAGE = 100
ARCHIVE_PROPERTIES = ("Description", "EventPattern", "RetentionDays", "KmsKeyIdentifier")
REPLAY_PROPERTIES = ("Description", "EventSourceArn", "Destination")
TIMES = ("EventStartTime", "EventEndTime")


class ArchiveOperations:
    """Answers for archives and replays."""

    def __init__(self, archives: Archives, buses: EventBuses) -> None:
        self._archives = archives
        self._buses = buses

    def operations(self) -> dict[str, Callable[[Given], Awaitable[Answer]]]:
        """Return the operations by name; each is given what has been held against the model."""
        return {
            "CreateArchive": self._create_archive,
            "DescribeArchive": self._describe_archive,
            "UpdateArchive": self._update_archive,
            "DeleteArchive": self._delete_archive,
            "ListArchives": self._list_archives,
            "StartReplay": self._start_replay,
            "DescribeReplay": self._describe_replay,
            "CancelReplay": self._cancel_replay,
            "ListReplays": self._list_replays,
        }

    async def _create_archive(self, given: Given) -> Answer:
        properties = _only(given, ARCHIVE_PROPERTIES)
        archive = await self._archives.create_archive(
            given["ArchiveName"], given["EventSourceArn"], properties
        )
        return self._made(archive)

    async def _update_archive(self, given: Given) -> Answer:
        properties = _only(given, ARCHIVE_PROPERTIES)
        return self._made(await self._archives.update_archive(given["ArchiveName"], properties))

    async def _delete_archive(self, given: Given) -> Answer:
        await self._archives.delete_archive(given["ArchiveName"])
        return {}

    async def _describe_archive(self, given: Given) -> Answer:
        archive = self._archives.archive(given["ArchiveName"])
        return {
            "ArchiveArn": self._buses.account.archive(archive.name),
            **await self._listed(archive),
            **_only(archive.properties, ARCHIVE_PROPERTIES),
        }

    async def _list_archives(self, given: Given) -> Answer:
        source = given.get("EventSourceArn")
        bus = None if source is None else self._buses.bus(source).name
        archives = [
            archive
            for archive in self._archives.archives()
            if archive.name.startswith(given.get("NamePrefix", ""))
            and bus in (None, archive.bus)
            and given.get("State", "ENABLED") == "ENABLED"
        ]
        found, token = _page(archives, lambda archive: archive.name, given)
        return {"Archives": [await self._listed(archive) for archive in found], **token}

    async def _start_replay(self, given: Given) -> Answer:
        properties = {
            **_only(given, REPLAY_PROPERTIES),
            **{name: given[name].isoformat() for name in TIMES},
        }
        replay = await self._archives.start_replay(given["ReplayName"], properties)
        return {
            "ReplayArn": self._buses.account.replay(replay.name),
            "State": replay.state,
            "ReplayStartTime": replay.started.timestamp(),
        }

    async def _cancel_replay(self, given: Given) -> Answer:
        replay = await self._archives.cancel_replay(given["ReplayName"])
        return {"ReplayArn": self._buses.account.replay(replay.name), "State": replay.state}

    async def _describe_replay(self, given: Given) -> Answer:
        replay = self._archives.replay(given["ReplayName"])
        return {
            "ReplayArn": self._buses.account.replay(replay.name),
            **_replay_shape(replay),
            **_only(replay.properties, ("Description", "Destination")),
        }

    async def _list_replays(self, given: Given) -> Answer:
        replays = [
            replay
            for replay in self._archives.replays()
            if replay.name.startswith(given.get("NamePrefix", ""))
            and given.get("State", replay.state) == replay.state
            and given.get("EventSourceArn", replay.properties["EventSourceArn"])
            == replay.properties["EventSourceArn"]
        ]
        found, token = _page(replays, lambda replay: replay.name, given)
        return {"Replays": [_replay_shape(replay) for replay in found], **token}

    def _made(self, archive: Archive) -> Answer:
        return {
            "ArchiveArn": self._buses.account.archive(archive.name),
            "State": "ENABLED",
            "CreationTime": archive.created.timestamp(),
        }

    async def _listed(self, archive: Archive) -> dict[str, Any]:
        count, size = await self._archives.figures(archive)
        return {
            "ArchiveName": archive.name,
            "EventSourceArn": self._buses.account.event_bus(archive.bus),
            "State": "ENABLED",
            "RetentionDays": archive.retention_days,
            "SizeBytes": size,
            "EventCount": count,
            "CreationTime": archive.created.timestamp(),
        }


def _replay_shape(replay: Replay) -> dict[str, Any]:
    shape = {
        "ReplayName": replay.name,
        "EventSourceArn": replay.properties["EventSourceArn"],
        "State": replay.state,
        **{name: datetime.fromisoformat(replay.properties[name]).timestamp() for name in TIMES},
        "ReplayStartTime": replay.started.timestamp(),
    }
    if replay.replayed_to is not None:
        shape["EventLastReplayedTime"] = replay.replayed_to.timestamp()
    if replay.ended is not None:
        shape["ReplayEndTime"] = replay.ended.timestamp()
    return shape


def _only(given: Given, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def _page(items: list[Any], name_of: Callable[[Any], str], given: Given) -> tuple[list[Any], dict[str, str]]:
    try:
        found, token = page(items, name_of, given.get("NextToken"), given.get("Limit", PAGE))
    except BadToken as error:
        raise InvalidParameter(f"The NextToken {error} is not valid.") from None
    return found, {} if token is None else {"NextToken": token}
