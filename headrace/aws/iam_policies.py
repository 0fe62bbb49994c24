"""IAM's operations on managed policies and their versions.

AWS's own policies are known by name alone: they may be attached, and have no text here. Source: the service
model iam 2010-05-08; texts as recorded on AWS by LocalStack's test_iam suite.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from engine.arn import Account
from engine.clock import Clock
from headrace.aws.iam_errors import (
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    NoSuchEntity,
    NotSimulated,
)
from headrace.aws.iam_shapes import (
    Answer,
    Given,
    arn,
    listed,
    new_id,
    policy_document,
    policy_shape,
    tag_shapes,
    tags_of,
    version_shape,
)
from headrace.aws.identities import Identities, Policy, PolicyVersion

VERSIONS_MOST = 5


class PolicyOperations:
    """What can be done with managed policies."""

    def __init__(self, identities: Identities, account: Account, clock: Clock) -> None:
        self._identities = identities
        self._account = account
        self._clock = clock

    def all(self) -> Mapping[str, Callable[[Given], Awaitable[Answer]]]:
        """Return the operations by name."""
        return {
            "CreatePolicy": self._create,
            "GetPolicy": self._get,
            "ListPolicies": self._list,
            "DeletePolicy": self._delete,
            "ListEntitiesForPolicy": self._list_entities,
            "CreatePolicyVersion": self._create_version,
            "GetPolicyVersion": self._get_version,
            "ListPolicyVersions": self._list_versions,
            "DeletePolicyVersion": self._delete_version,
            "SetDefaultPolicyVersion": self._set_default,
            "TagPolicy": self._tag,
            "UntagPolicy": self._untag,
            "ListPolicyTags": self._list_tags,
        }

    def _policy(self, given: Given) -> Policy:
        found = self._identities.policy(given["PolicyArn"])
        if found is not None:
            return found
        if given["PolicyArn"].split(":")[4:5] == ["aws"]:
            raise NotSimulated(
                f"{given['PolicyArn']} is one of AWS's own policies, which Headrace knows by name alone."
            )
        raise NoSuchEntity(f"Policy {given['PolicyArn']} was not found.")

    def _version(self, given: Given) -> tuple[Policy, PolicyVersion]:
        policy = self._policy(given)
        version = policy.version(given["VersionId"])
        if version is None:
            raise NoSuchEntity(
                f"Policy {policy.arn} version {given['VersionId']} does not exist or is not attachable."
            )
        return policy, version

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _create(self, given: Given) -> Answer:
        name, path = given["PolicyName"], given.get("Path", "/")
        if self._identities.policy_named(name) is not None:
            raise EntityAlreadyExists(
                f"A policy called {name} already exists. Duplicate names are not allowed."
            )
        now = self._now()
        policy = Policy(
            name,
            path,
            arn(self._account, "policy", path, name),
            new_id("ANPA"),
            now,
            now,
            "v1",
            1,
            [PolicyVersion("v1", policy_document(given["PolicyDocument"]), now)],
            given.get("Description"),
            tags_of(given),
        )
        await self._identities.keep_policy(policy)
        return {"Policy": policy_shape(policy, 0)}

    async def _get(self, given: Given) -> Answer:
        policy = self._policy(given)
        return {"Policy": policy_shape(policy, len(self._identities.attachments(policy.arn)))}

    async def _list(self, given: Given) -> Answer:
        counted = [(each, len(self._identities.attachments(each.arn))) for each in self._identities.policies]
        prefix, only_attached = given.get("PathPrefix", "/"), given.get("OnlyAttached", False)
        found = [
            (policy, count)
            for policy, count in counted
            if policy.path.startswith(prefix)
            and (count or not only_attached)
            and given.get("Scope", "All") != "AWS"
            and given.get("PolicyUsageFilter") != "PermissionsBoundary"
        ]
        return listed(
            given,
            "Policies",
            found,
            lambda each: each[0].name,
            lambda each: policy_shape(*each, is_listed=True),
        )

    async def _delete(self, given: Given) -> Answer:
        policy = self._policy(given)
        if self._identities.attachments(policy.arn):
            raise DeleteConflict("Cannot delete a policy attached to entities.")
        if len(policy.versions) > 1:
            raise DeleteConflict(
                "This policy has more than one version. Before you delete a policy, you must delete the "
                "policy's versions. The default version is deleted with the policy."
            )
        await self._identities.forget_policy(policy)
        return {}

    async def _list_entities(self, given: Given) -> Answer:
        attached = self._identities.attachments(given["PolicyArn"])
        if not attached:
            self._policy(given)
        if given.get("EntityFilter", "Role") != "Role":
            attached = []
        shown = listed(
            given,
            "PolicyRoles",
            attached,
            lambda role: role.name,
            lambda role: {"RoleName": role.name, "RoleId": role.role_id},
        )
        return {"PolicyGroups": [], "PolicyUsers": [], **shown}

    async def _create_version(self, given: Given) -> Answer:
        policy, now = self._policy(given), self._now()
        if len(policy.versions) >= VERSIONS_MOST:
            raise LimitExceeded(
                f"A managed policy can have up to {VERSIONS_MOST} versions. Before you create a new version, "
                "you must delete an existing version."
            )
        version = PolicyVersion(f"v{policy.made + 1}", policy_document(given["PolicyDocument"]), now)
        policy = replace(
            policy,
            made=policy.made + 1,
            versions=[version, *policy.versions],
            updated=now,
            default=version.version_id if given.get("SetAsDefault", False) else policy.default,
        )
        await self._identities.keep_policy(policy)
        return {"PolicyVersion": version_shape(policy, version)}

    async def _get_version(self, given: Given) -> Answer:
        return {"PolicyVersion": version_shape(*self._version(given), with_document=True)}

    async def _list_versions(self, given: Given) -> Answer:
        policy = self._policy(given)
        return listed(
            given,
            "Versions",
            policy.versions,
            lambda version: f"{int(version.version_id[1:]):09}",
            lambda version: version_shape(policy, version),
        )

    async def _delete_version(self, given: Given) -> Answer:
        policy, version = self._version(given)
        if version.version_id == policy.default:
            raise DeleteConflict("Cannot delete the default version of a policy.")
        versions = [each for each in policy.versions if each != version]
        await self._identities.keep_policy(replace(policy, versions=versions, updated=self._now()))
        return {}

    async def _set_default(self, given: Given) -> Answer:
        policy, version = self._version(given)
        await self._identities.keep_policy(replace(policy, default=version.version_id, updated=self._now()))
        return {}

    async def _tag(self, given: Given) -> Answer:
        policy = self._policy(given)
        await self._identities.keep_policy(replace(policy, tags={**policy.tags, **tags_of(given)}))
        return {}

    async def _untag(self, given: Given) -> Answer:
        policy = self._policy(given)
        tags = {key: value for key, value in policy.tags.items() if key not in given["TagKeys"]}
        await self._identities.keep_policy(replace(policy, tags=tags))
        return {}

    async def _list_tags(self, given: Given) -> Answer:
        tags = tag_shapes(self._policy(given).tags)
        return listed(given, "Tags", tags, lambda tag: tag["Key"], lambda tag: tag)
