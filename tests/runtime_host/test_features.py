"""What the kernel has is found out by trying, and what it hasn't gets a name; old kernels are simulated here, and
booted by `make test-kernels`."""

from __future__ import annotations

import pytest

from sey.binary.errors import SeyError
from sey.runtime import features
from sey.runtime.features import Feature, LackingError
from sey.runtime.host_errors import KernelLacks
from sey.runtime.libbpf import BpfObject
from tests.runtime_host.objects import emit_object
from tests.support.kernel import require_bpf


def test_this_kernel_has_them_all() -> None:
    require_bpf()
    assert features.missing_for_snapshots() is None
    assert all(feature.attempt() for feature in (*features.SNAPSHOT_FEATURES, features.RING_BUFFER))
    assert features.release() >= features.OLDEST


def test_a_helper_that_no_kernel_has() -> None:
    require_bpf()
    with pytest.raises(LackingError, match="func"):
        features._helper(9999, 0)


def test_a_kind_of_map_that_no_kernel_has() -> None:
    require_bpf()
    with pytest.raises(LackingError, match="refuses to make one"):
        features._map(9999, 4, 8, 1, 0)


def _lacking() -> str:
    raise LackingError("no")


def test_old_kernels_that_lack_something_are_refused_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_bpf()
    monkeypatch.setattr(features, "release", lambda: (5, 19))
    monkeypatch.setattr(features, "SNAPSHOT_FEATURES", (features.LOOPS, Feature("good taste", "9.9", _lacking)))
    with BpfObject.open(emit_object()) as probe, pytest.raises(SeyError) as error:
        probe.load()
    (problem,) = error.value.problems
    assert isinstance(problem, KernelLacks)
    assert problem.feature == "good taste, which came with Linux 9.9"
    assert "--engine interp" in (problem.advice() or "")


def test_old_kernels_that_have_it_all_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    require_bpf()
    monkeypatch.setattr(features, "release", lambda: (5, 14))
    with BpfObject.open(emit_object()) as probe:
        probe.load()
