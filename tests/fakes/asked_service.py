"""The endpoint with services of the Query protocol behind it, asked with boto3."""

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

from headrace.aws.endpoint import Endpoint, Handler, Handlers
from headrace.aws.listener import listen
from tests.fakes.endpoint import name_the_handler


@dataclass(frozen=True, slots=True)
class AskedService:
    """A client of one service, whose calls run in another thread."""

    url: str
    client: Any

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation; return the answer without its metadata."""
        method = partial(getattr(self.client, operation), **parameters)
        answer: dict[str, Any] = await self.run(method)
        answer.pop("ResponseMetadata")
        return answer

    async def refused(self, operation: str, **parameters: Any) -> tuple[str, str]:
        """Return the code and the text of the error that an operation answers."""
        with pytest.raises(ClientError) as caught:
            await self.call(operation, **parameters)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    async def run(self, work: Any) -> Any:
        """Do something with the client."""
        return await asyncio.get_running_loop().run_in_executor(None, work)


@asynccontextmanager
async def asked_service(
    name: str,
    signed: Mapping[str, Handler],
    targets: Mapping[str, Handler] | None = None,
    **credentials: str,
) -> AsyncIterator[AskedService]:
    """Serve on a free port, with a client of the service called `name`."""
    other = partial(name_the_handler, handler="other")
    handlers = Handlers(other, other, other, targets or {}, signed)
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", **credentials}
    async with Endpoint(listen("127.0.0.1", 0), handlers) as endpoint:
        client: Any = boto3.Session().client(  # type: ignore[call-overload]
            name,
            endpoint_url=endpoint.url,
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
            **keys,
        )
        try:
            yield AskedService(endpoint.url, client)
        finally:
            client.close()
