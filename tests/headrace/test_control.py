"""How a second `headrace` process talks to the running one."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from headrace.control import CLOCK_PATH, SimulatorEnded, asked


def test_a_simulator_that_ends_before_it_answers_is_told() -> None:
    def take_and_hang_up() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        ended = pool.submit(take_and_hang_up)
        with pytest.raises(SimulatorEnded, match="ended before it answered"):
            asked(f"http://127.0.0.1:{listener.getsockname()[1]}", "GET", CLOCK_PATH)
        ended.result()


def test_a_simulator_that_is_gone_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SimulatorEnded):
        asked(f"http://127.0.0.1:{port}", "GET", CLOCK_PATH)
