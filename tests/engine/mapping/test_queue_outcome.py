"""Which messages of a batch are deleted, and which show again."""

from dataclasses import replace

import pytest

from engine.mapping.queue_outcome import judge
from engine.mapping.source import QueueMessage
from tests.fakes.scripted_functions import raised, returned

MESSAGES = [QueueMessage(name, f"handle-{name}", None, {}) for name in "abc"]


def failed(response: bytes, *, reports_failures: bool = True) -> str:
    answer = replace(returned(None), payload=response)
    outcome = judge(MESSAGES, answer, reports_failures=reports_failures)
    assert sorted([*outcome.failed, *outcome.succeeded], key=MESSAGES.index) == MESSAGES
    assert outcome.problem is None or not outcome.succeeded
    return "".join(message.message_id for message in outcome.failed)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(b"{}", "", id="an empty object is a success"),
        pytest.param(b"null", "", id="null is a success"),
        pytest.param(b'""', "", id="empty text is a success"),
        pytest.param(b"[]", "", id="an empty list is a success"),
        pytest.param(b"", "", id="no response at all is a success"),
        pytest.param(b'{"batchItemFailures": []}', "", id="no failures"),
        pytest.param(b'{"batchItemFailures": null}', "", id="null failures"),
        pytest.param(b'{"statusCode": 200}', "", id="a response about something else"),
        pytest.param(b'{"batchItemFailures": [{"itemIdentifier": "b"}]}', "b", id="one of them"),
        pytest.param(
            b'{"batchItemFailures": [{"itemIdentifier": "c"}, {"itemIdentifier": "a"}], "more": 1}',
            "ac",
            id="two, in any order",
        ),
        pytest.param(
            b'{"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "b", "x": 1}]}',
            "b",
            id="one of them twice",
        ),
        pytest.param(b'{"batchItemFailures": [{"itemIdentifier": ""}]}', "abc", id="an empty id"),
        pytest.param(b'{"batchItemFailures": [{"itemIdentifier": null}]}', "abc", id="a null id"),
        pytest.param(b'{"batchItemFailures": [{"itemIdentifier": 1}]}', "abc", id="an id that is no text"),
        pytest.param(
            b'{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "x"}]}',
            "abc",
            id="an unknown id beside a known one",
        ),
        pytest.param(b'{"batchItemFailures": [{"foo": "a"}]}', "abc", id="another key"),
        pytest.param(b'{"batchItemFailures": ["a"]}', "abc", id="an id without its key"),
        pytest.param(b'{"batchItemFailures": "a"}', "abc", id="failures that are no list"),
        pytest.param(b'{"batchItemFailures": {}}', "abc", id="failures that are an object"),
        pytest.param(b'"done"', "abc", id="text"),
        pytest.param(b"[1]", "abc", id="a list"),
        pytest.param(b"true", "abc", id="a flag"),
        pytest.param(b"{batchItemFailures: []}", "abc", id="no JSON"),
        pytest.param(b'{"a": NaN}', "abc", id="not quite JSON"),
    ],
)
def test_a_partial_batch_response_names_what_failed(response: bytes, expected: str) -> None:
    assert failed(response) == expected


@pytest.mark.parametrize("response", [b'{"batchItemFailures": [{"itemIdentifier": "a"}]}', b"no JSON"])
def test_without_reporting_any_response_is_a_success(response: bytes) -> None:
    assert failed(response, reports_failures=False) == ""


@pytest.mark.parametrize("reports_failures", [True, False])
def test_after_a_function_error_all_of_the_batch_failed(reports_failures: bool) -> None:
    assert judge(MESSAGES, raised("Error", "no"), reports_failures=reports_failures).failed == MESSAGES
