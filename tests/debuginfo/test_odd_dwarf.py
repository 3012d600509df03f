"""Location lists and entries that compilers shouldn't write, and some do; the right reading, or a reason in words."""

from __future__ import annotations

import pytest

from sey.frontend.debuginfo.data import DamageError
from sey.frontend.debuginfo.dwarf import At, Form, Tag
from sey.frontend.debuginfo.model import Kind, Place, Role
from tests.debuginfo import dwarfbuilder as b
from tests.debuginfo.dwarfbuilder import D, Ref, fbreg, locate, pieces, reg

CFA, REG, NOWHERE = Place.CFA, Place.REGISTER, Place.NOWHERE


@pytest.mark.parametrize("version", [4, 5])
def test_a_scalar_in_a_register_then_on_the_stack(version: int) -> None:
    found, problem = locate("int", [(0, 16, reg(3)), (16, 64, fbreg(-24))], version=version)
    assert found == [(0, 16, [(REG, 3, 0, 8)]), (16, 64, [(CFA, -24, 0, 8)])]
    assert problem is None


def test_a_string_in_pieces_of_which_one_is_gone() -> None:
    found, problem = locate(
        "string", [(0, 8, pieces((reg(0), 8), (reg(3), 8))), (8, 16, pieces((b"", 8), (fbreg(-8), 8)))]
    )
    assert found == [
        (0, 8, [(REG, 0, 0, 8), (REG, 3, 8, 8)]),
        (8, 16, [(NOWHERE, 0, 0, 8), (CFA, -8, 8, 8)]),
    ]
    assert problem is None


def test_a_string_with_one_word_kept_is_not_read_as_two() -> None:
    for place in (reg(3), fbreg(-24)):
        found, problem = locate("string", [(0, 8, place)])
        assert found == []
        assert problem is not None
        assert "which of its words" in problem


def test_a_slice_with_two_words_kept_could_be_any_two() -> None:
    found, problem = locate("[]int", [(0, 8, pieces((reg(0), 8), (reg(3), 8)))])
    assert found == []
    assert problem is not None


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([reg(0), reg(3)], [(REG, 0, 0, 8), (REG, 3, 8, 8), (NOWHERE, 0, 16, 8)]),
        ([reg(0), reg(2)], [(REG, 0, 0, 8), (NOWHERE, 0, 8, 8), (REG, 2, 16, 8)]),
        ([reg(3), reg(2)], [(NOWHERE, 0, 0, 8), (REG, 3, 8, 8), (REG, 2, 16, 8)]),
    ],
)
def test_the_abi_tells_which_words_of_a_parameter_are_kept(kept: list[bytes], expected: list[object]) -> None:
    entry = pieces(*((place, 8) for place in kept))
    found, problem = locate("[]int", [(0, 8, entry)], role=Tag.FORMAL_PARAMETER)
    assert found == [(0, 8, expected)]
    assert problem is None


def test_padding_between_pieces_is_not_described() -> None:
    padded = b.struct_type("main.P", 24, [("a", "bool", 0), ("b", "int", 8), ("c", "uint8", 16)])
    entry = pieces((reg(0), 1), (reg(3), 8), (fbreg(-9), 1))
    found, problem = locate("main.P", [(0, 8, entry)], types=[*b.plain_types(), padded])
    assert found == [(0, 8, [(REG, 0, 0, 8), (REG, 3, 8, 8), (CFA, -9, 16, 8)])]
    assert problem is None


def test_a_piece_that_only_one_word_fits_is_certain() -> None:
    kinds = [*b.plain_types(), b.struct_type("main.M", 24, [("a", "int", 0), ("b", "int", 8), ("c", "uint8", 16)])]
    found, problem = locate("main.M", [(0, 8, pieces((reg(0), 8), (reg(3), 1)))], types=kinds)
    assert found == [(0, 8, [(NOWHERE, 0, 0, 16), (REG, 3, 16, 8)])]
    assert problem is not None


def test_a_struct_of_floats_and_integers_is_told_by_the_registers() -> None:
    kinds = [*b.plain_types(), b.struct_type("main.F", 16, [("a", "int", 0), ("x", "float64", 8)])]
    found, problem = locate("main.F", [(0, 8, b"\x90\x14")], types=kinds)
    assert found == [(0, 8, [(NOWHERE, 0, 0, 8), (REG, 20, 8, 8)])]
    assert problem is None


def test_large_values_are_kept_whole() -> None:
    large = b.struct_type("main.L", 40, [(n, "int", 8 * i) for i, n in enumerate("abcde")])
    found, problem = locate("main.L", [(4, 64, fbreg(-48))], types=[*b.plain_types(), large])
    assert found == [(4, 64, [(CFA, -48, 0, 40)])]
    assert problem is None
    found, problem = locate("main.L", [(4, 64, reg(0))], types=[*b.plain_types(), large])
    assert found == []
    assert problem == "its location names one register for 40 bytes"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (pieces((fbreg(0), 24), (reg(0), 8), (reg(3), 8), (reg(2), 8)), "pieces don't fit"),
        (pieces((reg(0), 8), (reg(3), 7), (reg(2), 9)), "pieces don't fit"),
        (b"\x91\x70\x06", "operation 0x6"),
        (b"\x30", "operation 0x30"),
        (b"\x90\x70", "register 112"),
        (b"\x91", "damaged"),
        (b"\x03\x01", "damaged"),
        (pieces((reg(0), 8)) + reg(3), "mixes pieces"),
        (reg(0) + reg(3), "isn't known"),
    ],
)
def test_locations_that_are_not_believed(expression: bytes, words: str) -> None:
    found, problem = locate("[]int", [(0, 8, expression)])
    assert found == []
    assert problem is not None
    assert words in problem


def test_one_bad_entry_leaves_the_others() -> None:
    found, problem = locate("int", [(0, 8, reg(0)), (8, 16, b"\x30"), (16, 24, fbreg(-8))])
    assert [(lo, hi) for lo, hi, _ in found] == [(0, 8), (16, 24)]
    assert problem is not None


def test_an_entry_behind_the_end_is_cut_and_one_outside_is_left_out() -> None:
    found, problem = locate("int", [(0, 0x108, reg(0))])
    assert found == [(0, 0x100, [(REG, 0, 0, 8)])]
    assert problem is None
    found, problem = locate("int", [(0x108, 0x110, reg(0)), (8, 4, reg(0))])
    assert found == []
    assert problem == "its location list reaches outside of the function"


def test_two_places_at_once_are_no_place() -> None:
    found, problem = locate("int", [(0, 16, reg(0)), (8, 24, reg(3)), (24, 32, reg(2))])
    assert [(lo, hi) for lo, hi, _ in found] == [(24, 32)]
    assert problem == "its location list names two places at once"


def test_the_same_place_twice_is_one() -> None:
    found, problem = locate("int", [(0, 16, reg(0)), (8, 24, reg(0)), (24, 32, reg(0))])
    assert found == [(0, 32, [(REG, 0, 0, 8)])]
    assert problem is None


@pytest.mark.parametrize("name", ["_", "s.ptr", ".dict", "#yield1", "~r0ptr", "&", ""])
def test_names_of_the_compilers_own_are_hidden(name: str) -> None:
    with pytest.raises(ValueError, match="not enough values"):
        locate("int", [(0, 8, reg(0))], name=name)


@pytest.mark.parametrize("name", ["x", "φ", "~r0", "~b12", "type"])
def test_names_of_sources_are_shown(name: str) -> None:
    found, _ = locate("int", [(0, 8, reg(0))], name=name)
    assert found


def test_an_escaped_variable_is_a_pointer_to_its_value() -> None:
    found, problem = locate("*int", [(0, 8, reg(0))], name="&x")
    assert found == [(0, 8, [(REG, 0, 0, 8)])]
    assert problem is None
    found, problem = locate("int", [(0, 8, reg(0))], name="&x")
    assert found == []
    assert problem is not None


def test_values_without_a_size_are_always_there() -> None:
    found, problem = locate("main.E", [], types=[b.struct_type("main.E", 0, [])])
    assert found == [(0, 0x100, [])]
    assert problem is None


# --- types ---


def type_of(kind: D, name: str, *more: D) -> tuple[Kind, int]:
    top = b.unit([*b.plain_types(), kind, *more, b.function("main.f", [])])
    info = b.open_sections(b.encode(top, 4))
    found = info.find_type(name)
    assert found is not None
    read = info.type(found)
    return read.kind, read.size


def test_a_struct_that_holds_itself_is_no_type() -> None:
    circle = b.struct_type("main.C", 8, [("c", "main.C", 0)])
    assert type_of(circle, "main.C") == (Kind.UNKNOWN, 8)


def test_structs_that_hold_each_other_are_no_types() -> None:
    one, two = b.struct_type("main.A", 8, [("b", "main.B", 0)]), b.struct_type("main.B", 8, [("a", "main.A", 0)])
    assert type_of(one, "main.A", two)[0] is Kind.UNKNOWN
    assert type_of(one, "main.B", two)[0] is Kind.UNKNOWN


def test_a_field_that_reaches_beyond_its_struct_spoils_it() -> None:
    assert type_of(b.struct_type("main.S", 8, [("a", "int", 4)]), "main.S")[0] is Kind.UNKNOWN
    assert type_of(b.struct_type("main.S", 8, [("a", "int", 0)]), "main.S")[0] is Kind.STRUCT


def test_a_typedef_of_itself_is_no_type() -> None:
    loop = D(Tag.TYPEDEF, {At.NAME: (Form.STRING, "main.T"), At.TYPE: (Form.REF_ADDR, Ref("loop"))}, label="loop")
    found, problem = locate("loop", [(0, 8, reg(0))], types=[loop])
    assert found == []
    assert problem == "its type can't be read"


def test_nested_by_value_deeper_than_python_recurses() -> None:
    nest = [b.struct_type(f"main.N{i}", 8, [("n", f"main.N{i + 1}", 0)]) for i in range(3000)]
    last = b.struct_type("main.N3000", 8, [("n", "int", 0)])
    assert type_of(last, "main.N0", *nest)[0] is Kind.UNKNOWN


def test_a_pointer_to_something_unreadable() -> None:
    broken = b.pointer_type("int")
    broken.attributes[At.TYPE] = (Form.REF_ADDR, 0x00FFFFFF)
    broken.attributes[At.NAME] = (Form.STRING, "*main.Gone")
    assert type_of(broken, "*main.Gone") == (Kind.POINTER, 8)


# --- units and functions ---


def test_units_of_other_languages_are_left_out() -> None:
    info = b.open_sections(b.encode(b.unit([b.function("c_code", [])], language=0x0C), 5))
    assert list(info.function_names()) == []


def test_partial_units_and_forms_of_other_tools_break_nothing() -> None:
    go = b.encode(b.unit([*b.plain_types(), b.function("main.f", [], version=5)]), 5)
    far = 0x0FFFFFFF  # four bytes, as an offset into another file's section takes
    top = D(Tag.PARTIAL_UNIT, {At.LANGUAGE: (Form.DATA1, 0x0C), At.NAME: (Form.GNU_STRP_ALT, far)}, [])
    top.attributes |= {At.TYPE: (Form.GNU_REF_ALT, far), At.COUNT: (Form.STRX1, 3)}
    partial = b.encode(top, 5)
    other = bytearray(partial[".debug_info"])
    other[8:12] = len(go[".debug_abbrev"]).to_bytes(4, "little")
    sections = {name: go[name] + (bytes(other) if name == ".debug_info" else partial[name]) for name in go}
    info = b.open_sections(sections)
    assert list(info.function_names()) == ["main.f"]
    assert len(info._units.all) == 2


@pytest.mark.parametrize("form", [Form.EXPRLOC, Form.BLOCK1])
def test_both_ways_to_write_an_expression(form: Form) -> None:
    v = b.variable("v", "int", fbreg(8))
    v.attributes[At.LOCATION] = (form, fbreg(8))
    info = b.open_sections(b.encode(b.unit([*b.plain_types(), b.function("main.f", [v])]), 4))
    (found,) = info.variables(info.bodies("main.f")[0])
    assert [b._plain(p) for r in found.locations for p in r.pieces] == [(CFA, 8, 0, 8)]
    assert found.role is Role.LOCAL


def test_blocks_too_long_for_the_fast_scan_are_read_the_slow_way() -> None:
    long = b.variable("v", "int", b"\x96" * 200)
    info = b.open_sections(
        b.encode(b.unit([*b.plain_types(), b.function("main.f", [long]), b.function("main.g", [])]), 4)
    )
    assert list(info.function_names()) == ["main.f", "main.g"]


def test_references_that_lead_nowhere() -> None:
    inlined = D(Tag.INLINED_SUBROUTINE, {At.ABSTRACT_ORIGIN: (Form.REF_ADDR, 0x20)}, [])
    with pytest.raises(DamageError):
        b.open_sections(b.encode(b.unit([*b.plain_types(), b.function("main.f", [inlined])]), 4))


def test_a_function_that_ends_before_it_begins() -> None:
    wrong = b.function("main.f", [])
    wrong.attributes[At.HIGH_PC] = (Form.ADDR, b.BASE - 1)
    with pytest.raises(DamageError):
        b.open_sections(b.encode(b.unit([wrong]), 4))


def test_an_empty_section_has_no_functions() -> None:
    info = b.open_sections({".debug_info": b"", ".debug_abbrev": b""})
    assert list(info.function_names()) == []
