import asyncio
import os
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from engine.functions.output import EVENT_LIMIT_BYTES, LineSplitter, OutputPipe


def test_only_a_line_feed_ends_an_event() -> None:
    splitter = LineSplitter()
    assert splitter.split(b"another\rline\nand ") == [b"another\rline"]
    assert splitter.split(b"more\n\n") == [b"and more", b""]
    assert splitter.flush() == []
    assert splitter.split(b"rest") == []
    assert splitter.flush() == [b"rest"]


def test_an_endless_line_is_cut() -> None:
    splitter = LineSplitter()
    events = [event for _ in range(20) for event in splitter.split(b"x" * 65_536)]
    assert sum(map(len, [*events, *splitter.flush()])) == 20 * 65_536
    assert max(map(len, events)) <= EVENT_LIMIT_BYTES + 65_536


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_nothing_is_lost_however_it_arrives(pieces: list[bytes]) -> None:
    splitter = LineSplitter()
    events = [event for piece in pieces for event in splitter.split(piece)]
    stream = b"".join(pieces)
    assert b"\n".join([*events, *splitter.flush()]) == stream.removesuffix(b"\n")
    assert all(b"\n" not in event for event in events)


async def test_what_was_written_is_passed_on_at_once_when_asked() -> None:
    seen: list[bytes] = []
    pipe = OutputPipe(seen.extend)
    os.write(pipe.write_end, b"one\ntwo")
    pipe.drain()
    assert seen == [b"one", b"two"]
    os.write(pipe.write_end, b"three\n")
    await asyncio.sleep(0.01)
    assert seen == [b"one", b"two", b"three"]
    pipe.started()
    pipe.close()


async def test_the_end_of_the_stream_closes_it() -> None:
    batches: list[Sequence[bytes]] = []
    pipe = OutputPipe(batches.append)
    os.write(pipe.write_end, b"last")
    pipe.started()
    await asyncio.sleep(0.01)
    pipe.close()
    pipe.drain()
    assert batches == [[b"last"]]
