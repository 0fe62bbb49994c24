import socket
from urllib.parse import urlsplit

import pytest

from engine.errors import ConfigurationError
from headrace.aws.listener import listen


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
