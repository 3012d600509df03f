"""What is built here is loaded and run on Debian's kernels; what they captured is compared with the targets' words."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sey.runtime.bundle import Bundle
from sey.runtime.capture import Capture
from tests.kernel.stacks import captured, differences
from tests.kernel.support import Tables
from tests.kernel.test_values import Values, check_values, spec_of
from tests.kernels.debian import SUITES, bpftool, kernel
from tests.kernels.initramfs import pack
from tests.kernels.machine import boot
from tests.kernels.probes import Job, make, write_jobs
from tests.support.godump import parse_dump

pytestmark = [pytest.mark.kernels, pytest.mark.timeout(1200)]

LINES = [pytest.param(line, marks=() if line in ("6.1", "newest") else pytest.mark.matrix) for line in SUITES]
"""Of those that events and snapshots by eBPF are for, the oldest and the newest always, the others by
`make test-kernels`."""
OLD = "5.10"
"""The line of kernels that is too old for eBPF."""


@dataclass(frozen=True)
class Prepared:
    """A file system to boot, and what is in it."""

    initramfs: Path
    jobs: list[Job]
    objects: set[str]


@dataclass(frozen=True)
class Booted:
    """What a guest sent; see `guest`."""

    line: str
    release: str
    doctor: dict[str, Any]
    words: str
    status: int
    objects: dict[str, dict[str, Any]]
    captures: dict[tuple[str, str], dict[str, Any]]
    answers: dict[str, dict[str, Any]]

    @property
    def is_old(self) -> bool:
        """Too old for eBPF."""
        return self.line == OLD


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    work = tmp_path_factory.mktemp("initramfs")
    targets, probes, tools = (work / "root" / name for name in ("targets", "probes", "tools"))
    for folder in (targets, probes, tools):
        folder.mkdir(parents=True)
    shutil.copy2(bpftool(), tools)
    jobs = make(targets, probes)
    write_jobs(jobs, work / "root" / "jobs.json")
    pack(work / "initramfs.cpio", work / "root")
    bundles = {path.name: Bundle.load(str(path)) for path in probes.iterdir()}
    binaries = {f"{name}/{n}": each for name, bundle in bundles.items() for n, each in enumerate(bundle.binaries)}
    objects = binaries.keys() | {f"{name}/events" for name, each in binaries.items() if each.events is not None}
    return Prepared(work / "initramfs.cpio", jobs, objects)


@pytest.fixture(scope="module", params=LINES)
def booted(request: pytest.FixtureRequest, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Booted:
    chosen = kernel(request.param)
    messages = boot(chosen, prepared.initramfs, tmp_path_factory.mktemp("guest"))
    assert [message["error"] for message in messages if "error" in message] == []
    assert messages[0]["kernel"] == chosen.release
    (doctor,) = (message for message in messages if "doctor" in message)
    return Booted(
        line=request.param,
        release=chosen.release,
        doctor=doctor["doctor"],
        words=doctor["words"],
        status=doctor["status"],
        objects={message["object"]: message for message in messages if "object" in message},
        captures={(message["captured"], message["engine"]): message for message in messages if "captured" in message},
        answers={message["target"]: message for message in messages if "told" in message},
    )


def test_every_object_is_loaded_or_refused_for_a_reason(booted: Booted, prepared: Prepared) -> None:
    assert booted.objects.keys() == prepared.objects
    for message in booted.objects.values():
        if booted.is_old:
            lacks = f"SEY0622 this kernel ({booted.release}) lacks the BPF helper bpf_loop"
            assert message["problem"].startswith(lacks)
            assert "--engine interp" in message["problem"]
        else:
            assert message["problem"] is None


def test_bpftool_of_debian_12_loads_every_object_too(booted: Booted) -> None:
    refused = {name for name, message in booted.objects.items() if message["elsewhere"]}
    assert refused == (booted.objects.keys() if booted.is_old else set())


def test_the_doctor_says_what_there_is_and_what_follows(booted: Booted) -> None:
    found = {finding["name"]: finding for finding in booted.doctor["findings"]}
    assert found["kernel"]["detail"] == booted.release
    assert found["BPF maps in shared memory"]["ok"]
    assert found["BPF task iterator"]["ok"]
    assert found["BPF ring buffer"]["ok"]
    assert found["pausing (ptrace)"]["ok"]
    missing = {name for name, finding in found.items() if finding["consequence"] == "no snapshots by eBPF"}
    lacking = {"BPF loops", "BPF sleepable copy", "BPF iterator over one thread"}
    assert missing == (lacking if booted.is_old else set())
    # The guest has the base package alone, and its tracefs isn't mounted; which kernels are old is known.
    assert not found["compiler"]["ok"]
    absent = {name for name, finding in found.items() if not finding["ok"]}
    assert absent - {"tracefs", "kernel", "compiler"} == missing
    assert booted.status == 0
    assert booted.doctor["engines"] == (["interp"] if booted.is_old else ["ebpf", "interp"])
    assert ("but not by eBPF: `--engine interp`" in booted.words) == booted.is_old


def test_captures_are_what_the_targets_tell(booted: Booted, prepared: Prepared, tmp_path: Path) -> None:
    for job in (job for job in prepared.jobs if job.asks):
        assert booted.answers[job.target]["alive"]
        told = booted.answers[job.target]["told"]
        for engine in job.engines:
            message = booted.captures[job.probe, engine]
            if booted.is_old and engine == "ebpf":
                assert (message["status"], message["capture"]) == (3, None)
                assert message["words"].startswith(f"error[SEY0622]: this kernel ({booted.release}) lacks")
                assert "--engine interp" in message["words"]
                continue
            assert message["status"] == 0, message["words"]
            _check(_tables(message, tmp_path), told, job.target)


def test_engines_leave_the_same_bytes(booted: Booted, prepared: Prepared, tmp_path: Path) -> None:
    compared = 0
    for job in (job for job in prepared.jobs if job.asks):
        captures = [booted.captures[job.probe, engine] for engine in job.engines]
        pages = [_tables(each, tmp_path).capture.processes[0].pages for each in captures if each["capture"]]
        first, *others = [None if each is None else each.data.tobytes() for each in pages]
        assert first
        assert all(each == first for each in others)
        compared += len(others)
    assert compared >= (1 if booted.is_old else len(booted.answers))


def test_auto_says_which_engine_it_took_and_why(booted: Booted, prepared: Prepared, tmp_path: Path) -> None:
    message = booted.captures[prepared.jobs[0].probe, "auto"]
    facts = _tables(message, tmp_path).row("select engine, engine_reason as why from processes")
    if booted.is_old:
        why = f"this kernel ({booted.release}) lacks the BPF helper bpf_loop, which came with Linux 5.17"
        assert facts == {"engine": "interp", "why": why}
        assert f"without eBPF: {why}" in message["words"]
    else:
        assert facts == {"engine": "ebpf", "why": None}
        assert "without eBPF" not in message["words"]


def _tables(message: dict[str, Any], folder: Path) -> Tables:
    path = folder / "capture.seyc"
    path.write_bytes(zlib.decompress(base64.b64decode(message["capture"])))
    return Tables(Capture.load(str(path)))


def _check(tables: Tables, told: dict[str, str], target: str) -> None:
    if "dump" in told:
        _check_stacks(tables, told["dump"])
        return
    values = {what: json.loads(text) for what, text in told.items()}
    _, sources = spec_of(values["expected"], values["globals"])
    release = target.removeprefix("values-")
    check_values(Values(release, values["expected"], values["globals"], values["addresses"], tables, sources))


def _check_stacks(tables: Tables, dump: str) -> None:
    """All goroutines but the few that run or moved between the capture and the dump agree with it."""
    ours, dumped = captured(tables), parse_dump(dump)
    assert {goroutine.id for goroutine in dumped} <= ours.keys()
    differing = [goroutine for goroutine in dumped if differences(goroutine, ours[goroutine.id])]
    assert len(differing) <= 10, [differences(goroutine, ours[goroutine.id]) for goroutine in differing]
    assert len(dumped) - len(differing) >= 10
