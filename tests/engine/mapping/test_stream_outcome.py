"""What answers say of a batch of a stream; most forms as they were recorded on AWS."""

from dataclasses import replace

import pytest

from engine.mapping.stream_outcome import StreamOutcome, read_answer
from tests.fakes.scripted_functions import raised, returned

NUMBERS = ("10", "20", "30")


@pytest.mark.parametrize(
    ("payload", "failed_from"),
    [
        pytest.param(b"[]", None, id="an empty list succeeds"),
        pytest.param(b"null", None, id="null succeeds"),
        pytest.param(b"{}", None, id="an empty object succeeds"),
        pytest.param(b'""', None, id="an empty text succeeds"),
        pytest.param(b"", None, id="no answer at all succeeds"),
        pytest.param(b'{"batchItemFailures":[]}', None, id="no failures succeed"),
        pytest.param(b'{"batchItemFailures":null}', None, id="null failures succeed"),
        pytest.param(b'{"foo":"bar"}', None, id="an object without failures succeeds"),
        pytest.param(b'{"batchItemFailures":[{"itemIdentifier":"20"}]}', 1, id="a checkpoint"),
        pytest.param(
            b'{"batchItemFailures":[{"itemIdentifier":"30"},{"itemIdentifier":"20"}]}',
            1,
            id="the lowest counts",
        ),
        pytest.param(b'{"batchItemFailures":[{"itemIdentifier":"10"}]}', 0, id="the first record"),
        pytest.param(b'{"batchItemFailures":[{"itemIdentifier":""}]}', 0, id="an empty identifier fails all"),
        pytest.param(b'{"batchItemFailures":[{"itemIdentifier":null}]}', 0, id="a null identifier fails all"),
        pytest.param(b'{"batchItemFailures":[{"itemIdentifier":30}]}', 0, id="a number is no identifier"),
        pytest.param(b'{"batchItemFailures":[{"foo":123}]}', 0, id="a wrong key fails all"),
        pytest.param(b'{"batchItemFailures":[{"itemIdentifier":"99"}]}', 0, id="an unknown record fails all"),
        pytest.param(
            b'{"batchItemFailures":[{"itemIdentifier":"30"},{"itemIdentifier":""}]}',
            0,
            id="one bad identifier fails all",
        ),
        pytest.param(b'{"batchItemFailures":["30"]}', 0, id="a failure is an object"),
        pytest.param(b'{"batchItemFailures":"30"}', 0, id="failures are a list"),
        pytest.param(b'"anything"', 0, id="text is of no known form"),
        pytest.param(b"[1]", 0, id="nor is a list"),
        pytest.param(b"false", 0, id="nor is false"),
        pytest.param(b"NaN", 0, id="nor what is not JSON"),
    ],
)
def test_an_answer_says_where_processing_goes_on(payload: bytes, failed_from: int | None) -> None:
    result = replace(returned(None), payload=payload)
    outcome = read_answer(result, NUMBERS, reports_failures=True, returns_state=False)
    assert replace(outcome, problem=None) == StreamOutcome(failed_from)
    assert outcome.problem is None or failed_from == 0
    without = read_answer(result, NUMBERS, reports_failures=False, returns_state=False)
    assert without == StreamOutcome(None), "without ReportBatchItemFailures any return is a success"


@pytest.mark.parametrize("reports_failures", [True, False])
def test_an_exception_fails_the_whole_batch(reports_failures: bool) -> None:
    outcome = read_answer(raised("E", "m"), NUMBERS, reports_failures=reports_failures, returns_state=False)
    assert outcome == StreamOutcome(0, "Unhandled")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"state": {"a": 1}}, StreamOutcome(None, state=b'{"a":1}'), id="a state"),
        pytest.param({"state": {}}, StreamOutcome(None, state=b"{}"), id="an empty state"),
        pytest.param({}, StreamOutcome(0), id="no state is a failure"),
        pytest.param(None, StreamOutcome(0), id="null is a failure"),
        pytest.param({"state": None}, StreamOutcome(0), id="a state is an object"),
        pytest.param(
            {"state": {"a": 1}, "batchItemFailures": [{"itemIdentifier": "20"}]},
            StreamOutcome(1, state=b'{"a":1}'),
            id="the state of what is processed",
        ),
        pytest.param(
            {"state": {"a": 1}, "batchItemFailures": [{"itemIdentifier": "10"}]},
            StreamOutcome(0),
            id="nothing processed, no new state",
        ),
    ],
)
def test_a_tumbling_window_needs_a_state(value: object, expected: StreamOutcome) -> None:
    assert read_answer(returned(value), NUMBERS, reports_failures=True, returns_state=True) == expected
