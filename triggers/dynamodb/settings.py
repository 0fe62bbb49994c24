"""The options of `[tables.NAME]`.

Source: DynamoDB API reference, CreateTable (names) and StreamSpecification (view types).
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from engine.settings import Settings

TableName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{3,255}$")]
ColumnName = Annotated[str, StringConstraints(min_length=1)]
StreamViewType = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
Nulls = Literal["omit", "null"]


class IndexSettings(Settings):
    """A secondary index on columns of a table: that of the partition key, and that of the sort key."""

    key: Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=2)]


class TableSettings(Settings):
    """A table of a SQLite database whose changes are a DynamoDB stream.

    `table` is the resource's name unless given; `key` names the columns of the partition key and the sort
    key, the primary key unless given.
    """

    database: Path
    table: Annotated[str, Field(min_length=1)] | None = None
    key: Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=2)] | None = None
    stream_view_type: StreamViewType = "NEW_AND_OLD_IMAGES"
    nulls: Nulls = "omit"
    global_secondary_indexes: dict[str, IndexSettings] = Field(default_factory=dict)
    local_secondary_indexes: dict[str, IndexSettings] = Field(default_factory=dict)
