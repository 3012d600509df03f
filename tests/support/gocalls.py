"""Makes up Go programs of functions with random signatures and bodies, which log what each call was given and returned.

The other part of such a program is `tests/targets/randomcalls/log.go`.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.gobodies import Body
from tests.support.gobuild import TARGETS

_PLAIN = (
    "bool", "int8", "int16", "int32", "int64", "int", "uint8", "uint16", "uint32", "uint64", "uint", "uintptr",
    "float32", "float64", "complex64", "complex128", "string",
)  # fmt: skip
_OTHERS = (
    "any", "error", "[]int", "[]string", "[]byte", "[]pair", "map[string]int", "map[int32]string", "chan int",
    "func(int) int", "unsafe.Pointer", "time.Duration", "time.Time", "*int", "*pair", "*string", "[0]int", "[1]int16",
    "[2]int32", "[1]string", "[3]string", "[1]any", "struct{}", "pair", "*[2]int", "**pair", "[]any", "[1]float64",
    "[2]float32", "[4]uint8", "[]*pair", "*[]string", "[][]int",
)  # fmt: skip
_GENERIC = ("T", "[]T", "*T", "U", "[]U", "map[U]T", "[1]T", "gen[T]", "*gen[U]")
_FORMS = ("plain", "plain", "plain", "variadic", "value", "pointer", "closure", "generic")
_HEAD = """package main

import (
	"runtime"
	"time"
	"unsafe"
)

var (
	_ time.Time
	_ unsafe.Pointer
	_ = runtime.GC
)

type gen[T any] struct {
	First  T
	Number int32
}
"""


@dataclass(frozen=True)
class Function:
    """A function that calls are logged of: `name` as specs have it, the variables that a call is given and returns, by
    the names they have in the debug information, and the types of the function's own, unless it is generic."""

    number: int
    name: str
    given: tuple[str, ...]
    results: tuple[str, ...]
    types: dict[str, str]


@dataclass
class Made:
    """A program: what it declares, and by number of a noted line the variables that it tells of."""

    functions: list[Function] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    structs: list[str] = field(default_factory=list)
    notes: list[tuple[str, ...]] = field(default_factory=list)

    def write(self, folder: Path) -> dict[int, int]:
        """Write the module; gives the line in `main.go` of each note."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("go.mod", "log.go"):
            shutil.copy(TARGETS / "randomcalls" / name, folder)
        calls = ", ".join(f"call{f.number}" for f in self.functions)
        text = "\n".join((_HEAD, *self.texts, f"func main() {{ serve([]func(*caller){{{calls}}}) }}\n"))
        (folder / "main.go").write_text(text)
        noted = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip().startswith("note(")]
        return {int(line.strip()[5:-1].split(",")[0]): n for n, line in noted}

    def note(self, *names: str) -> str:
        """The text of a line that tells of variables."""
        self.notes.append(names)
        return f"note({', '.join((str(len(self.notes) - 1), *names))})"


def program(seed: int, functions: int) -> Made:
    """A program of so many functions; the same for the same seed."""
    rng, made = random.Random(seed), Made()
    for number in range(functions):
        _Writer(rng, made, number).write()
    return made


class _Writer:
    """Writes one function, and the one that calls it."""

    def __init__(self, rng: random.Random, made: Made, number: int) -> None:
        self._rng, self._made, self._number = rng, made, number
        self._types = [self._type() for _ in range(rng.randint(0, rng.choice((2, 4, 9, 16))))]
        self._results = [self._type() for _ in range(rng.randint(0, rng.choice((1, 3, 8))))]
        self._named, self._leaf = rng.random() < 0.5, rng.random() < 0.25

    def write(self) -> None:
        """Add the function in a form that is drawn."""
        match form := self._rng.choice(_FORMS):
            case "value" | "pointer":
                self._method("*" if form == "pointer" else "")
            case "closure":
                self._closure()
            case "generic":
                self._generic()
            case _:
                self._plain(variadic=form == "variadic" and bool(self._types))

    def _type(self, level: int = 0) -> str:
        rng, chosen = self._rng, self._rng.random()
        if chosen < 0.45 or level > 2:
            return rng.choice(_PLAIN)
        if chosen < 0.8:
            return rng.choice(_OTHERS)
        if chosen < 0.85:
            return f"[{rng.choice((0, 1, 2))}]{self._type(level + 1)}"
        if self._made.structs and chosen < 0.92:
            return rng.choice(self._made.structs)
        kinds = [self._type(level + 1) for _ in range(rng.randint(1, rng.choice((2, 3, 6))))]
        fields = "; ".join(f"{f'F{i}' if rng.random() > 0.08 else '_'} {kind}" for i, kind in enumerate(kinds))
        self._made.structs.append(name := f"S{len(self._made.structs)}")
        self._made.texts.append(f"type {name} struct {{ {fields} }}\n")
        return name

    # --- forms ---

    def _plain(self, *, variadic: bool) -> None:
        n, names = self._number, self._names()
        parameters = self._pairs(names)
        spread = ""
        if variadic:
            parameters = self._pairs(names, [*self._types[:-1], f"...{self._types[-1]}"])
            self._types[-1], spread = f"[]{self._types[-1]}", "..."
        split = "//go:nosplit\n" if self._leaf and self._rng.random() < 0.3 else ""
        self._add(f"{split}//go:noinline\nfunc f{n}({parameters}) {self._result_list()} {{\n{self._body(names)}}}\n")
        self._finish(f"main.f{n}", names, f"f{n}({', '.join(_all(names))}{spread})")

    def _method(self, star: str) -> None:
        n, receiver, names = self._number, f"M{self._number}", self._names()
        self._add(f"type {receiver} struct {{ V {self._type()}; W {self._type()} }}\n")
        signature = f"f{n}({self._pairs(names)}) {self._result_list()}"
        self._add(f"//go:noinline\nfunc (m {star}{receiver}) {signature} {{\n{self._body(names)}}}\n")
        make = f"receiver := given[{receiver}](c)\n\tm := {'&' if star else ''}receiver"
        arguments = ", ".join(_all(names))
        ways = {
            "direct": ("", f"m.f{n}({arguments})"),
            "value": (f"bound := m.f{n}", f"bound({arguments})"),
            "promoted": (f"outer := struct {{ X int; {star}{receiver} }}{{1, m}}", f"outer.f{n}({arguments})"),
            "expression": (f"method := ({star}{receiver}).f{n}", f"method({', '.join(('m', *_all(names)))})"),
            "interface": (self._through(receiver, star), f"through.f{n}({arguments})"),
        }
        before, call = ways[self._rng.choice(sorted(ways))]
        name = f"main.(*{receiver}).f{n}" if star else f"main.{receiver}.f{n}"
        self._finish(name, names, call, make, before, ["m"])

    def _through(self, receiver: str, star: str) -> str:
        """An interface through which the method is called: by a wrapper, where its receiver is a value."""
        kind = f"interface {{ f{self._number}({', '.join(self._types)}) ({', '.join(self._results)}) }}"
        value = "m" if star or self._rng.random() < 0.5 else "&m"
        return f"kept = {value}\n\tthrough := kept.({kind})"

    def _closure(self) -> None:
        n, names = self._number, self._names()
        held = [(f"c{i}", self._type()) for i in range(self._rng.randint(1, 5))]
        # What the closure assigns to, it holds by reference.
        uses = "".join(
            f"\t{name} = mk[{kind}]()\n" if self._rng.random() < 0.4 else f"\tuse({name})\n" for name, kind in held
        )
        outer = ", ".join(f"{name} {kind}" for name, kind in held)
        inner = f"func({self._pairs(names)}) {self._result_list()} {{\n{uses}{self._body(names)}}}"
        kind = f"func({', '.join(self._types)}) ({', '.join(self._results)})"
        self._add(f"//go:noinline\nfunc makes{n}({outer}) {kind} {{\n\treturn {inner}\n}}\n")
        make = "\n\t".join(f"{name} := given[{kind}](c)" for name, kind in held)
        own = [name for name, _ in held]
        before, call = f"closure := makes{n}({', '.join(own)})", f"closure({', '.join(_all(names))})"
        self._finish(f"main.makes{n}.func1", names, call, make, before, own)

    def _generic(self) -> None:
        n, rng = self._number, self._rng
        self._types = [*(rng.choice(_GENERIC) for _ in range(rng.randint(1, 3))), *self._types[:3]]
        self._results = [*(rng.choice(_GENERIC) for _ in range(rng.randint(0, 2))), *self._results[:2]]
        names = self._names()
        signature = f"g{n}[T any, U comparable]({self._pairs(names)}) {self._result_list()}"
        self._add(f"//go:noinline\nfunc {signature} {{\n{self._body(names)}}}\n")
        shared = self._types
        for way in range(2):
            t, u = self._type(), rng.choice(("int", "string", "int8", "uint64"))
            self._types = [_instance(kind, t, u) for kind in shared]
            self._call(f"call{n}_{way}", names, f"g{n}[{t}, {u}]({', '.join(_all(names))})", "", "", [])
        self._add(f"func call{n}(c *caller) {{\n\tcall{n}_0(c)\n\tcall{n}_1(c)\n}}\n")
        self._types = shared
        self._made.functions.append(self._function(f"main.g{n}[...]", names, [], {}))

    # --- texts ---

    def _names(self) -> list[str]:
        """Names of the parameters; some have none in the function."""
        return [f"_a{i}" if self._rng.random() < 0.06 else f"a{i}" for i in range(len(self._types))]

    def _pairs(self, names: Sequence[str], types: Sequence[str] | None = None) -> str:
        pairs = zip(names, self._types if types is None else types, strict=True)
        return ", ".join(f"{'_' if name.startswith('_') else name} {kind}" for name, kind in pairs)

    def _result_list(self) -> str:
        named = [f"r{i} {kind}" if self._named else kind for i, kind in enumerate(self._results)]
        return f"({', '.join(named)})"

    def _body(self, names: Sequence[str]) -> str:
        own = [(a, kind) for a, kind in zip(names, self._types, strict=True) if not a.startswith("_")]
        made = self._made
        body = Body(self._rng, self._number, own, self._results, self._named, made.note, self._add, self._type)
        return body.text(self._leaf)

    def _finish(
        self, name: str, names: list[str], call: str, make: str = "", before: str = "", also: Sequence[str] = ()
    ) -> None:
        """Add what calls the function, and note it."""
        self._call(f"call{self._number}", names, call, make, before, also)
        self._made.functions.append(self._function(name, names, also, dict(zip(names, self._types, strict=True))))

    def _call(self, name: str, names: list[str], call: str, make: str, before: str, also: Sequence[str]) -> None:
        makes = [f"{a} := given[{kind}](c)" for a, kind in zip(_all(names), self._types, strict=True)]
        shown = ", ".join((str(self._number), *(f"show(&{a})" for a in (*also, *_seen(names)))))
        results = [f"r{i}" for i in range(len(self._results))]
        assigned = f"{', '.join(results)} := {call}" if results else call
        end = f"c.end({', '.join(('made', *(f'show(&{r})' for r in results)))})"
        lines = (make, *makes, before, f"made := c.begin({shown})", "defer c.caught()", assigned, end)
        self._add(f"func {name}(c *caller) {{\n\t" + "\n\t".join(filter(None, lines)) + "\n}\n")

    def _function(self, name: str, names: list[str], also: Sequence[str], types: dict[str, str]) -> Function:
        results = tuple(f"r{i}" if self._named else f"~r{i}" for i in range(len(self._results)))
        types = types and types | dict(zip(results, self._results, strict=True))
        return Function(self._number, name, (*also, *_seen(names)), results, types)

    def _add(self, text: str) -> None:
        self._made.texts.append(text)


def _all(names: Sequence[str]) -> list[str]:
    return [name.removeprefix("_") for name in names]


def _seen(names: Sequence[str]) -> list[str]:
    return [name for name in names if not name.startswith("_")]


def _instance(kind: str, t: str, u: str) -> str:
    """A type of generic code with its parameters in place."""
    return kind.replace("T", t).replace("U", u) if kind in _GENERIC else kind
