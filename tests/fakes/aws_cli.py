"""The AWS CLI, running one command after the other in one process: starting takes longer than any of them."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COMMANDS = """
import contextlib, io, json, sys
from awscli.clidriver import create_clidriver

driver = create_clidriver()
for command in json.load(sys.stdin):
    output, errors = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = driver.main(command)
    texts = (each.buffer.getvalue().decode() for each in (output, errors))
    print(json.dumps([status, *texts]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command has ended with and printed."""

    status: int
    output: str
    errors: str


def run_aws(folder: Path, url: str, commands: Sequence[str]) -> list[Done]:
    """Run commands, given without `aws`, in a folder and with an endpoint for all services but SQS."""
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_MAX_ATTEMPTS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        input=json.dumps([shlex.split(command) for command in commands]),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return [Done(*json.loads(line)) for line in done.stdout.splitlines()]
