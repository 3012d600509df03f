"""The rules of Go's dumps for names and hidden frames (runtime/traceback.go)."""

from __future__ import annotations

import numpy as np
import pytest

from sey.binary.buildinfo import GoVersion
from sey.binary.visibility import (
    Visibility,
    classify,
    hidden,
    is_exported_runtime,
    is_runtime_function,
    is_system_goroutine,
    printed_name,
)

OLD, NEW = GoVersion(1, 26, 8, "go1.26.8"), GoVersion(1, 27, 3, "go1.27.3")


@pytest.mark.parametrize(
    ("raw", "old", "new"),
    [
        ("main.main", "main.main", "main.main"),
        ("runtime.gopanic", "panic", "panic"),
        ("main.F[go.shape.int]", "main.F[...]", "main.F[...]"),
        ("main.(*L[...]).Put.func1", "main.(*L[...]).Put.func1", "main.(*L[...]).Put.func1"),
        ("slices.Index[go.shape.[]string,go.shape.string]", "slices.Index[...]", "slices.Index[...]"),
        ("main.F[...].main.G[...].func2", "main.F[...].func2", "main.F[...].main.G[...].func2"),
        ("main.(*T[a[b]]).M[c].func1", "main.(*T[...].func1", "main.(*T[...]).M[...].func1"),
        ("a[x].b[y].c[z].d", "a[...].d", "a[...].b[...].d"),
        ("x]y[z", "x]y[z", "x]y[z"),
        ("a[b]]c", "a[...]c", "a[...]c"),
        ("a[b[c]", "a[...]", "a[b[c]"),
    ],
)
def test_printed_names(raw: str, old: str, new: str) -> None:
    assert (printed_name(raw, OLD), printed_name(raw, NEW)) == (old, new)


@pytest.mark.parametrize(
    ("name", "exported"),
    [
        ("foo", False),
        ("runtime.foo", False),
        ("runtime.Foo", True),
        ("runtime.(*Func).Name", True),
        ("runtime.(*Gosched).Foo", True),
        ("runtime.(*scheduler).Foo", False),
        ("runtime.Func.name", False),
        ("runtime.(*Func).name", False),
        ("runtime.", False),
        ("runtime.a.B", False),
        ("main.Foo", False),
    ],
)
def test_exported_runtime(name: str, exported: bool) -> None:
    assert is_exported_runtime(name) == exported


@pytest.mark.parametrize(
    ("name", "wrapper", "expected"),
    [
        ("main.main", False, Visibility.SHOWN),
        ("main.T.Do", True, Visibility.WRAPPER),
        ("runtime.errorString.Error", True, Visibility.HIDDEN),
        ("runtime.goexit", False, Visibility.HIDDEN),
        ("runtime.GC", False, Visibility.SHOWN),
        ("runtime.gopanic", False, Visibility.PANIC),
        ("runtime.sigpanic", False, Visibility.HIDDEN_PANIC),
        ("runtime.runFinalizers", False, Visibility.SHOWN),
        ("runtime.runfinq", False, Visibility.HIDDEN),
        ("gogo", False, Visibility.HIDDEN),
    ],
)
def test_classes(name: str, wrapper: bool, expected: Visibility) -> None:
    assert classify(name, wrapper=wrapper) is expected


@pytest.mark.parametrize(
    ("stack", "shown"),
    [
        ("SSH", "SS."),
        ("HHH", "HHH"),  # Nothing would show, so all does.
        ("SWSH", "S.S."),
        ("SPWS", "SPWS"),  # The wrapper called gopanic.
        ("SHXWSH", "S..WS."),  # X: sigpanic. The wrapper it interrupted shows.
        ("PSH", ".S."),  # A panic on top.
        ("HPSPS", "..SPS"),
        ("WSH", ".S."),
        ("PP", "PP"),
        ("", ""),
    ],
)
def test_hidden_frames(stack: str, shown: str) -> None:
    codes = {"S": Visibility.SHOWN, "H": Visibility.HIDDEN, "W": Visibility.WRAPPER, "P": Visibility.PANIC}
    codes["X"] = Visibility.HIDDEN_PANIC
    visibility = np.array([codes[c] for c in stack], dtype=np.uint8)
    found = hidden(visibility, np.array([0, len(stack)]))
    assert "".join("." if hide else c for c, hide in zip(stack, found, strict=True)) == shown
    # The same in the middle of others, empty ones among them.
    around = np.concatenate(([Visibility.PANIC, Visibility.SHOWN], visibility, [Visibility.WRAPPER])).astype(np.uint8)
    starts = np.array([0, 0, 2, 2, 2 + len(stack), 3 + len(stack), 3 + len(stack)])
    assert hidden(around, starts)[2:-1].tolist() == found.tolist()


def test_system_goroutines() -> None:
    names = ["main.main.func1", "runtime.main", "runtime.bgsweep", "runtime.runFinalizers", "runtime.corostart"]
    assert [is_system_goroutine(n, in_user_code=False) for n in names] == [False, False, True, True, False]
    assert [is_system_goroutine(n, in_user_code=True) for n in names] == [False, False, True, False, False]


def test_functions_of_the_runtime() -> None:
    names = ["runtime.gopark", "internal/runtime/atomic.Load", "gogo", "runtime/pprof.Do", "main.f", "os.(*File).close"]
    assert [is_runtime_function(name) for name in names] == [True, True, True, False, False, False]
