"""The entries of PutEvents: what is refused, and the event that each becomes.

Source: spec of PutEvents in the EventBridge API reference; texts as recorded on AWS by LocalStack's
test_events; user guide, "Calculating Amazon EventBridge PutEvents event entry size".
"""

from collections.abc import Sequence
from datetime import datetime

from engine.arn import Account
from engine.mapping.json_number import read_json
from engine.value import dataclass
from triggers.eventbridge.errors import InvalidParameter
from triggers.eventbridge.event import BusEvent, build_event

REQUEST_BYTES = 1024 * 1024  # of all entries; 256 KB until January 2026
TIME_BYTES = 14


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it was given; `bus` is a name or an ARN, None for the default bus."""

    source: str | None
    detail_type: str | None
    detail: str | None
    bus: str | None = None
    time: datetime | None = None
    resources: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """What counts against the limit of a request, in bytes."""
        texts = (self.source or "", self.detail_type or "", self.detail or "", *self.resources)
        return sum(len(text.encode()) for text in texts) + (TIME_BYTES if self.time is not None else 0)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an entry is not taken."""

    code: str
    message: str


def check_size(entries: Sequence[Entry]) -> None:
    """Raise InvalidParameter when a request holds too much."""
    if sum(entry.size for entry in entries) > REQUEST_BYTES:
        raise InvalidParameter("Total size of the entries in the request is over the limit.")


def event_of(entry: Entry, account: Account, now: datetime) -> BusEvent | Refused:
    """Return the event of an entry, or why there is none."""
    for name, value in (
        ("Source", entry.source),
        ("DetailType", entry.detail_type),
        ("Detail", entry.detail),
    ):
        if not value:
            reason = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return Refused("InvalidArgument", reason)
    source, detail = entry.source or "", entry.detail or ""
    if source.startswith("aws."):
        return Refused("NotAuthorizedForSourceException", "Not authorized for the source.")
    if not _is_object(detail):
        return Refused("MalformedDetail", "Detail is malformed.")
    return build_event(
        source=source,
        detail_type=entry.detail_type or "",
        detail=detail.encode(),
        account_id=account.account_id,
        region=account.region,
        time=entry.time or now,
        resources=entry.resources,
    )


def _is_object(text: str) -> bool:
    try:
        return isinstance(read_json(text), dict)
    except ValueError:
        return False
