"""The bare limits: what the same machine does, in the same run, with nothing of Headrace in the way."""

import asyncio
import ctypes
import os
import statistics
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

from bench.folders import new_folder
from bench.simulator_process import drop

NOOP = Path(__file__).parent / "functions" / "noop"
IN_CLOSE_WRITE = 0x00000008


class BareRuntimeApi(asyncio.Protocol):
    """Answers one awslambdaric over and over, with the least code that its HTTP needs."""

    def __init__(self, event: bytes, count: int, finished: asyncio.Future[None]) -> None:
        self.moments: list[float] = []
        self._event, self._count, self._finished = event, count, finished
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r")[0] or 0)
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._answer(head.startswith(b"get"))

    def _answer(self, asks_for_next: bool) -> None:
        if not asks_for_next:
            self._transport.write(b'HTTP/1.1 202 Accepted\r\nContent-Length: 15\r\n\r\n{"status":"OK"}')
            return
        self.moments.append(time.perf_counter())
        if len(self.moments) > self._count:
            if not self._finished.done():
                self._finished.set_result(None)
            return
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: %036d\r\n"
            b"Lambda-Runtime-Deadline-Ms: %d\r\nLambda-Runtime-Invoked-Function-Arn: arn\r\n"
            b"Content-Length: %d\r\n\r\n%b"
            % (len(self.moments), (time.time() + 60) * 1000, len(self._event), self._event)
        )


def _same(api: BareRuntimeApi) -> BareRuntimeApi:
    return api


async def _drive(environments: int, count: int) -> list[list[float]]:
    loop = asyncio.get_running_loop()
    apis: list[BareRuntimeApi] = []
    children: list[subprocess.Popen[bytes]] = []
    servers: list[asyncio.Server] = []
    waits: list[asyncio.Future[None]] = []
    for _ in range(environments):
        finished: asyncio.Future[None] = loop.create_future()
        api = BareRuntimeApi(b'{"key": "value"}', count, finished)
        server = await loop.create_server(partial(_same, api), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        variables = os.environ | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}"}
        command = [sys.executable, "-m", "awslambdaric", "handler.handler"]
        children.append(subprocess.Popen(command, cwd=NOOP, env=variables))
        apis.append(api)
        servers.append(server)
        waits.append(finished)
    await asyncio.gather(*waits)
    for child in children:
        child.kill()
        child.wait()
    for server in servers:
        server.close()
    return [api.moments for api in apis]


def invoke_ms() -> float:
    """Return the median milliseconds of one invocation, one environment, on a bare listener."""
    (moments,) = asyncio.run(_drive(1, 3000))
    return statistics.median(after - before for before, after in pairwise(moments[500:])) * 1000


def invocations_per_second(environments: int) -> float:
    """Return the invocations a second of several environments on bare listeners in one process."""
    runs = asyncio.run(_drive(environments, 3000))
    begin = max(moments[200] for moments in runs)
    end = min(moments[-1] for moments in runs)
    return sum(sum(begin <= moment < end for moment in moments) for moments in runs) / (end - begin)


def inotify_ms(count: int = 200) -> float:
    """Return the median milliseconds from writing a small file to reading its inotify event."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(0)
    taken = []
    folder = new_folder()
    libc.inotify_add_watch(descriptor, os.fsencode(folder), IN_CLOSE_WRITE)
    for number in range(count):
        begin = time.perf_counter()
        (folder / str(number)).write_bytes(b"x" * 1000)
        os.read(descriptor, 4096)
        taken.append(time.perf_counter() - begin)
    os.close(descriptor)
    return statistics.median(taken) * 1000


def files_per_second(count: int = 500) -> float:
    """Return how many small files a second are written into a folder that nobody watches."""
    folder = new_folder()
    begin = time.perf_counter()
    for number in range(count):
        drop(folder / str(number), b"x" * 1000)
    return count / (time.perf_counter() - begin)


def python_ms(count: int = 15) -> float:
    """Return the median milliseconds of `python -c pass`."""
    taken = []
    for _ in range(count):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken) * 1000
