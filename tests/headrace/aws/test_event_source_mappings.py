"""Event source mappings on the endpoint: boto3 and a plain client."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from engine.clock import VIRTUAL_START, Clock
from engine.errors import StoreFull
from engine.mapping.event_source_mappings import EventSourceMappings
from engine.store.database import Store
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.event_source_mappings import MAPPINGS_PATH, MappingsWire
from headrace.aws.listener import listen
from tests.fakes.endpoint import Reply, name_the_handler, request
from tests.fakes.mapping_world import CLICKS, JOBS, World, from_queue

NOBODY = "5bd5b4a5-0000-4000-8000-000000000001"


@dataclass(frozen=True, slots=True)
class There:
    """The endpoint's address and what is behind it."""

    url: str
    world: World
    mappings: EventSourceMappings
    client: Any

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation with boto3, in another thread."""
        method = partial(getattr(self.client, operation), **parameters)
        answer: dict[str, Any] = await asyncio.get_running_loop().run_in_executor(None, method)
        answer["Status"] = answer.pop("ResponseMetadata")["HTTPStatusCode"]
        return answer

    async def refused(self, operation: str, **parameters: Any) -> tuple[int, str, str]:
        """Call an operation that is refused; return status, code and message."""
        with pytest.raises(ClientError) as caught:
            await self.call(operation, **parameters)
        answer: Any = caught.value.response
        error = answer["Error"]
        return answer["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]

    async def send(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """Send a request as it is."""
        call = partial(request, self.url, method, MAPPINGS_PATH + path, body, {})
        return await asyncio.get_running_loop().run_in_executor(None, call)


@pytest.fixture
async def there(clock: Clock, store: Store) -> AsyncIterator[There]:
    world = World(clock, store)
    other = partial(name_the_handler, handler="other")
    async with world.running() as mappings:

        async def there_are() -> EventSourceMappings:
            return mappings

        handlers = Handlers(MappingsWire(there_are).handle, other, other)
        async with Endpoint(listen("127.0.0.1", 0), handlers) as endpoint:
            client = boto3.client(
                "lambda",
                endpoint_url=endpoint.url,
                region_name="us-east-1",
                aws_access_key_id="x",
                aws_secret_access_key="x",
                config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=10),
            )
            yield There(endpoint.url, world, mappings, client)
            client.close()


async def test_boto3_makes_changes_lists_and_deletes_a_mapping(there: There) -> None:
    made = await there.call("create_event_source_mapping", **from_queue(BatchSize=3))
    uuid = made["UUID"]
    assert (made["Status"], made["State"], made["LastModified"]) == (202, "Creating", VIRTUAL_START)
    await there.world.clock.idle()
    found = await there.call("get_event_source_mapping", UUID=uuid)
    assert (found["Status"], found["State"], found["BatchSize"]) == (200, "Enabled", 3)
    changed = await there.call("update_event_source_mapping", UUID=uuid, FunctionName="other", BatchSize=4)
    assert (changed["Status"], changed["State"], changed["BatchSize"]) == (202, "Updating", 4)
    assert changed["FunctionArn"].endswith(":function:other")
    await there.world.clock.idle()
    listed = await there.call("list_event_source_mappings", EventSourceArn=JOBS, FunctionName="other")
    assert [each["UUID"] for each in listed["EventSourceMappings"]] == [uuid]
    assert listed["Status"] == 200
    gone = await there.call("delete_event_source_mapping", UUID=uuid)
    assert (gone["Status"], gone["State"]) == (202, "Deleting")
    await there.world.clock.idle()
    for operation in ("get", "update", "delete"):
        assert await there.refused(f"{operation}_event_source_mapping", UUID=uuid) == (
            404,
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
        )


async def test_a_moment_is_read_and_told_in_seconds_from_1970(there: There) -> None:
    made = await there.call(
        "create_event_source_mapping",
        EventSourceArn=CLICKS,
        FunctionName="work",
        StartingPosition="AT_TIMESTAMP",
        StartingPositionTimestamp=VIRTUAL_START,
    )
    assert made["StartingPositionTimestamp"] == VIRTUAL_START
    assert made["LastProcessingResult"] == "No records processed"


async def test_refusals_are_told_as_lambda_tells_them(there: There) -> None:
    first = await there.call("create_event_source_mapping", **from_queue())
    exists = (
        f'An event source mapping with SQS arn (" {JOBS} ") and function (" work ") already exists. Please '
        f"update or delete the existing mapping with UUID {first['UUID']}"
    )
    refused = await there.refused("create_event_source_mapping", **from_queue())
    assert refused == (409, "ResourceConflictException", exists)
    assert await there.refused("create_event_source_mapping", FunctionName="work") == (
        400,
        "InvalidParameterValueException",
        "Unrecognized event source.",
    )
    text = "Tags is not simulated by Headrace."
    refused = await there.refused("create_event_source_mapping", **from_queue("other"), Tags={"a": "b"})
    assert refused[1:] == ("InvalidParameterValueException", text)


async def test_a_list_comes_in_pages(there: There) -> None:
    for index in range(103):
        there.world.functions[f"f{index}"] = 3
        await there.mappings.create(from_queue(f"f{index}", Enabled=False))
    first = await there.call("list_event_source_mappings", MaxItems=1000)
    assert len(first["EventSourceMappings"]) == 100
    second = await there.call("list_event_source_mappings", Marker=first["NextMarker"], MaxItems=2)
    third = await there.call("list_event_source_mappings", Marker=second["NextMarker"])
    assert "NextMarker" not in third
    uuids = [each["UUID"] for page in (first, second, third) for each in page["EventSourceMappings"]]
    assert len(uuids) == len(set(uuids)) == 103


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        pytest.param("POST", "/", b"{}", 400, "InvalidParameterValueException", id="a slash at the end"),
        pytest.param("POST", "", b"[]", 400, "SerializationException", id="no object"),
        pytest.param("POST", "", b"{", 400, "SerializationException", id="no JSON"),
        pytest.param("GET", "?MaxItems=0", None, 400, "ValidationException", id="no items"),
        pytest.param("GET", "?MaxItems=10001", None, 400, "ValidationException", id="too many items"),
        pytest.param("PUT", "", b"{}", 501, "NotImplementedException", id="an update of nothing"),
        pytest.param("GET", f"/{NOBODY}/tags", None, 501, "NotImplementedException", id="something below"),
        pytest.param("GET", f"/{NOBODY}", None, 404, "ResourceNotFoundException", id="an unknown UUID"),
    ],
)
async def test_other_requests_are_refused(
    there: There, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    reply = await there.send(method, path, body)
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (status, code)


async def test_a_store_that_fails_is_a_service_exception(
    there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: object) -> None:
        raise StoreFull(None)

    with monkeypatch.context() as patched:
        patched.setattr(there.world.store, "write", full)
        reply = await there.send("POST", "", json.dumps(from_queue()).encode())
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (500, "ServiceException")
    assert there.mappings.list() == []
