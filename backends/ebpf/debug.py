"""Debug metadata, from which LLVM's BPF target makes `.BTF` and `.BTF.ext`.

What the kernel and libbpf take from it: the definitions of maps, which sections hold global data (libbpf maps a
section into our memory only when BTF names a global variable in it), a prototype of every function (`bpf_loop` is
refused without; the kernel wants a name for each argument), and the line of the spec behind each instruction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sey.ir.nodes import Location

_SPECIAL = re.compile(rb"[^ -~]|[\"\\]")

UNKNOWN_FILE = "unknown"
"""File of code that has no location."""


class Debug:
    """Collects the metadata nodes of one module."""

    def __init__(self, files: Sequence[str], sources: Mapping[str, str]) -> None:
        self._nodes: list[str] = []
        self._known: dict[str, str] = {}
        self._globals: list[str] = []
        self._names = (*files, UNKNOWN_FILE)
        self._sources = {name: text.splitlines() for name, text in sources.items()}
        self._lines: list[int] = [1] * len(self._names)
        self._files = [self._reserve() for _ in self._names]
        self._unit = self._reserve()
        self._integers = {
            (bits, signed): self._node(
                f'!DIBasicType(name: "{name}", size: {bits}, encoding: DW_ATE_{"signed" if signed else "unsigned"})'
            )
            for name, bits, signed in (
                ("int", 32, True),
                ("long", 64, True),
                ("unsigned int", 32, False),
                ("unsigned long", 64, False),
                ("unsigned char", 8, False),
            )
        }
        self._pointer = self._node("!DIDerivedType(tag: DW_TAG_pointer_type, baseType: null, size: 64)")

    # Functions and lines

    def function(self, name: str, loc: Location | None, *, arguments: Sequence[str], entry: bool = False) -> str:
        """A function of pointer arguments but for one named `index`; returns the reference of its subprogram."""
        file, line = self._place(loc)
        kinds = [self._integers[64, False] if argument == "index" else self._pointer for argument in arguments]
        result = self._integers[(32, True) if entry else (64, True)]
        signature = self._node(f"!DISubroutineType(types: !{{{', '.join([result, *kinds])}}})")
        flags = "DISPFlagDefinition | DISPFlagOptimized" + ("" if entry else " | DISPFlagLocalToUnit")
        subprogram = self._reserve()
        variables = [
            self._node(
                f'!DILocalVariable(name: "{argument}", arg: {number}, scope: {subprogram}, file: {file}, '
                f"line: {line}, type: {kind})"
            )
            for number, (argument, kind) in enumerate(zip(arguments, kinds, strict=True), 1)
        ]
        retained = self._node(f"!{{{', '.join(variables)}}}")
        self._define(
            subprogram,
            f'distinct !DISubprogram(name: "{name}", scope: {file}, file: {file}, line: {line}, type: {signature}, '
            f"scopeLine: {line}, spFlags: {flags}, unit: {self._unit}, retainedNodes: {retained})",
        )
        return subprogram

    def location(self, subprogram: str, loc: Location | None) -> str:
        """The place of an instruction of a function. Lines of other files get a lexical block of that file."""
        file, line = self._place(loc)
        scope = self._node(f"!DILexicalBlockFile(scope: {subprogram}, file: {file}, discriminator: 0)")
        return self._node(f"!DILocation(line: {line}, column: 1, scope: {scope})")

    def _place(self, loc: Location | None) -> tuple[str, int]:
        number, line = (loc.file, max(1, loc.line)) if loc else (len(self._names) - 1, 1)
        self._lines[number] = max(self._lines[number], line)
        return self._files[number], line

    # Globals

    def bytes_variable(self, name: str, size: int) -> str:
        """A global variable of `size` bytes; returns the reference to attach to it."""
        return self._variable(name, self._array(self._integers[8, False], size, 8 * size))

    def map_variable(self, name: str, numbers: Mapping[str, int], sizes: Mapping[str, int]) -> str:
        """A map defined as libbpf reads it: numbers as array lengths; sizes in bytes as pointers to such types."""
        members = {key: self._array(self._integers[32, True], value, 32 * value) for key, value in numbers.items()}
        for key, size in sizes.items():
            integer = self._integers.get((8 * size, False))
            members[key] = integer or self._array(self._integers[8, False], size, 8 * size)
        struct = self._reserve()
        fields = []
        for at, (key, target) in enumerate(members.items()):
            pointer = self._node(f"!DIDerivedType(tag: DW_TAG_pointer_type, baseType: {target}, size: 64)")
            fields.append(
                self._node(
                    f'!DIDerivedType(tag: DW_TAG_member, name: "{key}", scope: {struct}, file: {self._files[-1]}, '
                    f"baseType: {pointer}, size: 64, offset: {64 * at})"
                )
            )
        elements = self._node(f"!{{{', '.join(fields)}}}")
        self._define(
            struct,
            f"distinct !DICompositeType(tag: DW_TAG_structure_type, file: {self._files[-1]}, line: 1, "
            f"size: {64 * len(fields)}, elements: {elements})",
        )
        return self._variable(name, struct)

    def _array(self, element: str, count: int, bits: int) -> str:
        span = self._node(f"!DISubrange(count: {count})")
        elements = self._node(f"!{{{span}}}")
        return self._node(
            f"!DICompositeType(tag: DW_TAG_array_type, baseType: {element}, size: {bits}, elements: {elements})"
        )

    def _variable(self, name: str, kind: str) -> str:
        variable = self._node(
            f'distinct !DIGlobalVariable(name: "{name}", scope: {self._unit}, file: {self._files[-1]}, line: 1, '
            f"type: {kind}, isLocal: false, isDefinition: true)"
        )
        expression = self._node(f"!DIGlobalVariableExpression(var: {variable}, expr: !DIExpression())")
        self._globals.append(expression)
        return expression

    # The whole

    def text(self) -> str:
        """All metadata of the module, to be asked for once, after everything else."""
        for reference, name, lines in zip(self._files, self._names, self._lines, strict=True):
            self._define(reference, self._file(name, lines))
        variables = self._node(f"!{{{', '.join(self._globals)}}}")
        self._define(
            self._unit,
            f'distinct !DICompileUnit(language: DW_LANG_C99, file: {self._files[-1]}, producer: "sey", '
            f"isOptimized: true, runtimeVersion: 0, emissionKind: FullDebug, globals: {variables})",
        )
        flags = [self._node('!{i32 2, !"Debug Info Version", i32 3}'), self._node('!{i32 7, !"Dwarf Version", i32 4}')]
        named = [f"!llvm.dbg.cu = !{{{self._unit}}}", f"!llvm.module.flags = !{{{', '.join(flags)}}}"]
        return "\n".join([*named, *(f"!{number} = {node}" for number, node in enumerate(self._nodes))])

    def _file(self, name: str, lines: int) -> str:
        """The file with a text of our own: `name:line`, then the source line where we have it.

        Kernels before 6.8 print the text of a line in their log but not its file and number. And without a text here
        LLVM would look for the file on disk, so that the object would depend on the folder we run in.
        """
        source = self._sources.get(name, [])
        texts = [f"{name}:{n} {source[n - 1].strip() if n <= len(source) else ''}".strip() for n in range(1, lines + 1)]
        return f'!DIFile(filename: "{_quoted(name)}", directory: ".", source: "{_quoted(chr(10).join(texts))}")'

    def _node(self, text: str) -> str:
        """A node of that text, shared with equal ones unless distinct."""
        if text in self._known:
            return self._known[text]
        reference = self._reserve()
        self._define(reference, text)
        if not text.startswith("distinct"):
            self._known[text] = reference
        return reference

    def _reserve(self) -> str:
        self._nodes.append("")
        return f"!{len(self._nodes) - 1}"

    def _define(self, reference: str, text: str) -> None:
        self._nodes[int(reference[1:])] = text


def _quoted(text: str) -> str:
    """Text as it stands between the quotes of LLVM's assembly; what is not printable ASCII as `\\XX`."""
    return _SPECIAL.sub(lambda found: f"\\{found[0][0]:02X}".encode(), text.encode()).decode()
