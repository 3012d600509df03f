"""Which types can lead to values of their own type: only there can a value contain itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class TypeGraph:
    """Answers for types by number; `leads_to` gives the types that a value of a type leads to or consists of."""

    def __init__(self, leads_to: Callable[[int], Iterable[int]]) -> None:
        self._leads_to = leads_to
        self._order: dict[int, int] = {}
        self._low: dict[int, int] = {}
        self._open: list[int] = []
        self._recursive: dict[int, bool] = {}

    def is_recursive(self, kind: int) -> bool:
        """Whether a value of the type can lead to another one of it."""
        if kind not in self._recursive:
            self._walk(kind)
        return self._recursive[kind]

    def _walk(self, root: int) -> None:
        """Tarjan's strongly connected components, from `root` on; what earlier walks found stays."""
        pending = [(root, iter(self._enter(root)))]
        while pending:
            at, inner = pending[-1]
            for to in inner:
                if to not in self._order:
                    pending.append((to, iter(self._enter(to))))
                    break
                if to not in self._recursive:
                    self._low[at] = min(self._low[at], self._order[to])
            else:
                pending.pop()
                if pending:
                    outer = pending[-1][0]
                    self._low[outer] = min(self._low[outer], self._low[at])
                if self._low[at] == self._order[at]:
                    self._close(at)

    def _enter(self, kind: int) -> tuple[int, ...]:
        self._order[kind] = self._low[kind] = len(self._order)
        self._open.append(kind)
        return tuple(self._leads_to(kind))

    def _close(self, first: int) -> None:
        cut = self._open.index(first)
        component, self._open = self._open[cut:], self._open[:cut]
        alone = len(component) == 1 and first not in self._leads_to(first)
        self._recursive.update(dict.fromkeys(component, not alone))
