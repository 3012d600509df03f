"""The statement `link`: what it says, and what is told of links that could only be empty."""

from __future__ import annotations

import pytest

from sey.frontend.bound import LinkSide
from sey.frontend.diagnostics import SpecError
from tests.language.test_bind import bind_text, codes

INFO = 'func "main.(*server).GetInfo" as info { request, n, cs as server, &cs.mu as lock }\n'


def test_a_link_names_tables_and_columns_wherever_it_stands() -> None:
    text = f"""link calls: info(n, request) = other(m, request) "call to its handler"
{INFO}table other = "select 1"
link same: info(pid, lock,) = info(pid, raw_server)
column info.late boolean = "n > 3"
link link: goroutines(goid) = info(late)
"""
    spec, warnings = bind_text(text)
    assert not warnings
    assert [(link.name, link.source, link.target, link.title) for link in spec.links] == [
        ("calls", LinkSide("info", ("n", "request")), LinkSide("other", ("m", "request")), "call to its handler"),
        ("same", LinkSide("info", ("pid", "lock")), LinkSide("info", ("pid", "raw_server")), ""),
        ("link", LinkSide("goroutines", ("goid",)), LinkSide("info", ("late",)), ""),
    ]


@pytest.mark.parametrize(
    ("link", "code"),
    [
        ("a: info(nn) = info(n)", "SEY0230"),
        ("a: info(n__other) = info(n)", "SEY0230"),
        ("a: info(n, request) = info(n)", "SEY0231"),
        ("a: info(n) = info(request)", "SEY0232"),
        ("a: info(lock) = info(n__status)", "SEY0232"),
        ("a: processes(pid) = info(pid)", "SEY0233"),
        ("a: nowhere(pid) = info(pid)", "SEY0209"),
        ("info: info(n) = info(n)", "SEY0206"),
        ("stacks: info(n) = info(n)", "SEY0208"),
        ("a: info() = info(n)", "SEY0108"),
        ("a info(n) = info(n)", "SEY0108"),
    ],
)
def test_wrong_links(link: str, code: str) -> None:
    assert codes(f"{INFO}link {link}") == [code]


def test_what_a_column_is_called_that_was_misspelled() -> None:
    with pytest.raises(SpecError) as wrong:
        bind_text(f"{INFO}link a: info(reqest) = info(request)")
    (problem,) = wrong.value.problems
    assert problem.message() == "`info` has no column `reqest`"
    assert "request" in str(problem.advice())
