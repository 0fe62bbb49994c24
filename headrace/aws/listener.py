"""The address of the endpoint, taken before anything is loaded that answers on it.

A connection made meanwhile waits in the kernel's queue: a simulator is ready before its HTTP server is
imported, which takes as long as everything else together.
"""

import asyncio
import errno
import socket
from collections.abc import Coroutine
from typing import Any

from engine.errors import ConfigurationError
from engine.value import dataclass

BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket and the host name it was asked for by."""

    host: str
    socket: socket.socket

    @property
    def url(self) -> str:
        """Where clients find it, such as `http://127.0.0.1:4566`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.socket.getsockname()[1]}"

    def close(self) -> None:
        """Stop listening; harmless when a server has done so already."""
        self.socket.close()


def listen(host: str, port: int) -> Listener:
    """Listen on an address; port 0 takes any free one.

    Raises ConfigurationError when it is taken or not this machine's.
    """
    name = host.encode() if host.isascii() else host  # text loads the codec of international names
    try:
        family = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0][0]
        return Listener(host, socket.create_server((host, port), family=family, backlog=BACKLOG))
    except OSError as error:
        raise ConfigurationError([_cannot_listen(host, port, error)]) from error


async def first_need(listener: Listener, calm: Coroutine[Any, Any, None] | None) -> None:
    """Return when somebody has connected, or when `calm` is over: then there is time to load what answers."""
    loop, connected = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listener.socket, connected.set)
    waiting = [asyncio.ensure_future(each) for each in (connected.wait(), calm) if each is not None]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(listener.socket)
        for each in waiting:
            each.cancel()


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"simulator.endpoint: {host}:{port} is in use by another program: stop that one, or choose "
            f'another port; `endpoint = "{host}:0"` takes any free one'
        )
    return f"simulator.endpoint: cannot listen on {host}:{port}: {error.strerror or error}"
