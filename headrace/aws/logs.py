"""CloudWatch Logs as HTTP: the logs of functions, and groups and streams that programs make themselves.

Source: the service model logs 2014-03-28; CloudWatch Logs API reference.
"""

from aiohttp import web

from engine.arn import Account
from engine.clock import Clock
from headrace.aws.json_protocol import JsonService
from headrace.aws.log_group_operations import GroupOperations
from headrace.aws.log_groups import LogGroups
from headrace.aws.log_reading import ReadingOperations
from headrace.aws.log_writing import WritingOperations
from headrace.aws.model_check import checking

TARGET = "Logs_20140328"
BODY_BYTES = 8 * 1024 * 1024  # a batch of a megabyte, every character of it escaped


class LogsWire:
    """Answers for the log groups."""

    def __init__(self, groups: LogGroups, account: Account, clock: Clock) -> None:
        operations = {
            **GroupOperations(groups, account).all(),
            **ReadingOperations(groups).all(),
            **WritingOperations(groups, clock).all(),
        }
        checked = checking("logs", "2014-03-28", operations)
        self._service = JsonService(TARGET, "1.1", checked, BODY_BYTES)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; unexpected errors pass through."""
        return await self._service.handle(request)
