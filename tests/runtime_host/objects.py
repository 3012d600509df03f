"""A BPF object as the compiler emits them, from hand-written LLVM IR: data sections, maps, a task iterator.

The program `walk` copies 8 bytes of the target at the address in `.bss.host` behind that address, adds the constant of
`.rodata.tables`, puts the sum into value `index` of the array `output` and into the hash map `seen` under itself, and
counts in `.bss` that it ran.
"""

from __future__ import annotations

from tests.support.bpfmodule import BpfModule

SPEC_TEXT = r"func \22main.main\22 {\0A  request\0A}\0A"


def emit_object(*, broken: bool = False, helper: int = 191) -> bytes:
    """The object. `broken`: its store isn't masked, so the verifier refuses it. `helper`: the copy helper's number."""
    module = BpfModule("walk", "iter.s/task", file="shop.sey", source=SPEC_TEXT)
    number, pointing = module.number, module.pointing
    output = {"type": number(2), "max_entries": number(1), "map_flags": number(1024), "key": pointing(module.u32)}
    module.map("output", **output, value=pointing(module.words(512)))
    word = pointing(module.u64)
    module.map("seen", type=number(1), max_entries=number(8), key=word, value=word)
    module.data("host", ".bss.host", 4)
    module.data("ran", ".bss", 1)
    module.data("table", ".rodata.tables", 2, "[i64 1, i64 0]")
    mask = "" if broken else "%index = and i64 %wanted, 511"
    at = "%wanted" if broken else "%index"
    return module.emit(f"""
  %key = alloca i32, align 4
  %task_at = getelementptr i8, ptr %ctx, i64 8
  %task = load ptr, ptr %task_at, align 8
  %gone = icmp eq ptr %task, null
  br i1 %gone, label %out, label %go
go:
  %ran0 = load i64, ptr @ran, align 8
  %ran1 = add i64 %ran0, 1
  store i64 %ran1, ptr @ran, align 8
  %address = load volatile i64, ptr @host, align 8
  %copy = getelementptr i8, ptr @host, i64 8
  %rc = call i64 inttoptr (i64 {helper} to ptr)(ptr %copy, i32 8, i64 %address, ptr %task, i64 0)
  %addend = load volatile i64, ptr @table, align 8
  %read = load volatile i64, ptr %copy, align 8
  %sum = add i64 %addend, %read
  store i32 0, ptr %key, align 4
  %value = call ptr inttoptr (i64 1 to ptr)(ptr @output, ptr %key)
  %none = icmp eq ptr %value, null
  br i1 %none, label %out, label %put
put:
  %wanted_at = getelementptr i8, ptr @host, i64 16
  %wanted = load volatile i64, ptr %wanted_at, align 8
  {mask}
  %slot = getelementptr i64, ptr %value, i64 {at}
  store i64 %sum, ptr %slot, align 8
  %set = call i64 inttoptr (i64 2 to ptr)(ptr @seen, ptr %copy, ptr %copy, i64 0)
  br label %out
out:
  ret i32 0
""")
