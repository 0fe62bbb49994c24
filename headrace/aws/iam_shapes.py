"""How IAM writes roles, policies and pages of lists."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import orjson

from engine.arn import Account
from engine.random_uuid import random_hex
from headrace.aws.iam_errors import InvalidMarker, MalformedPolicyDocument
from headrace.aws.identities import Policy, PolicyVersion, Role
from headrace.aws.paging import BadToken, page

T = TypeVar("T")
Given = Mapping[str, Any]
Answer = dict[str, Any]
PAGE = 100
UNSAFE_CONTROL = re.compile(r"[^\t\n\r\x20-\xff]")


def new_id(prefix: str) -> str:
    """Return a unique id such as `AROA3XFRBF535PLBIFPI4`."""
    return prefix + random_hex(17).upper()


def arn(account: Account, kind: str, path: str, name: str) -> str:
    """Return the ARN of a role or a policy."""
    return f"arn:{account.partition}:iam::{account.account_id}:{kind}{path}{name}"


def policy_document(text: str) -> str:
    """Return a policy's text. Raises MalformedPolicyDocument unless it is a JSON object."""
    try:
        if UNSAFE_CONTROL.search(text) is None and isinstance(orjson.loads(text), dict):
            return text
    except orjson.JSONDecodeError:
        pass
    raise MalformedPolicyDocument


def tags_of(given: Given) -> dict[str, str]:
    """Return the tags of a request by their keys."""
    return {tag["Key"]: tag["Value"] for tag in given.get("Tags", ())}


def tag_shapes(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as lists of them are written."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def role_shape(role: Role, account: Account, *, is_listed: bool = False) -> Answer:
    """Return a role; lists leave its tags and its boundary out."""
    shape: Answer = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.role_id,
        "Arn": arn(account, "role", role.path, role.name),
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": quote(role.trust, safe=""),
        "MaxSessionDuration": role.max_session_seconds,
    }
    if role.description is not None:
        shape["Description"] = role.description
    if not is_listed and role.boundary is not None:
        shape["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": role.boundary,
        }
    if not is_listed and role.tags:
        shape["Tags"] = tag_shapes(role.tags)
    return shape


def policy_shape(policy: Policy, attachments: int, *, is_listed: bool = False) -> Answer:
    """Return a managed policy; lists leave its description and its tags out."""
    shape: Answer = {
        "PolicyName": policy.name,
        "PolicyId": policy.policy_id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default,
        "AttachmentCount": attachments,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
    }
    if not is_listed:
        if policy.description is not None:
            shape["Description"] = policy.description
        shape["Tags"] = tag_shapes(policy.tags)
    return shape


def version_shape(policy: Policy, version: PolicyVersion, *, with_document: bool = False) -> Answer:
    """Return a version of a managed policy."""
    shape: Answer = {
        "VersionId": version.version_id,
        "IsDefaultVersion": version.version_id == policy.default,
        "CreateDate": version.created,
    }
    return {"Document": quote(version.document, safe=""), **shape} if with_document else shape


def listed(
    given: Given, member: str, items: Iterable[T], name_of: Callable[[T], str], shape: Callable[[T], Any]
) -> Answer:
    """Return a page of items, sorted by name. Raises InvalidMarker."""
    marker = given.get("Marker")
    ordered: Sequence[T] = sorted(items, key=name_of)
    try:
        found, token = page(ordered, name_of, marker, given.get("MaxItems", PAGE))
    except BadToken:
        raise InvalidMarker(str(marker)) from None
    answer: Answer = {member: [shape(each) for each in found], "IsTruncated": token is not None}
    return answer if token is None else {**answer, "Marker": token}
