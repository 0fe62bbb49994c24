"""The access policy of a topic: it is kept and shown, and nobody is refused by it.

Source: Amazon SNS API reference, AddPermission and RemovePermission.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from engine.arn import account_root
from triggers.sns.errors import InvalidParameter

ACTIONS = (
    "AddPermission",
    "DeleteTopic",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "ListTagsForResource",
    "Publish",
    "Receive",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
)


def with_statement(
    policy: str, label: str, accounts: Sequence[str], actions: Sequence[str], topic_arn: str
) -> str:
    """Return a policy that lets accounts do something more. Raises InvalidParameter."""
    for action in actions:
        if action not in ACTIONS:
            raise InvalidParameter("Policy statement action out of service scope!")
    if not accounts or not actions:
        raise InvalidParameter("AWSAccountId and ActionName must not be empty")
    parsed = _parsed(policy)
    if any(each.get("Sid") == label for each in parsed["Statement"]):
        raise InvalidParameter("Statement already exists")
    principals = [account_root(account, topic_arn) for account in accounts]
    names = [f"SNS:{action}" for action in actions]
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": principals if len(principals) > 1 else principals[0]},
        "Action": names if len(names) > 1 else names[0],
        "Resource": topic_arn,
    }
    parsed["Statement"].append(statement)
    return orjson.dumps(parsed).decode()


def without_statement(policy: str, label: str) -> str:
    """Return a policy without the statement of a label; one that is not there is a success."""
    parsed = _parsed(policy)
    parsed["Statement"] = [each for each in parsed["Statement"] if each.get("Sid") != label]
    return orjson.dumps(parsed).decode()


def is_policy(text: str) -> bool:
    """Say whether text is a policy, as far as statements can be added to it."""
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    statements = parsed.get("Statement") if isinstance(parsed, dict) else None
    return isinstance(statements, list) and all(isinstance(each, dict) for each in statements)


def _parsed(policy: str) -> dict[str, Any]:
    parsed: dict[str, Any] = orjson.loads(policy)
    return parsed
