"""Reads the goroutine dumps that Go programs print of themselves: `runtime.Stack`, debug=2 profiles, SIGQUIT.

The form is that of `runtime/traceback.go` (`goroutineheader`, `traceback2`, `printcreatedby1`), Go 1.21 to 1.27.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Frame:
    """One line pair of a stack: the function as Go prints it, where it stands, and whether its body was inlined.

    `offset` is the pc's distance from the function's entry, None for inlined frames and at the entry itself.
    """

    function: str
    file: str
    line: int
    inlined: bool = False
    offset: int | None = None


@dataclass(frozen=True)
class Elided:
    """Frames left out of a long stack: 50 are printed at either end. `count` is None where the dump doesn't say."""

    count: int | None


@dataclass(frozen=True)
class Goroutine:
    """One goroutine of a dump; `frames` has the innermost first, and at most one `Elided` among them.

    `state` is Go's wait reason, or status where it has none (`running`, `runnable`, `syscall`). `minutes` is None for
    waits under a minute. `created_by` and `parent` are None for goroutines that the runtime started.
    """

    id: int
    state: str
    minutes: int | None = None
    locked: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    frames: tuple[Frame | Elided, ...] = ()
    created_by: Frame | None = None
    parent: int | None = None
    stack_unavailable: bool = False

    def functions(self) -> list[str]:
        """The names of the printed frames, innermost first."""
        return [frame.function for frame in self.frames if isinstance(frame, Frame)]


class DumpError(ValueError):
    """A line that no Go release prints there."""


_HEADER = re.compile(
    r"goroutine (?P<id>\d+)(?: gp=\S+ m=\S+(?: mp=\S+)?)? "
    r"\[(?P<inside>[^\]]*?)(?: labels:\{(?P<labels26>.*)\})?\](?: \{(?P<labels27>.*)\})?:$"
)
_LOCATION = re.compile(r"\t(?P<file>.+):(?P<line>\d+)(?: \+0x(?P<offset>[0-9a-f]+))?(?: fp=\S+ sp=\S+ pc=\S+)?$")
_CREATED = re.compile(r"created by (?P<function>.+?)(?: in goroutine (?P<parent>\d+))?$")
_ELIDED = re.compile(r"\.\.\.(?P<count>\d+|additional) frames elided\.\.\.$")
_HEXDUMP = re.compile(r"runtime: g \d+ gp=\S+: unknown pc |stack: frame=\{|[0-9a-f]{16}: ")
"""What is printed of a stack that a signal found in C code: `tracebackHexdump`."""
_LABEL = re.compile(r'("(?:[^"\\]|\\.)*"|[^:,]+): ("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)')


def parse_dump(text: str) -> list[Goroutine]:
    """Every goroutine of a dump, in its order. Text around the dump (`SIGQUIT: quit`, registers) is passed over.

    Raises DumpError for a line inside a goroutine's stack that has none of the known forms.
    """
    lines = text.split("\n")
    found = []
    at = 0
    while at < len(lines):
        if header := _HEADER.match(lines[at]):
            end = next((i for i in range(at, len(lines)) if not lines[i]), len(lines))
            found.append(_goroutine(header, lines[at + 1 : end]))
            at = end
        at += 1
    return found


def _goroutine(header: re.Match[str], body: list[str]) -> Goroutine:
    state, *remarks = header["inside"].split(", ")
    minutes = next((int(r.split()[0]) for r in remarks if r.endswith(" minutes")), None)
    frames: list[Frame | Elided] = []
    created_by, parent, unavailable = None, None, False
    rest = iter(body)
    for line in rest:
        if line.startswith("non-Go function") or _HEXDUMP.match(line):
            continue
        if elided := _ELIDED.match(line):
            frames.append(Elided(None if elided["count"] == "additional" else int(elided["count"])))
        elif created := _CREATED.match(line):
            created_by = _frame(created["function"], next(rest, ""), inlined=False)
            parent = int(created["parent"]) if created["parent"] else None
        elif "stack unavailable" in line:
            unavailable = True
        elif line.endswith(")"):
            name, _, arguments = line.rpartition("(")
            frames.append(_frame(name, next(rest, ""), inlined=arguments == "...)"))
        else:
            raise DumpError(f"in the stack of goroutine {header['id']}: {line!r}")
    labels = _labels(header["labels26"] or header["labels27"] or "")
    locked = "locked to thread" in remarks
    return Goroutine(int(header["id"]), state, minutes, locked, labels, tuple(frames), created_by, parent, unavailable)


def _frame(function: str, location: str, *, inlined: bool) -> Frame:
    match = _LOCATION.match(location)
    if not match:
        raise DumpError(f"after {function}: {location!r}")
    offset = int(match["offset"], 16) if match["offset"] else None
    return Frame(function, match["file"], int(match["line"]), inlined, offset)


def _labels(text: str) -> dict[str, str]:
    return {_unquoted(match[1]): _unquoted(match[2]) for match in _LABEL.finditer(text)}


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1])
