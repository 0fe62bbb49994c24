"""Which option is proposed for one that does not exist."""

from typing import Annotated

import pytest
from pydantic import Field

from engine.settings import Settings
from headrace.option_advice import options_below, options_of, unknown_option


class Scaling(Settings):
    maximum_concurrency: int | None = None


class Filter(Settings):
    pattern: str


class Mapping(Settings):
    source: str
    batch_size: int = 10
    maximum_batching_window_in_seconds: int = 0
    tumbling_window_in_seconds: int = 0
    environment: Annotated[dict[str, str], Field(default_factory=dict)]
    scaling_config: Scaling | None = None
    filters: tuple[Filter, ...] = ()
    kms_key_arn: None = None


def test_what_may_be_set_is_known_of_a_table_and_of_those_in_it() -> None:
    assert "kms_key_arn" not in options_of(Mapping)
    assert options_below(Mapping) == ["scaling_config.maximum_concurrency", "filters.pattern"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        pytest.param("batchsize", ["batch_size"], id="a slip"),
        pytest.param("env", ["environment"], id="shortened"),
        pytest.param("maximum_concurrency", ["scaling_config.maximum_concurrency"], id="in a table below"),
        pytest.param("max_concurrency", ["scaling_config.maximum_concurrency"], id="almost that"),
        pytest.param("pattern", ["filters.pattern"], id="in a list of tables"),
        pytest.param("batch_window", ["maximum_batching_window_in_seconds"], id="most words of one"),
        pytest.param(
            "window",
            ["maximum_batching_window_in_seconds", "tumbling_window_in_seconds"],
            id="a word of two",
        ),
    ],
)
def test_what_was_meant_is_proposed(name: str, meant: list[str]) -> None:
    advice = unknown_option(name, options_of(Mapping), options_below(Mapping))
    assert advice == f"there is no such option; did you mean {' or '.join(map(repr, meant))}?"


@pytest.mark.parametrize("name", ["queue", "path", "is_it", "", "_", "x" * 10_000])
def test_all_there_are_is_told_when_nothing_is_like_it(name: str) -> None:
    advice = unknown_option(name, options_of(Mapping), options_below(Mapping))
    assert advice.startswith("there is no such option; there are batch_size, environment, filters, ")


def test_where_nothing_is_known_nothing_is_proposed() -> None:
    assert unknown_option("anything", ()) == "there is no such option"
