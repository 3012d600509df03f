"""Read the text form of the IR (grammar in `spec/ir.md`): declarations here, functions in `parse_function.py`.

Text may also be a template: `$name` stands for a constant given by the caller. Everything raises SeyError with
SEY0501, naming line and column, for text that doesn't follow the grammar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sey.ir.known import TYPES, Known, Signature, scan_locals, scan_signatures, signature_of
from sey.ir.lexer import Lexer
from sey.ir.nodes import Buffer, Column, Dict, Function, Program, Stash, Stream, StreamField, Table, Type, layout_stream
from sey.ir.parse_function import FunctionParser

__all__ = ["Signature", "parse_functions", "parse_program", "scan_signatures", "signature_of"]


def parse_program(
    text: str,
    *,
    constants: Mapping[str, int] | None = None,
    file_index: int = 0,
    stamp: bool = False,
    streams: Iterable[Stream] = (),
    tables: Iterable[Table] = (),
    signatures: Mapping[str, Signature] | None = None,
) -> Program:
    """The program that a text declares.

    `stamp` gives each operation without a location of its own `Location(file_index, its line)`. `streams`, `tables`
    and `signatures` (of functions) tell what other texts declare: they settle the types of calls and literals.
    """
    lexer = Lexer(text, constants or {})
    known = Known(
        {stream.name: stream for stream in streams},
        {table.name: table for table in tables},
        {**(signatures or {}), **scan_signatures(text)},
        scan_locals(text),
    )
    return _ProgramParser(lexer, known, file_index if stamp else None).program()


def parse_functions(
    text: str,
    *,
    constants: Mapping[str, int] | None = None,
    file_index: int = 0,
    stamp: bool = False,
    streams: Iterable[Stream] = (),
    tables: Iterable[Table] = (),
    signatures: Mapping[str, Signature] | None = None,
) -> tuple[Function, ...]:
    """The functions of a text that declares nothing else it doesn't drop; parameters as `parse_program`."""
    return parse_program(
        text,
        constants=constants,
        file_index=file_index,
        stamp=stamp,
        streams=streams,
        tables=tables,
        signatures=signatures,
    ).functions


@dataclass
class _ProgramParser:
    """The declarations read so far, in the order of each kind."""

    lexer: Lexer
    known: Known
    stamp: int | None
    files: list[str] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    dicts: list[Dict] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    stashes: list[Stash] = field(default_factory=list)

    def program(self) -> Program:
        """Read to the end of the text."""
        while self.lexer.token.kind != "end":
            self._declaration()
        return Program(
            tuple(self.files),
            tuple(self.buffers),
            tuple(self.tables),
            tuple(self.dicts),
            tuple(self.streams),
            tuple(self.functions),
            tuple(self.stashes),
        )

    def _declaration(self) -> None:
        lexer = self.lexer
        match lexer.token.text:
            case "file":
                lexer.advance()
                self.files.append(lexer.string())
            case "buffer":
                self.buffers.append(self._buffer())
            case "dict":
                self.dicts.append(self._dict())
            case "stash":
                self.stashes.append(self._stash())
            case "table":
                self.tables.append(self._table())
                self.known.tables[self.tables[-1].name] = self.tables[-1]
            case "stream":
                self.streams.append(self._stream())
                self.known.streams[self.streams[-1].name] = self.streams[-1]
            case "func":
                self.functions.append(FunctionParser(lexer, self.known, self.stamp).function())
            case other:
                lexer.fail(f"a declaration expected (file, buffer, dict, stash, table, stream or func), not {other!r}")

    def _name(self) -> str:
        self.lexer.advance()
        return self.lexer.take("global", "a name such as @name").name

    def _buffer(self) -> Buffer:
        name, size = self._name(), self.lexer.constant()
        slack = self.lexer.constant() if self.lexer.accept("slack") else 0
        return Buffer(name, size, slack, self.lexer.accept("host"))

    def _dict(self) -> Dict:
        name, capacity = self._name(), self.lexer.constant()
        return Dict(name, capacity, self.lexer.accept("host"))

    def _stash(self) -> Stash:
        name, capacity = self._name(), self.lexer.constant()
        self.lexer.expect("size")
        return Stash(name, capacity, self.lexer.constant())

    def _table(self) -> Table:
        name = self._name()
        self.lexer.expect("{")
        columns: list[Column] = []
        while not self.lexer.accept("}"):
            columns.append(self._column())
            self.lexer.accept(",")
        if not columns:
            self.lexer.fail(f"the table @{name} has no columns")
        return Table(name, tuple(columns))

    def _column(self) -> Column:
        first = self.lexer.take("word", "a column's name").text
        second = self.lexer.take("word", "a type").text
        if first == "sorted" and not self.lexer.at("["):
            return Column(second, self._type(), self.lexer.constants_in_brackets(), sorted=True)
        return Column(first, self._as_type(second), self.lexer.constants_in_brackets())

    def _stream(self) -> Stream:
        name = self._name()
        if not self.lexer.accept("{"):
            return Stream(name, (), self.lexer.constant() if self.lexer.accept("size") else 0)
        members: list[tuple[str, Type | int]] = []
        offsets: list[int] = []
        while not self.lexer.accept("}"):
            field_name = self.lexer.take("word", "a field's name").text
            members.append((field_name, self.lexer.constant() if self.lexer.accept("bytes") else self._type()))
            if self.lexer.accept("at"):
                offsets.append(self.lexer.constant())
            self.lexer.accept(",")
        if not offsets and not self.lexer.at("size"):
            return layout_stream(name, members)
        if len(offsets) != len(members):
            self.lexer.fail(f"of the fields of @{name} either all say where they are, or none does")
        self.lexer.expect("size")
        return Stream(name, tuple(map(_stream_field, members, offsets)), self.lexer.constant())

    def _type(self) -> Type:
        return self._as_type(self.lexer.take("word", "a type").text)

    def _as_type(self, word: str) -> Type:
        if word not in TYPES or word == "record":
            self.lexer.fail(f"{word!r} is not an integer type (i1, i8, i16, i32, i64)")
        return Type(word)


def _stream_field(member: tuple[str, Type | int], offset: int) -> StreamField:
    name, kind = member
    if isinstance(kind, Type):
        return StreamField(name, kind, offset, kind.bytes)
    return StreamField(name, None, offset, kind)
