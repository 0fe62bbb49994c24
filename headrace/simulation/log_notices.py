"""What a live simulator writes to its log is part of what a simulation tells: notices of the feed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from engine.clock import running_clock
from engine.feed import Feed, Notice

PACKAGES = ("headrace", "engine", "triggers")
FEED = "engine.feed"  # what it says of its own readers would come back to them


@contextmanager
def noticed(feed: Feed) -> Iterator[None]:
    """Publish warnings and errors while this is entered. A bug's traceback goes to stderr as well."""
    handler = _Publisher(feed)
    loggers = [logging.getLogger(name) for name in PACKAGES]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


class _Publisher(logging.Handler):
    def __init__(self, feed: Feed) -> None:
        super().__init__(logging.WARNING)
        self._feed = feed

    def emit(self, record: logging.LogRecord) -> None:
        is_told = record.name != FEED and self._publish(record)
        if (not is_told or record.exc_info) and logging.lastResort is not None:
            logging.lastResort.handle(record)

    def _publish(self, record: logging.LogRecord) -> bool:
        """Return whether that could be done: not while no loop runs."""
        try:
            now = running_clock().now()
        except RuntimeError:
            return False
        place = "endpoint" if record.name.startswith("headrace.aws") else "simulator"
        is_error = record.levelno >= logging.ERROR
        self._feed.publish(Notice(now, "error" if is_error else "warning", place, record.getMessage()))
        return True
