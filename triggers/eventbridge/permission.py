"""The policy of a bus, which PutPermission and RemovePermission change. It is kept, and not judged by."""

import json
from collections.abc import Mapping
from typing import Any

from engine.arn import account_root
from triggers.eventbridge.errors import InvalidParameter, NotFound

VERSION = "2012-10-17"


def with_permission(policy: str | None, bus_arn: str, given: Mapping[str, Any]) -> str:
    """Return the policy after PutPermission. Raises InvalidParameter."""
    if "Policy" in given:
        _check(given["Policy"])
        return str(given["Policy"])
    if not {"Action", "Principal", "StatementId"} <= set(given):
        raise InvalidParameter("Action, Principal and StatementId must be specified, or Policy.")
    account = given["Principal"]
    statement: dict[str, Any] = {
        "Sid": given["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if account == "*" else {"AWS": account_root(account, bus_arn)},
        "Action": given["Action"],
        "Resource": bus_arn,
    }
    if (condition := given.get("Condition")) is not None:
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    others = [each for each in _statements(policy) if each.get("Sid") != given["StatementId"]]
    return json.dumps({"Version": VERSION, "Statement": [*others, statement]}, separators=(",", ":"))


def without_permission(policy: str | None, given: Mapping[str, Any]) -> str | None:
    """Return the policy after RemovePermission, None when nothing is left. Raises NotFound."""
    if given.get("RemoveAllPermissions"):
        return None
    statements = _statements(policy)
    left = [each for each in statements if each.get("Sid") != given.get("StatementId")]
    if len(left) == len(statements):
        raise NotFound("Statement with the provided id does not exist.")
    if not left:
        return None
    return json.dumps({"Version": VERSION, "Statement": left}, separators=(",", ":"))


def _check(policy: str) -> None:
    try:
        document = json.loads(policy)
    except (ValueError, RecursionError):
        raise InvalidParameter("The policy is not valid JSON.") from None
    statements = document.get("Statement") if isinstance(document, dict) else None
    each = statements if isinstance(statements, list) else [statements]
    if not all(isinstance(statement, dict) for statement in each):
        raise InvalidParameter("The policy has no statements.")


def _statements(policy: str | None) -> list[dict[str, Any]]:
    if policy is None:
        return []
    found = json.loads(policy)["Statement"]
    return found if isinstance(found, list) else [found]
