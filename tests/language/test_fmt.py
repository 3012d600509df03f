"""`sey fmt`: the canonical style, and that it changes nothing but the style."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from sey.frontend.fmt import format_spec
from sey.frontend.parser import parse
from sey.frontend.source import Source
from tests.language.specgen import spec_texts

GOLDEN = Path(__file__).parent / "golden" / "fmt"


def formatted(text: str) -> str:
    return format_spec(Source("x.sey", text))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.before")), ids=lambda path: path.stem)
def test_the_style(path: Path, golden: Callable[[Path, str], None]) -> None:
    text = formatted(path.read_text())
    golden(path.with_suffix(".after"), text)
    assert formatted(text) == text


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spec_texts())
def test_formatting_keeps_the_meaning_and_is_stable(text: str) -> None:
    before = parse(Source("x.sey", text))
    after_text = formatted(text)
    after = parse(Source("x.sey", after_text))
    assert after == before
    assert formatted(after_text) == after_text


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spec_texts())
def test_no_comment_is_lost(text: str) -> None:
    before = Counter(c.text for c in parse(Source("x.sey", text)).comments)
    after = Counter(c.text for c in parse(Source("x.sey", formatted(text))).comments)
    assert after == before


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spec_texts())
def test_lines_are_clean(text: str) -> None:
    result = formatted(text)
    assert result == "" or result.endswith("\n")
    assert not result.startswith("\n")
    if "`two\nlines`" not in text and '"""' not in text:
        assert "\n\n\n" not in result
        assert all(line == line.rstrip() for line in result.splitlines())


def test_an_empty_spec_stays_empty() -> None:
    assert formatted("") == ""
    assert formatted("\n\n  \n") == ""
    assert formatted("# only this") == "# only this\n"
