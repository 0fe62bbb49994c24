"""Builds the records of a DynamoDB stream from rows of the change log.

Source: DynamoDB Streams API reference, Record and StreamRecord; spec of the event as Lambda gets it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from engine.mapping.source import StreamRecord
from engine.value import dataclass
from triggers.dynamodb.attribute_value import AttributeValue, Encoded, NotRepresentable, encode, encoder
from triggers.dynamodb.capture_sql import EXPIRY, INSERT, MODIFY, REMOVE
from triggers.dynamodb.change_log import VALUES_AT, LogRow
from triggers.dynamodb.items.json_column import JSON_COLUMN, read_attributes
from triggers.dynamodb.items.value_check import item_size
from triggers.dynamodb.settings import Nulls, StreamViewType
from triggers.dynamodb.shape import LoggedColumn, Shape

EVENT_NAMES = {INSERT: "INSERT", MODIFY: "MODIFY", REMOVE: "REMOVE", EXPIRY: "REMOVE"}
REMOVALS = (REMOVE, EXPIRY)
EXPIRED_BY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
FIRST_SEQUENCE_NUMBER = 100_000_000_000_000_000_000_000  # sequence numbers have 21 digits or more
Image = dict[str, AttributeValue]


def sequence_number(position: int) -> str:
    """Return the sequence number of a position; as integers they are in the same order."""
    return str(FIRST_SEQUENCE_NUMBER + position)


_Attribute = tuple[str, int, int, Callable[[Any], Encoded]]
"""A column's name, its size in bytes, where its value stands in a row, and what encodes it."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where rows of a shape have the items before and after the change, and their keys.

    `json_place` is where the old value of the column stands that has more attributes, None without one; the
    new value is beside it.
    """

    old: list[_Attribute]
    new: list[_Attribute]
    old_key: list[_Attribute]
    new_key: list[_Attribute]
    json_place: int | None


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
        self._layouts: dict[int, _Layout] = {}

    def learn(self, shapes: Mapping[int, Shape]) -> None:
        """Know the shapes that rows are in."""
        self._layouts = {number: _layout(shape) for number, shape in shapes.items()}

    def build(self, row: LogRow, arrived_at: datetime) -> StreamRecord | None:
        """Return the record of a change, None when the item is the same before and after it.

        The row is in one of the shapes learnt.
        """
        position, kind = row[0], row[1]
        layout = self._layouts[row[3]]
        new, new_size = self._image(layout, 1, row) if kind not in REMOVALS else ({}, 0)
        old, old_size = self._image(layout, 0, row) if kind != INSERT else ({}, 0)
        if kind == MODIFY and new == old:
            return None
        keys, size = _keys(layout.old_key if kind in REMOVALS else layout.new_key, row)
        change: dict[str, Any] = {
            "ApproximateCreationDateTime": float(int(arrived_at.timestamp())),
            "Keys": keys,
        }
        if self._shows_new and kind not in REMOVALS:
            change["NewImage"] = new
            size += new_size
        if self._shows_old and kind != INSERT:
            change["OldImage"] = old
            size += old_size
        number = sequence_number(position)
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
        if kind == EXPIRY:
            record["userIdentity"] = EXPIRED_BY
        return StreamRecord(position, number, orjson.dumps(keys).decode(), arrived_at, record)

    def _image(self, layout: _Layout, side: int, row: LogRow) -> tuple[Image, int]:
        """Return the item before the change (side 0) or after it (side 1), and its size."""
        image: Image = {}
        total = 0
        attributes = layout.new if side else layout.old
        if layout.json_place is not None:
            image = read_attributes(row[layout.json_place + side])
            own = {name for name, _, place, _ in attributes if row[place] is not None}
            image = {name: value for name, value in image.items() if name not in own}
            total = item_size(image)
        for name, name_size, place, encode_value in attributes:
            value = row[place]
            if value is None and (self._omits_null or name in image):
                continue
            try:
                image[name], size = encode_value(value)
            except NotRepresentable:
                self._refuse(name)
                continue
            total += name_size + size
        return image, total


def _keys(attributes: list[_Attribute], row: LogRow) -> tuple[Image, int]:
    """Return the item's key, whose attributes are there whatever their values are."""
    keys: Image = {}
    total = 0
    for name, name_size, place, encode_value in attributes:
        try:
            keys[name], size = encode_value(row[place])
        except NotRepresentable:
            keys[name], size = encode(str(row[place]))
        total += name_size + size
    return keys, total


def _layout(shape: Shape) -> _Layout:
    def attributes(side: int, columns: Iterable[LoggedColumn]) -> list[_Attribute]:
        return [
            (
                column.name,
                len(column.name.encode()),
                VALUES_AT + 2 * column.slot + side,
                encoder(column.declared),
            )
            for column in columns
        ]

    key = [column for column in shape.columns if column.is_key]
    rest = next((column.slot for column in shape.columns if column.name == JSON_COLUMN), None)
    plain = [column for column in shape.columns if column.name != JSON_COLUMN]
    return _Layout(
        attributes(0, plain),
        attributes(1, plain),
        attributes(0, key),
        attributes(1, key),
        None if rest is None else VALUES_AT + 2 * rest,
    )
