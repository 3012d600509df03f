"""`sey report` of captures whose texts and deadlines are odd: neither makes it fail or lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.conftest import run as run
from tests.support.captures import Shop

LATE = b'{"type":"*context.timerCtx","deadline":"2001-02-03T04:05:06Z","cancelled":true}'


def contexts(run: Run, customer: bytes, file: Path) -> list[dict[str, Any]]:
    """What is reported of contexts where goroutine 99 has this text in a variable."""
    Shop(customer=customer).capture().save(str(file))
    for form in ((), ("--html", file.with_suffix(".html"))):
        done = run("report", file, *form)
        assert (done.status, done.err) == (0, "")
    done = run("report", file, "--json")
    assert (done.status, done.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(done.out)["contexts"]
    return found


def test_a_late_one_is_told(run: Run, tmp_path: Path) -> None:
    (late,) = contexts(run, LATE, tmp_path / "late.seyc")
    assert (late["goid"], late["source"], late["name"], late["cancelled"]) == (99, "handle", "customer", True)
    assert late["overdue_ns"] > 24 * 365 * 86_400 * 10**9


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LATE[:-4], id="cut"),
        pytest.param(LATE.replace(b"2001", b"2300"), id="past-2262"),
        pytest.param(LATE.replace(b"2001", b"9999"), id="past-9998"),
        pytest.param(LATE.replace(b"2001-02-03T04:05:06Z", b"soon"), id="no-time"),
    ],
)
def test_what_only_looks_like_a_late_one_is_not(run: Run, text: bytes, tmp_path: Path) -> None:
    assert contexts(run, text, tmp_path / "odd.seyc") == []


def test_a_deadline_before_1677_is_late_by_more_than_64_bits_of_nanoseconds(run: Run, tmp_path: Path) -> None:
    """Go's zero time."""
    (late,) = contexts(run, LATE.replace(b"2001-02-03T04:05:06Z", b"0001-01-01T00:00:00Z"), tmp_path / "zero.seyc")
    assert late["overdue_ns"] > 2**63
