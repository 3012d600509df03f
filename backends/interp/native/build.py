"""Machine code for a program: made by LLVM once, and kept in the user's cache folder.

A kept file starts with the digest of what follows, so a damaged one is made again; one that somebody else could have
written is not looked at. Its name is the digest of all that it depends on.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from sey.backends.interp.format import Bytecode
from sey.backends.interp.native.emit import module_text
from sey.backends.interp.native.function import MAY_FAULT, used_variables
from sey.backends.interp.ops import FORMS, Op
from sey.binary.cachedir import cache_folder, forget_oldest, open_own

_DIGEST_BYTES = 32
_MOST_BYTES = 64 << 20
"""How much code is kept."""
_MOST_CODE = 1 << 16
"""Instructions and registers of a program, in all: what bounds LLVM's time, and the stack that the code takes."""
_QUICK = ("always_inliner", "global_dead_code_eliminate")
"""Passes for programs that aren't simple: no time that grows faster than they do."""
_PASSES = (
    "always_inliner",
    "sroa",
    "simplify_cfg",
    "instruction_combine",
    "simplify_cfg",
    "global_dead_code_eliminate",
)
"""Passes for simple programs, as the compiler makes them: LLVM's own choice takes 0.3 s for a walk, and the code gains
nothing that can be measured."""
_SIMPLE_CODE, _SIMPLE_BRANCHES = 4_096, 60_000
"""Instructions of a simple program, and registers times places where control goes elsewhere: LLVM can take seconds for
what has so many, and much longer for more."""


class NotNative(Exception):  # noqa: N818 - a condition of the host or the program, no mistake
    """There is no machine code for this program here; the plain machine runs it."""


class Code:
    """Machine code in memory. It lives as long as this object."""

    def __init__(self, engine: Any) -> None:
        word, pointer = ctypes.c_uint64, ctypes.c_void_p
        self._engine = engine
        self.run = ctypes.CFUNCTYPE(word, pointer)(engine.get_function_address("run"))
        """Runs the program on a context (`context.py`); gives a status."""
        self.fill = ctypes.CFUNCTYPE(None, pointer, word, pointer, word)(engine.get_function_address("fill"))
        """Puts entries into a dict: context, the dict's first word, keys and values in turns, their number."""


def build(program: Bytecode) -> Code:
    """The code of a verified program. Raises NotNative where there is no LLVM, or the program is too large for it."""
    with _ONE_AT_A_TIME:
        return _build(program)


def forget() -> None:
    """Drop the code that is in memory; what a machine has stays."""
    _build.cache_clear()


_ONE_AT_A_TIME = threading.Lock()
"""Parts of a walk run the same program: the second waits for the first's code."""


@functools.lru_cache(maxsize=4)
def _build(program: Bytecode) -> Code:
    size = sum(len(each.code) + len(used_variables(program, each)) for each in program.functions)
    if size > _MOST_CODE:
        raise NotNative(f"{size} instructions and registers are more than {_MOST_CODE}")
    if sys.platform != "linux" or sys.byteorder != "little" or sys.maxsize < 1 << 32:
        raise NotNative("this is no little-endian Linux of 64 bits")
    try:
        compiler = _compiler()
        kept = _kept(program, compiler)
        return Code(compiler.load(_read(kept) or _made(program, compiler, kept)))
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise NotNative(str(error)) from error


class _Compiler:
    """LLVM for the processor at hand."""

    def __init__(self) -> None:
        import llvmlite
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self._llvm = llvm
        self._cpu, self._features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
        triple = llvm.get_process_triple()
        self.description = "\n".join((llvmlite.__version__, triple, self._cpu, self._features))
        self._triple = triple

    def _machine(self, level: int) -> Any:
        target = self._llvm.Target.from_triple(self._triple)
        return target.create_target_machine(
            cpu=self._cpu, features=self._features, opt=level, jit=True, codemodel="jitdefault"
        )

    def object(self, text: str, *, quick: bool = False) -> bytes:
        """The object file of a module. `quick`: in time that grows as the module does, and not the fastest code."""
        llvm, machine = self._llvm, self._machine(0 if quick else 1)
        module = llvm.parse_assembly(text, context=llvm.create_context())
        module.verify()
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
        self._passes(builder, _QUICK if quick else _PASSES).run(module, builder)
        return bytes(machine.emit_object(module))

    def _passes(self, builder: Any, names: Sequence[str]) -> Any:
        try:
            chosen = self._llvm.create_new_module_pass_manager()
            for name in names:
                getattr(chosen, f"add_{name}_pass")()
        except AttributeError:  # an older llvmlite
            return builder.getModulePassManager()
        return chosen

    def load(self, data: bytes) -> Any:
        """An engine with the code of an object file."""
        llvm = self._llvm
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), self._machine(1))
        engine.add_object_file(llvm.ObjectFileRef.from_data(data))
        engine.finalize_object()
        return engine


@functools.cache
def _compiler() -> _Compiler:
    return _Compiler()


def _made(program: Bytecode, compiler: _Compiler, kept: Path | None) -> bytes:
    data = compiler.object(module_text(program), quick=not _simple(program))
    if kept is not None:
        with contextlib.suppress(OSError):
            _write(kept, data)
    return data


def _simple(program: Bytecode) -> bool:
    """Whether LLVM takes no more than a few seconds to make the best code."""
    branches = 0
    for each in program.functions:
        places = sum(FORMS[Op(one.op)].x == "target" or Op(one.op) in MAY_FAULT for one in each.code)
        branches += places * len(used_variables(program, each))
    return branches <= _SIMPLE_BRANCHES and sum(len(each.code) for each in program.functions) <= _SIMPLE_CODE


# What is kept


def _kept(program: Bytecode, compiler: _Compiler) -> Path | None:
    """The file for a program's code."""
    folder = cache_folder("native")
    if folder is None:
        return None
    digest = hashlib.sha256(_generator())
    digest.update(compiler.description.encode())
    digest.update(program.encode())
    return folder / f"{digest.hexdigest()}.code"


@functools.cache
def _generator() -> bytes:
    """What makes the code, as a digest: our own source."""
    digest = hashlib.sha256()
    for folder in (files("sey.backends.interp"), files("sey.backends.interp.native")):
        for each in sorted(folder.iterdir(), key=lambda file: file.name):
            if each.name.endswith((".py", ".ll")):
                digest.update(each.read_bytes())
    return digest.digest()


def _read(kept: Path | None) -> bytes | None:
    """The code in a file that is whole and our own."""
    handle = open_own(kept) if kept else None
    if handle is None:
        return None
    with open(handle, "rb") as file:
        data = file.read()
        with contextlib.suppress(OSError):
            os.utime(handle)
    digest, code = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else None


def _write(kept: Path, code: bytes) -> None:
    """Keep code, whole or not at all. Raises OSError."""
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=kept.parent, prefix=".building-", delete=False) as file:
        try:
            file.write(hashlib.sha256(code).digest() + code)
            file.flush()
            os.replace(file.name, kept)
        except OSError:
            os.unlink(file.name)
            raise
    forget_oldest(kept, _MOST_BYTES)
