"""SEY03xx: expressions that don't fit together, in Go's terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.frontend.diagnostics.base import SpannedProblem


@dataclass(frozen=True, kw_only=True)
class _Advised(SpannedProblem):
    advice_text: str | None = None

    def advice(self) -> str | None:
        """What to write instead."""
        return self.advice_text


@dataclass(frozen=True, kw_only=True)
class MismatchedTypes(_Advised):
    """The operands of a binary operator have one type in Go; sey converts nothing behind your back either."""

    code: ClassVar[str] = "SEY0301"
    title: ClassVar[str] = "mismatched types: {left} {operator} {right}"

    operator: str
    left: str
    right: str


@dataclass(frozen=True, kw_only=True)
class NotDefined(_Advised):
    """Go defines the operator only for some kinds of types."""

    code: ClassVar[str] = "SEY0302"
    title: ClassVar[str] = "operator {operator} is not defined on {type}"

    operator: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Unsupported(_Advised):
    """Go allows it, this version of sey doesn't compile it."""

    code: ClassVar[str] = "SEY0303"
    title: ClassVar[str] = "{what} is not supported in this version of sey"

    what: str


@dataclass(frozen=True, kw_only=True)
class ConditionNotBool(SpannedProblem):
    """`when` takes a condition."""

    code: ClassVar[str] = "SEY0304"
    title: ClassVar[str] = "the condition has type {type}, not bool"

    type: str


@dataclass(frozen=True, kw_only=True)
class NotRepresentable(_Advised):
    """A constant that the type it is used with can't hold."""

    code: ClassVar[str] = "SEY0305"
    title: ClassVar[str] = "constant {value} does not fit {type}"

    value: str
    type: str


@dataclass(frozen=True, kw_only=True)
class DivisionByZero(SpannedProblem):
    """A constant divisor of zero."""

    code: ClassVar[str] = "SEY0306"
    title: ClassVar[str] = "division by zero"


@dataclass(frozen=True, kw_only=True)
class ConstantTooLarge(SpannedProblem):
    """Constants are exact, up to 512 bits as in Go's compiler."""

    code: ClassVar[str] = "SEY0307"
    title: ClassVar[str] = "the constant needs more than {bits} bits"

    bits: int


@dataclass(frozen=True, kw_only=True)
class BadShift(SpannedProblem):
    """A shift count is an integer that isn't negative."""

    code: ClassVar[str] = "SEY0308"
    title: ClassVar[str] = "the shift count {what}"

    what: str


@dataclass(frozen=True, kw_only=True)
class NotIndexable(_Advised):
    """Arrays, slices, strings and maps have elements, and pointers to arrays stand for the array."""

    code: ClassVar[str] = "SEY0309"
    title: ClassVar[str] = "{type} can't be indexed"

    type: str


@dataclass(frozen=True, kw_only=True)
class NotInterface(SpannedProblem):
    """Only interfaces hold values of other types."""

    code: ClassVar[str] = "SEY0318"
    title: ClassVar[str] = "{type} is not an interface: nothing is to be asserted"

    type: str


@dataclass(frozen=True, kw_only=True)
class BadIndex(SpannedProblem):
    """An index is an integer. A constant one isn't negative, and lies inside of an array."""

    code: ClassVar[str] = "SEY0310"
    title: ClassVar[str] = "the index {what}"

    what: str


@dataclass(frozen=True, kw_only=True)
class NoFields(_Advised):
    """Only structs, and pointers to structs, have fields."""

    code: ClassVar[str] = "SEY0311"
    title: ClassVar[str] = "{type} has no fields, so no `{name}`"

    type: str
    name: str


@dataclass(frozen=True, kw_only=True)
class NotPointer(_Advised):
    """`*x` needs a pointer to something known."""

    code: ClassVar[str] = "SEY0312"
    title: ClassVar[str] = "`*` needs a pointer, not {type}"

    type: str


@dataclass(frozen=True, kw_only=True)
class NotAddressable(SpannedProblem):
    """`&x` needs a variable, a field, an element, or what a pointer points to."""

    code: ClassVar[str] = "SEY0313"
    title: ClassVar[str] = "`&` needs something that has an address"


@dataclass(frozen=True, kw_only=True)
class NoLength(_Advised):
    """`len` is of strings, slices, arrays, maps and channels; `cap` of slices, arrays and channels."""

    code: ClassVar[str] = "SEY0314"
    title: ClassVar[str] = "{type} has no `{function}`"

    type: str
    function: str


@dataclass(frozen=True, kw_only=True)
class UntypedNil(SpannedProblem):
    """`nil` has a type only beside an operand that has one."""

    code: ClassVar[str] = "SEY0315"
    title: ClassVar[str] = "`nil` has no type here"
    help: ClassVar[str | None] = "compare a pointer, slice, map, channel, function or interface with it"


@dataclass(frozen=True, kw_only=True)
class NoFormFits(SpannedProblem):
    """The function has variables of one name and different types, and the expression fits none of them."""

    code: ClassVar[str] = "SEY0316"
    title: ClassVar[str] = "the expression fits none of the types that its variables have in `{function}`"

    function: str
    reasons: tuple[str, ...]
    lack: bool

    def is_lack(self) -> bool:
        """Whether each reason is that something is missing."""
        return self.lack

    def notes(self) -> tuple[str, ...]:
        """What is wrong with each."""
        return self.reasons


@dataclass(frozen=True, kw_only=True)
class TooManyForms(SpannedProblem):
    """The function has so many variables of the names used, of so many types, that not every combination is tried."""

    code: ClassVar[str] = "SEY0317"
    title: ClassVar[str] = "the variables used have more than {limit} combinations of types in `{function}`"
    help: ClassVar[str | None] = "use fewer of them in one expression, and combine the columns in SQL"

    function: str
    limit: int


@dataclass(frozen=True, kw_only=True)
class BadMapKey(_Advised):
    """A map is indexed by a key of its own key type; a constant has to fit that type."""

    code: ClassVar[str] = "SEY0319"
    title: ClassVar[str] = "cannot use {what} as {type} value in map index{why}"

    what: str
    type: str
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class NotSliceable(_Advised):
    """Slices are made of slices, strings, arrays that have an address, and pointers to arrays."""

    code: ClassVar[str] = "SEY0320"
    title: ClassVar[str] = "cannot slice {what}"

    what: str


@dataclass(frozen=True, kw_only=True)
class BadSlice(SpannedProblem):
    """The bounds of a slice don't fall from the left to the right."""

    code: ClassVar[str] = "SEY0321"
    title: ClassVar[str] = "invalid slice indices: {high} < {low}"

    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class BadContextKey(SpannedProblem):
    """The keys of a context's values are compared with constants where they are integers, strings or bools, and the
    constant has to be one of the key's type."""

    code: ClassVar[str] = "SEY0323"
    title: ClassVar[str] = "a key of type {type} can't be this constant"
    help: ClassVar[str | None] = 'leave the constant out; for a key kept in a variable, `key(global "main.userKey")`'

    type: str
