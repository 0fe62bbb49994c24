"""The AWS CLI against a bucket that was made over the API."""

import os
from pathlib import Path

from tests.end_to_end.headrace_process import HeadraceProcess
from tests.end_to_end.test_s3_restart import CONFIGURATION
from tests.fakes.aws_cli import run_aws


def aws(folder: Path, url: str, *commands: str) -> list[str]:
    """Run commands of the AWS CLI in a folder, which have to succeed; return what each prints."""
    done = run_aws(folder, url, commands)
    assert [each.status for each in done] == [0] * len(commands), [each.errors for each in done]
    return [each.output for each in done]


def test_copying_syncing_and_removing(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text(CONFIGURATION)
    (tmp_path / "fn").mkdir()
    (tmp_path / "fn/handler.py").write_text("def handler(event, context):\n    return None\n")
    large = os.urandom(9 * 1024 * 1024)  # above the CLI's threshold for uploads in parts
    site = tmp_path / "here/site"
    (site / "deep er").mkdir(parents=True)
    (site / "index.html").write_text("<p>")
    (site / "deep er/large").write_bytes(large)

    with HeadraceProcess(tmp_path) as simulator:
        _, _, listed, folders, again, _, _, _, url, _, left, _, buckets = aws(
            tmp_path / "here",
            simulator.url,
            "s3 mb s3://site",
            "s3 sync site s3://site/www --no-progress",
            "s3 ls --recursive s3://site",
            "s3 ls s3://site/www/",
            "s3 sync site s3://site/www",
            "s3 cp --recursive s3://site/www s3://site/copy --no-progress",
            "s3 mv s3://site/copy/index.html s3://site/home.html --no-progress",
            "s3 sync s3://site back --no-progress",
            "s3 presign s3://site/home.html",
            "s3 rm --recursive s3://site/www",
            "s3 ls --recursive s3://site",
            "s3 rb --force s3://site",
            "s3 ls",
        )

    assert [line.split(maxsplit=3)[2:] for line in listed.splitlines()] == [
        ["9437184", "www/deep er/large"],
        ["3", "www/index.html"],
    ]
    assert "PRE deep er/" in folders
    assert again == ""
    assert (tmp_path / "here/back/copy/deep er/large").read_bytes() == large
    assert (tmp_path / "here/back/home.html").read_text() == "<p>"
    assert url.startswith("http://127.0.0.1:")
    assert [line.split()[-1] for line in left.splitlines()] == ["er/large", "home.html"]
    assert buckets == ""
