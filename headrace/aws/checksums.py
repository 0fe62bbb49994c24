"""The checksums a client sends with an upload.

Source: S3 user guide, "Checking object integrity". CRC32C, CRC64NVME and the newer algorithms have no
implementation in the standard library: what the client says is taken at its word.
"""

import binascii
import hashlib
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Protocol

PREFIX = "x-amz-checksum-"
UNVERIFIED = ("crc32c", "crc64nvme", "sha512", "md5", "xxhash64", "xxhash3", "xxhash128")


class Digest(Protocol):
    """What hashlib's objects are."""

    def update(self, data: bytes, /) -> None:
        """Add some bytes."""

    def digest(self) -> bytes:
        """Return the checksum of all bytes so far."""


class Crc32:
    """CRC-32 as hashlib would offer it."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Add some bytes."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Return four bytes, the highest first."""
        return self._value.to_bytes(4, "big")


class UploadChecksum:
    """The one checksum an upload may carry, in a header or, announced by `x-amz-trailer`, behind the body."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        announced = headers.get("x-amz-trailer", "").strip().lower()
        given = [name.lower() for name in headers if name.lower().startswith(PREFIX)]
        names = [name for name in [*given, announced] if name.removeprefix(PREFIX) in _KNOWN]
        self.header = names[0] if names else None
        self._expected = headers.get(self.header) if self.header is not None else None
        algorithm = "" if self.header is None else self.header.removeprefix(PREFIX)
        self._digest = _VERIFIED[algorithm]() if algorithm in _VERIFIED else None

    def update(self, data: bytes) -> None:
        """Add some bytes of the payload."""
        if self._digest is not None:
            self._digest.update(data)

    def problem(self, trailers: Mapping[str, str]) -> str | None:
        """Return what is wrong with the client's value, or None. Afterwards `value` can be answered."""
        if self.header is None:
            return None
        self._expected = trailers.get(self.header, self._expected)
        algorithm = self.header.removeprefix(PREFIX).upper()
        if self._expected is None:
            return f"The {algorithm} you specified did not match the calculated checksum."
        if self._digest is not None and self._expected != b64encode(self._digest.digest()).decode():
            return f"The {algorithm} you specified did not match the calculated checksum."
        return None

    @property
    def value(self) -> str | None:
        """The checksum in base64, None when the client sent none."""
        return self._expected


def content_md5(header: str) -> str | None:
    """Return a Content-MD5 header in hexadecimal, None when it is no MD5."""
    try:
        digest = b64decode(header, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == 16 else None


_VERIFIED: dict[str, Callable[[], Digest]] = {
    "crc32": Crc32,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
}
_KNOWN = frozenset([*_VERIFIED, *UNVERIFIED])
