"""What the API has made is there again after a restart, also after `kill -9`."""

import json
from pathlib import Path

from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until
from tests.end_to_end.lambda_deployment import (
    ECHO,
    client,
    create,
    invoke,
    write_configuration,
    zip_of,
)

LIBRARY = zip_of("VALUE = 'from the layer'\n", "python/library.py")


def test_deployments_outlive_a_kill(tmp_path: Path) -> None:
    folder = write_configuration(tmp_path)
    with HeadraceProcess(folder) as process:
        functions = client(process)
        layer = functions.publish_layer_version(LayerName="library", Content={"ZipFile": LIBRARY})
        create(
            functions,
            "kept",
            ECHO.replace("import os", "import os, library"),
            Layers=[layer["LayerVersionArn"]],
            Publish=True,
            Tags={"team": "water"},
        )
        functions.update_function_code(FunctionName="kept", ZipFile=zip_of(ECHO.replace("one", "two")))
        functions.create_alias(FunctionName="kept", Name="live", FunctionVersion="1")
        functions.put_function_event_invoke_config(
            FunctionName="kept", Qualifier="live", MaximumRetryAttempts=1
        )
        functions.put_function_concurrency(FunctionName="kept", ReservedConcurrentExecutions=3)
        functions.add_permission(
            FunctionName="declared", StatementId="kept", Action="lambda:*", Principal="*"
        )
        before = functions.get_function(FunctionName="kept", Qualifier="live")
        process.kill()
    (folder / ".headrace/packages/.storing-half").write_bytes(b"of an upload that was killed")
    (folder / ".headrace/packages" / f"{'0' * 64}.zip").write_bytes(b"of a function that was deleted")
    with HeadraceProcess(folder) as process:
        functions = client(process)
        after = functions.get_function(FunctionName="kept", Qualifier="live")
        assert after["Configuration"] == before["Configuration"]
        assert after["Tags"] == {"team": "water"}
        assert after["Concurrency"] == {"ReservedConcurrentExecutions": 3}
        assert invoke(functions, "kept", Qualifier="live")["text"] == "one"
        assert invoke(functions, "kept")["text"] == "two"
        config = functions.get_function_event_invoke_config(FunctionName="kept", Qualifier="live")
        assert config["MaximumRetryAttempts"] == 1
        assert json.loads(functions.get_policy(FunctionName="declared")["Policy"])["Statement"]
        again = functions.publish_layer_version(LayerName="library", Content={"ZipFile": LIBRARY})
        assert again["Version"] == 2
        packages = folder / ".headrace/packages"
        assert len(list(packages.iterdir())) == 3
        functions.delete_function(FunctionName="kept")
        wait_until(lambda: len(list(packages.iterdir())) == 1, "only the layer is left")
    with HeadraceProcess(folder) as process:
        names = [each["FunctionName"] for each in client(process).list_functions()["Functions"]]
        assert names == ["declared", "plain"]


def test_a_deployed_function_runs_without_a_running_simulator(tmp_path: Path) -> None:
    folder = write_configuration(tmp_path)
    with HeadraceProcess(folder) as process:
        create(client(process), "alone")
    answer = headrace(folder, "invoke", "alone")
    assert json.loads(answer.stdout)["text"] == "one", answer.stderr


def test_the_configuration_takes_a_name_over_and_gives_it_back(tmp_path: Path) -> None:
    folder = write_configuration(tmp_path)
    path = folder / "headrace.toml"
    written = path.read_text()
    with HeadraceProcess(folder) as process:
        create(client(process), "mine")
    path.write_text(written + '[functions.mine]\nhandler = "handler.handler"\ncode = "functions/declared"\n')
    with HeadraceProcess(folder) as process:
        assert invoke(client(process), "mine") == "declared"
        client(process).tag_resource(
            Resource="arn:aws:lambda:us-east-1:000000000000:function:mine", Tags={"a": "b"}
        )
    path.write_text(written)
    with HeadraceProcess(folder) as process:
        assert invoke(client(process), "mine")["text"] == "one"
