from pathlib import Path

import pytest

from triggers.s3.bucket_folders import problems_of_folders


@pytest.mark.parametrize(
    ("folders", "problem"),
    [
        pytest.param(
            {"one": "in", "two": "in"},
            "buckets.two.folder: {0}/in is that of buckets.one, too: give each its own",
            id="the same folder twice",
        ),
        pytest.param(
            {"one": "in", "two": "x/../in/sub"},
            "buckets.two.folder: {0}/in/sub lies in {0}/in, the folder of buckets.one: "
            "a file belongs to one bucket",
            id="a folder in another bucket's",
        ),
        pytest.param(
            {"one": "in/sub", "two": "in"},
            "buckets.one.folder: {0}/in/sub lies in {0}/in, the folder of buckets.two: "
            "a file belongs to one bucket",
            id="a folder around another bucket's",
        ),
        pytest.param(
            {"one": "link", "two": "in"},
            "buckets.two.folder: {0}/in is that of buckets.one, too: give each its own",
            id="a link to another bucket's folder",
        ),
        pytest.param(
            {"one": "file"}, "buckets.one.folder: {0}/file is a file: a bucket is a folder", id="a file"
        ),
        pytest.param(
            {"one": "state/one"},
            "buckets.one.folder: {0}/state/one is in the state folder, which is the simulator's own",
            id="a folder in the state folder",
        ),
    ],
)
def test_folders_that_cannot_be_buckets_are_named(
    tmp_path: Path, folders: dict[str, str], problem: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("in")
    named = {name: tmp_path / folder for name, folder in folders.items()}
    assert problems_of_folders(named, tmp_path / "state") == [problem.format(tmp_path)]


def test_neighbours_and_a_state_folder_in_a_bucket_are_no_problem(tmp_path: Path) -> None:
    folders = {"one": tmp_path / "in", "two": tmp_path / "in-2", "three": tmp_path / "work"}
    assert problems_of_folders(folders, tmp_path / "work" / "state") == []
