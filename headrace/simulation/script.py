"""A script: what is done to a simulated configuration, and when.

TOML with `[[actions]]` tables, or JSON Lines with an object a line. All problems are reported at once, each
with its place, before anything is started.
"""

import heapq
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.clock import iso_seconds
from engine.duration import duration_text
from engine.errors import ConfigurationError
from engine.value import dataclass
from headrace.config import Configuration, read_toml, unknown_functions
from headrace.option_advice import unknown_option
from headrace.settings_problems import Tables, described
from headrace.simulation.report import ScriptReport
from headrace.simulation.script_check import problems_of
from headrace.simulation.script_models import (
    ARGUMENTS,
    ActionSettings,
    Bounds,
    Expect,
    MessageAttributeSettings,
    Moment,
)

JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a script. `place` is where it stands: `actions[3]`, or `line 4`."""

    place: str
    settings: ActionSettings
    arguments: BaseModel

    @property
    def name(self) -> str:
        """Which action it is, such as `send`."""
        return self.settings.name


@dataclass(frozen=True, slots=True)
class Due:
    """An action that is to be done at `moment`, for the `repetition`th time, from 1."""

    moment: datetime
    action: Action
    repetition: int

    def arguments(self) -> BaseModel:
        """Return the arguments of this time: in what is repeated, `{{n}}` is the number of the repetition."""
        if self.action.settings.every is None:
            return self.action.arguments
        numbered: BaseModel = _numbered(self.action.arguments, str(self.repetition))
        return numbered


class Script:
    """The actions of a file, in the order in which they are due; those of one moment in the file's order.

    `failures` says what went wrong so far: actions that were refused, and expectations that did not hold. A
    simulator that crashes and starts again goes on with the same script.
    """

    def __init__(self, path: Path, actions: Sequence[Action], began: datetime) -> None:
        self.path = path
        self.began = began
        self.actions = tuple(actions)
        self.failures: list[str] = []
        self.performed = 0
        self.lasting: list[Due] = []  # what changed settings: a simulator that starts again has to hear of it
        self.changed_functions: dict[str, dict[str, Any]] = {}  # by the names of `[functions.NAME]`
        self.acting: Due | None = None  # what is being done
        self.is_under_way = False
        self._due = [  # moment, index of the action, repetition
            (moment_of(action.settings.at, began), index, 1) for index, action in enumerate(actions)
        ]
        heapq.heapify(self._due)

    @property
    def is_done(self) -> bool:
        """Whether every action was done, as often as it has to be, and every replay has come to its end."""
        return not self._due and self.acting is None and not self.is_under_way

    def has_action(self, *names: str) -> bool:
        """Say whether there are such actions, done or not."""
        return any(action.name in names for action in self.actions)

    def has_due(self, moment: datetime) -> bool:
        """Say whether an action is being done, or is still to be done by `moment`."""
        following = self.next_moment()
        return self.acting is not None or (following is not None and following <= moment)

    def next_moment(self) -> datetime | None:
        """Return when something is to be done next; None when nothing is.

        What was being done is done again first: a crash has broken it off.
        """
        if self.acting is not None:
            return self.acting.moment
        return self._due[0][0] if self._due else None

    def take(self) -> Due:
        """Return what is due next, which is no longer due then; its repetition is."""
        if self.acting is not None:
            return self.acting
        assert self._due, "there is nothing to take"
        moment, index, repetition = heapq.heappop(self._due)
        action = self.actions[index]
        if (again := _again(action.settings, moment, repetition, self.began)) is not None:
            heapq.heappush(self._due, (again, index, repetition + 1))
        return Due(moment, action, repetition)

    def report(self, reword: Callable[[str], str] = str) -> ScriptReport:
        """Return what became of the script, at the end; `reword` gives the failures their last form."""
        return ScriptReport(self.performed, tuple(map(reword, (*self.failures, *self.unreached()))))

    def unreached(self) -> Iterator[str]:
        """Yield a line for each action that the simulation ended before, or in the midst of."""
        if (due := self.acting) is not None:
            yield f"{due.action.place}.{due.action.name}: the simulation ended before it was done"
        for moment, index, repetition in sorted(self._due):
            action = self.actions[index]
            if repetition == 1:
                at = iso_seconds(moment)
                yield f"{action.place}.{action.name}: was to be done at {at}: the simulation ended before"


def _numbered(value: Any, number: str) -> Any:
    """Return a value with the number in place of `{{n}}` in each of its texts."""
    match value:
        case str():
            return value.replace("{{n}}", number)
        case dict():
            return {_numbered(key, number): _numbered(each, number) for key, each in value.items()}
        case list() | tuple():
            return type(value)(_numbered(each, number) for each in value)
        case BaseModel():
            fields = {name: _numbered(getattr(value, name), number) for name in value.model_fields_set}
            return value.model_copy(update=fields)
        case _:
            return value


def moment_of(at: Moment, began: datetime) -> datetime:
    """Return a moment of a script in the calendar of a simulation."""
    return at if isinstance(at, datetime) else began + at


def _again(settings: ActionSettings, moment: datetime, repetition: int, began: datetime) -> datetime | None:
    """Return when an action that was due at `moment` is due again."""
    if settings.every is None:
        return None
    if settings.count is not None:
        return moment + settings.every if repetition < settings.count else None
    assert settings.until is not None, "what is repeated has an end"
    again = moment + settings.every
    return again if again <= moment_of(settings.until, began) else None


def load_script(
    path: Path,
    configuration: Configuration,
    *,
    began: datetime,
    length: timedelta | None = None,
    faults: type[BaseModel] | None = None,
    can_crash: bool = False,
) -> Script:
    """Read and check a script for a simulation that begins at `began`, and takes `length` if that is known.

    `faults` is the model of the `[faults]` table, and `can_crash` whether the simulation takes `crash`;
    without them such actions are refused. Raises ConfigurationError with every problem found, each with the
    script's path.
    """
    problems: list[str] = []
    actions: list[Action] = []
    tables = _tables(faults)
    for place, above, raw in _read(path, problems):
        try:
            settings = ActionSettings.model_validate(raw)
        except ValidationError as error:
            problems += described(error.errors(), tables, above)
            continue
        action = Action(place, settings, getattr(settings, settings.name))
        problems += _problems_of_moments(action, began, length)
        if settings.name == "faults":
            action = _with_faults(action, faults, tables, (*above, "faults"), problems)
            functions = getattr(action.arguments, "functions", None) or ()
            problems += unknown_functions(f"{place}.faults", functions, configuration.file.functions)
        elif settings.name == "crash" and not can_crash:
            problems.append(f"{place}.crash: nothing can crash here")
        else:
            around = f"{place}.{settings.name}"
            problems += problems_of(settings.name, around, action.arguments, configuration, path.parent)
        actions.append(action)
    if problems:
        raise ConfigurationError([f"{path}: {problem}" for problem in problems])
    return Script(path, actions, began)


def _with_faults(
    action: Action,
    model: type[BaseModel] | None,
    tables: Tables,
    above: tuple[str | int, ...],
    problems: list[str],
) -> Action:
    """Return an action with its faults read by their own model; what is wrong is added to `problems`."""
    if model is None:
        problems.append(f"{action.place}.faults: there are no faults to switch here")
        return action
    try:
        return replace(action, arguments=model.model_validate(action.settings.faults))
    except ValidationError as error:
        problems += described(error.errors(), tables, above)
        return action


def _read(path: Path, problems: list[str]) -> Iterator[tuple[str, tuple[str | int, ...], Any]]:
    """Yield the place of each action, its path in the file, and what stands there."""
    if path.suffix in JSON_LINES_SUFFIXES:
        yield from _read_lines(path, problems)
        return
    raw = read_toml(path, missing="--script names a TOML file, or JSON Lines in a .jsonl file")
    problems += [f"{name}: {unknown_option(name, ['actions'])}" for name in raw if name != "actions"]
    actions = raw.get("actions", [])
    if not isinstance(actions, list):
        problems.append(f"actions: a list is needed: write [[actions]]; got {actions!r}")
        return
    if not raw or ("actions" in raw and not actions):
        problems.append("there is nothing in it: write an action as a table [[actions]]")
    for index, action in enumerate(actions):
        yield f"actions[{index}]", ("actions", index), action


def _read_lines(
    path: Path, problems: list[str]
) -> Iterator[tuple[str, tuple[str | int, ...], Mapping[str, Any]]]:
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be read: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path} is not UTF-8 text (byte {error.start})"]) from error
    if not any(line.strip() for line in lines):
        problems.append("there is nothing in it: write an action as an object a line")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", (f"line {number}",), json.loads(line)
        except json.JSONDecodeError as error:
            problems.append(f"line {number}, column {error.colno}: this is not JSON: {error.msg}")


def _problems_of_moments(action: Action, began: datetime, length: timedelta | None) -> Iterator[str]:
    settings, place = action.settings, action.place
    first = moment_of(settings.at, began)
    if first < began:
        yield f"{place}.at: {iso_seconds(first)} is before the simulation begins, {iso_seconds(began)}"
    if length is not None and first > began + length:
        ends = iso_seconds(began + length)
        yield (
            f"{place}.at: {iso_seconds(first)} is after the simulation ends, {ends} ({duration_text(length)})"
        )
    if settings.until is not None and moment_of(settings.until, began) < first:
        yield f"{place}.until: is before the first time, {iso_seconds(first)}"


def _tables(faults: type[BaseModel] | None) -> Tables:
    """Return the model of every table, for advice on misspelt options."""
    tables: dict[tuple[str, ...], type[BaseModel]] = {}
    for above in (("*",), ("actions", "*")):
        tables[above] = ActionSettings
        tables |= {(*above, name): model for name, model in ARGUMENTS.items()}
        tables[*above, "send", "attributes", "*"] = MessageAttributeSettings
        for name, field in Expect.model_fields.items():
            if "Bounds" in str(field.annotation):
                tables[*above, "expect", name] = Bounds
        if faults is not None:
            tables[*above, "faults"] = faults
    return tables
