"""What every settings model shares.

Models are built when they first validate something: the configuration builds all of them once, as parts of
itself, instead of each twice.
"""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Rejects unknown keys, so a misspelt option fails at start-up with its name."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
