"""Which function hears of which change: a bucket's notification configuration.

Source: S3 user guide, "Event notification types and destinations" and "Configuring event notifications using
object key name filtering".
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from urllib.parse import unquote_plus

from engine.value import dataclass
from triggers.s3.event import ObjectChange
from triggers.s3.key_encoding import PLAIN, encode_key

MOST_CHAIN_INVOCATIONS = 16  # Lambda's recursive loop detection: the 17th does not happen

LOCAL_EVENTS = (
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
)
AWS_ONLY_FAMILIES = (
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:",
    "s3:ObjectAcl:",
    "s3:ObjectAnnotation:",
    "s3:ObjectRetention:",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:",
    "s3:LifecycleExpiration:",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
)
OVERLAP_MESSAGE = (
    "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are "
    "overlapping for the same event type."
)


ENCODED = re.compile(r"%[0-9A-Fa-f]{2}|\+")


@dataclass(frozen=True, slots=True)
class Notification:
    """One function, or another `destination` by its ARN, that wants to hear of some changes of a bucket.

    `function` is empty where `destination` is not; `qualifier` is the function's version or alias. `prefix`
    and `suffix` are written as keys are in events: a space is `+`, other special characters are
    percent-encoded. `recursive` also delivers what the function's own doing caused.
    """

    id: str
    function: str
    events: tuple[str, ...] = ("s3:ObjectCreated:*",)
    prefix: str = ""
    suffix: str = ""
    recursive: bool = False
    destination: str = ""
    qualifier: str | None = None

    @property
    def is_for_a_bus(self) -> bool:
        """Whether it is a bucket's one notification to EventBridge, which overlaps with no other."""
        return ":event-bus/" in self.destination

    def wants(self, change: ObjectChange) -> bool:
        """Say whether the filter lets `change` through."""
        key = change.key
        return (
            key.startswith(_decoded(self.prefix))
            and key.endswith(_decoded(self.suffix))
            and any(covers(event, "s3:" + change.name) for event in self.events)
        )


@lru_cache(1000)
def _decoded(value: str) -> str:
    return unquote_plus(value)


def problem_of_filter_value(value: str) -> str | None:
    """Return what is wrong with a prefix or suffix that is not written as keys are in events, or None.

    Source: S3 user guide, "Configuring event notifications using object key name filtering".
    """
    if PLAIN.issuperset(ENCODED.sub("", value)):
        return None
    written = encode_key(_decoded(value))
    return f"a space is written + here and other special characters are percent-encoded: write {written!r}"


def bus_notification(arn: str) -> Notification:
    """Return the notification that sends all events of a bucket to a bus."""
    return Notification("EventBridge", "", ("s3:*",), destination=arn)


def covers(configured: str, event: str) -> bool:
    """Say whether a configured type, perhaps with `*`, includes another type, perhaps with `*`."""
    return configured == event or (configured.endswith("*") and event.startswith(configured[:-1]))


def problem_of_event_type(event: str) -> str | None:
    """Return why a notification cannot ask for `event`, or None."""
    if event in LOCAL_EVENTS:
        return None
    if event.startswith(AWS_ONLY_FAMILIES):
        return f"{event} is not simulated: a bucket here never raises it"
    return f"{event} is no event type; allowed are {', '.join(LOCAL_EVENTS)}"


def problem_of_overlap(notifications: Sequence[Notification]) -> str | None:
    """Return AWS's message when two configurations could both match one change, or None.

    Prefixes overlap when one begins with the other, suffixes when one ends with the other; an empty one
    overlaps with all.
    """
    for one, other in combinations([each for each in notifications if not each.is_for_a_bus], 2):
        prefixes, suffixes = (
            (_decoded(one.prefix), _decoded(other.prefix)),
            (_decoded(one.suffix), _decoded(other.suffix)),
        )
        if (
            any(covers(a, b) or covers(b, a) for a in one.events for b in other.events)
            and (prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0]))
            and (suffixes[0].endswith(suffixes[1]) or suffixes[1].endswith(suffixes[0]))
        ):
            return OVERLAP_MESSAGE
    return None


def stopped_by_recursion(
    notification: Notification, lineage: Sequence[str], *, loops_allowed: bool
) -> str | None:
    """Say which option would allow an event that the function's own doing caused; None when it may go on.

    `lineage` names the functions whose invocations led to the change. `loops_allowed` is the function's
    `recursive_loop = "Allow"`. Source: Lambda developer guide, "Recursive loop detection".
    """
    if notification.function not in lineage:
        return None
    if not notification.recursive:
        return "recursive = true in the bucket's notification"
    if not loops_allowed and lineage.count(notification.function) >= MOST_CHAIN_INVOCATIONS:
        return f'recursive_loop = "Allow" in functions.{notification.function}'
    return None
