"""What the API is told of a stream, and gives back."""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from engine.value import dataclass

Mode = Literal["PROVISIONED", "ON_DEMAND"]


@dataclass(frozen=True, slots=True)
class StreamDescription:
    """Nothing of it but `mode` and `max_record_bytes`, where that is not None, has an effect.

    `key_id` is the KMS key that a stream is encrypted with on AWS, `metrics` are shard-level ones.
    """

    mode: Mode = "PROVISIONED"
    max_record_bytes: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    key_id: str | None = None
    metrics: tuple[str, ...] | list[str] = ()
    policy: str | None = None
