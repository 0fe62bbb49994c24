"""`headrace simulate`: the configuration in virtual time."""

import logging
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter  # noqa: TID251 - tells how long it really took
from typing import TYPE_CHECKING, BinaryIO

import click

from headrace.cli.moment import DURATION, MOMENT
from headrace.cli.options import config_option, json_option

if TYPE_CHECKING:
    from engine.feed import Fact
    from headrace.config import Configuration
    from headrace.simulation.report import Report
    from headrace.simulation.run import Plan
    from headrace.simulation.script import Script
    from headrace.simulator import Simulator

# Always the same unless given, so that a simulation is the same tomorrow.
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SEED_BITS = 32


@click.command()
@config_option
@click.option("--for", "length", type=DURATION, help="How much time to simulate, such as 30d.")
@click.option(
    "--from",
    "begin",
    type=MOMENT,
    default=BEGIN,
    help="The moment at which it begins.  [default: 2026-01-01T00:00Z]",
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Everything random follows from it; a new one unless given."
)
@click.option("--until-idle", is_flag=True, help="End as soon as only schedules could bring more work.")
@click.option(
    "--script",
    "script_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Do what this file says, at its moments (TOML or JSON Lines).",
)
@click.option(
    "--html",
    "html_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report as a page, too.",
)
@click.option(
    "--feed",
    "feed_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write everything that happens to this file, as JSON Lines.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Leave what the simulation worked on in this new folder: buckets, databases, state, logs.",
)
@json_option
@click.pass_context
def simulate(
    context: click.Context,
    config_path: Path,
    length: timedelta | None,
    begin: datetime,
    seed: int | None,
    until_idle: bool,
    script_path: Path | None,
    html_path: Path | None,
    feed_path: Path | None,
    keep: Path | None,
    as_json: bool,
) -> None:
    """Run the configuration in virtual time, and report what happened.

    Days take seconds: schedules, retries, timeouts and windows pass without waiting, and handlers run for
    real. The same seed gives the same run, in every detail. Buckets and tables are worked on as copies, the
    state is a fresh one.
    """
    import random

    from engine.clock import LATEST
    from headrace.config import load
    from headrace.simulation.one_processor import stay_on_one_processor
    from headrace.simulation.run import LONGEST, Plan
    from headrace.simulation.sandbox import own_words

    if length is not None and length > LATEST - begin:
        raise click.BadParameter(f"the end has to be before {LATEST.year}", param_hint="--for")
    if length is None and not until_idle:
        raise click.UsageError("Say how long: --for 30d, or --until-idle, or both.")
    if seed is None:
        seed = random.SystemRandom().getrandbits(SEED_BITS)
    configuration = load(config_path)
    plan = Plan(begin, min(LONGEST, LATEST - begin) if length is None else length, until_idle, seed)
    script = _script(script_path, configuration, plan, length)
    watch = perf_counter()
    stay_on_one_processor()
    with ExitStack() as stack:
        publish = stack.enter_context(_feed_file(feed_path))
        page = None if html_path is None else stack.enter_context(_writable(html_path, "--html"))
        stack.enter_context(_interrupted_at_once())
        sandboxed = stack.enter_context(_sandbox(configuration, keep))
        try:
            report = _simulate(sandboxed, plan, script, publish, own_words(configuration, sandboxed))
        except BaseException:
            _tell_how_to_repeat(context, seed)
            raise
        _show(report, page, as_json=as_json)
    click.echo(f"It really took {perf_counter() - watch:.1f} s.", err=True)
    if report.script is not None and report.script.failures:
        click.echo(f"Script: {report.script}.", err=True)
        _tell_how_to_repeat(context, seed)
        context.exit(1)


def _script(
    path: Path | None, configuration: "Configuration", plan: "Plan", length: timedelta | None
) -> "Script | None":
    if path is None:
        return None
    from engine.errors import ConfigurationError
    from engine.fault_settings import FaultSettings
    from headrace.simulation.script import load_script

    try:
        return load_script(
            path, configuration, began=plan.begin, length=length, faults=FaultSettings, can_crash=True
        )
    except ConfigurationError as error:
        raise ConfigurationError(error.problems, of="script") from error


def _simulate(
    configuration: "Configuration",
    plan: "Plan",
    script: "Script | None",
    publish: "Callable[[Fact, Callable[[str], str]], None] | None",
    reword: Callable[[str], str],
) -> "Report":
    from engine import clock
    from engine.feed import Feed
    from headrace.simulation.figures import Figures
    from headrace.simulation.log_notices import noticed
    from headrace.simulation.run import LONGEST, Companion, declared_faults, simulate

    feed = Feed()
    if publish is not None:
        feed.tap(lambda fact: publish(fact, reword), log_lines=True)
    length = plan.length if plan.length < LONGEST else None
    figures = Figures(feed, plan.begin, length, reword)
    has_levers = script is not None and script.has_action("faults", "crash")
    faults = declared_faults(configuration, plan.seed, feed, may_change=has_levers)
    companions = [Companion(figures.follow), Companion(_progress(plan.begin, length))]
    if script is not None:
        from headrace.simulation.crash import crash_now
        from headrace.simulation.performance import Levers, perform, restore

        levers = None
        if faults is not None:
            levers = Levers(faults.change, partial(crash_now, faults, "as the script says"))
        acting, restoring = partial(perform, script, figures, levers), partial(restore, script, levers)
        companions.append(Companion(acting, lambda: script.is_done, script.has_due, restoring))
    with noticed(feed):
        ended = clock.simulate(simulate(configuration, plan, feed, companions, faults), plan.begin)
    return figures.report(ended, plan.seed, None if script is None else script.report(reword))


def _show(report: "Report", page: BinaryIO | None, *, as_json: bool) -> None:
    from shutil import get_terminal_size

    if page is not None:
        from headrace.simulation.report_html import render_html

        page.write(render_html(report).encode())
    if as_json:
        import orjson

        from headrace.simulation.report import as_json as document

        click.echo(orjson.dumps(document(report), option=orjson.OPT_INDENT_2).decode())
        return
    from headrace.simulation.report_text import render_text

    is_terminal = sys.stdout.isatty()
    width = get_terminal_size().columns if is_terminal else 80
    click.echo(render_text(report, width, color=is_terminal), nl=False)


@contextmanager
def _sandbox(configuration: "Configuration", keep: Path | None) -> "Iterator[Configuration]":
    from headrace.simulation.sandbox import open_sandbox, temporary_folder

    if keep is None:
        with temporary_folder() as folder:
            yield open_sandbox(configuration, folder)
        return
    try:
        keep.mkdir(parents=True)
    except FileExistsError:
        raise click.BadParameter(f"{keep} exists already: name a new folder", param_hint="--keep") from None
    yield open_sandbox(configuration, keep.resolve())


@contextmanager
def _interrupted_at_once() -> "Iterator[None]":
    """Let SIGINT and SIGTERM end all work at once: nothing is lost by it that anybody keeps."""

    def interrupt(*_: object) -> None:
        # What is torn off in the middle of its work has nothing to say that a user could need.
        logging.getLogger("asyncio").disabled = True
        sys.unraisablehook = lambda _: None
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _writable(path: Path, option: str) -> BinaryIO:
    """Open a file before anything runs. Raises a usage error."""
    try:
        return path.open("wb")
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint=option) from error


@contextmanager
def _feed_file(path: Path | None) -> "Iterator[Callable[[Fact, Callable[[str], str]], None] | None]":
    """Yield what writes a fact to the file, in the user's own words; None without a file."""
    if path is None:
        yield None
        return
    from engine.feed import SimulatorReady
    from headrace.fact_json import fact_json
    from headrace.simulation.sandbox import SAME_ADDRESS

    address = SAME_ADDRESS

    with _writable(path, "--feed") as file:

        def write(fact: "Fact", reword: Callable[[str], str]) -> None:
            nonlocal address
            if isinstance(fact, SimulatorReady):
                address = fact.endpoint  # its port is another in every run, also in what handlers log
            else:
                line = reword(fact_json(fact).decode()).replace(address, SAME_ADDRESS)
                file.write(line.encode() + b"\n")

        yield write


def _progress(begin: datetime, length: timedelta | None) -> "Callable[[Simulator], Awaitable[None]]":
    """Return what shows on a terminal how far the simulation is; `length` is None when nobody knows."""

    async def show(simulator: "Simulator") -> None:
        if not sys.stderr.isatty():
            return
        import asyncio

        from rich.console import Console, RenderableType
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        class Followed(Progress):
            """Looks at the clock whenever it is drawn, by a thread of its own."""

            def get_renderables(self) -> Iterator[RenderableType]:
                now = simulator.clock.now()
                for task in self.task_ids:
                    passed = (now - begin).total_seconds()
                    self.update(task, completed=passed, description=f"{now:%Y-%m-%d %H:%M}")
                yield from super().get_renderables()

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Followed(*columns, console=Console(stderr=True), transient=True) as progress:
            progress.add_task("", total=None if length is None else length.total_seconds())
            await asyncio.Event().wait()  # the end of the simulation ends this, too

    return show


def _tell_how_to_repeat(context: click.Context, seed: int) -> None:
    """Print the command that gives the very same run."""
    arguments = [argument for argument in sys.argv[1:] if argument]
    if context.get_parameter_source("seed") is not click.core.ParameterSource.COMMANDLINE:
        arguments += ["--seed", str(seed)]
    click.echo(f"To see it again: headrace {shlex.join(arguments)}", err=True)
