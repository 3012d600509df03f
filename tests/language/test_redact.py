"""The statement `redact`: what it names, and which expressions it makes nothing of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sey.frontend import bound
from sey.frontend.automaton import MAX_STATES, TooManyStatesError, automaton
from sey.frontend.bind import bind
from sey.frontend.debuginfo.model import UNREADABLE_TAG
from sey.frontend.fmt import format_spec
from sey.frontend.parser import parse
from sey.frontend.redaction import Redactor, may_have_tags
from sey.frontend.source import Source
from tests.language.fakeinfo import shop
from tests.language.test_bind import codes, drawn

FUNCTION = 'func "main.(*server).GetInfo"'


def captured(redact: str, expr: str) -> str:
    source = Source("x.sey", f"{redact}\n{FUNCTION} {{ {expr} as value }}")
    spec, _ = bind(parse(source), source, shop(), binary="shop")
    (form,) = spec.funcs[0].captures[0].forms
    return drawn(form.expr)


@pytest.mark.parametrize(
    ("redact", "expr"),
    [
        ('redact "request"', "request"),
        ('redact "REQ*"', "request"),
        ('redact "request"', "request[:3]"),
        ('redact "request"', "len(request)"),
        ('redact "request"', 'request == "GET"'),
        ('redact "n"', "buf[n]"),
        ('redact "n"', "buf[n:]"),
        ('redact "n"', "n + 1"),
        ('redact "cs"', "cs.queue[0].id"),
        ('redact "queue"', "cs.queue[0].id"),
        ('redact "queue"', "&cs.queue[0]"),
        ('redact "id"', "cs.queue[0].id"),
        ('redact "tags"', 'cs.tags["region"]'),
        ('redact "reg*"', 'cs.tags["region"]'),
        ('redact type "main.Job"', "cs.queue"),
        ('redact type "main.Job"', "cs.queue[0].id"),
        ('redact type "main.*"', "cs"),
        ('redact type "*main.Job"', "cs.err.(*main.Job)"),
    ],
)  # fmt: skip
def test_what_looks_at_something_redacted_is_redacted(redact: str, expr: str) -> None:
    assert captured('redact "nothing of the kind"', expr) != "redacted"
    assert captured(redact, expr) == "redacted"


@pytest.mark.parametrize(
    ("redact", "expr"),
    [
        ('redact "request"', "n"),
        ('redact "queue"', "&cs.queue"),
        ('redact "request"', "&request"),
        ('redact "zone"', 'cs.tags["region"]'),
        ('redact "main.server"', "cs.queue"),
        ('redact type "Job"', "cs.queue"),
    ],
)
def test_all_else_is_captured(redact: str, expr: str) -> None:
    assert captured(redact, expr) != "redacted"


def test_nothing_of_a_redacted_variable_is_looked_for() -> None:
    source = Source("x.sey", f'redact "request"\n{FUNCTION} {{ request }}')
    spec, _ = bind(parse(source), source, shop(), binary="shop")
    (form,) = spec.funcs[0].captures[0].forms
    assert form.types == {}
    assert isinstance(form.expr, bound.Redacted)


def test_package_level_variables_go_by_their_last_name() -> None:
    def kind_of(redact: str) -> bool:
        source = Source("x.sey", f'{redact}\nglobal "main.counter"')
        spec, _ = bind(parse(source), source, shop(), binary="shop")
        return isinstance(spec.globals[0].expr, bound.Redacted)

    assert kind_of('redact "counter"')
    assert not kind_of('redact "main*"')


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f'redact "request"\n{FUNCTION} when request == "x" {{ n }}', "SEY0341"),
        (f'redact "n"\n{FUNCTION} when len(buf[n:]) > 3 {{ u }}', "SEY0341"),
        ('redact ""', "SEY0342"),
        ('redact type "string"', "SEY0342"),
        ('redact type "main.nothing"', "SEY0343"),
        ('redact tag "nothing"', "SEY0343"),
        ('redact tag ""', "SEY0342"),
        ("redact tag " + ", ".join(f'"*{n}*{n + 1}*"' for n in range(100, 200)), "SEY0345"),
        ("redact " + ", ".join(f'"*{n}*{n + 1}*"' for n in range(100, 200)), "SEY0345"),
        ("redact request", "SEY0108"),
        ('redact kind "request"', "SEY0108"),
        ('redact "request" "other"', "SEY0108"),
    ],
)
def test_what_is_wrong_is_said(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_the_statement_has_one_form() -> None:
    text = 'redact   "a" ,\n "b"   # why\nredact type\n "main.Job"'
    assert format_spec(Source("x", text)) == 'redact "a", "b"  # why\nredact type "main.Job"\n'


PATTERNS = st.lists(st.text("aBsſkéx*", max_size=6), max_size=4)


@settings(max_examples=200)
@given(PATTERNS, st.text("aAbBsSſkK\u212aéÉx", max_size=8))
def test_the_automaton_fits_what_any_of_its_patterns_fits(patterns: list[str], text: str) -> None:
    try:
        found = automaton(patterns)
    except TooManyStatesError:
        return
    either = [".*".join(re.escape(part.casefold()) for part in pattern.split("*")) for pattern in patterns]
    assert found.matches(text.encode()) == any(re.fullmatch(each, text.casefold(), re.DOTALL) for each in either)


@pytest.mark.parametrize(
    ("pattern", "tag", "fits"),
    [
        ("sensitive", 'sensitive:"true"', True),
        ("sensitive", 'json:"x" SENSITIVE:""', True),
        ("sensitive", "sensitive", True),
        ("sensitive", 'json:"sensitive"', False),
        ("sens*", 'json:"a" sensitive', True),
        ("log:-", 'json:"x" log:"-"', True),
        ("log:-", 'json:"-" log:"x"', False),
        ("*:secret*", 'json:"secret,omitempty"', True),
        ("sensitive", UNREADABLE_TAG, True),
        ("*", "", False),
    ],
)
def test_patterns_of_tags(pattern: str, tag: str, fits: bool) -> None:
    assert Redactor(shop(), bound.Redaction(tags=(pattern,))).tag(tag) == fits


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("main.T", True),
        ("shop/a.T[int]", True),
        ("github.com/x/y.T", True),
        ("go.uber.org/zap.Logger", True),
        ("time.Time", False),
        ("time/zones.Time", True),
        ("time.v2.Time", True),
        ("sync.Pool[main.T]", False),
        ("github.com/x/y.T[time.Time]", True),
        ('struct { A int "k" }', True),
        ("struct { A int }", False),
        ("hash<string,main.T>", False),
        ("q1w2e3r4", True),
    ],
)
def test_which_structs_may_have_tags(name: str, may: bool) -> None:
    assert may_have_tags(name, shop()) == may


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("straße", "STRASSE", True),
        ("straße", "straße", True),
        ("strasse", "straße", False),
        ("İd", "i\u0307d", True),
        ("İd", "id", False),
        ("a(*b", "a(xb", True),
        ("é*", "École", True),
        ("É*", "école", True),
    ],
)
def test_names_of_the_program_are_told_as_keys_in_the_process_are(pattern: str, name: str, fits: bool) -> None:
    redactor = Redactor(shop(), bound.Redaction(names=(pattern,)))
    assert redactor.name(name) == fits


def test_an_automaton_is_bounded() -> None:
    assert len(automaton(["*password*", "*token*", "*secret*", "*credential*", "api_key"]).fits) < 60
    with pytest.raises(TooManyStatesError):
        automaton([f"*{n}*{n + 1}*{n + 2}*" for n in range(1000, 1100)])
    assert len(automaton(["a" * (MAX_STATES - 2)]).fits) == MAX_STATES
