"""Filter policies: which of a topic's messages a subscription gets.

Source: Amazon SNS developer guide, "Amazon SNS subscription filter policies" and "Filter policy constraints";
texts as recorded on AWS by LocalStack's test_sns_filter_policy.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from engine.mapping.event_pattern import EventPattern, InvalidPattern, compile_pattern
from engine.mapping.json_number import read_json
from triggers.sns.message import MessageAttribute

Scope = Literal["MessageAttributes", "MessageBody"]
SCOPES: tuple[Scope, ...] = ("MessageAttributes", "MessageBody")
COMBINATIONS_MOST, KEYS_MOST = 150, 5
POLICY_BYTES = 256 * 1024
OR = "$or"
# What has been read of a refused token: a name with the beginning of its value, half a text, or all of it.
_VALUE = r"true|false|null|-?[0-9][0-9.eE+-]*|."
_READ = re.compile(rf'"(?:[^"\\]|\\.)*"\s*:\s*(?:{_VALUE})|{_VALUE}')

Leaf = tuple[tuple[str, ...], int]  # the keys that lead to it, and how many values it allows


class PolicyRefused(ValueError):
    """SNS does not take such a policy; the text is what it says."""


class FilterPolicy:
    """A policy that has been checked, for the attributes of messages or for their bodies."""

    def __init__(self, pattern: EventPattern, scope: Scope) -> None:
        self._pattern = pattern
        self._scope = scope

    def accepts(self, attributes: Mapping[str, MessageAttribute], body: str) -> bool:
        """Say whether a message with these attributes, and this body for the subscriber, is delivered.

        A body that is no JSON object never is, where the policy looks at it.
        """
        if self._scope == "MessageAttributes":
            return self._pattern.matches(_fields(attributes))
        try:
            return self._pattern.matches(read_json(body))
        except ValueError:
            return False


def read_policy(text: str, scope: Scope) -> FilterPolicy:
    """Return the policy that is written as JSON. Raises PolicyRefused."""
    if len(text.encode()) > POLICY_BYTES:
        raise PolicyRefused("FilterPolicy: Filter policy is too large")
    try:
        pattern = compile_pattern(text)
    except InvalidPattern as error:
        raise _refusal(text, error) from None
    _check_complexity(json.loads(text), scope)
    return FilterPolicy(pattern, scope)


def _refusal(text: str, error: InvalidPattern) -> PolicyRefused:
    try:
        json.loads(text)
    except ValueError:
        return PolicyRefused(
            f"FilterPolicy: failed to parse JSON. {error.reason}\n at [Source: REDACTED"
            " (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled);"
            f" line: {error.line}, column: {error.column}]"
        )
    line = text.split("\n")[error.line - 1]
    read = _READ.match(line, error.column - 1)
    column = error.column + (len(read[0]) if read is not None else 0)
    where = f' at [Source: (String)"{text}"; line: {error.line}, column: {column}]'
    return PolicyRefused(f"FilterPolicy: {error.reason}\n{where}")


def _check_complexity(policy: Mapping[str, Any], scope: Scope) -> None:
    """Raise PolicyRefused for a policy with too many keys or combinations, or too deep for attributes.

    Each alternative of an `$or` is counted like a policy of its own.
    """
    combinations = 0
    for leaves in _alternatives(policy, ()):
        if len({path[0] for path, _ in leaves}) > KEYS_MOST:
            raise PolicyRefused(f"FilterPolicy: Filter policy can not have more than {KEYS_MOST} keys")
        if scope == "MessageAttributes" and any(len(path) > 1 for path, _ in leaves):
            raise PolicyRefused("Filter policy scope MessageAttributes does not support nested filter policy")
        combinations += math.prod(len(path) * count for path, count in leaves)
        if combinations > COMBINATIONS_MOST:
            raise PolicyRefused("FilterPolicy: Filter policy is too complex")


def _alternatives(policy: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[list[Leaf]]:
    """Yield the leaves of each combination of alternatives."""
    found: list[list[Leaf]] = [[]]
    for key, value in policy.items():
        if key == OR and _is_alternative(value):
            branches = [branch for each in value for branch in _alternatives(each, above)]
        elif isinstance(value, dict):
            branches = list(_alternatives(value, (*above, key)))
        else:
            branches = [[((*above, key), len(value) if isinstance(value, list) else 1)]]
        found = [leaves + branch for leaves in found for branch in branches]
    yield from found


def _is_alternative(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(each, dict) for each in value)


def _fields(attributes: Mapping[str, MessageAttribute]) -> dict[str, Any]:
    """Return the attributes as the fields of an event, without binary ones and arrays that are none."""
    fields: dict[str, Any] = {}
    for name, attribute in attributes.items():
        kind, value = attribute.data_type, attribute.value
        if isinstance(value, bytes):
            continue
        if kind == "String.Array" or kind.startswith("Number"):
            try:
                parsed = read_json(value)
            except ValueError:
                continue
            if kind.startswith("Number") or isinstance(parsed, list):
                fields[name] = parsed
        else:
            fields[name] = value
    return fields
