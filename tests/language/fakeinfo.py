"""Debug information made in memory, from declarations that read like Go, for tests of the binder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from sey.frontend.debuginfo.model import (
    Body,
    Field,
    FunctionEntry,
    GlobalVariable,
    GoType,
    Kind,
    LocationRange,
    Piece,
    Place,
    Range,
    Role,
    TypeId,
    Variable,
)
from sey.frontend.debuginfo.runtimetypes import NO_RUNTIME_TYPES, RuntimeTypes

_SCALARS = {
    "bool": (Kind.BOOL, 1),
    "int": (Kind.INT, 8),
    "int8": (Kind.INT, 1),
    "int16": (Kind.INT, 2),
    "int32": (Kind.INT, 4),
    "int64": (Kind.INT, 8),
    "uint": (Kind.UINT, 8),
    "uint8": (Kind.UINT, 1),
    "uint16": (Kind.UINT, 2),
    "uint32": (Kind.UINT, 4),
    "uint64": (Kind.UINT, 8),
    "uintptr": (Kind.UINT, 8),
    "float32": (Kind.FLOAT, 4),
    "float64": (Kind.FLOAT, 8),
    "complex64": (Kind.COMPLEX, 8),
    "complex128": (Kind.COMPLEX, 16),
    "string": (Kind.STRING, 16),
    "unsafe.Pointer": (Kind.UNSAFE_POINTER, 8),
}

Vars = Mapping[str, str]
"""Variables of one body: name to type; `!` before the type: the compiler kept the variable nowhere. In front of it
`in ` is for a parameter and `out ` for a result."""
_ROLES = {"in": Role.PARAMETER, "out": Role.RESULT}


class FakeInfo:
    """A `DebugInfo` of a made-up binary.

    `types` gives named types: a type's text, or for structs a mapping of fields (`_` prefixed with `+` is embedded).
    `functions` gives for each function its bodies, each a mapping of variables. `globals_` gives package variables, and
    `lines` for each source file its lines with code, the function that it is of, and which of its bodies.
    """

    def __init__(
        self,
        types: Mapping[str, str | Mapping[str, str]] | None = None,
        functions: Mapping[str, Sequence[Vars]] | None = None,
        globals_: Mapping[str, str] | None = None,
        lines: Mapping[str, Mapping[int, tuple[str, int]]] | None = None,
    ) -> None:
        self._lines = dict(lines or {})
        self._declared = dict(types or {})
        self._functions = dict(functions or {})
        self._ids: dict[str, TypeId] = {}
        self._types: dict[TypeId, GoType] = {}
        self._globals = {
            name: GlobalVariable(name, self.type_id(text), 0x10000 + 64 * i)
            for i, (name, text) in enumerate((globals_ or {}).items())
        }

    def type_id(self, text: str) -> TypeId:
        """The id of the type with that Go spelling; described on first use."""
        if text not in self._ids:
            type_id = self._ids[text] = 0x100 + 16 * len(self._ids)
            self._types[type_id] = self._describe(type_id, text)
        return self._ids[text]

    def _describe(self, type_id: TypeId, text: str) -> GoType:
        if text in self._declared:
            return self._named(type_id, text)
        if text in _SCALARS:
            return GoType(type_id, text, *_SCALARS[text])
        if text.startswith("*"):
            return GoType(type_id, text, Kind.POINTER, 8, elem=self.type_id(text[1:]))
        if text.startswith("[]"):
            return GoType(type_id, text, Kind.SLICE, 24, elem=self.type_id(text[2:]))
        if found := re.fullmatch(r"\[(\d+)\](.*)", text):
            elem, length = self.type_id(found[2]), int(found[1])
            return GoType(type_id, text, Kind.ARRAY, length * self.type(elem).size, elem=elem, length=length)
        if found := re.fullmatch(r"map\[([\w.]+)\](.*)", text):
            return GoType(type_id, text, Kind.MAP, 8, key=self.type_id(found[1]), elem=self.type_id(found[2]))
        if text.startswith("chan "):
            return GoType(type_id, text, Kind.CHAN, 8, elem=self.type_id(text[5:]))
        if text.startswith("func("):
            return GoType(type_id, text, Kind.FUNC, 8)
        if text in ("error", "interface {}"):
            return GoType(type_id, text, Kind.INTERFACE, 16, empty_interface=text != "error")
        return GoType(type_id, text, Kind.UNKNOWN, 0)

    def _named(self, type_id: TypeId, name: str) -> GoType:
        declared = self._declared[name]
        if isinstance(declared, str):
            base = self.type(self.type_id(declared))
            return GoType(
                type_id, name, base.kind, base.size, base.fields, base.elem, base.key, base.length,
                empty_interface=base.empty_interface,
            )  # fmt: skip
        fields, offset = [], 0
        for field, text in declared.items():
            size = 8 if text.startswith("*") else self.type(self.type_id(text)).size
            fields.append(Field(field.lstrip("+"), self.type_id(text), offset, field.startswith("+")))
            offset += size
        return GoType(type_id, name, Kind.STRUCT, offset, tuple(fields))

    def function_names(self) -> Sequence[str]:
        return sorted(self._functions)

    def function(self, name: str) -> FunctionEntry | None:
        if name not in self._functions:
            return None
        return FunctionEntry(name, (name,), "main.go", 1, len(self._functions[name]))

    def bodies(self, name: str) -> tuple[Body, ...]:
        first = 0x401000
        return tuple(
            Body(name, name, die=i, ranges=(own := (Range(first + 256 * i, first + 256 * i + 200)),), physical=own,
                 container=name, inline_level=min(i, 1))
            for i in range(len(self._functions.get(name, ())))
        )  # fmt: skip

    def variables(self, body: Body) -> tuple[Variable, ...]:
        declared = self._functions[body.function][body.die]
        return tuple(self._variable(name, text, body) for name, text in declared.items())

    def _variable(self, name: str, text: str, body: Body) -> Variable:
        role, _, kept = text.partition(" ")
        text = kept if role in _ROLES else text
        type_id = self.type_id(text.lstrip("!"))
        piece = Piece(Place.CFA, -16, 0, self.type(type_id).size)
        where = () if text.startswith("!") else (LocationRange(*body.ranges[0], (piece,)),)
        # `x'` is another variable of the name `x`; `x@7` is declared at line 7.
        name, _, line = name.rstrip("'").partition("@")
        kind = _ROLES.get(role, Role.LOCAL)
        return Variable(name, type_id, kind, False, body.ranges, 0, int(line or 1), where)

    def type_names(self) -> Sequence[str]:
        return sorted(self._declared)

    def find_type(self, name: str) -> TypeId | None:
        return self._ids.get(name)

    def type(self, type_id: TypeId) -> GoType:
        return self._types[type_id]

    def global_names(self) -> Sequence[str]:
        return sorted(self._globals)

    def global_variable(self, name: str) -> GlobalVariable | None:
        return self._globals.get(name)

    def types_by_runtime_offset(self, offsets: Iterable[int]) -> dict[int, TypeId]:
        return {}

    def closures(self) -> Mapping[int, GoType]:
        return {}

    def named_constants(self) -> Mapping[str, tuple[tuple[int, str], ...]]:
        return {}

    def is_standard(self, package: str) -> bool:
        return package in ("context", "sync", "time")

    @property
    def runtime_types(self) -> RuntimeTypes:
        return NO_RUNTIME_TYPES

    def line_of(self, pc: int) -> tuple[str, int] | None:
        return None

    def source_files(self) -> Sequence[str]:
        return sorted(self._lines)

    def statements(self, file: str) -> Mapping[int, Sequence[int]]:
        return {line: (self._address(file, line),) for line in sorted(self._lines[file])}

    def _address(self, file: str, line: int) -> int:
        function, body = self._lines[file][line]
        return self.bodies(function)[body].ranges[0].lo + line

    def body_at(self, address: int) -> Body | None:
        for file, lines in self._lines.items():
            for line, (function, body) in lines.items():
                if self._address(file, line) == address:
                    return self.bodies(function)[body]
        return None


def shop() -> FakeInfo:
    """A made-up service with a type of every kind."""
    return FakeInfo(
        types={
            "time.Duration": "int64",
            "context.Context": "error",
            "main.Status": "uint8",
            "main.Flag": "bool",
            "main.level": "int8",
            "sync.Mutex": {"state": "int32", "sema": "uint32"},
            "main.base": {"id": "int64", "name": "string", "_": "int8"},
            "main.extra": {"name": "string", "note": "string"},
            "main.Job": {"+base": "*main.base", "cost": "float64", "deadline": "time.Duration", "next": "*main.Job"},
            "main.both": {"+base": "main.base", "+extra": "main.extra"},
            "main.server": {
                "+Mutex": "sync.Mutex",
                "mu": "*main.both",
                "queue": "[]*main.Job",
                "slots": "[4]main.base",
                "tags": "map[string]string",
                "wake": "chan int",
                "onDone": "func(int)",
                "err": "error",
                "status": "main.Status",
                "done": "main.Flag",
                "raw": "unsafe.Pointer",
                "z": "complex128",
                "Jobs": "*[8]*main.Job",
                "byLevel": "map[main.level]*main.both",
                "flags": "map[bool]int",
                "waits": "map[time.Duration]int",
                "byCost": "map[float64]int",
                "byError": "map[error]int",
                "arrays": "map[string][4]int",
                "tagsToo": "*map[string]string",
            },
        },
        functions={
            "main.(*server).GetInfo": [
                {"cs": "in *main.server", "request": "in string", "n": "int", "u": "uint32", "d": "time.Duration",
                 "ok": "bool", "f": "float64", "buf": "[]uint8", "pp": "**main.server", "when": "int", "as": "int",
                 "lost": "!int", "h": "float32", "i8": "int8", "s": "main.server", "nil": "int", "left": "int",
                 "Depth": "int", "request2": "string", "count": "uint64", "str": "string"},
                {"cs": "in *main.server", "request": "in string", "n": "int", "lost": "!int"},
            ],
            "main.(*server).SetInfo": [{"cs": "*main.server"}],
            "main.main.func1": [{"url": "string"}],
            "main.query": [
                {"ctx": "in context.Context", "text": "in string", "rows": "out int", "~r1": "out error",
                 "found": "bool", "last@24": "int"},
            ],
            "main.wait": [{"duration": "in time.Duration", "left": "out time.Duration"}],
            "main.Switch": [{"x": "int", "x'": "string", "x''": "*main.Job"}, {"y": "int"}],
            "main.(*List[...]).Put": [{"item": "int"}, {"item": "string"}],
            "main.gone": [],
            "main.(*server).Close": [{"cs": "*main.server"}],
            "net/http.(*Server).Serve": [{"srv": "*main.server", "ctx": "context.Context"}],
        },
        globals_={
            "net/http.DefaultClient": "*main.Job", "main.jobs": "[]main.Job", "main.counter": "int",
            "main.mood": "main.Status",
        },
        lines={
            "/src/shop/db/query.go": {21: ("main.query", 0), 23: ("main.query", 0)},
            "/src/shop/server.go": {120: ("main.(*server).GetInfo", 0), 131: ("main.(*server).GetInfo", 1)},
            "/src/other/server.go": {7: ("main.wait", 0)},
        },
    )  # fmt: skip
