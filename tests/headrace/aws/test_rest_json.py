"""Requests of REST-JSON services, read by the model of the service."""

from typing import Any

import orjson
import pytest
from multidict import MultiDict

from engine.errors import ApiError, ValidationFailed
from headrace.aws.rest_json import RestJson, Unreadable

MODEL: dict[str, Any] = {
    "operations": {
        "MakeThing": {
            "http": {"method": "POST", "requestUri": "/things/{Name}/", "responseCode": 201},
            "input": {"shape": "MakeThingRequest"},
        },
        "ListThings": {"http": {"method": "GET", "requestUri": "/things"}, "input": {"shape": "ListRequest"}},
        "FindThing": {"http": {"method": "GET", "requestUri": "/things?find=one"}},
    },
    "shapes": {
        "MakeThingRequest": {
            "type": "structure",
            "required": ["Name", "Kind"],
            "members": {
                "Name": {"shape": "Name", "location": "uri", "locationName": "Name"},
                "Kind": {"shape": "Kind"},
                "Size": {"shape": "Size"},
                "Enabled": {"shape": "Flag"},
                "Labels": {"shape": "Labels"},
                "Parts": {"shape": "Parts"},
                "Words": {"shape": "Words"},
                "Content": {"shape": "Blob"},
            },
        },
        "ListRequest": {
            "type": "structure",
            "members": {
                "MaxItems": {"shape": "Size", "location": "querystring", "locationName": "MaxItems"},
                "Keys": {"shape": "Words", "location": "querystring", "locationName": "key"},
                "All": {"shape": "Flag", "location": "querystring", "locationName": "all"},
            },
        },
        "Name": {"type": "string", "min": 1, "max": 5, "pattern": "[a-z:]+"},
        "Kind": {"type": "string", "enum": ["round", "square"]},
        "Size": {"type": "integer", "min": 1, "max": 10},
        "Flag": {"type": "boolean"},
        "Blob": {"type": "blob"},
        "Labels": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Word"}},
        "Word": {"type": "string", "max": 3},
        "Words": {"type": "list", "member": {"shape": "Word"}, "max": 2},
        "Parts": {"type": "list", "member": {"shape": "Part"}},
        "Part": {"type": "structure", "required": ["Size"], "members": {"Size": {"shape": "Size"}}},
    },
}
PROTOCOL = RestJson(MODEL, {"Size": {"max": 8}})
NOTHING: MultiDict[str] = MultiDict()


def made(members: Any, name: str = "ring") -> dict[str, Any]:
    call = PROTOCOL.find("POST", f"/things/{name}", {})
    assert call is not None
    return PROTOCOL.parameters(call, NOTHING, orjson.dumps(members))


@pytest.mark.parametrize(
    ("method", "path", "query", "operation"),
    [
        pytest.param("POST", "/things/a", {}, "MakeThing", id="without the slash of the model"),
        pytest.param("POST", "/things/a/?x=y", {"x": "y"}, "MakeThing", id="with the slash and a query"),
        pytest.param("GET", "/things", {}, "ListThings", id="no label"),
        pytest.param("GET", "/things?find=one", {"find": "one"}, "FindThing", id="told apart by the query"),
        pytest.param("PUT", "/things", {}, None, id="another method"),
        pytest.param("POST", "/things/a/b", {}, None, id="another path"),
        pytest.param("POST", "/things/", {}, None, id="an empty label"),
    ],
)
def test_an_operation_is_found_by_method_path_and_query(
    method: str, path: str, query: dict[str, str], operation: str | None
) -> None:
    call = PROTOCOL.find(method, path, query)
    assert (None if call is None else call.operation) == operation


def test_labels_are_decoded_and_the_status_is_the_models() -> None:
    call = PROTOCOL.find("POST", "/things/a%3Ab", {})
    assert call is not None
    assert (call.labels, call.status) == ({"Name": "a:b"}, 201)


def test_parameters_come_from_path_query_and_body() -> None:
    assert made({"Kind": "round", "Size": 3, "Words": ["a"], "Enabled": False, "Labels": None}) == {
        "Name": "ring",
        "Kind": "round",
        "Size": 3,
        "Words": ["a"],
        "Enabled": False,
    }
    call = PROTOCOL.find("GET", "/things", {})
    assert call is not None
    query = MultiDict([("MaxItems", "2"), ("key", "a"), ("key", "b"), ("all", "true")])
    assert PROTOCOL.parameters(call, query, b"") == {"MaxItems": 2, "Keys": ["a", "b"], "All": True}


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        pytest.param(
            {}, "Value null at 'kind' failed to satisfy constraint: Member must not be null", id="null"
        ),
        pytest.param({"Kind": "oval"}, "Value 'oval' at 'kind' failed to satisfy", id="a value of no enum"),
        pytest.param(
            {"Kind": "round", "Size": 9},
            "Value '9' at 'size' failed to satisfy constraint: Member must have value less than or equal to",
            id="over a limit that is not the model's",
        ),
        pytest.param(
            {"Kind": "round", "Parts": [{"Size": 1}, {"Size": 0}]},
            "Value '0' at 'parts.2.member.size' failed to satisfy constraint: Member must have value greater",
            id="within a list of structures",
        ),
        pytest.param(
            {"Kind": "round", "Words": ["long"]},
            "Value '[long]' at 'words' failed to satisfy constraint: Member must satisfy constraint: [Member "
            "must have length less than or equal to 3, Member must not be null]",
            id="within a list of words",
        ),
        pytest.param(
            {"Kind": "round", "Labels": {"UP": "x"}},
            "Value '{UP=x}' at 'labels' failed to satisfy constraint: Map keys must satisfy constraint",
            id="a key of a map",
        ),
        pytest.param(
            {"Kind": "round", "Labels": {"up": "long"}},
            "Value '{up=long}' at 'labels' failed to satisfy constraint: Map value must satisfy constraint",
            id="a value of a map",
        ),
        pytest.param(
            {"Kind": "round", "Words": ["a", "b", "c"]},
            "Value '[a, b, c]' at 'words' failed to satisfy constraint: Member must have length less than",
            id="too long a list",
        ),
    ],
)
def test_a_value_that_the_model_does_not_allow_is_named(members: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        made(members)
    assert str(caught.value).startswith(f"1 validation error detected: {problem}")


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValidationFailed, match=r"^3 validation errors detected: Value 'LONGER' at 'name'"):
        made({"Size": 0, "Kind": "round"}, "LONGER")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(b"{", "Could not parse request body into json", id="no JSON"),
        pytest.param(b"[]", "must be a JSON object", id="another kind of JSON"),
        pytest.param(b'{"Kind": 1}', "kind needs a string", id="a number for a string"),
        pytest.param(b'{"Kind": "round", "Size": true}', "size needs a integer", id="a flag for a number"),
        pytest.param(b'{"Kind": "round", "Size": 1.5}', "size needs a integer", id="half a number"),
        pytest.param(b'{"Kind": "round", "Words": [1]}', "words needs a string", id="within a list"),
        pytest.param(b'{"Kind": "round", "Labels": {"a": 1}}', "labels needs a string", id="within a map"),
        pytest.param(
            b'{"Kind": "round", "Other": 1}', "no parameter Other", id="what the model does not know"
        ),
    ],
)
def test_what_is_no_such_request_is_refused(body: bytes, text: str) -> None:
    call = PROTOCOL.find("POST", "/things/ring", {})
    assert call is not None
    with pytest.raises(Unreadable, match=text):
        PROTOCOL.parameters(call, NOTHING, body)


@pytest.mark.parametrize("text", ["x", "", "1" * 40, "1.5"])
def test_a_query_that_is_no_number_is_refused(text: str) -> None:
    call = PROTOCOL.find("GET", "/things", {})
    assert call is not None
    with pytest.raises(ApiError):
        PROTOCOL.parameters(call, MultiDict([("MaxItems", text)]), b"")
