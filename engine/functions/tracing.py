"""The X-Ray trace header of each invocation, by which calls that a running function makes are recognised."""

import zlib
from collections.abc import Sequence
from random import Random

_IDS = Random()  # noqa: S311 - seeded by the operating system; asking it for each id costs a system call


def trace_root(epoch_seconds: int) -> str:
    """Return a fresh trace id: `1-<time, 8 hex digits>-<24 hex digits>`."""
    return f"1-{epoch_seconds:08x}-{_IDS.getrandbits(96):024x}"


def trace_header(root: str, chain: Sequence[str]) -> str:
    """Return the header for an invocation at the end of `chain`: what led to it, then the function itself."""
    function = chain[-1]
    lineage = f"1:{zlib.crc32(function.encode()):08x}:{chain.count(function) - 1}"
    return f"Root={root};Parent={_IDS.getrandbits(64):016x};Sampled=0;Lineage={lineage}"
