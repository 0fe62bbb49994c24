"""The policy of a form: what its fields may be, and how large its file.

Source: S3 API reference, "Creating a POST policy".
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from headrace.aws.rest_xml import S3Error

MOST_BYTES = 2**63
_NEVER_NAMED = ("policy", "x-amz-signature", "file", "awsaccesskeyid", "signature", "bucket")


def check_fields(fields: Mapping[str, str], resolved: Mapping[str, str]) -> None:
    """Raise S3Error unless the fields, by their names in lower case, are what the policy allows.

    `resolved` has what takes the place of a field: the bucket, and the key with the file's name in it.
    """
    if "policy" not in fields:
        return
    values = {**fields, **resolved}
    named = set()
    for operator, name, expected in _conditions(fields):
        named.add(name)
        value = values.get(name, "")
        holds = value == expected if operator == "eq" else value.startswith(expected)
        if not holds:
            said = orjson.dumps([operator, f"${name}", expected]).decode()
            raise _denied(f"Policy Condition failed: {said}")
    for name in fields:
        if name not in named and name not in _NEVER_NAMED and not name.startswith("x-ignore-"):
            raise _denied(f"Extra input fields: {name}")


def size_limits(fields: Mapping[str, str]) -> tuple[int, int]:
    """Return the least and most bytes that the policy allows."""
    for condition in _policy(fields).get("conditions", ()):
        if isinstance(condition, list) and len(condition) == 3 and condition[0] == "content-length-range":
            try:
                return int(condition[1]), int(condition[2])
            except (TypeError, ValueError):
                raise _invalid() from None
    return 0, MOST_BYTES


def _conditions(fields: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield operator, name of the field in lower case, and what it is held against."""
    for condition in _policy(fields).get("conditions", ()):
        match condition:
            case ["content-length-range", _, _]:
                continue
            case [str(operator), str(name), str(value)] if operator.lower() in ("eq", "starts-with"):
                yield operator.lower(), name.removeprefix("$").lower(), value
            case dict():
                yield from (("eq", str(name).lower(), str(value)) for name, value in condition.items())
            case _:
                raise _invalid()


def _policy(fields: Mapping[str, str]) -> dict[str, Any]:
    if "policy" not in fields:
        return {}
    try:
        policy = orjson.loads(b64decode(fields["policy"]))
    except ValueError:
        raise _invalid() from None
    if not isinstance(policy, dict) or not isinstance(policy.get("conditions"), list):
        raise _invalid()
    return policy


def _denied(reason: str) -> S3Error:
    return S3Error("AccessDenied", f"Invalid according to Policy: {reason}", 403)


def _invalid() -> S3Error:
    return S3Error(
        "InvalidPolicyDocument",
        "The content of the form does not meet the conditions specified in the policy document.",
        400,
    )
