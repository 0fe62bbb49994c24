"""Which function hears of which change."""

import json
from pathlib import Path

import pytest

from triggers.s3.event import ObjectChange
from triggers.s3.notification import (
    MOST_CHAIN_INVOCATIONS,
    OVERLAP_MESSAGE,
    Notification,
    problem_of_event_type,
    problem_of_overlap,
    stopped_by_recursion,
)

CREATED, REMOVED = "s3:ObjectCreated:*", "s3:ObjectRemoved:*"


def rule(*events: str, prefix: str = "", suffix: str = "", recursive: bool = False) -> Notification:
    """A notification of function f."""
    return Notification("id", "f", events or (CREATED,), prefix, suffix, recursive)


@pytest.mark.parametrize(
    ("notification", "name", "key", "expected"),
    [
        pytest.param(rule(), "ObjectCreated:Put", "k", True, id="a wildcard matches its members"),
        pytest.param(rule(), "ObjectRemoved:Delete", "k", False, id="but no other family"),
        pytest.param(rule("s3:ObjectCreated:Copy"), "ObjectCreated:Put", "k", False, id="one member"),
        pytest.param(rule(CREATED, REMOVED), "ObjectRemoved:Delete", "k", True, id="several types"),
        pytest.param(
            rule(prefix="a/", suffix=".jpg"), "ObjectCreated:Put", "a/b.jpg", True, id="both filters"
        ),
        pytest.param(
            rule(prefix="a/", suffix=".jpg"), "ObjectCreated:Put", "b/b.jpg", False, id="other prefix"
        ),
        pytest.param(
            rule(prefix="a/", suffix=".jpg"), "ObjectCreated:Put", "a/b.png", False, id="other suffix"
        ),
        pytest.param(rule(prefix="*"), "ObjectCreated:Put", "k", False, id="an asterisk is no wildcard"),
        pytest.param(rule(prefix="my+own/"), "ObjectCreated:Put", "my own/k", True, id="a space is a plus"),
        pytest.param(rule(prefix="my+own/"), "ObjectCreated:Put", "my+own/k", False, id="a plus is a space"),
        pytest.param(rule(suffix="%2B%c3%a9"), "ObjectCreated:Put", "k+\u00e9", True, id="percent-encoded"),
    ],
)
def test_filters(notification: Notification, name: str, key: str, expected: bool) -> None:
    assert notification.wants(ObjectChange(name, key, 1, "e", 1)) is expected


def test_conformance_cases(shared: Path) -> None:
    for line in (shared / "cases/s3_filters.jsonl").read_text().splitlines():
        case = json.loads(line)
        filters = {each["Name"].lower(): each["Value"] for each in case["rules"]["filter_rules"]}
        notification = rule(*case["rules"]["events"], **filters)
        wanted = notification.wants(ObjectChange(case["event_name"], case["key"], 1, "e", 1))
        assert wanted == (case["expect"] == "match"), case["id"]


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        pytest.param(rule(), rule(), True, id="no filters at all"),
        pytest.param(rule(), rule(prefix="images"), True, id="no filter against a prefix"),
        pytest.param(rule(), rule(REMOVED), False, id="different event types"),
        pytest.param(rule(), rule("s3:ObjectCreated:Copy"), True, id="a wildcard overlaps its member"),
        pytest.param(rule(prefix="a/"), rule(prefix="b/"), False, id="disjoint prefixes"),
        pytest.param(rule(prefix="%61/"), rule(prefix="a/b"), True, id="the same, written in two ways"),
        pytest.param(rule(prefix="a"), rule(prefix="a/b"), True, id="one prefix begins with the other"),
        pytest.param(rule(suffix=".jpg"), rule(suffix=".png"), False, id="disjoint suffixes"),
        pytest.param(rule(suffix="jpg"), rule(suffix="pg"), True, id="one suffix ends with the other"),
        pytest.param(rule(prefix="images", suffix="jpg"), rule(suffix="jpg"), True, id="prefix only once"),
        pytest.param(
            rule(prefix="i", suffix=".jpg"), rule(prefix="i", suffix=".png"), False, id="same prefix"
        ),
    ],
)
def test_overlapping_rules_are_refused_with_the_message_of_aws(
    one: Notification, other: Notification, overlap: bool
) -> None:
    assert problem_of_overlap([one, other]) == (OVERLAP_MESSAGE if overlap else None)


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ("s3:ObjectCreated:*", None),
        ("s3:ObjectRemoved:Delete", None),
        ("s3:ObjectRestore:*", "s3:ObjectRestore:* is not simulated: a bucket here never raises it"),
        (
            "s3:LifecycleTransition",
            "s3:LifecycleTransition is not simulated: a bucket here never raises it",
        ),
        (
            "ObjectCreated:Put",
            (
                "ObjectCreated:Put is no event type; allowed are s3:ObjectCreated:*, s3:ObjectCreated:Put, "
                "s3:ObjectCreated:Post, s3:ObjectCreated:Copy, s3:ObjectCreated:CompleteMultipartUpload, "
                "s3:ObjectRemoved:*, s3:ObjectRemoved:Delete, s3:ObjectTagging:*, s3:ObjectTagging:Put, "
                "s3:ObjectTagging:Delete"
            ),
        ),
    ],
)
def test_event_types_that_cannot_be_asked_for_are_named(event: str, problem: str | None) -> None:
    assert problem_of_event_type(event) == problem


@pytest.mark.parametrize(
    ("recursive", "lineage", "loops_allowed", "remedy"),
    [
        pytest.param(False, (), False, None, id="nobody's doing"),
        pytest.param(False, ("g",), False, None, id="another function's doing"),
        pytest.param(
            False, ("f",), False, "recursive = true in the bucket's notification", id="its own doing"
        ),
        pytest.param(
            False, ("f", "g"), True, "recursive = true in the bucket's notification", id="by way of another"
        ),
        pytest.param(True, ("f",) * (MOST_CHAIN_INVOCATIONS - 1), False, None, id="the 16th time"),
        pytest.param(
            True,
            ("f",) * MOST_CHAIN_INVOCATIONS,
            False,
            'recursive_loop = "Allow" in functions.f',
            id="the 17th time",
        ),
        pytest.param(True, ("f",) * 100, True, None, id="loops allowed"),
    ],
)
def test_loops_are_stopped(
    recursive: bool, lineage: tuple[str, ...], loops_allowed: bool, remedy: str | None
) -> None:
    notification = rule(recursive=recursive)
    assert stopped_by_recursion(notification, lineage, loops_allowed=loops_allowed) == remedy
