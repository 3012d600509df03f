"""Hostile and accidental text ends within seconds, as problems and never as an exception of Python."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sey.binary.errors import SeyError
from sey.frontend.bind import bind
from sey.frontend.diagnostics import SpecError, render_json, render_text
from sey.frontend.parser import decode, parse
from sey.frontend.source import Source
from tests.language.fakeinfo import shop

_SIZE = 60_000
_OPEN = 'func "main.f" { '
HOSTILE = {
    "10 MB of parentheses": "(" * 10_000_000,
    "parentheses": "(" * _SIZE,
    "parentheses in a body": _OPEN + "(" * _SIZE,
    "closing": ")" * _SIZE,
    "mixed brackets": _OPEN + "([{" * (_SIZE // 3),
    "braces": "{" * _SIZE,
    "not": _OPEN + "!" * _SIZE + "}",
    "sum": _OPEN + "a+" * (_SIZE // 2) + "a}",
    "select": _OPEN + "a." * (_SIZE // 2) + "a}",
    "index": _OPEN + "a[" * (_SIZE // 2),
    "commas": _OPEN + "," * _SIZE + "}",
    "unclosed lines": _OPEN + "(\n" * (_SIZE // 2),
    "headers": 'func "f" {\n' * (_SIZE // 11),
    "quotes": '"' * _SIZE,
    "runes": "'" * _SIZE,
    "backslashes": '"' + "\\" * _SIZE,
    "dots": "." * _SIZE,
    "digits": "1" * _SIZE,
    "points": _OPEN + "1." * (_SIZE // 2) + "}",
    "semicolons": ";" * _SIZE,
    "hashes": "#" * _SIZE,
    "shift": _OPEN + "1 << 99999999999999 }",
    "power": _OPEN + "1e999999999 }",
}


def check(text: str) -> list[str]:
    """The codes of what is wrong; both forms of the problems can be rendered."""
    source = Source("x.sey", text)
    try:
        bind(parse(source), source, shop(), binary="shop")
    except SpecError as error:
        render_text(error.problems, source)
        render_json(error.problems, source)
        return [p.code for p in error.problems]
    return []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_ends_soon(name: str) -> None:
    begun = time.process_time()
    found = check(HOSTILE[name])
    assert time.process_time() - begun < 5
    assert found, "something is wrong with it"
    assert len(found) < 50


def test_nesting_is_named_as_the_reason() -> None:
    for name in ("parentheses", "parentheses in a body", "not", "sum", "select", "index"):
        assert "SEY0111" in check(HOSTILE[name]), name


def test_what_is_accepted_can_be_walked_by_recursion() -> None:
    deep = "(" * 60 + "n" + ")" * 60
    assert check(f'func "main.(*server).GetInfo" {{ {deep} as x, {"!" * 60}ok as y, n{"+n" * 60} as z }}') == []


def test_random_bytes() -> None:
    generator = random.Random(5)
    for _ in range(200):
        data = generator.randbytes(300)
        try:
            source = decode("x.sey", data)
        except SeyError:
            continue
        check(source.text)


_WORDS = [
    "func", "program", "global", "table", "column", "as", "in", "when", "x", "cs", "n", "len", "cap", '"main.f"',
    '"main.(*server).GetInfo"', "{", "}", "(", ")", "[", "]", ".", ",", "\n", "#c\n", "==", "=", "&&", "||", "!", "*",
    "&", "-", "+", "/", "<<", "0", "1.5", "50ms", "4KiB", "'a'", "`r`", "nil", "true", "mu", "queue", "depth", "event",
    '"""q"""', ":", "~", "\x00", "\ufeff", "é",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_WORDS), max_size=40))
def test_any_sequence_of_words(words: list[str]) -> None:
    check(" ".join(words))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    check(text)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_right_spec_with_a_piece_cut_out(data: st.DataObject) -> None:
    text = (
        'program p { executable "*/x" }\nfunc "main.(*server).GetInfo" as a in p when n > 3 {\n'
        '  cs.queue[0].id as x { depth 1 }, len(request)\n  &cs.mu as lock\n}\n'
        'global "main.counter" as c\ntable t = """select 1"""\ncolumn t.x int = "1"\n'
    )  # fmt: skip
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    check(text[:start] + data.draw(st.sampled_from(["", "(", "}", '"', "\n", "="])) + text[end:])
