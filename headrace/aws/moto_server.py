"""moto's server as a program of its own: prints the port it listens on, and ends when its input does.

Whoever starts it holds its standard input open, so that it never outlives them. What moto has no code for is
answered with 501, and with the header `X-Headrace-Outcome`, instead of a page for people.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

OUTCOME = "X-Headrace-Outcome"
# What moto takes a request for that names no service; Headrace answers S3 itself.
TAKEN_FOR_UNKNOWN = "s3"


class Outcomes:
    """A WSGI application around moto's, which says of each failure whose it is."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            return self._application(environ, start_response)
        except NotImplementedError:
            start_response("501 Not Implemented", [(OUTCOME, "not implemented")], sys.exc_info())
        except Exception as error:  # noqa: BLE001 - whatever it is, the client must hear of it
            text = f"{type(error).__name__}: {error}".encode("ascii", "backslashreplace").decode()
            shown = "".join(letter for letter in text if letter.isprintable())[:500]
            start_response("500 Internal Server Error", [(OUTCOME, shown)], sys.exc_info())
        return ()


def create_app(service: Any) -> Any:
    """Return moto's application for one service, whose errors pass through."""
    if service in (None, TAKEN_FOR_UNKNOWN):
        raise NotImplementedError
    application = create_backend_app(service)
    application.config["PROPAGATE_EXCEPTIONS"] = True
    return application


def end_with_the_input() -> None:
    """Wait for the end of the input, and end the process then."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serve on a free port of the loopback interface."""
    threading.Thread(target=end_with_the_input, daemon=True).start()
    application = Outcomes(DomainDispatcherApplication(create_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
