"""Makes `binary/layouts.json`: layouts of Go's runtime by release, for executables built with -ldflags=-w.

    python -m tools.layouts [MINOR=FIRST-LAST…]

Each release that is looked at builds a small program, whose debug information says where things are. Of a minor release
(`1.23=0-12`; without any, all that there are) those are its first and last patch releases, and where these differ as
many between them as it takes to find the one that brought the change.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sey.binary import layouts
from sey.frontend.debuginfo.model import GoType, Kind
from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info
from sey.frontend.lower.labels import TYPE as LABELS
from sey.frontend.lower.program import WAIT_REASONS
from sey.frontend.lower.runtime import STRUCTS, VARIABLES

TABLE = Path(layouts.__file__).with_name(layouts.FILE)
PATCHES = {
    "1.21": (0, 13),
    "1.22": (0, 12),
    "1.23": (0, 12),
    "1.24": (0, 13),
    "1.25": (0, 14),
    "1.26": (0, 11),
    "1.27": (0, 4),
}
PROGRAM = """package main

import "runtime/pprof"

func main() { pprof.SetGoroutineLabels(nil) }
"""
# What the check of a live process reads beyond what the walk does.
_FOR_THE_CHECK = {"runtime.g": ("stack.lo", "stack.hi", "sched.g"), "runtime.m": ("g0",)}
_ITAB = ("internal/abi.ITab", "runtime.itab")

Tree = dict[str, "Tree"]


Table = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Writes the table; the result is the process's exit status."""
    wanted = PATCHES
    if arguments:
        wanted = {minor: (int(a), int(b)) for minor, _, a, _, b in map(re.compile("([=-])").split, arguments)}
    table = json.loads(TABLE.read_text()) if arguments else {}
    for minor, (first, last) in wanted.items():
        ends = {patch: _of(f"{minor}.{patch}") for patch in (first, last)}
        table[minor] = _entries(_between(minor, ends, first, last))
    lines = (f"{json.dumps(minor)}: [\n{_lines(entries)}\n]" for minor, entries in sorted(table.items()))
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


def _between(minor: str, known: dict[int, Table], first: int, last: int) -> dict[int, Table]:
    """The layouts of the patch releases looked at, by number: more of them until each change has its release."""
    if known[first] == known[last] or last - first < 2:
        return known
    middle = (first + last) // 2
    known = {**known, middle: _of(f"{minor}.{middle}")}
    return _between(minor, _between(minor, known, first, middle), middle, last)


def _entries(found: dict[int, Table]) -> list[Table]:
    """One entry for each layout, with the patch releases that had it."""
    entries: list[Table] = []
    for patch, layout in sorted(found.items()):
        if entries and {**entries[-1], "sampled": 0} == {"sampled": 0, **layout}:
            entries[-1]["sampled"].append(patch)
        else:
            entries.append({"sampled": [patch], **layout})
    return entries


def _lines(entries: list[Table]) -> str:
    return ",\n".join(json.dumps(entry) for entry in entries)


def _of(release: str) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "main.go", Path(folder) / "program"
        source.write_text(PROGRAM)
        env = {**os.environ, "GOTOOLCHAIN": f"go{release}", "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
        env |= {"GOOS": "linux", "GOARCH": "amd64"}
        subprocess.run(["go", "build", "-o", str(program), str(source)], env=env, cwd=folder, check=True)
        info = open_debug_info(str(program), cache_dir=Path(folder))
        assert info.binary.build.version.text == f"go{release}", info.binary.build.version
        print(f"{release}: {_types(info)['runtime.g']['size']} bytes a goroutine", file=sys.stderr)
        return {"types": _types(info), "variables": _variables(info)}


def _types(info: BinaryDebugInfo) -> dict[str, Any]:
    found = {}
    for _, name, wanted in STRUCTS:
        paths = (*wanted.values(), *_FOR_THE_CHECK.get(name, ()))
        found[name] = _struct(info, _named(info, name), _tree(paths))
    itab = next(name for name in _ITAB if info.find_type(name) is not None)
    kind = _named(info, itab)
    # Its field is `Type`, before Go 1.23 `_type`.
    found[itab] = _struct(info, kind, {f.name: {} for f in kind.fields if f.name.lower().endswith("type")})
    labels = _named(info, LABELS)
    if labels.kind is Kind.STRUCT:  # A map before Go 1.24: that needs more than a layout.
        found[LABELS] = _whole(info, labels)
    return found


def _named(info: BinaryDebugInfo, name: str) -> GoType:
    number = info.find_type(name)
    assert number is not None, name
    return info.type(number)


def _tree(paths: tuple[str, ...]) -> Tree:
    root: Tree = {}
    for path in paths:
        at = root
        for step in path.split("."):
            at = at.setdefault(step, {})
    return root


def _struct(info: BinaryDebugInfo, kind: GoType, wanted: Tree) -> dict[str, Any]:
    """A struct with the wanted ones of the fields that it has; what is not looked into is a number of its size."""
    fields = []
    for field in kind.fields:
        if field.name in wanted:
            inner, below = info.type(field.type), wanted[field.name]
            fields.append([field.name, field.offset, _struct(info, inner, below) if below else {"size": inner.size}])
    return {"name": kind.name, "kind": "struct", "size": kind.size, "fields": fields}


def _whole(info: BinaryDebugInfo, kind: GoType) -> dict[str, Any]:
    found: dict[str, Any] = {"name": kind.name, "kind": kind.kind.value, "size": kind.size}
    if kind.fields:
        found["fields"] = [[f.name, f.offset, _whole(info, info.type(f.type))] for f in kind.fields]
    if kind.kind in (Kind.SLICE, Kind.ARRAY) and kind.elem is not None:
        found["elem"] = _whole(info, info.type(kind.elem))
    if kind.length is not None:
        found["length"] = kind.length
    return found


def _variables(info: BinaryDebugInfo) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in VARIABLES.values():
        variable = info.global_variable(name)
        assert variable is not None, name
        found[name] = {"size": info.type(variable.type).size}
    reasons = info.global_variable(WAIT_REASONS)
    assert reasons is not None
    return found | {WAIT_REASONS: _whole(info, info.type(reasons.type))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
