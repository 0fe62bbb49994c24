"""What AWS accepts and refuses, and when an expression comes due: tables, and two oracles."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aws_croniter
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers.schedule.expression import InvalidExpression, Kind, Timing, parse

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def timing(
    text: str, kind: Kind = "rule", zone: str = "UTC", first: datetime = NEW_YEAR, **bounds: datetime
) -> Timing:
    return Timing(parse(text, kind), first, ZoneInfo(zone), **bounds)


def runs(of: Timing, after: datetime, count: int) -> list[str]:
    found: list[str] = []
    moment: datetime | None = after
    while moment is not None and len(found) < count:
        moment = of.next_after(moment)
        if moment is not None:
            found.append(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return found


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param("0/20 0 * * ? *", "01-01T00:20 01-01T00:40 01-02", id="a start and a step"),
        pytest.param("*/25 0 * * ? *", "01-01T00:25 01-01T00:50 01-02", id="a star and a step"),
        pytest.param("10-40/15 1 * * ? *", "01-01T01:10 01-01T01:25 01-01T01:40", id="a range and a step"),
        pytest.param("0/60 6 * * ? *", "01-01T06:00 01-02T06:00", id="a step past the end is no step"),
        pytest.param("0 22-1 * * ? *", "01-01T01:00 01-01T22:00 01-01T23:00 01-02", id="over midnight"),
        pytest.param("0 20-4/3 * * ? *", "01-01T02:00 01-01T20:00 01-01T23:00", id="steps over midnight"),
        pytest.param("05 07 01 02 ? *", "02-01T07:05", id="leading zeros"),
        pytest.param("0   8  * *  ? *", "01-01T08:00", id="several blanks between fields"),
        pytest.param("0 0 1 nov-Jan ? *", "11-01 12-01", id="names in any case, over the year"),
        pytest.param("0 0 1 MAR/4 ? *", "03-01 07-01 11-01", id="a month name and a step"),
        pytest.param("0 0 ? * SAT-MON *", "01-03 01-04 01-05 01-10", id="over the week"),
        pytest.param("0 0 ? * MON,4,FRI *", "01-02 01-05 01-07", id="names and numbers"),
        pytest.param("0 0 ? * 2/3 *", "01-05 01-08 01-12", id="a weekday and a step"),
        pytest.param("0 0 L * ? *", "01-31 02-28 03-31", id="the last day"),
        pytest.param("0 0 L-2 * ? *", "01-29 02-26 03-29", id="days before the last"),
        pytest.param("0 0 LW * ? *", "01-30 02-27 03-31", id="the last weekday"),
        pytest.param("0 0 1W * ? *", "02-02 03-02 04-01", id="nearest, not before the 1st"),
        pytest.param("0 0 1W 8 ? *", "08-03", id="Saturday the 1st goes to Monday the 3rd"),
        pytest.param("0 0 17W 1 ? *", "01-16", id="Saturday goes to Friday"),
        pytest.param("0 0 18W 1 ? *", "01-19", id="Sunday goes to Monday"),
        pytest.param("0 0 31W * ? *", "01-30 03-31 05-29", id="31W needs a 31st"),
        pytest.param("0 0 ? * L *", "01-03 01-10", id="bare L is Saturday"),
        pytest.param("0 0 ? * L-2 *", "01-08 01-15", id="L-2 is two days before Saturday"),
        pytest.param("0 0 ? * 6L *", "01-30 02-27", id="the last Friday"),
        pytest.param("0 0 ? * friL *", "01-30 02-27", id="the last Friday by name"),
        pytest.param("0 0 ? * 3#2 *", "01-13 02-10", id="the second Tuesday"),
        pytest.param("0 0 ? * SUN#5 *", "03-29 05-31", id="a fifth Sunday is rare"),
        pytest.param("0 0 ? * 1 *", "01-04", id="1 is Sunday"),
    ],
)
def test_cron_comes_due(inner: str, expected: str) -> None:
    wanted = expected.split()
    found = runs(timing(f"cron({inner})"), NEW_YEAR, len(wanted))
    assert [run[5:16].removesuffix("T00:00") for run in found] == wanted


@pytest.mark.parametrize(
    ("text", "kind", "hint"),
    [
        pytest.param("cron(0 24 * * ? *)", "rule", "hours: 0-23, got 24", id="an hour too many"),
        pytest.param("cron(0 0 1 FOO ? *)", "rule", "month: 1-12 or JAN-DEC, got FOO", id="an unknown month"),
        pytest.param("cron(0 0 ? * 0 *)", "rule", "day-of-week: 1-7 or SUN-SAT, got 0", id="Sunday is not 0"),
        pytest.param("cron(0 0 ? * monday *)", "rule", "SUN-SAT, got monday", id="no long names"),
        pytest.param("cron(0 0 1,,2 * ? *)", "rule", "remove the extra comma", id="an empty list item"),
        pytest.param("cron(*/0 * * * ? *)", "rule", "from 1 must stand after /, got 0", id="a step of zero"),
        pytest.param("cron(** * * * ? *)", "rule", "minutes: 0-59, got **", id="two stars"),
        pytest.param("cron(1//2 * * * ? *)", "rule", "must stand after /, got /2", id="two slashes"),
        pytest.param("cron(1-2-3 * * * ? *)", "rule", "minutes: 0-59, got 2-3", id="a range of three"),
        pytest.param("cron(*-5 * * * ? *)", "rule", "minutes: 0-59, got *", id="a range from a star"),
        pytest.param("cron(1.5 * * * ? *)", "rule", "minutes: 0-59, got 1.5", id="a decimal"),
        pytest.param("cron(² * * * ? *)", "rule", "minutes: 0-59, got ²", id="another script's digit"),
        pytest.param("cron(? * * * ? *)", "rule", "minutes: ? stands alone", id="? outside a day field"),
        pytest.param("cron(0 0 ?,1 * ? *)", "rule", "day-of-month: ? stands alone", id="? in a list"),
        pytest.param("cron(0 1 * * * *)", "rule", "one of them must be ?", id="no day field is ?"),
        pytest.param("cron(0 1 ? * ? *)", "rule", "only one may be ?", id="both day fields are ?"),
        pytest.param("cron(0 0 1,L * ? *)", "rule", "each alone in the field, got 1,L", id="L in a list"),
        pytest.param("cron(0 0 1W,15W * ? *)", "rule", "each alone in the field", id="W in a list"),
        pytest.param("cron(0 0 W * ? *)", "rule", "each alone in the field, got W", id="W without a day"),
        pytest.param("cron(0 0 3L * ? *)", "rule", "each alone in the field, got 3L", id="3L as a day"),
        pytest.param("cron(0 0 32W * ? *)", "rule", "day-of-month: 1-31, got 32", id="32W"),
        pytest.param("cron(0 0 L-31 * ? *)", "rule", "1-30 days may stand after L-", id="before any month"),
        pytest.param("cron(0 0 L-0 * ? *)", "rule", "1-30 days may stand after L-", id="zero days before"),
        pytest.param("cron(0 0 ? * 3#1,6#3 *)", "rule", "each alone in the field", id="# in a list"),
        pytest.param("cron(0 0 ? * MON#6 *)", "rule", "1-5 may stand after #, got 6", id="a sixth Monday"),
        pytest.param("cron(0 0 ? * 8L *)", "rule", "SUN-SAT, got 8", id="the last eighth day"),
        pytest.param("cron(0 0 ? * 5W *)", "rule", "SUN-SAT, got 5W", id="W as a weekday"),
        pytest.param("cron(0 0 1 1 ? 1969)", "rule", "year: 1970-2199, got 1969", id="before 1970"),
        pytest.param("cron(0 10 * * ?)", "rule", "got 5: append * for every year", id="a rule needs a year"),
        pytest.param("cron(0 10 * *)", "scheduler", "five fields and, if wanted, a year", id="four fields"),
        pytest.param("0 10 * * ? *", "rule", "write cron(0 10 * * ? *)", id="fields without cron()"),
        pytest.param(" rate(5 minutes)", "rule", "without blanks around it", id="a blank before it"),
        pytest.param("0 8 * * MON-FRI *", "rule", "write cron(0 8 ? * MON-FRI *)", id="six without ?"),
        pytest.param("0 8 * * 1-5", "rule", "write cron(0 8 ? * MON-FRI *)", id="a crontab's weekdays"),
        pytest.param("0 8 * * 0,7", "rule", "write cron(0 8 ? * SUN,SUN *)", id="a crontab's Sundays"),
        pytest.param("0 8 1 * *", "rule", "write cron(0 8 1 * ? *)", id="a crontab's day of the month"),
        pytest.param("RATE(5 minutes)", "rule", "write rate(5 minutes), in lower case", id="capitals"),
        pytest.param("CRON(0 8 1 * ? *)", "rule", "write cron(0 8 1 * ? *), in lower case", id="CRON"),
        pytest.param("", "rule", "write cron(...) or rate(...)", id="nothing"),
        pytest.param("rate(1 minutes)", "rule", "1 goes with minute, got minutes", id="one in the plural"),
        pytest.param("rate(5 hour)", "rule", "5 goes with hours, got hour", id="five in the singular"),
        pytest.param("rate(0 days)", "rule", "value: at least 1, got 0", id="a rate of nothing"),
        pytest.param("rate(10 MINUTES)", "scheduler", "a unit in lower case", id="a unit in capitals"),
        pytest.param("rate(10 seconds)", "scheduler", "got seconds", id="seconds"),
        pytest.param("rate(5  minutes)", "rule", "one blank", id="two blanks in a rate"),
        pytest.param(
            "rate(99999999999999 days)", "scheduler", "longer than any calendar", id="an endless rate"
        ),
        pytest.param("at(2026-01-01T00:00:00)", "rule", "EventBridge Scheduler", id="at() in a rule"),
        pytest.param("at(2026-01-01)", "scheduler", "a date and a time without zone", id="at() without time"),
        pytest.param("at(2026-01-01T00:00:00Z)", "scheduler", "without zone", id="at() with a zone"),
        pytest.param("at(2026-02-30T00:00:00)", "scheduler", "not in the calendar", id="30 February"),
        pytest.param("at(0001-01-01T00:00:00)", "scheduler", "1970-2199, got 1", id="at() before 1970"),
    ],
)
def test_what_aws_refuses_is_refused_with_its_message_and_a_hint(text: str, kind: Kind, hint: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        parse(text, kind)
    aws = {
        "rule": "Parameter ScheduleExpression is not valid.",
        "scheduler": f"Invalid Schedule Expression {text}.",
    }
    assert caught.value.message == aws[kind]
    assert hint in caught.value.hint
    assert str(caught.value) == f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("rate(1 minute)", "rule", id="one minute"),
        pytest.param("rate(365 days)", "rule", id="a year of days"),
        pytest.param("rate(1 minutes)", "scheduler", id="the scheduler takes one minutes"),
        pytest.param("rate(5 day)", "scheduler", id="the scheduler takes five day"),
        pytest.param("cron(0 10 * * ?)", "scheduler", id="the scheduler's year is optional"),
        pytest.param("cron(15 10 ? * 6L 2002-2005)", "rule", id="years that are over"),
        pytest.param("at(2022-12-31T23:59:59)", "scheduler", id="a moment that is over"),
        pytest.param("cron(0 0 1 1 ? 2199-1970)", "rule", id="years over the end"),
        pytest.param("cron(0 0 *,3 * ? *)", "rule", id="a star in a list"),
    ],
)
def test_what_aws_accepts_is_accepted(text: str, kind: Kind) -> None:
    parse(text, kind)


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        pytest.param(
            "cron(30 2 * * ? *)",
            "Europe/Berlin",
            "2026-03-28T12:00Z",
            ["2026-03-30T00:30:00Z"],
            id="a time the clocks skip does not run",
        ),
        pytest.param(
            "cron(0/30 2 * * ? *)",
            "Europe/Berlin",
            "2026-10-24T23:59Z",
            ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:00:00Z"],
            id="a time the clocks repeat runs the first time only",
        ),
        pytest.param(
            "cron(0/30 2 * * ? *)",
            "Europe/Berlin",
            "2026-10-25T01:10Z",
            ["2026-10-26T01:00:00Z"],
            id="nothing is due within the repeated hour",
        ),
        pytest.param(
            "at(2026-03-29T02:30:00)",
            "Europe/Berlin",
            "2026-01-01T00:00Z",
            ["2026-03-29T01:30:00Z"],
            id="at in a skipped hour runs an hour later by the clock",
        ),
        pytest.param(
            "cron(0 12 30 12 ? 2011)",
            "Pacific/Apia",
            "2011-12-01T00:00Z",
            [],
            id="a day that Samoa left out",
        ),
        pytest.param(
            "rate(1 day)",
            "Europe/Berlin",
            "2026-03-28T00:00Z",
            ["2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"],
            id="a rate of days counts 24 hours",
        ),
    ],
)
def test_clocks_put_forward_and_back(text: str, zone: str, after: str, expected: list[str]) -> None:
    of = timing(text, "scheduler", zone)
    assert runs(of, datetime.fromisoformat(after), 3)[: len(expected) or 1] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("cron(0 * * * ? *)", ["2026-01-02T00:00:00Z", "2026-01-02T01:00:00Z"], id="cron"),
        pytest.param("rate(40 minutes)", ["2026-01-02T00:00:00Z", "2026-01-02T00:40:00Z"], id="rate"),
        pytest.param("at(2025-06-01T00:00:00)", ["2025-06-01T00:00:00Z"], id="at has no bounds"),
    ],
)
def test_start_and_end_are_inclusive_bounds(text: str, expected: list[str]) -> None:
    start = datetime(2026, 1, 2, tzinfo=UTC)
    of = timing(text, "scheduler", first=start, start=start, end=datetime.fromisoformat(max(expected)))
    assert runs(of, datetime(2025, 1, 1, tzinfo=UTC), 5) == expected


def test_an_expression_that_is_over_has_no_next_run() -> None:
    assert timing("cron(0 0 1 1 ? 2020-2025)").next_after(NEW_YEAR) is None
    assert timing("cron(0 0 30 2 ? *)").next_after(NEW_YEAR) is None
    assert timing("cron(0 0 1 1 ? *)").next_after(datetime.max.replace(tzinfo=UTC)) is None
    assert timing("rate(999999999 days)").next_after(NEW_YEAR) is None


def test_a_moment_before_any_calendar_is_a_moment_before_the_first_run() -> None:
    earliest = datetime.min.replace(tzinfo=UTC)
    assert runs(timing("cron(0 0 1 1 ? *)", zone="Asia/Tokyo"), earliest, 1) == ["1969-12-31T15:00:00Z"]


@pytest.mark.parametrize(
    ("text", "after", "until", "expected"),
    [
        pytest.param("cron(* * * 1 ? *)", "2020-01-01", "2026-12-31", "2026-01-31T23:59", id="long ago"),
        pytest.param("rate(1 minute)", "2026-01-01", "2026-07-01", "2026-07-01T00:00", id="just now"),
        pytest.param("cron(0 0 1 * ? *)", "2026-01-01", "2026-01-31", None, id="none at all"),
        pytest.param("cron(0 0 1 * ? *)", "2026-01-01", "2026-02-01", "2026-02-01T00:00", id="only one"),
    ],
)
def test_the_latest_run_of_a_span(text: str, after: str, until: str, expected: str | None) -> None:
    low, high = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (after, until))
    found = timing(text).latest_between(low, high)
    assert (found and found.strftime("%Y-%m-%dT%H:%M")) == expected


# A second reading of the grammar, for the oracle: every strategy draws a text together with what it means.

Values = tuple[str, frozenset[int]]
Days = tuple[str, str, Callable[[date], bool]]


def field(low: int, high: int) -> st.SearchStrategy[Values]:
    value = st.integers(low, high)
    step = st.integers(1, high + 3)

    def wrapped(first: int, last: int, by: int = 1) -> frozenset[int]:
        circle = [*range(low, high + 1)] * 2
        start = first - low
        length = (last - first) % (high - low + 1)
        return frozenset(circle[start : start + length + 1 : by])

    item = st.one_of(
        st.builds(lambda a: (str(a), frozenset({a})), value),
        st.builds(lambda a, b: (f"{a}-{b}", wrapped(a, b)), value, value),
        st.builds(lambda a, b, n: (f"{a}-{b}/{n}", wrapped(a, b, n)), value, value, step),
        st.builds(lambda a, n: (f"{a}/{n}", frozenset(range(a, high + 1)[::n])), value, step),
        st.builds(lambda n: (f"*/{n}", frozenset(range(low, high + 1)[::n])), step),
    )
    listed = st.lists(item, min_size=1, max_size=3).map(
        lambda items: (",".join(text for text, _ in items), frozenset().union(*(set_ for _, set_ in items)))
    )
    return st.one_of(st.just(("*", frozenset(range(low, high + 1)))), listed)


def aws_weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def last_of_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def nearest_weekday(day: date) -> date:
    candidates = [day + timedelta(days=n) for n in (0, -1, 1, -2, 2)]
    return next(c for c in candidates if c.month == day.month and c.isoweekday() <= 5)


def is_nearest(day: date, wanted: int) -> bool:
    return wanted <= last_of_month(day).day and nearest_weekday(day.replace(day=wanted)) == day


DAYS: st.SearchStrategy[Days] = st.one_of(
    field(1, 31).map(lambda v: (v[0], "?", lambda d: d.day in v[1])),
    field(1, 7).map(lambda v: ("?", v[0], lambda d: aws_weekday(d) in v[1])),
    st.just(("L", "?", lambda d: d == last_of_month(d))),
    st.just(("LW", "?", lambda d: d == nearest_weekday(last_of_month(d)))),
    st.integers(1, 30).map(lambda n: (f"L-{n}", "?", lambda d: (last_of_month(d) - d).days == n)),
    st.integers(1, 31).map(lambda n: (f"{n}W", "?", lambda d: is_nearest(d, n))),
    st.integers(1, 7).map(
        lambda w: ("?", f"{w}L", lambda d: aws_weekday(d) == w and (last_of_month(d) - d).days < 7)
    ),
    st.tuples(st.integers(1, 7), st.integers(1, 5)).map(
        lambda wn: (
            "?",
            f"{wn[0]}#{wn[1]}",
            lambda d: aws_weekday(d) == wn[0] and (d.day - 1) // 7 + 1 == wn[1],
        )
    ),
)
MOMENTS = st.integers(0, 12 * 365 * 86_400).map(
    lambda n: datetime(2019, 1, 1, tzinfo=UTC) + timedelta(seconds=n)
)


@settings(deadline=None, max_examples=150)
@given(field(0, 59), field(0, 23), DAYS, field(1, 12), MOMENTS)
def test_cron_agrees_with_a_scan_of_every_minute(
    minutes: Values, hours: Values, days: Days, months: Values, after: datetime
) -> None:
    day_of_month, day_of_week, selects = days
    text = f"cron({minutes[0]} {hours[0]} {day_of_month} {months[0]} {day_of_week} *)"
    of = timing(text)

    def scan() -> Any:
        for offset in range(800):
            day = after.date() + timedelta(days=offset)
            if day.month in months[1] and selects(day):
                for minute in range(24 * 60):
                    moment = datetime.combine(day, time(minute // 60, minute % 60), UTC)
                    if moment > after and moment.hour in hours[1] and moment.minute in minutes[1]:
                        yield moment

    expected = list(islice(scan(), 5))
    found: list[datetime] = []
    moment = of.next_after(after)
    while moment is not None and len(found) < 5 and (moment - after).days < 799:
        found.append(moment)
        moment = of.next_after(moment)
    assert found[: len(expected)] == expected, text
    assert len(found) == len(expected) or (after + timedelta(days=799)) <= found[len(expected)]


TRANSITIONS = st.sampled_from(
    [
        ("Europe/Berlin", date(2026, 3, 29)),
        ("Europe/Berlin", date(2026, 10, 25)),
        ("America/New_York", date(2026, 3, 8)),
        ("America/New_York", date(2026, 11, 1)),
        ("Australia/Lord_Howe", date(2026, 4, 5)),
        ("Australia/Lord_Howe", date(2026, 10, 4)),
        ("America/Havana", date(2024, 3, 10)),
        ("America/St_Johns", date(2026, 11, 1)),
        ("Pacific/Apia", date(2011, 12, 30)),
        ("Africa/Casablanca", date(2026, 2, 15)),
        ("Europe/Dublin", date(2150, 3, 29)),
    ]
)


@settings(deadline=None, max_examples=40)
@given(field(0, 59), field(0, 23), TRANSITIONS, st.integers(0, 2880))
def test_cron_in_a_zone_agrees_with_a_scan_of_every_minute(
    minutes: Values, hours: Values, transition: tuple[str, date], offset: int
) -> None:
    """A wall-clock minute runs where it exists, and where it exists twice, the first time."""
    name, day = transition
    zone = ZoneInfo(name)
    begin = datetime.combine(day, time(0), UTC) - timedelta(days=1)
    after, end = begin + timedelta(minutes=offset), begin + timedelta(days=3)
    of = timing(f"cron({minutes[0]} {hours[0]} * * ?)", "scheduler", name)

    expected = []
    moment = after + timedelta(minutes=1)
    while moment <= end:
        local = moment.astimezone(zone)
        if local.hour in hours[1] and local.minute in minutes[1] and local.fold == 0:
            expected.append(moment)
        moment += timedelta(minutes=1)
    found = []
    run = of.next_after(after)
    while run is not None and run <= end:
        found.append(run)
        run = of.next_after(run)
    assert found == expected


@settings(deadline=None, max_examples=100)
@given(field(0, 59), field(0, 23), DAYS, field(1, 12), MOMENTS)
def test_cron_agrees_with_aws_croniter_where_that_has_an_answer(
    minutes: Values, hours: Values, days: Days, months: Values, after: datetime
) -> None:
    inner = f"{minutes[0]} {hours[0]} {days[0]} {months[0]} {days[1]} *"
    try:
        (expected,) = aws_croniter.AwsCroniter(inner).get_next(after)
    except ValueError:
        return  # it refuses LW (its parser) and steps beyond the field
    if expected is not None:  # it gives up after ten months without a run
        assert timing(f"cron({inner})").next_after(after) == expected


FIELD_LIKE = st.text("0123456789*/-,?LW#MONJAfri.²", max_size=6)


@settings(max_examples=300)
@given(
    st.one_of(
        st.lists(FIELD_LIKE, max_size=7).map(lambda fields: f"cron({' '.join(fields)})"),
        st.text("rate(1590 minutesdayhour)").map(lambda text: f"rate({text}"),
        st.text("at(20199-T:30)").map(lambda text: f"at({text})"),
        st.integers(1, 5000).map(lambda digits: f"rate({'9' * digits} days)"),
        st.text(),
    ),
    st.sampled_from(["rule", "scheduler"]),
)
def test_any_text_is_read_or_refused(text: str, kind: Kind) -> None:
    with suppress(InvalidExpression):
        timing(text, kind).next_after(NEW_YEAR)


def test_conformance_cases(shared: Path) -> None:
    failures: list[tuple[Any, Any]] = []
    for line in (shared / "cases" / "schedules.jsonl").read_text().splitlines():
        case = json.loads(line)
        try:
            expression = parse(case["expression"], case["kind"])
            refusal = None
        except InvalidExpression as error:
            refusal = error.message
        if (refusal is None) != case["valid"] or (refusal and case.get("message", refusal) != refusal):
            failures.append((case, refusal))
        elif "next" in case:
            after = datetime.fromisoformat(case["from"])
            start = datetime.fromisoformat(case["start_date"]) if "start_date" in case else None
            of = Timing(expression, start or after, ZoneInfo(case.get("timezone", "UTC")), start)
            found = runs(of, after, max(1, len(case["next"])))
            if found not in (case["next"], *case.get("next_alt", [])):
                failures.append((case, found))
    assert failures == []
