"""Which seeds are tried: those of `--seed`, or as many as `--seeds` says."""

import pytest

SEEDS = 300


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a failing seed be tried again."""
    group = parser.getgroup("simulation")
    group.addoption("--seed", type=int, action="append", help="Try this seed of tests/simulation alone.")
    group.addoption("--seeds", type=int, default=SEEDS, help="How many seeds of tests/simulation to try.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each seed."""
    if "seed" in metafunc.fixturenames:
        option = metafunc.config.getoption
        seeds = option("--seed", None) or range(option("--seeds", SEEDS))
        metafunc.parametrize("seed", seeds, ids=[f"seed {seed}" for seed in seeds])
