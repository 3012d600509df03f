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
        spec = "\n".join(f'global "main.{name}" as v_{name.lower()} {WIDE}' for name in sorted(names))
        tables: Tables = snapshot(target.pid, executable, spec)
        rows = {row["name"]: row for row in tables.rows("select name, value, status from globals")}
        yield Known(request.param, truth, {name: rows[f"v_{name.lower()}"] for name in names})


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
