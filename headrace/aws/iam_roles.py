"""IAM's operations on roles and on the policies inside and at them.

Source: the service model iam 2010-05-08; texts as recorded on AWS by LocalStack's test_iam suite.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from urllib.parse import quote

from engine.arn import Account
from engine.clock import Clock
from headrace.aws.iam_errors import DeleteConflict, EntityAlreadyExists, NoSuchEntity
from headrace.aws.iam_shapes import (
    Answer,
    Given,
    listed,
    new_id,
    policy_document,
    role_shape,
    tag_shapes,
    tags_of,
)
from headrace.aws.identities import Identities, Role


class RoleOperations:
    """What can be done with roles."""

    def __init__(self, identities: Identities, account: Account, clock: Clock) -> None:
        self._identities = identities
        self._account = account
        self._clock = clock

    def all(self) -> Mapping[str, Callable[[Given], Awaitable[Answer]]]:
        """Return the operations by name."""
        return {
            "CreateRole": self._create,
            "GetRole": self._get,
            "ListRoles": self._list,
            "DeleteRole": self._delete,
            "UpdateRole": self._update,
            "UpdateRoleDescription": self._update_description,
            "UpdateAssumeRolePolicy": self._update_trust,
            "PutRolePermissionsBoundary": self._put_boundary,
            "DeleteRolePermissionsBoundary": self._delete_boundary,
            "TagRole": self._tag,
            "UntagRole": self._untag,
            "ListRoleTags": self._list_tags,
            "PutRolePolicy": self._put_policy,
            "GetRolePolicy": self._get_policy,
            "DeleteRolePolicy": self._delete_policy,
            "ListRolePolicies": self._list_policies,
            "AttachRolePolicy": self._attach,
            "DetachRolePolicy": self._detach,
            "ListAttachedRolePolicies": self._list_attached,
            "ListInstanceProfilesForRole": self._list_instance_profiles,
        }

    def _role(self, given: Given) -> Role:
        role = self._identities.role(given["RoleName"])
        if role is None:
            raise NoSuchEntity(f"The role with name {given['RoleName']} cannot be found.")
        return role

    async def _create(self, given: Given) -> Answer:
        name = given["RoleName"]
        if self._identities.role(name) is not None:
            raise EntityAlreadyExists(f"Role with name {name} already exists.")
        role = Role(
            name,
            given.get("Path", "/"),
            new_id("AROA"),
            self._clock.now().timestamp(),
            policy_document(given["AssumeRolePolicyDocument"]),
            given.get("Description"),
            given.get("MaxSessionDuration", 3600),
            given.get("PermissionsBoundary"),
            tags_of(given),
        )
        await self._identities.keep_role(role)
        return {"Role": role_shape(role, self._account)}

    async def _get(self, given: Given) -> Answer:
        return {"Role": {**role_shape(self._role(given), self._account), "RoleLastUsed": {}}}

    async def _list(self, given: Given) -> Answer:
        prefix = given.get("PathPrefix", "/")
        roles = [role for role in self._identities.roles if role.path.startswith(prefix)]
        return listed(
            given,
            "Roles",
            roles,
            lambda role: role.name,
            lambda role: role_shape(role, self._account, is_listed=True),
        )

    async def _delete(self, given: Given) -> Answer:
        role = self._role(given)
        if role.attached:
            raise DeleteConflict("Cannot delete entity, must detach all policies first.")
        if role.inline:
            raise DeleteConflict("Cannot delete entity, must delete policies first.")
        await self._identities.forget_role(role)
        return {}

    async def _update(self, given: Given) -> Answer:
        role = self._role(given)
        await self._identities.keep_role(
            replace(
                role,
                description=given.get("Description", role.description),
                max_session_seconds=given.get("MaxSessionDuration", 3600),
            )
        )
        return {}

    async def _update_description(self, given: Given) -> Answer:
        role = replace(self._role(given), description=given["Description"])
        await self._identities.keep_role(role)
        return {"Role": role_shape(role, self._account)}

    async def _update_trust(self, given: Given) -> Answer:
        trust = policy_document(given["PolicyDocument"])
        await self._identities.keep_role(replace(self._role(given), trust=trust))
        return {}

    async def _put_boundary(self, given: Given) -> Answer:
        role = replace(self._role(given), boundary=given["PermissionsBoundary"])
        await self._identities.keep_role(role)
        return {}

    async def _delete_boundary(self, given: Given) -> Answer:
        await self._identities.keep_role(replace(self._role(given), boundary=None))
        return {}

    async def _tag(self, given: Given) -> Answer:
        role = self._role(given)
        await self._identities.keep_role(replace(role, tags={**role.tags, **tags_of(given)}))
        return {}

    async def _untag(self, given: Given) -> Answer:
        role = self._role(given)
        tags = {key: value for key, value in role.tags.items() if key not in given["TagKeys"]}
        await self._identities.keep_role(replace(role, tags=tags))
        return {}

    async def _list_tags(self, given: Given) -> Answer:
        tags = tag_shapes(self._role(given).tags)
        return listed(given, "Tags", tags, lambda tag: tag["Key"], lambda tag: tag)

    async def _put_policy(self, given: Given) -> Answer:
        role, document = self._role(given), policy_document(given["PolicyDocument"])
        inline = {**role.inline, given["PolicyName"]: document}
        await self._identities.keep_role(replace(role, inline=inline))
        return {}

    async def _get_policy(self, given: Given) -> Answer:
        role, name = self._role(given), given["PolicyName"]
        if name not in role.inline:
            raise NoSuchEntity(f"The role policy with name {name} cannot be found.")
        document = quote(role.inline[name], safe="")
        return {"RoleName": role.name, "PolicyName": name, "PolicyDocument": document}

    async def _delete_policy(self, given: Given) -> Answer:
        role, name = self._role(given), given["PolicyName"]
        if name not in role.inline:
            raise NoSuchEntity(f"The role policy with name {name} cannot be found.")
        inline = {key: document for key, document in role.inline.items() if key != name}
        await self._identities.keep_role(replace(role, inline=inline))
        return {}

    async def _list_policies(self, given: Given) -> Answer:
        return listed(given, "PolicyNames", self._role(given).inline, str, str)

    async def _attach(self, given: Given) -> Answer:
        role, arn = self._role(given), given["PolicyArn"]
        if not _is_of_aws(arn) and self._identities.policy(arn) is None:
            raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
        if arn not in role.attached:
            await self._identities.keep_role(replace(role, attached=[*role.attached, arn]))
        return {}

    async def _detach(self, given: Given) -> Answer:
        role, arn = self._role(given), given["PolicyArn"]
        if arn not in role.attached:
            raise NoSuchEntity(f"Policy {arn} was not found.")
        attached = [each for each in role.attached if each != arn]
        await self._identities.keep_role(replace(role, attached=attached))
        return {}

    async def _list_attached(self, given: Given) -> Answer:
        prefix = given.get("PathPrefix", "/")
        attached = [each for each in self._role(given).attached if _path(each).startswith(prefix)]
        return listed(
            given,
            "AttachedPolicies",
            attached,
            lambda arn: arn.rpartition("/")[2],
            lambda arn: {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn},
        )

    async def _list_instance_profiles(self, given: Given) -> Answer:
        self._role(given)  # there are no instances that could have a profile
        return {"InstanceProfiles": [], "IsTruncated": False}


def _is_of_aws(arn: str) -> bool:
    return arn.split(":")[4:5] == ["aws"]


def _path(arn: str) -> str:
    """Return the path of a policy, which is `/` or more."""
    return arn.partition(":policy")[2].rpartition("/")[0] + "/"
