"""Tags of objects and buckets, as documents.

Source: S3 API reference, "PutObjectTagging", "PutBucketTagging".
"""

from collections.abc import Mapping, Sequence

from headrace.aws.rest_xml import Node, S3Error, Value, malformed_xml

MOST_OBJECT_TAGS, MOST_BUCKET_TAGS = 10, 50
LONGEST_KEY, LONGEST_VALUE = 128, 256  # characters


def tags_in(document: Node) -> list[tuple[str, str]]:
    """Return the tags of a `Tagging` document. Raises S3Error."""
    tag_set = document.child("TagSet")
    if tag_set is None:
        raise malformed_xml()
    return tags_of(tag_set)


def tags_of(tag_set: Node) -> list[tuple[str, str]]:
    """Return the tags of a set, or of anything that has `Tag` elements. Raises S3Error."""
    tags = []
    for tag in tag_set.children("Tag"):
        key, value = tag.text("Key"), tag.text("Value")
        if key is None or value is None:
            raise malformed_xml()
        tags.append((key, value))
    return tags


def tag_set(tags: Mapping[str, str]) -> Value:
    """Return the members of a `Tagging` document."""
    return {"TagSet": {"Tag": [{"Key": key, "Value": value} for key, value in tags.items()]}}


def check_object_tags(tags: Sequence[tuple[str, str]]) -> None:
    """Raise S3Error when an object cannot have these."""
    if len(tags) > MOST_OBJECT_TAGS:
        raise S3Error("BadRequest", f"Object tags cannot be greater than {MOST_OBJECT_TAGS}", 400)
    _check(tags)


def check_bucket_tags(tags: Sequence[tuple[str, str]]) -> None:
    """Raise S3Error when a bucket cannot have these."""
    if len(tags) > MOST_BUCKET_TAGS:
        raise S3Error("BadRequest", f"Bucket tag count cannot be greater than {MOST_BUCKET_TAGS}", 400)
    _check(tags)


def _check(tags: Sequence[tuple[str, str]]) -> None:
    keys = set()
    for key, value in tags:
        if not 1 <= len(key) <= LONGEST_KEY:
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid", 400, TagKey=key)
        if len(value) > LONGEST_VALUE:
            raise S3Error("InvalidTag", "The TagValue you have provided is invalid", 400, TagValue=value)
        if key.lower().startswith("aws:"):
            raise S3Error("InvalidTag", "System tags cannot be added/updated by requester", 400)
        if key in keys:
            raise S3Error("InvalidTag", "Cannot provide multiple Tags with the same key", 400, TagKey=key)
        keys.add(key)
