"""Plans and manifests as JSON, and JSON that isn't one."""

from __future__ import annotations

import contextlib
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sey.binary.errors import SeyError
from sey.ir import codec
from sey.ir.plan import Plan
from tests.support.captures import Shop


class Colour(enum.Enum):
    RED = "red"
    BLUE = 7


@dataclass(frozen=True)
class Leaf:
    name: str
    size: int = 0


@dataclass(frozen=True)
class Tree:
    leaf: Leaf
    some: tuple[Leaf, ...]
    pair: tuple[int, str]
    by_name: Mapping[str, Leaf]
    by_number: Mapping[int, bool]
    colour: Colour
    ratio: float
    child: Tree | None = None


leaves = st.builds(Leaf, st.text(), st.integers(-(1 << 63), (1 << 64) - 1))
trees = st.recursive(
    st.none(),
    lambda child: st.builds(
        Tree,
        leaves,
        st.lists(leaves, max_size=3).map(tuple),
        st.tuples(st.integers(-5, 5), st.text()),
        st.dictionaries(st.text(), leaves, max_size=2),
        st.dictionaries(st.integers(-3, 1 << 63), st.booleans(), max_size=2),
        st.sampled_from(Colour),
        st.floats(allow_nan=False, allow_infinity=False),
        child,
    ),
    max_leaves=4,
).filter(lambda tree: tree is not None)


@given(trees)
def test_what_was_written_is_read(tree: Tree) -> None:
    assert codec.loads(Tree, codec.dumps(tree), "a tree") == tree


def test_a_plan_survives() -> None:
    plan = Shop().plan
    data = codec.dumps(plan)
    assert codec.loads(Plan, data, "plan") == plan
    assert codec.dumps(codec.loads(Plan, data, "plan")) == data


TREE = Tree(Leaf("a", 1), (Leaf("b"),), (1, "x"), {"k": Leaf("c")}, {3: True}, Colour.RED, 0.5)


@pytest.mark.parametrize(
    ("change", "place", "reason"),
    [
        ({"leaf": None}, "leaf", "an object is missing"),
        ({"some": [{"name": "b", "size": "1"}]}, "some[0].size", "an integer is missing, found a text"),
        ({"some": [{"name": 1}]}, "some[0].name", "a value of type str is missing, found a number"),
        ({"some": [{}]}, "some[0]", "field `name` is missing"),
        ({"pair": [1]}, "pair", "2 values expected, found 1"),
        ({"leaf": {"name": "a", "size": 1 << 64}}, "leaf.size", "more than 64 bits"),
        ({"leaf": {"name": "a", "size": True}}, "leaf.size", "an integer is missing, found a truth value"),
        ({"by_number": {"x": True}}, "by_number['x']", "a key that is not an integer"),
        ({"colour": "green"}, "colour", "not a Colour"),
        ({"extra": 1}, "the top", "unknown field `extra`"),
    ],
)
def test_misfits_name_their_place(change: dict[str, Any], place: str, reason: str) -> None:
    data = json.dumps(json.loads(codec.dumps(TREE)) | change).encode()
    with pytest.raises(SeyError) as wrong:
        codec.loads(Tree, data, "the tree")
    message = wrong.value.problems[0].message()
    assert message.startswith(f"the tree is damaged: at {place}: ")
    assert reason in message


@pytest.mark.parametrize("data", [b"", b"\xff", b"{", b"[" * 100_000, b"NaN", b"1e999", b"9" * 10_000, b'"a" 1'])
def test_what_is_not_json(data: bytes) -> None:
    with pytest.raises(SeyError):
        codec.loads(Tree, data, "the tree")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["leaf", "name", "size"]), inner),
)


@given(json_values)
def test_any_json_is_a_tree_or_an_error(value: Any) -> None:
    with contextlib.suppress(SeyError):
        assert isinstance(codec.decode(Tree, value, "x"), Tree)
