"""A bucket against a dictionary: puts, copies, deletions and listings in any order."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from engine.arn import Account
from engine.clock import VirtualTimeLoop, running_clock
from engine.feed import Feed
from engine.store.database import Store
from engine.watching import FolderWatcher
from tests.fakes.accepted_events import AcceptedEvents
from triggers.s3.bucket import Bucket
from triggers.s3.settings import BucketSettings
from triggers.s3.spare_files import SpareFiles
from triggers.s3.upload import KeyRefused

PARTS = st.sampled_from(["a", "b", "c", "ä b", ".hidden", "x.tmp"])
KEYS = st.builds(
    lambda parts, folder: "/".join(parts) + "/" * folder,
    st.lists(PARTS, min_size=1, max_size=3),
    st.booleans(),
)
BODIES = st.sampled_from([b"", b"1", b"22", b"3" * 100_000])


class BucketMachine(RuleBasedStateMachine):
    """Runs a bucket on a loop of its own, beside what it should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: dict[str, bytes] = {}
        self.loop = VirtualTimeLoop()
        self.stop = asyncio.Event()
        self.folder = TemporaryDirectory()
        self.ready = self.loop.create_future()
        self.accepted = AcceptedEvents()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def open(self) -> None:
        self.running = self.loop.create_task(self.serve())
        self.bucket: Bucket = self.run(self.wait_for_bucket())

    async def wait_for_bucket(self) -> Bucket:
        bucket: Bucket = await self.ready
        return bucket

    async def serve(self) -> None:
        clock, feed = running_clock(), Feed()
        config = BucketSettings.model_validate(
            {
                "folder": Path(self.folder.name) / "inbox",
                "notifications": [{"function": "f", "events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}],
            }
        )
        async with (
            Store(None, clock) as store,
            FolderWatcher(clock, feed) as watcher,
            asyncio.TaskGroup() as group,
        ):
            bucket = Bucket(
                "inbox",
                config,
                account=Account(),
                store=store,
                acceptor=self.accepted,
                watcher=watcher,
                clock=clock,
                feed=feed,
                aside=SpareFiles(Path(self.folder.name) / "arriving", clock),
            )
            task = group.create_task(bucket.run())
            await bucket.ready.wait()
            self.ready.set_result(bucket)
            await self.stop.wait()
            task.cancel()

    def teardown(self) -> None:
        async def end() -> None:
            self.stop.set()
            await self.running

        if hasattr(self, "bucket"):
            self.run(end())
            self.run(self.loop.shutdown_default_executor())
        self.loop.close()
        self.folder.cleanup()

    @rule(key=KEYS, body=BODIES)
    def put(self, key: str, body: bytes) -> None:
        if key.endswith("/"):
            body = b""
        if self.run(self.accepts(key, body)):
            self.expected[key] = body

    async def accepts(self, key: str, body: bytes) -> bool:
        """Put an object; say whether the folder could hold it, which it must when nothing is in the way."""
        name = key.removesuffix("/")
        in_the_way = [
            other
            for other in self.expected
            if other != key
            and (
                other.removesuffix("/") == name
                or (other.startswith(f"{name}/") and not key.endswith("/"))
                or (not other.endswith("/") and name.startswith(f"{other}/"))
            )
        ]
        upload = self.bucket.begin_upload(key)
        try:
            upload.write(body)
            await self.bucket.put(key, upload)
        except KeyRefused:
            assert in_the_way
            return False
        finally:
            upload.discard()
        assert not in_the_way
        return True

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        keys = data.draw(
            st.lists(st.one_of(KEYS, st.sampled_from(sorted(self.expected) or ["a"])), max_size=3)
        )
        self.run(self.bucket.delete(*keys))
        for key in keys:
            self.expected.pop(key, None)

    @rule(
        prefix=st.sampled_from(["", "a", "a/", "b/"]),
        delimiter=st.sampled_from(["", "/"]),
        limit=st.integers(1, 4),
    )
    def list(self, prefix: str, delimiter: str, limit: int) -> None:
        found: set[str] = set()
        start: str | None = ""
        while start is not None:
            page = self.run(
                self.bucket.list(prefix=prefix, delimiter=delimiter, start_after=start, limit=limit)
            )
            found.update(entry.key for entry in page.entries)
            found.update(page.common_prefixes)
            start = page.next_start
        wanted = set()
        for key in self.expected:
            if key.startswith(prefix):
                cut = key.find(delimiter, len(prefix)) if delimiter else -1
                wanted.add(key if cut < 0 else key[: cut + 1])
        assert found == wanted

    @invariant()
    def objects_are_what_was_put(self) -> None:
        if not hasattr(self, "bucket"):
            return
        for key, body in self.expected.items():
            opened = self.run(self.bucket.open(key))
            assert opened is not None, key
            with opened.file:
                assert opened.file.read() == body


def test_a_bucket_holds_what_was_put() -> None:
    run_state_machine_as_test(
        BucketMachine, settings=settings(max_examples=25, stateful_step_count=15, deadline=None)
    )
