"""Conditional requests. Source: S3 user guide, "Conditional requests"; RFC 9110, section 13."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from engine.clock import from_millis
from headrace.aws.rest_xml import S3Error
from headrace.aws.s3_errors import no_such_key, not_simulated, precondition_failed
from triggers.s3.objects import ObjectEntry

COPY_SOURCE = "x-amz-copy-source-"


def last_modified(entry: ObjectEntry) -> datetime:
    """Return when an object was put, to the second, as HTTP says it."""
    return from_millis(entry.modified).replace(microsecond=0)


def check_conditions(headers: Mapping[str, str], etag: str, modified: datetime) -> None:
    """Raise S3Error when a condition of a read does not hold: 304 or PreconditionFailed."""
    if_match, if_none_match = headers.get("If-Match"), headers.get("If-None-Match")
    unmodified_since = _moment(headers.get("If-Unmodified-Since"))
    modified_since = _moment(headers.get("If-Modified-Since"))
    if if_match is not None:
        if not _names(if_match, etag):
            raise precondition_failed("If-Match")
    elif unmodified_since is not None and modified > unmodified_since:
        raise precondition_failed("If-Unmodified-Since")
    not_modified = S3Error("NotModified", "Not Modified", 304)
    not_modified.headers["ETag"] = etag
    if if_none_match is not None:
        if _names(if_none_match, etag):
            raise not_modified
    elif modified_since is not None and modified <= modified_since:
        raise not_modified


def check_copy_conditions(headers: Mapping[str, str], etag: str, modified: datetime) -> None:
    """Raise S3Error PreconditionFailed when a condition on the source of a copy does not hold."""
    prefix = COPY_SOURCE.lower()
    given = {
        name.lower().removeprefix(prefix).title(): value
        for name, value in headers.items()
        if name.lower().startswith(f"{prefix}if-")
    }
    try:
        check_conditions(given, etag, modified)
    except S3Error as error:
        failed = error.details.get("Condition") or next(
            name for name in ("If-None-Match", "If-Modified-Since") if name in given
        )
        raise precondition_failed(COPY_SOURCE + failed) from None


def has_write_conditions(headers: Mapping[str, str]) -> bool:
    """Say whether a write depends on what is there."""
    return "If-Match" in headers or "If-None-Match" in headers


def check_write_conditions(key: str, headers: Mapping[str, str], entry: ObjectEntry | None) -> None:
    """Raise S3Error when a write may not replace what is there."""
    if_match, if_none_match = headers.get("If-Match"), headers.get("If-None-Match")
    if if_none_match is not None:
        if if_none_match.strip() != "*":
            raise not_simulated("If-None-Match other than * on a write", Header="If-None-Match")
        if entry is not None:
            raise precondition_failed("If-None-Match")
    if if_match is not None:
        if entry is None:
            raise no_such_key(key)
        if not _names(if_match, f'"{entry.etag}"'):
            raise precondition_failed("If-Match")


def check_delete_condition(if_match: str, entry: ObjectEntry | None) -> None:
    """Raise S3Error when an object may not be deleted; one that is not there may."""
    if entry is not None and not _names(if_match, f'"{entry.etag}"'):
        raise precondition_failed("If-Match")


def _names(header: str, etag: str) -> bool:
    given = [each.strip() for each in header.split(",")]
    return "*" in given or etag in given or etag.strip('"') in given


def _moment(header: str | None) -> datetime | None:
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
