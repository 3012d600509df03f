"""Many sorted names as one text, found without making a string of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.integer]


class Texts(Sequence[str]):
    """UTF-8 names, one a line, in the order of their code points; `starts` is where each begins in `text`.

    `starts` has one number more than there are names: the one that follows the last, as if that were a line too.
    """

    def __init__(self, text: bytes | memoryview, starts: Offsets) -> None:
        self.text = text
        self.starts = starts

    def __len__(self) -> int:
        return len(self.starts) - 1

    def raw(self, number: int) -> bytes:
        """A name's bytes."""
        return bytes(self.text[int(self.starts[number]) : int(self.starts[number + 1]) - 1])

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        return self.raw(number % len(self)).decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return iter(self.all())

    def all(self) -> list[str]:
        """All names."""
        return str(self.text, "utf-8").split("\n") if len(self) else []

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

    def __eq__(self, other: object) -> bool:
        return self.all() == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def first(self, name: str) -> int:
        """The number of the first name that isn't less."""
        # UTF-8 orders as code points do, so bytes are compared. A lone surrogate is in no name.
        wanted, low, high = name.encode("utf-8", "surrogatepass"), 0, len(self)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.raw(middle) < wanted else (low, middle)
        return low

    def find(self, name: str) -> int | None:
        """The number of the first name that is this one, or None."""
        at = self.first(name)
        return at if at < len(self) and self[at] == name else None

    def run(self, name: str) -> range:
        """The numbers of all names that are this one."""
        first = last = self.first(name)
        while last < len(self) and self[last] == name:
            last += 1
        return range(first, last)


def cleaned(names: list[bytes], change: Callable[[str], str] | None = None, mark: bytes = b"") -> list[bytes]:
    """Names as UTF-8 without line ends, which separate them in a text; no Go name has one.

    `change` is what becomes of those that have `mark` in them.
    """
    whole = b"\n".join(names)
    proper = whole.count(b"\n") == max(len(names) - 1, 0) and _is_utf8(whole)
    if proper:
        marked = change is not None and mark in whole
        return [_clean(name, change) if mark in name else name for name in names] if marked else names
    return [_clean(name, change if change and mark in name else None) for name in names]


def _is_utf8(raw: bytes) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _clean(name: bytes, change: Callable[[str], str] | None) -> bytes:
    text = name.decode("utf-8", "replace")
    return (change(text) if change else text).replace("\n", "\\n").encode("utf-8", "replace")


def joined(names: Sequence[bytes]) -> tuple[bytes, npt.NDArray[np.int64]]:
    """The text of names that are sorted and clean, and where each begins."""
    lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names))
    return b"\n".join(names), np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths + 1)))
