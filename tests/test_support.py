"""The helpers that other tests rely on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.gobuild import build
from tests.support.godump import DumpError, Elided, Frame, Goroutine, parse_dump
from tests.support.target import TargetError, run_target

DUMP = """\
SIGQUIT: quit
PC=0x47d1e1 m=0 sigcode=0

goroutine 1 [running]:
main.(*list[...]).Push(0x1a7f0d78eda8, {0x4f1, 0x2?})
\t/src/zoo/calls.go:104 +0x47
main.main()
\t/src/zoo/main.go:72 +0x6ef

goroutine 18 [chan receive, 2 minutes, locked to thread]:
main.wait(...)
\t/src/with space/calls.go:94
panic({0x4a7?, 0x5b?})
\t/go/src/runtime/panic.go:787 +0x132
...405 frames elided...
main.recurse(0x258, {0x0, 0x1, 0x2, 0x3})
\t/src/zoo/calls.go:110
created by main.start in goroutine 1
\t/src/zoo/main.go:39 +0x3c

goroutine 0 gp=0x5c1 m=0 mp=0x5d2 [idle]:
\tgoroutine running on other thread; stack unavailable

goroutine 9 gp=0xc000582380 m=nil [select (no cases)] {customer: "acme, \\"inc\\"", request: 42}:
runtime.gopark(0x0?, 0x0?, 0x0?, 0x0?, 0x0?)
\t/go/src/runtime/proc.go:435 +0xce fp=0xc000 sp=0xc001 pc=0x46
created by runtime.gcenable in goroutine 1
\t/go/src/runtime/mgc.go:204 +0x66

goroutine 5 [sleep labels:{"k": "v"}]:
time.Sleep(0x1)
\t/go/src/runtime/time.go:300 +0xf2
created by time.goFunc
\t/go/src/time/sleep.go:215 +0x2d

rax    0x0
"""


def test_dump_is_read_as_go_prints_it() -> None:
    first, second, idle, labelled, quoted = parse_dump(DUMP)
    assert first == Goroutine(
        1,
        "running",
        frames=(
            Frame("main.(*list[...]).Push", "/src/zoo/calls.go", 104, offset=0x47),
            Frame("main.main", "/src/zoo/main.go", 72, offset=0x6EF),
        ),
    )
    assert second == Goroutine(
        18,
        "chan receive",
        minutes=2,
        locked=True,
        frames=(
            Frame("main.wait", "/src/with space/calls.go", 94, inlined=True),
            Frame("panic", "/go/src/runtime/panic.go", 787, offset=0x132),
            Elided(405),
            Frame("main.recurse", "/src/zoo/calls.go", 110),
        ),
        created_by=Frame("main.start", "/src/zoo/main.go", 39, offset=0x3C),
        parent=1,
    )
    assert (idle.id, idle.state, idle.stack_unavailable) == (0, "idle", True)
    assert (labelled.state, labelled.labels) == ("select (no cases)", {"customer": 'acme, "inc"', "request": "42"})
    assert labelled.functions() == ["runtime.gopark"]
    assert (quoted.labels, quoted.parent) == ({"k": "v"}, None)
    assert quoted.created_by == Frame("time.goFunc", "/go/src/time/sleep.go", 215, offset=0x2D)


@pytest.mark.parametrize(
    "stack", ["main.f(0x1)\nno location", "main.f(0x1)\n\t/src/main.go", "neither a frame nor a remark"]
)
def test_dump_with_a_strange_line_is_refused(stack: str) -> None:
    with pytest.raises(DumpError):
        parse_dump(f"goroutine 1 [running]:\n{stack}\n")


@pytest.fixture(scope="module", params=["plain", "cgo"])
def zoo(request: pytest.FixtureRequest) -> Path:
    return build("zoo", mode=request.param)


def test_zoo_waits_in_every_way_and_says_so(zoo: Path) -> None:
    with run_target(zoo, "-spin", "0") as target:
        dump = target.dump()
        assert len(dump) == target.greeting["goroutines"] == int(target.ask("count"))
        assert [g.state for g in dump if g.state in ("running", "runnable")] == ["running"]
        assert {
            "IO wait",
            "chan receive",
            "chan receive (nil chan)",
            "chan send",
            "chan send (nil chan)",
            "coroutine",
            "select",
            "select (no cases)",
            "sleep",
            "sync.Cond.Wait",
            "sync.Mutex.Lock",
            "sync.RWMutex.Lock",
            "sync.RWMutex.RLock",
            "syscall",
        } <= {g.state for g in dump}
        elided = [frame.count for g in dump for frame in g.frames if isinstance(frame, Elided)]
        assert elided == [502]  # 601 calls and the closure, less 50 at either end.
        pid = target.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_stack_found_in_c_code_is_dumped_as_words() -> None:
    dump = """goroutine 0 gp=0x1a142d63ab40 m=2 mp=0x1a142d67e808 [idle]:
runtime: g 0 gp=0x1a142d63ab40: unknown pc 0x7fd624aeddd4
stack: frame={sp:0x7fd5ddefea20, fp:0x0} stack=[0x7fd5dd6ff728,0x7fd5ddeff328)
00007fd5ddefe930: 00000000 00000000  00000000 0074f3f0  ..........t.....
00007fd5ddefe940: 00007fd5 d80015d0  00000000 00801000  .............(.)
"""
    assert parse_dump(dump) == [Goroutine(0, "idle")]


def test_zoo_ends_with_the_runtime_frames_when_asked(zoo: Path) -> None:
    with run_target(zoo, "-spin", "0", env={"GOTRACEBACK": "system"}) as target:
        everything = parse_dump(target.quit_dump())
    assert any("runtime.gcBgMarkWorker" in g.functions() for g in everything)
    assert any("runtime.gopark" in g.functions() for g in everything)


def test_target_that_fails_is_reported_with_its_words(zoo: Path) -> None:
    with pytest.raises(TargetError, match="flag provided but not defined"), run_target(zoo, "-no-such-flag"):
        pass


def test_target_that_says_nothing_is_given_up() -> None:
    with pytest.raises(TargetError, match="no answer within"), run_target(Path("/bin/sleep"), "60", timeout=0.2):
        pass


def test_same_program_is_built_once() -> None:
    first = build("zoo")
    stamp = first.stat().st_mtime_ns
    assert build("zoo") == first
    assert first.stat().st_mtime_ns == stamp
    assert build("zoo", flags=("-tags=other",)) != first


def test_values_says_what_its_frames_hold() -> None:
    with run_target(build("values"), "-spin=false") as target:
        frames = target.ask_json("expected")
        held = {frame["function"]: frame["variables"] for frame in frames}
        running = {g.id for g in target.dump()}
        assert target.ask_json("globals")["main.globalInt"] == {"type": "int", "value": -77}
    assert held["main.integers"]["i64"] == {"type": "int64", "value": -(2**63)}
    assert held["main.floats"]["negzero"]["value"].hex() == "-0x0.0p+0"
    assert held["main.stringsOfAllSorts"]["invalid"]["value"] == r"a\xff\xfeb\x80"
    assert held["main.pointers"]["null"]["value"] == {"$status": "nil"}
    assert held["main.pointers"]["self"]["value"]["$pointer"]["Next"] == {"$pointer": {"$cycle": True}}
    assert held["main.interfaces"]["value"]["value"] == {"type": "main.point", "value": {"X": 3, "Y": 4}}
    assert {frame["goid"] for frame in frames} <= running


def test_many_parks_as_many_as_asked() -> None:
    with run_target(build("many"), "-n", "500", "-distinct", "4") as target:
        assert target.greeting["parked"] == 500
        assert target.ask_json("dump")["bytes"] > 500 * 100


def test_churn_keeps_going_round() -> None:
    with run_target(build("churn"), "-threads", "-children", "-goroutines", "-spin", "1") as target:
        deadline = time.monotonic() + 20
        beats: dict[str, int] = {"none yet": 0}
        while not all(beats.values()) and time.monotonic() < deadline:
            beats = target.ask_json("beats")
        assert set(beats) == {"threads", "children", "goroutines", "spins", "sleeps"}
        assert all(beats.values()), beats
