"""The members of a request of the AWS JSON protocol."""

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.errors import ValidationFailed
from headrace.aws.json_protocol import BadInput, Input


def test_members_are_read_with_their_types() -> None:
    given = Input(
        {
            "Name": "clicks",
            "Limit": 5,
            "Data": "aGVsbG8=",
            "Timestamp": 1767225600.5,
            "Filter": {"Type": "x"},
            "Records": [{"Data": ""}],
        }
    )
    assert given.text("Name") == "clicks"
    assert given.integer("Limit") == 5
    assert given.blob("Data") == b"hello"
    assert given.moment("Timestamp") == datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    structure, structures = given.structure("Filter"), given.structures("Records")
    assert structure is not None
    assert structures is not None
    assert structure.text("Type") == "x"
    assert [each.blob("Data") for each in structures] == [b""]


@pytest.mark.parametrize("members", [{}, {"Name": None}], ids=["absent", "null"])
@pytest.mark.parametrize("method", ["text", "integer", "blob", "moment", "structure", "structures"])
def test_a_member_that_is_not_there_is_none(members: dict[str, Any], method: str) -> None:
    assert getattr(Input(members), method)("Name") is None


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("text", 5),
        ("integer", "5"),
        ("integer", 5.0),
        ("integer", True),
        ("blob", "aGVsbG8"),
        ("blob", "a GVsbG8="),
        ("moment", "2026-01-01"),
        ("moment", 1e300),
        ("structure", []),
        ("structures", {}),
        ("structures", [{}, 5]),
    ],
)
def test_a_member_of_another_type_is_refused_by_name(method: str, value: Any) -> None:
    with pytest.raises(BadInput, match=r"^Name must be "):
        getattr(Input({"Name": value}), method)("Name")


def test_errors_name_the_place_of_a_nested_member() -> None:
    (record,) = Input({"Records": [{}]}).structures("Records") or []
    with pytest.raises(ValidationFailed) as caught:
        record.required_text("PartitionKey")
    assert str(caught.value) == (
        "1 validation error detected: Value null at 'records.1.member.partitionKey' failed to satisfy "
        "constraint: Member must not be null"
    )


@pytest.mark.parametrize(
    ("value", "rule"),
    [(0, "have value greater than or equal to 1"), (11, "have value less than or equal to 10")],
)
def test_a_number_has_limits(value: int, rule: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        Input({"Limit": value}).number("Limit", 5, 1, 10)
    assert str(caught.value) == (
        f"1 validation error detected: Value '{value}' at 'limit' failed to satisfy "
        f"constraint: Member must {rule}"
    )


def test_a_number_that_is_not_there_has_its_default() -> None:
    assert Input({}).number("Limit", 5, 1, 10) == 5


def test_what_is_not_simulated_is_refused_by_name() -> None:
    given = Input({"Name": "clicks", "DryRun": True, "StreamId": None})
    given.refuse_others(frozenset({"Name", "DryRun"}))
    with pytest.raises(BadInput, match=r"^DryRun is not simulated by Headrace\.$"):
        given.refuse_others(frozenset({"Name"}))
