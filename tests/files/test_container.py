"""Both file formats: round trips, every kind of damage, and files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import stat
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sey.binary.errors import Exit, SeyError
from sey.ir.artifacts import BpfProgram, Place
from sey.ir.plan import PLAN_VERSION
from sey.runtime import container
from sey.runtime.bundle import Bundle
from sey.runtime.capture import Capture
from sey.runtime.container import BUNDLE, CAPTURE
from sey.runtime.database import open_database
from sey.runtime.files import remove_unfinished, replacing, write_whole
from tests.fuzz.damage import lying
from tests.support.captures import Shop


def packed(sections: dict[str, bytes]) -> bytes:
    return b"".join(container.pack(CAPTURE, sections))


def code_of(action: object) -> str:
    with pytest.raises(SeyError) as error:
        action()  # type: ignore[operator]
    return error.value.problems[0].code


@given(st.dictionaries(st.text("abc/0", min_size=1, max_size=40), st.binary(max_size=100), max_size=5))
def test_sections_survive(sections: dict[str, bytes]) -> None:
    _, opened = container.unpack("x", packed(sections), CAPTURE)
    assert {name: bytes(data) for name, data in opened.sections.items()} == sections


@settings(max_examples=300)
@given(st.data())
def test_no_change_goes_unnoticed(data: st.DataObject) -> None:
    whole = packed({"a": b"hello", "b": b"", "c/1": bytes(range(64))})
    kind = data.draw(st.sampled_from(["flip", "cut", "grow"]))
    if kind == "flip":
        at = data.draw(st.integers(0, len(whole) - 1))
        changed = bytearray(whole)
        changed[at] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        changed = bytearray(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        changed = bytearray(whole + data.draw(st.binary(min_size=1, max_size=9)))
    with pytest.raises(SeyError) as error:
        container.unpack("x", bytes(changed), CAPTURE)
    assert error.value.exit_status == Exit.FILE


@given(st.binary(max_size=200), st.sampled_from([b"", b"SEYC", b"SEYP\x01\0\0\0"]))
def test_random_bytes_are_no_file(data: bytes, head: bytes) -> None:
    with pytest.raises(SeyError):
        container.unpack("x", head + data, CAPTURE, BUNDLE)


def test_a_newer_format_is_called_newer() -> None:
    newer = bytearray(packed({"a": b"x"}))
    struct.pack_into("<I", newer, 4, 2)
    assert code_of(lambda: container.unpack("x", bytes(newer), CAPTURE)) == "SEY0703"


@pytest.mark.parametrize(("step", "code"), [(1, "SEY0703"), (-1, "SEY0706")])
def test_a_plan_of_another_version_is_called_newer_or_older(step: int, code: str) -> None:
    bundle = Shop().bundle()
    sections = bundle.sections()
    plan = bytes(sections["b0/plan"])
    ours, other = (b'{"version":%d,' % version for version in (PLAN_VERSION, PLAN_VERSION + step))
    assert plan.startswith(ours)
    sections["b0/plan"] = plan.replace(ours, other + b'"something":"new",', 1)
    data = b"".join(container.pack(BUNDLE, sections))
    assert code_of(lambda: Bundle.from_bytes("x", data)) == code


def test_the_other_format_is_named() -> None:
    data = Shop().bundle().to_bytes()
    with pytest.raises(SeyError) as error:
        Capture.from_bytes("x.seyp", data)
    assert error.value.problems[0].message() == "x.seyp is a probe bundle (.seyp), not a capture (.seyc)"


def test_bundles_survive_and_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    bundle = Shop().bundle()
    program = made_up_program()
    binary = bundle.binaries[0]
    full = Bundle(bundle.spec_path, bundle.spec, (type(binary)(**(vars(binary) | {"program": program})), binary))
    full.save(str(tmp_path / "a.seyp"))
    assert Bundle.load(str(tmp_path / "a.seyp")) == full
    assert (tmp_path / "a.seyp").read_bytes() == full.to_bytes() == Bundle.load(str(tmp_path / "a.seyp")).to_bytes()
    assert full.for_identity(binary.identity) == full.binaries[0]


def made_up_program() -> BpfProgram:
    place, buffers = Place("m", 0, 8), {"in_regs": Place("m", 8, 1 << 21), "out_counters": Place("m", 1 << 22, 256)}
    buffers |= dict.fromkeys(("in_bias", "in_deadline", "in_share", "in_shares", "in_pages", "out_when"), place)
    dicts = {"stacks": "a", "threads": "b"}
    return BpfProgram(b"\x7fELF object", "walk", "out", 1 << 26, place, place, buffers, dicts)


@pytest.mark.parametrize(
    "change",
    [
        {"chunk_bytes": 1 << 40},
        {"chunk_bytes": 8},
        {"pages": ["m", -8, 8]},
        {"pages": ["m", 4, 8]},
        {"pages_used": ["m", 1 << 40, 8]},
        {"buffers": {}},
        {"dicts": {"threads": "b"}},
        {"buffers": made_up_program().facts()["buffers"] | {"in_regs": ["m", 0, 8]}},
    ],
)
def test_facts_of_programs_that_cannot_be(change: dict[str, Any]) -> None:
    bundle = Shop().bundle()
    full = replace(bundle, binaries=(replace(bundle.binaries[0], program=made_up_program()),))
    facts = json.dumps(made_up_program().facts() | change).encode()
    data = b"".join(container.pack(BUNDLE, full.sections() | {"b0/bpf": facts}))
    assert code_of(lambda: Bundle.from_bytes("x", data)) == "SEY0704"


def test_a_bundle_for_no_binary() -> None:
    sections = Shop().bundle().sections() | {"manifest": b'{"spec_path":"","binaries":[]}'}
    assert code_of(lambda: Bundle.from_bytes("x", b"".join(container.pack(BUNDLE, sections)))) == "SEY0704"


LIED_TO = {
    name: bytes(data)
    for name, data in replace(
        Shop().bundle(), binaries=(replace(Shop().bundle().binaries[0], program=made_up_program()),)
    )
    .sections()
    .items()
}


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(["manifest", "b0/plan", "b0/bpf"]), st.randoms(use_true_random=False))
def test_documents_that_lie_are_refused_or_believed_in_full(name: str, random: Random) -> None:
    _, document = lying(LIED_TO[name], random)
    data = b"".join(container.pack(BUNDLE, LIED_TO | {name: document}))
    bundle, error = None, None
    try:
        bundle = Bundle.from_bytes("x", data)
    except SeyError as raised:
        error = raised
    assert error is None or error.exit_status == Exit.FILE
    assert bundle is None or Bundle.from_bytes("x", bundle.to_bytes()) == bundle


def test_captures_survive(tmp_path: Path) -> None:
    capture = Shop().capture(pids=(1, 2))
    path = str(tmp_path / "a.seyc")
    capture.save(path)
    again = Capture.load(path)
    assert again.bundles == capture.bundles
    assert [p.facts for p in again.processes] == [p.facts for p in capture.processes]
    with open_database(again) as database:
        assert list(database.query("select count(*) from handle").rows()) == [(12,)]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def resealed(data: bytes, change: dict[str, bytes]) -> bytes:
    """The file with other contents of some sections and right checksums: damage that checksums can't show."""
    kind, opened = container.unpack("x", data, CAPTURE, BUNDLE)
    sections: dict[str, bytes] = {name: bytes(part) for name, part in opened.sections.items()}
    return b"".join(container.pack(kind, sections | change))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_behind_the_checksums_is_an_error_or_a_capture(data: st.DataObject) -> None:
    whole = b"".join(container.pack(CAPTURE, CAPTURE_SECTIONS))
    name = data.draw(st.sampled_from(sorted(CAPTURE_SECTIONS)))
    part = bytearray(CAPTURE_SECTIONS[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(part) - 1))
        part[at] = data.draw(st.sampled_from([0, 1, 0x30, 0x39, 0x5D, 0x7F, 0xFF, part[at] ^ 1]))
    if data.draw(st.booleans()):
        del part[data.draw(st.integers(0, len(part))) :]
    assert_refused_or_decoded(resealed(whole, {name: bytes(part)}))


def assert_refused_or_decoded(data: bytes) -> None:
    error = None
    try:
        open_database(Capture.from_bytes("x", data)).close()
    except SeyError as raised:
        error = raised
    assert error is None or error.exit_status == Exit.FILE


CAPTURE_SECTIONS = {name: bytes(data) for name, data in Shop(waiting=2).capture().sections().items()}
PLAN_TEXT = bytes(Shop(waiting=1).bundle().sections()["b0/plan"])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_plans_with_changed_numbers_are_refused_or_decode(data: st.DataObject) -> None:
    """Every number of a plan replaced by another one: what passes the check must decode without a crash."""
    numbers = list(re.finditer(rb"\d+", PLAN_TEXT))
    chosen = data.draw(st.sampled_from(numbers))
    other = data.draw(st.sampled_from([0, 1, 2, 3, 7, 8, 16, 24, 63, 1000, 1 << 31, 1 << 40, 1 << 63]))
    plan = PLAN_TEXT[: chosen.start()] + str(other).encode() + PLAN_TEXT[chosen.end() :]
    bundle = resealed(CAPTURE_SECTIONS["bundle0"], {"b0/plan": plan})
    assert_refused_or_decoded(b"".join(container.pack(CAPTURE, CAPTURE_SECTIONS | {"bundle0": bundle})))


# Reading and writing files


def test_what_is_not_a_file_to_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing", Path("/dev/zero")):
        assert code_of(lambda path=path: Capture.load(str(path))) == "SEY0701"
    assert code_of(lambda: Capture.load("a\0b")) == "SEY0701"
    (tmp_path / "empty").write_bytes(b"")
    assert code_of(lambda: Capture.load(str(tmp_path / "empty"))) == "SEY0702"


def test_what_cannot_be_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"old")
    refused = [tmp_path, tmp_path / "pipe", tmp_path / "no" / "such", tmp_path / "file" / "below", Path("/dev/null")]
    for path in refused:
        with pytest.raises(SeyError) as error:
            write_whole(str(path), [b"new"])
        assert error.value.exit_status == Exit.HOST
    assert Path("/dev/null").is_char_device()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "pipe"]


def test_links_are_followed_and_modes_are_private(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o666)
    (tmp_path / "link").symlink_to("real")
    write_whole(str(tmp_path / "link"), [b"a", memoryview(b"b")])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"ab"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o600


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: both end a write in the middle."""
    path = tmp_path / "out.seyc"
    path.write_bytes(b"old")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, old[1]))
    try:
        with pytest.raises(SeyError) as error:
            write_whole(str(path), [bytes(100_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert error.value.problems[0].code == "SEY0711"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.duckdb"

    def interrupted() -> None:
        with replacing(str(path)) as temporary:
            Path(temporary).write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
    with replacing(str(path)) as temporary:
        Path(temporary).write_bytes(b"whole")
    assert path.read_bytes() == b"whole"


WRITER = """
import sys
from sey.runtime.files import write_whole
print("ready", flush=True)
while True:
    write_whole(sys.argv[1], [bytes([n % 256]) * 300_000 for n in range(4)])
"""


@pytest.mark.parametrize("deadly", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_write_leaves_a_whole_file_or_none(tmp_path: Path, deadly: signal.Signals) -> None:
    path = tmp_path / "out"
    for attempt in range(6):
        command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.002 * attempt)
            writer.send_signal(deadly)
        if path.exists():
            assert zlib.crc32(path.read_bytes()) == zlib.crc32(b"".join(bytes([n]) * 300_000 for n in range(4)))
        left = [p.name for p in tmp_path.iterdir() if p != path]
        # Killed between the two calls that give the file its name, a whole one stays under the other name.
        assert deadly is signal.SIGKILL or left == []
        for name in left:
            assert (tmp_path / name).stat().st_size == 1_200_000
            (tmp_path / name).unlink()


def test_leaving_from_within_removes_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("stays")
    with replacing(str(tmp_path / "x")) as temporary:
        for name in (temporary, f"{temporary}.wal"):
            Path(name).write_text("half of it")
        remove_unfinished()
        assert [p.name for p in tmp_path.iterdir()] == ["other"]
        Path(temporary).write_text("all of it")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "x"]


@pytest.mark.parametrize("change", [{"pid": 1 << 31}, {"threads": 1 << 40}, {"counters": {"captured": 1 << 63}}])
def test_numbers_that_no_process_has(change: dict[str, Any]) -> None:
    capture = Shop().capture()
    (process,) = capture.processes
    other = replace(process, facts=replace(process.facts, **change))
    data = b"".join(container.pack(CAPTURE, replace(capture, processes=(other,)).sections()))
    assert code_of(lambda: Capture.from_bytes("x", data)) == "SEY0704"


def test_counters_larger_than_their_columns() -> None:
    capture = Shop().capture()
    (process,) = capture.processes
    counters = dict(process.facts.counters) | {"threads_idle": (1 << 63) - 1, "goroutines": (1 << 63) - 1}
    other = replace(process, facts=replace(process.facts, counters=counters))
    with open_database(replace(capture, processes=(other,))) as database:
        ((idle,),) = database.query("select threads_idle from processes").rows()
    assert idle == (1 << 31) - 1
