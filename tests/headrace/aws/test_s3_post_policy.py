"""What a form may send under its policy."""

import base64
import json
from typing import Any

import pytest

from headrace.aws.rest_xml import S3Error
from headrace.aws.s3_post_policy import MOST_BYTES, check_fields, size_limits

HERE = {"bucket": "inbox", "key": "up/a"}


def fields(conditions: list[Any], **others: str) -> dict[str, str]:
    policy = json.dumps({"expiration": "2030-01-01T00:00:00Z", "conditions": conditions})
    return {"key": "up/${filename}", "policy": base64.b64encode(policy.encode()).decode(), **others}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param({"key": "up/a"}, None, id="no policy"),
        pytest.param(fields([{"bucket": "inbox"}, ["starts-with", "$key", "up/"]]), None, id="allowed"),
        pytest.param(fields([["eq", "$Key", "up/a"]]), None, id="the file's name is in the key"),
        pytest.param(fields([["starts-with", "$key", "x"]]), "Policy Condition failed", id="another key"),
        pytest.param(fields([{"key": "up/a"}], acl="private"), "Extra input fields: acl", id="one too many"),
        pytest.param(fields([{"key": "up/a"}], **{"x-ignore-me": "1"}), None, id="one to be ignored"),
        pytest.param(
            fields([{"key": "up/a"}, {"acl": "private"}]), "Policy Condition failed", id="one missing"
        ),
        pytest.param(fields([["between", "$key", "a"]]), "does not meet the conditions", id="no operator"),
        pytest.param({"policy": "e30="}, "does not meet the conditions", id="no conditions"),
        pytest.param({"policy": "!"}, "does not meet the conditions", id="no policy at all"),
    ],
)
def test_fields_are_held_against_the_policy(given: dict[str, str], problem: str | None) -> None:
    if problem is None:
        check_fields(given, HERE)
    else:
        with pytest.raises(S3Error, match=problem):
            check_fields(given, HERE)


def test_the_size_of_the_file_has_limits() -> None:
    assert size_limits(fields([["content-length-range", 1, 10]])) == (1, 10)
    assert size_limits(fields([])) == (0, MOST_BYTES)
    with pytest.raises(S3Error):
        size_limits(fields([["content-length-range", "a", 10]]))
