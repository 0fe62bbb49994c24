"""Which files are objects."""

from pathlib import Path

import pytest

from triggers.s3.keys import KeyRules, key_of, path_of, problem_of_key


@pytest.mark.parametrize(
    "key",
    [
        ".hidden",
        "a/.git/config",
        "x.tmp",
        "x.part",
        "x.crdownload",
        "~$report.docx",
        ".f.swp",
        "4913",
        "f~",
        "sedxIFQNX",
        ".headrace-upload-1",
    ],
)
def test_temporary_and_hidden_names_are_ignored(key: str) -> None:
    assert KeyRules().ignores(key)


@pytest.mark.parametrize(
    "key", ["photo.jpg", "a/b/c", "tmp", "4913.jpg", "a.tmp.txt", "~x", "sed-1.txt", "sedan", "sedimentary"]
)
def test_other_names_are_not(key: str) -> None:
    assert not KeyRules().ignores(key)


def test_the_list_can_be_replaced_and_a_pattern_with_a_slash_is_about_the_whole_key() -> None:
    rules = KeyRules(["build/*"])
    assert rules.ignores("build/out/x")
    assert not rules.ignores("src/build/x")
    assert not rules.ignores(".hidden")


def test_what_is_never_an_object_is_known_by_whole_names() -> None:
    rules = KeyRules((), not_objects=["state"])
    assert [rules.excludes(key) for key in ("state", "state/a/b", "state.txt", "a/state", "states/a")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert rules.ignores("state/a")


def test_a_marker_names_its_object() -> None:
    rules = KeyRules((), ".done")
    assert (rules.object_of_marker("a/b.done"), rules.object_of_marker("a/b"), rules.marker_of("a/b")) == (
        "a/b",
        None,
        "a/b.done",
    )


@pytest.mark.parametrize(
    "key",
    [
        "",
        "..",
        "a/../b",
        "/a",
        "a//b",
        "a//",
        "/",
        "./a",
        "a\0b",
        "\udcff",
        "x" * 1025,
        "é" * 513,
        "x" * 256,
        "y/" + "é" * 128,
    ],
)
def test_what_no_file_can_be_called_is_refused(key: str) -> None:
    assert problem_of_key(key) is not None


@pytest.mark.parametrize("key", ["a", "a/b", "...", "a b+c%", "é" * 127, "x/" * 512, "a\\b", "..a/b.."])
def test_other_keys_are_files(key: str) -> None:
    assert problem_of_key(key) is None
    assert key_of("/inbox", path_of(Path("/inbox"), key)) == key


@pytest.mark.parametrize("path", ["/inbox", "/inboxes/a", "/other/a"])
def test_a_path_outside_the_folder_has_no_key(path: str) -> None:
    assert key_of("/inbox", path) is None
