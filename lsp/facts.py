"""What is said of functions, variables, types and fields: in hovers, and beside completions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sey.frontend.bind.access import Path
from sey.frontend.bind.scope import FunctionScope
from sey.frontend.debuginfo.availability import availability
from sey.frontend.debuginfo.model import GoType, Kind
from sey.lsp.binaries import Binary

_MOST_BODIES = 8
"""Bodies of a function whose variables are looked at: some functions are inlined in thousands of places."""
_MOST_FIELDS = 24
_POINTERS = 3
_COLUMNS = {
    **{(Kind.INT, size): name for size, name in ((1, "TINYINT"), (2, "SMALLINT"), (4, "INTEGER"), (8, "BIGINT"))},
    **{(Kind.UINT, size): name for size, name in ((1, "UTINYINT"), (2, "USMALLINT"), (4, "UINTEGER"), (8, "UBIGINT"))},
    (Kind.BOOL, 1): "BOOLEAN",
    (Kind.FLOAT, 4): "FLOAT",
    (Kind.FLOAT, 8): "DOUBLE",
    (Kind.STRING, 16): "VARCHAR",
}


def go_code(*lines: str) -> str:
    """Lines shown as Go."""
    return "\n".join(("```go", *lines, "```"))


def function_facts(binary: Binary, name: str) -> str | None:
    """Markdown about a function: its package, where it is declared, where its code is; None where there is none."""
    entry = binary.info.function(name)
    if entry is None:
        return None
    bodies = binary.info.bodies(name)
    inlined = sum(body.inline_level > 0 for body in bodies)
    own = len(bodies) - inlined
    code = [f"{own} time{'s' * (own != 1)} as a function of its own"] if own else []
    code += [f"inlined {inlined} time{'s' * (inlined != 1)}"] if inlined else []
    where = f"{entry.file}:{entry.line}" if entry.file and entry.line else entry.file
    lines = [go_code(f"func {name}"), f"package `{package_of(name)}`"]
    lines += [f"`{where}`"] if where else []
    return "\n\n".join((*lines, "its code: " + (", ".join(code) or "none in this binary")))


def package_of(function: str) -> str:
    """The import path that a function's name begins with."""
    folder, slash, last = function.rpartition("/")
    return folder + slash + last.split(".")[0]


def variable_facts(binary: Binary, scope: FunctionScope, name: str) -> str | None:
    """Markdown about a variable: type, role, and where it can be had, in the words of `sey vars`; None without one."""
    if name not in scope:
        return None
    heads: dict[str, None] = {}
    where: Counter[tuple[str, str]] = Counter()
    for body in scope.bodies[:_MOST_BODIES]:
        for variable in binary.info.variables(body):
            if variable.name == name:
                heads[f"{name} {binary.info.type(variable.type).name}  // {variable.role.value}"] = None
                place = "inlined" if body.inline_level else "in its own code"
                where[place, availability(body, variable, binary.info.line_of).text()] += 1
    told = [
        f"- {place}: {text}" + (f" ({count} places)" if count > 1 else "") for (place, text), count in where.items()
    ]
    left = len(scope.bodies) - _MOST_BODIES
    told += [f"- {left} more places of its code"] if left > 0 else []
    return "\n\n".join((go_code(*heads), "available:\n" + "\n".join(told)))


def type_facts(binary: Binary, go_type: GoType) -> str:
    """Markdown about a type: the fields of a struct, or behind a pointer, with offsets, else its kind."""
    if go_type.kind is Kind.POINTER and go_type.elem is not None:
        go_type = binary.info.type(go_type.elem)
    if go_type.kind is not Kind.STRUCT:
        return go_code(f"type {go_type.name} {go_type.kind.value}  // {go_type.size} bytes")
    shown = go_type.fields[:_MOST_FIELDS]
    lines = [f"\t{f.name} {binary.info.type(f.type).name}  // at {f.offset}" for f in shown]
    lines += [f"\t// {len(go_type.fields) - len(shown)} more"] if len(go_type.fields) > len(shown) else []
    return go_code(f"type {go_type.name} struct {{  // {go_type.size} bytes", *lines, "}")


def field_facts(binary: Binary, holder: GoType, path: Path) -> str:
    """Markdown about a field: its type, and where it is in the struct that has it, through which embedded ones."""
    field = path[-1]
    line = go_code(f"{field.name} {binary.info.type(field.type).name}")
    owner = binary.info.type(path[-2].type) if len(path) > 1 else holder
    if owner.kind is Kind.POINTER and owner.elem is not None:
        owner = binary.info.type(owner.elem)
    through = f", by `{'.'.join(step.name for step in path[:-1])}` of `{holder.name}`" if len(path) > 1 else ""
    return f"{line}\n\nat byte {field.offset} of `{owner.name}`{through}"


def column_type(binary: Binary, go_type: GoType) -> str | None:
    """The type of the column of values of a type, where it is a simple one."""
    for _ in range(_POINTERS):
        if go_type.kind is Kind.POINTER and go_type.elem is not None:
            go_type = binary.info.type(go_type.elem)
    if go_type.name == "time.Time":
        return "TIMESTAMP"
    return _COLUMNS.get((go_type.kind, go_type.size))


def types_told(types: Iterable[GoType]) -> str:
    """The names of types that a thing can have."""
    return " or ".join(dict.fromkeys(go_type.name for go_type in types))
