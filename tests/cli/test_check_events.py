"""`sey check` of events: the SQL over their tables, and what of them can't be probed."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.support.gobuild import build


def _checked(run: Run, path: Path, text: str) -> tuple[int, str]:
    spec = path / "x.sey"
    spec.write_text(text)
    done = run("check", spec, build("many"))
    return done.status, done.out


def test_sql_over_events_is_checked(run: Run, tmp_path: Path) -> None:
    events = 'event slow on return "main.request" { name, duration / 2 as half }\n'
    good = 'table t = "select name, duration, thread_id from slow where half > 2"\ncolumn slow.x int = "half + 1"\n'
    assert _checked(run, tmp_path, events + good + 'table seen = "select event, seen from events"') == (
        0,
        f"{tmp_path}/x.sey: fits {build('many')}\n",
    )
    status, out = _checked(run, tmp_path, events + 'table t = "select nme from slow"')
    assert status != 0
    assert "SEY0805" in out


def test_what_events_do_not_see_is_told(run: Run, tmp_path: Path) -> None:
    status, out = _checked(run, tmp_path, 'event len on return "strings.(*Builder).copyCheck" { }')
    assert status == 0
    assert "warning[SEY0236]: event `len` sees nothing of `strings.(*Builder).copyCheck`" in out
    assert "places where it is inlined (" in out
    assert "): nothing returns there" in out
    # At entries it is seen wherever it is inlined.
    assert "warning" not in _checked(run, tmp_path, 'event len on entry "strings.(*Builder).copyCheck" { }')[1]
    status, out = _checked(run, tmp_path, 'event every on return glob "strings.*" { }')
    assert status == 0
    assert "warning[SEY0237]: event `every` doesn't see all of `strings.*`" in out
    assert " more\n" in out
    assert "warning" not in _checked(run, tmp_path, 'event one on entry "main.request" { }')[1]


def test_what_is_in_scope_at_a_line(run: Run, tmp_path: Path) -> None:
    inside = _checked(run, tmp_path, 'event l on line "many/main.go:101" when i > 3 { i, job.Customer as c, n }')
    assert inside == (0, f"{tmp_path}/x.sey: fits {build('many')}\n")
    behind = _checked(run, tmp_path, 'event l on line "many/main.go:104" { n, job }')
    assert "error[SEY0234]: `job` can't be captured here: it isn't in scope at line 104" in behind[1]
    before = _checked(run, tmp_path, 'event l on line "many/main.go:95" { n, greeting }')
    assert "`greeting` can't be captured here: it is declared behind line 95, at line 108" in before[1]
    empty = _checked(run, tmp_path, 'event l on line "many/main.go:83" { }')
    assert "error[SEY0241]" in empty[1]
    assert "the next line with code is 84" in empty[1]
