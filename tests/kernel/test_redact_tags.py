"""Nothing in a field with a redacted tag leaves the process, also where Go's runtime knows nothing of the tag."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kernel.support import Tables, sey, snapshot
from tests.kernel.test_engines import compare
from tests.support.engines import ENGINES, run_engine
from tests.support.gobuild import build, matrix
from tests.support.kernel import require_bpf
from tests.support.target import Target

VARIABLES = """
parked kept byValue byPointer result local slice arrays byKey keyed channel deriv chain generic pointer
nameless inside note notes nested captured reference closure byReference double pairs
"""
SEES = {
    "of_value": "byValue.Card",
    "of_note": "note.Card",
    "of_array": "notes[1].Card",
    "of_slice": "slice[0].Card",
    "of_pointer": "byPointer.Card",
    "of_pointers": "(*double).Card",
    "of_key": 'byKey["a"].Card',
    "promoted": "deriv.Card",
    "embedded": "deriv.Base.Card",
    "of_chain": "chain.next.card",
    "of_generic": "generic.Value",
    "of_type_in_function": "inside.Card",
    "of_nameless": "nameless.Card",
    "a_length": "len(note.Card)",
    "a_length_promoted": "len(deriv.Card[0])",
    "a_part": "byValue.Card[:3]",
    "an_element": "pointer.Value[0]",
    "compared": 'byValue.Card == "x"',
    "compared_both": "note.Card == byValue.Card",
}
"""Expressions by column that look at fields with tags."""
CAPTURES = f"""
func "main.hold" as hold {{
  {", ".join(VARIABLES.split())}
  {", ".join(f"{expr} as {name}" for name, expr in SEES.items())}
  byValue.ID as id
  &byValue.Card as address
}}
func "main.each[...]" as each {{ value, of, use }}
global "main.global"
global "main.globals"
global "main.global".Card as global_card
"""
REDACT = 'redact tag "sensitive"\n'
PARTS = 'type "text/users.User" { Card }\ntype "main.derived" { Base.Card, kept }\ntype "main.linked" { next }'
_SECRET = re.compile(rb"secret-(\d+)")


@dataclass(frozen=True)
class Held:
    """A stopped process that holds so many different secrets."""

    pid: int
    executable: Path
    secrets: int
    release: str
    mode: str


@pytest.fixture(scope="module", params=matrix([("1.26", "noopt"), ("1.26", "plain")], modes=("noopt", "plain")))
def held(request: pytest.FixtureRequest) -> Iterator[Held]:
    require_bpf()
    release, mode = request.param
    executable = build("tags", go=release, mode=mode, package="./server")
    with Target(executable) as target:
        os.kill(target.pid, signal.SIGSTOP)
        yield Held(target.pid, executable, int(target.greeting["secrets"]), release, mode)


def secrets_in(data: bytes) -> set[int]:
    """The numbers of the secrets that are there, were it in part."""
    return {int(found) for found in _SECRET.findall(data)}


def test_without_redaction_the_secrets_are_there(held: Held, tmp_path: Path) -> None:
    data = run_engine("interp", held.pid, held.executable, CAPTURES).pages.data.tobytes()
    if held.mode == "noopt":
        # What closures captured is known from Go 1.23 on.
        assert len(secrets_in(data)) == held.secrets - (held.release in ("1.21", "1.22"))
    else:  # Optimizing compilers keep some nowhere.
        assert len(secrets_in(data)) >= held.secrets // 3
    tables, path = snapshot(held.pid, held.executable, CAPTURES), tmp_path / "x.seyc"
    tables.capture.save(str(path))
    for written in (path.read_bytes(), str(tables.rows("select * from hold")).encode()):
        assert len(secrets_in(written)) >= held.secrets // 3


@pytest.mark.parametrize("spec", [CAPTURES, CAPTURES + PARTS], ids=["whole", "parts"])
def test_no_secret_is_in_the_output(held: Held, spec: str) -> None:
    found = {engine: run_engine(engine, held.pid, held.executable, REDACT + spec) for engine in ENGINES}
    data = found["ebpf"].pages.data.tobytes()
    assert secrets_in(data) == set()
    assert b"kept-" in data
    compare(found, goroutines=1)


@pytest.fixture(scope="module")
def tables(held: Held) -> Tables:
    return snapshot(held.pid, held.executable, REDACT + CAPTURES)


def test_no_secret_is_in_files(tables: Tables, tmp_path: Path) -> None:
    path = tmp_path / "x.seyc"
    tables.capture.save(str(path))
    assert secrets_in(path.read_bytes()) == set()


def test_no_secret_is_in_tables(tables: Tables) -> None:
    names = [row["name"] for row in tables.rows("select distinct table_name as name from information_schema.columns")]
    assert {"hold", "each", "globals"} <= set(names)
    assert secrets_in("".join(str(tables.rows(f"select * from {name}")) for name in names).encode()) == set()


def test_whatever_looks_at_a_field_with_a_tag_is_redacted(held: Held, tables: Tables) -> None:
    row = tables.row("select * from hold")
    # Where the compiler kept no variable there is nothing to redact.
    or_else = set[str]() if held.mode == "noopt" else {"not_live", "optimized_out"}
    assert {row[f"{name}__status"] for name in SEES} - or_else == {"redacted"}
    assert {row[name] for name in SEES} | {row.get(f"raw_{name}") for name in SEES} == {None}
    assert {row["id__status"], row["address__status"]} - or_else <= {"ok"}
    found = {row["name"]: row["status"] for row in tables.rows("select * from globals")}
    assert found == {"main_global": "ok", "main_globals": "ok", "global_card": "redacted"}


@pytest.mark.parametrize("condition", ['byValue.Card == "x"', "len(inside.Card) > 3", 'byPointer.Card == ""'])
def test_no_condition_may_look_at_a_field_with_a_tag(held: Held, tmp_path: Path, condition: str) -> None:
    spec = tmp_path / "x.sey"
    spec.write_text(f'{REDACT}func "main.hold" when {condition} {{ kept }}')
    done = sey("check", str(spec), str(held.executable))
    assert done.returncode != 0
    assert "SEY0341" in done.stdout + done.stderr
