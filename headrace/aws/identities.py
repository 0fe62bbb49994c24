"""IAM's roles and policies: in memory, and in the store. Nothing is judged by them.

Names are unique whatever their case. Source: IAM user guide, "IAM and AWS STS quotas" and "IAM identifiers".
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import field, replace

import orjson

from engine.store.database import Store
from engine.value import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """A role. `created` is in seconds from 1970, `inline` has its own policies, `attached` ARNs of others."""

    name: str
    path: str
    role_id: str
    created: float
    trust: str
    description: str | None = None
    max_session_seconds: int = 3600
    boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    inline: Mapping[str, str] = field(default_factory=dict)
    attached: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a policy's document, such as `v1`."""

    version_id: str
    document: str
    created: float


@dataclass(frozen=True, slots=True)
class Policy:
    """A managed policy. `made` counts the versions that it has ever had."""

    name: str
    path: str
    arn: str
    policy_id: str
    created: float
    updated: float
    default: str
    made: int
    versions: Sequence[PolicyVersion]
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def version(self, version_id: str) -> PolicyVersion | None:
        """Return a version; None when there is no such version, or not any more."""
        return next((each for each in self.versions if each.version_id == version_id), None)


class Identities:
    """All roles and policies, for one caller at a time. What is changed is stored first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._roles: dict[str, Role] = {}
        self._policies: dict[str, Policy] = {}
        self._is_open = False

    async def open(self) -> None:
        """Read what is stored, once."""
        if not self._is_open:
            roles, policies = await self._store.read(_load)
            self._roles = {role.name.lower(): role for role in roles}
            self._policies = {policy.arn: policy for policy in policies}
            self._is_open = True

    @property
    def roles(self) -> list[Role]:
        """All roles, by name."""
        return sorted(self._roles.values(), key=lambda role: role.name)

    @property
    def policies(self) -> list[Policy]:
        """All managed policies, by name."""
        return sorted(self._policies.values(), key=lambda policy: policy.name)

    def role(self, name: str) -> Role | None:
        """Return a role; None when there is none."""
        return self._roles.get(name.lower())

    def policy(self, arn: str) -> Policy | None:
        """Return a managed policy; None when there is none."""
        return self._policies.get(arn)

    def policy_named(self, name: str) -> Policy | None:
        """Return a managed policy by its name; None when there is none."""
        return next((each for each in self._policies.values() if each.name.lower() == name.lower()), None)

    def attachments(self, arn: str) -> list[Role]:
        """Return the roles that a policy is attached to."""
        return [role for role in self.roles if arn in role.attached]

    async def keep_role(self, role: Role) -> None:
        """Store a role, new or changed."""
        content = orjson.dumps(role).decode()
        await self._store.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO iam_roles VALUES (?, ?)", (role.name, content)
            )
        )
        self._roles[role.name.lower()] = role

    async def forget_role(self, role: Role) -> None:
        """Remove a role."""
        await self._store.write(
            lambda connection: connection.execute("DELETE FROM iam_roles WHERE name = ?", (role.name,))
        )
        del self._roles[role.name.lower()]

    async def keep_policy(self, policy: Policy) -> None:
        """Store a managed policy, new or changed."""
        content = orjson.dumps(policy).decode()
        await self._store.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO iam_policies VALUES (?, ?)", (policy.arn, content)
            )
        )
        self._policies[policy.arn] = policy

    async def forget_policy(self, policy: Policy) -> None:
        """Remove a managed policy."""
        await self._store.write(
            lambda connection: connection.execute("DELETE FROM iam_policies WHERE arn = ?", (policy.arn,))
        )
        del self._policies[policy.arn]


def _load(connection: sqlite3.Connection) -> tuple[list[Role], list[Policy]]:
    roles = connection.execute("SELECT content FROM iam_roles")
    policies = [
        Policy(**orjson.loads(content))
        for (content,) in connection.execute("SELECT content FROM iam_policies")
    ]
    return (
        [Role(**orjson.loads(content)) for (content,) in roles],
        [
            replace(policy, versions=[PolicyVersion(**each) for each in policy.versions])  # type: ignore[arg-type]
            for policy in policies
        ],
    )
