"""Loading BPF objects and running task iterators, through libbpf by ctypes.

    with BpfObject.open(data) as probe:
        probe.map("output").resize(16)
        probe.load()
        walk = probe.iterator("walk", tid=1234)      # before the pause
        walk.run()                                   # in it
        view = probe.map("output").mmap()

libbpf is the system's (`libbpf.so.1`), else the one linked into the extension module of the `pylibbpf` wheel. Nothing
is pinned: all of it is gone from the kernel when the object is closed or our process ends.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import importlib.util
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType

from sey.binary.errors import Problem, SeyError
from sey.runtime.bpf_errors import bpf_not_permitted, load_problem
from sey.runtime.host_errors import BpfFailed, BpfOutOfMemory, KernelLacks, LibbpfMissing, ProcessExited

SYSTEM_LIBRARY = "libbpf.so.1"

# Room for the verifier's log. Kernels before 6.4 drop the end, which says why, of a log that doesn't fit; memory that
# is never written costs nothing.
_LOG_BYTES = 128 << 20
_LOG_MEMORY = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
_TRACE_ITER = 28  # enum bpf_attach_type
_MMAPABLE = 1 << 10  # BPF_F_MMAPABLE
_READ_ONLY = 1 << 7  # BPF_F_RDONLY_PROG, which libbpf gives .rodata and then freezes

_pointer = ctypes.c_void_p
_PRINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


class _OpenOptions(ctypes.Structure):
    _fields_ = (("sz", ctypes.c_size_t), ("object_name", ctypes.c_char_p))


class _TaskLinkInfo(ctypes.Structure):
    """`union bpf_iter_link_info` (16 bytes) with its member `task` (12)."""

    _fields_ = tuple((name, ctypes.c_uint32) for name in ("tid", "pid", "pid_fd", "rest"))


class _AttachOptions(ctypes.Structure):
    _fields_ = (("sz", ctypes.c_size_t), ("link_info", _pointer), ("link_info_len", ctypes.c_uint32))


class _UprobeOptions(ctypes.Structure):
    _fields_ = (
        *(("sz", ctypes.c_size_t), ("ref_ctr_offset", ctypes.c_size_t), ("bpf_cookie", ctypes.c_uint64)),
        *(("retprobe", ctypes.c_bool), ("func_name", ctypes.c_char_p)),
    )


# Every function that is called: arguments, and what it returns (int: negative or -1 is an error; pointer: NULL is).
_FUNCTIONS: dict[str, tuple[tuple[type, ...], type]] = {
    "libbpf_version_string": ((), ctypes.c_char_p),
    "libbpf_find_vmlinux_btf_id": ((ctypes.c_char_p, ctypes.c_int), ctypes.c_int),
    "libbpf_set_print": ((_PRINT,), _pointer),
    "bpf_object__open_mem": ((ctypes.c_char_p, ctypes.c_size_t, _pointer), _pointer),
    "bpf_object__load": ((_pointer,), ctypes.c_int),
    "bpf_object__close": ((_pointer,), ctypes.c_int),
    "bpf_object__next_map": ((_pointer, _pointer), _pointer),
    "bpf_object__next_program": ((_pointer, _pointer), _pointer),
    "bpf_map__name": ((_pointer,), ctypes.c_char_p),
    "bpf_map__fd": ((_pointer,), ctypes.c_int),
    "bpf_map__type": ((_pointer,), ctypes.c_int),
    "bpf_map__map_flags": ((_pointer,), ctypes.c_uint32),
    "bpf_map__key_size": ((_pointer,), ctypes.c_uint32),
    "bpf_map__value_size": ((_pointer,), ctypes.c_uint32),
    "bpf_map__max_entries": ((_pointer,), ctypes.c_uint32),
    "bpf_map__is_internal": ((_pointer,), ctypes.c_bool),
    "bpf_map__set_max_entries": ((_pointer, ctypes.c_uint32), ctypes.c_int),
    "bpf_map__set_value_size": ((_pointer, ctypes.c_uint32), ctypes.c_int),
    "bpf_map__set_initial_value": ((_pointer, ctypes.c_char_p, ctypes.c_size_t), ctypes.c_int),
    "bpf_map_update_elem": ((ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint64), ctypes.c_int),
    "bpf_map_lookup_elem": ((ctypes.c_int, ctypes.c_char_p, _pointer), ctypes.c_int),
    "bpf_map_delete_elem": ((ctypes.c_int, ctypes.c_char_p), ctypes.c_int),
    "bpf_map_lookup_batch": ((ctypes.c_int, *(_pointer,) * 6), ctypes.c_int),
    "bpf_map_lookup_and_delete_batch": ((ctypes.c_int, *(_pointer,) * 6), ctypes.c_int),
    "bpf_program__name": ((_pointer,), ctypes.c_char_p),
    "bpf_program__fd": ((_pointer,), ctypes.c_int),
    "bpf_program__set_log_buf": ((_pointer, _pointer, ctypes.c_size_t), ctypes.c_int),
    "bpf_program__attach_iter": ((_pointer, _pointer), _pointer),
    "bpf_link__fd": ((_pointer,), ctypes.c_int),
    "bpf_link__destroy": ((_pointer,), ctypes.c_int),
    "bpf_iter_create": ((ctypes.c_int,), ctypes.c_int),
    "bpf_program__set_expected_attach_type": ((_pointer, ctypes.c_int), ctypes.c_int),
    "bpf_program__attach_uprobe_opts": ((_pointer, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, _pointer), _pointer),
    "btf__load_vmlinux_btf": ((), _pointer),
    "btf__free": ((_pointer,), ctypes.c_int),
    "btf__find_by_name_kind": ((_pointer, ctypes.c_char_p, ctypes.c_uint32), ctypes.c_int),
    "btf__type_by_id": ((_pointer, ctypes.c_uint32), _pointer),
    "btf__name_by_offset": ((_pointer, ctypes.c_uint32), ctypes.c_char_p),
}


# libbpf calls these as long as our process lives, also when the Library that made one is gone.
_listeners: list[object] = []


class Library:
    """One loaded libbpf: `path`, `version` (`1.1`), and its functions by name through `call`."""

    def __init__(self, path: str) -> None:
        """Load the library at `path`. Raises OSError where it can't be, or lacks a function."""
        self.path = path
        self._handle = ctypes.CDLL(path, use_errno=True)
        for name, (arguments, result) in _FUNCTIONS.items():
            try:
                function = getattr(self._handle, name)
            except AttributeError:
                raise OSError(errno.ENOSYS, f"{path} lacks {name}") from None
            function.argtypes, function.restype = arguments, result
        self.version = self._handle.libbpf_version_string().decode().removeprefix("v")
        self._format = ctypes.CDLL(None).vsnprintf
        self._format.argtypes = (_pointer, ctypes.c_size_t, ctypes.c_char_p, _pointer)
        self._heard = threading.local()
        listener = _PRINT(self._hear)
        _listeners.append(listener)
        self._handle.libbpf_set_print(listener)

    def call(self, name: str, *arguments: object) -> int:
        """The result of an int function; raises OSError with its errno where that is negative."""
        result = int(getattr(self._handle, name)(*arguments))
        if result < 0:
            raise OSError(-result, os.strerror(-result), name)  # not errno: some functions leave that alone
        return result

    def pointer(self, name: str, *arguments: object) -> int:
        """The result of a pointer function; raises OSError with errno where that is NULL."""
        result = getattr(self._handle, name)(*arguments)
        if not result:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), name)
        return int(result)

    def raw(self, name: str) -> Callable[..., object]:
        """The function itself, for those that can't fail."""
        function: Callable[..., object] = getattr(self._handle, name)
        return function

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """What libbpf says in the block to this thread, a list that grows."""
        said: list[str] = []
        self._heard.said = said
        yield said

    def _hear(self, level: int, template: bytes, arguments: int) -> int:
        room = ctypes.create_string_buffer(4096)
        self._format(room, len(room), template, arguments)
        said: list[str] | None = getattr(self._heard, "said", None)
        if level < 2 and said is not None:  # LIBBPF_DEBUG
            said.append(room.value.decode("utf-8", "replace"))
        return 0


@functools.cache
def library() -> Library:
    """The libbpf to use. Raises SEY0620 where there is none."""
    tried = []
    for path in (SYSTEM_LIBRARY, wheel_library()):
        try:
            if path is not None:
                return Library(path)
        except OSError as error:
            tried.append(str(error))
    raise SeyError(LibbpfMissing(tuple(tried)))


def iterator_type(kind: str) -> int:
    """The id, in the kernel's type information, of the iterator over `kind` (`task`). Raises SeyError, OSError."""
    return library().call("libbpf_find_vmlinux_btf_id", kind.encode(), _TRACE_ITER)


def wheel_library() -> str | None:
    """The path of the `pylibbpf` wheel's extension module, which has all of libbpf in it; None where not installed."""
    found = importlib.util.find_spec("pylibbpf")
    for folder in (found and found.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("pylibbpf*.so")):
            return str(path)
    return None


class BpfMap:
    """A map of an object. Its sizes may be changed before the object is loaded, its content read and written after."""

    def __init__(self, lib: Library, handle: int, name: str) -> None:
        self._lib, self._handle = lib, handle
        self.name = name

    @property
    def key_size(self) -> int:
        """Bytes of a key."""
        return self._number("bpf_map__key_size")

    @property
    def value_size(self) -> int:
        """Bytes of a value."""
        return self._number("bpf_map__value_size")

    @property
    def max_entries(self) -> int:
        """How many entries it has room for."""
        return self._number("bpf_map__max_entries")

    @property
    def type(self) -> int:
        """A number of `enum bpf_map_type`."""
        return self._number("bpf_map__type")

    @property
    def writable(self) -> bool:
        """Whether `mmap` will give memory that can be written."""
        return self._number("bpf_map__map_flags") & (_MMAPABLE | _READ_ONLY) == _MMAPABLE

    @property
    def fd(self) -> int:
        """Its file descriptor; negative before the object is loaded. It belongs to the object."""
        return self._number("bpf_map__fd")

    @property
    def memory_size(self) -> int:
        """Bytes that `mmap` gives: all values, each from a multiple of 8, up to the end of a page."""
        size = (self.value_size + 7) // 8 * 8 * self.max_entries
        return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE

    def resize(self, max_entries: int | None = None, value_size: int | None = None) -> None:
        """Change its room before the object is loaded. A section's map (`.bss` …) has the size of the section."""
        if self._lib.raw("bpf_map__is_internal")(self._handle):
            raise ValueError(f"{self.name} is a section of the object; its size is fixed")
        if max_entries is not None:
            self._call("bpf_map__set_max_entries", max_entries)
        if value_size is not None:
            self._call("bpf_map__set_value_size", value_size)

    def set_initial(self, data: bytes) -> None:
        """Set what a section's map holds when the object is loaded. `data` has its exact size."""
        if len(data) != self.value_size:
            raise ValueError(f"{self.name} holds {self.value_size} bytes, not {len(data)}")
        self._call("bpf_map__set_initial_value", data, len(data))

    def mmap(self) -> mmap.mmap:
        """Its memory, of `memory_size` bytes, shared with the programs; read-only for `.rodata` sections.

        It stays valid when the object is closed.
        """
        flags = self._number("bpf_map__map_flags")
        if not flags & _MMAPABLE:
            raise ValueError(f"the map {self.name} is not mmapable")
        access = mmap.PROT_READ if flags & _READ_ONLY else mmap.PROT_READ | mmap.PROT_WRITE
        try:
            return mmap.mmap(self.fd, self.memory_size, mmap.MAP_SHARED, access)
        except OSError as error:
            raise SeyError(BpfFailed(f"mmap of the map {self.name}", str(error))) from None

    def update(self, key: bytes, value: bytes) -> None:
        """Set one entry."""
        self._check(key, value)
        self._call("bpf_map_update_elem", key, value, 0, by_fd=True)

    def delete(self, key: bytes) -> None:
        """Remove one entry, which is there."""
        self._check(key)
        self._call("bpf_map_delete_elem", key, by_fd=True)

    def lookup(self, key: bytes) -> bytes | None:
        """The value of one entry, None where there is none. (Not for per-CPU maps, whose values are several.)"""
        self._check(key)
        room = ctypes.create_string_buffer(self.value_size)
        try:
            self._lib.call("bpf_map_lookup_elem", self.fd, key, ctypes.byref(room))
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise SeyError(BpfFailed(f"reading the map {self.name}", str(error))) from None
        return room.raw

    def clear(self) -> None:
        """Remove all entries of a hash map: at once, since one by one takes 3 µs each."""
        self._all("bpf_map_lookup_and_delete_batch", "clearing")

    def entries(self) -> list[tuple[bytes, bytes]]:
        """The entries of a hash map, keys and values, in no order."""
        count, keys, values = self._all("bpf_map_lookup_batch", "reading")
        key, value = self.key_size, self.value_size
        return [(keys[n * key : (n + 1) * key], values[n * value : (n + 1) * value]) for n in range(count)]

    def _all(self, function: str, doing: str) -> tuple[int, bytes, bytes]:
        """How many entries a hash map has, their keys end to end, and their values."""
        count = ctypes.c_uint32(self.max_entries)
        rooms = [ctypes.create_string_buffer(size * self.max_entries) for size in (self.key_size, self.value_size)]
        place = ctypes.c_uint64()
        try:
            self._lib.call(
                function,
                *(self.fd, None, ctypes.addressof(place), *map(ctypes.addressof, rooms)),
                *(ctypes.addressof(count), None),
            )
        except OSError as error:
            if error.errno != errno.ENOENT:  # which says that this was all
                raise SeyError(BpfFailed(f"{doing} the map {self.name}", str(error))) from None
        return count.value, rooms[0].raw, rooms[1].raw

    def _check(self, key: bytes, value: bytes | None = None) -> None:
        if len(key) != self.key_size or (value is not None and len(value) != self.value_size):
            raise ValueError(f"{self.name} has keys of {self.key_size} and values of {self.value_size} bytes")

    def _number(self, name: str) -> int:
        return int(self._lib.raw(name)(self._handle))  # type: ignore[call-overload, no-any-return]

    def _call(self, name: str, *arguments: object, by_fd: bool = False) -> None:
        try:
            self._lib.call(name, self.fd if by_fd else self._handle, *arguments)
        except OSError as error:
            raise SeyError(BpfFailed(f"{name} of the map {self.name}", str(error))) from None


class TaskIterator:
    """A task iterator attached for one thread, ready to run once. Making it is the slow part."""

    def __init__(self, lib: Library, program: int, tid: int) -> None:
        info = _TaskLinkInfo(tid=tid)
        options = _AttachOptions(ctypes.sizeof(_AttachOptions), ctypes.addressof(info), ctypes.sizeof(info))
        self._fd = -1
        self._lib = lib
        self._link = lib.pointer("bpf_program__attach_iter", program, ctypes.byref(options))
        try:
            self._fd = lib.call("bpf_iter_create", lib.call("bpf_link__fd", self._link))
        except OSError:
            self.close()
            raise

    def run(self) -> bytes:
        """Run the program on its thread, and give what it wrote by seq_write. A second call runs nothing.

        Raises SeyError where the read fails. A thread that is gone is not an error: the program sees no task.
        """
        parts = []
        try:
            while part := os.read(self._fd, 1 << 16):
                parts.append(part)
        except OSError as error:
            raise SeyError(BpfFailed("running the probe", str(error))) from None
        return b"".join(parts)

    def close(self) -> None:
        """Detach it. May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._link:
            self._lib.raw("bpf_link__destroy")(self._link)
            self._link = 0


class BpfObject:
    """An object file with its maps and programs; a context that closes it. Closing detaches what it attached."""

    def __init__(self, lib: Library, handle: int) -> None:
        self._lib, self._handle = lib, handle
        self._iterators: list[TaskIterator] = []
        maps = self._each("bpf_object__next_map")
        named = {_map_name(lib.raw("bpf_map__name")(map_handle)): map_handle for map_handle in maps}
        self.maps = MappingProxyType({name: BpfMap(lib, map_handle, name) for name, map_handle in named.items()})
        programs = self._each("bpf_object__next_program")
        name_of = lib.raw("bpf_program__name")
        self._programs = {_text(name_of(program)): program for program in programs}
        self.messages: tuple[str, ...] = ()

    @classmethod
    def open(cls, data: bytes) -> BpfObject:
        """Parse an ELF object. Raises SeyError: no libbpf, not an object that libbpf understands."""
        lib = library()
        options = _OpenOptions(ctypes.sizeof(_OpenOptions), b"sey")
        with lib.listening() as said:
            try:
                return cls(lib, lib.pointer("bpf_object__open_mem", data, len(data), ctypes.byref(options)))
            except OSError as error:
                raise SeyError(BpfFailed("opening the BPF object", str(error.strerror), "".join(said))) from None

    def __enter__(self) -> BpfObject:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of its programs."""
        return tuple(self._programs)

    def map(self, name: str) -> BpfMap:
        """The map `name`; those that libbpf makes of data sections are called as these are (`.bss`, `.bss.host`)."""
        return self.maps[name]

    def load(self) -> None:
        """Create the maps and have the kernel verify the programs; `messages` then has what libbpf remarked.

        Raises SeyError: not permitted, refused by the verifier, lacking in this kernel, no memory.
        """
        _check_age()
        with mmap.mmap(-1, _LOG_BYTES, _LOG_MEMORY) as log:
            start = ctypes.c_char.from_buffer(log)
            for program in self._programs.values():
                self._lib.call("bpf_program__set_log_buf", program, ctypes.addressof(start), _LOG_BYTES)
            problem = self._try_load(log)
            del start  # it holds the memory, which couldn't be unmapped
        if problem is not None:
            raise SeyError(problem)

    def _try_load(self, log: mmap.mmap) -> Problem | None:
        with self._lib.listening() as said:
            try:
                self._lib.call("bpf_object__load", self._handle)
            except OSError as error:
                text = log[: log.find(b"\0")].decode("utf-8", "replace")
                return self._problem(error, text, "".join(said))
            finally:
                self.messages = tuple(said)
        return None

    def _problem(self, error: OSError, log: str, said: str) -> Problem:
        if error.errno == errno.ENOMEM:
            total = sum(each.memory_size for each in self.maps.values())
            return BpfOutOfMemory(total >> 20)
        if error.errno == errno.EPERM and not log:
            return bpf_not_permitted()
        return load_problem(error, log, said)

    def iterator(self, program: str, tid: int) -> TaskIterator:
        """Attach the task iterator `program` for the one thread `tid` (in our pid namespace). Raises SeyError."""
        try:
            iterator = TaskIterator(self._lib, self._programs[program], tid)
        except OSError as error:
            if error.errno == errno.ESRCH:
                raise SeyError(ProcessExited(tid)) from None
            if error.errno == errno.EPERM:
                raise SeyError(bpf_not_permitted()) from None
            raise SeyError(BpfFailed(f"attaching {program}", str(error))) from None
        self._iterators.append(iterator)
        return iterator

    def expect_attachment(self, program: str, kind: int) -> None:
        """Say, before it is loaded, by what `enum bpf_attach_type` a program will be attached. Raises OSError."""
        self._lib.call("bpf_program__set_expected_attach_type", self._programs[program], kind)

    def program_fd(self, program: str) -> int:
        """The file descriptor of a loaded program; it belongs to the object."""
        return self._lib.call("bpf_program__fd", self._programs[program])

    def uprobe(self, program: str, pid: int, path: bytes, offset: int, cookie: int) -> Callable[[], None]:
        """Attach a uprobe program at `offset` in the file at `path`, for one process (-1: any); call what it gives to
        detach it, before the object is closed. Raises OSError.
        """
        options = _UprobeOptions(ctypes.sizeof(_UprobeOptions), 0, cookie, False, None)
        link = self._lib.pointer(
            "bpf_program__attach_uprobe_opts", self._programs[program], pid, path, offset, ctypes.byref(options)
        )
        return functools.partial(self._lib.call, "bpf_link__destroy", link)  # type: ignore[return-value]

    def run_iter(self, program: str, tid: int) -> bytes:
        """Attach `program` for the thread `tid`, run it, detach it; what it wrote by seq_write. Raises SeyError."""
        iterator = self.iterator(program, tid)
        try:
            return iterator.run()
        finally:
            iterator.close()
            self._iterators.remove(iterator)

    def close(self) -> None:
        """Detach and free everything, also in the kernel. May be called twice."""
        for iterator in self._iterators:
            iterator.close()
        self._iterators.clear()
        if self._handle:
            self._lib.raw("bpf_object__close")(self._handle)
            self._handle = 0

    def _each(self, step: str) -> list[int]:
        found: list[int] = []
        following = self._lib.raw(step)
        while handle := following(self._handle, found[-1] if found else None):
            found.append(handle)  # type: ignore[arg-type]
        return found


def _check_age() -> None:
    """Raise SeyError where the kernel is old and lacks what a probe needs.

    By the errors of loading alone that can't be told: 5.10 says `Argument list too long`, and 5.18 to 6.0 would load a
    probe and run it on another thread than the one asked for.
    """
    from sey.runtime import features  # which needs this module

    if features.release() < features.OLDEST and (missing := features.missing_for_snapshots()):
        raise SeyError(KernelLacks(os.uname().release, f"{missing.name}, which came with Linux {missing.since}"))


def _map_name(name: object) -> str:
    """libbpf puts the object's name before `.bss`, `.data` and `.rodata`, but not before `.bss.host`."""
    return _text(name).removeprefix("sey") if _text(name).startswith("sey.") else _text(name)


def _text(value: object) -> str:
    assert isinstance(value, bytes)
    return value.decode("utf-8", "replace")  # they come from the object
