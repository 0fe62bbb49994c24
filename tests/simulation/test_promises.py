"""Whole systems in virtual time, with all faults on: whatever a seed draws, all promises hold."""

import pytest

from tests.simulation.trial import try_seed


def test_promises_hold_whatever_goes_wrong(seed: int) -> None:
    trial = try_seed(seed)
    if trial.broken:
        pytest.fail(trial.explanation(), pytrace=False)
