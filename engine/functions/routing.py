"""Which version of a function an alias stands for: one, or now and then another.

Source: Lambda developer guide, "Implement Lambda canary deployments using a weighted alias".
"""

from collections.abc import Mapping
from dataclasses import field

from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class Routing:
    """`weights` are the shares of invocations, from 0 to 1, that other versions get; `version` the rest."""

    version: str
    weights: Mapping[str, float] = field(default_factory=dict)

    def choose(self, draw: float) -> str:
        """Return the version for one invocation; `draw` is a random number from 0 up to 1."""
        for version, weight in self.weights.items():
            if draw < weight:
                return version
            draw -= weight
        return self.version
