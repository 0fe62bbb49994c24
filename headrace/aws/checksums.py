"""The checksums that clients send with uploads, and ask for.

Source: S3 user guide, "Checking object integrity". CRC32C and CRC64NVME are calculated where AWS's own
library, `awscrt`, is installed; without it, and for the newer algorithms, what the client says is taken at
its word.
"""

import binascii
import hashlib
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Protocol

import orjson

from engine.value import dataclass
from headrace.aws.rest_xml import S3Error
from headrace.aws.s3_errors import invalid_request

PREFIX = "x-amz-checksum-"
BYTES = {
    "CRC32": 4,
    "CRC32C": 4,
    "CRC64NVME": 8,
    "SHA1": 20,
    "SHA256": 32,
    "SHA512": 64,
    "MD5": 16,
    "XXHASH64": 8,
    "XXHASH3": 8,
    "XXHASH128": 16,
}
FULL_OBJECT, COMPOSITE = "FULL_OBJECT", "COMPOSITE"
OF_WHOLE_OBJECTS = ("CRC64NVME",)  # parts have no checksum of checksums
COMBINABLE = ("CRC32", "CRC32C", "CRC64NVME")  # may be of the whole object, also when it came in parts


class Digest(Protocol):
    """What hashlib's objects are."""

    def update(self, data: bytes, /) -> None:
        """Add some bytes."""

    def digest(self) -> bytes:
        """Return the checksum of all bytes so far."""


class Crc:
    """A cyclic redundancy check as hashlib would offer it; `step` takes bytes and the value before them."""

    def __init__(self, step: Callable[[bytes, int], int], size_bytes: int) -> None:
        self._step = step
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Add some bytes."""
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        """Return the highest byte first."""
        return self._value.to_bytes(self._size_bytes, "big")


@lru_cache
def _crt_step(name: str) -> Callable[[bytes, int], int] | None:
    try:
        step: Callable[[bytes, int], int] = getattr(import_module("awscrt.checksums"), name)
    except (ImportError, AttributeError):
        return None
    return step


def new_digest(algorithm: str) -> Digest | None:
    """Return what calculates an algorithm's checksum, None where nothing here can."""
    match algorithm:
        case "CRC32":
            return Crc(zlib.crc32, 4)
        case "CRC32C" | "CRC64NVME":
            step = _crt_step(algorithm.lower())
            return None if step is None else Crc(step, BYTES[algorithm])
        case "SHA1" | "MD5":
            return hashlib.new(algorithm.lower(), usedforsecurity=False)
        case "SHA256" | "SHA512":
            return hashlib.new(algorithm.lower())
    return None


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum in base64; of an object that came in parts perhaps one of their checksums, with `-N`."""

    algorithm: str
    value: str
    type: str = FULL_OBJECT

    def to_json(self) -> str:
        """Return it as it is kept with an object."""
        return orjson.dumps([self.algorithm, self.value, self.type]).decode()

    @classmethod
    def from_json(cls, text: str | None) -> "Checksum | None":
        """Return what was kept, None for None."""
        return None if text is None else cls(*orjson.loads(text))

    @property
    def header(self) -> str:
        """The header it is sent in, in lower case."""
        return PREFIX + self.algorithm.lower()

    def headers(self) -> dict[str, str]:
        """Return the headers that say it."""
        return {self.header: self.value, "x-amz-checksum-type": self.type}

    def members(self) -> dict[str, str]:
        """Return the members of a document that say it."""
        return {f"Checksum{self.algorithm}": self.value, "ChecksumType": self.type}


def algorithm_of(name: str, parameter: str) -> str:
    """Return an algorithm by its name in any case. Raises S3Error for one that S3 does not know."""
    if name.upper() not in BYTES:
        raise invalid_request(f"Checksum algorithm provided is unsupported: {parameter} is {name}.")
    return name.upper()


def given_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """Return the checksum that the headers name, None without one. Raises S3Error when there are several."""
    given = [
        (name.lower().removeprefix(PREFIX).upper(), value)
        for name, value in headers.items()
        if name.lower().startswith(PREFIX)
    ]
    given = [(algorithm, value) for algorithm, value in given if algorithm in BYTES]
    if len(given) > 1:
        raise invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    return Checksum(*given[0]) if given else None


def _check_form(checksum: Checksum) -> None:
    try:
        size = len(b64decode(checksum.value, validate=True))
    except (binascii.Error, ValueError):
        size = -1
    if size != BYTES[checksum.algorithm]:
        raise invalid_request(f"Value for {checksum.header} header is invalid.")


class UploadChecksum:
    """The one checksum an upload may carry, in a header or, announced by `x-amz-trailer`, behind the body.

    With `algorithm` it is calculated also when the client does not send it. Raises S3Error.
    """

    def __init__(self, headers: Mapping[str, str], algorithm: str | None = None) -> None:
        self._expected = given_checksum(headers)
        announced = headers.get("x-amz-trailer", "").strip().lower().removeprefix(PREFIX).upper()
        if self._expected is not None:
            _check_form(self._expected)
            algorithm = self._expected.algorithm
        elif announced in BYTES:
            algorithm = announced
        elif headers.get("x-amz-sdk-checksum-algorithm"):
            raise invalid_request(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* "
                "or x-amz-trailer headers were found."
            )
        self.algorithm = algorithm
        self._is_announced = announced in BYTES
        self._digest = None if algorithm is None else new_digest(algorithm)

    def update(self, data: bytes) -> None:
        """Add some bytes of the payload."""
        if self._digest is not None:
            self._digest.update(data)

    def verify(self, trailers: Mapping[str, str]) -> Checksum | None:
        """Return the checksum of all bytes; None when nobody knows it.

        Raises S3Error when it is not what the client said in a header or in the trailers.
        """
        if self.algorithm is None:
            return None
        expected = self._expected
        if self._is_announced:
            value = trailers.get(PREFIX + self.algorithm.lower())
            if value is None:
                raise S3Error(
                    "MalformedTrailerError",
                    "The request contained trailing data that was not well-formed or did not conform to "
                    "our published schema.",
                    400,
                )
            expected = Checksum(self.algorithm, value)
            _check_form(expected)
        if self._digest is None:
            return expected
        found = Checksum(self.algorithm, b64encode(self._digest.digest()).decode())
        if expected is not None and expected.value != found.value:
            raise bad_digest(self.algorithm)
        return found


def bad_digest(algorithm: str) -> S3Error:
    """Return the error for bytes whose checksum is not what the client said."""
    return S3Error("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.", 400)


def composite(algorithm: str, values: Sequence[str]) -> Checksum | None:
    """Return the checksum of the parts' checksums, None where it cannot be calculated."""
    digest = new_digest(algorithm)
    if digest is None:
        return None
    for value in values:
        digest.update(b64decode(value))
    return Checksum(algorithm, f"{b64encode(digest.digest()).decode()}-{len(values)}", COMPOSITE)


def content_md5(header: str) -> str | None:
    """Return a Content-MD5 header in hexadecimal, None when it is no MD5."""
    try:
        digest = b64decode(header, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == 16 else None
