"""Source text and positions in it. A spec and what it imports are one range of offsets, file after file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple


class Span(NamedTuple):
    """A half-open range of character offsets in one source."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The range from the start of this one to the end of `other`."""
        return Span(self.start, other.end)

    def moved(self, by: int) -> Span:
        """The range that many characters further."""
        return Span(self.start + by, self.end + by)


class Place(NamedTuple):
    """A place in one file of a source: the file's number (0: the spec itself), line and column, both from 1."""

    file: int
    line: int
    column: int


@dataclass(frozen=True)
class Source:
    """A spec's text under the name that diagnostics show (its path, or `<command line>`), and what it imports.

    `imports`: the files it leads to, directly or not, each once. Their offsets follow on those of `text`, with one
    between files, so that a span tells its file. `library`: it came with sey.
    """

    path: str
    text: str
    imports: tuple[Source, ...] = ()
    library: bool = False

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(i + 1 for i, c in enumerate(self.text) if c == "\n")]

    @cached_property
    def files(self) -> tuple[Source, ...]:
        """The spec itself, and then what it imports."""
        return (self, *self.imports)

    @cached_property
    def _bases(self) -> list[int]:
        bases = [0]
        for file in self.files[:-1]:
            bases.append(bases[-1] + len(file.text) + 1)
        return bases

    def based(self) -> Iterator[tuple[int, Source]]:
        """Each file with the offset of its first character."""
        return zip(self._bases, self.files, strict=True)

    def place(self, offset: int) -> Place:
        """Where an offset is."""
        number = bisect_right(self._bases, offset) - 1
        starts = self.files[number]._line_starts
        at = offset - self._bases[number]
        line = bisect_right(starts, at)
        return Place(number, line, at - starts[line - 1] + 1)

    def file_at(self, offset: int) -> Source:
        """The file that an offset is in."""
        return self.files[self.place(offset).file]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1 and counted in characters, of an offset in its file."""
        return self.place(offset)[1:]

    def line(self, number: int) -> str:
        """The text of line `number` (from 1) of the spec itself, without its newline."""
        start = self._line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]
