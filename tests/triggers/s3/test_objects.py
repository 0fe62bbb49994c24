"""The index and its listing, on the real store."""

import pytest

from engine.store.database import Store
from triggers.s3 import objects
from triggers.s3.objects import ObjectEntry

KEYS = ("a", "a/1", "a/2", "a/b/3", "b", "c/", "c/1", "é/1", "😀")


async def fill(store: Store) -> None:
    """Enter the keys."""
    entries = [ObjectEntry(key, "e", 1, 1, number, 1, 0) for number, key in enumerate(KEYS)]
    await store.write(lambda connection: objects.apply(connection, "inbox", entries, [], 1))


@pytest.mark.parametrize(
    ("prefix", "delimiter", "expected"),
    [
        pytest.param("", "", list(KEYS), id="all, in the order of their bytes"),
        pytest.param("", "/", ["a", "a/", "b", "c/", "é/", "😀"], id="rolled up"),
        pytest.param("a/", "/", ["a/1", "a/2", "a/b/"], id="one level down"),
        pytest.param("a", "", ["a", "a/1", "a/2", "a/b/3"], id="a prefix need not end a segment"),
        pytest.param("c/", "/", ["c/", "c/1"], id="a folder that is an object"),
        pytest.param("x", "/", [], id="nothing"),
        pytest.param(
            "", "/1", ["a", "a/1", "a/2", "a/b/3", "b", "c/", "c/1", "é/1", "😀"], id="any delimiter"
        ),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_pages_together_are_the_listing(
    store: Store, prefix: str, delimiter: str, expected: list[str], limit: int
) -> None:
    await fill(store)
    listed: list[str] = []
    start: str | None = ""
    while start is not None:
        page = await store.read(
            lambda connection, start=start: objects.page(  # type: ignore[misc]
                connection, "inbox", prefix=prefix, delimiter=delimiter, start_after=start, limit=limit
            )
        )
        listed += sorted([*(entry.key for entry in page.entries), *page.common_prefixes])
        assert len(page.entries) + len(page.common_prefixes) <= limit
        start = page.next_start

    assert listed == expected


async def test_a_bucket_that_moved_to_another_folder_begins_anew(store: Store) -> None:
    await store.write(lambda connection: objects.mark_seen(connection, "inbox", "/one", (), 5, 0))
    await fill(store)

    known = await store.write(lambda connection: objects.open_bucket(connection, "inbox", "/one"))
    moved = await store.write(lambda connection: objects.open_bucket(connection, "inbox", "/two"))

    assert (known.is_new, known.last_sequencer) == (False, 5)
    assert (moved.is_new, moved.last_sequencer) == (True, 5)
    assert await store.read(lambda connection: objects.states_below(connection, "inbox", "")) == {}
