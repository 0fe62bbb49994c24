"""What every settings model shares."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Rejects unknown keys, so a misspelt option fails at start-up with its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
