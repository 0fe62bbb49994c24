"""The AWS CLI as the client of every service: what its commands print, and the errors they end with.

The commands lie in the folder `aws_cli`. A line is a command; `=>` is followed by what it prints, `!!` by the
code of the error it is refused with.
"""

import io
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from string import Template

import pytest

from tests.end_to_end.headrace_process import HeadraceProcess, write_function
from tests.fakes.aws_cli import run_aws

RUNTIME = f"python3.{sys.version_info.minor}"
ROLE = "arn:aws:iam::000000000000:role/cli"
ARN = "arn:aws:{}:us-east-1:000000000000:{}".format
COMMANDS = Path(__file__).with_name("aws_cli")
CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions.echo]
handler = "handler.handler"
code = "functions/echo"

[queues.jobs]

[buckets.inbox]
folder = "inbox"
"""


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadraceProcess]:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "inbox").mkdir()
    (folder / "headrace.toml").write_text(CONFIGURATION)
    write_function(folder, "echo", "def handler(event, context):\n    return event\n")
    with HeadraceProcess(folder) as running:
        yield running


@pytest.mark.parametrize("file", sorted(COMMANDS.iterdir()), ids=lambda file: file.stem)
def test_commands_of_the_aws_cli(simulator: HeadraceProcess, tmp_path: Path, file: Path) -> None:
    (tmp_path / "code.zip").write_bytes(archive())
    expected = [expectation(line) for line in placed(file.read_text(), simulator).splitlines()]
    done = run_aws(tmp_path, simulator.url, [command for command, _, _ in expected])
    wrong = [
        (command, ended)
        for (command, prints, code), ended in zip(expected, done, strict=True)
        if (ended.status != 0) is not bool(code)
        or prints not in " ".join(ended.output.split())
        or code not in ended.errors
    ]
    assert wrong == []


def expectation(line: str) -> tuple[str, str, str]:
    """Return a command, what it prints and the code of its error."""
    command, _, code = line.partition(" !! ")
    command, _, prints = command.partition(" => ")
    return command, prints, code


def placed(lines: str, simulator: HeadraceProcess) -> str:
    """Fill in addresses and names."""
    return Template(lines).substitute(
        url=simulator.url,
        runtime=RUNTIME,
        role=ROLE,
        jobs=ARN("sqs", "jobs"),
        topic=ARN("sns", "cli"),
        function=ARN("lambda", "function:"),
        stream=ARN("kinesis", "stream/"),
        group=ARN("scheduler", "schedule-group/none"),
        logs=ARN("logs", "log-group:none"),
        policy="arn:aws:iam::000000000000:policy/none",
        layer=ARN("lambda", "layer:cli"),
        table=ARN("dynamodb", "table/cli"),
        bus=ARN("events", "event-bus/cli"),
        archive=ARN("events", "archive/cli"),
        now=int(time.time() * 1000),
    )


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as zipped:
        zipped.writestr("app.py", "def handler(event, context):\n    return event\n")
    return content.getvalue()
