"""Tables, indexes and streams as the API describes them."""

from collections.abc import Mapping
from typing import Any

from triggers.dynamodb.catalog import Catalog, view_type
from triggers.dynamodb.items.definition import Index, KeyAttribute, TableDefinition
from triggers.dynamodb.table_record import TableRecord

Shape = dict[str, Any]
NO_THROUGHPUT = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}


def table_shape(
    catalog: Catalog,
    record: TableRecord,
    definition: TableDefinition,
    items: int,
    size_bytes: int,
    status: str,
) -> Shape:
    """Return a TableDescription."""
    given, arn = record.properties, catalog.account.table(record.name)
    types = definition.key_attributes()
    shape: Shape = {
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in types.items()
        ],
        "TableName": record.name,
        "KeySchema": key_schema(definition.key),
        "TableStatus": status,
        "CreationDateTime": record.created_at / 1000,
        "ProvisionedThroughput": _throughput(given),
        "TableSizeBytes": size_bytes,
        "ItemCount": items,
        "TableArn": arn,
        "TableId": given["TableId"],
        "DeletionProtectionEnabled": given.get("DeletionProtectionEnabled", False),
    }
    if not record.made_by_api or given.get("BillingMode") == "PAY_PER_REQUEST":
        shape["BillingModeSummary"] = {"BillingMode": "PAY_PER_REQUEST"}
    for member, is_global in (("LocalSecondaryIndexes", False), ("GlobalSecondaryIndexes", True)):
        indexes = [
            _index_shape(index, arn, given, status)
            for index in definition.indexes
            if index.is_global == is_global
        ]
        if indexes:
            shape[member] = indexes
    if "TableClass" in given:
        shape["TableClassSummary"] = {"TableClass": given["TableClass"]}
    if "OnDemandThroughput" in given:
        shape["OnDemandThroughput"] = given["OnDemandThroughput"]
    if given.get("SSESpecification", {}).get("Enabled"):
        encryption = given["SSESpecification"]
        shape["SSEDescription"] = {"Status": "ENABLED", "SSEType": encryption.get("SSEType", "KMS")}
        if "KMSMasterKeyId" in encryption:
            shape["SSEDescription"]["KMSMasterKeyArn"] = encryption["KMSMasterKeyId"]
    return shape | _stream_of(catalog, record)


def key_schema(key: tuple[KeyAttribute, ...]) -> list[dict[str, str]]:
    """Return a KeySchema."""
    return [
        {"AttributeName": attribute.name, "KeyType": kind}
        for attribute, kind in zip(key, ("HASH", "RANGE"), strict=False)
    ]


def stream_view(catalog: Catalog, record: TableRecord) -> str | None:
    """Return the view type of a table's stream, None when it has none."""
    if record.made_by_api:
        found: str | None = view_type(record)
        return found
    return catalog.access(record.name).settings.stream_view_type


def _stream_of(catalog: Catalog, record: TableRecord) -> Shape:
    view, stream = stream_view(catalog, record), catalog.tables.get(record.name)
    if view is None or stream is None:
        return {}
    return {
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": view},
        "LatestStreamLabel": stream.arn.rpartition("/")[2],
        "LatestStreamArn": stream.arn,
    }


def _index_shape(index: Index, table_arn: str, given: Mapping[str, Any], status: str) -> Shape:
    projection: Shape = {"ProjectionType": index.projection}
    if index.included:
        projection["NonKeyAttributes"] = list(index.included)
    shape: Shape = {
        "IndexName": index.name,
        "KeySchema": key_schema(index.key),
        "Projection": projection,
        "IndexSizeBytes": 0,
        "ItemCount": 0,
        "IndexArn": f"{table_arn}/index/{index.name}",
    }
    if index.is_global:
        described: Mapping[str, Any] = next(
            (each for each in given.get("GlobalSecondaryIndexes", ()) if each["IndexName"] == index.name), {}
        )
        shape["IndexStatus"] = "CREATING" if status == "CREATING" else "ACTIVE"
        shape["ProvisionedThroughput"] = _throughput(described)
    return shape


def _throughput(given: Mapping[str, Any]) -> Shape:
    return {"NumberOfDecreasesToday": 0, **(given.get("ProvisionedThroughput") or NO_THROUGHPUT)}
