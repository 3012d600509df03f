"""Names of the dynamic types that a capture met in interfaces, read from the executable after the pause."""

from __future__ import annotations

from sey.binary.gobinary import GoBinary
from sey.binary.gotypes import TypeNames
from sey.binary.pclntab import open_pclntab
from sey.ir.plan import Plan
from sey.runtime.pages import Pages


def type_names(binary: GoBinary, plan: Plan, pages: Pages, bias: int) -> dict[int, str]:
    """Names by the first word of an interface (an itab's or a type's address); what can't be named is left out.

    Types that the program made while it ran (reflect.StructOf and the like) are not in its executable.
    """
    stream = next((s for s in plan.streams if s.name == "typeword"), None)
    if stream is None:
        return {}
    met = pages.records(stream)
    if not len(met):
        return {}
    names = TypeNames(binary.elf, open_pclntab(binary).module)
    found = {int(m["word"]): names.name(int(m["type"]) - bias) for m in met if m["type"]}
    return {word: name for word, name in found.items() if name is not None}
