"""Which version an alias stands for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.functions.routing import Routing


@pytest.mark.parametrize(
    ("routing", "draw", "version"),
    [
        pytest.param(Routing("1"), 0.0, "1", id="no weights: the one version"),
        pytest.param(Routing("1", {"2": 0.25}), 0.24, "2", id="a draw below the weight"),
        pytest.param(Routing("1", {"2": 0.25}), 0.25, "1", id="a draw at the weight"),
        pytest.param(Routing("1", {"2": 0.25, "3": 0.5}), 0.74, "3", id="the second weight"),
        pytest.param(Routing("1", {"2": 0.0}), 0.0, "1", id="a weight of nothing"),
    ],
)
def test_a_draw_chooses_a_version(routing: Routing, draw: float, version: str) -> None:
    assert routing.choose(draw) == version


@given(draw=st.floats(min_value=0, max_value=1, exclude_max=True), weight=st.floats(min_value=0, max_value=1))
def test_every_draw_chooses_one_of_the_versions(draw: float, weight: float) -> None:
    assert Routing("1", {"2": weight}).choose(draw) in ("1", "2")
