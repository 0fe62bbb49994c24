"""References between resources: `queues.jobs`, an ARN, or a bare name where only one kind fits."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from engine.arn import Account

SOURCE_KINDS = ("queues", "streams", "tables")  # what event source mappings read
KINDS = ("functions", "buckets", "queues", "topics", "streams", "tables", "schedules", "event_buses")
RECORD_KINDS = ("queues", "topics", "buckets")  # where stream mappings send what they give up
EVENT_KINDS = ("functions", "queues", "topics", "event_buses")  # where ended events of functions go
TARGET_KINDS = ("functions", "queues", "topics", "streams", "event_buses")  # of rules and schedules
# What a table may refer to: (table, key inside a resource) -> kinds. A list of tables is looked into by name.
REFERENCES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("functions", "on_success"): EVENT_KINDS,
    ("functions", "on_failure"): EVENT_KINDS,
    ("functions", "dead_letter"): ("queues", "topics"),
    ("buckets", "notifications", "function"): ("functions",),
    ("queues", "redrive_policy", "dead_letter_target_arn"): ("queues",),
    ("queues", "redrive_allow_policy", "source_queue_arns"): ("queues",),
    ("topics", "subscriptions", "endpoint"): ("functions", "queues"),
    ("topics", "subscriptions", "redrive_policy", "dead_letter_target_arn"): ("queues",),
    ("schedules", "function"): ("functions",),
    ("event_buses", "rules", "targets"): TARGET_KINDS,
    ("event_buses", "rules", "targets", "target"): TARGET_KINDS,
    ("event_buses", "rules", "targets", "dead_letter"): ("queues",),
    ("event_source_mappings", "source"): SOURCE_KINDS,
    ("event_source_mappings", "function"): ("functions",),
    ("event_source_mappings", "destination_config", "on_failure"): RECORD_KINDS,
    ("event_source_mappings", "destination_config", "on_failure", "destination"): RECORD_KINDS,
}


def resolve(reference: str, kinds: tuple[str, ...]) -> tuple[str, str]:
    """Return (kind, name) of `queues.jobs`, of an ARN, or of a bare name where only one kind fits.

    Raises ValueError for text that is none of them.
    """
    if reference.startswith("arn:"):
        kind, name = _named_by_arn(reference)
    else:
        kind, dot, name = reference.partition(".")
        if not dot or (len(kinds) == 1 and kind not in KINDS):  # a FIFO queue has a dot in its name
            if len(kinds) > 1:
                raise ValueError(f'{reference!r} needs its kind: "{kinds[0]}.{reference}"')
            kind, name = kinds[0], reference
    if kind not in kinds:
        near = get_close_matches(kind, kinds, n=1) if kind not in KINDS else []
        hint = f"; did you mean '{near[0]}.{name}'?" if near else ""
        raise ValueError(f"{' or '.join(kinds)} can stand here, not {kind}{hint}")
    return kind, name


def _named_by_arn(arn: str) -> tuple[str, str]:
    parts = arn.split(":")
    service = parts[2] if len(parts) > 2 else ""
    resource = parts[5].split("/") if len(parts) > 5 else []
    match service, resource:
        case "lambda", ["function"] if len(parts) >= 7:
            if parts[7:] not in ([], ["$LATEST"]):
                raise ValueError(f"there are no versions and aliases here: leave {parts[7]!r} out")
            return "functions", parts[6]
        case "sqs", [name] if len(parts) == 6:
            return "queues", name
        case "sns", [name] if len(parts) == 6:
            return "topics", name
        case "kinesis", ["stream", name] if len(parts) == 6:
            return "streams", name
        case "events", ["event-bus", name] if len(parts) == 6:
            return "event_buses", name
        case "dynamodb", ["table", name, *_]:
            return "tables", name
        case "s3", [name] if len(parts) == 6:
            return "buckets", name
    raise ValueError(f"{arn!r} is not the ARN of a local resource")


def dangling_references(raw: Mapping[str, Any], account: Account) -> Iterator[str]:
    """Check references on the raw tables, so that they are reported beside all other problems."""
    for (table, *keys), kinds in REFERENCES.items():
        for name, resource in _resources(raw, table):
            for place, value in _values(f"{table}{name}", resource, keys):
                if (problem := _problem(raw, account, f"{table}{name}", value, kinds)) is not None:
                    yield f"{place}: {problem}"


def _resources(raw: Mapping[str, Any], table: str) -> Iterator[tuple[str, Any]]:
    """Yield the resources of a table, or of a list of tables, as `.NAME` or `[INDEX]` and what is there."""
    resources = raw.get(table)
    if isinstance(resources, dict):
        yield from ((f".{name}", resource) for name, resource in resources.items())
    elif isinstance(resources, list):
        yield from ((f"[{index}]", resource) for index, resource in enumerate(resources))


def _values(place: str, value: Any, keys: list[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _values(f"{place}[{index}]", item, keys)
    elif not keys:
        yield place, value
    elif isinstance(value, dict) and keys[0] in value:
        yield from _values(f"{place}.{keys[0]}", value[keys[0]], keys[1:])


def _problem(
    raw: Mapping[str, Any], account: Account, owner: str, value: Any, kinds: tuple[str, ...]
) -> str | None:
    if not isinstance(value, str):
        return None  # the model says what type is needed
    try:
        kind, name = resolve(value, kinds)
    except ValueError as error:
        meant = [f'"{kind}.{value}"' for kind in kinds if value in _names(raw, kind)]
        return f"{value!r} needs its kind: {' or '.join(meant)}" if meant else str(error)
    if value.startswith("arn:") and (elsewhere := _elsewhere(value, account)) is not None:
        return elsewhere
    known = _names(raw, kind)
    if (kind, name) == ("event_buses", "default"):
        return None  # every account has it
    if name not in known:
        near = get_close_matches(name, known, n=1)
        others = ", ".join(sorted(known)) or "none yet"
        hint = f"did you mean {near[0]!r}?" if near else f"add [{kind}.{name}] (there are: {others})"
        return f"there is no {kind}.{name}; {hint}"
    if kind in ("queues", "topics") and name.endswith(".fifo") and owner.startswith("functions."):
        return f"{value} is a FIFO {kind[:-1]}; Lambda sends such records to standard {kind} only"
    if f"{kind}.{name}" == owner:
        if kind == "queues":
            return "a queue cannot be its own dead-letter queue"
        return "You can't specify the function as a destination for itself."
    return None


def _names(raw: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return the resources of a kind by name; what is no table is reported elsewhere."""
    resources = raw.get(kind)
    return resources if isinstance(resources, dict) else {}


def _elsewhere(arn: str, account: Account) -> str | None:
    there = arn.split(":")[3:5]
    here = [account.region, account.account_id]
    if there in (here, ["", ""]):  # a bucket's ARN names no place
        return None
    return f"{arn} is in {' '.join(there)}, this simulator is {' '.join(here)}"
