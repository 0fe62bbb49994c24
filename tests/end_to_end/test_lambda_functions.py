"""Lambda's operations on functions, with boto3 and the AWS CLI against one running simulator."""

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until
from tests.end_to_end.lambda_deployment import (
    ARN,
    ECHO,
    ROLE,
    RUNTIME,
    client,
    create,
    invoke,
    refused,
    write_configuration,
    zip_of,
)

BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
DECLARED = "headrace.toml declares functions.declared: change it there."


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadraceProcess]:
    folder = write_configuration(tmp_path_factory.mktemp("functions"))
    with HeadraceProcess(folder) as running:
        yield running


@pytest.fixture(scope="module")
def functions(process: HeadraceProcess) -> Iterator[Any]:
    made = client(process)
    yield made
    made.close()


def test_a_function_is_made_described_and_invoked(functions: Any) -> None:
    code = zip_of(ECHO)
    answer = create(
        functions,
        "made",
        Code={"ZipFile": code},
        Environment={"Variables": {"STAGE": "test"}},
        Timeout=7,
        MemorySize=256,
        Description="says it again",
        Tags={"team": "water"},
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (answer["State"], answer["StateReasonCode"]) == ("Pending", "Creating")
    functions.get_waiter("function_exists").wait(FunctionName="made")
    functions.get_waiter("function_active_v2").wait(FunctionName="made")
    described = functions.get_function(FunctionName="made")
    configuration = described["Configuration"]
    assert configuration["RevisionId"] != answer["RevisionId"]
    assert configuration == configuration | {
        "FunctionName": "made",
        "FunctionArn": ARN.format("made"),
        "Runtime": RUNTIME,
        "Role": ROLE,
        "Handler": "app.handler",
        "Timeout": 7,
        "MemorySize": 256,
        "Description": "says it again",
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "CodeSize": len(code),
        "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
        "Environment": {"Variables": {"STAGE": "test"}},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/made"},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    }
    assert described["Tags"] == {"team": "water"}
    with urllib.request.urlopen(described["Code"]["Location"]) as given:
        assert given.read() == code
    assert invoke(functions, "made", Payload=b'{"a": 1}') == {
        "event": {"a": 1},
        "version": "$LATEST",
        "arn": ARN.format("made"),
        "stage": "test",
        "text": "one",
    }


def test_a_function_goes_by_its_name_and_its_arns(functions: Any) -> None:
    create(functions, ARN.format("named"))
    for name in ("named", "function:named", "000000000000:function:named", ARN.format("named")):
        assert functions.get_function_configuration(FunctionName=name)["FunctionName"] == "named"


def _all(functions: Any) -> list[dict[str, Any]]:
    pages = functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    return [each for page in pages for each in page["Functions"]]


REFUSED_CREATIONS = [
    pytest.param(
        {"FunctionName": "declared"},
        (409, "ResourceConflictException", "Function already exist: declared"),
        id="one that the configuration has",
    ),
    pytest.param(
        {"Code": {"ZipFile": b"no zip"}},
        (400, "InvalidParameterValueException", BAD_ZIP),
        id="what is no zip",
    ),
    pytest.param(
        {"Code": {"ZipFile": zip_of("", "../../out.py")}},
        (400, "InvalidParameterValueException", BAD_ZIP),
        id="a zip with a path that leads out of it",
    ),
    pytest.param(
        {"Code": {"ZipFile": b""}},
        (400, "InvalidParameterValueException", "Uploaded file must be a non-empty zip"),
        id="an empty zip",
    ),
    pytest.param(
        {"Code": {}},
        (400, "InvalidParameterValueException", "Please provide a source for function code."),
        id="no code",
    ),
    pytest.param(
        {"Code": {"S3Bucket": "packages", "S3Key": "missing.zip"}},
        (
            400,
            "InvalidParameterValueException",
            "S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
        ),
        id="an object that is not there",
    ),
    pytest.param(
        {"Code": {"S3Bucket": "nowhere", "S3Key": "a.zip"}},
        (
            400,
            "InvalidParameterValueException",
            "S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist",
        ),
        id="a bucket that is not there",
    ),
    pytest.param(
        {"Code": {"ImageUri": "x"}, "PackageType": "Image"},
        (400, "InvalidParameterValueException", "Container images are not simulated by Headrace"),
        id="a container image",
    ),
    pytest.param(
        {"Handler": None},
        (400, "InvalidParameterValueException", "Runtime and Handler are mandatory parameters"),
        id="no handler",
    ),
    pytest.param(
        {"Runtime": "cobol85"},
        (400, "InvalidParameterValueException", "Value cobol85 at 'runtime' failed to satisfy constraint"),
        id="a runtime that Lambda does not have",
    ),
    pytest.param(
        {"Runtime": "nodejs22.x"},
        (400, "InvalidParameterValueException", "Runtime nodejs22.x cannot be run by Headrace without help"),
        id="a runtime that needs help",
    ),
    pytest.param(
        {"Runtime": "python2.7"},
        (400, "InvalidParameterValueException", "Runtime python2.7 cannot be run by Headrace"),
        id="a Python that is too old",
    ),
    pytest.param(
        {"Role": "worker"},
        (400, "ValidationException", "Value 'worker' at 'role' failed to satisfy constraint"),
        id="a role that is no ARN",
    ),
    pytest.param(
        {"Role": None},
        (
            400,
            "ValidationException",
            "Value null at 'role' failed to satisfy constraint: Member must not be null",
        ),
        id="no role",
    ),
    pytest.param(
        {"Timeout": 901},
        (400, "ValidationException", "Value '901' at 'timeout' failed to satisfy constraint"),
        id="too long a timeout",
    ),
    pytest.param(
        {"MemorySize": 10_241},
        (400, "ValidationException", "Value '10241' at 'memorySize' failed to satisfy constraint"),
        id="too much memory",
    ),
    pytest.param(
        {"FunctionName": "a" * 65},
        (400, "InvalidParameterValueException", "Member must have length less than or equal to 64"),
        id="too long a name",
    ),
    pytest.param(
        {"FunctionName": "a b"},
        (400, "ValidationException", "Value 'a b' at 'functionName' failed to satisfy constraint"),
        id="a name with a space",
    ),
    pytest.param(
        {"FunctionName": "arn:aws:lambda:eu-west-1:000000000000:function:there"},
        (404, "ResourceNotFoundException", "Functions from 'eu-west-1' are not reachable in this region"),
        id="another region",
    ),
    pytest.param(
        {"Environment": {"Variables": {"AWS_REGION": "x"}}},
        (400, "InvalidParameterValueException", "Reserved keys used in this request: AWS_REGION"),
        id="a reserved variable",
    ),
    pytest.param(
        {"Environment": {"Variables": {"A1": "x" * 4096}}},
        (400, "InvalidParameterValueException", "exceeded the 4KB limit"),
        id="more variables than 4 KB",
    ),
    pytest.param(
        {"Environment": {"Variables": {"1A": "x"}}},
        (400, "ValidationException", "Map keys must satisfy constraint"),
        id="a variable that begins with a digit",
    ),
    pytest.param(
        {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:nowhere"}},
        (400, "InvalidParameterValueException", "nowhere does not exist"),
        id="a dead-letter queue that is not there",
    ),
    pytest.param(
        {"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:nothing:1"]},
        (400, "InvalidParameterValueException", "layer:nothing:1 does not exist."),
        id="a layer that is not there",
    ),
    pytest.param(
        {"FileSystemConfigs": [{"Arn": "x", "LocalMountPath": "/mnt/x"}]},
        (400, "ValidationException", "fileSystemConfigs"),
        id="a file system",
    ),
    pytest.param(
        {"SnapStart": {"ApplyOn": "PublishedVersions"}},
        (400, "InvalidParameterValueException", "SnapStart is not simulated by Headrace."),
        id="SnapStart",
    ),
    pytest.param(
        {"LoggingConfig": {"LogGroup": "/mine"}},
        (400, "InvalidParameterValueException", "LoggingConfig.LogGroup is not simulated by Headrace."),
        id="a log group of its own",
    ),
]


@pytest.mark.parametrize(("parameters", "error"), REFUSED_CREATIONS)
def test_what_cannot_be_made_is_refused_and_leaves_nothing(
    functions: Any, process: HeadraceProcess, parameters: dict[str, Any], error: tuple[int, str, str]
) -> None:
    packages = process.folder / ".headrace/packages"
    before = sorted(packages.iterdir()) if packages.exists() else []
    status, code, message = refused(
        lambda **given: create(functions, given.pop("FunctionName", "refused"), **given), **parameters
    )
    assert (status, code) == error[:2]
    assert error[2] in message
    assert "refused" not in [each["FunctionName"] for each in _all(functions)]
    wait_until(lambda: not packages.exists() or sorted(packages.iterdir()) == before, "nothing is left")
    assert not list(process.folder.parent.rglob("out.py"))


def test_code_comes_from_a_watched_folder(functions: Any, process: HeadraceProcess) -> None:
    s3 = client(process, "s3")
    s3.put_object(Bucket="packages", Key="v1.zip", Body=zip_of(ECHO))
    create(functions, "from-bucket", Code={"S3Bucket": "packages", "S3Key": "v1.zip"})
    assert invoke(functions, "from-bucket")["text"] == "one"
    s3.put_object(Bucket="packages", Key="v2.zip", Body=zip_of(ECHO.replace("one", "two")))
    functions.update_function_code(FunctionName="from-bucket", S3Bucket="packages", S3Key="v2.zip")
    assert invoke(functions, "from-bucket")["text"] == "two"


def test_new_code_runs_at_the_next_invocation(functions: Any) -> None:
    create(functions, "renewed")
    assert invoke(functions, "renewed")["text"] == "one"
    first = functions.get_function_configuration(FunctionName="renewed")
    new = zip_of(ECHO.replace("one", "two"))
    tried = functions.update_function_code(FunctionName="renewed", ZipFile=new, DryRun=True)
    assert tried["CodeSha256"] != first["CodeSha256"]
    unchanged = functions.get_function_configuration(FunctionName="renewed")
    assert (unchanged["CodeSha256"], unchanged["RevisionId"]) == (first["CodeSha256"], first["RevisionId"])
    stale = refused(functions.update_function_code, FunctionName="renewed", ZipFile=new, RevisionId="stale")
    assert stale[:2] == (412, "PreconditionFailedException")
    answer = functions.update_function_code(
        FunctionName="renewed", ZipFile=new, RevisionId=first["RevisionId"]
    )
    assert answer["LastUpdateStatus"] == "InProgress"
    functions.get_waiter("function_updated_v2").wait(FunctionName="renewed")
    assert invoke(functions, "renewed")["text"] == "two"


def test_code_that_no_version_has_is_removed_from_the_disk(functions: Any, process: HeadraceProcess) -> None:
    old = zip_of(ECHO.replace("one", "old"))
    digest = hashlib.sha256(old).hexdigest()
    create(functions, "tidy", Code={"ZipFile": old})
    assert invoke(functions, "tidy")["text"] == "old"
    state = process.folder / ".headrace"
    stored = [state / "packages" / f"{digest}.zip", state / "code" / digest[:32]]
    assert all(path.exists() for path in stored)
    functions.update_function_code(FunctionName="tidy", ZipFile=zip_of(ECHO.replace("one", "new")))
    wait_until(lambda: not any(path.exists() for path in stored), "the old code is removed")
    assert invoke(functions, "tidy")["text"] == "new"


def test_a_configuration_changes_and_keeps_what_is_not_said(functions: Any) -> None:
    create(functions, "changed", Description="kept", Timeout=9)
    answer = functions.update_function_configuration(
        FunctionName="changed",
        Environment={"Variables": {"STAGE": "later"}},
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
        DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:000000000000:jobs"},
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        EphemeralStorage={"Size": 1024},
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName="changed")
    assert (answer["Description"], answer["Timeout"]) == ("kept", 9)
    assert answer["LoggingConfig"] == {
        "LogFormat": "JSON",
        "LogGroup": "/aws/lambda/changed",
        "ApplicationLogLevel": "DEBUG",
        "SystemLogLevel": "INFO",
    }
    assert answer["VpcConfig"] == {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": ""}
    assert answer["DeadLetterConfig"] == {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:jobs"}
    assert answer["EphemeralStorage"] == {"Size": 1024}
    assert invoke(functions, "changed")["stage"] == "later"
    stale = refused(
        functions.update_function_configuration, FunctionName="changed", Timeout=3, RevisionId="stale"
    )
    assert stale[:2] == (412, "PreconditionFailedException")


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("update_function_code", {"ZipFile": zip_of(ECHO)}),
        ("update_function_configuration", {"Timeout": 5}),
        ("delete_function", {}),
        ("publish_version", {}),
    ],
)
def test_a_function_of_the_configuration_is_changed_there(
    functions: Any, operation: str, parameters: dict[str, Any]
) -> None:
    answer = refused(getattr(functions, operation), FunctionName="declared", **parameters)
    assert answer == (400, "InvalidParameterValueException", DECLARED)


def test_a_function_of_the_configuration_is_described_with_its_code(functions: Any) -> None:
    described = functions.get_function(FunctionName="declared")
    configuration = described["Configuration"]
    assert configuration["MemorySize"] == 256
    assert configuration["Environment"] == {"Variables": {"STAGE": "file"}}
    assert described["Concurrency"] == {"ReservedConcurrentExecutions": 5}
    with urllib.request.urlopen(described["Code"]["Location"]) as given:
        content = given.read()
    assert base64.b64encode(hashlib.sha256(content).digest()).decode() == configuration["CodeSha256"]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["handler.py"]


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("get_function", {}),
        ("get_function_configuration", {}),
        ("delete_function", {}),
        ("update_function_code", {"ZipFile": zip_of(ECHO)}),
        ("update_function_configuration", {"Timeout": 5}),
        ("publish_version", {}),
        ("list_versions_by_function", {}),
        ("invoke", {}),
        ("list_aliases", {}),
        ("get_policy", {}),
        ("put_function_concurrency", {"ReservedConcurrentExecutions": 1}),
    ],
)
def test_a_function_that_is_not_there_is_named(
    functions: Any, operation: str, parameters: dict[str, Any]
) -> None:
    status, code, message = refused(getattr(functions, operation), FunctionName="nobody", **parameters)
    assert (status, code) == (404, "ResourceNotFoundException")
    assert message.startswith(f"Function not found: {ARN.format('nobody')}")


def test_a_deleted_function_is_gone_with_its_code(functions: Any, process: HeadraceProcess) -> None:
    code = zip_of(ECHO.replace("one", "brief"))
    create(functions, "brief", Code={"ZipFile": code}, Publish=True)
    assert invoke(functions, "brief", Qualifier="1")["text"] == "brief"
    answer = functions.delete_function(FunctionName="brief")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(functions.invoke, FunctionName="brief")[0] == 404
    stored = process.folder / f".headrace/packages/{hashlib.sha256(code).hexdigest()}.zip"
    wait_until(lambda: not stored.exists(), "its code is removed")
    create(functions, "brief")
    assert invoke(functions, "brief")["text"] == "one"


def test_functions_are_listed_in_pages_and_with_all_versions(functions: Any) -> None:
    create(functions, "listed", Publish=True)
    names = [each["FunctionName"] for each in _all(functions)]
    assert names == sorted(names)
    assert {"declared", "plain", "listed"} <= set(names)
    everything = functions.list_functions(FunctionVersion="ALL")["Functions"]
    versions = [each["FunctionArn"] for each in everything if each["FunctionName"] == "listed"]
    assert versions == [ARN.format("listed") + ":$LATEST", ARN.format("listed") + ":1"]
    assert not any("State" in each for each in everything)


def test_an_event_source_mapping_feeds_a_deployed_function(functions: Any, process: HeadraceProcess) -> None:
    create(functions, "worker", "def handler(event, context):\n    return len(event['Records'])\n")
    mapping = functions.create_event_source_mapping(
        EventSourceArn="arn:aws:sqs:us-east-1:000000000000:jobs", FunctionName="worker"
    )
    sqs = client(process, "sqs")
    url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    process.wait_for("InvocationFinished", function="worker")
    functions.delete_function(FunctionName="worker")
    assert functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Enabled"
    functions.delete_event_source_mapping(UUID=mapping["UUID"])


def test_commands_know_deployed_functions(functions: Any, process: HeadraceProcess) -> None:
    create(functions, "commanded", "def handler(event, context):\n    print('heard', event)\n    return 7\n")
    invoked = headrace(process.folder, "invoke", "commanded", "--payload", "3")
    assert (invoked.returncode, invoked.stdout) == (0, b"7\n"), invoked.stderr
    assert b"heard 3" in headrace(process.folder, "logs", "commanded").stdout
    assert b"commanded" in headrace(process.folder, "status").stdout
    assert b"commanded" in headrace(process.folder, "history", "commanded").stdout
    assert headrace(process.folder, "invoke", "nobody").returncode == 2


def test_the_old_way_to_invoke_asynchronously_is_understood(functions: Any, process: HeadraceProcess) -> None:
    create(functions, "old-way")
    assert functions.invoke_async(FunctionName="old-way", InvokeArgs=b"{}")["Status"] == 202
    process.wait_for("InvocationFinished", function="old-way")


def test_a_dry_run_of_an_invocation_runs_nothing(functions: Any, process: HeadraceProcess) -> None:
    create(functions, "dry")
    assert functions.invoke(FunctionName="dry", InvocationType="DryRun")["StatusCode"] == 204
    assert process.of("InvocationFinished", function="dry") == []


def test_a_package_without_its_bootstrap_is_found_by_an_invocation(functions: Any) -> None:
    create(functions, "custom", Runtime="provided.al2023", Handler="any")
    answer = functions.invoke(FunctionName="custom")
    assert json.loads(answer["Payload"].read())["errorType"] == "Runtime.InvalidEntrypoint"


def test_code_that_is_too_large_is_refused(functions: Any) -> None:
    status, code, message = refused(
        functions.update_function_code, FunctionName="plain", ZipFile=b"x" * 53_000_000
    )
    assert (status, code) == (413, "RequestEntityTooLargeException")
    assert message == "Request must be smaller than 70167211 bytes for the UpdateFunctionCode operation"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("create_function_url_config", {"FunctionName": "plain", "AuthType": "NONE"}),
        (
            "put_provisioned_concurrency_config",
            {"FunctionName": "plain", "Qualifier": "1", "ProvisionedConcurrentExecutions": 1},
        ),
        ("list_code_signing_configs", {}),
    ],
)
def test_what_is_not_simulated_is_refused_by_name(
    functions: Any, operation: str, parameters: dict[str, Any]
) -> None:
    status, code, message = refused(getattr(functions, operation), **parameters)
    assert (status, code) == (501, "NotImplementedException")
    assert operation.replace("_", "") in message.lower()


def test_the_aws_cli_deploys_too(process: HeadraceProcess, tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(zip_of(ECHO))

    def aws(*arguments: str) -> Any:
        environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": process.url,
        }
        done = subprocess.run(
            [Path(sys.executable).with_name("aws"), "lambda", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout or b"null")

    made = aws(
        *("create-function", "--function-name", "by-cli", "--runtime", RUNTIME, "--role", ROLE),
        *("--handler", "app.handler", "--zip-file", "fileb://code.zip"),
    )
    assert made["State"] == "Pending"
    aws("invoke", "--function-name", "by-cli", "answer.json")
    assert json.loads((tmp_path / "answer.json").read_text())["text"] == "one"
    assert aws("publish-version", "--function-name", "by-cli")["Version"] == "1"
