"""`headrace replay`: send recorded events to functions again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

import click

from headrace.cli.options import config_option, json_option, unknown_name

if TYPE_CHECKING:
    from engine.functions.invocation import InvocationResult, Throttled
    from triggers.replay.plan import Plan
    from triggers.replay.player import Answer, Played, Tally

    Invoke = Callable[[str, bytes], Awaitable[InvocationResult | Throttled]]
    Answering = Callable[[str, bytes], Awaitable[Answer]]

SHOWN_FAILURES = 20
THE_SOURCE = "its source"  # where an event goes that does not go to a function
SLOWEST = 0.001


def _speed(context: click.Context, parameter: click.Parameter, value: str) -> float | None:  # noqa: ARG001
    """Return the factor of --speed; None for `max`, no pace at all."""
    if value == "max":
        return None
    try:
        factor = float(value)
    except ValueError:
        factor = 0.0
    if not SLOWEST <= factor < float("inf"):
        raise click.BadParameter(f'{value!r} is neither a number from {SLOWEST} nor "max"')
    return factor


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--function", help="Send every event to this function, whatever a recording says.")
@click.option(
    "--speed",
    callback=_speed,
    metavar="N|max",
    default="1",
    show_default=True,
    help="How much faster than recorded; max: no pace at all, many at once.",
)
@click.option(
    "--through",
    type=click.Choice(["function", "source"]),
    default="function",
    show_default=True,
    help="source: give the records to their queue, stream or table again, so that mappings apply.",
)
@click.option("--source", help="With --through source: send everything there, such as queues.jobs.")
@json_option
@config_option
@click.pass_context
def replay(
    context: click.Context,
    paths: tuple[Path, ...],
    function: str | None,
    speed: float | None,
    through: str,
    source: str | None,
    as_json: bool,
    config_path: Path,
) -> None:
    """Send events to functions again: files, folders of files, and recordings.

    A PATH is a JSON file with one AWS event, a recording made by `headrace run --record` (*.jsonl), or a
    folder of both. A recording knows its functions; an event in a file of its own needs --function, unless
    the configuration has exactly one. Events go to the running simulator, or else to functions started for
    the purpose.
    """
    from engine.clock import run
    from triggers.replay.plan import CannotReplay, make_plan

    if function is not None and through == "function":
        _check_known(function, config_path)
    try:
        plan = make_plan(paths)
    except CannotReplay as problem:
        _refuse(str(problem))
    if through == "source":
        if function is not None:
            raise click.UsageError(
                "--function does not go with --through source: mappings say who is invoked"
            )
        tally = run(
            _replay(plan, _open_source(config_path, source), (THE_SOURCE, THE_SOURCE), speed, as_json)
        )
    else:
        if source is not None:
            raise click.UsageError("--source goes with --through source")
        plain_function = function
        if plan.has_plain_events and function is None:
            plain_function = _only_function(config_path)
        tally = run(_replay(plan, _open_functions(config_path), (function, plain_function), speed, as_json))
    context.exit(1 if tally.failed else 0)


def _refuse(problem: str) -> NoReturn:
    click.echo(f"Error: {problem}", err=True)
    raise click.exceptions.Exit(2)


def _check_known(function: str, config_path: Path) -> None:
    from headrace.config import load
    from headrace.known_functions import known_functions

    if function not in (known := known_functions(load(config_path, with_code=False))):
        raise unknown_name("function", function, known, "--function")


def _only_function(config_path: Path) -> str:
    """Return the one function of the configuration, for events that do not name theirs."""
    from headrace.config import load

    names = sorted(load(config_path).functions)
    if len(names) != 1:
        there_are = f"there are: {', '.join(names)}" if names else "none is configured"
        _refuse(f"which function are the events for? Say --function NAME ({there_are})")
    return names[0]


@asynccontextmanager
async def _open_functions(config_path: Path) -> "AsyncIterator[Answering]":
    from headrace.invoker import open_invoker

    async with open_invoker(config_path) as invoke:
        yield _answering(invoke)


@asynccontextmanager
async def _open_source(config_path: Path, source: str | None) -> "AsyncIterator[Answering]":
    from headrace.config import load
    from headrace.operations import open_operations
    from headrace.through_source import SourceUnknown, ThroughSource

    configuration = load(config_path, with_code=False)
    async with open_operations(configuration) as operate:
        try:
            through = ThroughSource(configuration, operate, source)
        except (ValueError, SourceUnknown) as error:
            raise click.BadParameter(str(error), param_hint="--source") from error

        async def answer(_: str, payload: bytes) -> "Answer":
            return await through.replay(payload)

        yield answer


async def _replay(
    plan: "Plan",
    open_answering: "AbstractAsyncContextManager[Answering]",
    functions: tuple[str | None, str | None],
    speed: float | None,
    as_json: bool,
) -> "Tally":
    """Play a plan and print what came of it, also when it was interrupted.

    `functions` are the one for all events and the one for events that name none.
    """
    from engine.clock import running_clock
    from triggers.replay.player import Player

    clock = running_clock()
    async with open_answering as answer:
        display = _Display(plan.total)
        player = Player(
            answer,
            clock,
            function=functions[0],
            plain_function=functions[1],
            speed=speed,
            on_played=display.played,
        )
        began = clock.stopwatch()
        try:
            with display:
                await player.play(plan)
        finally:
            _print_summary(player.tally, plan.retries, clock.stopwatch() - began, as_json)
    return player.tally


def _answering(invoke: "Invoke") -> "Answering":
    """Put Lambda's answers into the player's words."""
    from engine.functions.invocation import Throttled
    from triggers.replay.player import Answer

    async def answer(function: str, payload: bytes) -> Answer:
        result = await invoke(function, payload)
        if isinstance(result, Throttled):
            return Answer(f"throttled: {result.reason}", throttled=True)
        if result.function_error is None:
            return Answer()
        parts = [part for part in (result.error_type, result.error_message) if part]
        return Answer(": ".join(parts) or result.function_error)

    return answer


class _Display:
    """Problems as they happen and, on a terminal, a progress bar; all of it on stderr."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self._console = Console(stderr=True, highlight=False, markup=False)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._progress.add_task("replay", total=total)
        self._failures = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        if self._failures > SHOWN_FAILURES:
            self._console.print(f"... and {self._failures - SHOWN_FAILURES} more failures")

    def played(self, played: "Played") -> None:
        """Advance; show a failure, unless there were many already."""
        self._progress.advance(self._task)
        if played.error is None:
            return
        self._failures += 1
        if self._failures <= SHOWN_FAILURES:
            self._console.print(
                f"failed   {played.place} -> {played.function}: {played.error}", soft_wrap=True
            )


def _print_summary(tally: "Tally", retries: int, seconds: float, as_json: bool) -> None:
    import json

    for skipped in tally.skipped:
        click.echo(f"skipped  {skipped.place}: {skipped.reason}", err=True)
    p50, p99 = (tally.percentile(percent) for percent in (50, 99))
    if as_json:
        summary = {
            "sent": tally.sent,
            "succeeded": tally.succeeded,
            "failed": tally.failed,
            "skipped": len(tally.skipped),
            "retries_left_out": retries,
            "seconds": round(seconds, 3),
            "p50_ms": None if p50 is None else round(p50, 3),
            "p99_ms": None if p99 is None else round(p99, 3),
        }
        click.echo(json.dumps(summary))
        return
    parts = [f"sent {tally.sent}", f"succeeded {tally.succeeded}", f"failed {tally.failed}"]
    if tally.skipped:
        parts.append(f"skipped {len(tally.skipped)}")
    if retries:
        parts.append(f"recorded retries left out {retries}")
    if p50 is not None and p99 is not None:
        parts.append(f"p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    click.echo(f"{', '.join(parts)}, in {seconds:.1f} s")
