"""The scan in machine code: `skim.ll`, compiled for this processor when it is first used.

LLVM is at hand wherever specs are compiled, takes 60 ms to load and 15 to compile this, and then reads some hundred
megabytes a second; without it `patterns.py` does the same work.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from sey.frontend.debuginfo.harvest import Harvest, Sink, U64Array, merge
from sey.frontend.debuginfo.steps import COLUMNS, Rows, Steps, compile_steps
from sey.frontend.debuginfo.units import Unit, Units

_BUFFER = 1 << 16
"""Rows that are collected before they become columns: 4 MB."""


class Kernel:
    """The compiled function. It lives as long as this object."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(opt=2)
        module = llvm.parse_assembly(files("sey.frontend.debuginfo").joinpath("skim.ll").read_text())
        module.verify()
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
        builder.getModulePassManager().run(module, builder)
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()
        number, pointer = ctypes.c_int64, ctypes.c_void_p
        form = ctypes.CFUNCTYPE(number, *(pointer, pointer, number, pointer, number, pointer, pointer, number))
        self.skim = form(self._engine.get_function_address("skim"))


@functools.cache
def kernel() -> Kernel | None:
    """The compiled scan, or None where there is no LLVM."""
    try:
        return Kernel()
    except (ImportError, OSError, RuntimeError, AttributeError):
        return None


def scan_natively(units: Units, go_units: Sequence[Unit], compiled: Kernel) -> Harvest:
    """Read these units. Raises DamageError where their entries make no sense."""
    rows, sink = Rows(units, go_units), Sink(units)
    programs: dict[int, Steps] = {}
    parts = list[Harvest]()
    pending = _Pending(units, compiled)
    current: Steps | None = None
    for unit in go_units:
        steps = programs.get(unit.abbrev_offset)
        if steps is None:
            steps = programs[unit.abbrev_offset] = compile_steps(units.abbreviations(unit.abbrev_offset))
        if current is not None and (steps is not current or pending.count >= _BUFFER // 2):
            parts += rows.harvest(current.shapes, pending.take())
        current = steps
        if not pending.read(unit, steps):
            for die in units.entries(unit):
                if die is not None:
                    sink.die(die)
    if current is not None:
        parts += rows.harvest(current.shapes, pending.take())
    return merge([*parts, sink.part()], units, go_units)


class _Pending:
    """Rows that aren't columns yet; they grow with the largest unit."""

    def __init__(self, units: Units, compiled: Kernel) -> None:
        self._compiled = compiled
        self._info = np.frombuffer(units.sections.info.raw, dtype=np.uint8)
        self._rows: npt.NDArray[np.uint64] = np.empty((_BUFFER, COLUMNS), dtype=np.uint64)
        self.count = 0

    def take(self) -> U64Array:
        """The rows so far, valid until the next `read`."""
        count, self.count = self.count, 0
        return self._rows[:count]

    def read(self, unit: Unit, steps: Steps) -> bool:
        """Read a whole unit; False, and nothing of it kept, where its entries make no sense this way."""
        before, at = self.count, ctypes.c_int64(unit.entries)
        end = min(unit.end, len(self._info))
        while True:
            room = len(self._rows) - self.count
            self.count += self._compiled.skim(
                self._info.ctypes.data,
                ctypes.addressof(at),
                end,
                steps.starts.ctypes.data,
                len(steps.starts),
                steps.steps.ctypes.data,
                self._rows.ctypes.data + self.count * COLUMNS * 8,
                room,
            )
            if at.value >= end:
                return True
            if self.count < len(self._rows):
                self.count = before
                return False
            self._rows = np.concatenate((self._rows, np.empty_like(self._rows)))
