import logging

import pytest

from engine.feed import Fact, Feed, Notice
from headrace.simulation.log_notices import noticed


@pytest.mark.parametrize(
    ("logger", "level", "place"),
    [
        pytest.param("headrace.aws.json_protocol", "error", "endpoint", id="an error of the endpoint"),
        pytest.param(
            "engine.mapping.queue_delivery", "warning", "simulator", id="a warning of anything else"
        ),
    ],
)
async def test_what_is_logged_is_a_notice(
    logger: str, level: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    facts: list[Fact] = []
    feed = Feed()
    feed.tap(facts.append)
    with noticed(feed):
        getattr(logging.getLogger(logger), level)("%s is full", "the disk")
        logging.getLogger(logger).info("not told")
    (notice,) = facts
    assert isinstance(notice, Notice)
    assert (notice.level, notice.place, notice.text) == (level, place, "the disk is full")
    assert capsys.readouterr().err == ""


async def test_a_bug_shows_its_traceback_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    feed = Feed()
    with noticed(feed):
        try:
            raise ValueError("a bug")
        except ValueError:
            logging.getLogger("headrace.aws.endpoint").exception("GET / failed")
    assert "ValueError: a bug" in capsys.readouterr().err


async def test_what_the_feed_says_of_its_readers_does_not_come_back_to_them() -> None:
    def fail(_: Fact) -> None:
        raise ValueError("a bug")

    feed = Feed()
    feed.tap(fail)
    with noticed(feed):
        logging.getLogger("engine.mapping").warning("once")
