"""The address of the endpoint, taken before anything is loaded that answers on it.

A connection made meanwhile waits in the kernel's queue: a simulator is ready before its HTTP server is
imported, which takes as long as everything else together.
"""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from engine.errors import ConfigurationError
from engine.value import dataclass

BACKLOG = 1024
REST_SECONDS, MOST_RESTS = 0.2, 50


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


class Work(Protocol):
    """What functions have to do: how many invocations have `begun`, all in all, and how many run."""

    begun: int

    def running(self) -> int:
        """Return how many invocations run."""


async def first_rest(work: Work, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Return once nothing runs and nothing has begun for REST_SECONDS; after MOST_RESTS of them all the same.

    What waits when a simulator starts is taken up by then, and as good as done.
    """
    for _ in range(MOST_RESTS):
        begun = work.begun
        await sleep(REST_SECONDS)
        if work.begun == begun and not work.running():
            return


async def first_need(listener: Listener, rest: Coroutine[Any, Any, None] | None) -> None:
    """Return when somebody has connected, or when `rest` is over: then there is time to load what answers."""
    loop, connected = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listener.socket, connected.set)
    waiting = [asyncio.ensure_future(each) for each in (connected.wait(), rest) if each is not None]
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
