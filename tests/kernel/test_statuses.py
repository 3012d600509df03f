"""Every reason for a value to be missing, brought about by a real program, and where users see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sey.ir.plan import Status
from tests.kernel.support import sey
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

SPEC = """
func "main.holds" as held {
  s.Number              as number
  s.Nil                 as no_pointer
  s.Nil.Number          as behind_nil
  s.NoItems             as no_items
  s.Items[9]            as past_end
  s.Tags["b"]           as no_key
  s.Any.(string)        as other_type
  lost
  over
  s.Bad                 as bad
  s.Lying               as lying
  s.Long                as long
  s.Many                as many
  s.Chain               as chain { depth 0 }
  s.Chain               as nested { depth 2 }
  s.Huge                as huge
  s.Strange             as strange
  s.Odd                 as odd
}
"""
EXPECTED = {
    "number": "ok",
    "no_pointer": "nil",
    "behind_nil": "nil",
    "no_items": "nil",
    "past_end": "absent",
    "no_key": "absent",
    "other_type": "absent",
    "lost": "optimized_out",
    "over": "not_live",
    "bad": "unreadable",
    "lying": "unreadable",
    "long": "truncated",
    "many": "truncated",
    "chain": "depth",
    "nested": "ok",
    "huge": "budget",
    "strange": "type_unknown",
    "odd": "unsupported",
}
DETAILS = {"bad": "0x100000001000", "lying": "0x100000002000", "long": "2000", "many": "100"}
LATER = {Status.UNREACHED, Status.REDACTED}


def with_an_odd_type(executable: Path, to: Path) -> Path:
    """A copy whose debug information describes `main.odd` as a decimal number, which Go doesn't have."""
    data = bytearray(executable.read_bytes())
    # DW_TAG_base_type as Go's linker writes it (cmd/internal/dwarf): name, DW_AT_encoding, size, kind, runtime type.
    name, unsigned, decimal = b"main.odd\0", 7, 15
    places = [at for at in range(len(data)) if data.startswith(name + bytes((unsigned, 2)), at)] if name in data else []
    assert len(places) == 1
    data[places[0] + len(name)] = decimal
    to.write_bytes(data)
    to.chmod(0o755)
    return to


@pytest.fixture(scope="module", params=["1.26", "1.21"])
def capture(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of the program, made by the command."""
    require_bpf()
    folder = tmp_path_factory.mktemp("statuses")
    executable = with_an_odd_type(build("statuses", go=request.param, mode="uncompressed"), folder / "statuses")
    spec, out = folder / "statuses.sey", folder / "statuses.seyc"
    spec.write_text(SPEC)
    with Target(executable) as target:
        done = sey("snapshot", str(spec), "-p", str(target.pid), "--max-pause", "5s", "-o", str(out))
    assert done.returncode == 0, done.stderr
    return out


def row_of(capture: Path) -> dict[str, Any]:
    """The row of the table, as `query --json` gives it."""
    (row,) = json.loads(sey("query", str(capture), "select * from held", "--json").stdout)
    assert isinstance(row, dict)
    return row


def test_every_status_is_brought_about(capture: Path) -> None:
    row = row_of(capture)
    assert {name: row[f"{name}__status"] for name in EXPECTED} == EXPECTED
    assert set(EXPECTED.values()) == {status.word for status in Status if status not in LATER}
    assert {name: row[f"{name}__detail"] for name in DETAILS} == DETAILS
    for name, status in EXPECTED.items():
        if status not in ("ok", "truncated", "type_unknown"):
            assert row[name] is None, name


def test_what_is_there_of_a_value_is_shown(capture: Path) -> None:
    row = row_of(capture)
    assert row["long"] == "é" * 256
    assert row["many"] == [0] * 64


def test_parts_of_values_have_their_status_in_json(capture: Path) -> None:
    (row,) = json.loads(sey("query", str(capture), "select value from captures where name = 'nested'", "--json").stdout)
    inner = json.loads(row["value"])["Next"]["Next"]
    assert inner["$status"] == "depth"
    assert inner["$address"].startswith("0x")


def test_the_table_captures_has_them(capture: Path) -> None:
    sql = "select name, status from captures where source = 'held' order by name"
    rows = json.loads(sey("query", str(capture), sql, "--json").stdout)
    assert {row["name"]: row["status"] for row in rows} == EXPECTED


def test_inspect_counts_them(capture: Path) -> None:
    told = json.loads(sey("inspect", str(capture), "--values", "--json").stdout)["values"]["held"]
    assert told == {name: {status: 1} for name, status in EXPECTED.items()}
    assert "  no_key      absent 1\n" in sey("inspect", str(capture), "--values").stdout
