"""Go types of real binaries, and what a type may not be."""

from __future__ import annotations

import ctypes

import pytest

from sey.frontend.debuginfo.model import BUILTIN, GoType, Kind
from sey.frontend.debuginfo.open import BinaryDebugInfo
from tests.debuginfo.conftest import Opener
from tests.support.gobuild import TARGETS


def named(info: BinaryDebugInfo, name: str) -> GoType:
    found = info.find_type(name)
    assert found is not None, name
    return info.type(found)


def elem(info: BinaryDebugInfo, kind: GoType) -> GoType:
    assert kind.elem is not None
    return info.type(kind.elem)


@pytest.mark.parametrize(
    ("name", "kind", "size"),
    [
        ("int", Kind.INT, 8),
        ("uint8", Kind.UINT, 1),
        ("bool", Kind.BOOL, 1),
        ("float64", Kind.FLOAT, 8),
        ("complex128", Kind.COMPLEX, 16),
        ("string", Kind.STRING, 16),
        ("[]string", Kind.SLICE, 24),
        ("[3][4]int32", Kind.ARRAY, 48),
        ("unsafe.Pointer", Kind.UNSAFE_POINTER, 8),
        ("interface {}", Kind.INTERFACE, 16),
        ("error", Kind.INTERFACE, 16),
        ("func()", Kind.FUNC, 8),
        ("map[string]int", Kind.MAP, 8),
        ("<-chan main.Status", Kind.CHAN, 8),
        ("*main.Item", Kind.POINTER, 8),
        ("main.Status", Kind.UINT, 1),
        ("main.Celsius", Kind.FLOAT, 8),
        ("main.Names", Kind.SLICE, 24),
        ("main.Lookup", Kind.MAP, 8),
        ("main.Handler", Kind.FUNC, 8),
        ("main.Pipe", Kind.CHAN, 8),
        ("main.Empty", Kind.STRUCT, 0),
        ("main.Shape", Kind.INTERFACE, 16),
        ("time.Time", Kind.STRUCT, 24),
        ("time.Duration", Kind.INT, 8),
        ("main.List[int]", Kind.STRUCT, 16),
    ],
)
def test_kinds_and_sizes(info: BinaryDebugInfo, name: str, kind: Kind, size: int) -> None:
    found = named(info, name)
    assert (found.name, found.kind, found.size) == (name, kind, size)
    assert found.runtime_type is not None
    assert info.types_by_runtime_offset([found.runtime_type]) == {found.runtime_type: found.id}


def test_elements_keys_and_lengths(info: BinaryDebugInfo) -> None:
    assert elem(info, named(info, "[]string")).name == "string"
    assert elem(info, named(info, "main.Names")).name == "string"
    assert elem(info, named(info, "*main.Item")) == named(info, "main.Item")
    assert elem(info, named(info, "main.Pipe")) == named(info, "main.Item")
    grid = named(info, "[3][4]int32")
    assert (grid.length, elem(info, grid).length, elem(info, elem(info, grid)).name) == (3, 4, "int32")
    lookup = named(info, "main.Lookup")
    assert lookup.key is not None
    assert (info.type(lookup.key).name, elem(info, lookup).name) == ("string", "*main.Item")
    assert named(info, "unsafe.Pointer").elem is None


def test_layouts_of_maps_and_channels(info: BinaryDebugInfo) -> None:
    layouts = [named(info, name).layout for name in ("main.Lookup", "main.Pipe")]
    fields = [{f.name for f in info.type(layout).fields} for layout in layouts if layout is not None]
    assert {"used", "dirPtr", "dirLen"} <= fields[0]
    assert {"qcount", "buf", "recvx"} <= fields[1]


def test_interfaces_with_and_without_methods(info: BinaryDebugInfo) -> None:
    assert named(info, "interface {}").empty_interface
    assert not named(info, "error").empty_interface
    assert not named(info, "main.Shape").empty_interface


def test_struct_fields(info: BinaryDebugInfo) -> None:
    item = named(info, "main.Item")
    fields = {f.name: f for f in item.fields}
    assert list(fields)[:4] == ["Base", "Mutex", "Next", "Tags"]
    assert [f.name for f in item.fields if f.embedded] == ["Base", "Mutex"]
    assert info.type(fields["Base"].type) == named(info, "main.Base")
    assert info.type(fields["Next"].type) == named(info, "*main.Item")
    assert info.type(fields["Inline"].type).kind is Kind.STRUCT
    assert info.type(fields["Nothing"].type).size == 0
    ends = [f.offset + info.type(f.type).size for f in item.fields]
    assert all(end <= following.offset for end, following in zip(ends, item.fields[1:], strict=False))
    assert ends[-1] <= item.size


class Base(ctypes.Structure):
    """main.Base as C lays it out, which is Go's way too."""

    _fields_ = (("ID", ctypes.c_uint64), ("Name", ctypes.c_uint64 * 2))


def test_field_offsets(info: BinaryDebugInfo) -> None:
    assert [(f.name, f.offset) for f in named(info, "main.Base").fields] == [("ID", 0), ("Name", Base.Name.offset)]


def test_a_type_has_one_id_whichever_entry_names_it(info: BinaryDebugInfo) -> None:
    # A variable refers to the bare typedef of a struct, the runtime's number belongs to the struct.
    item = named(info, "main.Item")
    (v,) = [v for v in info.variables(info.bodies("main.locals")[0]) if v.name == "it"]
    assert v.type == item.id
    assert all(info.type(f.type).id == f.type for f in item.fields)


def test_every_type_of_the_binary_can_be_read(info: BinaryDebugInfo) -> None:
    for name in info._index.types:
        kind = named(info, name)
        assert kind.name == name
        assert kind.kind is not Kind.UNKNOWN, name
        assert kind.shape == ("go.shape." in name)
        for part in (kind.elem, kind.key, kind.layout, *(f.type for f in kind.fields)):
            assert part is None or info.type(part).kind is not Kind.UNKNOWN or info.type(part).name == "?", (name, part)


def test_defined_types_are_told_from_composite_ones(info: BinaryDebugInfo) -> None:
    names = set(info.type_names())
    assert {"int", "string", "main.Item", "main.Status", "time.Time", "main.List[int]", "error"} <= names
    assert not {
        n for n in names if n.startswith(("*", "[", "map[", "func(", "chan ", "struct {", "go.shape", "noalg."))
    }
    assert list(info.type_names()) == sorted(names)


def test_the_types_that_sey_makes_resolve_everywhere(info: BinaryDebugInfo) -> None:
    assert all(info.type(t.id) == t for t in BUILTIN.values())


def test_globals(info: BinaryDebugInfo) -> None:
    kinds = {
        name: info.type(v.type).name
        for name in (
            "main.limit",
            "main.items",
            "main.lookup",
            "main.handler",
            "main.status",
            "main.anyone",
            "main.shape",
        )
        if (v := info.global_variable(name))
    }
    assert kinds == {
        "main.limit": "int",
        "main.items": "[]*main.Item",
        "main.lookup": "main.Lookup",
        "main.handler": "main.Handler",
        "main.status": "main.Status",
        "main.anyone": "interface {}",
        "main.shape": "main.Shape",
    }


def test_addresses_of_globals_are_those_of_the_symbol_table(info: BinaryDebugInfo) -> None:
    for name in ("main.limit", "runtime.allgs", "runtime.waitReasonStrings"):
        variable, symbol = info.global_variable(name), info.binary.elf.symbol(name)
        assert variable is not None
        assert symbol is not None
        assert variable.address == symbol.value


def test_paths_are_spelled_as_sources_have_them(opened: Opener) -> None:
    names = opened("1.26").type_names()
    assert any(n.startswith("crypto/internal/") or "/" in n for n in names)
    assert not [n for n in names if "%2e" in n]


def test_the_shape_of_pointers_says_nothing_of_what_they_point_to(opened: Opener) -> None:
    info = opened("1.26", target=TARGETS / "corpus")
    bodies = info.bodies("example.org/corpus/generics.(*list[...]).each")
    kinds = [info.type(v.type) for body in bodies for v in info.variables(body) if v.name == "v"]
    found = {kind.name: kind for kind in kinds}
    assert found["go.shape.*uint8"].elem is None
    assert found["go.shape.*uint8"].kind is Kind.POINTER
    assert found["go.shape.string"].kind is Kind.STRING
