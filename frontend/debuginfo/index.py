"""The index of a binary: every function, type and package-level variable by name, and where its entry is.

Kept as flat arrays and texts, so that loading one from disk costs no work per name. Offsets are into `.debug_info`,
addresses link-time ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sey.frontend.debuginfo.data import DamageError
from sey.frontend.debuginfo.model import Range, TypeId
from sey.frontend.debuginfo.names import is_defined_type, source_name, stack_name
from sey.frontend.debuginfo.scan import Harvest

I64Array = npt.NDArray[np.int64]

_MAX_ADDRESS = 1 << 62


class Place(NamedTuple):
    """Where code of a function is: the entry of the body, and the out-of-line function around it."""

    die: int
    linkage: str
    physical_die: int
    physical: Range
    container: str
    """Linkage name of the out-of-line function."""


@dataclass(frozen=True, eq=False)
class Index:
    """Columns; see `TEXTS` and `ARRAYS` for their names. Texts hold one name a line.

    `functions` are stack-trace names, sorted; function f has the linkage names `linkage_first[f]` up to
    `linkage_first[f + 1]` of `linkages`; linkage l the bodies `body_first[l]` up to `body_first[l + 1]`, which are an
    entry and the number of an out-of-line function in the `physical_` columns. `name_die[l]` has the name.
    `types` are sorted; `runtime_offset` is sorted too. `globals` are sorted.
    """

    texts: Mapping[str, bytes]
    arrays: Mapping[str, I64Array]

    @cached_property
    def functions(self) -> Sequence[str]:
        """Stack-trace names, sorted."""
        return _lines(self.texts["functions"])

    @cached_property
    def linkages(self) -> Sequence[str]:
        """DWARF's own names of functions, in the order of `functions`."""
        return _lines(self.texts["linkages"])

    @cached_property
    def types(self) -> Sequence[str]:
        """Names of all types, sorted."""
        return _lines(self.texts["types"])

    @cached_property
    def defined_types(self) -> Sequence[str]:
        """Names of predeclared and defined types, sorted, each once."""
        return [name for name in dict.fromkeys(self.types) if is_defined_type(name)]

    @cached_property
    def globals(self) -> Sequence[str]:
        """Names of package-level variables, sorted."""
        return _lines(self.texts["globals"])

    def linkages_of(self, name: str) -> range:
        """Numbers of the linkage names of a function by stack-trace name; empty where there is none."""
        function = _find(self.functions, name)
        if function is None:
            return range(0)
        first = self.arrays["linkage_first"]
        return range(int(first[function]), int(first[function + 1]))

    def name_die(self, linkage: int) -> int:
        """The entry that has a function's name, declaration and parameters."""
        return int(self.arrays["name_die"][linkage])

    def body_count(self, linkages: range) -> int:
        """How many places hold code of the functions with these linkage names."""
        first = self.arrays["body_first"]
        return int(first[linkages.stop] - first[linkages.start]) if linkages else 0

    def places(self, linkage: int) -> list[Place]:
        """Every place that holds code of a function."""
        first, columns = self.arrays["body_first"], self.arrays
        bodies = slice(int(first[linkage]), int(first[linkage + 1]))
        found = list[Place]()
        for die, physical in zip(*(columns[c][bodies].tolist() for c in ("body_die", "body_physical")), strict=True):
            range_ = Range(int(columns["physical_lo"][physical]), int(columns["physical_hi"][physical]))
            container = self.linkages[int(columns["physical_linkage"][physical])]
            found.append(Place(die, self.linkages[linkage], int(columns["physical_die"][physical]), range_, container))
        return found

    def physical_die(self, die: int, physical: Range) -> int | None:
        """The entry of the out-of-line function at `physical` that holds the body with entry `die`, or None."""
        columns = self.arrays
        same = (columns["physical_lo"] == physical.lo) & (columns["physical_hi"] == physical.hi)
        found = [int(d) for d in columns["physical_die"][same] if int(d) <= die]
        return max(found, default=None)

    def find_type(self, name: str) -> TypeId | None:
        """The type of that name, or None. Of several the one that Go's runtime knows."""
        first = bisect_left(self.types, name)
        last = first
        while last < len(self.types) and self.types[last] == name:
            last += 1
        found = range(first, last)
        best = max(found, key=lambda i: int(self.arrays["type_runtime"][i]) != 0, default=None)
        return None if best is None else int(self.arrays["type_die"][best])

    def find_global(self, name: str) -> tuple[TypeId, int] | None:
        """Type and address of the package-level variable of that name, or None."""
        found = _find(self.globals, name)
        if found is None:
            return None
        return int(self.arrays["global_type"][found]), int(self.arrays["global_address"][found])

    def types_by_runtime_offset(self, offsets: Iterable[int]) -> dict[int, TypeId]:
        """Types by DW_AT_go_runtime_type; offsets that no type has are left out."""
        known, dies = self.arrays["runtime_offset"], self.arrays["runtime_die"]
        wanted = np.array([o for o in dict.fromkeys(offsets) if 0 < o < _MAX_ADDRESS], dtype=np.int64)
        if not len(known) or not len(wanted):
            return {}
        at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        hit = known[at] == wanted
        return dict(zip(wanted[hit].tolist(), dies[at[hit]].tolist(), strict=True))


TEXTS = ("functions", "linkages", "types", "globals")
ARRAYS = (
    *("linkage_first", "name_die", "body_first", "body_die", "body_physical"),
    *("physical_die", "physical_lo", "physical_hi", "physical_linkage"),
    *("type_die", "type_runtime", "runtime_offset", "runtime_die", "global_type", "global_address"),
)


def build_index(harvest: Harvest) -> Index:
    """Sort and cross-link what the scan found. Raises DamageError where references lead nowhere."""
    texts: dict[str, bytes] = {}
    arrays: dict[str, I64Array] = {}
    _functions(harvest, texts, arrays)
    _types(harvest, texts, arrays)
    variables = sorted(
        {(source_name(_text(name)), kind, at) for name, kind, at in harvest.variables if at < _MAX_ADDRESS}
    )
    texts["globals"] = _join([name for name, _, _ in variables])
    arrays["global_type"] = _array([kind for _, kind, _ in variables])
    arrays["global_address"] = _array([at for _, _, at in variables])
    return Index(texts, arrays)


def _functions(harvest: Harvest, texts: dict[str, bytes], arrays: dict[str, I64Array]) -> None:
    used = {*(p[1] for p in harvest.physical), *harvest.origins}
    _check_functions(harvest, used)
    names = {die: _text(harvest.named[die]) for die in used}
    linkages = sorted({(stack_name(name), name) for name in names.values()})
    numbers = {name: number for number, (_, name) in enumerate(linkages)}
    linkage_of = {die: numbers[names[die]] for die in used}
    name_die = {linkage_of[die]: die for die in sorted(used, reverse=True)}
    starts = [i for i, (stack, _) in enumerate(linkages) if i == 0 or linkages[i - 1][0] != stack]
    texts["functions"] = _join([linkages[i][0] for i in starts])
    texts["linkages"] = _join([name for _, name in linkages])
    arrays["linkage_first"] = _array([*starts, len(linkages)])
    arrays["name_die"] = _array([name_die[number] for number in range(len(linkages))])
    arrays["physical_die"] = _array([p[0] for p in harvest.physical])
    arrays["physical_lo"] = _array([p[2] for p in harvest.physical])
    arrays["physical_hi"] = _array([p[3] for p in harvest.physical])
    arrays["physical_linkage"] = _array([linkage_of[p[1]] for p in harvest.physical])
    inlined = _array([linkage_of[origin] for origin in harvest.origins])
    linkage = np.concatenate((arrays["physical_linkage"], inlined))
    order = np.argsort(linkage, kind="stable")
    arrays["body_first"] = np.searchsorted(linkage[order], np.arange(len(linkages) + 1)).astype(np.int64)
    arrays["body_die"] = np.concatenate((arrays["physical_die"], _array(harvest.inlined)))[order]
    physical = np.arange(len(harvest.physical), dtype=np.int64)
    arrays["body_physical"] = np.concatenate((physical, _array(harvest.holders)))[order]


def _check_functions(harvest: Harvest, used: set[int]) -> None:
    lost = sorted(used - harvest.named.keys())
    if lost:
        raise DamageError(f".debug_info at {lost[0]:#x}", "code refers to this as its function, but it is none")
    for die, _, lo, hi in harvest.physical:
        if not 0 <= lo <= hi < _MAX_ADDRESS:
            raise DamageError(f".debug_info at {die:#x}", f"a function from {lo:#x} to {hi:#x}")


def _types(harvest: Harvest, texts: dict[str, bytes], arrays: dict[str, I64Array]) -> None:
    types = sorted((source_name(_text(name)), die, runtime) for name, die, runtime in harvest.types)
    texts["types"] = _join([name for name, _, _ in types])
    arrays["type_die"] = _array([die for _, die, _ in types])
    arrays["type_runtime"] = _array([runtime if runtime < _MAX_ADDRESS else 0 for _, _, runtime in types])
    order = np.argsort(arrays["type_runtime"], kind="stable")
    order = order[arrays["type_runtime"][order] > 0]
    arrays["runtime_offset"], arrays["runtime_die"] = arrays["type_runtime"][order], arrays["type_die"][order]


def _text(name: bytes) -> str:
    # A newline separates names in the index; no Go name has one.
    return name.decode("utf-8", "replace").replace("\n", "\\n")


def _join(names: list[str]) -> bytes:
    return "\n".join(names).encode("utf-8", "replace")


def _lines(text: bytes) -> list[str]:
    return text.decode("utf-8").split("\n") if text else []


def _array(values: list[int]) -> I64Array:
    return np.array(values, dtype=np.int64)


def _find(names: Sequence[str], name: str) -> int | None:
    at = bisect_left(names, name)
    return at if at < len(names) and names[at] == name else None
