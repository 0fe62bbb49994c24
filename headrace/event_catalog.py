"""Makes events of every kind: the example as it is, or as if it had just happened, with fields set."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from engine.errors import HeadraceError
from headrace import fixture_files
from headrace.event_kinds import KINDS, Kind
from headrace.event_options import Option
from headrace.event_path import get_value, set_value
from headrace.event_renewal import Renewal, settle

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}


class UnknownKind(HeadraceError):
    """No kind of event goes by this name."""

    def __init__(self, name: str) -> None:
        near = get_close_matches(name, BY_NAME, n=3, cutoff=0.5)
        near = near or [known for known in BY_NAME if name in known][:3]
        hint = f"did you mean {' or '.join(near)}?" if near else "`headrace event` lists them"
        super().__init__(f"there is no kind of event called {name!r}: {hint}")
        self.name, self.near = name, tuple(near)


class BadField(HeadraceError):
    """A field cannot have this value."""


def find_kind(name: str) -> Kind:
    """Return a kind by its name. Raises UnknownKind with the nearest names."""
    if name not in BY_NAME:
        raise UnknownKind(name)
    return BY_NAME[name]


def example_text(kind: Kind) -> str:
    """Return the example file of a kind, as it is."""
    return (fixture_files.fixtures() / f"{kind.file}.json").read_text(encoding="utf-8")


def make_event(
    kind: Kind,
    *,
    now: datetime | None = None,
    options: Mapping[str, str] | None = None,
    fields: Sequence[tuple[str, Any]] = (),
    count: int = 1,
) -> Any:
    """Return an event of this kind, as if it happened at `now`; at the example's own moment when that is
    None.

    `options` are values by the names of the kind's options, `fields` values by path, which have the last
    word. `count` repeats the record. Raises BadField and BadPath.
    """
    event = _repeated(json.loads(example_text(kind)), kind, now, count)
    for name, value in (options or {}).items():
        option = next(option for option in kind.options if option.name == name)
        for path, what in option.fields.items():
            event = set_value(event, path, _converted(option, what, value))
    for path, field in fields:
        event = set_value(event, path, field)
    settle(event)
    for path, field in fields:
        event = set_value(event, path, field)
    return event


def _repeated(example: Any, kind: Kind, now: datetime | None, count: int) -> Any:
    if kind.records is None:
        if count != 1:
            raise BadField(f"--count: AWS sends one {kind.name} at a time")
        return example if now is None else Renewal(now).renew(example)
    records = get_value(example, kind.records)
    if now is None:
        repeated = [json.loads(json.dumps(record)) for _ in range(count) for record in records]
        return set_value(example, kind.records, repeated)
    repeated = [Renewal(now, index).renew(record) for index in range(count) for record in records]
    return set_value(Renewal(now).renew(example), kind.records, repeated)


def _converted(option: Option, what: Any, value: str) -> Any:
    if isinstance(what, str):
        return what.replace("{}", value)
    try:
        return what(value)
    except ValueError as problem:
        raise BadField(f"--{option.name} {value!r}: {problem}") from None
