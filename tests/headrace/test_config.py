import zipfile
from pathlib import Path

import pytest
from pydantic import BaseModel

from engine.errors import ConfigurationError
from headrace.config import SimulatorSettings, load
from headrace.fixture_files import example_configuration, fixtures
from headrace.references import resolve
from headrace.settings_models import nested_tables

MINIMAL = """
[functions.resize]
handler = "handler.handler"
code = "resize"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "resize").mkdir()
    (tmp_path / "resize" / "handler.py").write_text("def handler(event, context): pass")
    return tmp_path


def problems_of(folder: Path, text: str) -> tuple[str, ...]:
    path = folder / "headrace.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    return caught.value.problems


def test_a_small_configuration_is_read_with_its_defaults(folder: Path) -> None:
    (folder / "headrace.toml").write_text(MINIMAL)
    configuration = load(folder / "headrace.toml")
    assert configuration.state == folder / ".headrace"
    assert configuration.file.functions["resize"].timeout == 3
    assert configuration.functions["resize"].handler == "handler.handler"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            MINIMAL + "timeout = 9000",
            "functions.resize.timeout: 900 is the most, got 9000",
            id="a value over AWS's limit",
        ),
        pytest.param(
            MINIMAL + "memory = 64",
            "functions.resize.memory: 128 is the least, got 64",
            id="a value under AWS's limit",
        ),
        pytest.param(
            MINIMAL + 'timeout = "soon"',
            "functions.resize.timeout: a whole number is needed, got 'soon'",
            id="a wrong type",
        ),
        pytest.param(
            MINIMAL + "timeout = true",
            "functions.resize.timeout: a whole number is needed, got true",
            id="true is not 1",
        ),
        pytest.param(
            MINIMAL + 'memory = "256"',
            "functions.resize.memory: a whole number is needed, got '256'",
            id="a number in quotes",
        ),
        pytest.param(
            MINIMAL + "reserved_concurrency = 2.0",
            "functions.resize.reserved_concurrency: a whole number is needed, got 2.0",
            id="a fraction of nothing",
        ),
        pytest.param(
            "[simulator]\nshutdown_grace_in_seconds = '3'",
            "simulator.shutdown_grace_in_seconds: a number is needed, got '3'",
            id="seconds in quotes",
        ),
        pytest.param(
            "[queues.jobs]\nfifo = 1",
            "queues.jobs.fifo: true or false is needed, got 1",
            id="1 is not true",
        ),
        pytest.param(
            MINIMAL + "timout = 9",
            "functions.resize.timout: there is no such option; did you mean 'timeout'?",
            id="a misspelt option",
        ),
        pytest.param(
            "[function.resize]\nhandler = 'a.b'",
            "function: there is no such option; did you mean 'functions'?",
            id="a misspelt table",
        ),
        pytest.param(
            "functions = 3", "functions: a table is needed, got 3", id="a value where a table belongs"
        ),
        pytest.param(
            MINIMAL + "command = []", "functions.resize.command: at least 1 is needed, got []", id="none"
        ),
        pytest.param(
            MINIMAL + "idle_timeout = -1",
            "functions.resize.idle_timeout: more than 0 is needed, got -1",
            id="-1",
        ),
        pytest.param(
            "[schedules.a]\nexpression = 'rate(1 hour)'\nfunction = 'f'\nstart_date = 'yesterday'",
            "schedules.a.start_date: a moment such as \"2026-01-01T00:00:00Z\" is needed, got 'yesterday'",
            id="no moment",
        ),
        pytest.param(
            "[simulator]\nstate = ''",
            'simulator.state: a folder of its own is needed, such as ".headrace": '
            "git leaves out all that is in it",
            id="the project's folder for the state",
        ),
        pytest.param(
            '[simulator]\nendpoint = "4566"',
            'simulator.endpoint: "HOST:PORT" is needed, such as "127.0.0.1:4566" (port 0 takes any free one)',
            id="an endpoint without a host",
        ),
        pytest.param(
            MINIMAL + 'on_failure = "queues.failures"',
            "functions.resize.on_failure: there is no queues.failures; "
            "add [queues.failures] (there are: none yet)",
            id="a dangling reference",
        ),
        pytest.param(
            MINIMAL + 'dead_letter = "queues.failures.fifo"\n[queues."failures.fifo"]',
            "functions.resize.dead_letter: queues.failures.fifo is a FIFO queue; "
            "Lambda sends such records to standard queues only",
            id="a FIFO queue as a dead-letter queue of a function",
        ),
        pytest.param(
            MINIMAL + 'on_failure = "queues.failurs"\n[queues.failures]',
            "functions.resize.on_failure: there is no queues.failurs; did you mean 'failures'?",
            id="a misspelt reference",
        ),
        pytest.param(
            MINIMAL + 'on_failure = "failures"\n[queues.failures]\n[topics.failures]',
            "functions.resize.on_failure: 'failures' needs its kind: "
            '"queues.failures" or "topics.failures"',
            id="a bare name that several kinds have",
        ),
        pytest.param(
            MINIMAL + 'dead_letter = "functions.resize"',
            "functions.resize.dead_letter: queues or topics can stand here, not functions",
            id="a reference to the wrong kind",
        ),
        pytest.param(
            MINIMAL + 'on_success = "functions.resize"',
            "functions.resize.on_success: You can't specify the function as a destination for itself.",
            id="a function that is its own destination",
        ),
        pytest.param(
            MINIMAL + '[buckets.inbox]\nfolder = "in"\n[[buckets.inbox.notifications]]\nfunction = "rezise"',
            "buckets.inbox.notifications[0].function: there is no functions.rezise; did you mean 'resize'?",
            id="a notification to a function that is not there",
        ),
        *(
            pytest.param(
                MINIMAL
                + '[buckets.inbox]\nfolder = "in"\n[[buckets.inbox.notifications]]\nfunction = "resize"\n'
                + filtered,
                f"buckets.inbox.notifications[0].{problem}",
                id=f"filter {filtered}",
            )
            for filtered, problem in (
                (
                    'prefix = "my own/"',
                    (
                        "prefix: a space is written + here and other special characters are percent-encoded: "
                        "write 'my+own/'"
                    ),
                ),
                (
                    'suffix = "100%"',
                    (
                        "suffix: a space is written + here and other special characters are percent-encoded: "
                        "write '100%25'"
                    ),
                ),
                ('prefix = "/photos/"', "prefix: no key of a folder begins with /: write 'photos/'"),
            )
        ),
        pytest.param(
            MINIMAL + '[schedules.tick]\nfunction = "resize"',
            "schedules.tick.expression: is required",
            id="a missing option",
        ),
    ],
)
def test_a_problem_names_its_place_and_what_is_allowed(folder: Path, text: str, problem: str) -> None:
    assert problem in problems_of(folder, text)


def test_a_whole_number_may_stand_for_any_number(folder: Path) -> None:
    (folder / "headrace.toml").write_text("[simulator]\nshutdown_grace_in_seconds = 3")
    assert load(folder / "headrace.toml").file.simulator.shutdown_grace_in_seconds == 3


def test_all_problems_are_reported_at_once(folder: Path) -> None:
    text = (
        MINIMAL
        + 'timeout = 9000\nmemroy = 1\non_failure = "queues.none"\n'
        + '[schedules.tick]\nexpression = "rate(1 minutes)"\nfunction = "ghost"\n'
        + '[buckets.IN]\nfolder = "in"\n'
    )
    found = problems_of(folder, text)
    for place in (
        "functions.resize.timeout",
        "functions.resize.memroy",
        "functions.resize.on_failure",
        "schedules.tick.expression",
        "schedules.tick.function",
        "buckets.IN",
    ):
        assert any(problem.startswith(place) for problem in found), (place, found)


RESERVED = "functions.resize.environment: AWS_REGION is set by Lambda itself and cannot be set here"
NO_CODE = "functions.resize: code: {}/missing does not exist; paths are relative to the configuration file"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            MINIMAL + "timeout = 9000\nmemory = 'x'",
            ["functions.resize.timeout", "functions.resize.memory"],
            id="several options",
        ),
        pytest.param(
            MINIMAL.replace('"resize"', '"missing"')
            + "timeout = 9000\nenvironment = {N = 5, AWS_REGION = 'x'}",
            ["functions.resize.timeout", "functions.resize.environment.N", RESERVED, NO_CODE],
            id="options, what stands beside one of them, and the code",
        ),
        pytest.param(
            MINIMAL.replace("handler.handler", "other.handler") + "timeout = 0",
            ["functions.resize.timeout", "functions.resize: handler: "],
            id="an option and the handler",
        ),
        pytest.param(
            MINIMAL + 'timeout = 0\nruntime = "cobol"',
            ["functions.resize.timeout", "functions.resize: runtime cobol is not one"],
            id="an option and the runtime",
        ),
        pytest.param(
            "[functions.resize]\nhandler = 5\ncode = 'missing'",
            ["functions.resize.handler", NO_CODE],
            id="a handler that is none, and the code",
        ),
        pytest.param(
            MINIMAL + 'log_format = "json"\napplication_log_level = "INFO"',
            ["functions.resize.log_format"],
            id="nothing is said that may be right when the rest is",
        ),
        pytest.param(
            "[functions.resize]\nhandler = 'handler.handler'\ncode = 7",
            ["functions.resize.code"],
            id="no code to look at",
        ),
        pytest.param(
            '[buckets.inbox]\nfolder = "headrace.toml"\nsettle_time = "1"\n',
            ["buckets.inbox.settle_time", "buckets.inbox.folder: {}/headrace.toml is a file"],
            id="a bucket's option and its folder",
        ),
        pytest.param(
            '[simulator]\npythons = {"python3.14" = "/nowhere"}'
            + MINIMAL
            + "runtime = 'python3.14'\ntimeout = 0",
            ["functions.resize.timeout", "functions.resize: python: no interpreter at /nowhere"],
            id="an option and the interpreter that was chosen",
        ),
        pytest.param(
            "queues = 5\n" + MINIMAL + 'on_failure = "failures"',
            ["queues: a table is needed", "functions.resize.on_failure: 'failures' needs its kind"],
            id="no table, and a name that could be in it",
        ),
        pytest.param("functions = 5", ["functions: a table is needed"], id="no table at all"),
        pytest.param("[functions]\nresize = 5", ["functions.resize: a table is needed"], id="no function"),
    ],
)
def test_problems_do_not_hide_each_other(folder: Path, text: str, expected: list[str]) -> None:
    found = problems_of(folder, text)
    assert len(found) == len(expected), found
    for problem, beginning in zip(found, expected, strict=True):
        assert problem.startswith(beginning.format(folder.resolve())), found


def test_a_zip_that_leads_out_of_itself_is_refused(folder: Path) -> None:
    with zipfile.ZipFile(folder / "code.zip", "w") as archive:
        archive.writestr("handler.py", "def handler(event, context): pass")
        archive.writestr("../evil.py", "")
    (problem,) = problems_of(folder, MINIMAL.replace('"resize"', '"code.zip"'))
    assert problem.startswith("functions.resize: code: ")
    assert problem.endswith("code.zip has a path that leads out of it: ../evil.py")


def test_missing_code_is_reported_beside_other_problems(folder: Path) -> None:
    text = MINIMAL + '[functions.other]\nhandler = "handler.handler"\ncode = "nowhere"\n[queues.q]\ndelay = 3'
    found = problems_of(folder, text)
    assert any(problem.startswith("functions.other: code: ") for problem in found)
    assert any(problem.startswith("queues.q.delay: ") for problem in found)


def test_a_single_bracket_where_a_list_belongs_says_what_to_write(folder: Path) -> None:
    text = MINIMAL + '[buckets.inbox]\nfolder = "in"\n[buckets.inbox.notifications]\nfunction = "resize"'
    (problem,) = problems_of(folder, text)
    assert "a list is needed: write [[buckets.inbox.notifications]]" in problem


def test_a_bucket_that_is_a_file_is_refused(folder: Path) -> None:
    (folder / "in").write_text("")
    (problem,) = problems_of(folder, MINIMAL + '[buckets.inbox]\nfolder = "in"')
    assert "a bucket is a folder" in problem


def test_an_arn_of_another_account_is_refused(folder: Path) -> None:
    arn = "arn:aws:sqs:eu-west-1:111122223333:q"
    (problem,) = problems_of(folder, MINIMAL + f'dead_letter = "{arn}"\n[queues.q]')
    assert "eu-west-1 111122223333" in problem


def test_a_byte_order_mark_does_no_harm(folder: Path) -> None:
    (folder / "headrace.toml").write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load(folder / "headrace.toml").file.functions


def test_reading_the_state_needs_no_code(folder: Path) -> None:
    (folder / "headrace.toml").write_text(MINIMAL.replace('"resize"', '"gone"'))
    assert load(folder / "headrace.toml", with_code=False).file.functions["resize"].timeout == 3


def test_missing_code_is_named_with_a_hint(folder: Path) -> None:
    (problem,) = problems_of(folder, MINIMAL.replace('"resize"', '"resise"'))
    assert problem.startswith("functions.resize: code: ")
    assert "does not exist" in problem


def test_a_syntax_error_names_its_line(folder: Path) -> None:
    (problem,) = problems_of(folder, "[functions.a]\nhandler 5")
    assert "headrace.toml" in problem
    assert "line 2, column" in problem


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="headrace init"):
        load(tmp_path / "headrace.toml")


def test_a_binary_file_is_refused(folder: Path) -> None:
    (folder / "headrace.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="not UTF-8 text"):
        load(folder / "headrace.toml")


@pytest.mark.parametrize(
    ("reference", "kinds", "expected"),
    [
        pytest.param("queues.jobs", ("functions", "queues"), ("queues", "jobs"), id="kind and name"),
        pytest.param("resize", ("functions",), ("functions", "resize"), id="a bare name where one kind fits"),
        pytest.param(
            "arn:aws:lambda:us-east-1:000000000000:function:resize",
            ("functions", "queues"),
            ("functions", "resize"),
            id="a function's ARN",
        ),
        pytest.param(
            "arn:aws:sqs:us-east-1:000000000000:jobs", ("queues",), ("queues", "jobs"), id="a queue's ARN"
        ),
        pytest.param("jobs.fifo", ("queues",), ("queues", "jobs.fifo"), id="a FIFO queue by its name"),
        pytest.param("queues.jobs.fifo", ("queues", "buckets"), ("queues", "jobs.fifo"), id="a FIFO queue"),
        pytest.param(
            "arn:aws:kinesis:us-east-1:000000000000:stream/clicks",
            ("streams", "tables"),
            ("streams", "clicks"),
            id="a stream's ARN",
        ),
        pytest.param(
            "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000",
            ("streams", "tables"),
            ("tables", "orders"),
            id="the ARN of a table's stream",
        ),
        pytest.param("arn:aws:s3:::inbox", ("buckets",), ("buckets", "inbox"), id="a bucket's ARN"),
    ],
)
def test_a_resource_is_referred_to_by_kind_and_name_or_arn(
    reference: str, kinds: tuple[str, ...], expected: tuple[str, str]
) -> None:
    assert resolve(reference, kinds) == expected


@pytest.mark.parametrize(
    "reference", ["jobs", "arn:aws:s3:::bucket", "arn:aws:sns:us-east-1:000000000000:news", "topics.news"]
)
def test_other_references_are_refused(reference: str) -> None:
    with pytest.raises(ValueError, match=r"jobs|local resource|topics|buckets"):
        resolve(reference, ("functions", "queues"))


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_bytes(example_configuration().read_bytes())
    (tmp_path / "functions").symlink_to(fixtures() / "functions")
    assert set(load(tmp_path / "headrace.toml").functions) >= {"thumbnail", "flaky", "nightly"}


def test_the_example_configuration_names_every_option() -> None:
    text = example_configuration().read_text(encoding="utf-8")
    models: list[type[BaseModel]] = [SimulatorSettings, *nested_tables().values()]
    for model in models:
        for option, field in model.model_fields.items():
            if field.annotation is not type(None):  # an option that is refused by name
                assert f"{option} =" in text or f".{option}]]" in text, f"{model.__name__}.{option}"


MAPPED = """
[functions.resize]
handler = "handler.handler"
code = "."
timeout = 60

[queues.jobs]
[queues."orders.fifo"]
[streams.clicks]

[[event_source_mappings]]
"""


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        pytest.param(
            'source = "queues.jobs"\nfunction = "resize"',
            "event_source_mappings[0].source: Queue visibility timeout: 30 seconds is less than"
            " Function timeout: 60 seconds",
            id="a visibility timeout below the function's",
        ),
        pytest.param(
            'source = "queues.orders.fifo"\nfunction = "resize"\nbatch_size = 11',
            "event_source_mappings[0].batch_size: ",
            id="what a FIFO queue cannot do",
        ),
        pytest.param(
            'source = "streams.clicks"\nfunction = "resize"',
            "event_source_mappings[0].starting_position: ",
            id="a stream needs a position to begin at",
        ),
        pytest.param(
            'source = "streams.clicks"\nfunction = "resize"\nstarting_position = "LATEST"\n'
            "filter_criteria = { filters = [{ pattern = { data = 3 } }] }",
            "event_source_mappings[0].filter_criteria.filters[0].pattern: Invalid filter pattern definition.",
            id="a pattern that Lambda refuses",
        ),
        pytest.param(
            'source = "streams.clicks"\nfunction = "resize"\nstarting_position = "LATEST"\nkms_key_arn = "k"',
            "event_source_mappings[0].kms_key_arn: is an option of Lambda's that is not simulated",
            id="what is not simulated, by name",
        ),
        pytest.param(
            'source = "streams.clicks"\nfunction = "resize"\nstarting_position = "LATEST"\n'
            '[[event_source_mappings]]\nsource = "streams.clicks"\nfunction = "functions.resize"\n'
            'starting_position = "LATEST"',
            "event_source_mappings[1]: streams.clicks and functions.resize have a mapping: "
            "event_source_mappings[0]",
            id="two mappings from one source to one function",
        ),
        pytest.param(
            'source = "buckets.inbox"\nfunction = "resize"',
            "event_source_mappings[0].source: queues or streams or tables can stand here, not buckets",
            id="a source that pushes its events itself",
        ),
    ],
)
def test_a_mapping_is_judged_beside_its_source_and_function(tmp_path: Path, lines: str, problem: str) -> None:
    (tmp_path / "handler.py").write_text("def handler(event, context): ...")
    (tmp_path / "headrace.toml").write_text(MAPPED + lines)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "headrace.toml")
    assert any(each.startswith(problem) for each in caught.value.problems), caught.value.problems


def test_options_that_are_only_refused_are_not_proposed(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text(
        '[queues.jobs]\n[functions.f]\nhandler = "f.f"\n[[event_source_mappings]]\n'
        'source = "queues.jobs"\nfunction = "f"\nqueue = "jobs"\n'
    )
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "headrace.toml", with_code=False)
    (problem,) = caught.value.problems
    text, _, options = problem.partition("; there are ")
    assert text == "event_source_mappings[0].queue: there is no such option"
    assert {"batch_size", "destination_config", "source"} <= {*options.split(", ")}
    assert not {"queues", "kms_key_arn", "topics"} & {*options.split(", ")}


def test_problems_of_several_tables_are_reported_together(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text(
        "[simulator]\nmax_environments = 0\n[queues.jobs]\ndelay_seconds = 901\n"
        "[streams.clicks]\nshard = 2\n[volcanoes.x]\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "headrace.toml")
    *others, unknown = caught.value.problems
    assert others == [
        "simulator.max_environments: 1 is the least, got 0",
        "queues.jobs.delay_seconds: 900 is the most, got 901",
        "streams.clicks.shard: there is no such option; did you mean 'shards'?",
    ]
    assert unknown.startswith("volcanoes: there is no such option; there are buckets, event_buses,")
