"""What can stand at a place of a spec."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sey.frontend.bind.expressions import ELAPSED
from sey.frontend.build import LIMITS, RULES, WINDOWS
from sey.frontend.imports import library_files
from sey.frontend.layout import KEYWORDS
from sey.lsp.binaries import Binary
from sey.lsp.cursor import Cursor
from sey.lsp.facts import types_told
from sey.lsp.outline import Outline
from sey.lsp.ranking import Ranked
from sey.lsp.typing import fields_of, types_before, types_of_variable

MOST = 200
"""Candidates that are given at once; editors ask again when more is typed."""
_BUILTIN = ("len", "cap", "true", "false", "nil")


@dataclass(frozen=True)
class Candidate:
    """A text that could stand at the place; `kind` is a kind of the protocol's completion items, in lower case.

    `variable`: it is one of the function around, of which more can be told.
    """

    text: str
    kind: str
    detail: str = ""
    variable: bool = False


@dataclass(frozen=True)
class Candidates:
    """Some candidates; not `whole` where there are more."""

    found: tuple[Candidate, ...] = ()
    whole: bool = True


@dataclass(frozen=True)
class Request:
    """A place, the file that it is in, and what is known: the binaries of the spec, and what its statements name."""

    cursor: Cursor
    written: str
    folder: str
    binaries: Sequence[Binary]
    outline: Outline


def complete(request: Request) -> Candidates:
    """The candidates at a place, those that begin with what is written there first."""
    by_text: dict[str, Candidate] = {}
    for candidate in _candidates(request):
        by_text.setdefault(candidate.text, candidate)
    best = Ranked(list(by_text)).best(request.written, MOST + 1)
    return Candidates(tuple(by_text[text] for text in best[:MOST]), len(best) <= MOST)


def _candidates(request: Request) -> Iterator[Candidate]:
    if request.cursor.string:
        return _in_string(request)
    return _by_last_token(request) or _by_grammar(request)


# Inside of quotes


def _in_string(request: Request) -> Iterator[Candidate]:
    cursor = request.cursor
    match cursor.last():
        case "FUNC" | "GLOB" | "MOMENT":
            yield from _each(request, "function", lambda binary: binary.function_names)
        case "LINE" if ":" in request.written:
            file = request.written.rpartition(":")[0]
            yield from _each(request, "file", lambda binary: binary.lines_of(file))
        case "LINE":
            yield from _each(request, "file", lambda binary: binary.source_files)
        case "GLOBAL":
            yield from _each(request, "variable", lambda binary: binary.global_names)
        case "IMPORT":
            yield from (Candidate(path, "file", "sey's library") for path in library_files())
            yield from (Candidate(name, "file") for name in _specs_in(request.folder))
        case "BY" if cursor.before[-1].text == "tag":
            yield from _each(request, "property", lambda binary: binary.tag_keys)
        case "BY":
            yield from _type_names(request)
        case "TYPE" | "LPAR" if cursor.type_at >= 0 or cursor.statement not in ("FUNC", "EVENT", "GLOBAL"):
            yield from _type_names(request)
        case "NAME" if cursor.statement == "PROGRAM":
            yield from _rule_values(request, cursor.before[-1].text)


def _each(request: Request, kind: str, names: Callable[[Binary], Ranked]) -> Iterator[Candidate]:
    for binary in request.binaries:
        yield from (Candidate(name, kind) for name in names(binary).best(request.written, MOST + 1))


def _type_names(request: Request) -> Iterator[Candidate]:
    plain = request.written.lstrip("*")
    stars = request.written[: len(request.written) - len(plain)]
    for binary in request.binaries:
        yield from (Candidate(stars + name, "class") for name in binary.type_names.best(plain, MOST + 1))


def _specs_in(folder: str) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".sey"))
    except OSError:
        return []


def _rule_values(request: Request, rule: str) -> Iterator[Candidate]:
    for binary in request.binaries:
        if rule == "executable":
            yield Candidate(f"*/{Path(binary.info.path).name}", "file")
        elif rule == "module" and binary.module:
            yield Candidate(binary.module, "module")


# By the tokens before


def _by_last_token(request: Request) -> Iterator[Candidate] | None:
    """The candidates where a few tokens before the place say what stands there; None elsewhere."""
    cursor = request.cursor
    if cursor.type_at >= 0:
        return _types(request)
    match cursor.last(), cursor.statement:
        case ("AS" | "EVENT"), _:
            return iter(())
        case "PER", _:
            return (Candidate(unit, "unit") for unit in WINDOWS if "NAME" in cursor.accepted)
        case "DOT", "COLUMN":
            return iter(())
        case "DOT", _:
            return _fields(request, cursor.at - 1)
        case "IN", _:
            return (Candidate(name, "module", "program") for name in request.outline.programs)
        case "LPAR", _ if cursor.last(2) == "DOT":
            return _types(request)
        case ("COLUMN", "COLUMN") | (("COLON" | "EQUAL"), "LINK"):
            return (Candidate(t.name, "struct", t.what) for t in request.outline.tables.values())
        case _, "LINK" if cursor.bracket == "LPAR":
            table = request.outline.tables.get(cursor.before[cursor.around[-1] - 1].text)
            return (Candidate(name, "field", table.name) for name in table.columns) if table else iter(())
        case _, "PROGRAM" if cursor.around:
            return (Candidate(rule, "property", "rule") for rule in RULES if "NAME" in cursor.accepted)
        case (("LBRACE" | "INT" | "SIZE" | "COMMA"), _) if _in_limits(cursor):
            return (Candidate(name, "property", f"{low} to {high}") for name, (low, high) in LIMITS.items())
    return None


def _in_limits(cursor: Cursor) -> bool:
    if cursor.bracket != "LBRACE":
        return False
    return cursor.statement == "GLOBAL" or len(cursor.around) > 1


def _fields(request: Request, dot: int) -> Iterator[Candidate]:
    for binary in request.binaries:
        types = types_before(binary, request.cursor, dot)
        for name, (_, path) in fields_of(binary, types).items():
            yield Candidate(name, "field", binary.info.type(path[-1].type).name)


def _types(request: Request) -> Iterator[Candidate]:
    """Types as Go source names them where just one package of the binary has that name, else in quotes."""
    cursor = request.cursor
    qualifier = f"{cursor.before[-2].text}." if cursor.last() == "DOT" and cursor.last(2) == "NAME" else ""
    for binary in request.binaries:
        for short in binary.source_names.best(qualifier + request.written, MOST + 1):
            full = binary.types_by_source_name[short]
            if qualifier and not short.startswith(qualifier):
                continue
            if len(full) == 1:
                yield Candidate(short.removeprefix(qualifier), "class", full[0])
            elif not qualifier:
                yield from (Candidate(f'"{name}"', "class", name) for name in full)


# By the grammar


def _by_grammar(request: Request) -> Iterator[Candidate]:
    cursor = request.cursor
    if "NAME" in cursor.accepted:
        yield from _names(request)
    words = (word for word, terminal in KEYWORDS if terminal in cursor.accepted)
    yield from (Candidate(word, "keyword") for word in words)


def _names(request: Request) -> Iterator[Candidate]:
    cursor = request.cursor
    if cursor.statement == "TYPE" and cursor.around:
        yield from _fields(request, cursor.at)
    function = cursor.function
    if function is None or (not cursor.around and "WHEN" not in {t.type for t in cursor.before[cursor.statement_at :]}):
        return
    for binary in request.binaries:
        scope = binary.scope(*function)
        for name in scope.names() if scope else ():
            detail = types_told(types_of_variable(binary, scope, name)) if scope else ""
            yield Candidate(name, "variable", detail, variable=True)
        if scope and scope.elapsed:
            yield Candidate(ELAPSED, "keyword", "time.Duration: how long the call took")
    yield from (Candidate(word, "keyword") for word in _BUILTIN)
