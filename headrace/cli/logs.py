"""`headrace logs`: a function's log, from the files of its log streams."""

from collections.abc import Iterator
from pathlib import Path

import click

from headrace.cli.options import config_option, unknown_name
from headrace.printable import printable

LOOK_AGAIN_SECONDS = 0.2  # while following
CONTINUES = "\n" + " " * 25  # below the text, beside the moment
FIRST_LOOK_BYTES = 4 * 1024 * 1024  # of each log stream


@click.command()
@click.argument("function")
@click.option("--follow", "-f", is_flag=True, help="Go on with new lines until Ctrl-C.")
@click.option("--limit", type=click.IntRange(0), default=200, show_default=True, help="Lines at most.")
@config_option
def logs(function: str, follow: bool, limit: int, config_path: Path) -> None:
    """Print the newest lines of FUNCTION's log, from all its environments in order of time."""
    from headrace.config import load
    from headrace.known_functions import known_functions

    configuration = load(config_path, with_code=False)
    folder = configuration.state / "logs" / "aws" / "lambda" / function
    # What a function has logged stays when it is deleted.
    if function not in (known := known_functions(configuration)) and not folder.is_dir():
        raise unknown_name("function", function, known, "FUNCTION")
    tail = LogTail(folder)
    lines = tail.new_lines()
    for line in lines[len(lines) - min(limit, len(lines)) :]:
        click.echo(shown(line))
    if not lines and not follow:
        click.echo(f"{function} has not logged anything yet.", err=True)
    if follow:
        _follow(tail)


def shown(line: str) -> str:
    """Return a log event for a terminal, with what carriage returns divide on lines of their own."""
    return printable(line).replace("\r", CONTINUES)


class LogTail:
    """Reads what has been appended to a function's log files since the last look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}

    def new_lines(self) -> list[str]:
        """Return the whole lines that are new, in order of time (each line begins with its moment)."""
        lines = [line for path in sorted(self._folder.rglob("*.log")) for line in self._appended(path)]
        lines.sort(key=lambda line: line[:24])
        return lines

    def _appended(self, path: Path) -> Iterator[str]:
        with path.open("rb") as file:
            begin = self._read.get(path)
            if begin is None:  # of a large log, its end
                begin = max(0, path.stat().st_size - FIRST_LOOK_BYTES)
                file.seek(begin)
                begin += len(file.readline()) if begin else 0
            file.seek(begin)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read[path] = begin + len(whole)
        yield from whole.decode("utf-8", "replace").split("\n")[:-1]


def _follow(tail: LogTail) -> None:
    import threading

    pause = threading.Event()
    try:
        while not pause.wait(LOOK_AGAIN_SECONDS):
            for line in tail.new_lines():
                click.echo(shown(line))
    except KeyboardInterrupt:
        return
