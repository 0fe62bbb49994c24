"""`dataclass`, as the standard one, but quickly made where it is frozen.

The standard decorator compiles half a dozen methods for every frozen class, 0.7 ms each: an eighth of the
simulator's start. Here values share their methods, and only `__init__` is compiled, which also makes them
quicker to make. That nobody assigns to them is for the type checker to see, which takes this for the standard
decorator. docs/decisions/0006-values-that-are-quickly-made.md has the figures.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False, eq: bool = True) -> Callable[[type], type]:
        """Return the decorator."""

        def decorate(cls: type) -> type:
            if not frozen:
                return dataclasses.dataclass(slots=slots, eq=eq)(cls)
            made = dataclasses.dataclass(slots=slots, eq=False, repr=False)(cls)
            made.__eq__, made.__hash__, made.__repr__ = _equal, _hash, _repr
            return made

        return decorate


def _values(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, name) for name in value.__match_args__)


def _equal(self: Any, other: object) -> bool:
    return type(self) is type(other) and _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash((type(self), _values(self)))


def _repr(self: Any) -> str:
    inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{type(self).__qualname__}({inside})"
