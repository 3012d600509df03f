"""Values without end and values that lie: each is cut or has a reason, what is told is true, and the target goes on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sey.ir.plan import CHAIN_LIMIT
from sey.runtime.snapshot import Limits
from tests.kernel.support import Tables, snapshot
from tests.kernel.test_engines import compare
from tests.support.engines import run_engine
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

HONEST = ("list", "circle", "graph", "table", "buffered", "crowded", "chained", "endless")

BROKEN = {"unreadable"}
CUT = {"truncated"}
UNKNOWN = {"type_unknown"}
ANY_MAP = {"unreadable", "truncated"}

# Which statuses the false values may have, by global.
FALSE: dict[str, set[str]] = {
    **dict.fromkeys(("unmapped", "nonCanonical", "kernel", "small", "atEnd", "throughUnmapped"), BROKEN),
    "misaligned": {"ok"},  # There are bytes, whatever they are; what they lead to isn't.
    "addresses": CUT,
    **dict.fromkeys(("hugeString", "hugeSlice", "hugeEmpty", "hugeBytes"), CUT),
    **dict.fromkeys(("negativeString", "unmappedString", "pastEndString"), BROKEN),
    **dict.fromkeys(("negativeSlice", "unmappedSlice", "pastEndSlice"), BROKEN),
    **dict.fromkeys(("typeless", "dataTyped", "unmappedTyped", "oddTyped", "methodless", "dataMethods"), UNKNOWN),
    **dict.fromkeys(("randomMap", "textMap", "falseDirectory", "falseTable"), ANY_MAP),
    "zeroMap": {"ok"},  # Zeros are what an empty map is.
    **dict.fromkeys(("unmappedMap", "randomChan", "textChan", "unmappedChan", "falseCount"), BROKEN),
    "endlessQueue": {"ok"},  # Cut where it says who waits.
    **dict.fromkeys(("dataFunc", "unmappedFunc", "textFunc"), BROKEN),
}

NODES, ENTRIES, BUFFERED, WAITING = 2_000_000, 1_000_000, 100_000, 2_000


def spec_of(*names: str) -> str:
    """A spec with these globals, each under its name in lower case."""
    return "\n".join(f'global "main.{name}" as v_{name.lower()}' for name in names)


@dataclass(frozen=True)
class Taken:
    """What a snapshot has of a target whose values were of these sizes, with what it answered before and afterwards."""

    tables: Tables
    sizes: dict[str, int]
    answers: tuple[Any, Any]

    def row(self, name: str) -> dict[str, Any]:
        """The row of a global."""
        return self.tables.row(f"select * from globals where name = 'v_{name.lower()}'")

    def value(self, name: str) -> Any:
        """The value of a global."""
        return json.loads(self.row(name)["value"])


SIZES = [
    pytest.param(("1.26", NODES, ENTRIES), id="1.26"),
    pytest.param(("1.26", 10_000_000, 5_000_000), id="1.26-large", marks=pytest.mark.matrix),
    pytest.param(("1.21", NODES, ENTRIES), id="1.21", marks=pytest.mark.matrix),
]


@pytest.fixture(scope="module", params=SIZES)
def taken(request: pytest.FixtureRequest) -> Iterator[Taken]:
    require_bpf()
    release, nodes, entries = request.param
    executable = build("hostile", go=release)
    with Target(executable, [f"-list={nodes}", f"-map={entries}"]) as target:
        before = target.ask_json("sum")
        tables = snapshot(target.pid, executable, spec_of(*HONEST, *FALSE))
        yield Taken(tables, {"list": nodes, "map": entries}, (before, target.ask_json("sum")))


def test_the_snapshot_is_whole_and_bounded_and_the_target_goes_on(taken: Taken) -> None:
    counters = taken.tables.capture.processes[0].facts.counters
    assert counters["state"] == 1
    assert counters["captured"] + counters["dead"] == counters["goroutines"] > WAITING
    assert (counters["objects_dropped"], counters["rows_dropped"], counters["unreadable"]) == (0, 0, 0)
    assert counters["objects"] < 2_000
    wanted = {name: size * (size - 1) // 2 for name, size in taken.sizes.items()}
    assert taken.answers == ({**wanted, "buffered": BUFFERED, "graph": 11},) * 2


@pytest.mark.parametrize("name", FALSE)
def test_false_values_have_a_reason(taken: Taken, name: str) -> None:
    row = taken.row(name)
    assert row["status"] in FALSE[name], row
    if row["status"] == "unreadable":
        assert row["value"] is None
        assert row["detail"].startswith("0x")


def test_lengths_that_lie_are_told_as_they_are(taken: Taken) -> None:
    for name in ("hugeString", "hugeSlice", "hugeEmpty", "hugeBytes"):
        assert taken.row(name)["detail"] == str((1 << 62) - 1)
    assert len(taken.value("hugeSlice")) == len(taken.value("hugeEmpty")) == 64
    assert {item["$status"] for item in taken.value("addresses")} == {"unreadable"}
    misaligned = taken.value("misaligned")
    assert misaligned["Name"]["$status"] == misaligned["At"]["$status"] == "unreadable"
    queue = taken.value("endlessQueue")["receivers"]
    assert (queue["$status"], len(queue["$value"])) == ("truncated", 64)
    assert taken.value("zeroMap") == {}


def test_endless_values_are_cut_where_their_limits_are(taken: Taken) -> None:
    last = taken.sizes["list"] - 1
    node = taken.value("list")
    assert [node["ID"], node["Next"]["ID"], node["Next"]["Next"]["ID"]] == [last, last - 1, last - 2]
    assert node["Next"]["Next"]["Next"]["$status"] == "depth"
    assert taken.value("circle")["Next"]["Next"]["Next"]["$status"] == "depth"
    graph = taken.value("graph")
    assert [vertex.get("ID") for vertex in graph["Edges"]] == [None, *range(1, 12)]
    assert graph["Edges"][0]["$status"] == "depth"
    assert graph["Named"]["7"]["ID"] == 7
    assert graph["Any"]["value"]["ID"] == 1
    errors, error = 0, taken.value("chained")
    while "err" in error["value"]:
        errors, error = errors + 1, error["value"]["err"]
    assert errors == CHAIN_LIMIT + 1
    assert error["value"]["$status"] == "depth"
    assert taken.value("endless")["value"]["err"]["value"]["$status"] == "depth"


def test_large_maps_and_channels_tell_their_true_length(taken: Taken) -> None:
    row = taken.row("table")
    assert (row["status"], row["detail"]) == ("truncated", str(taken.sizes["map"]))
    entries = json.loads(row["value"])
    assert len(entries) == 64
    assert set(entries.values()) == {"entry"}
    assert all(0 <= int(key) < taken.sizes["map"] for key in entries)
    buffered = taken.value("buffered")
    assert (buffered["len"], buffered["cap"]) == (BUFFERED, BUFFERED)
    assert buffered["elements"] == {"$status": "truncated", "$length": BUFFERED, "$value": list(range(64))}
    crowded = taken.value("crowded")
    waiting = taken.tables.rows("select goid from goroutines where wait_reason = 'chan receive'")
    assert len(set(crowded["receivers"]["$value"])) == 64
    assert set(crowded["receivers"]["$value"]) <= {row["goid"] for row in waiting}
    assert crowded["receivers"]["$status"] == "truncated"
    assert crowded["senders"] == []


@pytest.fixture(scope="module")
def small() -> Iterator[tuple[Target, Path]]:
    require_bpf()
    executable = build("hostile", go="1.26")
    with Target(executable, ["-list=1000", "-map=100000"]) as target:
        yield target, executable


def test_maps_without_end_take_no_more_than_the_pause(small: tuple[Target, Path]) -> None:
    """A snapshot that takes longer raises: the maps' directories go round, each for longer than the pause allows."""
    target, executable = small
    limits = Limits(max_pause_ns=500_000_000)
    tables = snapshot(target.pid, executable, spec_of("endlessMaps", "circle"), limits)
    assert tables.capture.processes[0].facts.pause_ns < limits.max_pause_ns
    found = {row["name"]: row for row in tables.rows("select * from globals")}
    maps = json.loads(found["v_endlessmaps"]["value"])
    assert {item["$status"] for item in maps} <= {"truncated", "budget"}
    assert maps[0] == {"$status": "truncated", "$length": 1 << 40, "$value": {}}
    assert target.ask_json("sum")["buffered"] == BUFFERED


def test_hostile_values_are_the_same_to_all_engines(small: tuple[Target, Path]) -> None:
    target, executable = small
    os.kill(target.pid, signal.SIGSTOP)
    try:
        spec = spec_of(*HONEST, *FALSE)
        compare({engine: run_engine(engine, target.pid, executable, spec) for engine in ("ebpf", "native")})
    finally:
        os.kill(target.pid, signal.SIGCONT)
    assert target.ask_json("sum")["buffered"] == BUFFERED
