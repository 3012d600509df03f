"""A new spec over an old capture: names, tables, columns and links change; what would have to be captured is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sey.cli.presenting import present
from sey.frontend.compile import compile_spec
from sey.frontend.source import Source
from sey.runtime.capture import Capture
from tests.cli.conftest import Run
from tests.kernel.support import snapshot
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target

OLD = """
program crowd { executable "*" }
func "main.request" as parked { id, name, job.Customer as customer, id as twin }
func "main.request" as late when id >= 18 { id }
global "main.parked"
table who = "select * from parked"
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_bpf()
    binary, file = build("many"), tmp_path_factory.mktemp("old") / "old.seyc"
    with run_target(binary, "-n", "20") as target:
        snapshot(target.pid, binary, OLD).capture.save(str(file))
    return file


def _asked(run: Run, old: Path, text: str, sql: str) -> tuple[list[dict[str, object]], str]:
    spec = old.with_name("new.sey")
    spec.write_text(text)
    done = run("query", old, sql, "--spec", spec, "--json")
    assert done.status == 0, done.err
    return json.loads(done.out), done.err


def test_names_tables_columns_and_links_are_those_of_the_new_spec(run: Run, old: Path) -> None:
    text = """
func "main.request" as request { name as id, id as number, id as again }
global "main.parked" as waiting
column request.even boolean = "number % 2 = 0"
table evens = "select number, id, again from request where even"
link pairs: request(number) = late(id)
"""
    rows, told = _asked(run, old, text, "select * from evens where number < 4 order by 1")
    assert told == ""
    assert [(row["number"], row["again"]) for row in rows] == [(0, 0), (2, 2)]
    assert str(rows[1]["id"]).endswith("2")
    assert _asked(run, old, text, "select distinct source from captures order by 1")[0] == [
        {"source": "globals"},
        {"source": "late"},
        {"source": "request"},
    ]
    assert _asked(run, old, text, "select count(*) as n from pairs")[0] == [{"n": 2}]
    assert _asked(run, old, text, "select name, value from globals")[0] == [{"name": "waiting", "value": 20}]
    assert _asked(run, old, text, "select count(*) as n from late")[0] == [{"n": 2}]


def test_what_needs_a_new_capture_is_named(run: Run, old: Path) -> None:
    text = """
func "main.request" as parked {
  id
  job.Priority
  name as whole { max_string 4KiB }
}
func "main.request" as early when id < 3 { id }
func "main.handleEven" { id }
func "main.request" as late in crowd when id >= 18 { id }
program crowd { executable "*" }
global "main.forever"
type "main.Job" { Customer }
"""
    rows, told = _asked(run, old, text, "select count(*) as n from parked where whole like 'request%'")
    assert rows == [{"n": 20}]
    lines = [line.partition("warning[SEY0240]: ")[2] for line in told.splitlines() if "SEY0240" in line]
    assert [line.partition(" needs a new capture: ")[::2] for line in lines] == [
        ("`job.Priority`", "it wasn't captured"),
        ("`name`", "it was captured with max_string 512"),
        ('`func "main.request"`', "its rows were chosen by another condition or program"),
        ('`func "main.handleEven"`', "the capture has no such block"),
        ('`func "main.request"`', "its rows were chosen by another condition or program"),
        ('`"main.forever"`', "it wasn't captured"),
        ("`type`", "the statement says what is collected, and the capture's spec doesn't have it"),
    ]


def test_a_wrong_spec_is_told_as_ever(run: Run, old: Path) -> None:
    spec = old.with_name("wrong.sey")
    for text, code in (
        ('func "main.request" { id, name as id }', "SEY0206"),
        ('table goroutines = "select 1"', "SEY0208"),
        ("table {", "SEY0108"),
    ):
        spec.write_text(text)
        done = run("query", old, "select 1", "--spec", spec)
        assert (done.status, code in done.err) == (1, True), done.err


def test_an_export_is_presented_too(run: Run, old: Path, tmp_path: Path) -> None:
    spec, out = tmp_path / "new.sey", tmp_path / "a.json"
    spec.write_text('func "main.request" as request { id as number }')
    assert run("export", old, "-o", out, "--spec", spec).status == 0
    tables = json.loads(out.read_text())
    assert {row["number"] for row in tables["request"]} == set(range(20))
    assert "parked" not in tables


EVENTS = """
event slow on return "main.request" when id > 3 limit 5/s { name, duration, job.Customer as customer }
event called on entry "main.request" { id }
"""


def _events_of(text: str) -> tuple[dict[str, list[str]], list[str]]:
    """The tables of events under a new spec, with their columns, and what needs a new capture."""
    bundle = compile_spec(Source("old.sey", EVENTS), [str(build("many"))]).bundle
    found = present(Capture((bundle,), ()), Source("new.sey", text))
    (binary,) = found.capture.bundles[0].binaries
    assert binary.events is not None
    events = {event.table: [column.name for column in event.columns] for event in binary.events.plan.events}
    return events, [problem.message() for problem in found.problems]


def test_events_get_new_names() -> None:
    head = 'event {} on return "main.request" limit 5/s when id > 3 {{ {} }}\n'
    assert _events_of(EVENTS) == ({"slow": ["name", "customer"], "called": ["id"]}, [])
    text = head.format("long", "duration, job.Customer as who")
    assert _events_of(text) == ({"long": ["name", "who"], "called": ["id"]}, [])
    assert _events_of(head.format("called", "name as n")) == ({"called": ["n", "customer"]}, [])


def test_events_that_were_not_captured_are_told() -> None:
    _, (other,) = _events_of('event slow on return "main.request" when id > 4 limit 5/s { name }')
    assert other == '`return "main.request"` needs a new capture: its header was another one'
    _, (none,) = _events_of('event e on entry "main.main" { }')
    assert none.endswith("the capture has no such event")
    _, (column,) = _events_of('event called on entry "main.request" { id, name }')
    assert column == "`name` needs a new capture: it wasn't captured"
