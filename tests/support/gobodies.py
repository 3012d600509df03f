"""What functions of random programs do (`gocalls.py`): they change and keep what they were given, take stack, panic,
call each other, and tell of their variables in single lines."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_INTERFACES = ("any", "error")


@dataclass
class Body:
    """Statements of a function that has these parameters and results, by name and type, and whose number is `number`:
    it calls only those before it. `note` takes the names that a line tells of and gives its text, `declare` takes the
    text of a function, `draw` gives a type."""

    rng: random.Random
    number: int
    parameters: list[tuple[str, str]]
    results: list[str]
    named: bool
    note: Callable[..., str]
    declare: Callable[[str], None]
    draw: Callable[[], str]

    def text(self, leaf: bool) -> str:
        """The body; that of a leaf does nothing but return what is at hand."""
        lines = [] if leaf else list(self._statements())
        return "".join(f"\t{line}\n" for line in (*lines, self._return(leaf)))

    def _return(self, leaf: bool = False) -> str:
        values = [self._value(kind, leaf) for kind in self.results]
        if self.named and values and self.rng.random() < 0.6:
            return "\n\t".join((*(f"r{i} = {v}" for i, v in enumerate(values)), "return"))
        return f"return {', '.join(values)}"

    def _value(self, kind: str, leaf: bool) -> str:
        own = [name for name, other in self.parameters if other == kind]
        if own and self.rng.random() < 0.7:
            return self.rng.choice(own)
        return f"*new({kind})" if leaf else f"mk[{kind}]()"

    def _statements(self) -> Iterator[str]:
        rng = self.rng
        if self.named and self.results and rng.random() < 0.4:
            caught = "if recover() != nil { use(1) }\n\t\t" if rng.random() < 0.5 else ""
            i = rng.randrange(len(self.results))
            yield f"defer func() {{\n\t\t{caught}r{i} = mk[{self.results[i]}]()\n\t}}()"
        for _ in range(rng.randint(0, 6)):
            name, kind = rng.choice(self.parameters) if self.parameters else ("", "")
            statement = self._about(name, kind) if name and rng.random() < 0.5 else self._other()
            if statement:
                yield statement

    def _about(self, name: str, kind: str) -> str | None:
        """Something about one parameter."""
        match self.rng.choice(("use", "set", "change", "leak", "loop")):
            case "use":
                return f"use({name})"
            case "set":
                return f"{name} = mk[{kind}]()\n\tuse({name})"
            case "change" if kind.startswith("*"):
                return f"if {name} != nil {{ *{name} = mk[{kind[1:]}]() }}"
            case "change" if kind.startswith("[]"):
                return f"if len({name}) > 0 {{ {name}[0] = mk[{kind[2:]}]() }}"
            case "change" if kind == "map[string]int":
                return f'if {name} != nil {{ {name}["new"] = 1 }}'
            case "leak":
                return f"leak(&{name})"
            case "loop":
                return f"for i := 0; i < 3; i++ {{\n\t\tuse(i)\n\t\tuse({name})\n\t}}"
        return None

    def _other(self) -> str | None:
        rng = self.rng
        match rng.choice(("grow", "big", "nest", "panic", "early", "collect", "note", "local", "inlined", "switch")):
            case "grow":
                return f"grow({rng.choice((3, 20, 100))})"
            case "big":
                size, name = rng.choice((100, 2000, 5000, 70000)), self._fresh("big")
                return f"var {name} [{size}]byte\n\t{name}[here().depth] = 1\n\tuse(len({name}[:here().depth]))"
            case "nest" if self.number:
                called = rng.randrange(self.number)
                return f"if here().depth < 4 && here().chance(3) {{ call{called}(here()) }}"
            case "panic":
                return 'if here().chance(4) { panic("thrown") }'
            case "early":
                return f"if here().chance(3) {{\n\t{self._return()}\n\t}}"
            case "collect":
                return "if here().chance(20) { runtime.GC() }"
            case "note":
                return self._noted()
            case "local":
                return self._local()
            case "inlined":
                return self._inlined()
            case "switch":
                cases = f"case 0:\n\t\t{self._noted()}\n\tcase 1:\n\t\t{self._noted()}\n\tdefault:\n\t\tuse(3)"
                return f"switch here().rng.Intn(3) {{\n\t{cases}\n\t}}"
        return None

    def _noted(self, *names: str) -> str:
        """A line that tells of variables, though of none whose static type it can't."""
        concrete = [name for name, kind in self.parameters if kind not in _INTERFACES and not {"T", "U"} & set(kind)]
        return self.note(*names, *self.rng.sample(concrete, min(len(concrete), 3)))

    def _local(self) -> str:
        """A local variable that changes."""
        name, kind = self._fresh("v"), self.draw()
        kind = "int" if kind in _INTERFACES else kind
        loop = f"for i := 0; i < 2; i++ {{\n\t\t{self.note('i', name)}\n\t}}"
        made, used = f"mk[{kind}]()", f"use({name})"
        return "\n\t".join((f"{name} := {made}", used, self._noted(name), f"{name} = {made}", loop, used))

    def _inlined(self) -> str:
        """Two calls of a function that is inlined."""
        name = self._fresh("small")
        lines = f"\t{self.note('x', 's', 'p')}\n\treturn x + len(s)\n"
        self.declare(f"func {name}(x int, s string, p *pair) int {{\n{lines}}}\n")
        first = f"if {name}(here().depth, mk[string](), mk[*pair]()) > 3 {{ use(2) }}"
        return f"{first}\n\tuse({name}(4, mk[string](), nil))"

    def _fresh(self, stem: str) -> str:
        return f"{stem}{self.rng.randrange(1 << 30)}"
