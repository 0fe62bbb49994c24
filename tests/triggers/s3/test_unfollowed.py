"""What is read of a bucket whose folder nobody follows."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from triggers.s3 import files, unfollowed
from triggers.s3.keys import KeyRules
from triggers.s3.objects import NOT_READ, ObjectEntry

RULES = KeyRules()
NOTHING: Mapping[str, ObjectEntry] = {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for key in ("a.txt", "b/one.txt", "b/two.txt", "b/c/deep.txt", "left.tmp", ".hidden/x"):
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key)
    return tmp_path


def indexed(folder: Path, *keys: str, **changes: int) -> dict[str, ObjectEntry]:
    """Entries as an index has them of what lies there, or lay there before `changes`."""
    found = {}
    for key in keys:
        state = files.look(folder, [key])[key]
        assert state is not None
        mtime_ns = changes.get("mtime_ns", state.mtime_ns)
        found[key] = ObjectEntry(key, "its-etag", state.size, mtime_ns, state.inode, 7, 1)
    return found


def keys_of(folder: Path, index: Mapping[str, ObjectEntry] = NOTHING, **wanted: str) -> list[str]:
    limits = {"prefix": "", "delimiter": "", "start_after": ""} | wanted
    page = unfollowed.page(folder, RULES, index, limit=1000, **limits)
    assert page.next_start is None
    return [*(entry.key for entry in page.entries), *page.common_prefixes]


def test_what_lies_there_is_found_though_no_index_has_it(folder: Path) -> None:
    found = unfollowed.find(folder, RULES, ["a.txt", "b/c/deep.txt", "nothing"], NOTHING)
    assert found.keys() == {"a.txt", "b/c/deep.txt"}
    entry = found["a.txt"]
    assert (entry.etag, entry.size, entry.is_read) == (NOT_READ, 5, False)
    assert entry.modified == (folder / "a.txt").stat().st_mtime_ns // 1_000_000


@pytest.mark.parametrize("key", ["left.tmp", ".hidden/x", "b/", "b"])
def test_what_is_no_object_is_not_found_unless_the_index_has_it(folder: Path, key: str) -> None:
    assert unfollowed.find(folder, RULES, [key], NOTHING) == {}
    if key != "b":
        index = indexed(folder, key)
        assert unfollowed.find(folder, RULES, [key], index) == index
        assert key in keys_of(folder, index)


def test_an_entry_of_the_index_holds_for_a_file_as_it_was(folder: Path) -> None:
    index = indexed(folder, "a.txt")
    assert unfollowed.find(folder, RULES, ["a.txt"], index) == index
    older = indexed(folder, "a.txt", mtime_ns=1)
    assert not unfollowed.find(folder, RULES, ["a.txt"], older)["a.txt"].is_read


def test_what_has_gone_is_not_there(folder: Path) -> None:
    index = indexed(folder, "a.txt")
    (folder / "a.txt").unlink()
    assert unfollowed.find(folder, RULES, ["a.txt"], index) == {}
    assert "a.txt" not in keys_of(folder, index)


def test_a_file_is_complete_with_its_marker(folder: Path) -> None:
    rules = KeyRules(complete_marker=".done")
    assert unfollowed.find(folder, rules, ["a.txt"], NOTHING) == {}
    (folder / "a.txt.done").touch()
    assert unfollowed.find(folder, rules, ["a.txt", "a.txt.done"], NOTHING).keys() == {"a.txt"}
    page = unfollowed.page(folder, rules, NOTHING, prefix="", delimiter="", start_after="", limit=9)
    assert [entry.key for entry in page.entries] == ["a.txt"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param({}, ["a.txt", "b/c/deep.txt", "b/one.txt", "b/two.txt"], id="all"),
        pytest.param({"prefix": "b/o"}, ["b/one.txt"], id="a prefix within a name"),
        pytest.param({"delimiter": "/"}, ["a.txt", "b/"], id="rolled up"),
        pytest.param({"prefix": "b/", "delimiter": "/"}, ["b/one.txt", "b/two.txt", "b/c/"], id="a folder"),
        pytest.param({"start_after": "b/c/deep.txt"}, ["b/one.txt", "b/two.txt"], id="from a key on"),
        pytest.param({"prefix": "nowhere/"}, [], id="nothing"),
    ],
)
def test_a_listing_is_of_what_lies_there(folder: Path, wanted: dict[str, str], expected: list[str]) -> None:
    assert keys_of(folder, NOTHING, **wanted) == expected


def test_a_page_ends_at_its_limit(folder: Path) -> None:
    page = unfollowed.page(folder, RULES, NOTHING, prefix="", delimiter="", start_after="", limit=1)
    assert ([entry.key for entry in page.entries], page.next_start) == (["a.txt"], "a.txt")


def test_a_folder_that_is_missing_is_empty(tmp_path: Path) -> None:
    assert keys_of(tmp_path / "missing") == []
    assert unfollowed.find(tmp_path / "missing", RULES, ["a"], NOTHING) == {}
