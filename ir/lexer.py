"""Tokens of IR text, read on demand with one token of look-ahead, and the constants that text may compute with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from sey.binary.errors import SeyError
from sey.ir.errors import TextError

_SPACE = re.compile(r"(?:\s+|[#;][^\n]*)*")
_TOKEN = re.compile(
    r"""(?P<local>%\w+) | (?P<global>@\w+) | (?P<constant>\$\w+) | (?P<int>0[xX][0-9a-fA-F]+|[0-9]+\b)
      | (?P<word>[A-Za-z_]\w*) | (?P<string>"(?:[^"\\\n]|\\.)*") | (?P<punctuation>->|[{}()\[\],=+\-*!:.])""",
    re.VERBOSE | re.ASCII,
)
_MAX_DIGITS = 64
_MAX_PARENTHESES = 64
_PLAIN_LIST = re.compile(r"[0-9,\s]*")


class Token(NamedTuple):
    """A token: its kind (a group of the pattern above, or `end`), text, and place in the text in characters."""

    kind: str
    text: str
    start: int

    @property
    def name(self) -> str:
        """The text without the mark of a `%local`, `@global` or `$constant`."""
        return self.text[1:]


class Lexer:
    """A cursor over the tokens of a text; `token` is the next one. Raises SeyError (SEY0501) from all that expects."""

    def __init__(self, text: str, constants: Mapping[str, int]) -> None:
        self.text = text
        self.constants = constants
        self._end = 0
        self._open = 0
        self._line_start = 0
        self._line = 1
        self.token = self._scan()

    def _scan(self) -> Token:
        space = _SPACE.match(self.text, self._end)
        start = space.end() if space else self._end
        if start == len(self.text):
            self._end = start
            return Token("end", "the end", start)
        found = _TOKEN.match(self.text, start)
        if found is None:
            self.token = Token("bad", self.text[start], start)
            self.fail(f"{self.text[start]!r} begins nothing that the grammar knows")
        self._end = found.end()
        return Token(str(found.lastgroup), found.group(), start)

    @property
    def line(self) -> int:
        """The line of the next token, from 1. Asked for in ascending order, so counting goes on where it stopped."""
        start = self.token.start
        self._line += self.text.count("\n", self._line_start, start)
        self._line_start = start
        return self._line

    def fail(self, reason: str, at: Token | None = None) -> NoReturn:
        """Raise SEY0501 at a token, by default the next one."""
        before = self.text[: (at or self.token).start]
        column = len(before) - (before.rfind("\n") + 1) + 1
        raise SeyError(TextError(before.count("\n") + 1, column, reason))

    def advance(self) -> Token:
        """The next token, now behind the cursor."""
        token = self.token
        self.token = self._scan()
        return token

    def at(self, text: str) -> bool:
        """Whether the next token is this word or punctuation."""
        return self.token.text == text and self.token.kind in ("word", "punctuation")

    def accept(self, text: str) -> bool:
        """Step over this word or punctuation if it is next."""
        if self.at(text):
            self.advance()
            return True
        return False

    def expect(self, text: str) -> None:
        """Step over this word or punctuation."""
        if not self.accept(text):
            self.fail(f"{text!r} expected, not {self.token.text!r}")

    def take(self, kind: str, what: str) -> Token:
        """Step over a token of this kind; `what` names it in the error."""
        if self.token.kind != kind:
            self.fail(f"{what} expected, not {self.token.text!r}")
        return self.advance()

    def string(self) -> str:
        """Step over a string in JSON's notation."""
        token = self.take("string", "a string")
        try:
            return str(json.loads(token.text))
        except ValueError:
            self.fail("the string is not one of JSON", token)

    def at_constant(self) -> bool:
        """Whether a constant begins here."""
        return self.token.kind in ("int", "constant") or self.at("-") or self.at("(")

    def constant(self) -> int:
        """A constant: integers and `$names` joined by `+`, `-`, `*` and parentheses."""
        value = self.product()
        while self.at("+") or self.at("-"):
            value += self.product() if self.advance().text == "+" else -self.product()
        return value

    def product(self) -> int:
        """A constant without a sum outside parentheses."""
        value = self._factor()
        while self.accept("*"):
            value *= self._factor()
        return value

    def _factor(self) -> int:
        if self.accept("-"):
            return -self._signed()
        if self.accept("("):
            self._open += 1
            if self._open > _MAX_PARENTHESES:
                self.fail("parentheses nest too deep")
            value = self.constant()
            self.expect(")")
            self._open -= 1
            return value
        return self._signed()

    def _signed(self) -> int:
        """An integer or a `$name`."""
        if self.token.kind == "constant":
            name = self.token.name
            if name not in self.constants:
                self.fail(f"no constant ${name} was given")
            self.advance()
            return self.constants[name]
        token = self.take("int", "a number")
        if len(token.text) > _MAX_DIGITS:
            self.fail("the number is too long", token)
        return int(token.text, 0) if token.text[:2] in ("0x", "0X") else int(token.text)

    def plain_int(self, what: str) -> int:
        """Step over a number written as such."""
        if self.token.kind != "int":
            self.fail(f"{what} expected, not {self.token.text!r}")
        return self._signed()

    def constants_in_brackets(self) -> tuple[int, ...]:
        """`[1, 2, 3]`; long lists of plain decimal numbers, such as tables have, are read in one go."""
        if not self.at("["):
            self.fail(f"'[' expected, not {self.token.text!r}")
        plain = _PLAIN_LIST.match(self.text, self._end)
        if plain and plain.group().strip() and self.text.startswith("]", plain.end()):
            try:
                values = tuple(map(int, plain.group().split(",")))
            except ValueError:
                self.fail("the list has an empty or broken item")
            self._end = plain.end() + 1
            self.token = self._scan()
            return values
        self.expect("[")
        found: list[int] = []
        while not self.accept("]"):
            found.append(self.constant())
            if not self.at("]"):
                self.expect(",")
        return tuple(found)
