"""Check that a program follows the contract of `spec/ir.md`.

`verify` is run on what lowering makes and on what every pass makes. What it accepts always ends: there is no other
control flow than structured regions, no recursion, and every loop has a limit. `verify_fits` adds what the kernel's
verifier asks of the finished program, after inlining: few enough frames, and a bearable number of instructions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import gt

from sey.binary.errors import Problem, SeyError
from sey.ir.errors import BadDeclaration, EventsOnly, Recursion
from sey.ir.measure import escaping_fault, place_of, problems_of_size
from sey.ir.nodes import (
    EVENT_OUTPUT_BYTES,
    MAX_RECORD_BYTES,
    Buffer,
    Column,
    Dict,
    EventOp,
    Function,
    Program,
    Stash,
    Stream,
    StreamField,
    Table,
    Type,
)
from sey.ir.printer import print_op
from sey.ir.rewrite import calls, walk
from sey.ir.verify_function import MAX_ARGUMENTS, Declared, check_function

MAX_BUFFER_BYTES = 1 << 29
"""The kernel refuses variable offsets beyond 512 MiB."""
MAX_DICT_ENTRIES = 1 << 26

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def verify(program: Program, before: Program | None = None) -> None:
    """Raise SeyError with everything that is wrong with the program (SEY0502 to SEY0505).

    `before` is one that was accepted: what it has of the same tables, which can be large, isn't looked at again.
    """
    problems = list(_problems(program, frozenset(map(id, before.tables if before else ()))))
    if problems:
        raise SeyError(*problems)


def verify_fits(program: Program) -> None:
    """As `verify`, and raise also where the program doesn't fit the kernel (SEY0506, SEY0507)."""
    verify(program)
    check_size(program)


def check_size(program: Program) -> None:
    """Raise where a program that `verify` has accepted doesn't fit the kernel (SEY0506, SEY0507)."""
    problems = list(problems_of_size(program))
    if problems:
        raise SeyError(*problems)


def check_snapshot(program: Program) -> None:
    """Raise where a program has operations that are for events alone (SEY0508)."""
    found = [op for function in program.functions for op in walk(function.body) if isinstance(op, EventOp)]
    if found:
        raise SeyError(EventsOnly(print_op(found[0]), place_of(program, found[0].loc)))


def _problems(program: Program, checked: frozenset[int]) -> Iterator[Problem]:
    """The problems of declarations; where there are none those of code, which would otherwise be consequences."""
    found = [*_names(program), *_declarations(program, checked)]
    if found:
        yield from found
        return
    declared = Declared.of(program)
    in_code = [problem for function in program.functions for problem in check_function(function, declared)]
    yield from in_code
    recursion = _recursion(program, declared)
    if recursion:
        yield recursion
    elif not in_code and (escaping := escaping_fault(program)):
        yield escaping


# Declarations


def _names(program: Program) -> Iterator[Problem]:
    names = [
        *(buffer.name for buffer in program.buffers),
        *(table.name for table in program.tables),
        *(each.name for each in program.dicts),
        *(each.name for each in program.stashes),
        *(stream.name for stream in program.streams),
        *(function.name for function in program.functions),
    ]
    yield from _distinct("the program", names)
    main = [function for function in program.functions if function.name == "main"]
    if not main:
        yield BadDeclaration("the program", "there is no function @main")
    elif main[0].parameters or main[0].result:
        yield BadDeclaration("@main", "it has no parameters and no result")


def _distinct(owner: str, names: Sequence[str]) -> Iterator[Problem]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield BadDeclaration(owner, f"{name!r} is declared twice")
    for name in sorted({name for name in names if not _NAME.fullmatch(name)}):
        yield BadDeclaration(owner, f"{name!r} is not a name (letters, digits and _, no digit first)")


def _declarations(program: Program, checked: frozenset[int]) -> Iterator[Problem]:
    for buffer in program.buffers:
        yield from _buffer(buffer)
    for table in program.tables:
        if id(table) not in checked:
            yield from _table(table)
    for each in program.dicts:
        yield from _dict(each)
    for stash in program.stashes:
        yield from _stash(stash)
    for stream in program.streams:
        yield from _stream(stream)
    for function in program.functions:
        yield from _head(function)


def _buffer(buffer: Buffer) -> Iterator[Problem]:
    if not 8 <= buffer.size <= MAX_BUFFER_BYTES or buffer.size & (buffer.size - 1):
        yield BadDeclaration(f"@{buffer.name}", f"{buffer.size} bytes is not a power of two from 8 to 512 MiB")
    if not 0 <= buffer.slack <= MAX_BUFFER_BYTES:
        yield BadDeclaration(f"@{buffer.name}", f"a slack of {buffer.slack} bytes is not from 0 to 512 MiB")


def _dict(each: Dict) -> Iterator[Problem]:
    if not 1 <= each.capacity <= MAX_DICT_ENTRIES:
        yield BadDeclaration(f"@{each.name}", f"{each.capacity} entries is not from 1 to {MAX_DICT_ENTRIES}")


def _stash(each: Stash) -> Iterator[Problem]:
    if not 1 <= each.capacity <= MAX_DICT_ENTRIES:
        yield BadDeclaration(f"@{each.name}", f"{each.capacity} outputs is not from 1 to {MAX_DICT_ENTRIES}")
    if not 8 <= each.size <= EVENT_OUTPUT_BYTES or each.size % 8:
        yield BadDeclaration(f"@{each.name}", f"{each.size} bytes is not a multiple of 8 up to {EVENT_OUTPUT_BYTES}")


def _table(table: Table) -> Iterator[Problem]:
    yield from _distinct(f"@{table.name}", [column.name for column in table.columns])
    if not table.columns:
        yield BadDeclaration(f"@{table.name}", "a table has at least one column")
    elif not table.rows or any(len(column.values) != table.rows for column in table.columns):
        yield BadDeclaration(f"@{table.name}", "all columns have the same number of rows, at least one")
    for column in table.columns:
        yield from _column(f"@{table.name}.{column.name}", column)


def _column(name: str, column: Column) -> Iterator[Problem]:
    if column.type is Type.RECORD:
        yield BadDeclaration(name, "a column holds integers")
    elif column.values and not 0 <= min(column.values) <= max(column.values) < 1 << column.type.bits:
        yield BadDeclaration(name, f"a value is not an unsigned {column.type.value}")
    if column.sorted and any(map(gt, column.values, islice(column.values, 1, None))):
        yield BadDeclaration(name, "the values of a sorted column ascend")


def _stream(stream: Stream) -> Iterator[Problem]:
    name = f"@{stream.name}"
    yield from _distinct(name, [each.name for each in stream.fields])
    if not stream.fields:
        if stream.size:
            yield BadDeclaration(name, "a stream of bytes has no size")
        return
    if not 8 <= stream.size <= MAX_RECORD_BYTES or stream.size % 8:
        yield BadDeclaration(name, f"a record of {stream.size} bytes is not a multiple of 8 up to {MAX_RECORD_BYTES}")
    end = 0
    for each in stream.fields:
        yield from _field(f"{name}.{each.name}", each)
        if each.offset < end:
            yield BadDeclaration(f"{name}.{each.name}", "fields ascend and don't overlap")
        end = max(end, each.offset + each.length)
    if end > stream.size:
        yield BadDeclaration(name, f"its fields take {end} bytes, the record has {stream.size}")


def _field(name: str, each: StreamField) -> Iterator[Problem]:
    if each.type is Type.RECORD or (each.type is not None and each.length != each.type.bytes):
        yield BadDeclaration(name, "a field of an integer type is as long as the type")
    if each.length < 1:
        yield BadDeclaration(name, "a field takes at least one byte")


def _head(function: Function) -> Iterator[Problem]:
    if len(function.parameters) > MAX_ARGUMENTS:
        yield BadDeclaration(f"@{function.name}", f"a function has at most {MAX_ARGUMENTS} parameters")
    kinds = [*(parameter.type for parameter in function.parameters), function.result]
    if Type.RECORD in kinds:
        yield BadDeclaration(f"@{function.name}", "parameters and results are integers")


# Calls


def _recursion(program: Program, declared: Declared) -> Problem | None:
    """A circle of calls, if there is one."""
    done: set[str] = set()

    def visit(name: str, chain: tuple[str, ...]) -> tuple[str, ...] | None:
        if name in chain:
            return (*chain[chain.index(name) :], name)
        if name in done or name not in declared.functions:
            return None
        for callee in calls(declared.functions[name].body):
            if found := visit(callee, (*chain, name)):
                return found
        done.add(name)
        return None

    for function in program.functions:
        if circle := visit(function.name, ()):
            return Recursion(" -> ".join(f"@{name}" for name in circle))
    return None
