"""Filter policies, with the verdicts and texts that were recorded on AWS."""

import json
from typing import Any

import pytest

from triggers.sns.filter_policy import PolicyRefused, Scope, read_policy
from triggers.sns.message import MessageAttribute

NUMBER, STRING, ARRAY, BINARY = "Number", "String", "String.Array", "Binary"


def attributes(**given: tuple[str, str | bytes]) -> dict[str, MessageAttribute]:
    return {name: MessageAttribute(kind, value) for name, (kind, value) in given.items()}


@pytest.mark.parametrize(
    ("policy", "given", "accepted"),
    [
        pytest.param({"store": ["a", "b"]}, {"store": (STRING, "b")}, True, id="one of the strings"),
        pytest.param({"store": ["a"]}, {"store": (STRING, "A")}, False, id="case matters"),
        pytest.param({"store": ["a"]}, {}, False, id="an attribute that is not there"),
        pytest.param({"store": [{"exists": False}]}, {}, True, id="one that must not be there"),
        pytest.param({"store": [{"exists": True}]}, {"store": (NUMBER, "9")}, True, id="one that must be"),
        pytest.param({"store": ["a"]}, {"store": (ARRAY, '["x","a"]')}, True, id="an element of an array"),
        pytest.param({"store": ["a"]}, {"store": (ARRAY, "a")}, False, id="an array that is none"),
        pytest.param(
            {"price": [{"numeric": [">", 0, "<=", 100]}]}, {"price": (NUMBER, "99.12")}, True, id="a number"
        ),
        pytest.param(
            {"price": [{"numeric": [">", 0, "<=", 100]}]}, {"price": (NUMBER, "111")}, False, id="too large"
        ),
        pytest.param(
            {"price": [{"numeric": ["=", 5]}]}, {"price": (STRING, "5")}, False, id="text is no number"
        ),
        pytest.param({"price": [300]}, {"price": (NUMBER, "300.0")}, True, id="numbers compare by value"),
        pytest.param(
            {"store": [{"exists": True}]}, {"store": (BINARY, b"a")}, False, id="binary is not seen"
        ),
        pytest.param(
            {"attr1": [None, {"anything-but": "whatever"}]}, {"attr1": (NUMBER, "1")}, True, id="anything but"
        ),
        pytest.param(
            {"a": ["1"], "b": ["2"]}, {"a": (STRING, "1"), "b": (STRING, "3")}, False, id="all keys count"
        ),
        pytest.param(
            {"$or": [{"a": ["1"]}, {"b": ["2"]}]}, {"b": (STRING, "2")}, True, id="one of two alternatives"
        ),
    ],
)
def test_a_policy_on_attributes(
    policy: dict[str, Any], given: dict[str, tuple[str, str | bytes]], accepted: bool
) -> None:
    found = read_policy(json.dumps(policy), "MessageAttributes")
    assert found.accepts(attributes(**given), "body") is accepted


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        pytest.param('{"object": {"key": "auto-test"}}', True, id="a nested field"),
        pytest.param('{"object.key": "auto-test"}', True, id="a key with a dot"),
        pytest.param('{"object": {"key": "other"}}', False, id="another value"),
        pytest.param('{"object": "auto-test"}', False, id="no object there"),
        pytest.param('[{"object": {"key": "auto-test"}}]', False, id="a list is no object"),
        pytest.param("auto-test", False, id="no JSON"),
    ],
)
def test_a_policy_on_the_body(body: str, accepted: bool) -> None:
    policy = read_policy('{"object": {"key": [{"prefix": "auto-"}]}}', "MessageBody")
    assert policy.accepts({}, body) is accepted


def refused(text: str, scope: Scope = "MessageAttributes") -> str:
    with pytest.raises(PolicyRefused) as caught:
        read_policy(text, scope)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(
            '{"key":[["value"]]}',
            "Match value must be String, number, true, false, or null"
            '\n at [Source: (String)"{"key":[["value"]]}"; line: 1, column: 10]',
            id="a list in a list",
        ),
        pytest.param(
            '{"key_a":"value_one"}',
            '"key_a" must be an object or an array'
            '\n at [Source: (String)"{"key_a":"value_one"}"; line: 1, column: 11]',
            id="a text instead of a list",
        ),
        pytest.param(
            '{"key":[{"wrong-operator":true}]}',
            "Unrecognized match type wrong-operator"
            '\n at [Source: (String)"{"key":[{"wrong-operator":true}]}"; line: 1, column: 31]',
            id="an unknown operator",
        ),
        pytest.param(
            '{"key":[{"suffix":"value","prefix":"value2"}]}',
            "Only one key allowed in match expression"
            '\n at [Source: (String)"{"key":[{"suffix":"value","prefix":"value2"}]}"; line: 1, column: 37]',
            id="two operators",
        ),
        pytest.param(
            '{"key":[{"suffix":100}]}',
            "suffix match pattern must be a string"
            '\n at [Source: (String)"{"key":[{"suffix":100}]}"; line: 1, column: 22]',
            id="a number for a text",
        ),
        pytest.param("{invalid", "failed to parse JSON. Unexpected character ('i' (code 105))", id="no JSON"),
        pytest.param(
            json.dumps({f"key{n}": ["a"] for n in range(6)}),
            "Filter policy can not have more than 5 keys",
            id="six keys",
        ),
        pytest.param(
            json.dumps({"a": [str(n) for n in range(151)]}), "Filter policy is too complex", id="151 values"
        ),
        pytest.param(
            json.dumps({"$or": [{"a": [str(n) for n in range(76)]}, {"b": [str(n) for n in range(76)]}]}),
            "Filter policy is too complex",
            id="152 values in two alternatives",
        ),
    ],
)
def test_a_policy_is_refused_in_the_recorded_words(text: str, reason: str) -> None:
    assert refused(text).startswith(f"FilterPolicy: {reason}")


def test_depth_multiplies_the_combinations_of_a_policy_on_the_body() -> None:
    values = ["1", "2", "3"]
    policy = {"a": {"b": {"c": [*values, "4"]}}, "d": {"e": values}, "f": values}
    assert refused(json.dumps(policy), "MessageBody") == "FilterPolicy: Filter policy is too complex"
    read_policy(json.dumps({**policy, "f": ["1", "2"]}), "MessageBody")


def test_a_policy_on_attributes_is_not_nested() -> None:
    text = '{"object": {"key": ["a"]}}'
    assert refused(text) == "Filter policy scope MessageAttributes does not support nested filter policy"
    read_policy(text, "MessageBody")
