"""When a key is looked at."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from triggers.s3.candidates import Candidates
from triggers.s3.settle import Candidate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)


def free(_: str) -> bool:
    """No key is held by anybody."""
    return True


def test_hints_about_one_key_are_one_candidate() -> None:
    candidates = Candidates()
    candidates.note("k", written=True)
    candidates.note("k", finished=True)

    assert candidates.take(NOW, 10, free) == {"k": Candidate(written=True, finished=True)}
    assert candidates.take(NOW, 10, free) == {}


def test_a_key_that_is_due_later_is_taken_when_its_writer_is_done() -> None:
    candidates = Candidates()
    candidates.note("k", written=True, due=LATER)
    assert candidates.take(NOW, 10, free) == {}
    assert candidates.next_due() == LATER

    candidates.note("k", finished=True)

    assert list(candidates.take(NOW, 10, free)) == ["k"]
    assert candidates.next_due() is None


def test_what_says_nothing_new_may_wait_and_hurries_nobody() -> None:
    candidates = Candidates()
    candidates.note("ours", finished=True, due=LATER, may_wait=True)
    candidates.note("theirs", written=True, due=LATER)
    candidates.note("theirs", finished=True, due=LATER, may_wait=True)
    assert candidates.take(NOW, 10, free) == {}

    candidates.note("ours", finished=True, due=LATER)

    assert list(candidates.take(NOW, 10, free)) == ["ours"]
    assert candidates.take(LATER, 10, free) == {"theirs": Candidate(written=True, finished=True)}


def test_a_candidate_that_is_put_back_keeps_what_was_said_meanwhile() -> None:
    candidates = Candidates()
    candidates.note("k", silent=True)
    taken = candidates.take(NOW, 10, free)["k"]
    candidates.note("k", written=True)
    candidates.put_back("k", taken, LATER)

    assert candidates.take(NOW, 10, free) == {}
    assert candidates.take(LATER, 10, free) == {"k": Candidate(written=True, silent=False)}


def test_a_key_that_somebody_holds_stays() -> None:
    candidates = Candidates()
    candidates.note("held")
    candidates.note("free")

    assert list(candidates.take(NOW, 10, lambda key: key == "free")) == ["free"]
    assert list(candidates.take(NOW, 10, free)) == ["held"]


def test_no_more_than_asked_for_are_taken() -> None:
    candidates = Candidates()
    for key in "abc":
        candidates.note(key)

    assert [len(candidates.take(NOW, 2, free)) for _ in range(3)] == [2, 1, 0]


def test_what_somebody_else_has_in_hand_is_told_and_not_waited_for() -> None:
    candidates = Candidates()
    assert candidates.are_settled(NOW)
    candidates.note("new")
    assert not candidates.are_settled(NOW)
    assert candidates.held_up() == []
    (candidate,) = candidates.take(NOW, 10, free).values()
    candidates.put_back("new", replace(candidate, held_up_at=NOW), LATER)
    assert candidates.are_settled(NOW)
    assert candidates.held_up() == ["new"]
    assert not candidates.are_settled(LATER), "it may have been let go of since"


def test_a_key_that_is_sought_stays_so() -> None:
    candidates = Candidates()
    candidates.note("k", sought=True)
    candidates.note("k", written=True)
    assert candidates.take(NOW, 10, free) == {"k": Candidate(written=True, sought=True)}
