"""Statements of a queue's policy."""

import json
from collections.abc import Sequence

import pytest

from triggers.sqs.errors import InvalidParameter
from triggers.sqs.policy import with_permission, without_permission

ARN = "arn:aws:sqs:us-east-1:000000000000:jobs"
OTHERS = ("111111111111", "222222222222")


def test_permissions_become_statements_and_are_removed_by_their_labels() -> None:
    one = with_permission(None, ARN, "one", OTHERS[:1], ["SendMessage"])
    both = with_permission(json.dumps(one), ARN, "two", OTHERS, ["ReceiveMessage", "DeleteMessage"])

    assert both == {
        "Version": "2012-10-17",
        "Id": f"{ARN}/SQSDefaultPolicy",
        "Statement": [
            {
                "Sid": "one",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
                "Action": "SQS:SendMessage",
                "Resource": ARN,
            },
            {
                "Sid": "two",
                "Effect": "Allow",
                "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in OTHERS]},
                "Action": ["SQS:ReceiveMessage", "SQS:DeleteMessage"],
                "Resource": ARN,
            },
        ],
    }
    assert without_permission(json.dumps(both), "two", ARN) == one
    assert without_permission(json.dumps(one), "one", ARN) is None


@pytest.mark.parametrize(
    ("label", "accounts", "actions", "text"),
    [
        pytest.param("a b", OTHERS, ["*"], "Value a b for parameter Label is invalid", id="a bad label"),
        pytest.param("known", OTHERS, ["*"], "Label is invalid. Reason: Already exists.", id="a known label"),
        pytest.param(
            "a", ["me"], ["*"], "PrincipalId is invalid. Reason: Unable to verify.", id="no account"
        ),
        pytest.param("a", OTHERS, ["Dance"], "Value SQS:Dance for parameter ActionName", id="no action"),
    ],
)
def test_a_permission_that_sqs_refuses(
    label: str, accounts: Sequence[str], actions: Sequence[str], text: str
) -> None:
    policy = json.dumps({"Statement": {"Sid": "known"}})
    with pytest.raises(InvalidParameter, match=text):
        with_permission(policy, ARN, label, accounts, actions)


def test_a_permission_that_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(InvalidParameter, match="can't find label on existing policy"):
        without_permission(None, "a", ARN)
