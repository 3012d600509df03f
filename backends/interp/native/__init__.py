"""Bytecode in machine code: verified programs compiled by LLVM (llvmlite) for the processor at hand.

`emit.py` writes a program as LLVM's text, with `runtime.ll` for what every program needs (dicts, the target's pages,
output); `build.py` compiles and keeps the code; `machine.py` runs it. `spec/bytecode.md` says what a program means; the
plain machine beside this folder stays the reference.
"""
