"""`dataclass`, as the standard one, but quickly made where it is frozen.

The standard decorator compiles half a dozen methods for every frozen class, 0.7 ms each: an eighth of the
simulator's start. Here values share their methods, and only `__init__` is compiled, when the first value of a
class is made; that also makes them quicker to make. That nobody assigns to them is for the type checker to
see, which takes this for the standard decorator. docs/decisions/0006 has the figures.
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
            made = dataclasses.dataclass(slots=slots, eq=False, repr=False, init=False)(cls)
            made.__eq__, made.__hash__, made.__repr__ = _equal, _hash, _repr
            made.__init__ = _compiling_init(made)
            return made

        return decorate


def _compiling_init(cls: Any) -> Callable[..., None]:
    """Return an `__init__` that puts the real one in its place and calls it."""

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        cls.__init__ = _init(cls)
        cls.__init__(self, *arguments, **named)

    return init


def _init(cls: Any) -> Callable[..., None]:
    """Compile the `__init__` of a class whose fields are all parameters, by position or by name."""
    scope: dict[str, Any] = {"_MISSING": dataclasses.MISSING}
    parameters, lines = ["self"], []
    for field in dataclasses.fields(cls):
        name, value = field.name, field.name
        if field.default is not dataclasses.MISSING:
            scope[f"_default_{name}"] = field.default
            parameters.append(f"{name}=_default_{name}")
        elif field.default_factory is not dataclasses.MISSING:
            scope[f"_make_{name}"] = field.default_factory
            parameters.append(f"{name}=_MISSING")
            value = f"_make_{name}() if {name} is _MISSING else {name}"
        else:
            parameters.append(name)
        lines.append(f"    self.{name} = {value}")
    source = f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or ["    pass"])
    exec(source, scope)  # noqa: S102 - as the standard decorator does; the names are those of the class's fields
    made: Callable[..., None] = scope["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _values(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, name) for name in value.__match_args__)


def _equal(self: Any, other: object) -> bool:
    return type(self) is type(other) and _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash((type(self), _values(self)))


def _repr(self: Any) -> str:
    inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{type(self).__qualname__}({inside})"
