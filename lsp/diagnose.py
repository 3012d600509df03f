"""Problems as the diagnostics of the protocol, by the file that each is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from lsprotocol import types

from sey.binary.errors import Problem
from sey.frontend.diagnostics.base import Severity, SpannedProblem
from sey.frontend.diagnostics.render import printable, severity
from sey.frontend.source import Source, Span
from sey.lsp.check import Found
from sey.lsp.text import Lines

Uri = Callable[[Source], str]
_SEVERITIES = {Severity.ERROR: types.DiagnosticSeverity.Error, Severity.WARNING: types.DiagnosticSeverity.Warning}
_TOP = types.Range(types.Position(0, 0), types.Position(0, 0))


class Places:
    """Spans of a source with all its imports as places of the protocol. `uri` gives a file's."""

    def __init__(self, source: Source, uri: Uri, encoding: str) -> None:
        self._files = list(source.based())
        self._source = source
        self._uri = uri
        self._lines = cache(lambda number: Lines(self._files[number][1].text, encoding))

    def location(self, span: Span) -> types.Location:
        """A span, as far as it is in the file where it begins; never empty where a character follows it there."""
        number = self._source.place(span.start).file
        base, file = self._files[number]
        start = min(span.start - base, len(file.text))
        end = max(min(span.end - base, len(file.text)), start)
        if end == start and file.text[start : start + 1] not in ("", "\n"):
            end += 1
        lines: Lines = self._lines(number)
        corners = (types.Position(*lines.position(start)), types.Position(*lines.position(end)))
        return types.Location(self._uri(file), types.Range(*corners))


def diagnostics(found: Sequence[Found], root: str, uri: Uri, encoding: str) -> dict[str, list[types.Diagnostic]]:
    """The diagnostics of each file by its URI. What has no place is said at the top of the file `root`."""
    by_file: dict[str, list[types.Diagnostic]] = {root: []}
    places: dict[int, Places] = {}
    for one in found:
        problem, source = one.problem, one.source
        where, related = types.Location(root, _TOP), None
        if isinstance(problem, SpannedProblem) and source is not None:
            place = places.setdefault(id(source), Places(source, uri, encoding))
            where = place.location(problem.span)
            related = [
                types.DiagnosticRelatedInformation(place.location(other.span), printable(other.text))
                for other in problem.related()
            ]
        diagnostic = types.Diagnostic(
            range=where.range,
            message=_message(problem, one.binaries),
            severity=_SEVERITIES[severity(problem)],
            code=problem.code,
            source="sey",
            related_information=related or None,
        )
        by_file.setdefault(where.uri, []).append(diagnostic)
    return by_file


def _message(problem: Problem, binaries: Sequence[str]) -> str:
    """What the command line says, in its order: the sentence, notes, help."""
    advice = problem.advice()
    notes = [*problem.notes(), *([f"of {', '.join(binaries)} only"] if binaries else [])]
    lines = [problem.message(), *(f"note: {note}" for note in notes), *([f"help: {advice}"] if advice else [])]
    return "\n".join(printable(line) for line in lines)
