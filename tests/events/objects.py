"""An event program as the compiler makes them, from hand-written LLVM IR: counts and streams, and captures nothing.

Each hit of probe N counts in the counters of probe N and of event 0, and streams one row: the time, register R14, the
thread, and as its site the number of the probe.
"""

from __future__ import annotations

from sey.ir.artifacts import HOLD_WORDS, EventProgram, Place
from sey.ir.plan import PLAN_VERSION, Plan, PlanEvent, PlanProbe
from tests.runtime_host.objects import LAYOUT, _Metadata

PROBES = 4096
SLOT_BYTES = 64
_WORDS = {
    "in_bias": 1,
    "pid": 1,
    "fsbase": 1,
    "hold": len(HOLD_WORDS),
    "in_events": 64,
    "out_events": 128,
    "probes": 8 * PROBES,
}


def event_program() -> EventProgram:
    """The program, with room for PROBES probes and 8 events."""
    places, at = {}, 0
    for name, words in _WORDS.items():
        places[name] = Place(".bss.host", at, 8 * words)
        at += 8 * words
    return EventProgram(
        object=_object(),
        program="event",
        ring="ring",
        slots="slots",
        slot_bytes=SLOT_BYTES,
        probes=places.pop("probes"),
        pid=places.pop("pid"),
        fsbase=places.pop("fsbase"),
        hold=places.pop("hold"),
        buffers=places,
        dicts={},
        stashes={},
    )


def event_plan(events: tuple[PlanEvent, ...], probes: tuple[PlanProbe, ...]) -> Plan:
    """A plan of nothing but events and their probes."""
    return Plan(PLAN_VERSION, "go1.26", "traced.sey", (), (), (), (), (), (), (), events=events, probes=probes)


def _object() -> bytes:
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = llvm.parse_assembly(_module())
    module.verify()
    machine = llvm.Target.from_triple("bpf").create_target_machine(cpu="v3", opt=2)
    emitted: bytes = machine.emit_object(module)
    return emitted


def _module() -> str:
    data = _Metadata()
    file = data.add('!DIFile(filename: "events.sey", directory: ".")')
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
        return data.add(
            f"!DICompositeType(tag: DW_TAG_structure_type, size: {64 * len(members)}, elements: !{{{nodes}}})"
        )

    def variable(name: str, kind: str) -> str:
        node = data.add(
            f'distinct !DIGlobalVariable(name: "{name}", scope: !{unit}, file: {file}, line: 1, type: {kind},'
            " isLocal: false, isDefinition: true)"
        )
        return data.add(f"!DIGlobalVariableExpression(var: {node}, expr: !DIExpression())")

    words = sum(_WORDS.values())
    ring = variable("ring", map_type(("type", number(27)), ("max_entries", number(4096))))
    value = pointing(array(u64, SLOT_BYTES // 8, 8 * SLOT_BYTES))
    slots = variable(
        "slots", map_type(("type", number(2)), ("max_entries", number(1)), ("key", pointing(u32)), ("value", value))
    )
    host = variable("host", array(u64, words, 64 * words))
    kind = data.add(f"!DISubroutineType(types: !{{{i32}, {pointer}}})")
    event = data.add(
        f'distinct !DISubprogram(name: "event", scope: {file}, file: {file}, line: 1, type: {kind}, scopeLine: 1,'
        f" spFlags: DISPFlagDefinition | DISPFlagOptimized, unit: !{unit}, retainedNodes: !{retained})"
    )
    context = data.add(f'!DILocalVariable(name: "ctx", arg: 1, scope: {event}, file: {file}, line: 1, type: {pointer})')
    data.nodes += [
        f"!{unit} = distinct !DICompileUnit(language: DW_LANG_C99, file: {file}, isOptimized: true, runtimeVersion: 0,"
        f" emissionKind: FullDebug, globals: !{{{ring}, {slots}, {host}}})",
        f"!{retained} = !{{{context}}}",
    ]
    line = data.add(f"!DILocation(line: 2, column: 3, scope: {event})")
    flags = [data.add('!{i32 2, !"Debug Info Version", i32 3}'), data.add('!{i32 7, !"Dwarf Version", i32 4}')]
    code = "\n".join(f"{each}, !dbg {line}" if each.startswith("  ") else each for each in _code(event).splitlines())
    return f"""
target datalayout = "{LAYOUT}"
target triple = "bpf"
@ring = dso_local global {{ ptr, ptr }} zeroinitializer, section ".maps", align 8, !dbg {ring}
@slots = dso_local global {{ ptr, ptr, ptr, ptr }} zeroinitializer, section ".maps", align 8, !dbg {slots}
@host = dso_local global [{words} x i64] zeroinitializer, section ".bss.host", align 8, !dbg {host}
@_license = dso_local global [13 x i8] c"Dual BSD/GPL\\00", section "license", align 1
{code}
!llvm.dbg.cu = !{{!{unit}}}
!llvm.module.flags = !{{{", ".join(flags)}}}
""" + "\n".join(data.nodes)


def _code(event: str) -> str:
    at = {name: 8 * sum(list(_WORDS.values())[:n]) for n, name in enumerate(_WORDS)}
    return f"""
define dso_local i32 @event(ptr %ctx) nounwind section "uprobe.s" !dbg {event} {{
  %row = alloca [9 x i64], align 8
  %ids = call i64 inttoptr (i64 14 to ptr)()
  %tgid = lshr i64 %ids, 32
  %wanted = load volatile i64, ptr getelementptr (i8, ptr @host, i64 {at["pid"]}), align 8
  %any = icmp eq i64 %wanted, 0
  %same = icmp eq i64 %wanted, %tgid
  %ours = or i1 %any, %same
  br i1 %ours, label %go, label %out
go:
  %cookie = call i64 inttoptr (i64 174 to ptr)(ptr %ctx)
  %probe = and i64 %cookie, {PROBES - 1}
  %offset = shl i64 %probe, 6
  %counters = getelementptr i8, ptr getelementptr (i8, ptr @host, i64 {at["probes"]}), i64 %offset
  %hits = atomicrmw add ptr %counters, i64 1 seq_cst
  %seen = atomicrmw add ptr getelementptr (i8, ptr @host, i64 {at["out_events"]}), i64 1 seq_cst
  %time = call i64 inttoptr (i64 5 to ptr)()
  %r14_at = getelementptr i8, ptr %ctx, i64 8
  %r14 = load i64, ptr %r14_at, align 8
  %head = getelementptr i8, ptr %row, i64 0
  store i64 {1 | 64 << 32}, ptr %head, align 8
  %row0 = getelementptr i8, ptr %row, i64 8
  store i64 %time, ptr %row0, align 8
  %row1 = getelementptr i8, ptr %row, i64 16
  store i64 %r14, ptr %row1, align 8
  %thread = and i64 %ids, 4294967295
  %site = shl i64 %probe, 32
  %both = or i64 %thread, %site
  %row2 = getelementptr i8, ptr %row, i64 24
  store i64 %both, ptr %row2, align 8
  %row3 = getelementptr i8, ptr %row, i64 32
  store i64 -1, ptr %row3, align 8
  %row4 = getelementptr i8, ptr %row, i64 40
  store i64 0, ptr %row4, align 8
  %row5 = getelementptr i8, ptr %row, i64 48
  store i64 0, ptr %row5, align 8
  %row6 = getelementptr i8, ptr %row, i64 56
  store i64 0, ptr %row6, align 8
  %row7 = getelementptr i8, ptr %row, i64 64
  store i64 0, ptr %row7, align 8
  %rc = call i64 inttoptr (i64 130 to ptr)(ptr @ring, ptr %row, i64 72, i64 1)
  %full = icmp ne i64 %rc, 0
  br i1 %full, label %lost, label %put
lost:
  %lost_at = getelementptr i8, ptr %counters, i64 16
  %lost_was = atomicrmw add ptr %lost_at, i64 1 seq_cst
  br label %out
put:
  %put_at = getelementptr i8, ptr %counters, i64 32
  %put_was = atomicrmw add ptr %put_at, i64 1 seq_cst
  br label %out
out:
  ret i32 0
}}
"""
