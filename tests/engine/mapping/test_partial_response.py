"""What is said of an answer that is no partial batch response."""

import pytest

from engine.mapping.partial_response import SenselessAnswer, failed_ids, parsed


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        pytest.param(b"{a}", "its answer is not JSON", id="no JSON"),
        pytest.param(b'"done"', "its answer is no object with batchItemFailures", id="text"),
        pytest.param(b'{"batchItemFailures": {}}', "batchItemFailures is no list", id="an object"),
        pytest.param(
            b'{"batchItemFailures": [{"itemIdentifier": "a"}, {"messageId": "b"}]}',
            "batchItemFailures[1] has no itemIdentifier",
            id="another key",
        ),
        pytest.param(
            b'{"batchItemFailures": ["a"]}', "batchItemFailures[0] has no itemIdentifier", id="a bare id"
        ),
        pytest.param(
            b'{"batchItemFailures": [{"itemIdentifier": null}]}',
            "batchItemFailures[0] names 'None', which is not in the batch",
            id="null for an id",
        ),
        pytest.param(
            b'{"batchItemFailures": [{"itemIdentifier": "%b"}]}' % (b"x" * 1000),
            f"batchItemFailures[0] names '{'x' * 60}', which is not in the batch",
            id="an id of another batch",
        ),
    ],
)
def test_a_senseless_answer_is_told_in_words(response: bytes, problem: str) -> None:
    with pytest.raises(SenselessAnswer) as caught:
        failed_ids(parsed(response), {"a", "b"})
    assert str(caught.value) == problem
