"""The index of a binary: every function, type and package-level variable by name, and where its entry is.

Kept as flat arrays and texts, so that loading one from disk costs no work per name. Offsets are into `.debug_info`,
addresses link-time ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sey.frontend.debuginfo.data import DamageError
from sey.frontend.debuginfo.harvest import Harvest, U64Array
from sey.frontend.debuginfo.model import Range, TypeId
from sey.frontend.debuginfo.names import is_defined_type, source_name, stack_name
from sey.frontend.debuginfo.texts import Texts, cleaned, joined

Column = npt.NDArray[np.integer]

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
    """Columns; see `TEXTS` and `ARRAYS` for their names. Texts hold one name a line; `NAME_starts` is where
    each begins.

    `functions` are stack-trace names, sorted; function f has the linkage names `linkage_first[f]` up to
    `linkage_first[f + 1]` of `linkages`; linkage l the bodies `body_first[l]` up to `body_first[l + 1]`, which are an
    entry and the number of an out-of-line function in the `physical_` columns. `name_die[l]` has the name.
    `types` are sorted; `runtime_offset` is sorted too. `globals` are sorted. `units` are six numbers for each unit.
    """

    texts: Mapping[str, bytes | memoryview]
    arrays: Mapping[str, Column]

    def _texts(self, name: str) -> Texts:
        return Texts(self.texts[name], self.arrays[f"{name}_starts"])

    @cached_property
    def functions(self) -> Texts:
        """Stack-trace names, sorted."""
        return self._texts("functions")

    @cached_property
    def linkages(self) -> Texts:
        """DWARF's own names of functions, in the order of `functions`."""
        return self._texts("linkages")

    @cached_property
    def types(self) -> Texts:
        """Names of all types, sorted."""
        return self._texts("types")

    @cached_property
    def defined_types(self) -> Sequence[str]:
        """Names of predeclared and defined types, sorted, each once."""
        return [name for name in dict.fromkeys(self.types) if is_defined_type(name)]

    @cached_property
    def globals(self) -> Texts:
        """Names of package-level variables, sorted."""
        return self._texts("globals")

    @property
    def units(self) -> Column:
        """All units: see `Harvest.unit_rows`."""
        return self.arrays["units"].reshape(-1, 6)

    def linkages_of(self, name: str) -> range:
        """Numbers of the linkage names of a function by stack-trace name; empty where there is none."""
        function = self.functions.find(name)
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
        best = max(self.types.run(name), key=lambda i: int(self.arrays["type_runtime"][i]) != 0, default=None)
        return None if best is None else int(self.arrays["type_die"][best])

    @cached_property
    def runtime_names(self) -> dict[int, str]:
        """Names of types by DW_AT_go_runtime_type."""
        return {at: name for at, name in zip(self.arrays["type_runtime"].tolist(), self.types, strict=True) if at}

    @cached_property
    def _captured(self) -> list[str]:
        return self._texts("captured").all()

    def captured_of(self, pc: int) -> Iterator[tuple[str, TypeId, int]]:
        """What the closure holds whose code begins at `pc`: name (with `&` for an address), type, offset in it."""
        pcs, first = self.arrays["closure_pc"], self.arrays["closure_first"]
        at = int(np.searchsorted(pcs, pc))
        if at < len(pcs) and int(pcs[at]) == pc:
            for row in range(int(first[at]), int(first[at + 1])):
                yield self._captured[row], int(self.arrays["captured_type"][row]), int(self.arrays["captured_at"][row])

    def constants_by_type(self) -> dict[TypeId, list[tuple[str, int]]]:
        """Named constants of all types that have some, by value."""
        found: dict[TypeId, list[tuple[str, int]]] = {}
        columns = (self.arrays["constant_type"].tolist(), self.arrays["constant_value"].tolist())
        for name, kind, value in zip(self._texts("constants").all(), *columns, strict=True):
            found.setdefault(kind, []).append((name, value))
        return found

    def find_global(self, name: str) -> tuple[TypeId, int] | None:
        """Type and address of the package-level variable of that name, or None."""
        found = self.globals.find(name)
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


TEXTS = ("functions", "linkages", "types", "globals", "captured", "constants")
ARRAYS = (
    *(f"{name}_starts" for name in TEXTS),
    *("linkage_first", "name_die", "body_first", "body_die", "body_physical"),
    *("physical_die", "physical_lo", "physical_hi", "physical_linkage"),
    *("type_die", "type_runtime", "runtime_offset", "runtime_die", "global_type", "global_address"),
    *("closure_pc", "closure_first", "captured_type", "captured_at", "constant_type", "constant_value"),
    "units",
)


def build_index(harvest: Harvest) -> Index:
    """Sort and cross-link what the scan found. Raises DamageError where references lead nowhere."""
    texts: dict[str, bytes] = {}
    arrays: dict[str, Column] = {}
    _functions(harvest, texts, arrays)
    _types(harvest, texts, arrays)
    _globals(harvest, texts, arrays)
    _closures(harvest, texts, arrays)
    _constants(harvest, texts, arrays)
    arrays["units"] = harvest.unit_rows.reshape(-1)
    return Index(texts, {name: narrow(arrays[name]) for name in ARRAYS})


def _put(name: str, names: Sequence[bytes], texts: dict[str, bytes], arrays: dict[str, Column]) -> None:
    texts[name], arrays[f"{name}_starts"] = joined(names)


def narrow(values: Column) -> Column:
    """As 32-bit numbers where all fit: offsets of entries do."""
    return values.astype("<u4" if not len(values) or 0 <= int(values.min()) <= int(values.max()) < 1 << 32 else "<i8")


def _functions(harvest: Harvest, texts: dict[str, bytes], arrays: dict[str, Column]) -> None:
    holders = harvest.holders()
    held = holders >= 0
    entries = _named_entries(harvest, np.concatenate((harvest.physical_origin, harvest.inlined_origin[held])))
    _check_ranges(harvest)
    used = np.zeros(len(harvest.named), dtype=bool)
    used[entries] = True
    numbers = np.flatnonzero(used)
    keys = [_sort_key(name) for name in cleaned([harvest.named[number] for number in numbers.tolist()])]
    linkages = sorted(set(keys))
    place = dict(zip(linkages, range(len(linkages)), strict=True))
    linkage_of = np.zeros(len(harvest.named), dtype=np.int64)
    linkage_of[numbers] = np.fromiter((place[key] for key in keys), dtype=np.int64, count=len(keys))
    name_die = np.zeros(len(linkages), dtype=np.uint64)
    # Of several entries with one name the first: numpy keeps what is assigned last.
    name_die[linkage_of[numbers][::-1]] = harvest.named_die[numbers][::-1]
    stacks = [key.partition(b"\0")[0] if b"\0" in key else key for key in linkages]
    starts = [i for i, stack in enumerate(stacks) if i == 0 or stacks[i - 1] != stack]
    _put("functions", [stacks[i] for i in starts], texts, arrays)
    _put("linkages", [key.rpartition(b"\0")[2] if b"\0" in key else key for key in linkages], texts, arrays)
    linkage = linkage_of[entries]
    order = np.argsort(linkage, kind="stable")
    physical = np.arange(len(harvest.physical_die), dtype=np.int64)
    arrays |= {
        "linkage_first": np.array([*starts, len(linkages)], dtype=np.int64),
        "name_die": name_die,
        "physical_die": harvest.physical_die,
        "physical_lo": harvest.physical_lo,
        "physical_hi": harvest.physical_hi,
        "physical_linkage": linkage[: len(physical)],
        "body_first": np.searchsorted(linkage[order], np.arange(len(linkages) + 1)),
        "body_die": np.concatenate((harvest.physical_die, harvest.inlined_die[held]))[order],
        "body_physical": np.concatenate((physical, holders[held]))[order],
    }


def _named_entries(harvest: Harvest, origins: U64Array) -> npt.NDArray[np.int64]:
    """Which of the named entries each of `origins` is. Raises DamageError where one is none."""
    known = harvest.named_die
    found = np.searchsorted(known, origins)
    lost = origins if not len(known) else origins[known[np.minimum(found, len(known) - 1)] != origins]
    if len(lost):
        reason = "code refers to this as its function, but it is none"
        raise DamageError(f".debug_info at {int(lost.min()):#x}", reason)
    return found


def _check_ranges(harvest: Harvest) -> None:
    lo, hi = harvest.physical_lo, harvest.physical_hi
    wrong = np.flatnonzero((lo > hi) | (hi >= np.uint64(_MAX_ADDRESS)))
    if len(wrong):
        first = int(wrong[0])
        reason = f"a function from {int(lo[first]):#x} to {int(hi[first]):#x}"
        raise DamageError(f".debug_info at {int(harvest.physical_die[first]):#x}", reason)


def _sort_key(linkage: bytes) -> bytes:
    """Sorts by stack-trace name, then by linkage name; parted by a NUL where they differ."""
    if b"[" not in linkage:
        return linkage
    name = linkage.decode()
    stack = stack_name(name)
    return linkage if stack == name else stack.encode() + b"\0" + linkage


def _types(harvest: Harvest, texts: dict[str, bytes], arrays: dict[str, Column]) -> None:
    names = cleaned(harvest.type_names, source_name, b"%")
    order = sorted(range(len(names)), key=names.__getitem__)
    _put("types", [names[i] for i in order], texts, arrays)
    die, runtime = harvest.type_die[order], harvest.type_runtime[order]
    runtime = np.where(runtime < np.uint64(_MAX_ADDRESS), runtime, np.uint64(0))
    known = np.argsort(runtime, kind="stable")
    known = known[runtime[known] > 0]
    arrays |= {"type_die": die, "type_runtime": runtime, "runtime_offset": runtime[known], "runtime_die": die[known]}


def _globals(harvest: Harvest, texts: dict[str, bytes], arrays: dict[str, Column]) -> None:
    names = cleaned(harvest.variable_names, source_name, b"%")
    columns = (harvest.variable_type.tolist(), harvest.variable_address.tolist())
    variables = sorted({row for row in zip(names, *columns, strict=True) if row[1] < _MAX_ADDRESS > row[2]})
    _put("globals", [name for name, _, _ in variables], texts, arrays)
    arrays["global_type"] = np.array([kind for _, kind, _ in variables], dtype=np.uint64)
    arrays["global_address"] = np.array([at for _, _, at in variables], dtype=np.uint64)


def _closures(harvest: Harvest, texts: dict[str, bytes], arrays: dict[str, Column]) -> None:
    """What closures hold, by where their code begins.

    The variables are in the entry of the function, which of one that can also be inlined is the abstract one.
    """
    wanted = harvest.captured_die
    before = np.maximum(_last_before(harvest.named_die, wanted), _last_before(harvest.physical_die, wanted))
    starts = harvest.unit_rows[:, 0]
    same = np.searchsorted(starts, before, side="right") == np.searchsorted(starts, wanted, side="right")
    kept = np.flatnonzero((before > 0) & same)
    kept = kept[np.argsort(before[kept], kind="stable")]
    owner = before[kept]
    # The code of each owner: its own, and the out-of-line copies of an abstract one.
    origin = harvest.physical_origin
    own = np.isin(harvest.physical_die, owner)
    copies = np.isin(origin, owner) & (origin != harvest.physical_die)
    codes = np.concatenate((harvest.physical_die[own], origin[copies]))
    pairs = np.stack((codes, np.concatenate((harvest.physical_lo[own], harvest.physical_lo[copies]))), axis=1)
    first, last = (np.searchsorted(owner, pairs[:, 0], side=side) for side in ("left", "right"))
    order = np.argsort(pairs[:, 1], kind="stable")
    _, alone = np.unique(pairs[order, 1], return_index=True)
    order = order[alone]
    many = (last - first)[order]
    rows = np.repeat(first[order] - (np.cumsum(many) - many), many) + np.arange(int(many.sum()))
    rows = kept[rows]
    _put("captured", cleaned([harvest.captured_names[row] for row in rows.tolist()]), texts, arrays)
    arrays |= {
        "closure_pc": pairs[order, 1],
        "closure_first": np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(many))),
        "captured_type": harvest.captured_type[rows],
        "captured_at": harvest.captured_at[rows],
    }


def _last_before(dies: U64Array, wanted: U64Array) -> U64Array:
    """The last of the sorted entries before each wanted one, 0 where there is none."""
    at = np.searchsorted(dies, wanted, side="right").astype(np.int64) - 1
    return np.where(at >= 0, dies[np.maximum(at, 0)], np.uint64(0)) if len(dies) else np.zeros_like(wanted)


def _constants(harvest: Harvest, texts: dict[str, bytes], arrays: dict[str, Column]) -> None:
    """Named constants of types that a package defines, by type and value."""
    value, kinds = harvest.constant_value.view(np.int64), np.unique(harvest.constant_type)
    at = np.searchsorted(harvest.type_die, kinds)
    places = zip(kinds.tolist(), at.tolist(), strict=True)
    known = [place for place in places if place[1] < len(harvest.type_die) and harvest.type_die[place[1]] == place[0]]
    defined = [kind for kind, place in known if b"." in harvest.type_names[place]]
    rows = np.flatnonzero(np.isin(harvest.constant_type, np.array(defined, dtype=np.uint64)))
    rows = rows[np.lexsort((value[rows], harvest.constant_type[rows]))]
    names = cleaned([harvest.constant_names[row] for row in rows.tolist()], source_name, b"%")
    _put("constants", names, texts, arrays)
    arrays |= {"constant_type": harvest.constant_type[rows], "constant_value": value[rows]}
