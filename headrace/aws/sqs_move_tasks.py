"""Message move tasks of SQS: what a dead-letter queue holds goes back to where it came from, or elsewhere.

Source: the service model sqs 2012-11-05, StartMessageMoveTask and its kin.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from headrace.aws.json_protocol import Input, Operation, taking
from headrace.aws.sqs_shapes import required_text
from triggers.sqs.errors import InvalidParameter, MissingParameter, SourceNotFound
from triggers.sqs.move_task_table import MessageMoveTask
from triggers.sqs.queue import Queue
from triggers.sqs.queue_registry import QueueRegistry

LISTED_MOST = 10


class MoveTasksWire:
    """Answers for the move tasks between the queues of a registry."""

    def __init__(self, registry: QueueRegistry) -> None:
        self._registry = registry
        self._tasks = registry.move_tasks

    def operations(self) -> dict[str, Operation]:
        """Return what it answers, by the names of the operations."""
        return {
            "StartMessageMoveTask": taking(self._start, "SourceArn DestinationArn"),
            "ListMessageMoveTasks": taking(self._list, "SourceArn MaxResults"),
            "CancelMessageMoveTask": taking(self._cancel, "TaskHandle"),
        }

    async def _start(self, given: Input) -> Mapping[str, Any]:
        """Move the messages and answer then: only who asks meanwhile sees a task that is running."""
        source_arn, destination_arn = required_text(given, "SourceArn"), given.text("DestinationArn")
        source = self._by_arn(source_arn, "SourceArn")
        destination = None if destination_arn is None else self._by_arn(destination_arn, "DestinationArn")
        policies = [each.attributes.redrive_policy for each in self._registry.queues.values()]
        if not any(policy is not None and policy.dead_letter_target_arn == source_arn for policy in policies):
            raise InvalidParameter("Source queue must be configured as a Dead Letter Queue.")
        return {"TaskHandle": _handle(await self._tasks.run(source, destination))}

    async def _list(self, given: Input) -> Mapping[str, Any]:
        source = self._by_arn(required_text(given, "SourceArn"), "SourceArn")
        most = given.integer("MaxResults")
        if most is not None and not 1 <= most <= LISTED_MOST:
            raise InvalidParameter.because(most, "MaxResults", f"Must be between 1 and {LISTED_MOST}.")
        tasks = await self._tasks.latest(source, most or 1)
        return {"Results": [_shape(task) for task in tasks]} if tasks else {}

    async def _cancel(self, given: Input) -> Mapping[str, Any]:
        handle = required_text(given, "TaskHandle")
        return {"ApproximateNumberOfMessagesMoved": await self._tasks.cancel(_task_id(handle))}

    def _by_arn(self, arn: str, parameter: str) -> Queue:
        queue = self._registry.at(arn)
        if queue is None:
            raise SourceNotFound(parameter)
        return queue


def _handle(task: MessageMoveTask) -> str:
    shape = {"taskId": task.task_id, "sourceArn": task.source}
    return base64.b64encode(orjson.dumps(shape)).decode()


def _task_id(handle: str) -> str:
    try:
        task_id = orjson.loads(base64.b64decode(handle, validate=True))["taskId"]
    except (binascii.Error, ValueError, TypeError, KeyError):
        raise InvalidParameter.because(handle, "TaskHandle", "The task handle is invalid.") from None
    if not isinstance(task_id, str):
        raise MissingParameter("TaskHandle")
    return task_id


def _shape(task: MessageMoveTask) -> dict[str, Any]:
    shape: dict[str, Any] = {"Status": task.status, "SourceArn": task.source}
    if task.status == "RUNNING":
        shape["TaskHandle"] = _handle(task)  # what has ended cannot be cancelled
    if task.destination is not None:
        shape["DestinationArn"] = task.destination
    shape["ApproximateNumberOfMessagesMoved"] = task.moved
    shape["ApproximateNumberOfMessagesToMove"] = task.to_move
    shape["StartedTimestamp"] = task.started_at
    return shape
