"""The policy of a bus, as PutPermission and RemovePermission change it."""

import json

import pytest

from triggers.eventbridge.errors import InvalidParameter
from triggers.eventbridge.permission import with_permission, without_permission

BUS = "arn:aws:events:us-east-1:000000000000:event-bus/shop"
ONE = '{"Statement": {"Sid": "a", "Effect": "Allow"}}'


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param("not JSON", id="text is no policy"),
        pytest.param("[]", id="a list is no policy"),
        pytest.param("null", id="null is no policy"),
        pytest.param("{}", id="a policy has statements"),
        pytest.param('{"Statement": ["a"]}', id="a statement is an object"),
        pytest.param("[" * 100_000, id="nesting without end is no JSON"),
    ],
)
def test_what_is_no_policy_is_refused(policy: str) -> None:
    with pytest.raises(InvalidParameter):
        with_permission(None, BUS, {"Policy": policy})


def test_statements_are_added_to_a_whole_policy_and_removed_from_it() -> None:
    whole = with_permission(None, BUS, {"Policy": ONE})
    given = {"StatementId": "b", "Action": "events:PutEvents", "Principal": "123456789012"}
    both = with_permission(whole, BUS, given)
    assert [each["Sid"] for each in json.loads(both)["Statement"]] == ["a", "b"]
    left = without_permission(both, {"StatementId": "a"})
    assert left is not None
    assert [each["Sid"] for each in json.loads(left)["Statement"]] == ["b"]
    assert without_permission(left, {"StatementId": "b"}) is None
