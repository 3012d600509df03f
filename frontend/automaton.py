"""Name globs as one deterministic automaton over the bytes of a text, for programs that test strings of the target.

A pattern is looked at as bytes of UTF-8, where a letter stands for all its forms; `*` is any run of bytes. The subset
construction follows all patterns at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_STATES = 256
"""States that an automaton may have: their numbers are bytes in the program."""
_ANY = -1
_ALSO = {"s": "ſ", "k": "\u212a"}
"""Letters that are forms of others, but not those that these turn into."""


class TooManyStatesError(Exception):
    """The patterns need more than `MAX_STATES` states."""


@dataclass(frozen=True)
class Automaton:
    """`next[256 * state + byte]` is the state after a byte; 0 is the first. A text fits that ends in one of `fits`."""

    next: tuple[int, ...]
    fits: tuple[bool, ...]

    def matches(self, text: bytes) -> bool:
        """Whether any pattern fits."""
        state = 0
        for byte in text:
            state = self.next[256 * state + byte]
        return self.fits[state]


class _Net:
    """Steps from state to state on a byte, or on any (`_ANY`), of all patterns together."""

    def __init__(self) -> None:
        self.steps: list[dict[int, set[int]]] = []
        self.ends: set[int] = set()
        self.sure: set[int] = set()
        """Ends that no further byte leads out of."""

    def state(self) -> int:
        self.steps.append({})
        return len(self.steps) - 1

    def step(self, at: int, byte: int, to: int) -> None:
        self.steps[at].setdefault(byte, set()).add(to)

    def add(self, pattern: str) -> int:
        """The state in which a pattern begins."""
        first = at = self.state()
        for char in pattern:
            if char == "*":
                self.step(at, _ANY, at)
            else:
                following = self.state()
                for form in _forms(char):
                    self._path(at, form, following)
                at = following
        self.ends.add(at)
        if pattern.endswith("*"):
            self.sure.add(at)
        return first

    def _path(self, at: int, form: bytes, to: int) -> None:
        for byte in form[:-1]:
            between = self.state()
            self.step(at, byte, between)
            at = between
        self.step(at, form[-1], to)

    def after(self, states: frozenset[int], byte: int) -> frozenset[int]:
        """Where a byte leads to; ends that all else is beside the point of stand alone."""
        found = {to for at in states for key in (byte, _ANY) for to in self.steps[at].get(key, ())}
        sure = found & self.sure
        return frozenset({min(self.sure)}) if sure else frozenset(found)


def _forms(char: str) -> set[bytes]:
    """A letter's forms, large and small."""
    folded = char.casefold()
    forms = {char, char.lower(), char.upper(), folded, folded.upper(), *_ALSO.get(folded, "")}
    return {form.encode("utf-8", "surrogateescape") for form in forms}


def automaton(patterns: Iterable[str]) -> Automaton:
    """The automaton of some patterns. Raises TooManyStatesError."""
    net = _Net()
    starts = {net.add(pattern) for pattern in patterns}
    first = frozenset({min(net.sure)}) if starts & net.sure else frozenset(starts)
    numbers, rows = {first: 0}, list[Sequence[int]]()
    pending = [first]
    while pending:
        states = pending.pop(0)
        row = list[int]()
        others = net.after(states, _ANY)
        named = {byte for at in states for byte in net.steps[at] if byte != _ANY}
        for byte in range(256):
            to = net.after(states, byte) if byte in named else others
            if to not in numbers:
                numbers[to] = len(numbers)
                pending.append(to)
                if len(numbers) > MAX_STATES:
                    raise TooManyStatesError
            row.append(numbers[to])
        rows.append(row)
    fits = tuple(bool(states & net.ends) for states in numbers)
    return Automaton(tuple(state for row in rows for state in row), fits)
