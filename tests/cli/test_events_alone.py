"""A spec of events alone: its snapshot half is that of no spec at all, and isn't compiled again for each one-liner."""

from __future__ import annotations

from pathlib import Path

import pytest

from sey.binary.gobinary import open_go
from sey.binary.identity import identity
from sey.cli.making import make
from sey.cli.probes import Probe
from sey.frontend.compile import compile_spec
from sey.frontend.options import DEFAULT_OPTIONS
from sey.frontend.source import Source
from sey.runtime.bundle import BinaryProbe, Bundle
from tests.support.gobuild import build

_EVENT = 'event one on entry "main.request" { name }\n'


def _never() -> BinaryProbe:
    raise AssertionError("not asked for")


def test_the_half_of_a_snapshot_is_that_of_no_spec() -> None:
    path = str(build("many"))
    none = compile_spec(None, [path]).bundle.binaries[0]
    made = compile_spec(Source("x.sey", _EVENT), [path])
    assert made == compile_spec(Source("x.sey", _EVENT), [path], bare=lambda: none)
    (probe,) = made.bundle.binaries
    assert (probe.ir, probe.bytecode, probe.program) == (none.ir, none.bytecode, none.program)
    assert (probe.plan.spec_path, probe.plan.types) == ("x.sey", none.plan.types)
    assert probe.events is not None
    assert [event.table for event in probe.events.plan.events] == ["one"]


def test_a_spec_with_more_has_a_half_of_its_own() -> None:
    source = Source("x.sey", _EVENT + 'func "main.request" as requests { name }\n')
    (probe,) = compile_spec(source, [str(build("many"))], bare=_never).bundle.binaries
    assert [block.table for block in probe.plan.blocks] == ["requests"]
    assert probe.events is not None


def test_one_liners_share_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEY_CACHE_DIR", str(tmp_path))
    path = str(build("many"))
    found = identity(open_go(path).elf)
    first = make(Probe("", events=('entry "main.request"',)), found, path, DEFAULT_OPTIONS).bundle
    kept = {file.name: Bundle.load(str(file)) for file in (tmp_path / "probes").iterdir()}
    assert sorted(bundle.binaries[0].events is None for bundle in kept.values()) == [False, True]
    second = make(Probe("", events=('return "main.request"',)), found, path, DEFAULT_OPTIONS).bundle
    assert second.binaries[0].bytecode == first.binaries[0].bytecode
    assert len(list((tmp_path / "probes").iterdir())) == 3
