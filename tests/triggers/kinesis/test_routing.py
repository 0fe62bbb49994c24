"""Where in the space of hash keys a record belongs."""

from bisect import bisect_right
from itertools import pairwise
from pathlib import Path

import orjson
from hypothesis import given
from hypothesis import strategies as st

from triggers.kinesis.routing import HASH_KEYS, HashKeyRange, even_ranges, hash_key


def test_three_shards_divide_the_space_as_on_aws() -> None:
    assert even_ranges(3) == [
        HashKeyRange(0, 113427455640312821154458202477256070484),
        HashKeyRange(113427455640312821154458202477256070485, 226854911280625642308916404954512140969),
        HashKeyRange(226854911280625642308916404954512140970, 340282366920938463463374607431768211455),
    ]


@given(st.integers(min_value=1, max_value=10_000))
def test_every_hash_key_belongs_to_one_shard(count: int) -> None:
    ranges = even_ranges(count)
    assert len(ranges) == count
    assert ranges[0].first == 0
    assert ranges[-1].last == HASH_KEYS - 1
    assert all(lower.last + 1 == upper.first for lower, upper in pairwise(ranges))


def test_the_hash_is_the_md5_of_the_utf_8_bytes_as_an_unsigned_integer() -> None:
    assert hash_key("") == 0xD41D8CD98F00B204E9800998ECF8427E
    assert hash_key("ключ") != hash_key("key")


def test_conformance_cases_go_to_the_shard_they_name(shared: Path) -> None:
    wrong = []
    for line in (shared / "cases" / "kinesis_routing.jsonl").read_bytes().splitlines():
        case = orjson.loads(line)
        firsts = [keys.first for keys in even_ranges(case["shard_count"])]
        explicit = case.get("explicit_hash_key")
        key = int(explicit) if explicit is not None else hash_key(case["partition_key"])
        if bisect_right(firsts, key) - 1 != case["shard_index"]:
            wrong.append(case["id"])
    assert not wrong
