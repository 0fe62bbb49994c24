"""S3 on real folders behind a real endpoint, without the rest of a simulator."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.invocation.destination import Destination
from engine.store.database import Store
from engine.watching import FolderWatcher
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.listener import listen
from headrace.aws.s3 import S3Wire
from headrace.aws.s3_everywhere import BucketsEverywhere, Surroundings
from tests.fakes.accepted_events import AcceptedEvents
from triggers.s3.bucket import Bucket
from triggers.s3.buckets import ARRIVING, Buckets
from triggers.s3.settings import BucketSettings
from triggers.s3.spare_files import SpareFiles

NO_LINEAGES: Mapping[str, tuple[str, ...]] = {}
NO_DESTINATIONS: Mapping[str, Destination] = {}


@asynccontextmanager
async def served_buckets(
    state: Path,
    configured: Mapping[str, BucketSettings],
    accepted: AcceptedEvents,
    clock: Clock,
    store: Store,
    feed: Feed,
    *,
    lineages: Mapping[str, tuple[str, ...]] = NO_LINEAGES,
    destinations: Mapping[str, Destination] = NO_DESTINATIONS,
) -> AsyncIterator[tuple[str, Buckets]]:
    """Yield the endpoint's address and its buckets; the functions `resize` and `index` exist."""
    async with FolderWatcher(clock, feed) as watcher, asyncio.TaskGroup() as group:
        aside = SpareFiles(state / ARRIVING, clock)

        def open_bucket(name: str, folder: Path | None) -> Bucket:
            return Bucket(
                name,
                configured[name] if folder is None else BucketSettings(folder=folder),
                account=Account(),
                store=store,
                acceptor=accepted,
                watcher=watcher,
                clock=clock,
                feed=feed,
                aside=aside,
                destination_of=destinations.get,
            )

        buckets = Buckets(
            tuple(configured), open_bucket, state=state, region="us-east-1", store=store, clock=clock
        )
        await buckets.open()
        running = group.create_task(buckets.run())
        await buckets.ready.wait()
        here = Surroundings(
            buckets,
            buckets.uploads,
            Account(),
            clock,
            lineages.get,
            lambda name, _: name in ("resize", "index"),
            destinations.get,
        )

        async def everything_here(*_: str) -> Surroundings:
            return here

        wire = S3Wire(BucketsEverywhere(lambda: [here], everything_here))
        async with Endpoint(
            listen("127.0.0.1", 0), Handlers(wire.handle, wire.handle, wire.handle)
        ) as endpoint:
            yield endpoint.url, buckets
        running.cancel()
        aside.close()
