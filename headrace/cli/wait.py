"""`headrace wait`: return when the running simulator has done all there is to do."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import click

from headrace.cli.moment import DURATION
from headrace.cli.options import config_option, json_option
from headrace.config import load
from headrace.control import IDLE_PATH, asked, the_running


@click.command()
@click.option(
    "--idle", is_flag=True, required=True, help="Wait until nothing is left to do but to wait for its time."
)
@click.option(
    "--timeout", type=DURATION, help="Wait for so long at most, in real time: 30s, 2m (default: for ever)."
)
@json_option
@config_option
def wait(idle: bool, timeout: timedelta | None, as_json: bool, config_path: Path) -> None:  # noqa: ARG001
    """Return once everything that was done before has had its consequences.

    That includes a file that was just dropped, a row just committed and a message just sent. What still waits
    for its time, such as a retry, is told. Exit status 1 when the timeout came first.
    """
    running = the_running(load(config_path, with_code=False).state)
    query = "" if timeout is None else "?" + urlencode({"timeout": timeout.total_seconds()})
    answer = asked(running.url, "GET", IDLE_PATH + query)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    elif answer["idle"]:
        texts = ", ".join(each["text"] for each in answer["waiting"])
        click.echo(f"idle; what waits for its time: {texts}" if texts else "idle: nothing is left to do")
    else:
        click.echo(f"not idle after {answer['seconds']:g} s: {', '.join(answer['at_work'])}", err=True)
    sys.exit(0 if answer["idle"] else 1)
