import pytest

from headrace.idempotency.users_state import State, difference

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
