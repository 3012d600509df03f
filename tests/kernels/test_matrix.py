"""What is built here is loaded and run on Debian's kernels; what they captured is compared with the targets' words."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import pytest

from sey.runtime.capture import Capture
from tests.kernel.stacks import captured, differences
from tests.kernel.support import Tables, compiled
from tests.kernels.debian import SUITES, kernel
from tests.kernels.initramfs import pack
from tests.kernels.machine import boot
from tests.support.gobuild import build
from tests.support.godump import parse_dump

pytestmark = [pytest.mark.kernels, pytest.mark.timeout(1200)]

SPECS = {
    ("zoo", "stacks"): "",
    ("values", "stacks"): "",
    ("values", "all"): """
        func "main.integers" as integers { i8, u64, i64 }
        func "main.structs" as structs { small }
        func "main.slices" as slices when len(three) == 3 { three, none, thousand }
        func "main.stringsOfAllSorts" as strings { short }
        func "main.escaped" as escaped { moved, record }
        global "runtime.buildVersion" as version
    """,
}


@pytest.fixture(scope="module")
def initramfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("initramfs")
    executables = {}
    bundles = []
    for (target, name), spec in SPECS.items():
        built = build(target, go="1.26")
        executables[target] = work / target
        executables[target].write_bytes(built.read_bytes())
        executables[target].chmod(0o755)
        bundles.append(work / f"{target}.{name}.seyp")
        compiled(built, spec).save(str(bundles[-1]))
    out = work / "initramfs.cpio"
    pack(out, work, executables.values(), bundles)
    return out


@pytest.mark.parametrize("line", SUITES)
def test_captures_are_right_on(line: str, initramfs: Path, tmp_path: Path) -> None:
    booted = kernel(line)
    messages = boot(booted, initramfs, tmp_path)
    assert messages[0]["kernel"] == booted.release
    assert [message["error"] for message in messages if "error" in message] == []
    results = {tuple(message["probe"].split(".")[:2]): message for message in messages if "probe" in message}
    assert results.keys() == SPECS.keys()
    for key, message in results.items():
        assert message["alive"]
        tables = _tables(message, tmp_path / f"{'-'.join(key)}.seyc")
        _check_stacks(tables, message["dump"])
        if key == ("values", "all"):
            _check_values(tables)


def _tables(message: dict[str, Any], path: Path) -> Tables:
    path.write_bytes(zlib.decompress(base64.b64decode(message["capture"])))
    return Tables(Capture.load(str(path)))


def _check_stacks(tables: Tables, dump: str) -> None:
    """All goroutines but the few that run or moved between the capture and the dump agree with it."""
    ours, dumped = captured(tables), parse_dump(dump)
    assert {goroutine.id for goroutine in dumped} <= ours.keys()
    differing = [goroutine for goroutine in dumped if differences(goroutine, ours[goroutine.id])]
    assert len(differing) <= 10, [differences(goroutine, ours[goroutine.id]) for goroutine in differing]
    assert len(dumped) - len(differing) >= 10


def _check_values(tables: Tables) -> None:
    assert tables.row("select i8, u64, i64 from integers") == {
        "i8": -128, "u64": 2**64 - 1, "i64": -(2**63),
    }  # fmt: skip
    assert tables.row("select small from structs")["small"]["X"] == -3
    slices = tables.row("select * from slices")
    assert (slices["three"], slices["none"]) == ([10, 20, 30], [])
    assert slices["thousand"][:3] == [0, 1, 4]
    assert tables.row("select short__status as s from strings")["s"] == "ok"
    assert tables.row("select moved, record from escaped") == {
        "moved": 1234, "record": {"label": "escaped", "hits": 5},
    }  # fmt: skip
    assert "go1.26" in tables.row("select value from globals where name = 'version'")["value"]
