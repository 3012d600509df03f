"""The tree of all stacks, outermost functions first, each with its number of goroutines: what a flame graph draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sey.runtime.report.base import Source

_MOST_STACKS = 3000
_MOST_NODES = 12_000
_MOST_FRAMES = 200
_OTHERS = "(other stacks)"

_STACKS = f"""
with counted as (
    select pid, stack_id, count(*) as n from crew where not system and stack_id is not null group by all
    order by n desc, pid, stack_id limit {_MOST_STACKS}
)
select c.n, list(coalesce(f.function, printf('0x%x', f.pc)) order by f.depth desc)[:{_MOST_FRAMES}]
from counted c join last_frames f using (pid, stack_id) where not f.hidden group by c.pid, c.stack_id, c.n
order by c.n desc, c.pid, c.stack_id
"""
_ALL = "select count(*) from crew where not system"


@dataclass
class Node:
    """A function at one place of the tree. `count` are goroutines in it and in what it called."""

    count: int = 0
    children: dict[str, Node] = field(default_factory=dict)


def flame(source: Source) -> dict[str, Any]:
    """The tree for JSON: `[name, count, [children…]]`, largest first; what is too small to see is left out."""
    root = Node()
    for count, functions in source.rows(_STACKS):
        _add(root, functions, count)
    ((total,),) = source.rows(_ALL)
    if total > root.count:
        _add(root, [_OTHERS], total - root.count)
    # Too small to be seen, at a fifth of a pixel; less detail where that isn't few enough.
    least = max(root.count // 5000, 1)
    while _nodes(root, least) > _MOST_NODES:
        least *= 2
    return {"total": root.count, "tree": _listed("all", root, least)}


def _add(root: Node, functions: list[str], count: int) -> None:
    node = root
    node.count += count
    for function in functions:
        node = node.children.setdefault(function, Node())
        node.count += count


def _nodes(node: Node, least: int) -> int:
    return 1 + sum(_nodes(child, least) for child in node.children.values() if child.count >= least)


def _listed(name: str, node: Node, least: int) -> list[Any]:
    children = [(n, c) for n, c in node.children.items() if c.count >= least]
    children.sort(key=lambda item: (-item[1].count, item[0]))
    return [name, node.count, [_listed(n, c, least) for n, c in children]]
