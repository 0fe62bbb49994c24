"""The endpoint with queues and streams behind it, asked with boto3 or with requests as they are."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.kinesis import TARGET as KINESIS
from headrace.aws.kinesis import KinesisWire
from headrace.aws.listener import listen
from headrace.aws.sqs import TARGET as SQS
from headrace.aws.sqs import SqsWire
from tests.fakes.endpoint import Reply, name_the_handler, request
from triggers.kinesis.settings import StreamSettings
from triggers.kinesis.stream_registry import StreamRegistry
from triggers.sqs.queue_registry import QueueRegistry
from triggers.sqs.settings import QueueSettings

ACCOUNT = Account()


@dataclass(frozen=True, slots=True)
class ChannelsEndpoint:
    """The endpoint's address, what is behind it, and clients."""

    url: str
    queues: QueueRegistry
    streams: StreamRegistry
    clients: Mapping[str, Any]

    def queue_url(self, name: str) -> str:
        return f"{self.url}/{ACCOUNT.account_id}/{name}"

    async def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation with boto3, in another thread."""
        method = partial(getattr(self.clients[service], operation), **parameters)
        answer: dict[str, Any] = await asyncio.get_running_loop().run_in_executor(None, method)
        answer.pop("ResponseMetadata")
        return answer

    async def sqs(self, operation: str, queue: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Call an operation of SQS, on a queue if one is named."""
        if queue is not None:
            parameters["QueueUrl"] = self.queue_url(queue)
        return await self.call("sqs", operation, **parameters)

    async def kinesis(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation of Kinesis."""
        return await self.call("kinesis", operation, **parameters)

    async def refused(self, service: str, operation: str, **parameters: Any) -> tuple[str, str]:
        """Return the code and the text of the error that an operation answers."""
        with pytest.raises(ClientError) as caught:
            await self.call(service, operation, **parameters)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    async def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        """Send a request as it is."""
        sending = partial(request, self.url, method, path, body, headers)
        return await asyncio.get_running_loop().run_in_executor(None, sending)


@asynccontextmanager
async def channels_endpoint(
    clock: Clock,
    store: Store,
    feed: Feed,
    *,
    queues: Mapping[str, Mapping[str, Any]],
    streams: Mapping[str, Mapping[str, Any]],
) -> AsyncIterator[ChannelsEndpoint]:
    """Serve what is configured, on a free port."""
    of_queues = {name: QueueSettings.model_validate(each) for name, each in queues.items()}
    of_streams = {name: StreamSettings.model_validate(each) for name, each in streams.items()}
    queue_registry = QueueRegistry({}, of_queues, ACCOUNT, store, clock, feed)
    stream_registry = StreamRegistry({}, of_streams, ACCOUNT, store, clock, feed)
    await queue_registry.open()
    await stream_registry.open()
    listener = listen("127.0.0.1", 0)
    sqs = SqsWire(queue_registry, ACCOUNT.account_id, listener.url)
    kinesis = KinesisWire(stream_registry, clock)
    other = partial(name_the_handler, handler="other")
    targets = {SQS: sqs.service().handle, KINESIS: kinesis.handler()}
    handlers = Handlers(other, other, other, targets, {"sqs": sqs.query_handler()})
    async with Endpoint(listener, handlers) as endpoint:
        clients = {
            name: boto3.client(
                name,
                endpoint_url=endpoint.url,
                region_name="us-east-1",
                aws_access_key_id="x",
                aws_secret_access_key="x",
                config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
            )
            for name in ("sqs", "kinesis")
        }
        yield ChannelsEndpoint(endpoint.url, queue_registry, stream_registry, clients)
        for client in clients.values():
            client.close()
