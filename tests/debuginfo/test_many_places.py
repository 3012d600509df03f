"""Events with many places: what they say of variables there, and that the work only grows with the number of places."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sey.binary.gobinary import open_go
from sey.binary.pclntab import open_pclntab
from sey.binary.stackmaps import StackMaps
from sey.frontend.bind.spec import bind
from sey.frontend.compile import DEFAULT_OPTIONS, compile_spec
from sey.frontend.debuginfo.model import Body
from sey.frontend.debuginfo.open import open_debug_info
from sey.frontend.lower.events import lower_events
from sey.frontend.lower.liveness import Liveness
from sey.frontend.lower.locate import Mode, answers_at, stretches
from sey.frontend.lower.sites import with_words
from sey.frontend.parser import parse
from sey.frontend.source import Source
from tests.support.gobuild import build


@pytest.fixture(scope="module")
def binary() -> Path:
    return build("events")


def test_an_instruction_has_the_answers_of_the_stretch_around_it(binary: Path) -> None:
    info = open_debug_info(str(binary))
    liveness = Liveness(info, StackMaps(open_pclntab(open_go(str(binary)))))
    seen = 0
    for name in ("main.registers", "main.onStack", "main.grows", "main.(*server).handle", "main.once", "main.recovers"):
        for body in info.bodies(name):
            variables = with_words(info.variables(body))
            names = sorted({variable.name for variable in variables})
            for stretch in stretches(body, variables, names, Mode.EXACT, liveness):
                for pc in {stretch.range.lo, stretch.range.hi - 1}:
                    assert answers_at(body, variables, names, pc, liveness) == stretch.answers
                    seen += 1
    assert seen > 100


class Counting:
    """Debug information that counts how often the variables of a body are asked for."""

    def __init__(self, info: Any) -> None:
        self._info, self.asked = info, Counter[Body]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._info, name)

    def variables(self, body: Body) -> Any:
        """The variables."""
        self.asked[body] += 1
        return self._info.variables(body)


@pytest.mark.parametrize(
    ("captures", "most"), [("{ }", 0), ("{ n }", 8), ("when n > 0 { n as n, a as a }", 8)], ids=["none", "one", "two"]
)
def test_the_bodies_of_a_pattern_are_asked_for_their_variables_a_few_times_each(
    binary: Path, captures: str, most: int
) -> None:
    """However many of them there are."""
    info: Any = Counting(open_debug_info(str(binary)))
    source = Source("x.sey", f'event e on return glob "main.*" {captures}')
    spec, _ = bind(parse(source), source, info, binary="events", module=None, allow_missing=False)
    opened = open_go(str(binary))
    lowered = lower_events(spec, info, open_pclntab(opened), str(opened.build.version))
    returns = Counter(probe.function for probe in lowered.plan.probes)
    assert len(returns) > 15
    assert max(info.asked.values(), default=0) <= most + max(returns.values())
    if not most:
        assert not info.asked


def slot_bytes(binary: Path, spec: str) -> int:
    """The memory of a hit."""
    events = compile_spec(Source("x.sey", spec), [str(binary)], DEFAULT_OPTIONS).bundle.binaries[0].events
    assert events is not None
    return events.program.slot_bytes


def test_a_hit_has_no_more_memory_than_its_events_can_use(binary: Path) -> None:
    scalars = 'event a on return "main.leaf" stack 8 { x, ~r0 as r, duration as took }\n'
    followed = 'event b on entry "main.plain" { s, p }\n'
    assert slot_bytes(binary, scalars) < 80 << 10
    assert 80 << 10 < slot_bytes(binary, followed) < 256 << 10
    assert slot_bytes(binary, scalars + followed) < 256 << 10
