"""The `[buckets.NAME]` tables of the configuration."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.settings import Settings
from triggers.s3.event import EventVersion
from triggers.s3.keys import DEFAULT_IGNORE
from triggers.s3.notification import (
    Notification,
    problem_of_event_type,
    problem_of_filter_value,
    problem_of_overlap,
)

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def check_bucket_name(name: str) -> str:
    """Return `name`; raises ValueError when S3 would refuse it. Source: "Bucket naming rules"."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no bucket name: 3 to 63 lower-case letters, digits, dots and hyphens, "
            "beginning and ending with a letter or digit"
        )
    if ".." in name or _ADDRESS.fullmatch(name) or name.startswith(("xn--", "sthree-")):
        raise ValueError(
            f"{name!r} is no bucket name: no two dots in a row, no IP address, "
            "not beginning with xn-- or sthree-"
        )
    return name


BucketName = Annotated[str, AfterValidator(check_bucket_name)]


def _check_event_type(event: str) -> str:
    problem = problem_of_event_type(event)
    if problem is not None:
        raise ValueError(problem)
    return event


def _check_filter_value(value: str) -> str:
    problem = problem_of_filter_value(value)
    if problem is not None:
        raise ValueError(problem)
    return value


EventType = Annotated[str, AfterValidator(_check_event_type)]


def _check_prefix(value: str) -> str:
    if value.startswith("/"):
        raise ValueError(f"no key of a folder begins with /: write {value.lstrip('/')!r}")
    return value


FilterValue = Annotated[str, AfterValidator(_check_filter_value)]


class NotificationSettings(Settings):
    """One `[[buckets.NAME.notifications]]` table."""

    function: str
    events: Annotated[tuple[EventType, ...], Field(min_length=1)] = ("s3:ObjectCreated:*",)
    prefix: Annotated[FilterValue, AfterValidator(_check_prefix)] = ""
    suffix: FilterValue = ""
    id: str | None = None
    recursive: bool = False

    def notification(self, position: int) -> Notification:
        """Return the rule; the `position` in the list, from 1, names it when it has no id."""
        return Notification(
            id=self.id if self.id is not None else f"{self.function}-{position}",
            function=self.function,
            events=self.events,
            prefix=self.prefix,
            suffix=self.suffix,
            recursive=self.recursive,
        )


class BucketSettings(Settings):
    """A folder that is a bucket. `settle_time` is in seconds; `folder` is made when it is missing."""

    folder: Path
    watch: Literal["auto", "poll"] = "auto"
    settle_time: Annotated[float, Field(gt=0, le=3600)] = 0.3
    complete_marker: Annotated[str, Field(min_length=1, pattern=r"^[^/]+$")] | None = None
    ignore: tuple[str, ...] = DEFAULT_IGNORE
    existing: Literal["ignore", "emit"] = "ignore"
    changes_while_stopped: Literal["emit", "ignore"] = "emit"
    event_version: EventVersion = "2.6"
    event_bridge: bool = False
    notifications: tuple[NotificationSettings, ...] = ()

    @model_validator(mode="after")
    def _notifications_do_not_overlap(self) -> Self:
        problem = problem_of_overlap(self.rules())
        if problem is not None:
            raise ValueError(problem)
        return self

    def rules(self) -> tuple[Notification, ...]:
        """Return the notification configuration."""
        return tuple(each.notification(position) for position, each in enumerate(self.notifications, start=1))
