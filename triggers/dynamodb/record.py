"""Builds the records of a DynamoDB stream from rows of the change log.

Source: DynamoDB Streams API reference, Record and StreamRecord; spec of the event as Lambda gets it.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from engine.mapping.source import StreamRecord
from engine.value import dataclass
from triggers.dynamodb.attribute_value import AttributeValue, Encoded, NotRepresentable, encode, encoder
from triggers.dynamodb.capture_sql import INSERT, MODIFY, REMOVE
from triggers.dynamodb.change_log import LogRow
from triggers.dynamodb.settings import Nulls, StreamViewType
from triggers.dynamodb.shape import Shape

EVENT_NAMES = {INSERT: "INSERT", MODIFY: "MODIFY", REMOVE: "REMOVE"}
FIRST_SEQUENCE_NUMBER = 100_000_000_000_000_000_000_000  # sequence numbers have 21 digits or more
Image = dict[str, AttributeValue]


def sequence_number(position: int) -> str:
    """Return the sequence number of a position; as integers they are in the same order."""
    return str(FIRST_SEQUENCE_NUMBER + position)


@dataclass(frozen=True, slots=True)
class _Attribute:
    """How values of a column become an attribute: its name, its size, where the old and new value stand."""

    name: str
    name_size: int
    old: int
    new: int
    encode: Callable[[Any], Encoded]


class RecordBuilder:
    """Builds the records of one stream. `refuse` hears the name of a column whose value cannot be shown."""

    def __init__(
        self,
        arn: str,
        region: str,
        view_type: StreamViewType,
        nulls: Nulls,
        refuse: Callable[[str], None],
    ) -> None:
        self._arn = arn
        self._region = region
        self._view_type = view_type
        self._shows_new = view_type in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
        self._shows_old = view_type in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES")
        self._omits_null = nulls == "omit"
        self._refuse = refuse
        self._attributes: dict[int, tuple[list[_Attribute], list[_Attribute]]] = {}

    def learn(self, shapes: Mapping[int, Shape]) -> None:
        """Know the shapes that rows are in."""
        self._attributes = {
            number: (
                [_attribute_of(column.name, column.declared, column.slot) for column in shape.columns],
                [
                    _attribute_of(column.name, column.declared, column.slot)
                    for column in shape.columns
                    if column.is_key
                ],
            )
            for number, shape in shapes.items()
        }

    def build(self, row: LogRow, arrived_at: datetime) -> StreamRecord | None:
        """Return the record of a change, None when the item is the same before and after it.

        `row.shape` is one of the shapes learnt.
        """
        assert row.shape is not None
        attributes, key_attributes = self._attributes[row.shape]
        kind = row.kind
        new, new_size = self._image(attributes, row.values, is_new=True) if kind != REMOVE else ({}, 0)
        old, old_size = self._image(attributes, row.values, is_new=False) if kind != INSERT else ({}, 0)
        if kind == MODIFY and new == old:
            return None
        keys, size = self._keys(key_attributes, row.values, is_new=kind != REMOVE)
        change: dict[str, Any] = {
            "ApproximateCreationDateTime": float(int(arrived_at.timestamp())),
            "Keys": keys,
        }
        if self._shows_new and kind != REMOVE:
            change["NewImage"] = new
            size += new_size
        if self._shows_old and kind != INSERT:
            change["OldImage"] = old
            size += old_size
        number = sequence_number(row.position)
        change["SequenceNumber"] = number
        change["SizeBytes"] = size
        change["StreamViewType"] = self._view_type
        record = {
            "eventID": hashlib.md5(f"{self._arn}/{number}".encode(), usedforsecurity=False).hexdigest(),
            "eventName": EVENT_NAMES[kind],
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": self._region,
            "dynamodb": change,
            "eventSourceARN": self._arn,
        }
        return StreamRecord(row.position, number, orjson.dumps(keys).decode(), arrived_at, record)

    def _image(
        self, attributes: list[_Attribute], values: tuple[object, ...], *, is_new: bool
    ) -> tuple[Image, int]:
        image: Image = {}
        total = 0
        for attribute in attributes:
            value = values[attribute.new if is_new else attribute.old]
            if value is None and self._omits_null:
                continue
            try:
                image[attribute.name], size = attribute.encode(value)
            except NotRepresentable:
                self._refuse(attribute.name)
                continue
            total += attribute.name_size + size
        return image, total

    def _keys(
        self, attributes: list[_Attribute], values: tuple[object, ...], *, is_new: bool
    ) -> tuple[Image, int]:
        keys: Image = {}
        total = 0
        for attribute in attributes:
            value = values[attribute.new if is_new else attribute.old]
            try:
                keys[attribute.name], size = attribute.encode(value)
            except NotRepresentable:
                keys[attribute.name], size = encode(str(value))
            total += attribute.name_size + size
        return keys, total


def _attribute_of(name: str, declared: str, slot: int) -> _Attribute:
    return _Attribute(name, len(name.encode()), 2 * slot, 2 * slot + 1, encoder(declared))
