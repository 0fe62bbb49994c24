"""Checks what CreateTable and UpdateTable say about keys, indexes, capacity and streams.

Source: DynamoDB API reference, CreateTable and UpdateTable; texts of errors as the service has them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import ValidationFailed
from triggers.dynamodb.errors import LimitExceeded
from triggers.dynamodb.items.json_column import JSON_COLUMN
from triggers.dynamodb.items.value_check import INVALID

Properties = Mapping[str, Any]
KEPT = (
    "AttributeDefinitions",
    "KeySchema",
    "LocalSecondaryIndexes",
    "GlobalSecondaryIndexes",
    "BillingMode",
    "ProvisionedThroughput",
    "OnDemandThroughput",
    "StreamSpecification",
    "SSESpecification",
    "TableClass",
    "DeletionProtectionEnabled",
)
LOCAL_MOST, GLOBAL_MOST, INCLUDED_MOST = 5, 20, 100


def check_table(given: Properties) -> None:
    """Raise ValidationFailed for a table that cannot be made."""
    defined = [each["AttributeName"] for each in given.get("AttributeDefinitions", ())]
    if "KeySchema" not in given or not defined:
        missing = "keySchema" if "KeySchema" not in given else "attributeDefinitions"
        raise ValidationFailed(
            f"1 validation error detected: Value null at '{missing}' failed to satisfy constraint: Member "
            "must not be null"
        )
    _check_capacity(given)
    _check_key(given["KeySchema"], defined)
    local, global_ = given.get("LocalSecondaryIndexes"), given.get("GlobalSecondaryIndexes")
    used = {each["AttributeName"] for each in given["KeySchema"]}
    names: list[str] = []
    for member, indexes, most in (
        ("LocalSecondaryIndexes", local, LOCAL_MOST),
        ("GlobalSecondaryIndexes", global_, GLOBAL_MOST),
    ):
        if indexes is None:
            continue
        if not indexes:
            raise ValidationFailed(f"{INVALID}List of {member} is empty")
        if len(indexes) > most:
            raise ValidationFailed(
                f"{INVALID}Number of {member} exceeds per-table limit of {most}"
                if member.startswith("Local")
                else f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of {most}"
            )
        for index in indexes:
            check_index(index, defined)
            if member.startswith("Local"):
                _check_local(index, given["KeySchema"])
            if index["IndexName"] in names:
                raise ValidationFailed(f"{INVALID}Duplicate index name: {index['IndexName']}")
            names.append(index["IndexName"])
            used |= {each["AttributeName"] for each in index["KeySchema"]}
    _check_defined(used, defined, has_indexes=local is not None or global_ is not None)
    check_stream(given.get("StreamSpecification"))


def check_index(index: Properties, defined: Sequence[str]) -> None:
    """Raise ValidationFailed for an index that cannot be made."""
    _check_key(index["KeySchema"], defined)
    projection = index.get("Projection", {})
    kind = projection.get("ProjectionType")
    if kind is None:
        raise ValidationFailed(f"{INVALID}Unknown ProjectionType: null")
    included = projection.get("NonKeyAttributes")
    if included is not None and kind != "INCLUDE":
        raise ValidationFailed(f"{INVALID}ProjectionType is {kind}, but NonKeyAttributes is specified")
    if kind == "INCLUDE" and not included:
        raise ValidationFailed(f"{INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if included is not None and len(included) > INCLUDED_MOST:
        raise LimitExceeded(f"{INVALID}Number of NonKeyAttributes exceeds limit of {INCLUDED_MOST}")


def check_stream(stream: Properties | None) -> None:
    """Raise ValidationFailed for a stream that says only half of what it must."""
    if stream is None:
        return
    if stream["StreamEnabled"] and "StreamViewType" not in stream:
        raise ValidationFailed(f"{INVALID}StreamViewType is required when StreamEnabled is true")
    if not stream["StreamEnabled"] and "StreamViewType" in stream:
        raise ValidationFailed(f"{INVALID}StreamViewType may not be specified when StreamEnabled is false")


def _check_capacity(given: Properties) -> None:
    throughput = given.get("ProvisionedThroughput")
    if given.get("BillingMode") == "PAY_PER_REQUEST":
        if throughput is not None:
            raise ValidationFailed(
                f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
                "BillingMode is PAY_PER_REQUEST"
            )
    elif throughput is None:
        raise ValidationFailed(
            f"{INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is "
            "PROVISIONED"
        )


def _check_key(schema: Sequence[Mapping[str, str]], defined: Sequence[str]) -> None:
    names = [each["AttributeName"] for each in schema]
    if any(name not in defined for name in names):
        raise ValidationFailed(
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(defined)}]"
        )
    if len(set(names)) < len(names):
        raise ValidationFailed(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name"
        )
    if schema[0]["KeyType"] != "HASH":
        raise ValidationFailed("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) > 1 and schema[1]["KeyType"] != "RANGE":
        raise ValidationFailed("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    if len(schema) > 2:
        raise ValidationFailed(f"{INVALID}Keys of several attributes are not simulated by Headrace")


def _check_local(index: Properties, key: Sequence[Mapping[str, str]]) -> None:
    if len(key) < 2:
        raise ValidationFailed(
            f"{INVALID}Table KeySchema does not have a range key, which is required when specifying a "
            "LocalSecondaryIndex"
        )
    if len(index["KeySchema"]) < 2:
        raise ValidationFailed(
            f"{INVALID}Index KeySchema does not have a range key for index: {index['IndexName']}"
        )
    mine, table = index["KeySchema"][0]["AttributeName"], key[0]["AttributeName"]
    if mine != table:
        raise ValidationFailed(
            f"{INVALID}Index KeySchema does not have the same leading hash key as table KeySchema for index: "
            f"{index['IndexName']}. index hash key: {mine}, table hash key: {table}"
        )


def _check_defined(used: set[str], defined: Sequence[str], *, has_indexes: bool) -> None:
    if len(set(defined)) < len(defined):
        raise ValidationFailed(f"{INVALID}Duplicate AttributeName in AttributeDefinitions")
    if set(defined) - used:
        raise ValidationFailed(
            f"{INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: [{', '.join(defined)}], "
            f"keys used: [{', '.join(sorted(used))}]"
            if has_indexes
            else f"{INVALID}Number of attributes in KeySchema does not exactly match number of attributes "
            "defined in AttributeDefinitions"
        )
    if len({name.lower() for name in used}) < len(used) or JSON_COLUMN in {name.lower() for name in used}:
        raise ValidationFailed(
            f"{INVALID}Headrace keeps key attributes in columns of SQLite: their names must differ in more "
            f"than case, and {JSON_COLUMN} is taken"
        )
