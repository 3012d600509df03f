"""Cores of Go programs that crash: the goroutine that did, with its values, and those beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.support import ended, kernel_cores, tables
from tests.support.gobuild import build, matrix
from tests.support.target import Target

SPEC = 'func "main.crash" as crash { order as held }\nfunc "main.wait" as wait { order as held }'
PARAMETERS = matrix([("1.26", "plain")], ("1.21",), ("pie",))
# The program's own frames of the goroutine that was running, innermost first, up to the function it started with.
OWN = {
    "panic": ["main.bring", "main.crash"],
    "nil": ["main.bring", "main.crash"],
    "caught": ["main.caught.func1", "main.caught", "main.bring", "main.crash"],
    "throw": [],
}
# What of the runtime has to lie above them.
CAUSE = {"panic": "panic", "nil": "runtime.sigpanic", "caught": "panic", "throw": "runtime.mapassign_fast64"}


@pytest.mark.parametrize("how", OWN)
@pytest.mark.parametrize("built", PARAMETERS)
def test_a_crash(built: tuple[str, str], how: str, tmp_path: Path) -> None:
    executable = build("crash", go=built[0], mode=built[1])
    with kernel_cores(tmp_path), Target(executable, env={"GOTRACEBACK": "crash"}) as target:
        target.tell(how)
        core = ended(target, tmp_path, None)
    found = tables(core, executable, SPEC)
    core.unlink()

    order = {"ID": 4711, "Customer": "acme", "Items": ["ink", "paper"]}
    assert found.rows("select held, held__status as status from crash") == [{"held": order, "status": "ok"}]
    waiting = [{"ID": n, "Customer": f"waiting-{n}", "Items": ["tea"]} for n in range(3)]
    assert [row["held"] for row in found.rows("select held from wait order by held.ID")] == waiting

    running = found.rows("""
        select goid, list(function order by depth) as functions from goroutines join frames using (stack_id)
        where status = 'running' group by goid""")
    assert running
    for goroutine in running:
        functions = goroutine["functions"]
        assert functions[-1] == "runtime.goexit"
        own = [name for name in functions if name.startswith("main.")]
        assert own[:-1] == OWN[how]
    assert any(CAUSE[how] in goroutine["functions"] for goroutine in running)
    assert {row["ended"] for row in found.rows("select ended from stacks")} == {"complete"}
