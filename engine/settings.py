"""What every settings model shares.

Models are built when they first validate something: the configuration builds all of them once, as parts of
itself, instead of each twice.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema

EXACT = ("int", "float", "bool")  # TOML and JSON have a notation for each; a whole number is a float, too
NO_SCHEMA = ("metadata", "default", "serialization")  # parts of a schema that are none


class Settings(BaseModel):
    """Rejects unknown keys, so a misspelt option fails at start-up with its name.

    A number in quotes, or `true` for one, is refused as well: `timeout = true` would be one second.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler, /) -> CoreSchema:
        """Return how the model is validated."""
        schema = handler(source)
        _be_exact(schema, cls)
        return schema


def _be_exact(schema: Any, model: type) -> None:
    """Let numbers and truth values be nothing else in a model's schema; models in it have seen to that."""
    if isinstance(schema, dict) and schema.get("cls", model) is model:
        if schema.get("type") in EXACT:
            schema["strict"] = True
        for name, part in schema.items():
            if name not in NO_SCHEMA:
                _be_exact(part, model)
    elif isinstance(schema, list):
        for part in schema:
            _be_exact(part, model)
