"""Records that a stream mapping gave up, in a bucket whose folder is watched."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.errors import HeadraceError
from engine.feed import DestinationSent, Fact, Feed
from engine.invocation.destination import DestinationRefused
from engine.mapping.failure_destination import ObjectDestination
from engine.store.database import Store
from engine.watching import FolderWatcher
from tests.fakes.accepted_events import AcceptedEvents
from tests.fakes.scripted_functions import ScriptedFunctions, raised
from tests.fakes.scripted_stream import ONLY_SHARD, ScriptedStream
from tests.fakes.stream_mappings import UUID, running, stream_mapping
from tests.fakes.waiting import until
from triggers.s3.bucket import Bucket
from triggers.s3.destination import BucketDestination
from triggers.s3.settings import BucketSettings

KEY = re.compile(
    rf"aws/lambda/{UUID}/{ONLY_SHARD}/\d{{4}}/\d\d/\d\d/\d{{4}}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{{36}}"
)


@pytest.fixture
def accepted() -> AcceptedEvents:
    return AcceptedEvents()


@pytest.fixture
async def bucket(
    tmp_path: Path, clock: Clock, store: Store, feed: Feed, accepted: AcceptedEvents
) -> AsyncIterator[Bucket]:
    settings = BucketSettings.model_validate(
        {
            "folder": tmp_path / "failures",
            "notifications": [{"function": "alarm", "events": ["s3:ObjectCreated:*"]}],
        }
    )
    async with FolderWatcher(clock, feed) as watcher, asyncio.TaskGroup() as group:
        bucket = Bucket(
            "failures",
            settings,
            account=Account(),
            store=store,
            acceptor=accepted,
            watcher=watcher,
            clock=clock,
            feed=feed,
        )
        task = group.create_task(bucket.run())
        yield bucket
        task.cancel()


async def test_given_up_records_become_an_object_with_their_payload(
    bucket: Bucket, accepted: AcceptedEvents, store: Store, clock: Clock, feed: Feed
) -> None:
    stream, facts = ScriptedStream(clock), list[Fact]()
    feed.tap(facts.append)
    functions = ScriptedFunctions(clock, lambda function, invocation: raised("ValueError", "no"))
    destination = ObjectDestination(BucketDestination(bucket, Account()))
    mapping = stream_mapping(
        stream, functions, store, clock, feed, on_failure=destination, maximum_retry_attempts=0
    )
    stream.put("a")
    async with running(mapping):
        await until(lambda: any(isinstance(fact, DestinationSent) for fact in facts))

    (event,) = accepted.events
    assert event.lineage == ("fn",)
    ((name, key),) = accepted.names_and_keys()
    assert name == "ObjectCreated:Put"
    assert KEY.fullmatch(key)
    document = json.loads((bucket.folder / key).read_bytes())
    assert document["payload"] == {"Records": [{"label": "a", "key": "k"}]}
    assert document["KinesisBatchInfo"]["batchSize"] == 1


async def test_a_key_that_the_folder_cannot_hold_is_refused(bucket: Bucket) -> None:
    destination = BucketDestination(bucket, Account())
    await destination.put_object("a", b"{}", ())
    with pytest.raises(DestinationRefused, match="cannot hold the key a/b"):
        await destination.put_object("a/b", b"{}", ())


async def test_a_folder_that_cannot_be_written_is_an_error_of_the_moment(bucket: Bucket) -> None:
    destination = BucketDestination(bucket, Account())
    await bucket.ready.wait()

    class FullUpload:
        def write(self, block: bytes) -> None:
            raise OSError(28, "No space left on device")

        def discard(self) -> None:
            pass

    bucket.begin_upload = lambda key: FullUpload()  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(HeadraceError, match="No space left") as caught:
        await destination.put_object("a", b"{}", ())
    assert not isinstance(caught.value, DestinationRefused)
