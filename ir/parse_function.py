"""Read functions in IR text: operations, regions, and the literals that text may use as operands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from sey.ir.known import TYPES, Known
from sey.ir.lexer import Lexer, Token
from sey.ir.nodes import (
    MAX_NESTING,
    Attempt,
    Begin,
    Binary,
    BinaryOp,
    Break,
    Call,
    Clock,
    Compare,
    CompareOp,
    Const,
    Convert,
    ConvertOp,
    Copy,
    DictDelete,
    DictGet,
    DictPut,
    Discard,
    FetchAdd,
    Fill,
    Function,
    Get,
    If,
    Load,
    Location,
    Loop,
    Op,
    Position,
    Put,
    Raise,
    Read,
    Region,
    Reopen,
    Reserve,
    Restore,
    Save,
    Search,
    Select,
    Store,
    Switch,
    TableGet,
    Type,
    Value,
    Yield,
)

_BINARY = {op.value: op for op in BinaryOp}
_COMPARE = {op.value: op for op in CompareOp}
_CONVERT = {op.value: op for op in ConvertOp}


class _Result(NamedTuple):
    """A result as written: its token, and its type where the text says it."""

    token: Token
    type: Type | None


@dataclass
class FunctionParser:
    """Parses one function at the lexer's cursor. `stamp`: the file index to give operations without a location."""

    lexer: Lexer
    known: Known
    stamp: int | None
    values: dict[str, Value] = field(default_factory=dict)
    """What is visible here, by the name written; a later region may use a name again (its value is renamed)."""
    defined: set[str] = field(default_factory=set)
    records: dict[str, str] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)
    literals: list[dict[tuple[Type, int], Value]] = field(default_factory=list)

    def function(self) -> Function:
        """`func @name(%a i64) -> i64 { … }`."""
        lexer = self.lexer
        line = lexer.line
        lexer.expect("func")
        name = lexer.take("global", "a function's name").name
        parameters = self._parameters()
        result = self._type() if lexer.accept("->") else None
        loc = self._location(line)
        body = self._region((result,) if result else ())
        return Function(name, parameters, result, body, loc)

    def _parameters(self) -> tuple[Value, ...]:
        self.lexer.expect("(")
        found: list[Value] = []
        while not self.lexer.accept(")"):
            token = self.lexer.take("local", "a parameter")
            found.append(self._define(_Result(token, None), self._type()))
            if not self.lexer.at(")"):
                self.lexer.expect(",")
        return tuple(found)

    # Regions

    def _region(self, expected: tuple[Type | None, ...], *inside: tuple[str, Value]) -> Region:
        """`{ … }`; `expected` are the types of the values it yields, where known; `inside` is visible in it alone."""
        if len(self.literals) >= MAX_NESTING:
            self.lexer.fail(f"regions nest deeper than {MAX_NESTING}")
        outer, self.ops = self.ops, []
        visible, self.values = self.values, {**self.values, **dict(inside)}
        self.literals.append({})
        self.lexer.expect("{")
        while not self.lexer.accept("}"):
            self._statement(expected)
        if not self.ops or not isinstance(self.ops[-1], Yield | Break | Raise):
            self.ops.append(Yield())
        self.literals.pop()
        ops, self.ops, self.values = self.ops, outer, visible
        return Region(tuple(ops))

    def _statement(self, expected: tuple[Type | None, ...]) -> None:
        line = self.lexer.line
        results = self._results()
        word = self.lexer.take("word", "an operation")
        match word.text, results:
            case "yield", []:
                self._yield(expected, line)
            case "if", _:
                self._if(results, line)
            case "attempt", _:
                self._attempt(results, line)
            case "switch", []:
                self._switch(line)
            case "loop", []:
                self._loop(line)
            case "call", [] | [_]:
                self._call(results, line)
            case effect, [] if effect in _EFFECTS:
                op = _EFFECTS[effect](self, line)
                self.ops.append(op)
            case name, [result] if name in _VALUES or name in _BINARY or name in _COMPARE or name in _CONVERT:
                self._simple(name, result, line)
            case _:
                self.lexer.fail(f"{word.text!r} is not an operation with {len(results)} results", word)

    def _results(self) -> list[_Result]:
        found: list[_Result] = []
        while self.lexer.token.kind == "local":
            token = self.lexer.advance()
            found.append(_Result(token, self._type() if self.lexer.token.text in TYPES else None))
            if not self.lexer.accept(","):
                break
        if found:
            self.lexer.expect("=")
        return found

    def _yield(self, expected: tuple[Type | None, ...], line: int) -> None:
        values: list[Value] = []
        while self.lexer.token.kind == "local" or self.lexer.at_constant():
            values.append(self._operand(expected[len(values)] if len(values) < len(expected) else None, line))
            if not self.lexer.accept(","):
                break
        self.ops.append(Yield(tuple(values), self._location(line)))

    def _if(self, results: list[_Result], line: int) -> None:
        condition, loc = self._operand(Type.I1, line), self._location(line)
        types = tuple(result.type for result in results)
        then = self._region(types)
        types = _settle(types, then)
        otherwise = Region((Yield(),))
        if self.lexer.accept("else"):
            otherwise = self._else_if(types) if self.lexer.at("if") else self._region(types)
        self.ops.append(If(self._define_all(results, _settle(types, otherwise)), condition, then, otherwise, loc))

    def _else_if(self, types: tuple[Type | None, ...]) -> Region:
        """`else if …` without results: an `else` with one `if` inside."""
        if len(self.literals) >= MAX_NESTING:
            self.lexer.fail(f"regions nest deeper than {MAX_NESTING}")
        if types:
            self.lexer.fail("an 'else if' has no results: write else { … }")
        outer, self.ops = self.ops, []
        self.literals.append({})
        line = self.lexer.line
        self.lexer.expect("if")
        self._if([], line)
        self.literals.pop()
        ops, self.ops = self.ops, outer
        return Region((*ops, Yield()))

    def _attempt(self, results: list[_Result], line: int) -> None:
        loc = self._location(line)
        types = tuple(result.type for result in results)
        body = self._region(types)
        types = _settle(types, body)
        self.lexer.expect("on")
        self.lexer.expect("fault")
        if self.lexer.at("{"):
            code, detail = self._fresh("code", Type.I32), self._fresh("detail", Type.I64)
            handler = self._region(types)
        else:
            first = self.lexer.take("local", "a name for the code")
            self.lexer.expect(",")
            second = self.lexer.take("local", "a name for the detail")
            code, detail = self._new(first, Type.I32), self._new(second, Type.I64)
            handler = self._region(types, (first.name, code), (second.name, detail))
        self.ops.append(Attempt(self._define_all(results, _settle(types, handler)), body, code, detail, handler, loc))

    def _switch(self, line: int) -> None:
        value = self._value()
        loc = self._location(line)
        cases: list[tuple[int, Region]] = []
        self.lexer.expect("{")
        while self.lexer.accept("case"):
            number = self._number(value.type)
            cases.append((number, self._region(())))
        default = self._region(()) if self.lexer.accept("default") else Region((Yield(),))
        self.lexer.expect("}")
        self.ops.append(Switch(value, tuple(cases), default, loc))

    def _loop(self, line: int) -> None:
        token = self.lexer.take("local", "the loop's index")
        self.lexer.expect(",")
        count = self._operand(Type.I64, line)
        limit = self._limit()
        loc = self._location(line)
        index = self._new(token, Type.I64)
        self.ops.append(Loop(index, count, limit, self._region((), (token.name, index)), loc))

    # Operations

    def _call(self, results: list[_Result], line: int) -> None:
        token = self.lexer.take("global", "a function's name")
        name = token.name
        signature = self.known.signatures.get(name)
        if signature is None:
            self.lexer.fail(f"nothing declares the function @{name}", token)
        self.lexer.expect("(")
        arguments: list[Value] = []
        while not self.lexer.accept(")"):
            place = len(arguments)
            kind = signature.parameters[place] if place < len(signature.parameters) else None
            arguments.append(self._operand(kind, line))
            if not self.lexer.at(")"):
                self.lexer.expect(",")
        result = None
        if results:
            if signature.result is None:
                self.lexer.fail(f"@{name} has no result", token)
            result = self._define(results[0], signature.result)
        self.ops.append(Call(result, name, tuple(arguments), self._location(line)))

    def _simple(self, word: str, result: _Result, line: int) -> None:
        lexer = self.lexer
        op: Op
        if word in _VALUES:
            op = _VALUES[word](self, result, line)
        elif word in _CONVERT:
            kind = self._type()
            operand = self._value()
            op = Convert(self._define(result, kind), _CONVERT[word], operand, self._location(line))
        else:
            kind = self._type()
            left = self._operand(kind, line)
            lexer.expect(",")
            right = self._operand(kind, line)
            if word in _BINARY:
                op = Binary(self._define(result, kind), _BINARY[word], left, right, self._location(line))
            else:
                op = Compare(self._define(result, Type.I1), _COMPARE[word], left, right, self._location(line))
        self.ops.append(op)

    def _const(self, result: _Result, line: int) -> Op:
        kind = self._type()
        value = self._number(kind)
        return Const(self._define(result, kind), value, self._location(line))

    def _select(self, result: _Result, line: int) -> Op:
        kind = self._type()
        condition = self._operand(Type.I1, line)
        self.lexer.expect(",")
        then = self._operand(kind, line)
        self.lexer.expect(",")
        otherwise = self._operand(kind, line)
        return Select(self._define(result, kind), condition, then, otherwise, self._location(line))

    def _load(self, result: _Result, line: int) -> Op:
        kind, buffer = self._type(), self._global("a buffer")
        offset, imm = self._index()
        return Load(self._define(result, kind), buffer, offset, imm, self._location(line))

    def _store(self, line: int) -> Op:
        kind, buffer = self._type(), self._global("a buffer")
        offset, imm = self._index()
        self.lexer.expect(",")
        value = self._operand(kind, line)
        return Store(buffer, offset, imm, value, self._location(line))

    def _fetch_add(self, result: _Result, line: int) -> Op:
        kind, buffer = self._type(), self._global("a buffer")
        offset, imm = self._index()
        self.lexer.expect(",")
        value = self._operand(kind, line)
        return FetchAdd(self._define(result, kind), buffer, offset, imm, value, self._location(line))

    def _fill(self, line: int) -> Op:
        buffer = self._global("a buffer")
        offset, imm = self._index()
        address, length, limit = self._source(line)
        return Fill(buffer, offset, imm, address, length, limit, self._location(line))

    def _read(self, result: _Result, line: int) -> Op:
        kind = self._type()
        address = self._operand(Type.I64, line)
        return Read(self._define(result, kind), address, self._location(line))

    def _row(self, result: _Result, line: int) -> Op:
        kind = self._type()
        table, column = self._table_column()
        self.lexer.expect("[")
        index = self._operand(Type.I64, line)
        self.lexer.expect("]")
        return TableGet(self._define(result, kind), table, column, index, self._location(line))

    def _search(self, result: _Result, line: int) -> Op:
        table, column = self._table_column()
        known = self.known.tables.get(table)
        kinds = [c.type for c in known.columns if c.name == column] if known else []
        self.lexer.expect(",")
        key = self._operand(kinds[0] if kinds else None, line)
        return Search(self._define(result, Type.I64), table, column, key, self._location(line))

    def _get(self, result: _Result, line: int) -> Op:
        name, key = self._keyed("a dict", line)
        self.lexer.expect(",")
        default = self._operand(Type.I64, line)
        return DictGet(self._define(result, Type.I64), name, key, default, self._location(line))

    def _put(self, result: _Result, line: int) -> Op:
        name, key = self._keyed("a dict", line)
        self.lexer.expect(",")
        value = self._operand(Type.I64, line)
        return DictPut(self._define(result, Type.I1), name, key, value, self._location(line))

    def _delete(self, line: int) -> Op:
        name, key = self._keyed("a dict", line)
        return DictDelete(name, key, self._location(line))

    def _begin(self, result: _Result, line: int) -> Op:
        stream = self._global("a stream")
        record = self._define(result, Type.RECORD)
        self.records[record.name] = stream
        return Begin(record, stream, self._location(line))

    def _reserve(self, result: _Result, line: int) -> Op:
        stream = self._global("a stream")
        self.lexer.expect(",")
        length = self._operand(Type.I64, line)
        limit = self._limit()
        record = self._define(result, Type.RECORD)
        self.records[record.name] = stream
        return Reserve(record, stream, length, limit, self._location(line))

    def _set(self, line: int) -> Op:
        kind = self._type() if self.lexer.token.kind == "word" else None
        record, name, offset, imm = self._place()
        self.lexer.expect(",")
        value = self._operand(kind or self._field_type(record, name), line)
        return Put(record, name, offset, imm, value, self._location(line))

    def _peek(self, result: _Result, line: int) -> Op:
        kind = self._type()
        record, name, offset, imm = self._place()
        return Get(self._define(result, kind), record, name, offset, imm, self._location(line))

    def _copy(self, line: int) -> Op:
        record, name, offset, imm = self._place()
        address, length, limit = self._source(line)
        return Copy(record, name, offset, imm, address, length, limit, self._location(line))

    def _position(self, result: _Result, line: int) -> Op:
        record = self._operand(Type.RECORD, line)
        return Position(self._define(result, Type.I64), record, self._location(line))

    def _save(self, result: _Result, line: int) -> Op:
        name, key = self._keyed("a stash", line)
        return Save(self._define(result, Type.I1), name, key, self._location(line))

    def _restore(self, result: _Result, line: int) -> Op:
        name, key = self._keyed("a stash", line)
        return Restore(self._define(result, Type.I64), name, key, self._location(line))

    def _reopen(self, result: _Result, line: int) -> Op:
        stream = self._global("a stream")
        self.lexer.expect(",")
        position = self._operand(Type.I64, line)
        record = self._define(result, Type.RECORD)
        self.records[record.name] = stream
        return Reopen(record, stream, position, self._location(line))

    def _discard(self, line: int) -> Op:
        return Discard(self._location(line))

    def _clock(self, result: _Result, line: int) -> Op:
        return Clock(self._define(result, Type.I64), self._location(line))

    def _raise(self, line: int) -> Op:
        code = self.lexer.constant()
        self.lexer.expect(",")
        detail = self._operand(Type.I64, line)
        return Raise(code, detail, self._location(line))

    def _break(self, line: int) -> Op:
        return Break(self._location(line))

    # Parts of operations

    def _location(self, line: int) -> Location | None:
        if self.lexer.accept("!"):
            file = self.lexer.plain_int("a file's number")
            self.lexer.expect(":")
            return Location(file, self.lexer.plain_int("a line"))
        return None if self.stamp is None else Location(self.stamp, line)

    def _type(self) -> Type:
        token = self.lexer.token
        if token.text not in TYPES:
            self.lexer.fail(f"a type expected, not {token.text!r}")
        self.lexer.advance()
        return Type(token.text)

    def _global(self, what: str) -> str:
        return self.lexer.take("global", f"the name of {what}").name

    def _limit(self) -> int:
        self.lexer.expect("max")
        return self.lexer.constant()

    def _source(self, line: int) -> tuple[Value, Value, int]:
        """`, %address, %length max N`."""
        self.lexer.expect(",")
        address = self._operand(Type.I64, line)
        self.lexer.expect(",")
        length = self._operand(Type.I64, line)
        return address, length, self._limit()

    def _table_column(self) -> tuple[str, str]:
        table = self._global("a table")
        self.lexer.expect(".")
        return table, self.lexer.take("word", "a column's name").text

    def _keyed(self, what: str, line: int) -> tuple[str, Value]:
        """`@name[%key]`."""
        name = self._global(what)
        self.lexer.expect("[")
        key = self._operand(Type.I64, line)
        self.lexer.expect("]")
        return name, key

    def _place(self) -> tuple[Value, str | None, Value | None, int]:
        record = self._value()
        name = self.lexer.take("word", "a field's name").text if self.lexer.accept(".") else None
        return record, name, *self._index()

    def _field_type(self, record: Value, name: str | None) -> Type | None:
        stream = self.known.streams.get(self.records.get(record.name, ""))
        return next((f.type for f in stream.fields if f.name == name), None) if stream else None

    def _index(self) -> tuple[Value | None, int]:
        """`[%offset + 16]`: constants and at most one value, in any order; nothing is `[0]`."""
        offset, imm, sign = None, 0, 1
        if not self.lexer.accept("["):
            return None, 0
        while True:
            if self.lexer.token.kind == "local" and offset is None and sign > 0:
                offset = self._operand(Type.I64, 0)
            else:
                imm += sign * self.lexer.product()
            if self.lexer.accept("]"):
                return offset, imm
            sign = 1 if self.lexer.at("+") else -1
            if not self.lexer.accept("+"):
                self.lexer.expect("-")

    # Values

    def _value(self) -> Value:
        name = self.lexer.token.name
        if self.lexer.token.kind == "local" and name not in self.values:
            self.lexer.fail(f"%{name} is not defined before")
        return self.values[self.lexer.take("local", "a value").name]

    def _operand(self, kind: Type | None, line: int) -> Value:
        """A value, or a literal made one by a `const` before; `kind` is the type it must have, if that is known."""
        if self.lexer.at_constant():
            if kind is None or kind is Type.RECORD:
                self.lexer.fail("the type of this literal isn't known here: give it a name by 'const'")
            return self._literal(kind, line)
        token = self.lexer.token
        value = self._value()
        if kind is not None and value.type is not kind:
            self.lexer.fail(f"%{value.name} is {value.type.value}, but {kind.value} is needed", token)
        return value

    def _literal(self, kind: Type, line: int) -> Value:
        number = self._number(kind)
        for scope in self.literals:
            if (kind, number) in scope:
                return scope[kind, number]
        value = self._fresh(f"c{number}" if kind is Type.I64 else f"c{number}_{kind.value}", kind)
        loc = None if self.stamp is None else Location(self.stamp, line)
        self.ops.append(Const(value, number, loc))
        self.literals[-1][kind, number] = value
        return value

    def _number(self, kind: Type) -> int:
        """A constant as an unsigned number of a type."""
        token = self.lexer.token
        number = self.lexer.constant()
        if not -(1 << (kind.bits - 1)) <= number < 1 << kind.bits:
            self.lexer.fail(f"{number} doesn't fit {kind.value}", token)
        return number % (1 << kind.bits)

    def _fresh(self, hint: str, kind: Type) -> Value:
        """A value whose name the text doesn't use anywhere."""
        name, count = hint, 1
        while name in self.known.locals or name in self.defined:
            count += 1
            name = f"{hint}_{count}"
        self.defined.add(name)
        return Value(name, kind)

    def _new(self, token: Token, kind: Type) -> Value:
        """A value of the name written, or of one like it where a region before had that name."""
        if token.name in self.values:
            self.lexer.fail(f"%{token.name} is defined twice", token)
        if token.name in self.defined:
            return self._fresh(token.name, kind)
        self.defined.add(token.name)
        return Value(token.name, kind)

    def _define(self, result: _Result, kind: Type) -> Value:
        """A new value, visible from here on."""
        if result.type not in (None, kind):
            self.lexer.fail(f"%{result.token.name} is {kind.value} here", result.token)
        value = self._new(result.token, kind)
        self.values[result.token.name] = value
        return value

    def _define_all(self, results: list[_Result], types: tuple[Type | None, ...]) -> tuple[Value, ...]:
        found: list[Value] = []
        for result, kind in zip(results, types, strict=True):
            if kind is None:
                self.lexer.fail(
                    f"the type of %{result.token.name} isn't known: write %{result.token.name} i64 = …", result.token
                )
            found.append(self._define(result, kind))
        return tuple(found)


def _settle(types: tuple[Type | None, ...], region: Region) -> tuple[Type | None, ...]:
    """The types of results, completed by what a region yields."""
    last = region.ops[-1]
    if not isinstance(last, Yield) or len(last.values) != len(types):
        return types
    return tuple(kind or value.type for kind, value in zip(types, last.values, strict=True))


_VALUES: dict[str, Callable[[FunctionParser, _Result, int], Op]] = {
    "const": FunctionParser._const,
    "select": FunctionParser._select,
    "load": FunctionParser._load,
    "read": FunctionParser._read,
    "row": FunctionParser._row,
    "search": FunctionParser._search,
    "get": FunctionParser._get,
    "put": FunctionParser._put,
    "begin": FunctionParser._begin,
    "reserve": FunctionParser._reserve,
    "peek": FunctionParser._peek,
    "position": FunctionParser._position,
    "clock": FunctionParser._clock,
    "fetch_add": FunctionParser._fetch_add,
    "save": FunctionParser._save,
    "restore": FunctionParser._restore,
    "reopen": FunctionParser._reopen,
}

_EFFECTS: dict[str, Callable[[FunctionParser, int], Op]] = {
    "store": FunctionParser._store,
    "fill": FunctionParser._fill,
    "delete": FunctionParser._delete,
    "set": FunctionParser._set,
    "copy": FunctionParser._copy,
    "discard": FunctionParser._discard,
    "raise": FunctionParser._raise,
    "break": FunctionParser._break,
}
