"""Code on its way into functions and layers, and back to whoever asks for it."""

import asyncio
import binascii
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from engine.errors import InvalidParameterValue, ServiceFailure
from engine.functions.deployed import Code, DeployedFunction, DeployedVersion, LayerReference
from engine.functions.zip_archive import UNPACKED_LIMIT_BYTES, ArchiveTooLarge, BadArchive
from headrace.aws.lambda_errors import NotFound
from headrace.aws.lambda_plane import LAYER, Plane
from headrace.aws.rest_json import EntityTooLarge
from headrace.control import CODE_PATH

ZIPPED_LIMIT_BYTES = 50 * 1024 * 1024
LAYERS = 5


@asynccontextmanager
async def arriving_code(plane: Plane, given: Mapping[str, Any]) -> AsyncIterator[Code]:
    """Store the code that a request gives, as ZipFile or as S3Bucket and S3Key.

    It stays if something refers to it by the end of the block. Raises InvalidParameterValue for code that is
    not there or cannot be unpacked.
    """
    content = await _content(plane, given)
    try:
        async with plane.deployments.arriving(content) as code:
            yield code
    except ArchiveTooLarge:
        raise InvalidParameterValue(
            f"Unzipped size must be smaller than {UNPACKED_LIMIT_BYTES} bytes"
        ) from None
    except BadArchive as error:
        raise InvalidParameterValue(
            "Could not unzip uploaded file. Please check your file, then try to upload again. "
            f"(The archive {error}.)"
        ) from None
    except OSError as error:
        raise ServiceFailure(f"the code cannot be stored: {error}") from error


async def _content(plane: Plane, given: Mapping[str, Any]) -> bytes:
    if given.get("ImageUri"):
        raise InvalidParameterValue(
            "Please don't provide ImageUri when updating a function with packageType Zip."
        )
    if given.get("S3ObjectStorageMode", "COPY") != "COPY":
        raise InvalidParameterValue("S3ObjectStorageMode REFERENCE is not simulated by Headrace.")
    if given.get("ZipFile") is not None:
        if given.get("S3Bucket") is not None or given.get("S3Key") is not None:
            raise InvalidParameterValue(
                "Please do not provide other FunctionCode parameters when providing a ZipFile."
            )
        return await asyncio.to_thread(_decoded, given["ZipFile"])
    if given.get("S3Bucket") is None or given.get("S3Key") is None:
        raise InvalidParameterValue("Please provide a source for function code.")
    return await _object(plane, given["S3Bucket"], given["S3Key"], given.get("S3ObjectVersion"))


def _decoded(text: str) -> bytes:
    try:
        content = binascii.a2b_base64(text, strict_mode=bool(text))
    except ValueError:
        raise InvalidParameterValue("ZipFile is not base64.") from None
    if len(content) > ZIPPED_LIMIT_BYTES:
        raise EntityTooLarge(f"Zipped size must be smaller than {ZIPPED_LIMIT_BYTES} bytes")
    if not content:
        raise InvalidParameterValue("Uploaded file must be a non-empty zip")
    return content


async def _object(plane: Plane, bucket: str, key: str, version: str | None) -> bytes:
    """Return the content of an object in a watched folder. Raises InvalidParameterValue without one."""
    if version is not None:
        raise InvalidParameterValue(
            "S3ObjectVersion is not simulated by Headrace: its buckets keep no versions."
        )
    found = plane.buckets.get(bucket)
    if found is None:
        raise _s3_error("NoSuchBucket", "The specified bucket does not exist")
    opened = await found.open(key)
    if opened is None:
        raise _s3_error("NoSuchKey", "The specified key does not exist.")
    with opened.file:
        return await asyncio.to_thread(opened.file.read)


def _s3_error(code: str, message: str) -> InvalidParameterValue:
    return InvalidParameterValue(
        f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
    )


def referred_layers(plane: Plane, arns: list[str]) -> tuple[LayerReference, ...]:
    """Return the layers that a function asks for. Raises InvalidParameterValue for one that is not there."""
    if len(arns) > LAYERS:
        raise InvalidParameterValue(f"Cannot reference more than {LAYERS} layers.")
    found: dict[str, LayerReference] = {}
    for arn in arns:
        parsed = LAYER.fullmatch(arn)
        region = plane.account.region
        if parsed is not None and parsed["region"] != region:
            raise InvalidParameterValue(
                "Layers are not in the same region as the function. Layers are expected to be in region "
                f"{region}."
            )
        version = None
        if parsed is not None and parsed["account"] == plane.account.account_id:
            version = plane.deployments.layers.get(parsed["name"], {}).get(int(parsed["version"] or 0))
        if parsed is None or version is None:
            raise InvalidParameterValue(f"Layer version {arn} does not exist.")
        if (other := found.get(parsed["name"])) is not None:
            raise InvalidParameterValue(
                "Two different versions of the same layer are not allowed to be referenced in the same "
                f"function. {other.arn} and {arn} are versions of the same layer."
            )
        found[parsed["name"]] = LayerReference(arn, version.code)
    return tuple(found.values())


def check_size(code: Code, layers: tuple[LayerReference, ...]) -> None:
    """Raise InvalidParameterValue when code and layers together are larger than Lambda unpacks."""
    size = code.unpacked_size + sum(layer.code.unpacked_size for layer in layers)
    if size > UNPACKED_LIMIT_BYTES:
        raise InvalidParameterValue(
            "Function code combined with layers exceeds the maximum allowed size of "
            f"{UNPACKED_LIMIT_BYTES} bytes. The actual size is {size} bytes."
        )


def location(plane: Plane, code: Code) -> str:
    """Return the URL at which the endpoint gives code away."""
    return f"{plane.url}{CODE_PATH}{code.digest}"


async def code_of(plane: Plane, function: DeployedFunction, version: DeployedVersion) -> Code:
    """Return a version's code; for a function of the configuration, what its .zip file would be."""
    if version.code is not None:
        return version.code
    try:
        return await asyncio.to_thread(plane.declared.code, function.name)
    except OSError as error:
        raise ServiceFailure(f"the code of functions.{function.name} cannot be read: {error}") from error


async def give_away(plane: Plane, path: str) -> web.Response:
    """Answer a request for code. Raises NotFound for what is no code of a function or a layer."""
    digest = path.removeprefix(CODE_PATH)
    stored: Path | None = plane.deployments.stored_code(digest)
    content = (
        await asyncio.to_thread(stored.read_bytes)
        if stored is not None
        else await asyncio.to_thread(plane.declared.content, digest)
    )
    if content is None:
        raise NotFound("The resource you requested does not exist.")
    return web.Response(body=content, content_type="application/zip")
