"""Tumbling windows and what events say of them."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from engine.mapping.tumbling_window import STATE_BYTES, window_of

ARRIVED = datetime(2020, 12, 9, 7, 5, 1, 500_000, UTC)


@pytest.mark.parametrize(
    ("seconds", "start", "end"),
    [
        pytest.param(120, "07:04:00", "07:06:00", id="two minutes begin on an even minute"),
        pytest.param(900, "07:00:00", "07:15:00", id="a quarter of an hour"),
        pytest.param(1, "07:05:01", "07:05:02", id="a second"),
        pytest.param(7, "07:05:00", "07:05:07", id="any length counts from 1970"),
    ],
)
def test_windows_are_aligned_to_1970(seconds: int, start: str, end: str) -> None:
    window = window_of(ARRIVED, timedelta(seconds=seconds))
    assert (f"{window.start:%H:%M:%S}", f"{window.end:%H:%M:%S}") == (start, end)
    assert window.start.timestamp() % seconds == 0
    assert window.state == b"{}"


def test_an_event_tells_of_its_window() -> None:
    window = window_of(ARRIVED, timedelta(minutes=2)).with_state(b'{"1":282}')
    members = orjson.loads(b'{"Records":[]%b}' % window.members("shardId-000000000006", "arn", final=False))
    assert list(members.items())[1:] == [
        ("window", {"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"}),
        ("state", {"1": 282}),
        ("shardId", "shardId-000000000006"),
        ("eventSourceARN", "arn"),
        ("isFinalInvokeForWindow", False),
        ("isWindowTerminatedEarly", False),
    ]


@pytest.mark.parametrize(("size", "early"), [(STATE_BYTES, False), (STATE_BYTES + 1, True)])
def test_a_state_of_more_than_a_megabyte_ends_its_window_early(size: int, early: bool) -> None:
    state = b'{"a":"%b"}' % (b"x" * (size - 8))
    window = window_of(ARRIVED, timedelta(minutes=2)).with_state(state)
    assert window.is_too_large is early
    members = orjson.loads(b"{%b}" % window.members("s", "arn", final=True)[1:])
    assert (members["isFinalInvokeForWindow"], members["isWindowTerminatedEarly"]) == (True, early)
