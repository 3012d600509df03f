"""Circles of waiting: strongly connected components of a graph (Tarjan, 1972), without recursion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

N = TypeVar("N")


def circles(edges: Mapping[N, Sequence[N]]) -> list[list[N]]:
    """For each component with a circle the shortest one through its first node, in the direction of edges."""
    return [_circle(component, edges) for component in components(edges) if _has_circle(component, edges)]


def components(edges: Mapping[N, Sequence[N]]) -> list[list[N]]:
    """The strongly connected components; nodes are the keys, edges to others are left out."""
    index: dict[N, int] = {}
    low: dict[N, int] = {}
    stack: list[N] = []
    on_stack: set[N] = set()
    found: list[list[N]] = []
    for root in edges:
        work = [(root, 0)] if root not in index else []
        while work:
            node, at = work.pop()
            if at == 0:
                index[node] = low[node] = len(index)
                stack.append(node)
                on_stack.add(node)
            targets = [target for target in edges[node] if target in edges]
            if at > 0:
                low[node] = min(low[node], low[targets[at - 1]])
            while at < len(targets) and targets[at] in index:
                if targets[at] in on_stack:
                    low[node] = min(low[node], index[targets[at]])
                at += 1
            if at < len(targets):
                work += [(node, at + 1), (targets[at], 0)]
            elif low[node] == index[node]:
                component = list[N]()
                while not component or component[-1] != node:
                    component.append(stack.pop())
                    on_stack.discard(component[-1])
                found.append(component[::-1])
    return found


def _has_circle(component: Sequence[N], edges: Mapping[N, Sequence[N]]) -> bool:
    return len(component) > 1 or component[0] in edges[component[0]]


def _circle(component: Sequence[N], edges: Mapping[N, Sequence[N]]) -> list[N]:
    """The shortest way from the first node of a component back to it."""
    start, inside = component[0], set(component)
    came: dict[N, N] = {}
    ring = [start]
    while ring:
        after = []
        for node in ring:
            for target in edges[node]:
                if target == start:
                    way = [node]
                    while way[-1] != start:
                        way.append(came[way[-1]])
                    return way[::-1]
                if target in inside and target not in came:
                    came[target] = node
                    after.append(target)
        ring = after
    return list(component)
