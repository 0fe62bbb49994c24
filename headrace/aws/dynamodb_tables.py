"""Making, changing, describing and removing tables; time to live; tags.

Source: DynamoDB API reference; texts of errors as the service has them.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from engine.clock import to_millis
from engine.errors import ValidationFailed
from engine.random_uuid import random_uuid
from headrace.aws.dynamodb_definition import KEPT, check_index, check_stream, check_table
from headrace.aws.dynamodb_shapes import table_shape
from headrace.aws.model_check import checked
from headrace.aws.service_model import service_model
from triggers.dynamodb.catalog import Catalog, definition_of, view_type
from triggers.dynamodb.errors import LimitExceeded, NoTable, TableNotFound
from triggers.dynamodb.items.definition import TableDefinition
from triggers.dynamodb.items.value_check import INVALID, item_size
from triggers.dynamodb.table_access import TableAccess
from triggers.dynamodb.table_record import TableRecord
from triggers.dynamodb.table_schema import quoted

Members = Mapping[str, Any]
Operation = Callable[[Members], Awaitable[Members]]
LISTED = 100  # names in a page
TAGS_MOST = 50
SAMPLE = 100  # items whose sizes tell that of a table
CREATED = (*KEPT, "TableName", "Tags")
UPDATED = (
    "TableName",
    "AttributeDefinitions",
    "BillingMode",
    "ProvisionedThroughput",
    "OnDemandThroughput",
    "GlobalSecondaryIndexUpdates",
    "StreamSpecification",
    "SSESpecification",
    "TableClass",
    "DeletionProtectionEnabled",
)


class TableRequests:
    """Answers requests for tables themselves."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def operations(self) -> dict[str, Operation]:
        """Return the operations by name."""
        operations: dict[str, Operation] = {
            "CreateTable": self._create_table,
            "DescribeTable": self._describe_table,
            "ListTables": self._list_tables,
            "UpdateTable": self._update_table,
            "DeleteTable": self._delete_table,
            "UpdateTimeToLive": self._update_time_to_live,
            "DescribeTimeToLive": self._describe_time_to_live,
            "TagResource": self._tag_resource,
            "UntagResource": self._untag_resource,
            "ListTagsOfResource": self._list_tags,
            "DescribeLimits": self._describe_limits,
            "DescribeEndpoints": self._describe_endpoints,
            "DescribeContinuousBackups": self._describe_continuous_backups,
        }
        return {name: _checking(name, operation) for name, operation in operations.items()}

    async def _create_table(self, members: Members) -> Members:
        _refuse_others(members, CREATED)
        _check_name(members["TableName"])
        check_table(members)
        properties = {name: members[name] for name in KEPT if name in members}
        if not properties.get("StreamSpecification", {}).get("StreamEnabled"):
            properties.pop("StreamSpecification", None)
        tags = _tags(members.get("Tags", ()))
        record = TableRecord(
            members["TableName"],
            True,
            to_millis(self._catalog.clock.now()),
            {**properties, "TableId": random_uuid(), **({"Tags": tags} if tags else {})},
        )
        await self._catalog.create(record)
        shape = table_shape(self._catalog, record, definition_of(record), 0, 0, "CREATING")
        return {"TableDescription": shape}

    async def _describe_table(self, members: Members) -> Members:
        access = self._access(members["TableName"])
        return {"Table": await self._described(access, "ACTIVE")}

    async def _list_tables(self, members: Members) -> Members:
        after = members.get("ExclusiveStartTableName", "")
        most = members.get("Limit", LISTED)
        names = [name for name in self._catalog.names() if name > after]
        answer: dict[str, Any] = {"TableNames": names[:most]}
        if len(names) > most:
            answer["LastEvaluatedTableName"] = names[most - 1]
        return answer

    async def _update_table(self, members: Members) -> Members:
        _refuse_others(members, UPDATED)
        access = self._access(members["TableName"])
        record = self._made(access, "changed")
        if len(members) == 1:
            raise ValidationFailed(
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
                "GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required"
            )
        changed = _with_stream(_with_indexes(record, members), members.get("StreamSpecification"))
        others = ("BillingMode", "ProvisionedThroughput", "OnDemandThroughput", "SSESpecification")
        for name in (*others, "TableClass", "DeletionProtectionEnabled"):
            if name in members:
                changed = changed.having(**{name: members[name]})
        if changed.properties.get("BillingMode") == "PAY_PER_REQUEST":
            changed = changed.having(ProvisionedThroughput=None)
        await self._catalog.change(changed)
        return {"TableDescription": await self._described(access, "UPDATING")}

    async def _delete_table(self, members: Members) -> Members:
        access = self._access(members["TableName"])
        record = self._made(access, "deleted")
        if record.properties.get("DeletionProtectionEnabled"):
            raise ValidationFailed(
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion "
                "protection first."
            )
        shape = await self._described(access, "DELETING")
        await self._catalog.delete(access.name)
        return {"TableDescription": shape}

    async def _update_time_to_live(self, members: Members) -> Members:
        access = self._access(members["TableName"])
        record = self._catalog.record(access.name)
        wanted = members["TimeToLiveSpecification"]
        attribute, current = wanted["AttributeName"], record.properties.get("TimeToLive")
        if current is not None and current != attribute:
            raise ValidationFailed(
                f"TimeToLive is active on a different AttributeName: current AttributeName is {current}"
            )
        if wanted["Enabled"] == (current is not None):
            raise ValidationFailed(f"TimeToLive is already {'enabled' if current else 'disabled'}")
        await self._catalog.let_expire(record.having(TimeToLive=attribute if wanted["Enabled"] else None))
        return {"TimeToLiveSpecification": wanted}

    async def _describe_time_to_live(self, members: Members) -> Members:
        access = self._access(members["TableName"])
        attribute = self._catalog.record(access.name).properties.get("TimeToLive")
        if attribute is None:
            return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}}

    async def _tag_resource(self, members: Members) -> Members:
        record = self._tagged(members["ResourceArn"])
        tags = {**record.properties.get("Tags", {}), **_tags(members["Tags"])}
        if len(tags) > TAGS_MOST:
            raise ValidationFailed(f"{INVALID}The number of tags exceeds the limit of {TAGS_MOST}")
        await self._catalog.annotate(record.having(Tags=tags))
        return {}

    async def _untag_resource(self, members: Members) -> Members:
        record = self._tagged(members["ResourceArn"])
        present, removed = record.properties.get("Tags", {}), members["TagKeys"]
        await self._catalog.annotate(
            record.having(Tags={key: value for key, value in present.items() if key not in removed})
        )
        return {}

    async def _list_tags(self, members: Members) -> Members:
        tags = self._tagged(members["ResourceArn"]).properties.get("Tags", {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    async def _describe_limits(self, _: Members) -> Members:
        most = {"ReadCapacityUnits": 80_000, "WriteCapacityUnits": 80_000}
        answer = {f"AccountMax{name}": value for name, value in most.items()}
        return answer | {f"TableMax{name}": value // 2 for name, value in most.items()}

    async def _describe_endpoints(self, _: Members) -> Members:
        address = f"dynamodb.{self._catalog.account.region}.amazonaws.com"
        return {"Endpoints": [{"Address": address, "CachePeriodInMinutes": 1440}]}

    async def _describe_continuous_backups(self, members: Members) -> Members:
        try:
            self._access(members["TableName"])
        except TableNotFound:
            raise NoTable(members["TableName"]) from None
        return {
            "ContinuousBackupsDescription": {
                "ContinuousBackupsStatus": "DISABLED",
                "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
            }
        }

    async def _described(self, access: TableAccess, status: str) -> Members:
        record = self._catalog.record(access.name)
        definition, items, size = await access.run(_look)
        return table_shape(self._catalog, record, definition, items, size, status)

    def _access(self, name: str) -> TableAccess:
        try:
            return self._catalog.access(name)
        except TableNotFound:
            _check_name(name)
            raise TableNotFound(f"Table: {name} not found") from None

    def _made(self, access: TableAccess, what: str) -> TableRecord:
        record = self._catalog.record(access.name)
        if not record.made_by_api:
            raise ValidationFailed(
                f"Table {access.name} is declared by headrace.toml: it can only be {what} there"
            )
        return record

    def _tagged(self, arn: str) -> TableRecord:
        try:
            return self._catalog.record(self._catalog.access(arn).name)
        except TableNotFound:
            raise TableNotFound(f"ResourceArn: {arn} not found") from None


def _checking(name: str, operation: Operation) -> Operation:
    """Return the operation, which gets only what the service's model allows."""

    async def check_and_operate(given: Members) -> Members:
        return await operation(checked(service_model("dynamodb", "2012-08-10"), name, given))

    return check_and_operate


def _look(connection: sqlite3.Connection, access: TableAccess) -> tuple[TableDefinition, int, int]:
    """Return a table's key and indexes, how many items it has, and about how large they are together."""
    layout = access.layout(connection)
    items: int = connection.execute(f"SELECT count(*) FROM {quoted(layout.table)}").fetchone()[0]  # noqa: S608
    sample = connection.execute(f"{layout.select} LIMIT {SAMPLE}").fetchall()
    sizes = [item_size(layout.item(row)) for row in sample]
    return layout.definition, items, sum(sizes) * items // max(len(sizes), 1)


def _refuse_others(members: Members, known: tuple[str, ...]) -> None:
    for name in members:
        if name not in known:
            raise ValidationFailed(f"{name} is not simulated by Headrace.")


def _check_name(name: str) -> None:
    if not 3 <= len(name) <= 255:
        raise ValidationFailed("TableName must be at least 3 characters long and at most 255 characters long")
    if not name.replace("_", "a").replace("-", "a").replace(".", "a").isalnum() or not name.isascii():
        raise ValidationFailed(
            f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        )


def _tags(given: Any) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in given}


def _with_indexes(record: TableRecord, members: Members) -> TableRecord:
    updates = members.get("GlobalSecondaryIndexUpdates", ())
    if len(updates) > 1 and sum("Create" in each or "Delete" in each for each in updates) > 1:
        raise LimitExceeded(
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per "
            "table"
        )
    indexes = {each["IndexName"]: each for each in record.properties.get("GlobalSecondaryIndexes", ())}
    defined = {each["AttributeName"]: each for each in record.properties["AttributeDefinitions"]}
    defined |= {each["AttributeName"]: each for each in members.get("AttributeDefinitions", ())}
    for update in updates:
        if (created := update.get("Create")) is not None:
            if created["IndexName"] in indexes:
                raise ValidationFailed(
                    f"{INVALID}Table already has an index with this name: {created['IndexName']}"
                )
            check_index(created, list(defined))
            indexes[created["IndexName"]] = created
            continue
        (changed,) = update.values()
        if changed["IndexName"] not in indexes:
            raise TableNotFound(f"Index: {changed['IndexName']} not found")
        if "Delete" in update:
            del indexes[changed["IndexName"]]
        else:
            indexes[changed["IndexName"]] = {**indexes[changed["IndexName"]], **changed}
    local = record.properties.get("LocalSecondaryIndexes", ())
    schemas = (record.properties["KeySchema"], *(each["KeySchema"] for each in (*local, *indexes.values())))
    used = {each["AttributeName"] for schema in schemas for each in schema}
    changed_record = record.having(
        GlobalSecondaryIndexes=list(indexes.values()) or None,
        AttributeDefinitions=[each for name, each in defined.items() if name in used],
    )
    check_table(changed_record.having(BillingMode="PAY_PER_REQUEST", ProvisionedThroughput=None).properties)
    return changed_record


def _with_stream(record: TableRecord, stream: Members | None) -> TableRecord:
    if stream is None:
        return record
    check_stream(stream)
    is_on = view_type(record) is not None
    if stream["StreamEnabled"] and is_on:
        raise ValidationFailed(f"Table already has an enabled stream: TableName: {record.name}")
    if not stream["StreamEnabled"] and not is_on:
        raise ValidationFailed("Table has no stream to disable.")
    return record.having(StreamSpecification=stream if stream["StreamEnabled"] else None)
