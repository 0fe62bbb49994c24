"""A crash at any commit of the store: what is started again comes to an end with the same books."""

from typing import Literal

import pytest

from tests.simulation.drawing import draw_a_little_of_everything
from tests.simulation.trial import Trial, try_scenario

SEED = 2
LAST_COMMIT, COMMITS_OF_A_TEST = 100, 10
CHUNKS = range(1, LAST_COMMIT + 1, COMMITS_OF_A_TEST)

Side = Literal["before", "after"]


def crashing(side: Side, commit: int) -> Trial:
    """Try a scenario with every kind of source, in which the simulator crashes just once."""
    scenario = draw_a_little_of_everything(SEED)
    scenario.is_calm = False
    scenario.tables["faults"] = {f"simulator_crash_{side}_commits": [commit]}
    return try_scenario(scenario)


@pytest.mark.parametrize("first", CHUNKS, ids=[f"from commit {first}" for first in CHUNKS])
@pytest.mark.parametrize("side", ["before", "after"])
def test_books_balance_wherever_the_simulator_crashes(side: Side, first: int) -> None:
    for commit in range(first, first + COMMITS_OF_A_TEST):
        trial = crashing(side, commit)
        if trial.broken:
            pytest.fail(f"a crash {side} commit {commit}\n{trial.explanation()}", pytrace=False)


def test_every_commit_is_among_them() -> None:
    trial = crashing("after", LAST_COMMIT)
    assert trial.journal.crashes == []
    assert trial.journal.left.commits > LAST_COMMIT // 2
