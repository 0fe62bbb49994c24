"""Permissions of a queue, statements of its policy. They are kept and shown: nobody is judged by them here.

Source: Amazon SQS API reference, AddPermission and RemovePermission.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from engine.arn import account_root
from triggers.sqs.errors import InvalidParameter

VERSION = "2012-10-17"
LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
ACCOUNT_ID = re.compile(r"\d{12}")
ACTIONS = (
    "*",
    "SendMessage",
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
)


def with_permission(
    policy: str | None, arn: str, label: str, accounts: Sequence[str], actions: Sequence[str]
) -> Mapping[str, Any]:
    """Return a queue's policy with one more statement. Raises InvalidParameter."""
    if not LABEL.fullmatch(label):
        raise InvalidParameter.because(
            label,
            "Label",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )
    for account in accounts:
        if not ACCOUNT_ID.fullmatch(account):
            raise InvalidParameter.because(account, "PrincipalId", "Unable to verify.")
    for action in actions:
        if action not in ACTIONS:
            raise InvalidParameter.because(
                f"SQS:{action}",
                "ActionName",
                f"Please refer to the appropriate WSDL for a list of valid actions. {', '.join(ACTIONS)}",
            )
    found = _parsed(policy, arn)
    if any(statement.get("Sid") == label for statement in found["Statement"]):
        raise InvalidParameter.because(label, "Label", "Already exists.")
    principals = [account_root(account, arn) for account in accounts]
    named = [f"SQS:{action}" for action in actions]
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": principals if len(principals) > 1 else principals[0]},
        "Action": named if len(named) > 1 else named[0],
        "Resource": arn,
    }
    return {**found, "Statement": [*found["Statement"], statement]}


def without_permission(policy: str | None, label: str, arn: str) -> Mapping[str, Any] | None:
    """Return a queue's policy without a statement, None when it was the last. Raises InvalidParameter."""
    found = _parsed(policy, arn)
    left = [statement for statement in found["Statement"] if statement.get("Sid") != label]
    if len(left) == len(found["Statement"]):
        raise InvalidParameter.because(label, "Label", "can't find label on existing policy.")
    return {**found, "Statement": left} if left else None


def _parsed(policy: str | None, arn: str) -> dict[str, Any]:
    """Return a policy with a list of statements, which may have been given as one."""
    found: dict[str, Any] = (
        {"Version": VERSION, "Id": f"{arn}/SQSDefaultPolicy"} if policy is None else orjson.loads(policy)
    )
    statements = found.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    return {**found, "Statement": [each for each in listed if isinstance(each, dict)]}
