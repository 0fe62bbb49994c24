"""Scripts: what is read, what is refused, and in which order actions fall due."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigurationError
from engine.settings import Settings
from headrace.config import Configuration, load
from headrace.simulation.script import Script, load_script

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
CONFIGURATION = """
[functions.resize]
handler = "app.handler"
code = "code"

[functions.total]
handler = "app.handler"
code = "code"

[buckets.inbox]
folder = "inbox"

[queues.jobs]
[queues."orders.fifo"]

[streams.clicks]

[tables.orders]
database = "shop.db"

[[event_source_mappings]]
source = "queues.jobs"
function = "resize"
"""


class Faults(Settings):
    """A stand-in for the model of `[faults]`."""

    error_rate: float = 0.0


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("def handler(event, context): ...\n")
    (tmp_path / "headrace.toml").write_text(CONFIGURATION)
    return load(tmp_path / "headrace.toml")


def read(configuration: Configuration, text: str, name: str = "script.toml", **options: Any) -> Script:
    path = configuration.folder / name
    path.write_text(text)
    return load_script(path, configuration, began=BEGAN, faults=Faults, **options)


def problems(configuration: Configuration, text: str, name: str = "script.toml", **options: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(configuration, text, name, **options)
    prefix = f"{configuration.folder / name}: "
    assert all(problem.startswith(prefix) for problem in caught.value.problems)
    return [problem.removeprefix(prefix) for problem in caught.value.problems]


def due(script: Script) -> list[tuple[float, str, int]]:
    """Return the seconds from the start, the place and the repetition of all that is to be done."""
    found = []
    while script.next_moment() is not None:
        each = script.take()
        found.append(((each.moment - BEGAN).total_seconds(), each.action.place, each.repetition))
    return found


SEND = 'send = { queue = "jobs", body = "a" }'


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        pytest.param('"90s"', 90, id="a duration from the start"),
        pytest.param('"1h30m"', 5400, id="a duration in several units"),
        pytest.param('"0s"', 0, id="the start itself"),
        pytest.param('"2026-03-01T00:01:00Z"', 60, id="a moment as text"),
        pytest.param('"2026-03-01T02:00:00+01:00"', 3600, id="a moment of another zone"),
        pytest.param("2026-03-01T00:01:00Z", 60, id="a moment of TOML's own"),
        pytest.param("2026-03-01T00:01:00", 60, id="a moment without a zone is UTC"),
    ],
)
def test_an_action_is_due_at_its_moment(configuration: Configuration, at: str, seconds: float) -> None:
    script = read(configuration, f"[[actions]]\nat = {at}\n{SEND}")
    assert due(script) == [(seconds, "actions[0]", 1)]
    assert script.is_done


@pytest.mark.parametrize(
    ("repetition", "seconds"),
    [
        pytest.param('every = "5m"\ncount = 3', [60, 360, 660], id="so many times"),
        pytest.param('every = "5m"\nuntil = "11m"', [60, 360, 660], id="to a moment, itself included"),
        pytest.param('every = "5m"\nuntil = "10m59s"', [60, 360], id="not beyond a moment"),
    ],
)
def test_an_action_is_repeated(configuration: Configuration, repetition: str, seconds: list[float]) -> None:
    script = read(configuration, f'[[actions]]\nat = "1m"\n{repetition}\n{SEND}')
    assert due(script) == [(each, "actions[0]", number) for number, each in enumerate(seconds, start=1)]


def test_actions_of_one_moment_are_due_in_the_order_of_the_file(configuration: Configuration) -> None:
    text = "".join(
        f'[[actions]]\nat = "{at}"\n{rest}\n{SEND}\n'
        for at, rest in [("2m", ""), ("0s", 'every = "1m"\ncount = 3'), ("1m", ""), ("2m", "")]
    )
    assert due(read(configuration, text)) == [
        (0, "actions[1]", 1),
        (60, "actions[1]", 2),
        (60, "actions[2]", 1),
        (120, "actions[0]", 1),
        (120, "actions[1]", 3),
        (120, "actions[3]", 1),
    ]


def test_json_lines_are_read_as_tables_are(configuration: Configuration) -> None:
    lines = [
        {"at": "1m", "send": {"queue": "jobs", "body": "a"}},
        {"at": "2m", "faults": {"error_rate": 0.5}},
    ]
    script = read(configuration, "\n\n".join(json.dumps(line) for line in lines) + "\n", "script.jsonl")
    assert [(action.place, action.name) for action in script.actions] == [
        ("line 1", "send"),
        ("line 3", "faults"),
    ]
    assert script.actions[1].arguments == Faults(error_rate=0.5)
    assert problems(configuration, '{"at": "1m"\n', "script.jsonl") == [
        "line 1, column 12: this is not JSON: Expecting ',' delimiter"
    ]
    assert problems(configuration, '\n{"at": "1m", "send": {"body": "a"}}\n', "script.jsonl") == [
        "line 2.send.queue: is required"
    ]


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        pytest.param(
            'send = { queue = "jobz", body = "a" }',
            "send.queue: there is no queue jobz; did you mean jobs?",
            id="a name that is misspelt",
        ),
        pytest.param(
            'put_object = { bucket = "photos", key = "a", content = "" }',
            "put_object.bucket: there is no bucket photos; there are: inbox",
            id="a name that is like no other",
        ),
        pytest.param(
            'send = { queue = "streams.clicks", body = "a" }',
            "send.queue: queues can stand here, not streams",
            id="a resource of another kind",
        ),
        pytest.param(
            'send = { queue = "jobs", body = "a", groop = "a" }',
            "send.groop: there is no such option; did you mean 'group'?",
            id="an argument that is misspelt",
        ),
        pytest.param(
            'sned = { queue = "jobs", body = "a" }',
            "sned: there is no such option; did you mean 'send'?",
            id="an action that is misspelt",
        ),
        pytest.param(
            f'{SEND}\ninvoke = {{ function = "resize" }}',
            ": one action is needed, got send and invoke; there are put_object, delete_object, send, "
            "put_record, sql, replay, invoke, change_function, change_mapping, change_queue, crash, expect, "
            "faults",
            id="two actions in one",
        ),
        pytest.param(
            'put_object = { bucket = "inbox", key = "a", content = "", base64 = "" }',
            "put_object: one of content, base64, file is needed, got content and base64",
            id="two contents",
        ),
        pytest.param(
            'put_object = { bucket = "inbox", key = "a", base64 = "%" }',
            "put_object.base64: text in base64 is needed: Only base64 data is allowed",
            id="content that is not base64",
        ),
        pytest.param(
            'put_object = { bucket = "inbox", key = "a", file = "none.txt" }',
            "put_object.file: FOLDER/none.txt cannot be read: No such file or directory",
            id="a file that is missing",
        ),
        pytest.param(
            'send = { queue = "orders.fifo", body = "a" }',
            "send: The request must contain the parameter MessageGroupId.",
            id="a message that SQS refuses",
        ),
        pytest.param(
            'put_record = { stream = "clicks", data = "a", explicit_hash_key = "x" }',
            "put_record: 1 validation error detected: Value at 'explicitHashKey' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})",
            id="a record that Kinesis refuses",
        ),
        pytest.param(
            'replay = { paths = "none.json", function = "resize" }',
            "replay.paths: FOLDER/none.json: there is no such file or folder",
            id="a recording that is missing",
        ),
        pytest.param(
            'replay = { paths = "event.json" }',
            "replay.function: which function are the events for? (there are: resize, total)",
            id="an event for nobody",
        ),
        pytest.param(
            'replay = { paths = "event.json", function = "total", speed = 0 }',
            'replay.speed: a number from 0.001, or "max", is needed, got 0',
            id="a speed that is none",
        ),
        pytest.param(
            'invoke = { function = "resize", file = "app.py" }',
            "invoke.file: app.py is not JSON: Expecting value: line 1 column 1 (char 0)",
            id="a payload that is not JSON",
        ),
        pytest.param(
            'change_function = { function = "resize" }',
            "change_function: it changes nothing: say what is to be another",
            id="a change of nothing",
        ),
        pytest.param(
            'change_function = { function = "resize", timeout = 901 }',
            "change_function.timeout: 900 is the most, got 901",
            id="a setting out of its range",
        ),
        pytest.param(
            'change_function = { function = "resize", code = "nowhere" }',
            "change_function: code: FOLDER/nowhere does not exist; paths are relative to the configuration "
            "file",
            id="code that is missing",
        ),
        pytest.param(
            'change_queue = { queue = "jobs", visibility_timeout = 50000 }',
            "change_queue.visibility_timeout: 43200 is the most, got 50000",
            id="an attribute out of its range",
        ),
        pytest.param(
            'change_mapping = { source = "queues.jobs", function = "total", enabled = false }',
            "change_mapping: there is no event source mapping from queues.jobs to functions.total",
            id="a mapping that there is not",
        ),
        pytest.param(
            'change_mapping = { source = "queues.jobs", function = "resize", batch_size = 20000 }',
            "change_mapping: 10000 is the most, got 20000",
            id="a parameter that Lambda refuses",
        ),
        pytest.param(
            "faults = { eror_rate = 0.5 }",
            "faults.eror_rate: there is no such option; did you mean 'error_rate'?",
            id="a fault that is misspelt",
        ),
        pytest.param(
            'expect = { queue = "jobs" }',
            "expect: say what to expect of the queue: messages, visible, in_flight, delayed",
            id="an expectation of nothing",
        ),
        pytest.param(
            'expect = { queue = "jobs", errors = 0 }',
            "expect: errors does not go with queue; there are messages, visible, in_flight, delayed",
            id="an expectation of something else",
        ),
        pytest.param(
            'expect = { queue = "jobs", messages = "none" }',
            "expect.messages: a table is needed, got 'none'",
            id="an expectation that is no number",
        ),
        pytest.param(
            'expect = { queue = "jobs", messages = { at_lest = 1 } }',
            "expect.messages.at_lest: there is no such option; did you mean 'at_least'?",
            id="a bound that is misspelt",
        ),
        pytest.param(
            'expect = { table = "orders", sql = "SELECT 1" }',
            "expect: sql goes with result: what the query's first value has to be",
            id="a query without its result",
        ),
    ],
)
def test_a_wrong_action_is_refused_with_its_place(
    configuration: Configuration, action: str, problem: str
) -> None:
    (configuration.folder / "event.json").write_text("{}")
    (configuration.folder / "app.py").write_text("no JSON")
    found = problems(configuration, f'[[actions]]\nat = "1m"\n{action}')
    separator = "" if problem.startswith(":") else "."
    assert found == [f"actions[0]{separator}{problem}".replace("FOLDER", str(configuration.folder))]


@pytest.mark.parametrize(
    ("timing", "problem"),
    [
        pytest.param("", "actions[0].at: is required", id="no moment"),
        pytest.param(
            'at = "soon"',
            'actions[0].at: a duration such as "90s", "1h30m" or "2d" is needed, got \'soon\'',
            id="no duration",
        ),
        pytest.param(
            "at = 90",
            'actions[0].at: a duration from the start ("90s") or a moment ("2026-03-01T08:00Z"), got 90',
            id="a number without its unit",
        ),
        pytest.param(
            'at = "2026-02-28T23:00Z"',
            "actions[0].at: 2026-02-28T23:00:00Z is before the simulation begins, 2026-03-01T00:00:00Z",
            id="before the beginning",
        ),
        pytest.param(
            'at = "31d"',
            "actions[0].at: 2026-04-01T00:00:00Z is after the simulation ends, 2026-03-31T00:00:00Z (30d)",
            id="after the end",
        ),
        pytest.param(
            'at = "1m"\nevery = "5m"', "actions[0]: every goes with count, or with until", id="for ever"
        ),
        pytest.param(
            'at = "1m"\ncount = 5', 'actions[0]: count and until go with every = "5m"', id="no pace"
        ),
        pytest.param(
            'at = "1m"\nevery = "0s"\ncount = 2',
            "actions[0].every: longer than nothing is needed",
            id="all at once",
        ),
        pytest.param(
            'at = "10m"\nevery = "1m"\nuntil = "5m"',
            "actions[0].until: is before the first time, 2026-03-01T00:10:00Z",
            id="an end before the beginning",
        ),
    ],
)
def test_a_wrong_moment_is_refused(configuration: Configuration, timing: str, problem: str) -> None:
    text = f"[[actions]]\n{timing}\n{SEND}"
    assert problems(configuration, text, length=timedelta(days=30)) == [problem]


def test_all_problems_of_a_script_are_reported_at_once(configuration: Configuration) -> None:
    text = """
        names = "no"

        [[actions]]
        at = "1m"
        send = { queue = "jobz", body = "a" }

        [[actions]]
        at = "never"
        send = { queue = "jobs", body = 3 }

        [[actions]]
        at = "1m"
        invoke = { function = "resiz" }
    """
    assert problems(configuration, text) == [
        "names: there is no such option; there are actions",
        "actions[0].send.queue: there is no queue jobz; did you mean jobs?",
        'actions[1].at: a duration such as "90s", "1h30m" or "2d" is needed, got \'never\'',
        "actions[1].send.body: text in quotes is needed, got 3",
        "actions[2].invoke.function: there is no function resiz; did you mean resize?",
    ]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        pytest.param(
            "a.toml", "", "there is nothing in it: write an action as a table [[actions]]", id="TOML"
        ),
        pytest.param(
            "a.toml",
            "actions = []",
            "there is nothing in it: write an action as a table [[actions]]",
            id="no actions",
        ),
        pytest.param(
            "a.jsonl", "\n", "there is nothing in it: write an action as an object a line", id="JSON Lines"
        ),
        pytest.param(
            "a.toml", "actions = {}", "actions: a list is needed: write [[actions]]; got {}", id="no list"
        ),
    ],
)
def test_a_script_with_nothing_in_it_is_refused(
    configuration: Configuration, name: str, text: str, problem: str
) -> None:
    assert problems(configuration, text, name) == [problem]


def test_what_the_simulation_ended_before_is_told(configuration: Configuration) -> None:
    script = read(
        configuration,
        f'[[actions]]\nat = "1m"\n{SEND}\n[[actions]]\nat = "2m"\nevery = "1m"\ncount = 9\n{SEND}',
    )
    assert not script.is_done
    script.take()
    assert list(script.unreached()) == [
        "actions[1].send: was to be done at 2026-03-01T00:02:00Z: the simulation ended before"
    ]
    script.take()
    assert not script.is_done
    assert list(script.unreached()) == []


def test_an_action_that_the_simulation_ended_in_the_midst_of_is_no_success(
    configuration: Configuration,
) -> None:
    script = read(configuration, f'[[actions]]\nat = "1m"\n{SEND}')
    assert not script.has_due(BEGAN)
    assert script.has_due(BEGAN + timedelta(minutes=1))
    script.acting = script.take()
    assert script.has_due(BEGAN)
    assert script.report().failures == ("actions[0].send: the simulation ended before it was done",)


def test_a_script_that_is_missing_is_not_taken_for_a_configuration(configuration: Configuration) -> None:
    path = configuration.folder / "nowhere.toml"
    with pytest.raises(ConfigurationError) as raised:
        load_script(path, configuration, began=BEGAN, faults=Faults)
    assert str(path) in str(raised.value)
    assert "does not exist: --script names a TOML file" in str(raised.value)
