"""The X-Ray trace header of each invocation, by which calls that a running function makes are recognised."""

import re
import zlib
from collections.abc import Sequence

from engine.random_uuid import random_hex

_ROOT = re.compile(r"(?:^|;)\s*Root=([^;\s]+)")


def trace_root(epoch_seconds: int) -> str:
    """Return a fresh trace id: `1-<time, 8 hex digits>-<24 hex digits>`."""
    return f"1-{epoch_seconds:08x}-{random_hex(24)}"


def root_of(header: str | None) -> str | None:
    """Return the trace id that a request passes on in its header, as SDKs inside Lambda do."""
    found = None if header is None else _ROOT.search(header)
    return None if found is None else found[1]


def trace_header(root: str, chain: Sequence[str]) -> str:
    """Return the header for an invocation at the end of `chain`: what led to it, then the function itself."""
    function = chain[-1]
    lineage = f"1:{zlib.crc32(function.encode()):08x}:{chain.count(function) - 1}"
    return f"Root={root};Parent={random_hex(16)};Sampled=0;Lineage={lineage}"
