import json
from datetime import timedelta

from engine.clock import VIRTUAL_START
from engine.feed import RetryScheduled
from headrace.fact_json import fact_json
from tests.fakes.facts import finished


def test_a_fact_is_one_json_object_with_its_kind_and_times_as_aws_writes_them() -> None:
    fact = RetryScheduled(VIRTUAL_START, "f", "id", 2, VIRTUAL_START + timedelta(minutes=1), "function_error")
    assert json.loads(fact_json(fact)) == {
        "fact": "RetryScheduled",
        "time": "2026-01-01T00:00:00.000Z",
        "function": "f",
        "request_id": "id",
        "attempt": 2,
        "at": "2026-01-01T00:01:00.000Z",
        "reason": "function_error",
    }


def test_payloads_are_left_out() -> None:
    line = json.loads(fact_json(finished(event=b"x" * 10_000)))
    assert "event" not in line
    assert "payload" not in line
    assert line["function"] == "resize"
