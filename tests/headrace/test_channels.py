"""Queues and streams of a configuration and of the API, side by side."""

import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from headrace.channels import Channels, open_channels
from headrace.config import load
from triggers.kinesis.description import StreamDescription
from triggers.kinesis.properties import StreamProperties

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:"
STREAM_ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/"
Open = Callable[[str], Awaitable[Channels]]


@pytest.fixture
def open_with(tmp_path: Path, store: Store, clock: Clock, feed: Feed) -> Open:
    async def open_with(configuration: str) -> Channels:
        path = tmp_path / "headrace.toml"
        path.write_text(configuration)
        return await open_channels(load(path), store, clock, feed)

    return open_with


async def test_what_is_made_stands_beside_what_is_configured(open_with: Open) -> None:
    channels = await open_with("[queues.jobs]\n[streams.clicks]")
    heard: list[str] = []
    channels.listen(heard.append)
    made = await channels.queue_registry().create("made", {}, {})
    await channels.stream_registry().create("made", StreamProperties(), StreamDescription())
    assert heard == [f"{QUEUE_ARN}made", f"{STREAM_ARN}made"]
    assert list(channels.queues) == ["jobs", "made"]
    assert list(channels.streams) == ["clicks", "made"]
    assert channels.queue_at(f"{QUEUE_ARN}made") is made
    assert channels.queue_at(f"{QUEUE_ARN}none") is None
    assert channels.queue_at("arn:aws:sqs:eu-west-1:000000000000:made") is None
    assert channels.stream_at(f"{STREAM_ARN}clicks") is channels.streams["clicks"]
    assert channels.stream_at("arn:aws:kinesis:eu-west-1:000000000000:stream/clicks") is None

    again = await open_with("")
    assert list(again.queues) == ["made"]
    assert list(again.streams) == ["made"]


def test_nothing_of_queues_and_streams_is_loaded_where_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text("")
    script = """
import sys
from pathlib import Path
from engine.clock import run
from headrace.channels import channels_alone
from headrace.config import load

async def look():
    async with channels_alone(load(Path("headrace.toml"))) as channels:
        assert not channels.queues and not channels.streams

run(look())
print([name for name in sys.modules if name.startswith(("triggers.sqs", "triggers.kinesis"))])
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=True)
    assert ended.stdout.strip() == b"[]"
