"""Who waits for whom as a graph: crowds of goroutines, the locks and channels between them, and who holds these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sey.runtime.report.model import Crowd, Lock, Place, Report
from sey.runtime.report.text import address, place

_MOST_LOCKS = 25
_MOST_CHANNELS = 15
_MOST_CROWDS = 4
_MOST_HOLDERS = 3


@dataclass(frozen=True)
class Edge:
    """From who waits to what for, or from a lock to who probably holds it."""

    source: str
    target: str
    label: str
    count: int
    stuck: bool


def graph(report: Report) -> dict[str, Any]:
    """Nodes with their layer (0 waits only) and edges, for JSON."""
    built = _Graph(report)
    layers = _layers(built.nodes, built.edges)
    nodes = [{"id": name, "layer": layers[name], **node} for name, node in built.nodes.items()]
    edges = [
        {"from": e.source, "to": e.target, "label": e.label, "count": e.count, "stuck": e.stuck} for e in built.edges
    ]
    return {"nodes": nodes, "edges": edges}


class _Graph:
    def __init__(self, report: Report) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.edges: list[Edge] = []
        self._stuck = {(d.pid, step.goid, step.lock) for d in report.deadlocks for step in d.steps}
        self._holders = {(lock.pid, holder.goid) for lock in report.locks for holder in lock.holders}
        for lock in report.locks[:_MOST_LOCKS]:
            self._lock(lock)
        for family in report.channels[:_MOST_CHANNELS]:
            kind = f"chan {family.elem_type}" if family.elem_type else "chan"
            label = f"{family.channels} × {kind}" if family.channels > 1 else address(kind, family.addresses[0])
            name = f"c{family.pid}/{family.addresses[0]}"
            self.nodes[name] = {"kind": "channel", "label": label, "note": f"len {family.longest_len} cap {family.cap}"}
            for crowd in (*family.senders[:_MOST_CROWDS], *family.receivers[:_MOST_CROWDS]):
                self._waits(family.pid, crowd, name, None)

    def _lock(self, lock: Lock) -> None:
        name = f"l{lock.pid}/{lock.address}"
        note = f"{lock.waiters} waiting" + (f", {lock.stopped} stopped" if lock.stopped > lock.waiters else "")
        self.nodes[name] = {"kind": "lock", "label": address(lock.kind, lock.address), "note": note}
        for crowd in lock.waiting[:_MOST_CROWDS]:
            self._waits(lock.pid, crowd, name, lock)
        for holder in lock.holders[:_MOST_HOLDERS]:
            node = self._goroutine(lock.pid, holder.goid, holder.now, holder.doing)
            stuck = any((pid, goid) == (lock.pid, holder.goid) for pid, goid, _ in self._stuck)
            self.edges.append(Edge(name, node, "probably held by", 1, stuck))

    def _waits(self, pid: int, crowd: Crowd, target: str, lock: Lock | None) -> None:
        """A crowd, without those of it that hold something themselves: these are nodes of their own."""
        own = [goid for goid in crowd.goids if (pid, goid) in self._holders]
        for goid in own:
            node = self._goroutine(pid, goid, crowd.place, crowd.operation or "")
            stuck = lock is not None and (pid, goid, lock.address) in self._stuck
            self.edges.append(Edge(node, target, crowd.operation or "waits", 1, stuck))
        rest = crowd.goroutines - len(own)
        if rest > 0:
            node = f"p{pid}/{place(crowd.place)}"
            known = self.nodes.setdefault(node, {"kind": "crowd", "label": place(crowd.place), "note": ""})
            known["count"] = max(rest, known.get("count", 0))
            self.edges.append(Edge(node, target, crowd.operation or "waits", rest, False))

    def _goroutine(self, pid: int, goid: int, now: Place, doing: str) -> str:
        name = f"g{pid}/{goid}"
        self.nodes.setdefault(name, {"kind": "holder", "label": f"goroutine {goid}: {place(now)}", "note": doing})
        return name


def _layers(nodes: Mapping[str, Any], edges: list[Edge]) -> dict[str, int]:
    """The longest way to each node from those that nothing leads to, as far as circles allow."""
    layers = dict.fromkeys(nodes, 0)
    for _ in range(min(len(nodes), 16)):
        moved = False
        for edge in edges:
            if not edge.stuck and layers[edge.target] <= layers[edge.source] < 15:
                layers[edge.target], moved = layers[edge.source] + 1, True
        if not moved:
            break
    for edge in edges:
        if edge.stuck and layers[edge.target] == layers[edge.source]:
            layers[edge.target] = layers[edge.source] + 1
    return layers
