"""What a DynamoDB table is apart from its items: its key and its indexes."""

from typing import Literal, cast

from engine.value import dataclass

KeyType = Literal["S", "N", "B"]
ProjectionType = Literal["ALL", "KEYS_ONLY", "INCLUDE"]


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """An attribute of a key, and its type."""

    name: str
    type: KeyType


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index: its key, partition key first, and which attributes it shows beside the keys."""

    name: str
    key: tuple[KeyAttribute, ...]
    is_global: bool
    projection: ProjectionType = "ALL"
    included: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """The key of a table, partition key first, and its indexes."""

    key: tuple[KeyAttribute, ...]
    indexes: tuple[Index, ...] = ()

    def index(self, name: str) -> Index | None:
        """Return the index of this name, None when there is none."""
        return next((index for index in self.indexes if index.name == name), None)

    def key_attributes(self) -> dict[str, KeyType]:
        """Return the types of all attributes that are in a key, of the table or of an index."""
        keys = (self.key, *(index.key for index in self.indexes))
        return {attribute.name: attribute.type for key in keys for attribute in key}


def key_type(text: str) -> KeyType:
    """Return an attribute's type as it was stored."""
    return cast("KeyType", text)
