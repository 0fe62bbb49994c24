"""MD5 sums of messages."""

import base64
import json
from pathlib import Path

import pytest

from engine.clock import from_millis
from triggers.sqs.message import Message, MessageAttribute, attributes_from_json, attributes_to_json


def message(body: str, attributes: dict[str, MessageAttribute]) -> Message:
    return Message("id", body, attributes, {}, from_millis(0))


@pytest.mark.parametrize(
    ("attributes", "md5"),
    [
        pytest.param({}, None, id="none without attributes"),
        pytest.param(
            {"MyAttribute": MessageAttribute("String", "foobar")},
            "adb59cd4678ea5a855436b949cd07ab6",
            id="a string",
        ),
        pytest.param(
            {
                "WeeksOn": MessageAttribute("Number", "6"),
                "Title": MessageAttribute("String", "The Whistler"),
                "Author": MessageAttribute("String", "John Grisham"),
            },
            "d25a6aea97eb8f585bfa92d314504a92",
            id="several, sorted by name",
        ),
        pytest.param(
            {
                "attr1": MessageAttribute(
                    "Binary",
                    b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01",
                )
            },
            "8cbe4db156db8a94db8b801b7addb984",
            id="bytes",
        ),
    ],
)
def test_md5_of_attributes(attributes: dict[str, MessageAttribute], md5: str | None) -> None:
    assert message("body", attributes).md5_of_attributes == md5
    assert attributes_from_json(attributes_to_json(attributes)) == attributes


def test_md5_sums_of_the_conformance_cases(shared: Path) -> None:
    lines = (shared / "cases" / "sqs_md5.jsonl").read_text(encoding="utf-8").splitlines()
    for case in map(json.loads, lines):
        attributes = {
            name: MessageAttribute(
                value["DataType"],
                base64.b64decode(value["BinaryValue"]) if "BinaryValue" in value else value["StringValue"],
            )
            for name, value in case["attributes"].items()
        }
        found = message(case["body"], attributes)
        assert found.md5_of_body == case["md5_body"], case["id"]
        assert found.md5_of_attributes == case["md5_attributes"], case["id"]
