"""The binaries that specs are checked against: which, and what is known of each, kept while the file stays the same."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sey.binary.errors import Problem, SeyError
from sey.frontend import globs
from sey.frontend.bind.assertions import as_in_source
from sey.frontend.bind.events import scope_at, scope_of
from sey.frontend.bind.scope import FunctionScope
from sey.frontend.bind.spec import MAX_FUNCTIONS
from sey.frontend.bound import Moment
from sey.frontend.debuginfo.model import UNREADABLE_TAG
from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info
from sey.frontend.debuginfo.sourcelines import LineTarget, NoCode, find_line
from sey.frontend.diagnostics.nearest import Names
from sey.frontend.redaction import tag_parts
from sey.lsp.problems import NoSuchBinary
from sey.lsp.ranking import Ranked

_COMPILER_MADE = ("go.shape.", "map.", "hash<", "noalg.", "groupReference<", "table<")
_MOST = 8
"""Binaries that one spec is checked against."""
_MOST_BODIES = 64
"""Places of a function's code that are looked at for its variables: some are inlined in thousands, 2 ms each."""
_KEPT = 8
"""Binaries that are kept open."""
_COMMENT = re.compile(r"#\s*binary\s*:(.*)")


@dataclass
class Binary:
    """An opened binary. `module` is its main module's path."""

    info: BinaryDebugInfo
    module: str | None
    _scopes: dict[tuple[str, bool, Moment | None], FunctionScope] = field(default_factory=dict)

    @cached_property
    def functions(self) -> list[str]:
        """The functions that a spec may name, sorted."""
        return globs.written_by_people(self.info.function_names())

    @cached_property
    def spellings(self) -> Names:
        """The functions, for being misspelled."""
        return Names(self.functions)

    @cached_property
    def function_names(self) -> Ranked:
        """Them, for completion."""
        return Ranked(self.functions)

    @cached_property
    def global_names(self) -> Ranked:
        """The package-level variables."""
        return Ranked(list(self.info.global_names()))

    @cached_property
    def tag_keys(self) -> Ranked:
        """Keys of tags of fields, where Go describes them to its runtime."""
        parts = {part for tag in self.info.runtime_types.tags for part in tag_parts(tag)}
        return Ranked(sorted(part for part in parts if ":" not in part and part != UNREADABLE_TAG))

    @cached_property
    def type_names(self) -> Ranked:
        """The whole names of the types that a spec may name."""
        return Ranked([name for full in self.types_by_source_name.values() for name in full])

    @cached_property
    def source_names(self) -> Ranked:
        """Types as Go source names them."""
        return Ranked(list(self.types_by_source_name))

    @cached_property
    def types_by_source_name(self) -> dict[str, list[str]]:
        """The whole names of the types that a spec may name, by how Go source names each."""
        found: dict[str, list[str]] = {}
        for name in self.info.type_names():
            if not name.startswith(_COMPILER_MADE):
                found.setdefault(as_in_source(name), []).append(name)
        return found

    @cached_property
    def source_files(self) -> Ranked:
        """Go files by the ends of their paths, with a folder at least and as long as it takes to tell them apart."""
        paths = [path.split("/") for path in self.info.source_files() if path.endswith(".go")]
        short: list[str] = []
        for length in range(2, 2 + max(map(len, paths), default=0)):
            ends = Counter("/".join(path[-length:]) for path in paths)
            short += [end for end, count in ends.items() if count == 1]
            paths = [path for path in paths if ends["/".join(path[-length:])] > 1]
        return Ranked(sorted(f"{end}:" for end in short))

    def lines_of(self, path: str) -> Ranked:
        """The lines of a file that have code, as events name them: `server/auth.go:120`."""
        found = find_line(self.info, f"{path}:1")
        if not isinstance(found, LineTarget | NoCode):
            return Ranked([])
        return Ranked([f"{path}:{line}" for line in sorted(self.info.statements(found.file))])

    def scope(self, function: str, is_glob: bool, moment: Moment | None = None) -> FunctionScope | None:
        """The variables of a function, or of those that fit a pattern, that can be named at a moment; None where there
        is none, or too many fit.

        Not all of its code is looked at, but always the same.
        """
        key = (function, is_glob, moment)
        if moment is Moment.LINE and key not in self._scopes:
            line = find_line(self.info, function) if function.rpartition(":")[2].isdecimal() else None
            if not isinstance(line, LineTarget):
                return None
            self._scopes[key] = scope_at(self.info, function, line)
        if key not in self._scopes:
            named = list(globs.matching(self.functions, function)) if is_glob else [function]
            if len(named) > MAX_FUNCTIONS or not any(self.info.function(name) for name in named):
                return None
            self._scopes[key] = scope_of(self.info, function, named, moment, _MOST_BODIES)
        return self._scopes[key]


_Stamp = tuple[int, ...]


class Binaries:
    """Opens binaries, each once for as long as its file isn't written."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[_Stamp, Binary | SeyError]] = {}

    def open(self, path: str) -> Binary:
        """What is known of a binary. Raises SeyError."""
        stamp = _stamp(path)
        kept = self._kept.pop(path, None)
        if kept is None or kept[0] != stamp:
            kept = (stamp, _opened(path))
        self._kept[path] = kept  # the last one used
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        if isinstance(kept[1], SeyError):
            raise kept[1]
        return kept[1]

    def changed(self) -> bool:
        """Whether the file of any that was opened is another by now; such are forgotten."""
        gone = [path for path, (stamp, _) in list(self._kept.items()) if _stamp(path) != stamp]
        for path in gone:
            self._kept.pop(path, None)
        return bool(gone)


def _stamp(path: str) -> _Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _opened(path: str) -> Binary | SeyError:
    try:
        info = open_debug_info(path)
    except SeyError as error:
        return error
    return Binary(info, info.binary.build.module)


@dataclass(frozen=True)
class Choice:
    """The paths of the binaries of a spec, and those named that aren't there."""

    paths: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def named_in(text: str) -> tuple[str, ...]:
    """The binaries that the comments at the top of a spec name: `# binary: ./bin/shop, ./bin/depot`."""
    found: list[str] = []
    for line in text[:4096].split("\n"):
        if line.strip() and not line.lstrip().startswith("#"):
            break
        comment = _COMMENT.match(line.strip())
        found += [word.strip() for word in comment[1].split(",")] if comment else []
    return tuple(word for word in found if word)


def choose(patterns: Sequence[str], folders: Sequence[str], where: str) -> Choice:
    """The binaries that patterns name, each relative to the first of the folders that has any.

    `where` says who named them.
    """
    paths: dict[str, None] = {}
    problems: list[Problem] = []
    for pattern in patterns:
        found = _files(pattern, folders)
        paths |= dict.fromkeys(found)
        if not found:
            problems.append(NoSuchBinary(pattern, where))
    return Choice(tuple(paths)[:_MOST], tuple(problems))


def _files(pattern: str, folders: Sequence[str]) -> list[str]:
    pattern = os.path.expanduser(pattern)
    for folder in folders:
        path = os.path.join(folder, pattern)
        if "\0" not in path and (found := [f for f in (path, *sorted(glob.glob(path))) if os.path.isfile(f)]):
            return list(dict.fromkeys(os.path.normpath(f) for f in found))
    return []
