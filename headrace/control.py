"""How a second `headrace` process finds and talks to the running one.

The running simulator writes its endpoint's address into the state folder and answers below `/_headrace/`.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.errors import HeadraceError
from engine.value import dataclass

ENDPOINT_FILE = "endpoint"
CODE_PATH = "/_headrace/code/"  # of functions and layers, for whoever asks where it is
STATE_PATH = "/_headrace/state"
STATUS_PATH = "/_headrace/status"
CLOCK_PATH = "/_headrace/clock"
ADVANCE_PATH = "/_headrace/clock/advance"
IDLE_PATH = "/_headrace/idle"
TIMEOUT_SECONDS = 5.0
OK = 200


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that answers at `url`."""

    url: str

    def status(self) -> dict[str, Any]:
        """Return what it says of itself. Raises OSError or ValueError when it is gone meanwhile."""
        status: dict[str, Any] = json.loads(request(self.url, "GET", STATUS_PATH).body)
        return status


def announce(state: Path, url: str) -> None:
    """Tell other processes where this simulator answers."""
    (state / ENDPOINT_FILE).write_text(url + "\n", encoding="ascii")


def withdraw(state: Path) -> None:
    """Take the announcement back."""
    (state / ENDPOINT_FILE).unlink(missing_ok=True)


def find_running(state: Path) -> RunningSimulator | None:
    """Return the simulator that runs on this state folder, or None.

    An address left behind by a killed one is recognised: what answers there must know this state folder.
    """
    try:
        url = (state / ENDPOINT_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    try:
        known = json.loads(request(url, "GET", STATE_PATH).body)
    except (OSError, ValueError):
        return None
    return RunningSimulator(url) if known == str(state.resolve()) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def request(
    url: str,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    timeout: float | None = TIMEOUT_SECONDS,
) -> Answer:
    """Send one request to a simulator. Raises OSError when it does not answer in time, or not in HTTP.

    Without a timeout it may take as long as it likes.
    """
    import http.client  # the running simulator, which needs this module too, never asks anybody

    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        lowered = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, lowered, response.read())
    except ConnectionError:
        raise
    except http.client.HTTPException as error:
        raise OSError(f"{url} does not speak HTTP: {error}") from error
    finally:
        connection.close()


def asked(url: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON answer to a request that may take as long as it likes.

    Raises SimulatorEnded when it ends meanwhile, ControlRefused when it will not do what is asked.
    """
    try:
        answer = request(url, method, path, b"" if body is None else json.dumps(body).encode(), timeout=None)
    except ConnectionError as error:
        raise SimulatorEnded from error
    document: dict[str, Any] = json.loads(answer.body)
    if answer.status != OK:
        raise ControlRefused(document["message"])
    return document


def the_running(state: Path) -> RunningSimulator:
    """Return the simulator that runs on this state folder. Raises NotRunning."""
    running = find_running(state)
    if running is None:
        raise NotRunning(state)
    return running


class ControlRefused(HeadraceError):
    """The running simulator will not do it; the text is its own."""


class SimulatorEnded(HeadraceError):
    """The running simulator has ended before it answered."""

    def __init__(self) -> None:
        super().__init__(
            "the simulator ended before it answered: start it again with `headrace run`, then ask again"
        )


class NotRunning(HeadraceError):
    """A command needs a running simulator, and there is none on this state folder."""

    def __init__(self, state: Path) -> None:
        super().__init__(f"no simulator is running on {state}: start one with `headrace run`")
