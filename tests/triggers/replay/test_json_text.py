import pytest

from triggers.replay.json_text import Malformed, event_payload


@pytest.mark.parametrize(
    ("raw", "payload"),
    [
        pytest.param(b'{"a": 1.0E9}', b'{"a": 1.0E9}', id="an object keeps its own text"),
        pytest.param(b"[1, 2]", b"[1, 2]", id="an array is an event"),
        pytest.param(b"null", b"null", id="null is an event"),
        pytest.param(b'"text"', b'"text"', id="a string is an event"),
        pytest.param(b"123456789012345678901234567890", b"123456789012345678901234567890", id="big integers"),
        pytest.param('{"k": "é"}'.encode("utf-8-sig"), '{"k": "é"}'.encode(), id="a byte order mark goes"),
        pytest.param('{"k": "é"}'.encode("utf-16"), '{"k": "é"}'.encode(), id="UTF-16 becomes UTF-8"),
        pytest.param(b'{"k": "\\ud83d"}', b'{"k": "\\ud83d"}', id="half a surrogate pair stays an escape"),
        pytest.param(b'{"k": "NaN"}', b'{"k": "NaN"}', id="NaN inside a string is text"),
    ],
)
def test_any_json_value_is_an_event(raw: bytes, payload: bytes) -> None:
    assert event_payload(raw) == payload


@pytest.mark.parametrize(
    ("raw", "place", "reason"),
    [
        pytest.param(b"", (1, 1), "empty", id="empty file"),
        pytest.param(b" \n\t ", (1, 1), "empty", id="only white space"),
        pytest.param(b'{\n  "a": 1,\n  "b": }', (3, 8), "Expecting value", id="a value is missing"),
        pytest.param(b'{"a": 1}\n{"a": 2}', (2, 1), "Extra data", id="two documents"),
        pytest.param(b'{"a": 1', (1, 8), "Expecting ',' delimiter", id="cut off"),
        pytest.param(b'{"a":\n "\xff"}', (2, 3), "byte 0xff is not text", id="binary inside a string"),
        pytest.param(b"\x89PNG\r\n\x1a\n", (1, 1), "byte 0x89 is not text", id="a picture"),
        pytest.param(b'{"a":\n NaN}', (2, 2), "NaN is not JSON", id="NaN"),
        pytest.param(b"[-Infinity]", (1, 2), "-Infinity is not JSON", id="infinity"),
        pytest.param(b"[" * 200_000, (1, 1), "nested too deeply", id="nested too deeply"),
        pytest.param(b"1" * 5000, (1, 1), "Exceeds the limit", id="an integer of thousands of digits"),
    ],
)
def test_a_mistake_is_named_with_its_place(raw: bytes, place: tuple[int, int], reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        event_payload(raw)
    assert (caught.value.line, caught.value.column) == place
    assert reason in caught.value.reason
