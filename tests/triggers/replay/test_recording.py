import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.feed import EventNeverRan
from tests.fakes.recordings import STARTED, finished
from triggers.replay.json_text import Malformed
from triggers.replay.recording import Outline, format_line, outline_line, parse_line


def test_a_line_holds_what_went_in_and_what_came_out() -> None:
    line = format_line(finished(b'{"order": 1}', b'{"done": true}'), STARTED)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "offset": 1.234567,
        "time": "2026-01-01T00:00:02.500Z",
        "source": "s3",
        "function": "resize",
        "request_id": "11111111-2222-4333-8444-555555555555",
        "attempt": 1,
        "event": {"order": 1},
        "result": {"payload": {"done": True}},
    }


def test_a_failed_attempt_says_so() -> None:
    line = format_line(finished(payload=b'{"errorType":"E"}', function_error="Unhandled", attempt=2), STARTED)
    assert json.loads(line)["result"] == {"payload": {"errorType": "E"}, "function_error": "Unhandled"}
    assert parse_line(line).attempt == 2


def test_an_event_that_never_ran_has_a_line_with_what_ended_it() -> None:
    accepted = STARTED + timedelta(seconds=1.5)
    ended = EventNeverRan(
        STARTED + timedelta(seconds=90),
        "resize",
        "id-1",
        "buckets.in",
        accepted,
        "EventAgeExceeded",
        b'{"n":1}',
    )
    line = format_line(ended, STARTED)
    assert json.loads(line) == {
        "offset": 1.5,
        "time": "2026-01-01T00:01:30.000Z",
        "source": "buckets.in",
        "function": "resize",
        "request_id": "id-1",
        "attempt": 0,
        "event": {"n": 1},
        "result": {"condition": "EventAgeExceeded"},
    }
    assert parse_line(line).attempt == 0


@pytest.mark.parametrize(
    "event", [b"{}", b"\xff", b'"\\ud83d"'], ids=["JSON", "not JSON", "only Python reads it"]
)
def test_the_outline_of_a_line_is_that_of_the_whole(event: bytes) -> None:
    line = format_line(finished(event, attempt=3), STARTED)
    whole = parse_line(line)
    assert outline_line(line) == Outline(whole.offset, whole.function, whole.attempt)


def test_an_attempt_that_began_before_the_recording_is_at_its_start() -> None:
    line = format_line(finished(started=STARTED - timedelta(seconds=3)), STARTED)
    assert parse_line(line).offset == 0


@pytest.mark.parametrize(
    ("event", "replayed"),
    [
        pytest.param(b'{\r\n "a" :\n 1 }', b'{"a":1}', id="line feeds between tokens"),
        pytest.param(b'"a\\nb"', b'"a\\nb"', id="an escaped line feed stays"),
        pytest.param(b"123456789012345678901234567890", b"123456789012345678901234567890", id="big integers"),
        pytest.param(b"\xff\x00 not JSON", b"\xff\x00 not JSON", id="bytes that are not JSON"),
    ],
)
def test_every_event_is_one_line_and_comes_back(event: bytes, replayed: bytes) -> None:
    line = format_line(finished(event), STARTED)
    assert line.count(b"\n") == 1
    assert parse_line(line).payload == replayed


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_any_json_value_comes_back(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1)):
        recorded = parse_line(format_line(finished(text.encode()), STARTED))
        assert json.loads(recorded.payload) == value


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"[1]", "is a JSON object", id="not an object"),
        pytest.param(b'{"function": "f", "event": 1}', '"offset"', id="no offset"),
        pytest.param(b'{"offset": -1, "function": "f", "event": 1}', '"offset"', id="negative offset"),
        pytest.param(b'{"offset": 1e400, "function": "f", "event": 1}', '"offset"', id="endless offset"),
        pytest.param(b'{"offset": true, "function": "f", "event": 1}', '"offset"', id="offset is no number"),
        pytest.param(b'{"offset": 0, "event": 1}', '"function"', id="no function"),
        pytest.param(b'{"offset": 0, "function": "f"}', '"event"', id="no event"),
        pytest.param(
            b'{"offset": 0, "function": "f", "event": 1, "attempt": "x"}', '"attempt"', id="attempt"
        ),
        pytest.param(b'{"offset": 0, "function": "f", "event_base64": "?"}', "base64", id="bad base64"),
        pytest.param(b'{"offset": 0, "function": "f", "event": {"a"', "delimiter", id="torn"),
    ],
)
def test_a_line_that_is_no_part_of_a_recording_says_why(line: bytes, reason: str) -> None:
    for read in (parse_line, outline_line):
        with pytest.raises(Malformed) as caught:
            read(line)
        assert reason in caught.value.reason
