"""Names of columns and tables, and the nearest names."""

from __future__ import annotations

import random
import time

import duckdb
import pytest

from sey.frontend.bind.columns import BUILTIN_TABLES, column_of, table_of
from sey.frontend.bind.keywords import SQL_KEYWORDS
from sey.frontend.diagnostics.nearest import Names
from tests.language.test_bind import bind_text, codes


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("request", "request"),
        ("cs.queue[0].id", "cs_queue_0_id"),
        ("len(cs.queue)", "len_cs_queue"),
        ("&cs.mu", "cs_mu"),
        ("n   +\n 1", "n_1"),
        ("-n", "n"),
        ("count &^ 1", "count_1"),
        ('request == "a b"', "request_a_b"),
        ("cs.Jobs", "cs_jobs"),
    ],
)
def test_columns_follow_from_expressions(text: str, column: str) -> None:
    spec, _ = bind_text(f'func "main.(*server).GetInfo" {{ {text} }}')
    assert spec.funcs[0].captures[0].column == column


def test_underscores_of_names_stay() -> None:
    from sey.frontend.ast import Name
    from sey.frontend.source import Span

    assert column_of(Name("_x_", Span(0, 0))) == "_x_"
    assert column_of(Name("Größe", Span(0, 0))) == "größe"


@pytest.mark.parametrize(
    ("function", "table"),
    [
        ("main.main", "main"),
        ("main.(*server).GetInfo", "getinfo"),
        ("main.main.func1", "func1"),
        ("main.main.func1.2", "func1"),
        ("main.(*List[...]).Put", "put"),
        ("main.Map[...]", "map"),
        ("main.Map[go.shape.int]", "map"),
        ("github.com/acme/v2.(*conn).serve-fm", "fm"),
        ("main.init.0", "init"),
        ("main.glob..func1", "func1"),
        ("main.walk-range1", "range1"),
    ],
)
def test_tables_follow_from_functions(function: str, table: str) -> None:
    assert table_of(function) == table


@pytest.mark.parametrize(
    ("name", "code"),
    [("select", "SEY0208"), ("left", "SEY0208"), ("pid", "SEY0208"), ("depth", "SEY0208"), ("a__status", "SEY0208"),
     ("a__detail", "SEY0208"), ("raw_a", "SEY0208"), ("captured_at", "SEY0208"), ("A", "SEY0207"), ("aB", "SEY0207"),
     ("_", "SEY0207"), ("__", "SEY0207")],
)  # fmt: skip
def test_names_that_columns_cannot_have(name: str, code: str) -> None:
    assert codes(f'func "main.(*server).GetInfo" {{ n as {name} }}') == [code]


def test_names_differ_in_more_than_case() -> None:
    assert codes('func "main.(*server).GetInfo" { n, u as n }') == ["SEY0206"]
    assert codes('func "main.(*server).GetInfo" { n, N as nn }') == ["SEY0202"]
    assert codes('func "main.(*server).GetInfo" { n, n }') == ["SEY0206"]
    assert codes('func "main.(*server).GetInfo" { n, n as n2 }') == []


@pytest.mark.parametrize("table", BUILTIN_TABLES)
def test_tables_of_every_capture_are_taken(table: str) -> None:
    assert codes(f'table {table} = "select 1"') == ["SEY0208"]
    assert codes(f'func "main.(*server).GetInfo" as {table} {{ n }}') == ["SEY0208"]


def _accepted_unquoted(word: str) -> bool:
    statements = (
        f"create table t({word} int)",
        f"create table {word}(x int)",
        f'select {word} from (select 1 as "{word}")',
        f'select x from (select 1 as x) as {word}',
    )  # fmt: skip
    connection = duckdb.connect()
    for statement in statements:
        try:
            connection.execute(statement)
        except duckdb.Error:
            return False
    return True


def test_keywords_are_those_that_duckdb_wants_quoted() -> None:
    words = {row[0] for row in duckdb.execute("select keyword_name from duckdb_keywords()").fetchall()}
    refused = {word for word in words if not _accepted_unquoted(word)}
    assert refused <= SQL_KEYWORDS
    # Newer and older DuckDBs differ by a few words; a list that refuses much more than needed would be a nuisance.
    assert len(SQL_KEYWORDS - refused) < 12


def test_the_nearest_names() -> None:
    names = Names(["main.(*server).GetInfo", "main.(*server).SetInfo", "main.main", "net/http.(*conn).serve"])
    assert names.nearest("main.(*server).getinfo") == ("main.(*server).GetInfo",)
    assert names.nearest("GetInfo")[0] == "main.(*server).GetInfo"
    assert names.nearest("main.server.GetInfo")[0] == "main.(*server).GetInfo"
    assert names.nearest("http.(*conn).serve")[0] == "net/http.(*conn).serve"
    assert names.nearest("zzzzzz") == ()
    assert Names([]).nearest("a") == ()
    assert Names(["a", "b"]).nearest("") == ()


def test_the_nearest_of_100_000_functions_are_found_soon() -> None:
    generator = random.Random(3)
    words = ["Get", "Set", "handle", "Server", "conn", "read", "write", "Info", "List", "Node", "watch", "apply"]

    def name(i: int) -> str:
        picked = [generator.choice(words) for _ in range(3)]
        return f"github.com/acme/{picked[0].lower()}{i % 977}.(*{picked[1]}{i % 131}).{picked[2]}{i}"

    every = [name(i) for i in range(100_000)]
    wanted = every[54_321]
    names = Names(every)
    begun = time.process_time()
    assert names.nearest(wanted[:20] + wanted[21:])[0] == wanted
    assert names.nearest(wanted.replace("(*", "").replace(")", ""))[0] == wanted
    assert time.process_time() - begun < 3
