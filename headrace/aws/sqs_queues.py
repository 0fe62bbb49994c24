"""What SQS does with queues as a whole: making and deleting them, their attributes, tags and permissions.

Source: the service model sqs 2012-11-05; texts as recorded on AWS by LocalStack's test_sqs suite.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from headrace.aws.json_protocol import Input, Operation, taking
from headrace.aws.sqs_shapes import required_text
from triggers.sqs import attribute_values
from triggers.sqs.errors import (
    InvalidAttributeName,
    InvalidParameter,
    MissingParameter,
    QueueDoesNotExist,
)
from triggers.sqs.policy import with_permission, without_permission
from triggers.sqs.queue import Queue
from triggers.sqs.queue_registry import QueueRegistry

LISTED_MOST = 1000
TAGS_MOST = 50
COUNTED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
OPTIONAL = {
    "RedrivePolicy",
    "RedriveAllowPolicy",
    *attribute_values.WITHOUT_EFFECT,
    attribute_values.FIFO,
    attribute_values.CONTENT_BASED,
    *attribute_values.FIFO_TEXTS,
}

QueueOperation = Callable[[Queue, Input], Awaitable[Mapping[str, Any]]]


class QueuesWire:
    """Answers for the queues of a registry; `url` is where clients find the endpoint."""

    def __init__(self, registry: QueueRegistry, account_id: str, url: str) -> None:
        self._registry = registry
        self._queues = registry.queues
        self._account_id = account_id
        self._url = url

    def operations(self) -> dict[str, Operation]:
        """Return what it answers, by the names of the operations."""
        return {
            "CreateQueue": taking(self._create_queue, "QueueName Attributes tags"),
            "DeleteQueue": self.on_queue(self._delete_queue, ""),
            "GetQueueUrl": taking(self._get_queue_url, "QueueName QueueOwnerAWSAccountId"),
            "ListQueues": taking(self._list_queues, "QueueNamePrefix MaxResults NextToken"),
            "GetQueueAttributes": self.on_queue(self._get_queue_attributes, "AttributeNames"),
            "SetQueueAttributes": self.on_queue(self._set_queue_attributes, "Attributes"),
            "TagQueue": self.on_queue(self._tag_queue, "Tags"),
            "UntagQueue": self.on_queue(self._untag_queue, "TagKeys"),
            "ListQueueTags": self.on_queue(self._list_queue_tags, ""),
            "AddPermission": self.on_queue(self._add_permission, "Label AWSAccountIds Actions"),
            "RemovePermission": self.on_queue(self._remove_permission, "Label"),
            "ListDeadLetterSourceQueues": self.on_queue(self._list_sources, "MaxResults NextToken"),
        }

    def on_queue(self, operation: QueueOperation, members: str) -> Operation:
        """Return an operation on the queue whose URL is given; it takes the other `members` too."""

        async def find_and_operate(given: Input) -> Mapping[str, Any]:
            return await operation(self._queue_at(required_text(given, "QueueUrl")), given)

        return taking(find_and_operate, f"QueueUrl {members}")

    def _queue_at(self, url: str) -> Queue:
        account_id, _, name = urlsplit(url).path.strip("/").rpartition("/")
        if account_id not in ("", self._account_id):
            raise QueueDoesNotExist
        return self._queue(name)

    def _queue(self, name: str) -> Queue:
        queue = self._queues.get(name)
        if queue is None:
            raise QueueDoesNotExist
        return queue

    def _url_of(self, name: str) -> str:
        return f"{self._url}/{self._account_id}/{name}"

    async def _create_queue(self, given: Input) -> Mapping[str, Any]:
        name = required_text(given, "QueueName")
        tags = given.map_of_texts("tags")
        _check_tags(tags)
        await self._registry.create(name, given.map_of_texts("Attributes"), tags)
        return {"QueueUrl": self._url_of(name)}

    async def _delete_queue(self, queue: Queue, _: Input) -> Mapping[str, Any]:
        await self._registry.delete(queue)
        return {}

    async def _get_queue_url(self, given: Input) -> Mapping[str, Any]:
        name = required_text(given, "QueueName")
        if given.text("QueueOwnerAWSAccountId") not in (None, self._account_id):
            raise QueueDoesNotExist
        self._queue(name)
        return {"QueueUrl": self._url_of(name)}

    async def _list_queues(self, given: Input) -> Mapping[str, Any]:
        prefix = given.text("QueueNamePrefix") or ""
        names = [name for name in sorted(self._queues) if name.startswith(prefix)]
        return self._page(given, "QueueUrls", names)

    async def _list_sources(self, queue: Queue, given: Input) -> Mapping[str, Any]:
        policies = {name: each.attributes.redrive_policy for name, each in self._queues.items()}
        sources = [
            name
            for name, policy in policies.items()
            if policy is not None and policy.dead_letter_queue == queue.attributes.name
        ]
        return self._page(given, "queueUrls", sorted(sources))

    def _page(self, given: Input, member: str, names: list[str]) -> dict[str, Any]:
        """Return a page of names as URLs. Only who says how many gets a token for the rest."""
        most, token = given.integer("MaxResults"), given.text("NextToken")
        if most is not None and not 1 <= most <= LISTED_MOST:
            raise InvalidParameter.because(most, "MaxResults", f"Must be between 1 and {LISTED_MOST}.")
        rest = [name for name in names if token is None or name > token]
        page = rest[: most or LISTED_MOST]
        shape: dict[str, Any] = {member: [self._url_of(name) for name in page]} if page else {}
        if most is not None and len(rest) > len(page):
            shape["NextToken"] = page[-1]
        return shape

    async def _get_queue_attributes(self, queue: Queue, given: Input) -> Mapping[str, Any]:
        names = given.texts("AttributeNames")
        known = attribute_values.values(queue.attributes, self._registry.account)
        known["CreatedTimestamp"] = str(int(queue.created_at.timestamp()))
        known["LastModifiedTimestamp"] = str(int(queue.changed_at.timestamp()))
        for name in names:
            if name not in ("All", *known, *COUNTED) and name not in OPTIONAL:
                raise InvalidAttributeName(f"Unknown Attribute {name}.")
        if {"All", *COUNTED} & set(names):
            known |= dict(zip(COUNTED, map(str, await queue.counts()), strict=True))
        wanted = {name: value for name, value in known.items() if "All" in names or name in names}
        return {"Attributes": wanted} if wanted else {}

    async def _set_queue_attributes(self, queue: Queue, given: Input) -> Mapping[str, Any]:
        changes = given.map_of_texts("Attributes")
        if not changes:
            raise MissingParameter("Attributes")
        await self._registry.change_attributes(queue, changes)
        return {}

    async def _tag_queue(self, queue: Queue, given: Input) -> Mapping[str, Any]:
        added = given.map_of_texts("Tags")
        if not added:
            raise MissingParameter("Tags")
        tags = {**self._registry.tags(queue), **added}
        _check_tags(tags)
        await self._registry.change_tags(queue, tags)
        return {}

    async def _untag_queue(self, queue: Queue, given: Input) -> Mapping[str, Any]:
        removed = given.texts("TagKeys")
        if not removed:
            raise InvalidParameter("Tag keys must be between 1 and 128 characters in length.")
        tags = {key: value for key, value in self._registry.tags(queue).items() if key not in removed}
        await self._registry.change_tags(queue, tags)
        return {}

    async def _list_queue_tags(self, queue: Queue, _: Input) -> Mapping[str, Any]:
        tags = self._registry.tags(queue)
        return {"Tags": tags} if tags else {}

    async def _add_permission(self, queue: Queue, given: Input) -> Mapping[str, Any]:
        label = required_text(given, "Label")
        accounts, actions = given.texts("AWSAccountIds"), given.texts("Actions")
        for name, values in (("AWSAccountIds", accounts), ("Actions", actions)):
            if not values:
                raise MissingParameter(name)
        policy = with_permission(
            queue.attributes.without_effect.get("Policy"), queue.arn, label, accounts, actions
        )
        await self._change_policy(queue, policy)
        return {}

    async def _remove_permission(self, queue: Queue, given: Input) -> Mapping[str, Any]:
        label = required_text(given, "Label")
        await self._change_policy(
            queue, without_permission(queue.attributes.without_effect.get("Policy"), label, queue.arn)
        )
        return {}

    async def _change_policy(self, queue: Queue, policy: Mapping[str, Any] | None) -> None:
        text = "" if policy is None else orjson.dumps(policy).decode()
        await self._registry.change_attributes(queue, {"Policy": text})


def _check_tags(tags: Mapping[str, str]) -> None:
    """Raise InvalidParameter for tags that a queue cannot have."""
    if len(tags) > TAGS_MOST:
        raise InvalidParameter(f"Too many tags added for queue: the most are {TAGS_MOST}.")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128:
            raise InvalidParameter("Tag keys must be between 1 and 128 characters in length.")
        if len(value) > 256:
            raise InvalidParameter("Tag values must be between 0 and 256 characters in length.")
