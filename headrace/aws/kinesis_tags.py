"""Tags and policies of streams and consumers as HTTP. They are kept and given back; nobody is judged by them.

Source: the service model kinesis 2013-12-02.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from engine.errors import ApiError
from headrace.aws.json_protocol import Input, Operation, taking
from headrace.aws.kinesis_names import STREAM_ARN, StreamNames
from triggers.kinesis.consumer_table import Consumer
from triggers.kinesis.errors import InvalidArgument
from triggers.kinesis.stream import Stream
from triggers.kinesis.stream_registry import StreamRegistry

TAGS_MOST = 50
TAGS_LISTED = 50  # the most in a page


class NoPolicy(ApiError):
    """The resource has no policy."""

    code = "ResourceNotFoundException"


class TagsWire:
    """Answers for the tags and policies of a registry's streams and their consumers."""

    def __init__(self, registry: StreamRegistry, names: StreamNames) -> None:
        self._registry = registry
        self._names = names

    def operations(self) -> dict[str, Operation]:
        """Return what it answers, by the names of the operations."""
        on_stream = self._names.on_stream
        return {
            "AddTagsToStream": on_stream(self._add_tags_to_stream, "Tags"),
            "RemoveTagsFromStream": on_stream(self._remove_tags_from_stream, "TagKeys"),
            "ListTagsForStream": on_stream(self._list_tags_for_stream, "ExclusiveStartTagKey Limit"),
            "TagResource": taking(self._tag_resource, "ResourceARN Tags"),
            "UntagResource": taking(self._untag_resource, "ResourceARN TagKeys"),
            "ListTagsForResource": taking(self._list_tags_for_resource, "ResourceARN"),
            "PutResourcePolicy": taking(self._put_policy, "ResourceARN Policy"),
            "GetResourcePolicy": taking(self._get_policy, "ResourceARN"),
            "DeleteResourcePolicy": taking(self._delete_policy, "ResourceARN"),
        }

    async def _add_tags_to_stream(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        return await self._change(
            stream, None, _with(stream.description.tags, given, f"stream {stream.stream_name}")
        )

    async def _remove_tags_from_stream(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        return await self._change(stream, None, _without(stream.description.tags, given))

    async def _list_tags_for_stream(self, stream: Stream, given: Input) -> Mapping[str, Any]:
        after = given.text("ExclusiveStartTagKey") or ""
        most = given.number("Limit", TAGS_LISTED, 1, TAGS_LISTED)
        left = [each for each in _listed(stream.description.tags) if each["Key"] > after]
        return {"Tags": left[:most], "HasMoreTags": len(left) > most}

    async def _tag_resource(self, given: Input) -> Mapping[str, Any]:
        stream, consumer = self._resource(given)
        tags = stream.description.tags if consumer is None else consumer.tags
        return await self._change(
            stream, consumer, _with(tags, given, f"resource {given.required_text('ResourceARN')}")
        )

    async def _untag_resource(self, given: Input) -> Mapping[str, Any]:
        stream, consumer = self._resource(given)
        tags = stream.description.tags if consumer is None else consumer.tags
        return await self._change(stream, consumer, _without(tags, given))

    async def _list_tags_for_resource(self, given: Input) -> Mapping[str, Any]:
        stream, consumer = self._resource(given)
        return {"Tags": _listed(stream.description.tags if consumer is None else consumer.tags)}

    async def _put_policy(self, given: Input) -> Mapping[str, Any]:
        stream, policy = self._of_policy(given), given.required_text("Policy")
        try:
            is_policy = isinstance(orjson.loads(policy), dict)
        except orjson.JSONDecodeError:
            is_policy = False
        if not is_policy:
            raise InvalidArgument("The policy is not a JSON object.")
        await stream.describe(replace(stream.description, policy=policy))
        return {}

    async def _get_policy(self, given: Input) -> Mapping[str, Any]:
        return {"Policy": _policy(self._of_policy(given))}

    async def _delete_policy(self, given: Input) -> Mapping[str, Any]:
        stream = self._of_policy(given)
        _policy(stream)
        await stream.describe(replace(stream.description, policy=None))
        return {}

    async def _change(
        self, stream: Stream, consumer: Consumer | None, tags: Mapping[str, str]
    ) -> Mapping[str, Any]:
        if consumer is None:
            await stream.describe(replace(stream.description, tags=tags))
        else:
            await self._registry.change_consumer_tags(consumer, tags)
        return {}

    def _resource(self, given: Input) -> tuple[Stream, Consumer | None]:
        """Return the stream that is named, and its consumer if it is that."""
        arn = given.required_text("ResourceARN")
        found = self._names.consumer(arn)
        if found is not None:
            return found
        matched = STREAM_ARN.fullmatch(arn)
        if matched is None:
            raise given.refused(
                "ResourceARN", arn, f"satisfy regular expression pattern: {STREAM_ARN.pattern}"
            )
        return self._names.named(matched[1], arn), None

    def _of_policy(self, given: Input) -> Stream:
        stream, consumer = self._resource(given)
        if consumer is not None:
            raise InvalidArgument("Policies of consumers are not simulated by Headrace.")
        return stream


def check_tags(given: Input, name: str, tags: Mapping[str, str]) -> None:
    """Raise ValidationFailed for tags whose keys or values are too long."""
    for key, value in tags.items():
        if not 1 <= len(key) <= 128:
            raise given.refused(name, key, "have length between 1 and 128")
        if len(value) > 256:
            raise given.refused(name, value, "have length less than or equal to 256")


def _with(tags: Mapping[str, str], given: Input, resource: str) -> dict[str, str]:
    added = given.map_of_texts("Tags")
    if not added:
        raise given.missing("Tags")
    check_tags(given, "Tags", added)
    after = {**tags, **added}
    if len(after) > TAGS_MOST:
        raise InvalidArgument(
            f"Failed to add tags to {resource} because it cannot have more than {TAGS_MOST} tags associated "
            "with it."
        )
    return after


def _without(tags: Mapping[str, str], given: Input) -> dict[str, str]:
    removed = given.texts("TagKeys")
    if not removed:
        raise given.missing("TagKeys")
    return {key: value for key, value in tags.items() if key not in removed}


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _policy(stream: Stream) -> str:
    policy = stream.description.policy
    if policy is None:
        raise NoPolicy(f"Resource policy for {stream.arn} is not found.")
    return policy
