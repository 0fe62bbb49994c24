"""What a request to put records may hold."""

import pytest

from engine.errors import ApiError, ValidationFailed
from triggers.kinesis.errors import InvalidArgument
from triggers.kinesis.limits import RecordEntry, check_record, check_request

MEGABYTE = 1024 * 1024
KEY = "k"
TOO_LARGE = "failed to satisfy constraint: Member must have length less than or equal to 1048576"


def refusal(entries: list[RecordEntry], most: int = MEGABYTE) -> ApiError | None:
    try:
        check_request(entries, most)
    except ApiError as error:
        return error
    return None


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([RecordEntry(b"", KEY)], id="a record may be empty"),
        pytest.param([RecordEntry(b"x", KEY)] * 500, id="500 records"),
        pytest.param([RecordEntry(bytes(MEGABYTE - 1), KEY)], id="data and key of a megabyte together"),
        pytest.param([RecordEntry(bytes(MEGABYTE - 1), KEY)] * 10, id="ten megabytes in all"),
        pytest.param([RecordEntry(b"", "é" * 256)], id="a key of 256 characters, whatever their bytes"),
        pytest.param([RecordEntry(b"", KEY, "0")], id="the first hash key"),
        pytest.param([RecordEntry(b"", KEY, str(2**128 - 1))], id="the last hash key"),
    ],
)
def test_is_accepted(entries: list[RecordEntry]) -> None:
    assert refusal(entries) is None


@pytest.mark.parametrize(
    ("entries", "kind", "text"),
    [
        pytest.param([], ValidationFailed, "'records'", id="no record"),
        pytest.param([RecordEntry(b"", KEY)] * 501, ValidationFailed, "equal to 500", id="501 records"),
        pytest.param(
            [RecordEntry(b"", KEY), RecordEntry(b"", "")],
            ValidationFailed,
            "Value at 'records.2.member.partitionKey' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
            id="an empty key is named by its place",
        ),
        pytest.param(
            [RecordEntry(b"", "k" * 257)],
            ValidationFailed,
            "'records.1.member.partitionKey' failed to satisfy constraint: "
            "Member must have length less than or equal to 256",
            id="a key of 257 characters",
        ),
        pytest.param(
            [RecordEntry(bytes(MEGABYTE), KEY)],
            ValidationFailed,
            f"Value at 'records.1.member.data' {TOO_LARGE}",
            id="the partition key counts as part of the record",
        ),
        pytest.param(
            [RecordEntry(bytes(MEGABYTE - 1), "é")], ValidationFailed, TOO_LARGE, id="a key counts in UTF-8"
        ),
        pytest.param(
            [RecordEntry(bytes(MEGABYTE - 1), KEY)] * 10 + [RecordEntry(b"", KEY)],
            InvalidArgument,
            "Records size exceeds 10 MB limit",
            id="more than ten megabytes in all",
        ),
        pytest.param(
            [RecordEntry(b"", KEY, str(2**128))],
            InvalidArgument,
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            "Specified value was 340282366920938463463374607431768211456",
            id="a hash key beyond the last",
        ),
        pytest.param(
            [RecordEntry(b"", KEY, "")], ValidationFailed, "explicitHashKey", id="a hash key without digits"
        ),
        pytest.param(
            [RecordEntry(b"", KEY, "007")], ValidationFailed, "0|([1-9]\\d{0,38})", id="a hash key with zeros"
        ),
        pytest.param(
            [RecordEntry(b"", KEY, "٤")], ValidationFailed, "explicitHashKey", id="digits of another script"
        ),
    ],
)
def test_is_refused(entries: list[RecordEntry], kind: type[ApiError], text: str) -> None:
    error = refusal(entries)
    assert isinstance(error, kind)
    assert text in str(error)


def test_a_stream_with_large_records_takes_them() -> None:
    assert refusal([RecordEntry(bytes(9 * MEGABYTE), KEY)], 10 * MEGABYTE) is None


def test_a_single_record_has_no_number_in_its_errors() -> None:
    with pytest.raises(ValidationFailed, match="Value at 'partitionKey' failed"):
        check_record(RecordEntry(b"", ""), MEGABYTE)
    check_record(RecordEntry(b"x", KEY, "12"), MEGABYTE)
