import pytest

from headrace.idempotency.users_state import State, difference, without_ids

FILE = {"buckets.out/a.txt": ["one", "-- two"]}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(FILE, FILE, [], id="nothing has changed"),
        pytest.param(
            FILE,
            {"buckets.out/a.txt": ["one", "++ two"]},
            ["buckets.out/a.txt:", "  - -- two", "  + ++ two"],
            id="a line is another",
        ),
        pytest.param({}, FILE, ["buckets.out/a.txt is new:", "  + one", "  + -- two"], id="a file is new"),
        pytest.param(FILE, {}, ["buckets.out/a.txt is gone:", "  - one", "  - -- two"], id="a file is gone"),
        pytest.param(
            {"queues.jobs": ["x"]},
            {"queues.jobs": ["x", "x"]},
            ["queues.jobs:", "  + x"],
            id="a message is there twice",
        ),
    ],
)
def test_differences_are_told_place_by_place(before: State, after: State, told: list[str]) -> None:
    assert difference(before, after) == told


def test_a_long_difference_is_cut_short() -> None:
    lines = difference({}, {"queues.jobs": [str(number) for number in range(100)]})
    assert lines[-1] == "  ... 80 more lines"
    assert len(lines) == 22


def test_a_long_line_is_cut_short() -> None:
    _, line = difference({}, {"queues.jobs": ["x" * 1000]})
    assert line == f"  + {'x' * 400}..."


@pytest.mark.parametrize(
    ("sent", "bare"),
    [
        pytest.param('{"TopicArn":"t","MessageId":"1","Signature":"s"}', '{"TopicArn":"t"}', id="of a topic"),
        pytest.param(
            '{"Records":[{"Sns":{"TopicArn":"t","MessageId":"1"}}]}',
            '{"Records":[{"Sns":{"TopicArn":"t"}}]}',
            id="of a topic for a function",
        ),
        pytest.param('{"id":"1","detail-type":"d"}', '{"detail-type":"d"}', id="of a bus"),
        pytest.param('{ "id": "1" }', '{ "id": "1" }', id="a message of the user's own stays as it is"),
        pytest.param("{", "{", id="text stays as it is"),
    ],
)
def test_ids_that_differ_each_time_are_left_out(sent: str, bare: str) -> None:
    assert without_ids(sent) == bare
