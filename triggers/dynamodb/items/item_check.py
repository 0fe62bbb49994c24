"""Checks keys and items against a table.

Source: DynamoDB developer guide, "Constraints in Amazon DynamoDB"; texts of errors as the service has them.
"""

from base64 import b64decode
from collections.abc import Mapping

from engine.errors import ValidationFailed
from triggers.dynamodb.attribute_value import AttributeValue
from triggers.dynamodb.items.definition import Index, KeyAttribute, TableDefinition
from triggers.dynamodb.items.value_check import INVALID, item_size
from triggers.dynamodb.items.value_order import tag_of

ITEM_BYTES = 400 * 1024
HASH_BYTES, RANGE_BYTES = 2048, 1024
NO_MATCH = "The provided key element does not match the schema"
Attributes = Mapping[str, AttributeValue]


def check_key(definition: TableDefinition, key: Attributes) -> None:
    """Raise ValidationFailed unless a key names one item of the table."""
    if len(key) != len(definition.key):
        raise ValidationFailed(NO_MATCH)
    for place, attribute in enumerate(definition.key):
        value = key.get(attribute.name)
        if value is None or attribute.type not in value:
            raise ValidationFailed(NO_MATCH)
        check_key_value(attribute, value, place)


def check_item(definition: TableDefinition, item: Attributes, too_large: str = "Item size has") -> None:
    """Raise ValidationFailed unless the table can hold an item. `too_large` begins the text for its size."""
    for place, attribute in enumerate(definition.key):
        value = item.get(attribute.name)
        if value is None:
            raise ValidationFailed(f"{INVALID}Missing the key {attribute.name} in the item")
        if attribute.type not in value:
            raise ValidationFailed(
                f"{INVALID}Type mismatch for key {attribute.name} expected: {attribute.type} "
                f"actual: {tag_of(value)}"
            )
        check_key_value(attribute, value, place)
    for index in definition.indexes:
        _check_index_key(index, item)
    if item_size(item) > ITEM_BYTES:
        raise ValidationFailed(f"{too_large} exceeded the maximum allowed size")


def check_key_value(attribute: KeyAttribute, value: AttributeValue, place: int) -> None:
    """Raise ValidationFailed for a value that is empty or too long; `place` 0 is the partition key."""
    given = value[attribute.type]
    if given == "":
        kind = "string" if attribute.type == "S" else "binary"
        raise ValidationFailed(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
            f"contain an empty {kind} value. Key: {attribute.name}"
        )
    if attribute.type == "N" or len(given) * 4 <= RANGE_BYTES:
        return
    size = len(b64decode(given)) if attribute.type == "B" else len(given.encode("utf-8", "replace"))
    if place == 0 and size > HASH_BYTES:
        raise ValidationFailed(
            f"{INVALID}Size of hashkey has exceeded the maximum size limit of{HASH_BYTES} bytes"
        )
    if place == 1 and size > RANGE_BYTES:
        raise ValidationFailed(
            f"{INVALID}Aggregated size of all range keys has exceeded the size limit of {RANGE_BYTES} bytes"
        )


def _check_index_key(index: Index, item: Attributes) -> None:
    for attribute in index.key:
        value = item.get(attribute.name)
        if value is None:
            continue
        if attribute.type not in value:
            raise ValidationFailed(
                f"{INVALID}Type mismatch for Index Key {attribute.name} Expected: {attribute.type} "
                f"Actual: {tag_of(value)} IndexName: {index.name}"
            )
        if value[attribute.type] == "":
            kind = "string" if attribute.type == "S" else "binary"
            raise ValidationFailed(
                "One or more parameter values are not valid. A value specified for a secondary index key is "
                f"not supported. The AttributeValue for a key attribute cannot contain an empty {kind} "
                f"value. IndexName: {index.name}, IndexKey: {attribute.name}"
            )
