"""A function that writes down every event it gets, and what it has written down."""

import json
from pathlib import Path
from typing import Any

from tests.end_to_end.headrace_process import wait_until, write_function

HANDLER = '''
import json, os

FILE = os.open(os.environ["DELIVERED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def handler(event, context):
    """Write down the event; report the messages whose body is "bad" as failed."""
    os.write(FILE, (json.dumps(event) + "\\n").encode())
    bad = [record["messageId"] for record in event["Records"] if record.get("body") == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in bad]}
'''
FUNCTION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions.keep]
handler = "handler.handler"
code = "functions/keep"
timeout = {timeout}
environment = {{ DELIVERED = "{delivered}" }}
"""


class DeliveredEvents:
    """The events that the function `keep` got in a folder, in the order in which it got them."""

    def __init__(self, folder: Path, configuration: str, *, timeout: int = 3) -> None:
        """Write the function and a headrace.toml with it and `configuration`."""
        self._path = folder / "delivered"
        self._function = FUNCTION.format(delivered=self._path.as_posix(), timeout=timeout)
        self._configuration = folder / "headrace.toml"
        write_function(folder, "keep", HANDLER)
        self.configure(configuration)

    def configure(self, configuration: str) -> None:
        """Write headrace.toml again, with the same function and another configuration beside it."""
        self._configuration.write_text(self._function + configuration, encoding="utf-8")

    def of(self, source: str) -> list[dict[str, Any]]:
        """Return the events whose records are of a source, which is named as in its ARN: `:jobs`."""
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        events: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [event for event in events if source in event["Records"][0]["eventSourceARN"]]

    def records_of(self, source: str) -> list[dict[str, Any]]:
        """Return the records of a source."""
        return [record for event in self.of(source) for record in event["Records"]]

    def wait_for(self, source: str, records: int) -> list[dict[str, Any]]:
        """Return the records of a source once there are so many."""
        wait_until(lambda: len(self.records_of(source)) >= records, f"{records} records of {source} came")
        return self.records_of(source)
