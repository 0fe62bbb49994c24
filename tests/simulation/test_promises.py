"""Whole systems in virtual time, with all faults on: whatever a seed draws, all promises hold."""

import re

import pytest

from engine.feed import SimulatorReady
from tests.simulation.drawing import draw, draw_a_little_of_everything
from tests.simulation.trial import Trial, try_scenario, try_seed

PLACES = re.compile(r"/\S*/headrace-trial-\w+")  # which are others in every trial


def check(trial: Trial) -> None:
    if trial.broken:
        pytest.fail(trial.explanation(), pytrace=False)


def test_promises_hold_whatever_goes_wrong(seed: int) -> None:
    check(try_seed(seed))


@pytest.mark.parametrize("crash", [pytest.param(None, id="to its end"), pytest.param(40, id="with a crash")])
def test_promises_hold_with_real_processes(crash: int | None) -> None:
    scenario = draw_a_little_of_everything(2)
    if crash is not None:
        scenario.is_calm = False
        scenario.tables["faults"] = {"simulator_crash_after_commits": [crash]}
    trial = try_scenario(scenario, with_processes=True)
    check(trial)
    assert len(trial.journal.crashes) == (crash is not None)


@pytest.mark.parametrize("number", [1, 5, 15])
def test_a_seed_does_the_same_every_time(number: int) -> None:
    scenario = draw(number)
    assert not scenario.is_calm, "what is left to chance is what can differ"
    first, second = facts(try_seed(number)), facts(try_seed(number))
    assert first == second


def facts(trial: Trial) -> list[str]:
    """Return what was told, but where the trial was and which port it had."""
    told = [fact for fact in trial.journal.facts if not isinstance(fact, SimulatorReady)]
    return [PLACES.sub("", repr(fact)) for fact in told]
