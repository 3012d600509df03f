"""Every variable of every frame of a corpus of programs, by topic, beside Delve's reading of the same core.

`tests/targets/corpus` has a package for each topic. A value that differs from Delve's is wrong, unless Delve is known
to be (`faults.py`); one that is missing has a status that says why. What the compiler's optimizer left of a variable is
compared with the build that keeps all of them: where there is a value, it is the same.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.support import gdb_core
from tests.delve import dlv
from tests.delve.differences import Compared, Report, compare
from tests.support.freeze import stopped
from tests.support.gobuild import build
from tests.support.kernel import require_ptrace
from tests.support.target import Target

_OWN = r"main\.|example\.org/corpus/"
_FAST, _RELEASES, _MODES = ("1.26",), ("1.21", "1.23", "1.24", "1.26", "1.27"), ("plain", "noopt")
_MISSING = {"not_live", "optimized_out"}
_LEAST_EQUAL = {"plain": 200, "noopt": 300}
# What differs from run to run: a condition knows its own address, and a time passes.
# Go 1.21's optimizer counts a loop up before the call that ends its body, and its debug information calls the slot with
# the new count `i` from there on (Delve shows it, too). Only the code itself tells that the body is not at its end.
_VARYING = {
    ("example.org/corpus/atomics.condition", "cond"),
    ("example.org/corpus/contexts.times", "took"),
    ("example.org/corpus/channels.sender", "i"),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(r, marks=() if r in _FAST else pytest.mark.matrix) for r in _RELEASES],
)
def reports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """The comparison of each way of building with one release."""
    require_ptrace()
    dlv.install()
    folder = tmp_path_factory.mktemp("cores")
    return {mode: _report(request.param, mode, folder) for mode in _MODES}


def _report(release: str, mode: str, folder: Path) -> Report:
    executable = build("corpus", go=release, mode=mode)
    with Target(executable) as target, stopped(target.pid):
        core = gdb_core(target.pid, folder / mode)
    try:
        return compare(core, executable, _OWN)
    finally:
        core.unlink()


@pytest.mark.parametrize("mode", _MODES)
def test_no_value_differs_from_delves(reports: dict[str, Report], mode: str) -> None:
    report = reports[mode]
    assert not report.wrong, "\n".join(map(str, [report, *report.wrong]))
    assert report.variables["equal"] >= _LEAST_EQUAL[mode], str(report)


@pytest.mark.parametrize("mode", _MODES)
def test_every_missing_variable_says_why(reports: dict[str, Report], mode: str) -> None:
    unexplained = [one for one in reports[mode].missing if one.status not in _MISSING and not _is_shape(one)]
    assert not unexplained, "\n".join(map(str, unexplained))


def _is_shape(one: Compared) -> bool:
    """Whether it is a pointer of generic code, whose type is only in a dictionary."""
    return one.status == "unsupported" and "go.shape.*" in one.frame.function


@pytest.mark.parametrize("mode", _MODES)
def test_both_see_the_same_frames(reports: dict[str, Report], mode: str) -> None:
    assert not reports[mode].unmatched


def test_what_the_optimizer_left_is_what_all_of_it_shows(reports: dict[str, Report]) -> None:
    whole, left = (reports[mode].shown() for mode in ("noopt", "plain"))
    both = (left.keys() & whole.keys()) - {key for key in left if key[:2] in _VARYING}
    assert len(both) > 100
    unlike = {key: (left[key] - whole[key], whole[key]) for key in both if not left[key] <= whole[key]}
    assert not unlike, "\n".join(f"{key}: {ours} instead of {theirs}" for key, (ours, theirs) in unlike.items())
