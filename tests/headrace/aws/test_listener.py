import socket
from urllib.parse import urlsplit

import pytest

from engine.errors import ConfigurationError
from headrace.aws.listener import MOST_RESTS, REST_SECONDS, first_rest, listen


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    first = listen("127.0.0.1", 0)
    port = urlsplit(first.url).port
    assert port is not None
    with pytest.raises(ConfigurationError, match=f"simulator.endpoint: 127.0.0.1:{port} is in use") as caught:
        listen("127.0.0.1", port)
    first.close()
    assert 'endpoint = "127.0.0.1:0"' in str(caught.value)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen on 192\.0\.2\.1:0"):
        listen("192.0.2.1", 0)


def test_a_connection_is_taken_before_anything_answers() -> None:
    listener = listen("localhost", 0)
    address = urlsplit(listener.url)
    assert address.port is not None
    socket.create_connection(("localhost", address.port), timeout=5).close()
    listener.close()


class Functions:
    """As `work` has them: in each rest, how many invocations have begun, and how many run at its end."""

    def __init__(self, *work: tuple[int, int]) -> None:
        self.begun = 0
        self.slept: list[float] = []
        self._work = list(work)
        self._running = 0

    def running(self) -> int:
        return self._running

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        begun, self._running = self._work.pop(0) if self._work else (0, 0)
        self.begun += begun


@pytest.mark.parametrize(
    ("work", "rests"),
    [
        pytest.param([], 1, id="nothing to do"),
        pytest.param([(3, 0)], 2, id="what has begun and ended is followed by more, perhaps"),
        pytest.param([(1, 1), (0, 1), (0, 0)], 3, id="one that takes long"),
        pytest.param([(500, 5), (500, 0), (20, 0)], 4, id="a moment between two batches is no rest"),
        pytest.param([(1, 1)] * 1000, MOST_RESTS, id="functions that never rest"),
    ],
)
async def test_functions_rest_when_none_has_begun_for_a_while(
    work: list[tuple[int, int]], rests: int
) -> None:
    functions = Functions(*work)
    await first_rest(functions, functions.sleep)
    assert functions.slept == [REST_SECONDS] * rests
