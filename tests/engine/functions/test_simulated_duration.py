import re
import statistics

import pytest

from engine.functions.simulated_duration import parse_simulated_duration

DRAWS = [(number + 0.5) / 2000 for number in range(2000)]


def seconds(text: str) -> list[float]:
    distribution = parse_simulated_duration(text)
    assert distribution is not None
    return [distribution.seconds(draw) for draw in DRAWS]


def test_real_is_no_distribution() -> None:
    assert parse_simulated_duration(" real ") is None


def test_a_duration_is_always_the_same() -> None:
    assert set(seconds("1m30s")) == {90.0}


def test_uniform_lies_between_its_bounds() -> None:
    drawn = seconds("uniform(min=10ms, max=2s)")
    assert 0.010 <= min(drawn) < 0.012
    assert 1.998 < max(drawn) <= 2
    assert statistics.median(drawn) == pytest.approx(1.005)


def test_exponential_has_its_mean() -> None:
    assert statistics.mean(seconds("exponential(mean=80ms)")) == pytest.approx(0.08, rel=0.01)


def test_lognormal_has_its_median_and_its_99th_percentile() -> None:
    drawn = sorted(seconds("lognormal(median=80ms,p99=900ms)"))
    assert statistics.median(drawn) == pytest.approx(0.08, rel=0.01)
    assert drawn[1979] == pytest.approx(0.9, rel=0.03)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("soon", "is needed, got 'soon'", id="no duration at all"),
        pytest.param("normal(mean=1s)", "there is no distribution 'normal'", id="an unknown distribution"),
        pytest.param("lognormal(median=1s)", "takes median and p99, got median", id="an argument is missing"),
        pytest.param("uniform(1s, 2s)", "'1s' needs a name", id="arguments without names"),
        pytest.param("uniform(min=2s, max=1s)", "min is more than max", id="bounds in the wrong order"),
        pytest.param("lognormal(median=2s, p99=1s)", "no more than p99", id="a percentile below the median"),
        pytest.param("exponential(mean=often)", '"90s"', id="an argument that is no duration"),
    ],
)
def test_what_is_no_simulated_duration_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_simulated_duration(text)
