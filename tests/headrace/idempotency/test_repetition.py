import orjson
import pytest

from headrace.idempotency.repetition import half_then_all, one_by_one

FIVE = b'{"Records":[1,2,3,4,5],"window":7}'


def records(payloads: list[bytes]) -> list[object]:
    return [orjson.loads(payload)["Records"] for payload in payloads]


def test_records_one_by_one_keep_what_is_beside_them() -> None:
    cut = one_by_one(FIVE)
    assert records(cut) == [[1], [2], [3], [4], [5]]
    assert all(orjson.loads(payload)["window"] == 7 for payload in cut)


def test_half_of_the_records_and_then_all_of_them() -> None:
    assert records(half_then_all(FIVE)) == [[1, 2], [1, 2, 3, 4, 5]]


@pytest.mark.parametrize("payload", [b"[]", b"7", b'{"Records":"none"}', b'{"Records":[]}', b'{"id":"x"}'])
def test_an_event_without_records_stays_whole(payload: bytes) -> None:
    assert one_by_one(payload) == [payload]
    assert half_then_all(payload) == [payload]
