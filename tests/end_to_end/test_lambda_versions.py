"""Lambda's operations on versions, aliases and layers, with boto3 against one running simulator."""

import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.headrace_process import HeadraceProcess, wait_until
from tests.end_to_end.lambda_deployment import (
    ARN,
    ECHO,
    answer_of,
    client,
    create,
    invoke,
    refused,
    write_configuration,
    zip_of,
)

LAYER_ARN = "arn:aws:lambda:us-east-1:000000000000:layer:{}"
LIBRARY = zip_of("VALUE = 'from the layer'\n", "python/library.py")


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadraceProcess]:
    with HeadraceProcess(write_configuration(tmp_path_factory.mktemp("versions"))) as running:
        yield running


@pytest.fixture(scope="module")
def functions(process: HeadraceProcess) -> Iterator[Any]:
    made = client(process)
    yield made
    made.close()


def update(functions: Any, name: str, word: str, **parameters: Any) -> dict[str, Any]:
    answer: dict[str, Any] = functions.update_function_code(
        FunctionName=name, ZipFile=zip_of(ECHO.replace("one", word)), **parameters
    )
    return answer


def test_a_published_version_stays_as_it_is(functions: Any) -> None:
    create(functions, "published", Environment={"Variables": {"STAGE": "first"}})
    made = functions.publish_version(FunctionName="published", Description="the first")
    assert (made["Version"], made["State"], made["Description"]) == ("1", "Pending", "the first")
    assert made["FunctionArn"] == ARN.format("published") + ":1"
    functions.get_waiter("published_version_active").wait(FunctionName="published", Qualifier="1")
    update(functions, "published", "two")
    functions.update_function_configuration(
        FunctionName="published", Environment={"Variables": {"STAGE": "second"}}
    )
    answer = invoke(functions, "published", Qualifier="1")
    assert answer == answer | {
        "text": "one",
        "stage": "first",
        "version": "1",
        "arn": ARN.format("published") + ":1",
    }
    latest = invoke(functions, "published:$LATEST")
    assert (latest["text"], latest["stage"], latest["version"]) == ("two", "second", "$LATEST")
    executed = answer_of(functions, "published", Qualifier="1")["ExecutedVersion"]
    assert executed == "1"


def test_publishing_what_has_not_changed_returns_the_version_before(functions: Any) -> None:
    create(functions, "unchanged")
    first = functions.publish_version(FunctionName="unchanged")
    again = functions.publish_version(FunctionName="unchanged", Description="another word for it")
    assert again["Version"] == first["Version"] == "1"
    assert again["State"] == "Active"
    answer = update(functions, "unchanged", "two", Publish=True)
    assert (answer["Version"], answer["FunctionArn"]) == ("2", ARN.format("unchanged") + ":2")


def test_publishing_insists_on_the_code_and_the_revision_it_is_told(functions: Any) -> None:
    create(functions, "insisting")
    code = refused(functions.publish_version, FunctionName="insisting", CodeSha256="other")
    assert code[:2] == (400, "InvalidParameterValueException")
    assert "is different from current CodeSHA256 in $LATEST" in code[2]
    revision = refused(functions.publish_version, FunctionName="insisting", RevisionId="other")
    assert revision[:2] == (412, "PreconditionFailedException")


def test_versions_are_listed_and_deleted_but_for_the_unpublished_one(functions: Any) -> None:
    create(functions, "numbered", Publish=True)
    for word in ("two", "three"):
        update(functions, "numbered", word, Publish=True)
    pages = functions.get_paginator("list_versions_by_function").paginate(
        FunctionName="numbered", PaginationConfig={"PageSize": 3}
    )
    assert [each["Version"] for page in pages for each in page["Versions"]] == ["$LATEST", "1", "2", "3"]
    functions.delete_function(FunctionName="numbered", Qualifier="2")
    left = functions.list_versions_by_function(FunctionName="numbered")["Versions"]
    assert [each["Version"] for each in left] == ["$LATEST", "1", "3"]
    assert refused(functions.invoke, FunctionName="numbered", Qualifier="2") == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN.format('numbered')}:2",
    )
    assert refused(functions.delete_function, FunctionName="numbered", Qualifier="$LATEST") == (
        400,
        "InvalidParameterValueException",
        "$LATEST version cannot be deleted without deleting the function.",
    )
    assert update(functions, "numbered", "four", Publish=True)["Version"] == "4"


def test_an_alias_stands_for_a_version(functions: Any) -> None:
    create(functions, "aliased", Publish=True)
    update(functions, "aliased", "two", Publish=True)
    made = functions.create_alias(
        FunctionName="aliased", Name="live", FunctionVersion="1", Description="what runs"
    )
    assert made == made | {
        "AliasArn": ARN.format("aliased") + ":live",
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "what runs",
    }
    answer = answer_of(functions, "aliased:live")
    assert answer["ExecutedVersion"] == "1"
    assert invoke(functions, "aliased", Qualifier="live")["arn"] == ARN.format("aliased") + ":live"
    described = functions.get_function(FunctionName="aliased", Qualifier="live")["Configuration"]
    assert (described["Version"], described["FunctionArn"]) == ("1", ARN.format("aliased") + ":live")
    changed = functions.update_alias(
        FunctionName="aliased", Name="live", FunctionVersion="2", RevisionId=made["RevisionId"]
    )
    assert (changed["FunctionVersion"], changed["Description"]) == ("2", "what runs")
    assert invoke(functions, "aliased", Qualifier="live")["text"] == "two"
    stale = refused(
        functions.update_alias, FunctionName="aliased", Name="live", RevisionId=made["RevisionId"]
    )
    assert stale[:2] == (412, "PreconditionFailedException")
    in_use = refused(functions.delete_function, FunctionName="aliased", Qualifier="2")
    assert in_use[:2] == (409, "ResourceConflictException")
    listed = functions.list_aliases(FunctionName="aliased", FunctionVersion="2")["Aliases"]
    assert [each["Name"] for each in listed] == ["live"]
    assert functions.list_aliases(FunctionName="aliased", FunctionVersion="1")["Aliases"] == []
    functions.delete_alias(FunctionName="aliased", Name="live")
    functions.delete_alias(FunctionName="aliased", Name="live")
    assert refused(functions.get_alias, FunctionName="aliased", Name="live") == (
        404,
        "ResourceNotFoundException",
        f"Cannot find alias arn: {ARN.format('aliased')}:live",
    )
    assert refused(functions.invoke, FunctionName="aliased", Qualifier="live")[0] == 404


def test_an_alias_shares_invocations_between_two_versions(functions: Any) -> None:
    create(functions, "shared", Publish=True)
    update(functions, "shared", "two", Publish=True)
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    made = functions.create_alias(
        FunctionName="shared", Name="both", FunctionVersion="1", RoutingConfig=weights
    )
    assert made["RoutingConfig"] == weights
    versions = {answer_of(functions, "shared", Qualifier="both")["ExecutedVersion"] for _ in range(40)}
    assert versions == {"1", "2"}
    functions.update_alias(FunctionName="shared", Name="both", RoutingConfig={})
    versions = {answer_of(functions, "shared", Qualifier="both")["ExecutedVersion"] for _ in range(10)}
    assert versions == {"1"}


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        pytest.param(
            {"FunctionVersion": "9"},
            (404, "ResourceNotFoundException", f"Function not found: {ARN.format('strict')}:9"),
            id="a version that is not there",
        ),
        pytest.param(
            {"Name": "taken"},
            (409, "ResourceConflictException", f"Alias already exists: {ARN.format('strict')}:taken"),
            id="a name that is taken",
        ),
        pytest.param(
            {"Name": "123"},
            (400, "ValidationException", "Value '123' at 'name' failed to satisfy constraint"),
            id="a number for a name",
        ),
        pytest.param(
            {"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
            (400, "InvalidParameterValueException", "Function version 1 is already included in routing"),
            id="a weight for its own version",
        ),
        pytest.param(
            {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.5, "3": 0.1}}},
            (
                400,
                "InvalidParameterValueException",
                "Number of items in AdditionalVersionWeights cannot be greater than 1",
            ),
            id="three versions",
        ),
        pytest.param(
            {"RoutingConfig": {"AdditionalVersionWeights": {"2": 1.5}}},
            (400, "ValidationException", "Value '{2=1.5}' at 'routingConfig.additionalVersionWeights'"),
            id="more than everything",
        ),
        pytest.param(
            {"FunctionVersion": "$LATEST", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
            (400, "InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more"),
            id="a share of the unpublished version",
        ),
    ],
)
def test_an_alias_that_makes_no_sense_is_refused(
    functions: Any, parameters: dict[str, Any], error: tuple[int, str, str]
) -> None:
    if "strict" not in [each["FunctionName"] for each in functions.list_functions()["Functions"]]:
        create(functions, "strict", Publish=True)
        functions.create_alias(FunctionName="strict", Name="taken", FunctionVersion="1")
    given = {"FunctionName": "strict", "Name": "new", "FunctionVersion": "1", **parameters}
    status, code, message = refused(functions.create_alias, **given)
    assert (status, code) == error[:2]
    assert error[2] in message


def test_a_layer_is_on_the_search_paths_of_its_functions(functions: Any) -> None:
    layer = functions.publish_layer_version(
        LayerName="library",
        Content={"ZipFile": LIBRARY},
        Description="shared",
        CompatibleRuntimes=["python3.11", "python3.13"],
    )
    assert (layer["Version"], layer["LayerArn"]) == (1, LAYER_ARN.format("library"))
    made = create(
        functions,
        "layered",
        """
        import os, sys

        import library

        def handler(event, context):
            return [library.VALUE, sys.path[0] == os.environ["LAMBDA_TASK_ROOT"],
                    os.environ["LAMBDA_LAYERS"] + "/bin" in os.environ["PATH"]]
        """,
        Layers=[layer["LayerVersionArn"]],
    )
    assert made["Layers"] == [{"Arn": layer["LayerVersionArn"], "CodeSize": len(LIBRARY)}]
    assert invoke(functions, "layered") == ["from the layer", True, True]
    functions.delete_layer_version(LayerName="library", VersionNumber=1)
    gone = refused(functions.get_layer_version, LayerName="library", VersionNumber=1)
    assert gone == (404, "ResourceNotFoundException", "The resource you requested does not exist.")
    functions.update_function_configuration(FunctionName="layered", Timeout=5)
    assert invoke(functions, "layered")[0] == "from the layer"
    again = functions.publish_layer_version(LayerName="library", Content={"ZipFile": LIBRARY})
    assert again["Version"] == 2
    functions.update_function_configuration(FunctionName="layered", Layers=[])
    assert answer_of(functions, "layered")["FunctionError"] == "Unhandled"


def test_layers_are_described_listed_and_given_away(functions: Any) -> None:
    for runtimes in (["python3.11"], ["nodejs22.x"]):
        functions.publish_layer_version(
            LayerName="several", Content={"ZipFile": LIBRARY}, CompatibleRuntimes=runtimes
        )
    newest = functions.get_layer_version(LayerName="several", VersionNumber=2)
    by_arn = functions.get_layer_version_by_arn(Arn=LAYER_ARN.format("several") + ":2")
    assert newest["LayerVersionArn"] == by_arn["LayerVersionArn"] == LAYER_ARN.format("several") + ":2"
    with urllib.request.urlopen(newest["Content"]["Location"]) as given:
        assert given.read() == LIBRARY
    pages = functions.get_paginator("list_layer_versions").paginate(
        LayerName="several", PaginationConfig={"PageSize": 1}
    )
    assert [each["Version"] for page in pages for each in page["LayerVersions"]] == [2, 1]
    listed = {each["LayerName"]: each for each in functions.list_layers()["Layers"]}
    assert listed["several"]["LatestMatchingVersion"]["Version"] == 2
    matching = functions.list_layers(CompatibleRuntime="python3.11")["Layers"]
    assert {each["LayerName"]: each["LatestMatchingVersion"]["Version"] for each in matching}["several"] == 1
    assert functions.list_layer_versions(LayerName="unknown")["LayerVersions"] == []


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        pytest.param(
            ["twice:1", "twice:2"], "Two different versions of the same layer", id="two versions of one"
        ),
        pytest.param(["twice:7"], "layer:twice:7 does not exist.", id="a version that is not there"),
        pytest.param([f"l{n}:1" for n in range(6)], "Cannot reference more than 5 layers.", id="too many"),
    ],
)
def test_layers_that_cannot_be_had_are_refused(functions: Any, layers: list[str], message: str) -> None:
    if not functions.list_layer_versions(LayerName="twice")["LayerVersions"]:
        for _ in range(2):
            functions.publish_layer_version(LayerName="twice", Content={"ZipFile": LIBRARY})
    arns = [LAYER_ARN.format(layer) for layer in layers]
    status, code, text = refused(lambda **_: create(functions, "unlayered", Layers=arns))
    assert (status, code) == (400, "InvalidParameterValueException")
    assert message in text


def test_a_layer_version_of_less_than_one_is_refused(functions: Any) -> None:
    assert refused(functions.get_layer_version, LayerName="any", VersionNumber=0) == (
        400,
        "InvalidParameterValueException",
        "Layer Version Cannot be less than 1",
    )


def test_each_version_logs_to_streams_of_its_own(functions: Any, process: HeadraceProcess) -> None:
    create(functions, "logging", Publish=True)
    invoke(functions, "logging", Qualifier="1")
    logs = process.folder / ".headrace/logs/aws/lambda/logging"
    wait_until(lambda: [*logs.rglob("[[]1]*.log")], "version 1 has logged")
    text = next(logs.rglob("[[]1]*.log")).read_text()
    assert "Version: 1" in text
    assert sys.version.split()[0] in text
