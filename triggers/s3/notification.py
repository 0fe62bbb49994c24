"""Which function hears of which change: a bucket's notification configuration.

Source: S3 user guide, "Event notification types and destinations" and "Configuring event notifications using
object key name filtering".
"""

from collections.abc import Sequence
from itertools import combinations

from engine.value import dataclass
from triggers.s3.event import ObjectChange

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


@dataclass(frozen=True, slots=True)
class Notification:
    """One function, or another `destination` by its ARN, that wants to hear of some changes of a bucket.

    `function` is empty where `destination` is not; `qualifier` is the function's version or alias. `prefix`
    and `suffix` are held against the decoded key. `recursive` also delivers what the function's own doing
    caused.
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
            key.startswith(self.prefix)
            and key.endswith(self.suffix)
            and any(covers(event, "s3:" + change.name) for event in self.events)
        )


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
        if (
            any(covers(a, b) or covers(b, a) for a in one.events for b in other.events)
            and (one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix))
            and (one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix))
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
