"""moto's own server, as its users start it, for comparison."""

import http.client
import json
import subprocess
import sys
import time
from typing import Self

PATIENCE_SECONDS = 60.0


class MotoServer:
    """Runs while it is entered; `endpoint` is its `host:port`. Its Lambda runs no function."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stderr=subprocess.PIPE,
        )
        assert self._process.stderr is not None
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"Running on http://" not in (line := self._process.stderr.readline()):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise TimeoutError("moto's server has not started")
        self.endpoint = line.decode().partition("http://")[2].split()[0].rstrip("/")
        self._drain = subprocess.Popen(["cat"], stdin=self._process.stderr, stdout=subprocess.DEVNULL)
        connection = http.client.HTTPConnection(self.endpoint)
        connection.request("POST", "/moto-api/config", json.dumps({"lambda": {"use_docker": False}}))
        connection.getresponse().read()
        connection.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._drain.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()
