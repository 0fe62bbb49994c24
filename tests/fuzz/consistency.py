"""What must hold of a state folder whatever was asked: sound databases, and nothing without its owner."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.fuzz.fuzzed_simulator import Fuzzed
from tests.fuzz.judgement import parsed
from tests.fuzz.models import model
from tests.fuzz.wire import written

Inventory = Mapping[str, frozenset[str]]

# What there is of each kind: the operation that lists it, its list, and the member that names one.
LISTED = {
    "functions": ("lambda", "ListFunctions", "Functions", "FunctionName"),
    "layers": ("lambda", "ListLayers", "Layers", "LayerName"),
    "mappings": ("lambda", "ListEventSourceMappings", "EventSourceMappings", "UUID"),
    "queues": ("sqs", "ListQueues", "QueueUrls", None),
    "streams": ("kinesis", "ListStreams", "StreamNames", None),
    "tables": ("dynamodb", "ListTables", "TableNames", None),
    "topics": ("sns", "ListTopics", "Topics", "TopicArn"),
    "subscriptions": ("sns", "ListSubscriptions", "Subscriptions", "SubscriptionArn"),
    "buckets": ("s3", "ListBuckets", "Buckets", "Name"),
    "buses": ("events", "ListEventBuses", "EventBuses", "Name"),
    "archives": ("events", "ListArchives", "Archives", "ArchiveName"),
    "schedules": ("scheduler", "ListSchedules", "Schedules", "Name"),
    "groups": ("scheduler", "ListScheduleGroups", "ScheduleGroups", "Name"),
    "roles": ("iam", "ListRoles", "Roles", "RoleName"),
}
# Columns that name what is in a list.
OWNED = {
    "sqs_messages.queue": "queues",
    "sqs_groups.queue": "queues",
    "sqs_deduplication.queue": "queues",
    "kinesis_shards.stream": "streams",
    "kinesis_consumers.stream": "streams",
    "sns_subscriptions.topic": "topics",
    "sns_deduplication.topic": "topics",
    "s3_object.bucket": "buckets",
    "s3_upload.bucket": "buckets",
    "s3_bucket_document.bucket": "buckets",
    "event_rules.bus": "buses",
    "event_targets.bus": "buses",
    "made_schedules.schedule_group": "groups",
    "checkpoints.mapping": "mappings",
    "stream_mappings.mapping": "mappings",
}
# Columns that name a row of another table.
POINTING = {
    "kinesis_records.shard": "kinesis_shards.row_id",
    "s3_part.upload": "s3_upload.id",
    "archived_events.archive": "event_archives.name",
}


def inventory(simulator: Fuzzed) -> Inventory:
    """Return the names of all that a simulator says it has."""
    return {kind: frozenset(_names(simulator, *how)) for kind, how in LISTED.items()}


def difference(before: Inventory, after: Inventory) -> tuple[dict[str, frozenset[str]], ...]:
    """Return what is not there any more, and what was not there before."""
    missing = {kind: before[kind] - after[kind] for kind in before if before[kind] - after[kind]}
    more = {kind: after[kind] - before[kind] for kind in before if after[kind] - before[kind]}
    return missing, more


def _names(simulator: Fuzzed, service: str, name: str, member: str, naming: str | None) -> Iterator[str]:
    operation = model(service).operation_model(name)
    given: dict[str, Any] = {}
    while True:
        answer = parsed(operation, simulator.send(written(operation, given)))
        for each in answer.get(member, ()):
            text = each if naming is None else each[naming]
            yield text.rpartition("/")[2] if service == "sqs" else text.rpartition(":")[2]
        if (more := _next_page(answer)) is None:
            return
        given = more


def _next_page(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    if answer.get("NextMarker"):
        return {"Marker": answer["NextMarker"]}
    if answer.get("LastEvaluatedTableName"):
        return {"ExclusiveStartTableName": answer["LastEvaluatedTableName"]}
    return {"NextToken": answer["NextToken"]} if answer.get("NextToken") else None


def faults(folder: Path, there_is: Inventory) -> Iterator[str]:
    """Yield what is wrong with the databases of a simulator that has ended."""
    for path in [*folder.glob("*.db"), *(folder / ".headrace").glob("*.db")]:
        with closing(sqlite3.connect(path)) as database:
            for (text,) in database.execute("PRAGMA integrity_check"):
                if text != "ok":
                    yield f"{path.name}: {text}"
            for row in database.execute("PRAGMA foreign_key_check"):
                yield f"{path.name}: {row} points nowhere"
    with closing(sqlite3.connect(folder / ".headrace" / "headrace.db")) as database:
        for column, kind in OWNED.items():
            table, _, name = column.partition(".")
            names = json.dumps(sorted(there_is[kind]))
            sql = f"SELECT DISTINCT {name} FROM {table} WHERE {name} NOT IN (SELECT value FROM json_each(?))"
            for (orphan,) in database.execute(sql, (names,)):
                yield f"{column} has {orphan!r}, which is not among the {kind}"
        for column, target in POINTING.items():
            table, _, name = column.partition(".")
            parent, _, key = target.partition(".")
            sql = f"SELECT DISTINCT {name} FROM {table} WHERE {name} NOT IN (SELECT {key} FROM {parent})"
            for (orphan,) in database.execute(sql):
                yield f"{column} has {orphan!r}, which is no {target}"
