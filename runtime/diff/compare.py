"""Two captures side by side: stacks, locks, tables and goroutines that appeared, are gone, grew, or wait longer.

Stacks are the same where their functions are, and their lines too where both captures are of the same builds.
Goroutines and locks can be followed only within one process. Of a file with several snapshots the last one counts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import duckdb

from sey.runtime.capture import Capture
from sey.runtime.database import attach_captured
from sey.runtime.decode.tables import BUILT_IN, EVENTS
from sey.runtime.duck import quoted
from sey.runtime.report.last import make_last
from sey.runtime.report.model import Place

DIFF_VERSION = 1

_SIDE = """
create temp table crew_of_{side} as
with named as (
    select pid, stack_id, list({{'function': coalesce(function, printf('0x%x', pc)), 'file': file, 'line': line}}
        order by depth) as frames, hash(list(struct_pack(f := coalesce(function, printf('0x%x', pc)), l := {line})
        order by depth)) as key
    from {side}_frames where not hidden group by all
)
select g.pid, g.goid, g.wait_ns, g.created_by, coalesce(g.wait_reason, g.status) as doing,
    hash(coalesce(n.key, 0), g.created_by) as key, coalesce(n.frames, []) as frames
from {side}_goroutines g left join named n using (pid, stack_id) where not g.system;

create temp table groups_of_{side} as
select key, count(*) as n, max(wait_ns) as longest, mode(doing) as doing, any_value(created_by) as created_by,
    any_value(frames) as frames, list(goid order by goid) as goids
from crew_of_{side} group by key;
"""
_STACKS = """
select case when a.n is null then 'appeared' when b.n is null then 'gone' when b.n > a.n then 'grew'
        when b.longest > a.longest or (a.longest is null and b.longest is not null) then 'waits longer'
        when b.n < a.n then 'shrank' end as change,
    coalesce(a.n, 0) as before, coalesce(b.n, 0) as after, a.longest, b.longest, coalesce(b.doing, a.doing),
    coalesce(b.created_by, a.created_by), coalesce(b.frames, a.frames), coalesce(b.goids, a.goids)
from groups_of_a a full join groups_of_b b using (key) where change is not null
order by abs(after - before) desc, coalesce(b.longest, 0) - coalesce(a.longest, 0) desc, key
"""
_SAME_PROCESS = """
create temp table same as select a.pid from a_processes a join b_processes b using (pid, executable, build_id)
where a.problem is null and b.problem is null and a.core is not distinct from b.core
"""
_GOROUTINES = """
with followed as (
    select coalesce(a.doing, b.doing) as doing, coalesce(b.frames, a.frames) as frames,
        coalesce(a.goid, b.goid) as goid, b.wait_ns as longest,
        case when a.goid is null then 'appeared' when b.goid is null then 'gone'
            when a.key = b.key and a.doing = b.doing then 'still there' else 'moved on' end as change
    from (from crew_of_a where pid in (from same)) a
    full join (from crew_of_b where pid in (from same)) b using (pid, goid)
)
select change, doing, frames, count(*) as n, max(longest), list(goid order by goid) from followed
group by all order by n desc, change, doing, frames
"""
_LOCKS = """
select coalesce(b.pid, a.pid), coalesce(b.address, a.address), coalesce(b.kind, a.kind),
    case when a.address is null then 'appeared' when b.address is null then 'gone'
        when b.waiters > a.waiters then 'grew' when b.waiters < a.waiters then 'shrank' end as change,
    coalesce(a.waiters, 0) as before, coalesce(b.waiters, 0) as after
from (from a_waited_locks where pid in (from same)) a
full join (from b_waited_locks where pid in (from same)) b using (pid, address)
where change is not null order by abs(after - before) desc, 1, 2
"""


@dataclass(frozen=True)
class StackChange:
    """Goroutines of one stack before and after; `change` is `appeared`, `gone`, `grew`, `waits longer` or `shrank`."""

    change: str
    before: int
    after: int
    longest_before_ns: int | None
    longest_after_ns: int | None
    doing: str
    created_by: str | None
    frames: tuple[Place, ...]
    goids: tuple[int, ...]


@dataclass(frozen=True)
class LockChange:
    """A lock and how many wait for it before and after."""

    pid: int
    address: int
    kind: str
    change: str
    before: int
    after: int


@dataclass(frozen=True)
class TableChange:
    """Rows of a table; of one with goroutines, how many of these are in it only before or only after."""

    table: str
    before: int | None
    after: int | None
    goroutines_gone: int | None
    goroutines_appeared: int | None


@dataclass(frozen=True)
class Followed:
    """Goroutines followed by id: `appeared`, `gone`, `still there` (same stack, same wait) or `moved on`."""

    change: str
    doing: str
    frames: tuple[Place, ...]
    goroutines: int
    longest_after_ns: int | None
    goids: tuple[int, ...]


@dataclass(frozen=True)
class Diff:
    """What changed. `same_build` where stacks were compared with their lines; `followed_pids` can be followed by id.

    Where one of the captures is a trace (`traced`), which has no goroutines of one moment, only tables are compared.
    """

    between_ns: int | None
    same_build: bool
    followed_pids: tuple[int, ...]
    goroutines_before: int
    goroutines_after: int
    stacks: tuple[StackChange, ...]
    locks: tuple[LockChange, ...]
    tables: tuple[TableChange, ...]
    goroutines: tuple[Followed, ...]
    traced: bool = False

    def as_object(self) -> dict[str, Any]:
        """For JSON (spec/report.md)."""
        return {"version": DIFF_VERSION, **asdict(self)}


def compare(before: Capture, after: Capture, *, cached: bool = True) -> Diff:
    """What changed from one capture to the other. Raises SeyError."""
    connection = duckdb.connect(":memory:")
    try:
        attach_captured(connection, before, "a", cached=cached)
        attach_captured(connection, after, "b", cached=cached)
        return _Compared(connection).diff()
    finally:
        connection.close()


class _Compared:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        for side in ("a", "b"):
            make_last(connection, side, f"{side}_")
        self.same_build = self._builds("a") == self._builds("b")
        line = "line" if self.same_build else "null::int"
        for side in ("a", "b"):
            connection.execute(_SIDE.format(side=side, line=line))
        connection.execute(_SAME_PROCESS)

    def diff(self) -> Diff:
        ((between,),) = self._rows("""
            select epoch_ns((select min(captured_at) from b_processes))
                - epoch_ns((select min(captured_at) from a_processes))
        """)
        ((traced,),) = self._rows("""
            select exists(from a_processes where trace_ns is not null)
                or exists(from b_processes where trace_ns is not null)
        """)
        if traced:
            return Diff(between, self.same_build, (), 0, 0, (), (), self._tables(), (), traced=True)
        ((before, after),) = self._rows("select (select count(*) from crew_of_a), (select count(*) from crew_of_b)")
        return Diff(
            between_ns=between,
            same_build=self.same_build,
            followed_pids=tuple(pid for (pid,) in self._rows("from same order by pid")),
            goroutines_before=before,
            goroutines_after=after,
            stacks=tuple(
                replace(StackChange(*row), frames=_frames(row[7]), goids=tuple(row[8])) for row in self._rows(_STACKS)
            ),
            locks=tuple(LockChange(*row) for row in self._rows(_LOCKS)),
            tables=self._tables(),
            goroutines=tuple(
                Followed(change, doing, _frames(frames), n, longest, tuple(goids))
                for change, doing, frames, n, longest, goids in self._rows(_GOROUTINES)
            ),
        )

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _builds(self, side: str) -> list[tuple[Any, ...]]:
        return self._rows(f"select distinct build_id from {side}_processes where problem is null order by 1")

    def _tables(self) -> tuple[TableChange, ...]:
        """The tables of specs, those of both captures and those that only one has."""
        names = self._rows("""
            select table_name, bool_or(database_name = 'a'), bool_or(database_name = 'b') from duckdb_tables()
            where database_name in ('a', 'b') group by all order by min(table_oid)
        """)
        return tuple(self._table(*row) for row in names if row[0] not in (*BUILT_IN, EVENTS))

    def _table(self, name: str, in_a: bool, in_b: bool) -> TableChange:
        def count(side: str) -> int:
            return int(self._rows(f"select count(*) from {quoted(f'{side}_{name}')}")[0][0])

        def only(one: str, other: str) -> int:
            views = (quoted(f"{side}_{name}") for side in (one, other))
            ids = [f"select pid, goid from {view} where pid in (from same)" for view in views]
            return int(self._rows(f"select count(*) from ({' except '.join(ids)})")[0][0])

        both = in_a and in_b
        gone, appeared = (only("a", "b"), only("b", "a")) if both and self._has_goid(name) else (None, None)
        return TableChange(name, count("a") if in_a else None, count("b") if in_b else None, gone, appeared)

    def _has_goid(self, name: str) -> bool:
        rows = self.connection.execute(
            "select count(*) from duckdb_columns() where database_name in ('a', 'b') and table_name = ?"
            " and column_name in ('pid', 'goid')",
            [name],
        ).fetchall()
        return bool(rows[0][0] == 4)


def _frames(found: list[dict[str, Any]]) -> tuple[Place, ...]:
    return tuple(Place(frame["function"], frame["file"], frame["line"]) for frame in found)
