"""Build functions operation by operation, with Python's `with` for regions.

    b = FunctionBuilder("twice", [("a", Type.I64)], Type.I64)
    (a,) = b.parameters
    with b.if_(b.eq(a, 0)):
        b.raise_(17, a)
    b.finish(b.add(a, a))

Operands may be Python ints, of the other operand's type (i64 where there is none); a region that isn't ended gets an
empty `yield`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sey.ir import nodes
from sey.ir.nodes import BinaryOp, CompareOp, ConvertOp, Location, Op, Region, Type, Value

Operand = Value | int


class FunctionBuilder:
    """A function under construction."""

    def __init__(self, name: str, parameters: Sequence[tuple[str, Type]] = (), result: Type | None = None) -> None:
        self._name, self._result = name, result
        self.parameters = tuple(Value(n, kind) for n, kind in parameters)
        self._regions: list[list[Op]] = [[]]
        self._loc: Location | None = None
        self._count = 0

    def finish(self, result: Value | None = None) -> nodes.Function:
        """The finished function, yielding `result`."""
        assert len(self._regions) == 1, "a region is still open"
        self.yield_(*(() if result is None else (result,)))
        return nodes.Function(self._name, self.parameters, self._result, Region(tuple(self._regions[0])))

    @contextmanager
    def at(self, loc: Location | None) -> Iterator[None]:
        """Operations made inside come from `loc`."""
        before, self._loc = self._loc, loc
        try:
            yield
        finally:
            self._loc = before

    # Values

    def _new(self, kind: Type) -> Value:
        self._count += 1
        return Value(f"v{self._count}", kind)

    def _emit(self, op: Op) -> None:
        assert not self._ended(), f"{op} after the end of its region"
        self._regions[-1].append(op)

    def _ended(self) -> bool:
        ops = self._regions[-1]
        return bool(ops) and isinstance(ops[-1], nodes.Yield | nodes.Break | nodes.Raise)

    def const(self, value: int, kind: Type = Type.I64) -> Value:
        """A constant; negative ones wrap."""
        result = self._new(kind)
        self._emit(nodes.Const(result, value & (1 << kind.bits) - 1, self._loc))
        return result

    def _value(self, operand: Operand, kind: Type = Type.I64) -> Value:
        return operand if isinstance(operand, Value) else self.const(operand, kind)

    def _pair(self, left: Operand, right: Operand) -> tuple[Value, Value]:
        kind = next((x.type for x in (left, right) if isinstance(x, Value)), Type.I64)
        return self._value(left, kind), self._value(right, kind)

    def binary(self, op: BinaryOp, left: Operand, right: Operand) -> Value:
        """A binary operation."""
        a, b = self._pair(left, right)
        result = self._new(a.type)
        self._emit(nodes.Binary(result, op, a, b, self._loc))
        return result

    def add(self, left: Operand, right: Operand) -> Value:
        """`left + right`."""
        return self.binary(BinaryOp.ADD, left, right)

    def sub(self, left: Operand, right: Operand) -> Value:
        """`left - right`."""
        return self.binary(BinaryOp.SUB, left, right)

    def and_(self, left: Operand, right: Operand) -> Value:
        """`left & right`."""
        return self.binary(BinaryOp.AND, left, right)

    def or_(self, left: Operand, right: Operand) -> Value:
        """`left | right`."""
        return self.binary(BinaryOp.OR, left, right)

    def xor(self, left: Operand, right: Operand) -> Value:
        """`left ^ right`."""
        return self.binary(BinaryOp.XOR, left, right)

    def shl(self, left: Operand, right: Operand) -> Value:
        """`left << right`."""
        return self.binary(BinaryOp.SHL, left, right)

    def lshr(self, left: Operand, right: Operand) -> Value:
        """`left >> right`, zeros from above."""
        return self.binary(BinaryOp.LSHR, left, right)

    def ashr(self, left: Operand, right: Operand) -> Value:
        """`left >> right`, the sign from above."""
        return self.binary(BinaryOp.ASHR, left, right)

    def compare(self, op: CompareOp, left: Operand, right: Operand) -> Value:
        """A comparison, i1."""
        a, b = self._pair(left, right)
        result = self._new(Type.I1)
        self._emit(nodes.Compare(result, op, a, b, self._loc))
        return result

    def eq(self, left: Operand, right: Operand) -> Value:
        """`left == right`."""
        return self.compare(CompareOp.EQ, left, right)

    def ne(self, left: Operand, right: Operand) -> Value:
        """`left != right`."""
        return self.compare(CompareOp.NE, left, right)

    def ult(self, left: Operand, right: Operand) -> Value:
        """`left < right`, unsigned."""
        return self.compare(CompareOp.ULT, left, right)

    def ule(self, left: Operand, right: Operand) -> Value:
        """`left <= right`, unsigned."""
        return self.compare(CompareOp.ULE, left, right)

    def ugt(self, left: Operand, right: Operand) -> Value:
        """`left > right`, unsigned."""
        return self.compare(CompareOp.UGT, left, right)

    def uge(self, left: Operand, right: Operand) -> Value:
        """`left >= right`, unsigned."""
        return self.compare(CompareOp.UGE, left, right)

    def slt(self, left: Operand, right: Operand) -> Value:
        """`left < right`, signed."""
        return self.compare(CompareOp.SLT, left, right)

    def convert(self, op: ConvertOp, kind: Type, operand: Value) -> Value:
        """A change of width; none where the type is the same."""
        if operand.type is kind:
            return operand
        result = self._new(kind)
        self._emit(nodes.Convert(result, op, operand, self._loc))
        return result

    def zext(self, kind: Type, operand: Value) -> Value:
        """To a wider type, unsigned."""
        return self.convert(ConvertOp.ZEXT, kind, operand)

    def sext(self, kind: Type, operand: Value) -> Value:
        """To a wider type, signed."""
        return self.convert(ConvertOp.SEXT, kind, operand)

    def trunc(self, kind: Type, operand: Value) -> Value:
        """To a narrower type."""
        return self.convert(ConvertOp.TRUNC, kind, operand)

    def select(self, condition: Value, then: Operand, otherwise: Operand) -> Value:
        """`then` where the condition is 1, else `otherwise`."""
        a, b = self._pair(then, otherwise)
        result = self._new(a.type)
        self._emit(nodes.Select(result, condition, a, b, self._loc))
        return result

    # Memories

    def load(self, kind: Type, buffer: str, offset: Value | None = None, imm: int = 0) -> Value:
        """An integer from a buffer."""
        result = self._new(kind)
        self._emit(nodes.Load(result, buffer, offset, imm, self._loc))
        return result

    def store(self, buffer: str, value: Value, offset: Value | None = None, imm: int = 0) -> None:
        """An integer into a buffer."""
        self._emit(nodes.Store(buffer, offset, imm, value, self._loc))

    def fill(
        self,
        buffer: str,
        address: Operand,
        length: Operand,
        limit: int,
        offset: Value | None = None,
        imm: int = 0,
    ) -> None:
        """Bytes of the target into a buffer."""
        a, n = self._value(address), self._value(length)
        self._emit(nodes.Fill(buffer, offset, imm, a, n, limit, self._loc))

    def fetch_add(self, buffer: str, value: Operand, offset: Value | None = None, imm: int = 0) -> Value:
        """Add to an i64 of a host buffer; what was there."""
        result, v = self._new(Type.I64), self._value(value)
        self._emit(nodes.FetchAdd(result, buffer, offset, imm, v, self._loc))
        return result

    def read(self, kind: Type, address: Operand) -> Value:
        """An integer of the target."""
        result, a = self._new(kind), self._value(address)
        self._emit(nodes.Read(result, a, self._loc))
        return result

    def table_get(self, kind: Type, table: str, column: str, index: Operand) -> Value:
        """An entry of a table; `kind` is the column's type."""
        result, i = self._new(kind), self._value(index)
        self._emit(nodes.TableGet(result, table, column, i, self._loc))
        return result

    def search(self, table: str, column: str, key: Value) -> Value:
        """The last row whose value is at most the key, or 2**64 - 1."""
        result = self._new(Type.I64)
        self._emit(nodes.Search(result, table, column, key, self._loc))
        return result

    def dict_get(self, name: str, key: Operand, default: Operand) -> Value:
        """The value under a key, or the default."""
        result, k, d = self._new(Type.I64), self._value(key), self._value(default)
        self._emit(nodes.DictGet(result, name, k, d, self._loc))
        return result

    def dict_put(self, name: str, key: Operand, value: Operand) -> Value:
        """Store under a key; i1 0 when there was no room."""
        result, k, v = self._new(Type.I1), self._value(key), self._value(value)
        self._emit(nodes.DictPut(result, name, k, v, self._loc))
        return result

    def dict_delete(self, name: str, key: Operand) -> None:
        """Forget a key."""
        k = self._value(key)
        self._emit(nodes.DictDelete(name, k, self._loc))

    # Output

    def begin(self, stream: str) -> Value:
        """A new record."""
        result = self._new(Type.RECORD)
        self._emit(nodes.Begin(result, stream, self._loc))
        return result

    def reserve(self, stream: str, length: Operand, limit: int) -> Value:
        """Room in a stream of bytes."""
        result, n = self._new(Type.RECORD), self._value(length)
        self._emit(nodes.Reserve(result, stream, n, limit, self._loc))
        return result

    def put(
        self,
        record: Value,
        value: Value,
        field: str | None = None,
        offset: Value | None = None,
        imm: int = 0,
    ) -> None:
        """An integer into a record."""
        self._emit(nodes.Put(record, field, offset, imm, value, self._loc))

    def get(
        self, kind: Type, record: Value, field: str | None = None, offset: Value | None = None, imm: int = 0
    ) -> Value:
        """An integer back from a record."""
        result = self._new(kind)
        self._emit(nodes.Get(result, record, field, offset, imm, self._loc))
        return result

    def copy(
        self,
        record: Value,
        address: Operand,
        length: Operand,
        limit: int,
        field: str | None = None,
        offset: Value | None = None,
        imm: int = 0,
    ) -> None:
        """Bytes of the target into a record."""
        a, n = self._value(address), self._value(length)
        self._emit(nodes.Copy(record, field, offset, imm, a, n, limit, self._loc))

    def position(self, record: Value) -> Value:
        """Where a record starts in the output."""
        result = self._new(Type.I64)
        self._emit(nodes.Position(result, record, self._loc))
        return result

    def save(self, stash: str, key: Operand) -> Value:
        """Keep the output so far under a key and take it away; i1 0 where that wasn't possible."""
        result, k = self._new(Type.I1), self._value(key)
        self._emit(nodes.Save(result, stash, k, self._loc))
        return result

    def restore(self, stash: str, key: Operand) -> Value:
        """Make the output what is kept under a key, which is forgotten; its length, 0 for nothing."""
        result, k = self._new(Type.I64), self._value(key)
        self._emit(nodes.Restore(result, stash, k, self._loc))
        return result

    def reopen(self, stream: str, position: Operand) -> Value:
        """The record of a stream at a position of the output."""
        result, p = self._new(Type.RECORD), self._value(position)
        self._emit(nodes.Reopen(result, stream, p, self._loc))
        return result

    def discard(self) -> None:
        """Forget the output so far."""
        self._emit(nodes.Discard(self._loc))

    def clock(self) -> Value:
        """The machine's clock in nanoseconds."""
        result = self._new(Type.I64)
        self._emit(nodes.Clock(result, self._loc))
        return result

    # Control

    def call(self, function: str, *arguments: Operand) -> None:
        """Call a function without a result; ints are i64."""
        values = tuple(self._value(a) for a in arguments)
        self._emit(nodes.Call(None, function, values, self._loc))

    def call_value(self, kind: Type, function: str, *arguments: Operand) -> Value:
        """Call a function with a result of type `kind`; ints are i64."""
        values = tuple(self._value(a) for a in arguments)
        result = self._new(kind)
        self._emit(nodes.Call(result, function, values, self._loc))
        return result

    def raise_(self, code: int, detail: Operand = 0) -> None:
        """End the region by a fault."""
        d = self._value(detail)
        self._emit(nodes.Raise(code, d, self._loc))

    def break_(self) -> None:
        """End the region and the innermost loop."""
        self._emit(nodes.Break(self._loc))

    def yield_(self, *values: Value) -> None:
        """End the region with its values."""
        self._emit(nodes.Yield(values, self._loc))

    @contextmanager
    def region(self) -> Iterator[list[Op]]:
        """Operations made inside go to a region of their own, whose list is given; used by the regions below."""
        ops: list[Op] = []
        self._regions.append(ops)
        try:
            yield ops
            if not self._ended():
                self.yield_()
        finally:
            # An exception on its way through drops the region, so that whoever catches it can go on outside of it.
            self._regions.pop()

    @contextmanager
    def if_(self, condition: Value) -> Iterator[None]:
        """Operations made inside run where the condition is 1."""
        with self.region() as ops:
            yield
        self._emit(nodes.If((), condition, Region(tuple(ops)), _EMPTY, self._loc))

    @contextmanager
    def if_else(self, condition: Value, *kinds: Type) -> Iterator[Choice]:
        """An `if` with both regions and results of these types."""
        choice = Choice(self, tuple(self._new(kind) for kind in kinds))
        yield choice
        self._emit(nodes.If(choice.results, condition, choice.regions[0], choice.regions[1], self._loc))

    @contextmanager
    def loop(self, count: Operand, limit: int) -> Iterator[Value]:
        """Operations made inside run min(count, limit) times; gives the index."""
        n, index = self._value(count), self._new(Type.I64)
        with self.region() as ops:
            yield index
        self._emit(nodes.Loop(index, n, limit, Region(tuple(ops)), self._loc))

    @contextmanager
    def attempt(self, *kinds: Type) -> Iterator[Attempted]:
        """An `attempt` with its handler and results of these types."""
        results = tuple(self._new(kind) for kind in kinds)
        tried = Attempted(self, results, self._new(Type.I32), self._new(Type.I64))
        yield tried
        body, handler = tried.regions
        self._emit(nodes.Attempt(results, body, tried.code, tried.detail, handler, self._loc))

    @contextmanager
    def switch(self, value: Value) -> Iterator[Cases]:
        """A `switch`; values without a case do nothing."""
        cases = Cases(self)
        yield cases
        self._emit(nodes.Switch(value, tuple(cases.regions), _EMPTY, self._loc))


class _TwoRegions:
    """What `if` and `attempt` have in common: two regions that yield the same results."""

    def __init__(self, builder: FunctionBuilder, results: tuple[Value, ...]) -> None:
        self._builder = builder
        self.results = results
        self.regions = [_EMPTY, _EMPTY]

    @property
    def result(self) -> Value:
        """The only result."""
        (result,) = self.results
        return result

    def yield_(self, *values: Value) -> None:
        """End the region at hand with its results."""
        self._builder.yield_(*values)

    @contextmanager
    def _fill(self, which: int) -> Iterator[None]:
        with self._builder.region() as ops:
            yield
        self.regions[which] = Region(tuple(ops))


class Choice(_TwoRegions):
    """The two regions of an `if`."""

    @contextmanager
    def then(self) -> Iterator[None]:
        """The region for 1."""
        with self._fill(0):
            yield

    @contextmanager
    def otherwise(self) -> Iterator[None]:
        """The region for 0."""
        with self._fill(1):
            yield


class Attempted(_TwoRegions):
    """The body and handler of an `attempt`; `code` (i32) and `detail` (i64) are the fault's, for the handler."""

    def __init__(self, builder: FunctionBuilder, results: tuple[Value, ...], code: Value, detail: Value) -> None:
        super().__init__(builder, results)
        self.code, self.detail = code, detail

    @contextmanager
    def body(self) -> Iterator[None]:
        """The region that may fault."""
        with self._fill(0):
            yield

    @contextmanager
    def handler(self) -> Iterator[None]:
        """The region for faults."""
        with self._fill(1):
            yield


class Cases:
    """The cases of a `switch`."""

    def __init__(self, builder: FunctionBuilder) -> None:
        self._builder = builder
        self.regions: list[tuple[int, Region]] = []

    @contextmanager
    def case(self, value: int) -> Iterator[None]:
        """The region for a value."""
        with self._builder.region() as ops:
            yield
        self.regions.append((value, Region(tuple(ops))))


_EMPTY = Region((nodes.Yield(),))
