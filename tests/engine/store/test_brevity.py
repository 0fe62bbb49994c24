import pytest

from engine.store.brevity import MOST_BYTES, Brevity

SMALL, LARGE = MOST_BYTES // 2, MOST_BYTES + 1


@pytest.mark.parametrize(
    ("operations", "is_brief"),
    [
        pytest.param([], False, id="nothing is known"),
        pytest.param([[]], False, id="nothing was there"),
        pytest.param([[SMALL, SMALL]], True, id="small ones"),
        pytest.param([[SMALL], []], True, id="nothing more"),
        pytest.param([[SMALL, SMALL, SMALL]], False, id="small ones that are many"),
        pytest.param([[SMALL], [LARGE]], False, id="a large one"),
        pytest.param([[LARGE], [SMALL]], False, id="a large one before"),
    ],
)
def test_operations_are_brief_after_small_ones_alone(operations: list[list[int]], is_brief: bool) -> None:
    brevity = Brevity()
    for sizes in operations:
        brevity.see(sizes)
    assert brevity.is_brief is is_brief
