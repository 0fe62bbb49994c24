"""When a file counts as put or removed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from triggers.s3.settle import Candidate, FileState, Nothing, Put, Removed, Step, Wait, next_step

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTLE = timedelta(seconds=0.3)
A_WHILE_AGO = NOW - timedelta(seconds=0.2)
LONG_AGO = NOW - SETTLE
OLD = FileState(3, 1_000, 7)
GROWN = FileState(4, 2_000, 7)
TOUCHED = replace(OLD, mtime_ns=2_000)
REPLACED = FileState(3, 1_000, 8)
WAIT = Wait(NOW + SETTLE, NOW)


@pytest.mark.parametrize(
    ("candidate", "state", "indexed", "expected"),
    [
        pytest.param(Candidate(finished=True), GROWN, None, Put(), id="a closed new file is put at once"),
        pytest.param(Candidate(written=True), GROWN, None, WAIT, id="a new file must be still first"),
        pytest.param(
            Candidate(written=True, seen=GROWN, seen_at=A_WHILE_AGO),
            GROWN,
            None,
            Wait(A_WHILE_AGO + SETTLE, A_WHILE_AGO),
            id="it goes on waiting",
        ),
        pytest.param(
            Candidate(written=True, seen=GROWN, seen_at=LONG_AGO), GROWN, None, Put(), id="it was still"
        ),
        pytest.param(
            Candidate(written=True, seen=OLD, seen_at=LONG_AGO), GROWN, None, WAIT, id="it changed meanwhile"
        ),
        pytest.param(Candidate(finished=True), GROWN, OLD, Put(), id="another size is another content"),
        pytest.param(Candidate(finished=True), REPLACED, OLD, Put(), id="another inode was written anew"),
        pytest.param(
            Candidate(written=True, finished=True), TOUCHED, OLD, Put(), id="the same content again is a put"
        ),
        pytest.param(
            Candidate(finished=True), TOUCHED, OLD, Put(if_different=True), id="a touch may be no change"
        ),
        pytest.param(Candidate(finished=True, written=True), OLD, OLD, Nothing(), id="the index knows it"),
        pytest.param(Candidate(), None, None, Nothing(), id="came and went unseen"),
        pytest.param(Candidate(), None, OLD, WAIT, id="a missing file may come back"),
        pytest.param(Candidate(seen=None, seen_at=LONG_AGO), None, OLD, Removed(), id="it did not"),
        pytest.param(
            Candidate(seen=OLD, seen_at=LONG_AGO), None, OLD, WAIT, id="missing since this very look"
        ),
        pytest.param(
            Candidate(finished=True, seen=None, seen_at=A_WHILE_AGO), REPLACED, OLD, Put(), id="it came back"
        ),
    ],
)
def test_a_file_is_put_when_it_is_settled_and_removed_when_it_stays_away(
    candidate: Candidate, state: FileState | None, indexed: FileState | None, expected: Step
) -> None:
    assert next_step(candidate, state, indexed, NOW, SETTLE) == expected


def test_a_write_within_the_same_time_stamp_is_found_by_its_content() -> None:
    candidate = Candidate(written=True, finished=True)
    assert next_step(candidate, OLD, OLD, NOW, SETTLE, racy=True) == Put(if_different=True)


def test_a_file_of_the_first_sight_is_read_although_the_index_has_its_state() -> None:
    step = next_step(Candidate(finished=True), OLD, OLD, NOW, SETTLE, unread=True)
    assert step == Put(if_different=True)


def test_a_file_that_may_have_changed_within_its_time_stamp_is_read_for_who_seeks_the_truth() -> None:
    candidate = Candidate(sought=True)
    assert next_step(candidate, OLD, OLD, NOW, SETTLE, racy=True) == Put(if_different=True)
    assert next_step(candidate, OLD, OLD, NOW, SETTLE) == Nothing()
