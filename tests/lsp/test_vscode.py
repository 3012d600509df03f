"""The extension for VS Code: what it says of the language is true, and its grammar can be read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from sey.frontend.build import LIMITS, RULES
from sey.frontend.layout import KEYWORDS
from sey.lsp.serve import binaries_in
from tests.support.gobuild import ROOT

FOLDER = ROOT / "editors" / "vscode"
GRAMMAR: dict[str, Any] = json.loads((FOLDER / "syntaxes" / "sey.tmLanguage.json").read_text())
PACKAGE: dict[str, Any] = json.loads((FOLDER / "package.json").read_text())


def expressions(node: Any) -> Iterator[str]:
    match node:
        case dict():
            for key, value in node.items():
                if key in ("match", "begin", "end"):
                    yield value
                else:
                    yield from expressions(value)
        case list():
            for value in node:
                yield from expressions(value)


def includes(node: Any) -> Iterator[str]:
    match node:
        case dict():
            yield from (value for key, value in node.items() if key == "include")
            for value in node.values():
                yield from includes(value)
        case list():
            for value in node:
                yield from includes(value)


def test_the_grammar_has_every_word_of_the_language() -> None:
    words = {word for text in expressions(GRAMMAR) for word in re.findall(r"[a-z_]+", text)}
    assert {*(word for word, _ in KEYWORDS), *LIMITS, *RULES, "true", "false", "nil", "len", "cap"} <= words


def test_expressions_compile_and_parts_exist() -> None:
    for text in expressions(GRAMMAR):
        re.compile(text)
    known = {f"#{name}" for name in GRAMMAR["repository"]} | {"source.sql"}
    assert set(includes(GRAMMAR)) <= known


def test_statements_are_told_from_names() -> None:
    statement = GRAMMAR["repository"]["statement"]["patterns"][0]["match"]
    assert re.match(statement, 'func glob "main.*" { }')
    assert re.match(statement, "type main.T { x }")
    told = re.match(statement, 'redact tag "sensitive"')
    assert told
    assert told.groups() == ("redact", "tag")
    assert not re.match(statement, "functions")


def test_files_that_the_package_names_exist_and_are_json() -> None:
    (language,) = PACKAGE["contributes"]["languages"]
    assert language["extensions"] == [".sey"]
    settings = json.loads((FOLDER / language["configuration"]).read_text())
    assert settings["comments"]["lineComment"] == "#"
    (grammar,) = PACKAGE["contributes"]["grammars"]
    assert (grammar["scopeName"], grammar["language"]) == (GRAMMAR["scopeName"], language["id"])
    assert (FOLDER / grammar["path"]).exists()
    assert (FOLDER / PACKAGE["main"]).exists()


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ({"binaries": ["a", "b", 3]}, ("a", "b")),
        ({"sey": {"binaries": "a"}}, ("a",)),
        ({"settings": {"sey": {"binaries": []}}}, ()),
        ({"sey.binaries": ["a"]}, ("a",)),
        ({"other": 1}, None),
        (None, None),
        ([1], None),
    ],
)
def test_settings_in_the_forms_that_editors_send(sent: Any, taken: Any) -> None:
    assert binaries_in(sent) == taken


def test_the_client_is_javascript() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    subprocess.run([node, "--check", str(FOLDER / PACKAGE["main"])], check=True)
