"""The written contract is true: every example of spec/language.md, and spec/diagnostics.md as a whole."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import sey
from sey.binary.errors import Problem, catalogue
from sey.frontend.bind import bind
from sey.frontend.build import CLAUSES, DURATIONS, LIMITS, WINDOWS
from sey.frontend.diagnostics import Severity, SpannedProblem, SpecError
from sey.frontend.fmt import format_spec
from sey.frontend.layout import MAX_DEPTH
from sey.frontend.parser import MAX_BYTES, parse
from sey.frontend.source import Source
from tests.language.fakeinfo import shop

SPEC = Path(__file__).parents[2] / "spec"
LANGUAGE = (SPEC / "language.md").read_text()
EXAMPLES = re.findall(r"^```sey *(.*?)\n(.*?)^```$", LANGUAGE, re.MULTILINE | re.DOTALL)


def _errors(text: str) -> list[str]:
    source = Source("example.sey", text)
    try:
        bind(parse(source), source, shop(), binary="shop-server")
    except SpecError as error:
        spanned = [p for p in error.problems if isinstance(p, SpannedProblem)]
        return [p.code for p in spanned if p.effective_severity is Severity.ERROR]
    return []


@pytest.mark.parametrize(("codes", "text"), EXAMPLES, ids=lambda value: value.split("\n")[0][:40])
def test_example_is_right_or_wrong_as_the_document_says(codes: str, text: str) -> None:
    assert sorted(_errors(text)) == sorted(codes.split())


@pytest.mark.parametrize("text", [text for codes, text in EXAMPLES if "SEY01" not in codes])
def test_examples_can_be_formatted(text: str) -> None:
    source = Source("example.sey", text)
    assert parse(Source("example.sey", format_spec(source))) == parse(source)


def test_the_document_has_examples_of_every_statement() -> None:
    text = "\n".join(text for _, text in EXAMPLES)
    for word in ("program", "func", "event", "global", "table", "column", "type", "context", "redact"):
        assert re.search(rf"^{word} ", text, re.MULTILINE)


def test_the_document_states_the_bounds_of_the_code() -> None:
    assert f"at most {MAX_BYTES >> 10} KiB" in LANGUAGE
    assert f"depth of {MAX_DEPTH}" in LANGUAGE
    for name, (low, high) in LIMITS.items():
        shown = f"{high >> 10}KiB" if name == "max_string" else str(high)
        assert re.search(rf"^\| `{name}` \|.*\| {low} \| {shown} \|$", LANGUAGE, re.MULTILINE), name


def test_the_document_states_the_bounds_of_events() -> None:
    for name, (low, high) in CLAUSES.items():
        assert re.search(rf"^\| `{name} [^`]*`.*\| {low} \| {high} \|$", LANGUAGE, re.MULTILINE), name
    assert all(f"`{unit}`" in LANGUAGE for unit in WINDOWS)
    low, high = DURATIONS["for"]
    assert f"| {low // WINDOWS['ms']}ms | {high // WINDOWS['h']}h |" in LANGUAGE


def _everything_is_imported() -> None:
    for module in pkgutil.walk_packages(sey.__path__, "sey."):
        importlib.import_module(module.name)


def _section(kind: type[Problem]) -> str:
    text = re.sub(r"\s+", " ", inspect.cleandoc(kind.__doc__ or "")).strip()
    lines = [f"## {kind.code}", "", f"> {kind.title}"]
    if text and not text.startswith(f"{kind.__name__}("):  # else it is only the signature that `dataclass` puts there
        lines += ["", text]
    if kind.help:
        lines += ["", f"What to do: {kind.help.replace('{{', '{').replace('}}', '}')}"]
    return "\n".join(lines) + "\n"


HEAD = """\
# Diagnostics

Everything that a user can cause has a code that stays the same from release to release. This list is generated from
the catalogue (`pytest tests/language/test_documents.py --update-goldens`); words in braces are filled in.

| codes | about |
|---|---|
| SEY01xx | syntax of specs |
| SEY02xx | names in specs |
| SEY03xx | types in specs |
| SEY04xx | debug information and binaries |
| SEY05xx | compiling, backends, the kernel's verifier |
| SEY06xx | host and process: kernel, privileges, pausing |
| SEY07xx | files: bundles, captures, cores, output |
| SEY08xx | queries |
| SEY09xx | bugs of sey |

`--format json` gives an array of objects with `code`, `severity` (`error` or `warning`), `message`, `path`, `line`,
`column`, `end_line`, `end_column` (characters, from 1, ends exclusive; null where there is no place), `notes` (strings)
and `help` (a string or null).
"""


def test_diagnostics_are_documented(golden: Callable[[Path, str], None]) -> None:
    _everything_is_imported()
    kinds = [kind for _, kind in sorted(catalogue().items())]
    golden(SPEC / "diagnostics.md", "\n".join([HEAD, *(_section(kind) for kind in kinds)]))


def test_every_problem_of_the_language_says_what_it_is() -> None:
    _everything_is_imported()
    for code, kind in catalogue().items():
        if code < "SEY04":
            assert kind.__doc__, code
            assert not kind.__doc__.startswith(f"{kind.__name__}("), f"{code} has only the docstring of a dataclass"
