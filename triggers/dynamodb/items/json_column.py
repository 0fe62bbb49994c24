"""The column in which a table keeps the attributes that have no column of their own.

It is called `dynamodb_json` and holds DynamoDB's JSON: `{"colour": {"S": "red"}}`. Tables that the API made
have it; so may any other table. A column with the name of an attribute comes before it.
"""

from typing import Any

import orjson

from engine.errors import ApiError
from triggers.dynamodb.attribute_value import AttributeValue
from triggers.dynamodb.items.value_check import checked_item

JSON_COLUMN = "dynamodb_json"


def read_attributes(text: Any) -> dict[str, AttributeValue]:
    """Return the attributes that a value of the column holds.

    What somebody has written there by hand and is no DynamoDB JSON is one attribute: the column's text.
    """
    if text is None:
        return {}
    try:
        return checked_item(orjson.loads(text))
    except (orjson.JSONDecodeError, ApiError):
        return {JSON_COLUMN: {"S": text if isinstance(text, str) else str(text)}}


def write_attributes(attributes: dict[str, AttributeValue]) -> str | None:
    """Return what the column holds for these attributes, None for none."""
    return orjson.dumps(attributes).decode() if attributes else None
