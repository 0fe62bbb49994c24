"""Patterns and filters against the conformance cases and AWS's verdicts, when those are present."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.mapping.event_pattern import InvalidPattern, compile_pattern
from engine.mapping.filter_criteria import compile_criteria
from engine.mapping.json_number import read_json

SHARED = Path(__file__).parents[4] / "shared"
VECTORS = SHARED / "samples" / "event-patterns" / "vectors.json"
VERDICTS = {"match": "match", "no-match": "no_match", "error": "invalid"}


def cases(name: str) -> list[Any]:
    path = SHARED / "cases" / name
    if not path.is_file():
        return [pytest.param(None, id="absent")]
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [pytest.param(case, id=case["id"]) for case in lines]


def vectors() -> list[Any]:
    if not VECTORS.is_file():
        return [pytest.param(None, id="absent")]
    return [
        pytest.param(
            {
                "pattern": json.dumps(vector["pattern"]),
                "event": json.dumps(vector["event"]),
                "expect": VERDICTS[vector["expect"]],
                "message": vector["message"],
            },
            id=vector["name"],
        )
        for vector in json.loads(VECTORS.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("case", [*cases("patterns.jsonl"), *vectors()])
def test_patterns_match_as_recorded(case: dict[str, Any] | None) -> None:
    if case is None:
        pytest.skip("the conformance cases are not beside the checkout")
    if case["expect"] == "invalid":
        with pytest.raises(InvalidPattern) as caught:
            compile_pattern(case["pattern"])
        assert case.get("reason") in (None, caught.value.reason)
        assert case.get("message") in (None, caught.value.message)
        return
    pattern, event = compile_pattern(case["pattern"]), read_json(case["event"])
    assert pattern.matches(event) is (case["expect"] == "match")
    assert pattern.explain(event).matches is (case["expect"] == "match")


@pytest.mark.parametrize("case", cases("esm_filters.jsonl"))
def test_filters_keep_as_recorded(case: dict[str, Any] | None) -> None:
    if case is None:
        pytest.skip("the conformance cases are not beside the checkout")
    criteria = compile_criteria(case["source"], case["filters"])
    kept = [index for index, record in enumerate(case["records"]) if criteria.keeps(record)]
    assert kept == case["expect_kept"]
    assert kept == [index for index, record in enumerate(case["records"]) if criteria.verdict(record).kept]
