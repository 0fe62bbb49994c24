"""Holds the body of an S3 request against what was signed, while it is read.

Source: S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in
Multiple Chunks", and the same for trailing headers.
"""

import hmac
from collections.abc import Iterator
from hashlib import sha256

from headrace.aws.aws_chunked import ChunkDecoder
from headrace.aws.signature_errors import SignatureRefused
from headrace.aws.signature_v4 import EMPTY_HASH, MOMENT, UNSIGNED, Claim, signing_key

UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


class PayloadCheck:
    """What a request's body is held against; `declared` is its `x-amz-content-sha256`."""

    def __init__(self, declared: str, claim: Claim, secret: str) -> None:
        self._declared = declared
        self._claim = claim
        self._secret = secret
        self._is_plain = declared != UNSIGNED and not declared.startswith("STREAMING-")
        self._hash = sha256()

    def update(self, data: bytes) -> None:
        """Take a part of the body as it was sent."""
        if self._is_plain:
            self._hash.update(data)

    def close(self) -> None:
        """Say that the body has ended. Raises SignatureRefused when it is not what was signed."""
        if self._is_plain and not hmac.compare_digest(self._hash.hexdigest(), self._declared):
            raise SignatureRefused("content")

    def decoder(self) -> ChunkDecoder:
        """Return what takes the framing off an aws-chunked body, and checks the signatures in it."""
        if self._declared == UNSIGNED_TRAILER or not self._declared.startswith("STREAMING-"):
            return ChunkDecoder()
        return SignedChunkDecoder(self._claim, self._secret)


class SignedChunkDecoder(ChunkDecoder):
    """Checks each chunk's signature, which builds on that of the one before, as the chunk ends.

    `feed` and `close` raise SignatureRefused, too.
    """

    def __init__(self, claim: Claim, secret: str) -> None:
        super().__init__()
        self._key = signing_key(secret, claim.scope)
        self._context = f"{claim.moment:{MOMENT}}\n{claim.scope}"
        self._previous = claim.signature
        self._said = ""
        self._hash = sha256()
        self._trailer = ""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the payload in `data`. Raises BadChunk, SignatureRefused."""
        for block in super().feed(data):
            self._hash.update(block)
            yield block

    def close(self) -> None:
        """Say that the body has ended. Raises BadChunk, SignatureRefused."""
        super().close()
        if self._trailer:
            self._verify(
                "AWS4-HMAC-SHA256-TRAILER",
                sha256(self._trailer.encode()).hexdigest(),
                self.trailers.get("x-amz-trailer-signature", ""),
            )

    def _take_line(self, line: bytes) -> None:
        state = self._state
        super()._take_line(line)
        if state == "size":
            self._said = line.partition(b"chunk-signature=")[2].decode("ascii", "replace").strip()
            self._hash = sha256()
            if self._state == "trailers":
                self._verify_chunk()
        elif state == "end":
            self._verify_chunk()
        elif line:
            name, _, value = line.decode("latin-1").partition(":")
            if name.strip().lower() != "x-amz-trailer-signature":
                self._trailer += f"{name.strip().lower()}:{value.strip()}\n"

    def _verify_chunk(self) -> None:
        digest = f"{EMPTY_HASH}\n{self._hash.hexdigest()}"
        self._verify("AWS4-HMAC-SHA256-PAYLOAD", digest, self._said)

    def _verify(self, algorithm: str, digest: str, said: str) -> None:
        text = f"{algorithm}\n{self._context}\n{self._previous}\n{digest}"
        expected = hmac.digest(self._key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), said.encode()):
            raise SignatureRefused("mismatch")
        self._previous = expected
