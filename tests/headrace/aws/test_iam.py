"""IAM's roles and policies, asked with boto3: kept, given back, refused as AWS refuses."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.store.database import Store
from headrace.aws.iam import IamWire
from tests.fakes.asked_service import AskedService, asked_service

TRUST = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}'
ALLOW = '{"Version": "2012-10-17", "Statement": []}'
OF_AWS = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def asked_iam(clock: Clock, store: Store) -> AbstractAsyncContextManager[AskedService]:
    return asked_service("iam", {"iam": IamWire(Account(), store, clock).handle})


@pytest.fixture
async def iam(clock: Clock, store: Store) -> AsyncIterator[AskedService]:
    async with asked_iam(clock, store) as asked:
        yield asked


async def make_role(iam: AskedService, name: str = "resize", **options: Any) -> dict[str, Any]:
    answer = await iam.call("create_role", RoleName=name, AssumeRolePolicyDocument=TRUST, **options)
    role: dict[str, Any] = answer["Role"]
    return role


async def make_policy(iam: AskedService, name: str = "reads") -> str:
    answer = await iam.call("create_policy", PolicyName=name, PolicyDocument=ALLOW)
    return str(answer["Policy"]["Arn"])


async def test_a_role_is_given_back_as_it_was_made(iam: AskedService) -> None:
    made = await make_role(
        iam, Path="/jobs/", Description="resizes", MaxSessionDuration=7200, Tags=[{"Key": "a", "Value": "b"}]
    )
    assert made["Arn"] == "arn:aws:iam::000000000000:role/jobs/resize"
    assert made["RoleId"].startswith("AROA")
    assert made["AssumeRolePolicyDocument"]["Statement"][0]["Action"] == "sts:AssumeRole"
    found = (await iam.call("get_role", RoleName="resize"))["Role"]
    assert found == {**made, "RoleLastUsed": {}}
    assert found["MaxSessionDuration"] == 7200
    assert found["Tags"] == [{"Key": "a", "Value": "b"}]


async def test_waiters_see_a_role_at_once(iam: AskedService) -> None:
    await make_role(iam)
    await iam.run(partial(iam.client.get_waiter("role_exists").wait, RoleName="resize"))


async def test_roles_are_listed_by_name_in_pages(iam: AskedService) -> None:
    for name in ("c", "a", "b"):
        await make_role(iam, name, Path="/x/" if name == "b" else "/")
    first = await iam.call("list_roles", MaxItems=2)
    assert [role["RoleName"] for role in first["Roles"]] == ["a", "b"]
    assert first["IsTruncated"]
    rest = await iam.call("list_roles", Marker=first["Marker"])
    assert [role["RoleName"] for role in rest["Roles"]] == ["c"]
    below = await iam.call("list_roles", PathPrefix="/x/")
    assert [role["RoleName"] for role in below["Roles"]] == ["b"]
    assert (await iam.refused("list_roles", Marker="!"))[0] == "ValidationError"


async def test_what_is_said_of_a_role_can_be_changed(iam: AskedService) -> None:
    await make_role(iam, Description="old", MaxSessionDuration=7200)
    await iam.call("update_role", RoleName="resize", Description="new")
    await iam.call("update_assume_role_policy", RoleName="resize", PolicyDocument=ALLOW)
    await iam.call(
        "tag_role", RoleName="resize", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    )
    await iam.call("untag_role", RoleName="resize", TagKeys=["a"])
    await iam.call("put_role_permissions_boundary", RoleName="resize", PermissionsBoundary=OF_AWS)
    found = (await iam.call("get_role", RoleName="resize"))["Role"]
    assert (found["Description"], found["MaxSessionDuration"]) == ("new", 3600)
    assert found["AssumeRolePolicyDocument"]["Statement"] == []
    assert found["Tags"] == [{"Key": "b", "Value": "2"}]
    assert (await iam.call("list_role_tags", RoleName="resize"))["Tags"] == found["Tags"]
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == OF_AWS
    await iam.call("delete_role_permissions_boundary", RoleName="resize")
    assert "PermissionsBoundary" not in (await iam.call("get_role", RoleName="resize"))["Role"]
    answer = await iam.call("update_role_description", RoleName="resize", Description="newer")
    assert answer["Role"]["Description"] == "newer"


async def test_policies_inside_a_role(iam: AskedService) -> None:
    await make_role(iam)
    await iam.call("put_role_policy", RoleName="resize", PolicyName="p", PolicyDocument=ALLOW)
    assert (await iam.call("list_role_policies", RoleName="resize"))["PolicyNames"] == ["p"]
    found = await iam.call("get_role_policy", RoleName="resize", PolicyName="p")
    assert found["PolicyDocument"] == {"Version": "2012-10-17", "Statement": []}
    assert await iam.refused("delete_role", RoleName="resize") == (
        "DeleteConflict",
        "Cannot delete entity, must delete policies first.",
    )
    await iam.call("delete_role_policy", RoleName="resize", PolicyName="p")
    assert await iam.refused("get_role_policy", RoleName="resize", PolicyName="p") == (
        "NoSuchEntity",
        "The role policy with name p cannot be found.",
    )
    assert (await iam.refused("delete_role_policy", RoleName="resize", PolicyName="p"))[0] == "NoSuchEntity"


async def test_policies_at_a_role(iam: AskedService) -> None:
    await make_role(iam)
    arn = await make_policy(iam)
    for each in (arn, OF_AWS, arn):
        await iam.call("attach_role_policy", RoleName="resize", PolicyArn=each)
    attached = (await iam.call("list_attached_role_policies", RoleName="resize"))["AttachedPolicies"]
    assert [each["PolicyName"] for each in attached] == ["AWSLambdaBasicExecutionRole", "reads"]
    entities = await iam.call("list_entities_for_policy", PolicyArn=arn)
    assert [role["RoleName"] for role in entities["PolicyRoles"]] == ["resize"]
    assert (await iam.call("get_policy", PolicyArn=arn))["Policy"]["AttachmentCount"] == 1
    assert (await iam.refused("delete_role", RoleName="resize"))[0] == "DeleteConflict"
    assert (await iam.refused("delete_policy", PolicyArn=arn))[0] == "DeleteConflict"
    for each in (arn, OF_AWS):
        await iam.call("detach_role_policy", RoleName="resize", PolicyArn=each)
    assert (await iam.refused("detach_role_policy", RoleName="resize", PolicyArn=arn))[0] == "NoSuchEntity"
    assert (await iam.call("list_instance_profiles_for_role", RoleName="resize"))["InstanceProfiles"] == []
    await iam.call("delete_role", RoleName="resize")
    assert await iam.refused("get_role", RoleName="resize") == (
        "NoSuchEntity",
        "The role with name resize cannot be found.",
    )


async def test_versions_of_a_policy(iam: AskedService) -> None:
    arn = await make_policy(iam)
    for _ in range(4):
        await iam.call("create_policy_version", PolicyArn=arn, PolicyDocument=TRUST, SetAsDefault=True)
    versions = (await iam.call("list_policy_versions", PolicyArn=arn))["Versions"]
    assert [each["VersionId"] for each in versions if each["IsDefaultVersion"]] == ["v5"]
    too_many = await iam.refused("create_policy_version", PolicyArn=arn, PolicyDocument=ALLOW)
    assert too_many[0] == "LimitExceeded"
    assert (await iam.refused("delete_policy_version", PolicyArn=arn, VersionId="v5"))[0] == "DeleteConflict"
    await iam.call("set_default_policy_version", PolicyArn=arn, VersionId="v1")
    await iam.call("delete_policy_version", PolicyArn=arn, VersionId="v5")
    made = await iam.call("create_policy_version", PolicyArn=arn, PolicyDocument=ALLOW)
    assert made["PolicyVersion"]["VersionId"] == "v6"
    found = await iam.call("get_policy_version", PolicyArn=arn, VersionId="v1")
    assert found["PolicyVersion"]["Document"] == {"Version": "2012-10-17", "Statement": []}
    assert (await iam.refused("get_policy_version", PolicyArn=arn, VersionId="v5"))[0] == "NoSuchEntity"
    assert (await iam.refused("delete_policy", PolicyArn=arn))[0] == "DeleteConflict"


async def test_policies_are_listed_and_tagged(iam: AskedService) -> None:
    arn = await make_policy(iam)
    await iam.call("tag_policy", PolicyArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    await iam.call("untag_policy", PolicyArn=arn, TagKeys=["b"])
    assert (await iam.call("list_policy_tags", PolicyArn=arn))["Tags"] == [{"Key": "a", "Value": "1"}]
    assert [each["Arn"] for each in (await iam.call("list_policies", Scope="Local"))["Policies"]] == [arn]
    assert (await iam.call("list_policies", OnlyAttached=True))["Policies"] == []
    await iam.call("delete_policy", PolicyArn=arn)
    assert (await iam.call("list_policies"))["Policies"] == []


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "text"),
    [
        pytest.param(
            "create_role",
            {"RoleName": "RESIZE", "AssumeRolePolicyDocument": TRUST},
            "EntityAlreadyExists",
            "Role with name RESIZE already exists.",
            id="a name that differs in its case alone is taken",
        ),
        pytest.param(
            "create_role",
            {"RoleName": "new", "AssumeRolePolicyDocument": "{"},
            "MalformedPolicyDocument",
            "This policy contains invalid Json",
            id="a policy that is no JSON",
        ),
        pytest.param(
            "create_policy",
            {"PolicyName": "reads", "PolicyDocument": ALLOW},
            "EntityAlreadyExists",
            "A policy called reads already exists. Duplicate names are not allowed.",
            id="a policy whose name is taken",
        ),
        pytest.param(
            "attach_role_policy",
            {"RoleName": "resize", "PolicyArn": "arn:aws:iam::000000000000:policy/other"},
            "NoSuchEntity",
            "Policy arn:aws:iam::000000000000:policy/other does not exist or is not attachable.",
            id="a policy that is not there cannot be attached",
        ),
        pytest.param(
            "get_policy",
            {"PolicyArn": OF_AWS},
            "NotImplementedException",
            f"{OF_AWS} is one of AWS's own policies, which Headrace knows by name alone.",
            id="AWS's own policies have no text here",
        ),
        pytest.param(
            "create_user",
            {"UserName": "somebody"},
            "NotImplementedException",
            "iam CreateUser is not simulated by Headrace.",
            id="users are refused by name",
        ),
    ],
)
async def test_iam_refuses(
    iam: AskedService, operation: str, parameters: dict[str, str], code: str, text: str
) -> None:
    await make_role(iam)
    await make_policy(iam)
    assert await iam.refused(operation, **parameters) == (code, text)


async def test_a_name_with_a_slash_is_refused_by_the_model(iam: AskedService) -> None:
    code, text = await iam.refused("get_role", RoleName="../etc")
    assert code == "ValidationError"
    assert "'roleName'" in text


async def test_roles_and_policies_survive_a_restart(clock: Clock, tmp_path: Path) -> None:
    async with Store(tmp_path / "db", clock) as store, asked_iam(clock, store) as iam:
        await make_role(iam, Tags=[{"Key": "a", "Value": "b"}])
        arn = await make_policy(iam)
        await make_policy(iam, "gone")
        await iam.call("attach_role_policy", RoleName="resize", PolicyArn=arn)
        await iam.call("delete_policy", PolicyArn=arn.replace("reads", "gone"))
        before = await iam.call("get_role", RoleName="resize")
    async with Store(tmp_path / "db", clock) as store, asked_iam(clock, store) as iam:
        assert await iam.call("get_role", RoleName="resize") == before
        policies = (await iam.call("list_policies"))["Policies"]
        assert [(each["Arn"], each["AttachmentCount"]) for each in policies] == [(arn, 1)]
        version = await iam.call("get_policy_version", PolicyArn=arn, VersionId="v1")
        assert version["PolicyVersion"]["IsDefaultVersion"]
