"""Well-known types against what the target's own methods say of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.kernel.support import Tables, snapshot
from tests.support.gobuild import RELEASES as ALL
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

FAST = ("1.26", "1.24", "1.21")
RELEASES = [pytest.param(release, marks=() if release in FAST else pytest.mark.matrix) for release in ALL]
WIDE = "{ max_string 4KiB, max_items 64, depth 2 }"


@dataclass(frozen=True)
class Known:
    """What a target says of itself, by command, and what was captured of it: its globals by name."""

    release: str
    truth: dict[str, dict[str, Any]]
    shown: dict[str, dict[str, Any]]
    instants: dict[str, Any]
    """The row of a function whose parameters are the instants."""

    def value(self, name: str) -> Any:
        """A captured value, None where it is missing."""
        text = self.shown[name]["value"]
        return None if text is None else json.loads(text)


@pytest.fixture(scope="module", params=RELEASES)
def known(request: pytest.FixtureRequest) -> Iterator[Known]:
    require_bpf()
    executable = build("known", go=request.param)
    with Target(executable) as target:
        truth = {command: target.ask_json(command) for command in ("plain", "dynamic", "errors", "contexts", "times")}
        names = {name for told in truth.values() for name in told if "/" not in name}
        names |= {"mapped", "mappedRead", "mappedNone"}
        spec = "\n".join(f'global "main.{name}" as v_{name.lower()} {WIDE}' for name in sorted(names))
        columns = "\n".join(f"  {name} as v_{name.lower()}" for name in truth["times"])
        spec += f'\nfunc "main.instants" as instants {{\n{columns}\n}}'
        tables: Tables = snapshot(target.pid, executable, spec)
        rows = {row["name"]: row for row in tables.rows("select name, value, status from globals")}
        yield Known(
            request.param,
            truth,
            {name: rows[f"v_{name.lower()}"] for name in names},
            tables.row("select * from instants"),
        )


ADDRESSES = ("addr", "port", "prefix")
"""Of package netip: before Go 1.23 nothing in an address tells IPv4 from IPv6 that stands for it."""


def test_values_read_as_their_own_methods_print_them(known: Known) -> None:
    wrong = {}
    for name, told in known.truth["plain"].items():
        if name.startswith(ADDRESSES) and known.release in ("1.21", "1.22"):
            assert set(known.value(name)) <= {"addr", "ip", "z", "port", "bitsPlusOne"}
            continue
        status = known.shown[name]["status"]
        if known.value(name) != told or status != ("nil" if told is None else "ok"):
            wrong[name] = (told, known.value(name), status)
    assert not wrong


def test_values_behind_pointers_and_interfaces_read_as_they_are(known: Known) -> None:
    wrong = {}
    for name, told in known.truth["dynamic"].items():
        status = known.shown[name]["status"]
        if known.value(name) != told or status != ("nil" if told is None else "ok"):
            wrong[name] = (told, known.value(name), status)
    assert not wrong


def test_entries_of_sync_maps_are_listed(known: Known) -> None:
    def entry(key: Any, value: Any) -> dict[str, Any]:
        return {
            "key": dict(zip(("type", "value"), key, strict=True)),
            "value": dict(zip(("type", "value"), value, strict=True)),
        }

    assert known.value("mapped") == [entry(("string", "a"), ("int", 1))]
    assert known.value("mappedRead") == [entry(("int", 1), ("string", "x"))]
    assert known.value("mappedNone") == []


# Errors whose message nothing tells: types of the program, and what is made of them.
UNTOLD = {"errOwn", "errOwnPath", "errTraced", "errOwnWrapped/1", "errOwnPath/1", "errTraced/1"}


def chain(value: Any) -> Iterator[Any]:
    """An error and those that it wraps, as they are shown."""
    while isinstance(value, dict) and "type" in value:
        yield value
        inside = value.get("value")
        value = None if not isinstance(inside, dict) else inside.get("err", inside.get("Err"))


def test_errors_say_what_they_say_and_what_they_wrap(known: Known) -> None:
    wrong = {}
    for name, told in known.truth["errors"].items():
        of, _, depth = name.partition("/")
        shown = list(chain(known.value(of)))
        at = shown[int(depth or 0)] if int(depth or 0) < len(shown) else {}
        message = at.get("message")
        if name in UNTOLD:
            expected = {"$status": "type_unknown"} if name == "errOwnPath" else None
            if (at.get("type"), message) != (told["type"], expected):
                wrong[name] = (told, at)
        elif (at.get("type"), message) != (told["type"], told["message"]):
            wrong[name] = (told, at)
    assert not wrong


# Behind a context of the program's own, which may answer anything.
UNANSWERED = {"ctxOwn"}


def test_contexts_answer_as_their_methods_do(known: Known) -> None:
    wrong = {}
    for name, told in known.truth["contexts"].items():
        value = known.value(name)
        shown = {
            "type": value["type"],
            "deadline": value["deadline"],
            "cancelled": value["cancelled"],
            "error": value["error"] and value["error"].get("message"),
            "cause": value["cause"] and value["cause"].get("message"),
        }
        answers = {key: of for key, of in told.items() if key != "values"}
        if name in UNANSWERED:
            assert all(value[key] == {"$status": "type_unknown"} for key in ("deadline", "cancelled", "error", "cause"))
        elif shown != answers:
            wrong[name] = (told, value)
        texts = [str(pair["value"]["value"]) for pair in value["values"]]
        if any(text not in texts for text in known.truth["contexts"][name]["values"]):
            wrong[f"{name} values"] = (told, texts)
    assert not wrong


def test_instants_have_their_zone_and_clock_beside_them(known: Known) -> None:
    row = known.instants
    for name, told in known.truth["times"].items():
        assert known.value(name) == told["time"]
        column = f"v_{name.lower()}"
        assert (row[f"{column}__zone"], row[f"{column}__monotonic"] is not None) == (told["zone"], told["monotonic"])
