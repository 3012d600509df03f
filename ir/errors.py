"""What can be wrong with an IR program or its text: the problems SEY0501 to SEY0509."""

from __future__ import annotations

from dataclasses import dataclass

from sey.binary.errors import Exit, Problem


@dataclass(frozen=True)
class TextError(Problem):
    """The text of a program doesn't follow the grammar, or names what isn't there; `line`, `column` count from 1."""

    code = "SEY0501"
    exit_status = Exit.BUG
    title = "IR text, line {line}, column {column}: {reason}"

    line: int
    column: int
    reason: str


@dataclass(frozen=True)
class BadDeclaration(Problem):
    """A buffer, table, dict, stream or function head breaks a rule of `spec/ir.md`."""

    code = "SEY0502"
    exit_status = Exit.BUG
    title = "the IR declaration of {name}: {reason}"

    name: str
    reason: str


@dataclass(frozen=True)
class BadOperation(Problem):
    """An operation breaks a rule of `spec/ir.md`; `op` is its text, `place` the source line it comes from, if known."""

    code = "SEY0503"
    exit_status = Exit.BUG
    title = "in the IR function @{function}{place}: {reason}: {op}"

    function: str
    place: str
    op: str
    reason: str


@dataclass(frozen=True)
class Recursion(Problem):
    """Functions call each other in a circle; `chain` names them in order."""

    code = "SEY0504"
    exit_status = Exit.BUG
    title = "recursion in the IR: {chain}"

    chain: str


@dataclass(frozen=True)
class EscapingFault(Problem):
    """A fault could leave `main`, which nothing handles."""

    code = "SEY0505"
    exit_status = Exit.BUG
    title = "a fault could leave @main{place}: {op}"

    place: str
    op: str


@dataclass(frozen=True)
class TooDeep(Problem):
    """Calls and loops nest deeper than the kernel allows; `chain` names the functions and loops in order."""

    code = "SEY0506"
    exit_status = Exit.SPEC
    title = "the program nests {frames} frames of calls and loops, the kernel allows {allowed}: {chain}"

    frames: int
    allowed: int
    chain: str


@dataclass(frozen=True)
class TooLong(Problem):
    """The program is longer than the kernel's verifier is likely to walk; both numbers are instructions."""

    code = "SEY0507"
    exit_status = Exit.SPEC
    title = "the program takes about {estimate} instructions, at most {allowed} are accepted"
    help = "capture fewer variables at once, or split the spec in two"

    estimate: int
    allowed: int


@dataclass(frozen=True)
class EventsOnly(Problem):
    """A program that keeps something between its runs was to be compiled for snapshots."""

    code = "SEY0508"
    exit_status = Exit.BUG
    title = "the operation {op}{place} is for programs of events, which a snapshot doesn't run"

    op: str
    place: str
