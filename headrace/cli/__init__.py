"""The `headrace` command. Each command's module is imported only when it is called."""

import gc
import os
import sys
from importlib import import_module

import click

from headrace import __version__

COMMANDS = {  # name: (module below headrace.cli, attribute, one line for --help)
    "init": ("init", "init", "Write headrace.toml and an example function, overwriting nothing."),
    "check": ("check", "check", "Validate the configuration."),
    "run": ("run", "run", "Run sources and functions until Ctrl-C."),
    "simulate": ("simulate", "simulate", "Run the configuration in virtual time, and report."),
    "invoke": ("invoke", "invoke", "Invoke one function."),
    "send": ("send", "send", "Send messages to a local queue."),
    "publish": ("publish", "publish", "Publish messages to a local topic."),
    "put-record": ("put_record", "put_record", "Put records into a local Kinesis stream."),
    "replay": ("replay", "replay", "Send recorded events to functions."),
    "check-idempotency": (
        "check_idempotency",
        "check_idempotency",
        "Tell whether delivering events again changes anything.",
    ),
    "event": ("event", "event", "Print a realistic event of any kind."),
    "next": ("next", "next_times", "Print the next fire times of a schedule."),
    "filter": ("filter", "filter_events", "Tell whether an event matches a pattern, and why."),
    "explain": ("explain", "explain", "Tell which records of an event a mapping keeps, and why."),
    "clock": ("clock", "clock", "Show the running simulator's time, and move it where it stands still."),
    "wait": ("wait", "wait", "Return when the running simulator has done all there is to do."),
    "status": ("status", "status", "Show what the running simulator is doing."),
    "history": ("history", "history", "List past invocations."),
    "logs": ("logs", "logs", "Print a function's log."),
    "queue": ("queue", "queue", "Look into local queues, empty them, send dead letters back."),
    "detach": ("detach", "detach", "Remove what captures tables from their databases."),
    "demo": ("demo", "demo", "Show everything once, in a temporary folder."),
}


class LazyGroup(click.Group):
    """Lists all commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        gc.disable()  # nothing that is imported is garbage; looking for it takes a twelfth of the start
        try:
            command: click.Command = getattr(import_module(f"headrace.cli.{module}"), attribute)
        finally:
            gc.enable()
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Tell whoever writes an option of a command before it where it stands."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hint = "The options of a command come after it."
            raise click.NoSuchOption(error.option_name, f"{error.message} {hint}", ctx=ctx) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Answer a mistyped command with the nearest one."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean `headrace {near[0]}`?" if near else " See `headrace --help`."
            ctx.fail(f"There is no command `{args[0]}`.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="headrace")
def cli() -> None:
    """Run AWS Lambda functions on local events: files, messages, records, rows, schedules, recordings.

    Start with `headrace init` and `headrace run`, or see it all with `headrace demo`.
    """


def main() -> None:
    """Run the command; an error that is the user's to mend ends with its text and no traceback.

    Exit status: 0, 1 (the function or the operation failed), 2 (usage or configuration).
    """
    os.environ.setdefault(
        "PYDANTIC_DISABLE_PLUGINS", "__all__"
    )  # looking for some costs 10 ms of every start
    try:
        cli()
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has what they wanted
        sys.exit(0)
    except OSError as error:
        click.echo(f"headrace: {error}", err=True)
        sys.exit(1)
    except Exception as error:
        problem = _cause(error)
        if problem is None:
            raise
        sys.exit(_report(problem))


def _cause(error: BaseException) -> BaseException | None:
    """Return the error of ours that ended a command, which a group of tasks may have wrapped."""
    from engine.errors import HeadraceError

    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, HeadraceError | click.ClickException) else None


def _report(error: BaseException) -> int:
    """Tell the user; return the exit status."""
    from engine.errors import ConfigurationError

    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if not isinstance(error, ConfigurationError):
        click.echo(f"headrace: {error}", err=True)
        return 1
    count = len(error.problems)
    click.echo(f"headrace: the {error.of} has {count} problem{'s'[: count != 1]}:", err=True)
    for problem in error.problems:
        click.echo(f"  {problem}", err=True)
    return 2
