"""Objects like the compiler's through both copies of libbpf, in the real kernel."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from sey.binary.errors import Problem, SeyError
from sey.runtime import libbpf
from sey.runtime.bpf_errors import load_problem, rejection_reason, source_lines
from sey.runtime.host_errors import BpfFailed, BpfOutOfMemory, KernelLacks, LibbpfMissing, LoadRejected, SourceLine
from sey.runtime.libbpf import BpfObject, Library
from tests.runtime_host.objects import emit_object
from tests.support.kernel import require_bpf

SECRET = ctypes.c_uint64(0x5E1F)


@pytest.fixture(autouse=True)
def _needs_bpf() -> None:
    require_bpf()


@pytest.fixture(params=["system", "wheel"])
def _each_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    path = libbpf.SYSTEM_LIBRARY if request.param == "system" else libbpf.wheel_library()
    if path is None:
        pytest.skip("pylibbpf is not installed")
    chosen = Library(path)
    monkeypatch.setattr(libbpf, "library", lambda: chosen)


@pytest.fixture
def probe() -> Iterator[BpfObject]:
    with BpfObject.open(emit_object()) as opened:
        yield opened


def problem_of(error: pytest.ExceptionInfo[SeyError]) -> Problem:
    return error.value.problems[0]


@pytest.mark.usefixtures("_each_library")
def test_object_is_sized_initialised_loaded_run_and_read(probe: BpfObject) -> None:
    assert set(probe.maps) == {"output", "seen", ".bss", ".bss.host", ".rodata.tables"}
    assert probe.programs == ("walk",)
    probe.map("output").resize(16)
    probe.map("seen").resize(max_entries=64)
    index = 300
    probe.map(".bss.host").set_initial(struct.pack("<4Q", ctypes.addressof(SECRET), 0, index, 0))
    probe.map(".rodata.tables").set_initial(struct.pack("<2Q", 1000, 0))
    probe.load()
    assert not [line for line in probe.messages if "BTF" in line]
    with probe.map("output").mmap() as output, probe.map(".bss.host").mmap() as host, probe.map(".bss").mmap() as bss:
        assert len(output) == 16 * 4096
        assert probe.run_iter("walk", threading.get_native_id()) == b""
        assert struct.unpack_from("<Q", output, 8 * index) == (SECRET.value + 1000,)
        assert struct.unpack_from("<Q", bss) == (1,)
        # The host's section is memory that both sides write.
        host[16:24] = struct.pack("<Q", 7)
        probe.run_iter("walk", threading.get_native_id())
        assert struct.unpack_from("<Q", output, 8 * 7) == (SECRET.value + 1000,)
        assert struct.unpack_from("<Q", bss) == (2,)
    key = struct.pack("<Q", SECRET.value)
    assert probe.map("seen").lookup(key) == key
    assert probe.map("seen").lookup(bytes(8)) is None
    probe.map("seen").update(bytes(8), key)
    assert probe.map("seen").lookup(bytes(8)) == key


@pytest.mark.usefixtures("_each_library")
def test_rejected_program_shows_the_log_and_the_source_line() -> None:
    with BpfObject.open(emit_object(broken=True)) as probe, pytest.raises(SeyError) as error:
        probe.load()
    problem = problem_of(error)
    assert isinstance(problem, LoadRejected)
    assert problem.program == "walk"
    assert "unbounded" in problem.reason or "min value is outside" in problem.reason
    assert problem.lines[0].text == "request"
    assert (problem.lines[0].file, problem.lines[0].number) in {("shop.sey", 2), ("", 0)}
    assert "call bpf_copy_from_user_task#191" in problem.log


def test_unknown_helper_is_an_old_kernel() -> None:
    with BpfObject.open(emit_object(helper=9999)) as probe, pytest.raises(SeyError) as error:
        probe.load()
    problem = problem_of(error)
    assert isinstance(problem, KernelLacks)
    assert "helper number 9999" in problem.message()


def test_iterators_attached_before_run_at_once(probe: BpfObject) -> None:
    probe.map(".bss.host").set_initial(struct.pack("<4Q", ctypes.addressof(SECRET), 0, 0, 0))
    probe.load()
    iterators = [probe.iterator("walk", threading.get_native_id()) for _ in range(2)]
    with probe.map(".bss").mmap() as bss:
        assert struct.unpack_from("<Q", bss) == (0,)
        for iterator in iterators:
            iterator.run()
        assert struct.unpack_from("<Q", bss) == (2,)


def test_program_runs_for_the_one_thread_asked_for(probe: BpfObject) -> None:
    """A `pid` in the link would run it once a thread."""
    stop = threading.Event()
    others = [threading.Thread(target=stop.wait) for _ in range(3)]
    for each in others:
        each.start()
    try:
        probe.load()
        probe.run_iter("walk", os.getpid())
        with probe.map(".bss").mmap() as bss:
            assert struct.unpack_from("<Q", bss) == (1,)
    finally:
        stop.set()


def test_thread_that_is_gone(probe: BpfObject) -> None:
    probe.load()
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with contextlib.suppress(SeyError):  # some kernels refuse to attach, others run it without a task
        probe.run_iter("walk", child.pid)
    with probe.map(".bss").mmap() as bss:
        assert struct.unpack_from("<Q", bss) == (0,)


def test_sections_have_fixed_sizes(probe: BpfObject) -> None:
    with pytest.raises(ValueError, match="size is fixed"):
        probe.map(".bss").resize(value_size=8192)
    with pytest.raises(ValueError, match="holds 32 bytes"):
        probe.map(".bss.host").set_initial(b"short")


def test_keys_of_wrong_size_are_refused(probe: BpfObject) -> None:
    probe.load()
    with pytest.raises(ValueError, match="keys of 8"):
        probe.map("seen").lookup(b"1234")


def test_read_only_sections_map_read_only(probe: BpfObject) -> None:
    probe.load()
    with probe.map(".rodata.tables").mmap() as tables:
        assert struct.unpack_from("<Q", tables) == (1,)
        with pytest.raises(TypeError):
            tables[0:1] = b"x"
    with pytest.raises(ValueError, match="not mmapable"):
        probe.map("seen").mmap()


def test_no_memory_for_a_map(probe: BpfObject) -> None:
    probe.map("output").resize(1 << 31)
    with pytest.raises(SeyError) as error:
        probe.load()
    assert isinstance(problem_of(error), BpfOutOfMemory | BpfFailed)
    assert problem_of(error).notes() or isinstance(problem_of(error), BpfOutOfMemory)


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"not an object" * 100, emit_object()[:700]])
def test_damaged_objects_are_an_error(data: bytes) -> None:
    with pytest.raises(SeyError) as error:
        BpfObject.open(data)
    assert isinstance(problem_of(error), BpfFailed)


def test_no_libbpf_says_what_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    libbpf.library.cache_clear()
    monkeypatch.setattr(libbpf, "SYSTEM_LIBRARY", "libnothing-here.so.1")
    monkeypatch.setattr(libbpf, "wheel_library", lambda: None)
    with pytest.raises(SeyError) as error:
        libbpf.library()
    problem = problem_of(error)
    assert isinstance(problem, LibbpfMissing)
    assert "libnothing-here" in problem.notes()[0]


def test_nothing_stays_in_the_kernel_when_we_are_killed() -> None:
    """Programs, maps and links are referred to by file descriptors alone."""
    code = (
        "from tests.runtime_host.objects import emit_object\n"
        "from sey.runtime.libbpf import BpfObject\n"
        "import os, signal\n"
        "probe = BpfObject.open(emit_object()); probe.load(); probe.iterator('walk', os.getpid())\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert not [name for name in _program_names() if name == "walk"]


def _program_names() -> list[str]:
    """The names of all programs in the kernel, by BPF_PROG_GET_NEXT_ID and friends."""
    from sey.runtime import libc

    names: list[str] = []
    number = 0
    while True:
        attributes = ctypes.create_string_buffer(struct.pack("<3I", number, 0, 0), 12)
        try:
            libc.bpf(11, attributes)  # BPF_PROG_GET_NEXT_ID
        except FileNotFoundError:
            return names
        number = struct.unpack_from("<I", attributes.raw, 4)[0]
        fd = libc.bpf(13, struct.pack("<3I", number, 0, 0))  # BPF_PROG_GET_FD_BY_ID
        info = ctypes.create_string_buffer(256)
        libc.bpf(15, struct.pack("<2IQ", fd, len(info), ctypes.addressof(info)))  # BPF_OBJ_GET_INFO_BY_FD
        os.close(fd)
        names.append(info.raw[64:80].rstrip(b"\0").decode())


LOG_OF_6_1 = """\
0: R1=ctx(off=0,imm=0) R10=fp0
; request
3: (79) r3 = *(u64 *)(r1 +8)
; cs.queue[0]
4: (7b) *(u64 *)(r0 +0) = r3
R0 unbounded memory access, make sure to bounds check any such access
processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""


def test_logs_of_older_kernels_name_source_text_alone() -> None:
    assert rejection_reason(LOG_OF_6_1, "") == "R0 unbounded memory access, make sure to bounds check any such access"
    assert source_lines(LOG_OF_6_1) == (SourceLine("cs.queue[0]", "", 0), SourceLine("request", "", 0))
    newer = LOG_OF_6_1.replace("; request", "; request @ shop.sey:12")
    assert source_lines(newer)[1] == SourceLine("request", "shop.sey", 12)


def test_missing_type_information_is_named() -> None:
    said = "libbpf: kernel BTF is missing at '/sys/kernel/btf/vmlinux', was CONFIG_DEBUG_INFO_BTF enabled?\n"
    problem = load_problem(OSError(3, "No such process"), "", said)
    assert isinstance(problem, KernelLacks)
    assert "BTF" in problem.message()
