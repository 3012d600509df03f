"""Sites: each way in which a frame of a block's function can present its variables, and the pcs where it does.

A site is a body's inline level, where each variable of the block is kept, and for each expression the typing (`Form`)
that holds there. All of it is data, which the prelude's `@fetch` reads: the code grows with what a spec asks for, and
not with the places where a compiler put it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from sey.binary.errors import SeyError
from sey.frontend import bound
from sey.frontend.debuginfo.model import Body, DebugInfo, Piece, Place, Range, Role, Variable
from sey.frontend.lower.intervals import disjoint
from sey.frontend.lower.liveness import Liveness
from sey.frontend.lower.locate import Answer, Found, Missing, Mode, answers_at, as_called, as_given, stretches
from sey.frontend.lower.places import MAX_SLOTS, MAX_VALUE
from sey.frontend.lower.problems import TooManyVariables
from sey.ir.nodes import Column, Table, Type
from sey.ir.plan import THREAD_WORDS, PlanSite, Status

_FIRST_GENERAL_WORD, _FIRST_FLOAT_WORD = 4, 20
_FIRST_XMM = 17
_WORD = 8
MAX_CLAIMS = 64
"""Sites at one pc that the program looks at: functions inlined into each other and blocks on the same function."""
PLACES = {"nowhere": 0, "cfa": 1, "register": 2, "address": 3}
"""Numbers of the places of pieces in the table `pieces`."""
MAX_PIECES = 24
NO_FORM = 255
Block = bound.Func | bound.Event


@dataclass(frozen=True)
class Kept:
    """How a variable is kept at a site: its pieces, why what they lack is missing, and for one that escaped (whose
    pieces hold its address) the size of the value behind, `behind_at` bytes further on.

    With `through` the pieces hold the address of a closure instead, which has the variable's address at that offset.
    Only code for a probe's place (`straight.py`) goes that way; for the tables such a variable isn't there.
    """

    pieces: tuple[Piece, ...]
    status: Status
    behind: int | None = None
    behind_at: int = 0
    through: int | None = None


@dataclass(frozen=True)
class Site:
    """A block, the function as traces print it, its inline level; for each variable of the block how it is kept, and
    for each expression the number of its typing there, or -1."""

    block: int
    function: str
    level: int
    kept: tuple[Kept, ...]
    forms: tuple[int, ...]


@dataclass
class SiteBook:
    """All sites of a program, gathered block by block."""

    info: DebugInfo
    liveness: Liveness
    floats: bool = True
    """Whether registers for floats can be read; their variables are `unsupported` where not."""
    sites: list[Site] = field(default_factory=list)
    claims: dict[Mode, list[tuple[Range, int]]] = field(default_factory=lambda: {mode: [] for mode in Mode})
    _numbers: dict[Site, int] = field(default_factory=dict)
    _absent: dict[int, Mapping[str, Mapping[str, Answer]]] = field(default_factory=dict)
    """By block what `_lacking` found."""

    def add_block(self, number: int, block: bound.Func) -> None:
        """Claim the pcs of every body of a block's function. Raises SeyError where it names too many variables."""
        names = names_of(block)
        if len(names) > MAX_SLOTS:
            raise SeyError(TooManyVariables(block.function, len(names), MAX_SLOTS))
        lacking = self._lacking(block, names) if block.glob else {}
        for body in block.bodies:
            variables = with_words(self.info.variables(body))
            absent = lacking.get(body.function, {})
            for mode in Mode:
                for stretch in stretches(body, variables, names, mode, self.liveness):
                    answers = dict(zip(names, stretch.answers, strict=True)) | absent
                    self.claims[mode].append((stretch.range, self._site(number, block, body, answers)))

    def add_place(self, number: int, block: bound.Event, body: Body, address: int) -> int:
        """The site of a body at one instruction. Raises SeyError where the block names too many variables."""
        names = names_of(block)
        if len(names) > MAX_SLOTS:
            raise SeyError(TooManyVariables(block.target, len(names), MAX_SLOTS))
        variables = with_words(self.info.variables(body)) if names else ()
        found = answers_at(body, variables, names, address, self.liveness)
        answers = {name: as_called(answer, address) for name, answer in zip(names, found, strict=True)}
        if block.moment is not bound.Moment.LINE:
            answers = {name: as_given(answer, variables, address) for name, answer in answers.items()}
        if block.glob and names:
            if number not in self._absent:
                self._absent[number] = self._lacking(block, names)
            answers |= self._absent[number].get(body.function, {})
        return self._site(number, block, body, answers)

    def _lacking(self, block: Block, names: Iterable[str]) -> dict[str, dict[str, Answer]]:
        """By function of a pattern the variables that no body of it has."""
        known: dict[str, set[str]] = {}
        for body in block.bodies:
            known.setdefault(body.function, set()).update(v.name for v in self.info.variables(body))
        missing: Answer = Missing(None, Status.ABSENT)
        return {function: dict.fromkeys((n for n in names if n not in own), missing) for function, own in known.items()}

    def _site(self, number: int, block: Block, body: Body, answers: Mapping[str, Answer]) -> int:
        kept = tuple(self._kept(answer) for answer in answers.values())
        typings = zip(expressions(block), _parameters(block), strict=True)
        forms = tuple(_form_at(forms, answers, parameters) for forms, parameters in typings)
        site = Site(number, body.function, body.inline_level, kept, forms)
        index = self._numbers.setdefault(site, len(self.sites))
        if index == len(self.sites):
            self.sites.append(site)
        return index

    def _kept(self, answer: Answer) -> Kept:
        if isinstance(answer, Missing):
            return Kept((), answer.status)
        variable, pieces = answer.variable, answer.pieces
        if not self.floats and any(_is_float(piece) for piece in pieces):
            pieces = tuple(p._replace(place=Place.NOWHERE, value=0) if _is_float(p) else p for p in pieces)
            if all(piece.place is Place.NOWHERE for piece in pieces):
                return Kept((), Status.UNSUPPORTED)
        if variable.role is Role.DICTIONARY and variable.word is not None:
            return Kept(pieces, Status.NOT_LIVE, _WORD, _WORD * variable.word.index)
        size = self.info.type(variable.type).size
        if answer.held is not None:
            at, by_value = answer.held.offset, answer.held.by_value
            return Kept(pieces, Status.NOT_LIVE, size, at * by_value, None if by_value else at)
        whole = 8 if variable.by_reference else size
        if len(pieces) > MAX_PIECES or (whole > MAX_VALUE and len(pieces) > 1):
            return Kept((), Status.OPTIMIZED_OUT)
        return Kept(pieces, _partial_status(variable, pieces), size if variable.by_reference else None)

    def forms(self, block: int, expression: int) -> list[int]:
        """The typings of an expression that occur at the sites of its block, ascending; -1 for none."""
        return sorted({site.forms[expression] for site in self.sites if site.block == block})

    def tables(self) -> tuple[Table, ...]:
        """The IR tables that the prelude and the blocks read: ranges by mode, matches, sites, variables, pieces."""
        matches: list[int] = []
        ranges = [_range_table(f"{mode.value}_ranges", self.claims[mode], matches) for mode in Mode]
        runs = _Runs()
        known = (k if k.through is None else Kept((), k.status) for site in self.sites for k in site.kept)
        kept = [(runs.add(k.pieces), k) for k in known]
        forms = [NO_FORM if f < 0 else f for site in self.sites for f in site.forms]
        return (
            *ranges,
            _table("matches", {"site": matches}),
            _table(
                "sites",
                {
                    "block": [site.block for site in self.sites],
                    "number": self._ranks(),
                    "first_variable": _firsts(site.kept for site in self.sites),
                    "variables": [len(site.kept) for site in self.sites],
                    "first_form": _firsts(site.forms for site in self.sites),
                },
            ),
            _table(
                "variables",
                {
                    "first": [first for first, _ in kept],
                    "pieces": [len(k.pieces) for _, k in kept],
                    "status": [k.status for _, k in kept],
                    "behind": [0 if k.behind is None else k.behind + 1 for _, k in kept],
                    "behind_at": [k.behind_at for _, k in kept],
                    "addressable": [int(len(k.pieces) == 1) for _, k in kept],
                },
            ),
            _table("forms", {"form": forms}),
            runs.table(),
        )

    def _ranks(self) -> list[int]:
        """The number of each site within its block, which is what rows carry."""
        counts: dict[int, int] = {}
        ranks = []
        for site in self.sites:
            ranks.append(counts.get(site.block, 0))
            counts[site.block] = ranks[-1] + 1
        return ranks

    def plan_sites(self, block: int, captures: int) -> tuple[PlanSite, ...]:
        """The sites of a block, by their numbers in it, with the typing of each of its captures."""
        return tuple(
            PlanSite(site.function, site.level, site.forms[:captures]) for site in self.sites if site.block == block
        )


class _Runs:
    """The table `pieces`: runs of pieces, each distinct one once."""

    def __init__(self) -> None:
        self._starts: dict[tuple[Piece, ...], int] = {}
        self._pieces: list[Piece] = []

    def add(self, pieces: tuple[Piece, ...]) -> int:
        if pieces not in self._starts:
            self._starts[pieces] = len(self._pieces)
            self._pieces += pieces
        return self._starts[pieces]

    def table(self) -> Table:
        rows = self._pieces or [Piece(Place.NOWHERE, 0, 0, 0)]
        values = (register_word(p.value) if p.place is Place.REGISTER else p.value for p in rows)
        return Table(
            "pieces",
            (
                Column("place", Type.I32, tuple(PLACES[p.place.value] for p in rows)),
                Column("value", Type.I64, tuple(v & (1 << 64) - 1 for v in values)),
                Column("offset", Type.I32, tuple(p.offset for p in rows)),
                Column("size", Type.I32, tuple(p.size for p in rows)),
            ),
        )


def register_word(number: int) -> int:
    """Byte offset of DWARF register `number` within a thread's words (`ir.plan.THREAD_WORDS`)."""
    word = _FIRST_FLOAT_WORD + number - _FIRST_XMM if number >= _FIRST_XMM else _FIRST_GENERAL_WORD + number
    assert word < THREAD_WORDS
    return 8 * word


def _is_float(piece: Piece) -> bool:
    return piece.place is Place.REGISTER and piece.value >= _FIRST_XMM


def names_of(block: Block) -> list[str]:
    """The variables that a block's expressions name, sorted; the number of one is that of its slot."""
    return sorted({name for forms in expressions(block) for form in forms for name in form.types})


def expressions(block: Block) -> list[Sequence[bound.Form]]:
    """What is evaluated at a site of a block: its captures in order, then its condition, if there is one."""
    return [*(c.forms for c in block.captures), *([block.when] if block.when else [])]


def _parameters(block: Block) -> list[tuple[str, ...] | None]:
    """For each expression `bound.Capture.parameters`."""
    return [*(c.parameters for c in block.captures), *([None] if block.when else [])]


def _form_at(forms: Sequence[bound.Form], answers: Mapping[str, Answer], parameters: tuple[str, ...] | None) -> int:
    """Index of the typing that fits the variables that are in scope, or -1."""
    if parameters is not None:
        return _holding_form(forms, answers, parameters)
    for i, form in enumerate(forms):
        found = ((answers[name].variable, kind) for name, kind in form.types.items())
        if all(variable is None or variable.type == kind for variable, kind in found) and _is_told(form.expr, answers):
            return i
    return -1


def with_words(variables: Sequence[Variable]) -> list[Variable]:
    """The variables, and for each whose type a dictionary tells where that is."""
    words = [
        replace(
            v,
            name=bound.word_of(v.name),
            role=Role.DICTIONARY,
            by_reference=True,
            locations=v.word.locations,
            starts=None,
        )
        for v in variables
        if v.word is not None
    ]
    return [*variables, *words]


def _is_told(expr: bound.Expr, answers: Mapping[str, Answer]) -> bool:
    """Whether the type of what is captured is told, where a dictionary has to."""
    if not isinstance(expr, bound.Instance):
        return True
    value, word = (answers[name] for name in (expr.local.name, bound.word_of(expr.local.name)))
    if not isinstance(word, Found) or value.variable is None:
        return False
    # Of several variables of the name, the same one is meant.
    return word.variable.word == value.variable.word and word.variable.scope == value.variable.scope


def _holding_form(forms: Sequence[bound.Form], answers: Mapping[str, Answer], parameters: tuple[str, ...]) -> int:
    """Index of the form of the variable that a context is taken from (see `bound.Capture.parameters`), or -1."""
    ranked: list[tuple[tuple[int, ...], int]] = []
    for i, form in enumerate(forms):
        ((name, kind),) = form.types.items()
        answer, variable = answers[name], answers[name].variable
        if variable is None or variable.type != kind:
            continue
        rank = (0, i, 0) if name in parameters else (1, -variable.depth, -variable.decl_line)
        ranked.append(((isinstance(answer, Missing), *rank), i))
    return min(ranked)[1] if ranked else -1


def _firsts(groups: Iterable[Sequence[object]]) -> list[int]:
    """Where each group starts when all are laid end to end."""
    return list(accumulate((len(group) for group in groups), initial=0))[:-1]


def _table(name: str, columns: Mapping[str, Sequence[int]]) -> Table:
    """A table of i32 columns; one row of zeros where there would be none."""
    return Table(name, tuple(Column(c, Type.I32, tuple(values) or (0,)) for c, values in columns.items()))


def _range_table(name: str, claims: list[tuple[Range, int]], matches: list[int]) -> Table:
    lows, highs, firsts, counts = [], [], [], []
    for cell in disjoint(claims):
        kept = cell.claims[:MAX_CLAIMS]
        lows.append(cell.range.lo)
        highs.append(cell.range.hi)
        firsts.append(len(matches))
        counts.append(len(kept))
        matches += kept
    if not lows:
        lows, highs, firsts, counts = [0], [0], [0], [0]
    return Table(
        name,
        (
            Column("lo", Type.I64, tuple(lows), sorted=True),
            Column("hi", Type.I64, tuple(highs)),
            Column("first", Type.I32, tuple(firsts)),
            Column("sites", Type.I32, tuple(counts)),
        ),
    )


def _partial_status(variable: Variable, pieces: Sequence[Piece]) -> Status:
    """Why a part of a variable may be missing where others are there: kept elsewhere (not live here), or nowhere."""
    if any(p.place is Place.REGISTER for p in pieces):
        return Status.NOT_LIVE
    missing = [p for p in pieces if p.place is Place.NOWHERE]
    kept = (p for r in variable.locations for p in r.pieces if p.place is not Place.NOWHERE)
    had = any(p.offset < m.offset + m.size and m.offset < p.offset + p.size for p in kept for m in missing)
    return Status.NOT_LIVE if had else Status.OPTIMIZED_OUT
