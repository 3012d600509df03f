"""BPF objects from hand-written LLVM IR, with the debug information that libbpf makes BTF of.

    module = BpfModule("walk", "iter.s/task", file="walk.sey")
    module.map("seen", type=module.number(1), max_entries=module.number(8), …)
    module.data("host", ".bss.host", 4)
    data = module.emit("  ret i32 0")

Objects are small, made without anything of the compiler that the tests try.
"""

from __future__ import annotations

import itertools

LAYOUT = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"


class BpfModule:
    """A module with one program, `name` in `section`. `source` is the text of its only file, as LLVM writes strings."""

    def __init__(self, name: str, section: str, *, file: str, source: str | None = None) -> None:
        self._name, self._section = name, section
        self._nodes: list[str] = []
        self._numbers = itertools.count()
        self._definitions: list[str] = []
        self._variables: list[str] = []
        text = f', source: "{source}"' if source is not None else ""
        self._file = self._add(f'!DIFile(filename: "{file}", directory: "."{text})')
        self._unit, self._retained = f"!{next(self._numbers)}", f"!{next(self._numbers)}"
        self._i32 = self._add('!DIBasicType(name: "int", size: 32, encoding: DW_ATE_signed)')
        self._pointer = self._add("!DIDerivedType(tag: DW_TAG_pointer_type, baseType: null, size: 64)")
        self.u32 = self._add('!DIBasicType(name: "u32", size: 32, encoding: DW_ATE_unsigned)')
        self.u64 = self._add('!DIBasicType(name: "u64", size: 64, encoding: DW_ATE_unsigned)')

    def words(self, count: int) -> str:
        """The type of so many 64-bit words."""
        return self._array(self.u64, count, 64 * count)

    def pointing(self, to: str) -> str:
        """The type of a pointer, which says in a map's definition what a key or value is."""
        return self._add(f"!DIDerivedType(tag: DW_TAG_pointer_type, baseType: {to}, size: 64)")

    def number(self, value: int) -> str:
        """The type that stands for a number in a map's definition."""
        return self.pointing(self._array(self._i32, value, 32 * value))

    def map(self, name: str, **members: str) -> None:
        """Define a map: `type`, `max_entries`, `map_flags` by `number`, `key` and `value` by `pointing`."""
        nodes = ", ".join(
            self._add(
                f'!DIDerivedType(tag: DW_TAG_member, name: "{member}", baseType: {kind}, size: 64, offset: {64 * at})'
            )
            for at, (member, kind) in enumerate(members.items())
        )
        size = 64 * len(members)
        kind = self._add(f"!DICompositeType(tag: DW_TAG_structure_type, size: {size}, elements: !{{{nodes}}})")
        pointers = ", ".join(["ptr"] * len(members))
        self._define(name, kind, f"{{ {pointers} }} zeroinitializer", ".maps")

    def data(self, name: str, section: str, words: int, value: str = "zeroinitializer") -> None:
        """Define a global of so many words in a section of its own."""
        self._define(name, self.words(words), f"[{words} x i64] {value}", section)

    def emit(self, body: str) -> bytes:
        """The object. `body`: the program's instructions and labels, its argument is `%ctx`."""
        import llvmlite.binding as llvm

        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        module = llvm.parse_assembly(self._text(body))
        module.verify()
        machine = llvm.Target.from_triple("bpf").create_target_machine(cpu="v3", opt=2)
        emitted: bytes = machine.emit_object(module)
        return emitted

    def _text(self, body: str) -> str:
        file, unit, retained, pointer = self._file, self._unit, self._retained, self._pointer
        kind = self._add(f"!DISubroutineType(types: !{{{self._i32}, {pointer}}})")
        program = self._add(
            f'distinct !DISubprogram(name: "{self._name}", scope: {file}, file: {file}, line: 1, type: {kind},'
            " scopeLine: 1, spFlags: DISPFlagDefinition | DISPFlagOptimized,"
            f" unit: {unit}, retainedNodes: {retained})"
        )
        context = self._add(
            f'!DILocalVariable(name: "ctx", arg: 1, scope: {program}, file: {file}, line: 1, type: {pointer})'
        )
        line = self._add(f"!DILocation(line: 2, column: 3, scope: {program})")
        flags = [self._add('!{i32 2, !"Debug Info Version", i32 3}'), self._add('!{i32 7, !"Dwarf Version", i32 4}')]
        self._nodes += [
            f"{unit} = distinct !DICompileUnit(language: DW_LANG_C99, file: {file}, isOptimized: true,"
            f" runtimeVersion: 0, emissionKind: FullDebug, globals: !{{{', '.join(self._variables)}}})",
            f"{retained} = !{{{context}}}",
        ]
        code = (
            f"{each}, !dbg {line}" if each.startswith("  ") and each.strip() else each for each in body.splitlines()
        )
        return "\n".join(
            (
                f'target datalayout = "{LAYOUT}"',
                'target triple = "bpf"',
                *self._definitions,
                '@_license = dso_local global [13 x i8] c"Dual BSD/GPL\\00", section "license", align 1',
                f'define dso_local i32 @{self._name}(ptr %ctx) nounwind section "{self._section}" !dbg {program} {{',
                *code,
                "}",
                f"!llvm.dbg.cu = !{{{unit}}}",
                f"!llvm.module.flags = !{{{', '.join(flags)}}}",
                *self._nodes,
            )
        )

    def _add(self, text: str) -> str:
        """A node of metadata."""
        name = f"!{next(self._numbers)}"
        self._nodes.append(f"{name} = {text}")
        return name

    def _array(self, element: str, count: int, bits: int) -> str:
        extent = self._add(f"!DISubrange(count: {count})")
        return self._add(
            f"!DICompositeType(tag: DW_TAG_array_type, baseType: {element}, size: {bits}, elements: !{{{extent}}})"
        )

    def _define(self, name: str, kind: str, value: str, section: str) -> None:
        node = self._add(
            f'distinct !DIGlobalVariable(name: "{name}", scope: {self._unit}, file: {self._file}, line: 1,'
            f" type: {kind}, isLocal: false, isDefinition: true)"
        )
        variable = self._add(f"!DIGlobalVariableExpression(var: {node}, expr: !DIExpression())")
        self._variables.append(variable)
        self._definitions.append(f'@{name} = dso_local global {value}, section "{section}", align 8, !dbg {variable}')
