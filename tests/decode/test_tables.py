"""Whole captures to tables, through DuckDB."""

from __future__ import annotations

import dataclasses
import json

import pytest

from sey.binary.errors import SeyError
from sey.ir.plan import PC_EXACT, PlanLink, PlanSqlColumn, PlanSqlTable
from sey.runtime.capture import Capture, ProcessCapture, ProcessFacts
from sey.runtime.database import Database, open_database
from sey.runtime.decode.tables import WAIT_TABLES
from sey.runtime.views import SpecSql
from tests.support.captures import Shop, symbol_table


def rows(database: Database, sql: str) -> list[tuple[object, ...]]:
    return list(database.query(sql).rows())


@pytest.fixture
def shop() -> Database:
    return open_database(Shop().capture())


def test_processes(shop: Database) -> None:
    sql = "select pid, executable, go_version, captured_at, pause_ns, threads, goroutines, goroutines_skipped, engine"
    assert rows(shop, f"{sql} from processes") == [
        (4242, "/srv/shop-server", "go1.25.5", "2026-01-02T03:04:05Z", 1234567, 7, 6, 0, "ebpf")
    ]


def test_goroutines(shop: Database) -> None:
    sql = "select * exclude (pid, snapshot) from goroutines where goid in (10, 99) order by goid"
    on_its_own = (False, False, None)
    waiting = (10, "waiting", "sync.Mutex.Lock", 10**9, 1, "main.main", "main.main.func1", None, *on_its_own, 0, False)
    holding = (99, "waiting", "IO wait", 90 * 10**9, 1, "main.main", "main.main.func1", {"tenant": "big"})
    assert rows(shop, sql) == [waiting, (*holding, *on_its_own, 1, False)]


def test_frames_have_inlined_ones_as_rows(shop: Database) -> None:
    sql = "select depth, function, line, inlined, hidden from frames where stack_id = 0 order by depth"
    assert rows(shop, sql) == [
        (0, "runtime.gopark", 435, False, True),
        (1, "runtime.semacquire1", 188, False, True),
        (2, "sync.(*Mutex).Lock", 46, False, False),
        (3, "main.(*server).lock", 20, True, False),
        (4, "main.(*server).handle", 41, False, False),
        (5, "main.main.func1", 60, False, False),
        (6, "runtime.goexit", 1700, False, True),
    ]
    assert rows(shop, "select stack_id, goroutines, frames, truncated from stacks order by 1") == [
        (0, 5, 7, 0),
        (1, 1, 5, 0),
    ]


def test_func_blocks(shop: Database) -> None:
    assert rows(shop, "select goid, depth, function, request, customer, done from handle where goid in (10, 99)") == [
        (10, 4, "main.(*server).handle", {"id": 10, "path": "/cart"}, "small", None),
        (99, 2, "main.(*server).handle", {"id": 99, "path": "/cart"}, "big", None),
    ]
    sql = "select request__status, done__status, raw_request is not null, raw_done from handle where goid = 99"
    assert rows(shop, sql) == [("ok", "not_live", True, None)]


def test_depth_of_a_row_is_that_of_its_frame(shop: Database) -> None:
    sql = """select count(*) from handle h join goroutines g using (pid, goid)
             join frames f on f.pid = h.pid and f.stack_id = g.stack_id and f.depth = h.depth
             where f.function = h.function"""
    assert rows(shop, sql) == [(6,)]


def test_globals_and_captures(shop: Database) -> None:
    assert rows(shop, "select * exclude (pid, snapshot) from globals") == [("limit", 100, "ok", "int64", None)]
    sql = "select source, goid, depth, name, type, value, status from captures where goid = 99 or goid is null"
    assert sorted(rows(shop, sql), key=str) == sorted(
        [
            ("globals", None, None, "limit", "int64", "100", "ok"),
            ("handle", 99, 2, "request", "*main.Request", '{"id":99,"path":"/cart"}', "ok"),
            ("handle", 99, 2, "customer", "string", "big", "ok"),
            ("handle", 99, 2, "done", "chan int", None, "not_live"),
        ],
        key=str,
    )


def test_spec_tables_and_columns(shop: Database) -> None:
    assert shop.problems == ()
    assert rows(shop, "select * from waiting") == [("big", 4), ("small", 2)]
    assert rows(shop, "select big from handle where goid = 99") == [(True,)]
    names = [table.name for table in shop.tables()]
    captured = ["processes", "goroutines", "frames", "stacks", "handle", "globals", "captures", *WAIT_TABLES]
    assert names == [*captured, "waiting"]


def test_spec_sql_in_any_order_and_wrong_ones_apart() -> None:
    spec = SpecSql(
        "shop.sey",
        (
            PlanSqlTable("second", "select n + 1 as m from first"),
            PlanSqlTable("first", "select count(*) as n from handle where twice;"),
            PlanSqlTable("all_goroutines", "select count(*) as n from goroutines"),
            PlanSqlTable("wrong", "select nothing from handle"),
            PlanSqlTable("evil", "select 1); drop table captured.main.handle; select (1"),
            PlanSqlTable("stacks", "select 1"),
        ),
        (
            PlanSqlColumn("handle", "twice", "boolean", "once and once"),
            PlanSqlColumn("handle", "once", "boolean", "goid = 99 -- the holder"),
            PlanSqlColumn("handle", "GOID", "int", "1"),
            PlanSqlColumn("nowhere", "x", "int", "1"),
            PlanSqlColumn("handle", "bad", "int", "goid +"),
            PlanSqlColumn("handle", "counted", "int", "(select n from all_goroutines)"),
            PlanSqlColumn("handle", "circular", "int", "(select n from first)"),
        ),
    )
    database = open_database(Shop().capture(), spec)
    assert rows(database, "select m from second") == [(2,)]
    assert rows(database, "select once, twice, counted from handle where goid = 99") == [(True, True, 6)]
    assert [p.code for p in database.problems] == ["SEY0806"] * 4 + ["SEY0805"] * 3
    messages = [p.message() for p in database.problems]
    assert "there is no table `nowhere`" in messages[1]
    assert 'Referenced column "nothing" not found' in messages[4]
    assert database.problems[4].notes() == ("line 1: select nothing from handle", "               ^^^^^^^")
    assert rows(database, "select count(*) from handle") == [(6,)]


def test_links_join_rows_across_processes() -> None:
    """The waiting ones of each process lead to the one that holds the lock in any, for the same customer."""
    capture = Shop().capture()
    other = dataclasses.replace(capture.processes[0], facts=dataclasses.replace(capture.processes[0].facts, pid=7))
    both = dataclasses.replace(capture, processes=(*capture.processes, other))
    spec = SpecSql(
        "links.sey",
        (
            PlanSqlTable("holders", "select * from handle where goid = 99"),
            PlanSqlTable("n", "select count(*) n from same"),
        ),
        (),
        (
            PlanLink("waits", "handle", ("customer",), "holders", ("customer",), "waits for"),
            PlanLink("same", "handle", ("pid", "goid"), "handle", ("pid", "goid"), ""),
            PlanLink("numbers", "goroutines", ("goid",), "handle", ("depth",), ""),
            PlanLink("never", "handle", ("customer",), "handle", ("goid",), ""),
            PlanLink("handle", "handle", ("goid",), "handle", ("goid",), ""),
            PlanLink("nowhere", "handle", ("x",), "missing", ("goid",), ""),
        ),
    )
    with open_database(both, spec) as database:
        big = rows(database, "select goid from handle where customer = 'big' and pid = 7 order by 1")
        assert len(big) > 1
        found = rows(database, "select from_goid from waits where from_pid = 7 and to_pid = 4242 order by 1")
        assert found == big
        assert rows(database, "select count(*) from waits") == [(4 * len(big),)]
        assert rows(database, "select * from n") == [(0,)]
        names = [name for name, _ in next(t for t in database.tables() if t.name == "numbers").columns]
        assert names == ["from_pid", "from_goid", "from_depth", "to_pid", "to_goid", "to_depth"]
        assert rows(database, "select from_depth from numbers group by all") in ([], [(None,)])
        assert {t.name: t.title for t in database.tables()}["waits"] == "waits for"
        problems = [(p.code, p.message()) for p in database.problems]
    assert [code for code, _ in problems] == ["SEY0807"] * 3
    assert "never equal" in problems[0][1]
    assert "captured table" in problems[1][1]
    assert "there is no" in problems[2][1] or "no column `x`" in problems[2][1]


def test_wrong_queries_say_where(shop: Database) -> None:
    with pytest.raises(SeyError) as wrong:
        shop.query("select\n  nope from handle").rows()
    (problem,) = wrong.value.problems
    assert problem.exit_status == 2
    assert problem.notes() == ("line 2:   nope from handle", "          ^^^^")


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("drop view handle", "SEY0802"),
        ("copy (select 1) to '/tmp/out.csv'", "SEY0802"),
        ("attach '/tmp/other.duckdb'", "SEY0802"),
        ("select * from read_csv('/etc/passwd')", "SEY0801"),
        ("set enable_external_access = true", "SEY0801"),
        ("select 'a'::int", "SEY0801"),
        ("", "SEY0803"),
        ("-- nothing", "SEY0803"),
        ("select '\udcff'", "SEY0801"),
    ],
)
def test_queries_only_read(shop: Database, sql: str, code: str) -> None:
    with pytest.raises(SeyError) as refused:
        list(shop.query(sql).rows())
    assert refused.value.problems[0].code == code


def test_results_are_what_json_holds(shop: Database) -> None:
    sql = """select 18446744073709551615::ubigint, sum(9223372036854775807) from range(3) t(n)"""
    assert rows(shop, sql) == [(18446744073709551615, 3 * 9223372036854775807)]
    sql = """select 'nan'::double, '-inf'::float, timestamp '290000-01-02 03:04:05.5', date '2020-02-03',
             [1.5, 'inf'::double], map {'a': [1]}, {'j': '{"x": [1]}'::json, 'n': null}, '\\xff'::blob, null,
             interval 90 minute, 1.25::decimal(9, 2)"""
    assert rows(shop, sql) == [
        (
            *("NaN", "-Infinity", "290000-01-02T03:04:05.5Z", "2020-02-03", [1.5, "Infinity"], {"a": [1]}),
            *({"j": {"x": [1]}, "n": None}, "ff", None, "01:30:00", 1.25),
        )
    ]
    assert [c.name for c in shop.query("select 1 as a, 2 as a").columns] == ["a", "a_1"]


def test_several_processes_and_one_that_failed() -> None:
    capture = Shop().capture(pids=(1, 2))
    failed = ProcessCapture(ProcessFacts(3, "/srv/shop-server", problem="process 3 exited"), None, None)
    database = open_database(Capture(capture.bundles, (*capture.processes, failed)))
    assert rows(database, "select pid, goroutines, problem from processes order by pid") == [
        (1, 6, None),
        (2, 6, None),
        (3, None, "process 3 exited"),
    ]
    assert rows(database, "select pid, count(*) from handle group by 1 order by 1") == [(1, 6), (2, 6)]


def test_tables_exist_without_any_process() -> None:
    capture = Shop().capture(pids=())
    database = open_database(capture)
    assert rows(database, "select * from handle") == []
    assert rows(database, "select * from waiting") == []


def test_a_column_whose_type_differs_between_binaries_is_json() -> None:
    shop, other = Shop(), Shop()
    block = other.plan.blocks[0]
    customer = dataclasses.replace(block.columns[1], types=(other.go.int64.id,))
    other.plan = dataclasses.replace(
        other.plan, blocks=(dataclasses.replace(block, columns=(block.columns[0], customer, block.columns[2])),)
    )
    one, two = shop.capture(pids=(1,)), other.capture(pids=(2,))
    second = dataclasses.replace(two.processes[0], facts=dataclasses.replace(two.processes[0].facts, bundle=1))
    database = open_database(Capture((*one.bundles, *two.bundles), (one.processes[0], second)))
    types = dict(database.tables()[4].columns)
    assert types["customer"] == "JSON"
    assert types["request"] == "STRUCT(id BIGINT, path VARCHAR)"
    assert rows(database, "select customer from handle where goid = 99 and pid = 1") == [("big",)]


def test_a_block_in_a_program_has_rows_in_its_processes_alone() -> None:
    shop = Shop()
    block = dataclasses.replace(shop.plan.blocks[0], program="client")
    shop.plan = dataclasses.replace(shop.plan, blocks=(block,))
    capture = shop.capture(pids=(1, 2))
    client = dataclasses.replace(capture.processes[0].facts, programs=("client",))
    processes = (dataclasses.replace(capture.processes[0], facts=client), capture.processes[1])
    database = open_database(Capture(capture.bundles, processes))
    assert rows(database, "select pid, count(*) from handle group by 1") == [(1, 6)]
    assert rows(database, "select count(*) from goroutines") == [(12,)]


def test_truncated_stacks_keep_true_depths() -> None:
    shop = Shop(waiting=0)
    writer = shop.writer
    writer.stack(7, [0x1200, 0x1300], [0x1400, 0x1500], frames=1004)
    shop._goroutine(50, stack=7, reason=1, since=0)
    for frame in (1, 500, 1002):
        shop._row(50, stack=7, frame=frame, customer=b"x")
    database = open_database(shop.capture())
    sql = "select depth, function from frames where stack_id = 7 order by depth"
    assert rows(database, sql) == [
        (0, "sync.(*Mutex).Lock"),
        (1, "main.(*server).lock"),
        (2, "main.(*server).handle"),
        (1003, "main.main.func1"),
        (1004, "runtime.goexit"),
    ]
    assert rows(database, "select frames, truncated from stacks where stack_id = 7") == [(1005, 1000)]
    assert rows(database, "select depth from handle where goid = 50 order by 1") == [(2,), (501,), (1003,)]


def test_paths_that_are_not_utf_8() -> None:
    shop = Shop(waiting=0)
    (process,) = shop.capture().processes
    facts = dataclasses.replace(process.facts, executable="/srv/sh\udceb", core="/tmp/\udc80", notes=("\ud800",))
    broken = dataclasses.replace(facts, problem="no /srv/sh\udceb here")
    capture = Capture(
        shop.capture().bundles, (dataclasses.replace(process, facts=facts), ProcessCapture(broken, None, None))
    )
    found = rows(open_database(capture), "select executable, core, notes, problem from processes")
    assert found[0] == (r"/srv/sh\xeb", r"/tmp/\x80", r"\ud800", None)
    assert found[1][3] == r"no /srv/sh\xeb here"


def test_code_outside_of_go_has_an_address_and_no_name() -> None:
    shop = Shop(waiting=0)
    shop.writer.stack(7, [0x7FFF_0000 | PC_EXACT, 0x1400])
    database = open_database(shop.capture())
    sql = "select function, file, line, hidden, pc from frames where stack_id = 7 order by depth"
    assert rows(database, sql)[0] == (None, None, None, False, 0x7FFF_0000)


def test_symbols_survive_their_file_form() -> None:
    table = symbol_table()
    again = type(table).from_bytes(table.to_bytes(), "symbols")
    assert again.names == table.names
    assert json.loads(table.to_bytes()) == json.loads(again.to_bytes())
