from pathlib import Path

import pytest

from tests.fakes.recordings import recorded_line
from triggers.replay import plan as plan_module
from triggers.replay.json_text import EVENT_LIMIT_BYTES
from triggers.replay.plan import CannotReplay, EventFile, Recording, make_plan


def test_a_folder_is_taken_in_the_order_of_its_paths_and_recursively(tmp_path: Path) -> None:
    for name in ("b.json", "a/2.json", "a/1.json", "notes.txt", "c/x.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(recorded_line(0))
    plan = make_plan([tmp_path])
    names = [track.path.relative_to(tmp_path).as_posix() for track in plan.tracks]
    assert names == ["a/1.json", "a/2.json", "b.json", "c/x.jsonl"]
    assert plan.total == 4
    assert plan.has_plain_events


def test_a_malformed_file_of_a_folder_is_named_and_the_rest_is_played(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text('{"a": 1}')
    (tmp_path / "2.json").write_text('{\n  "a": ]')
    (tmp_path / "3.json").write_bytes(b"\x00\x01\x02\xff")
    (tmp_path / "4.json").write_text("")
    (tmp_path / "5.jsonl").write_text("garbage\nmore garbage\n")
    (tmp_path / "6.json").write_text("[]")
    plan = make_plan([tmp_path])
    assert [track.path.name for track in plan.tracks] == ["1.json", "6.json"]
    skipped = [(Path(problem.place).name, problem.reason) for problem in plan.skipped]
    assert skipped[0] == ("2.json:2:8", "Expecting value")
    assert [place for place, _ in skipped[1:]] == ["3.json:1:1", "4.json:1:1", "5.jsonl:1:1"]
    assert skipped[2][1] == "it is empty"
    assert "no line of it is part of a recording" in skipped[3][1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("e.json", b'{"a": 1,}', r"e\.json:1:[89]: ", id="malformed event"),
        pytest.param("e.json", b"", r"e\.json:1:1: it is empty", id="empty event"),
        pytest.param("e.jsonl", b"", r"e\.jsonl:1:1: it is empty", id="empty recording"),
        pytest.param("e.jsonl", b"\x89PNG\n\x00", r"e\.jsonl:1:1: no line of it is part", id="a picture"),
        pytest.param("e.jsonl", b'{"Records": []}\n', r'needs "offset"', id="JSON Lines of something else"),
    ],
)
def test_a_bad_file_that_was_named_is_an_error(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CannotReplay, match=message):
        make_plan([tmp_path / name])


def test_a_missing_file_and_an_empty_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(CannotReplay, match="there is no such file"):
        make_plan([tmp_path / "missing.json"])
    with pytest.raises(CannotReplay, match=r"no \*\.json"):
        make_plan([tmp_path])


def test_an_event_beyond_lambdas_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(EVENT_LIMIT_BYTES + 1)
    with pytest.raises(CannotReplay, match="6,291,457 bytes, an event has at most 6,291,456"):
        make_plan([path])


def test_a_recording_is_played_in_the_order_in_which_attempts_began(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(recorded_line(2.0) + recorded_line(0.5) + recorded_line(1.0))
    plan = make_plan([path])
    assert plan.tracks == [
        Recording(path, [(0.5, len(recorded_line(2.0))), (1.0, 2 * len(recorded_line(2.0))), (2.0, 0)])
    ]
    assert not plan.has_plain_events


def test_recorded_retries_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(
        recorded_line(0.0)
        + recorded_line(60.0, attempt=2)
        + recorded_line(180.0, attempt=3)
        + recorded_line(200.0)
    )
    plan = make_plan([path])
    assert (plan.total, plan.retries, plan.skipped) == (2, 2, [])


def test_a_torn_last_line_is_noticed_and_skipped(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(recorded_line(0.0) + recorded_line(1.0)[:-9])
    plan = make_plan([path])
    assert plan.total == 1
    assert [problem.reason for problem in plan.skipped] == ["the last line was not written to its end"]
    assert plan.skipped[0].place.startswith(f"{path}:2:")


def test_a_whole_last_line_without_a_line_feed_counts(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(recorded_line(0.0) + recorded_line(1.0)[:-1])
    assert make_plan([path]).total == 2


def test_a_bad_line_within_a_recording_is_named_and_the_rest_is_played(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(
        recorded_line(0.0) + b'{"offset": 0.5, "function": "f" "event": 1}\n\n' + recorded_line(1.0)
    )
    plan = make_plan([path])
    assert plan.total == 2
    assert [(p.place, p.reason) for p in plan.skipped] == [(f"{path}:2:33", "Expecting ',' delimiter")]


def test_a_line_beyond_the_limit_is_skipped_without_being_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "LINE_LIMIT_BYTES", 100)
    path = tmp_path / "r.jsonl"
    path.write_bytes(recorded_line(0.0) + b"x" * 1000 + b"\n" + recorded_line(1.0))
    plan = make_plan([path])
    assert plan.total == 2
    assert [(p.place, p.reason) for p in plan.skipped] == [
        (f"{path}:2:1", "the line has more than 100 bytes")
    ]


def test_a_file_named_twice_is_played_twice(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    path.write_text("{}")
    assert make_plan([path, path]).tracks == [EventFile(path), EventFile(path)]
