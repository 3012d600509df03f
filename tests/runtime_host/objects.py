"""A BPF object as the compiler emits them, from hand-written LLVM IR: data sections, maps, a task iterator.

The program `walk` copies 8 bytes of the target at the address in `.bss.host` behind that address, adds the constant of
`.rodata.tables`, puts the sum into value `index` of the array `output` and into the hash map `seen` under itself, and
counts in `.bss` that it ran.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

LAYOUT = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
SPEC_TEXT = r"func \22main.main\22 {\0A  request\0A}\0A"


@dataclass
class _Metadata:
    """Numbered metadata nodes of a module."""

    nodes: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def add(self, text: str) -> str:
        name = f"!{next(self.numbers)}"
        self.nodes.append(f"{name} = {text}")
        return name


def emit_object(*, broken: bool = False, helper: int = 191) -> bytes:
    """The object. `broken`: its store isn't masked, so the verifier refuses it. `helper`: the copy helper's number."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = llvm.parse_assembly(_module(broken=broken, helper=helper))
    module.verify()
    machine = llvm.Target.from_triple("bpf").create_target_machine(cpu="v3", opt=2)
    emitted: bytes = machine.emit_object(module)
    return emitted


def _module(*, broken: bool, helper: int) -> str:
    data = _Metadata()
    file = data.add(f'!DIFile(filename: "shop.sey", directory: ".", source: "{SPEC_TEXT}")')
    unit, retained = next(data.numbers), next(data.numbers)
    i32 = data.add('!DIBasicType(name: "int", size: 32, encoding: DW_ATE_signed)')
    u32 = data.add('!DIBasicType(name: "u32", size: 32, encoding: DW_ATE_unsigned)')
    u64 = data.add('!DIBasicType(name: "u64", size: 64, encoding: DW_ATE_unsigned)')
    pointer = data.add("!DIDerivedType(tag: DW_TAG_pointer_type, baseType: null, size: 64)")

    def array(element: str, count: int, bits: int) -> str:
        extent = data.add(f"!DISubrange(count: {count})")
        return data.add(
            f"!DICompositeType(tag: DW_TAG_array_type, baseType: {element}, size: {bits}, elements: !{{{extent}}})"
        )

    def pointing(to: str) -> str:
        return data.add(f"!DIDerivedType(tag: DW_TAG_pointer_type, baseType: {to}, size: 64)")

    def number(value: int) -> str:
        return pointing(array(i32, value, 32 * value))

    def map_type(*members: tuple[str, str]) -> str:
        nodes = ", ".join(
            data.add(
                f'!DIDerivedType(tag: DW_TAG_member, name: "{name}", baseType: {kind}, size: 64, offset: {64 * at})'
            )
            for at, (name, kind) in enumerate(members)
        )
        size = 64 * len(members)
        return data.add(f"!DICompositeType(tag: DW_TAG_structure_type, size: {size}, elements: !{{{nodes}}})")

    def variable(name: str, kind: str) -> str:
        node = data.add(
            f'distinct !DIGlobalVariable(name: "{name}", scope: !{unit}, file: {file}, line: 1, type: {kind},'
            " isLocal: false, isDefinition: true)"
        )
        return data.add(f"!DIGlobalVariableExpression(var: {node}, expr: !DIExpression())")

    output = map_type(
        *(("type", number(2)), ("max_entries", number(1)), ("map_flags", number(1024))),
        *(("key", pointing(u32)), ("value", pointing(array(u64, 512, 64 * 512)))),
    )
    seen = map_type(("type", number(1)), ("max_entries", number(8)), ("key", pointing(u64)), ("value", pointing(u64)))
    variables = {
        "output": variable("output", output),
        "seen": variable("seen", seen),
        "host": variable("host", array(u64, 4, 256)),
        "ran": variable("ran", u64),
        "table": variable("table", array(u64, 2, 128)),
    }
    kind = data.add(f"!DISubroutineType(types: !{{{i32}, {pointer}}})")
    walk = data.add(
        f'distinct !DISubprogram(name: "walk", scope: {file}, file: {file}, line: 1, type: {kind}, scopeLine: 1,'
        f" spFlags: DISPFlagDefinition | DISPFlagOptimized, unit: !{unit}, retainedNodes: !{retained})"
    )
    context = data.add(f'!DILocalVariable(name: "ctx", arg: 1, scope: {walk}, file: {file}, line: 1, type: {pointer})')
    data.nodes += [
        f"!{unit} = distinct !DICompileUnit(language: DW_LANG_C99, file: {file}, isOptimized: true, runtimeVersion: 0,"
        f" emissionKind: FullDebug, globals: !{{{', '.join(variables.values())}}})",
        f"!{retained} = !{{{context}}}",
    ]
    line = data.add(f"!DILocation(line: 2, column: 3, scope: {walk})")
    flags = [data.add('!{i32 2, !"Debug Info Version", i32 3}'), data.add('!{i32 7, !"Dwarf Version", i32 4}')]
    mask = "" if broken else "%index = and i64 %wanted, 511"
    at = "%wanted" if broken else "%index"
    code = f"""
define dso_local i32 @walk(ptr %ctx) nounwind section "iter.s/task" !dbg {walk} {{
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
}}
"""
    code = "\n".join(_with_line(each, line) for each in code.splitlines())
    return f"""
target datalayout = "{LAYOUT}"
target triple = "bpf"
%map5 = type {{ ptr, ptr, ptr, ptr, ptr }}
%map4 = type {{ ptr, ptr, ptr, ptr }}
@output = dso_local global %map5 zeroinitializer, section ".maps", align 8, !dbg {variables["output"]}
@seen = dso_local global %map4 zeroinitializer, section ".maps", align 8, !dbg {variables["seen"]}
@host = dso_local global [4 x i64] zeroinitializer, section ".bss.host", align 8, !dbg {variables["host"]}
@ran = dso_local global i64 0, section ".bss", align 8, !dbg {variables["ran"]}
@table = dso_local global [2 x i64] [i64 1, i64 0], section ".rodata.tables", align 8, !dbg {variables["table"]}
@_license = dso_local global [13 x i8] c"Dual BSD/GPL\\00", section "license", align 1
{code}
!llvm.dbg.cu = !{{!{unit}}}
!llvm.module.flags = !{{{", ".join(flags)}}}
""" + "\n".join(data.nodes)


def _with_line(instruction: str, line: str) -> str:
    return f"{instruction}, !dbg {line}" if instruction.startswith("  ") and instruction.strip() else instruction
