"""Numbers of the DWARF standard (version 5, chapter 7) and of Go's own attributes, as far as Go compilers use them.

Go's attributes are those of cmd/internal/dwarf/dwarf.go.
"""

from __future__ import annotations

import enum


class Tag(enum.IntEnum):
    """DW_TAG_*: what an entry describes."""

    ARRAY_TYPE = 0x01
    FORMAL_PARAMETER = 0x05
    LEXICAL_BLOCK = 0x0B
    MEMBER = 0x0D
    POINTER_TYPE = 0x0F
    COMPILE_UNIT = 0x11
    STRUCTURE_TYPE = 0x13
    SUBROUTINE_TYPE = 0x15
    TYPEDEF = 0x16
    INLINED_SUBROUTINE = 0x1D
    SUBRANGE_TYPE = 0x21
    BASE_TYPE = 0x24
    CONSTANT = 0x27
    SUBPROGRAM = 0x2E
    VARIABLE = 0x34
    UNSPECIFIED_TYPE = 0x3B
    PARTIAL_UNIT = 0x3C
    TYPE_UNIT = 0x41
    SKELETON_UNIT = 0x4A


class At(enum.IntEnum):
    """DW_AT_*: attributes of an entry."""

    LOCATION = 0x02
    NAME = 0x03
    BYTE_SIZE = 0x0B
    STMT_LIST = 0x10
    LOW_PC = 0x11
    HIGH_PC = 0x12
    LANGUAGE = 0x13
    COMP_DIR = 0x1B
    CONST_VALUE = 0x1C
    INLINE = 0x20
    ABSTRACT_ORIGIN = 0x31
    COUNT = 0x37
    DATA_MEMBER_LOCATION = 0x38
    DECL_FILE = 0x3A
    DECL_LINE = 0x3B
    ENCODING = 0x3E
    EXTERNAL = 0x3F
    TYPE = 0x49
    VARIABLE_PARAMETER = 0x4B
    RANGES = 0x55
    CALL_FILE = 0x58
    CALL_LINE = 0x59
    ADDR_BASE = 0x73
    RNGLISTS_BASE = 0x74
    LOCLISTS_BASE = 0x8C
    GO_KIND = 0x2900
    GO_KEY = 0x2901
    GO_ELEM = 0x2902
    GO_EMBEDDED_FIELD = 0x2903
    GO_RUNTIME_TYPE = 0x2904
    GO_DICT_INDEX = 0x2906
    GO_CLOSURE_OFFSET = 0x2907


class Form(enum.IntEnum):
    """DW_FORM_*: how an attribute's value is written."""

    ADDR = 0x01
    BLOCK2 = 0x03
    BLOCK4 = 0x04
    DATA2 = 0x05
    DATA4 = 0x06
    DATA8 = 0x07
    STRING = 0x08
    BLOCK = 0x09
    BLOCK1 = 0x0A
    DATA1 = 0x0B
    FLAG = 0x0C
    SDATA = 0x0D
    STRP = 0x0E
    UDATA = 0x0F
    REF_ADDR = 0x10
    REF1 = 0x11
    REF2 = 0x12
    REF4 = 0x13
    REF8 = 0x14
    REF_UDATA = 0x15
    SEC_OFFSET = 0x17
    EXPRLOC = 0x18
    FLAG_PRESENT = 0x19
    STRX = 0x1A
    ADDRX = 0x1B
    REF_SUP4 = 0x1C
    STRP_SUP = 0x1D
    DATA16 = 0x1E
    LINE_STRP = 0x1F
    REF_SIG8 = 0x20
    IMPLICIT_CONST = 0x21
    LOCLISTX = 0x22
    RNGLISTX = 0x23
    REF_SUP8 = 0x24
    STRX1 = 0x25
    STRX2 = 0x26
    STRX3 = 0x27
    STRX4 = 0x28
    ADDRX1 = 0x29
    ADDRX2 = 0x2A
    ADDRX3 = 0x2B
    ADDRX4 = 0x2C
    GNU_REF_ALT = 0x1F20
    GNU_STRP_ALT = 0x1F21


FIXED_SIZE: dict[int, int] = {
    Form.ADDR: 8, Form.DATA1: 1, Form.DATA2: 2, Form.DATA4: 4, Form.DATA8: 8, Form.DATA16: 16, Form.FLAG: 1,
    Form.FLAG_PRESENT: 0, Form.IMPLICIT_CONST: 0, Form.STRP: 4, Form.LINE_STRP: 4, Form.SEC_OFFSET: 4,
    Form.REF_ADDR: 4, Form.REF1: 1, Form.REF2: 2, Form.REF4: 4, Form.REF8: 8, Form.REF_SIG8: 8,
    Form.STRX1: 1, Form.STRX2: 2, Form.STRX3: 3, Form.STRX4: 4,
    Form.ADDRX1: 1, Form.ADDRX2: 2, Form.ADDRX3: 3, Form.ADDRX4: 4,
    Form.REF_SUP4: 4, Form.STRP_SUP: 4, Form.REF_SUP8: 8, Form.GNU_REF_ALT: 4, Form.GNU_STRP_ALT: 4,
}  # fmt: skip
"""Bytes of the forms whose size is fixed, in 32-bit DWARF for 64-bit addresses."""

LEB128 = frozenset({Form.UDATA, Form.SDATA, Form.REF_UDATA, Form.STRX, Form.ADDRX, Form.LOCLISTX, Form.RNGLISTX})
"""Forms written as one LEB128 number."""

REFERENCES_IN_UNIT = frozenset({Form.REF1, Form.REF2, Form.REF4, Form.REF8, Form.REF_UDATA})
"""Forms that name an entry by its distance from the start of its unit."""

ADDRESS_INDEXES = frozenset({Form.ADDRX, Form.ADDRX1, Form.ADDRX2, Form.ADDRX3, Form.ADDRX4})
"""Forms that name an address by its number in `.debug_addr`."""

LANGUAGE_GO = 0x16


class GoKind(enum.IntEnum):
    """Values of DW_AT_go_kind that the tag alone doesn't tell (internal/abi/type.go)."""

    CHAN = 18
    INTERFACE = 20
    MAP = 21
    SLICE = 23
    STRING = 24


class Encoding(enum.IntEnum):
    """DW_ATE_*: what a base type's bits mean."""

    BOOLEAN = 2
    COMPLEX_FLOAT = 3
    FLOAT = 4
    SIGNED = 5
    SIGNED_CHAR = 6
    UNSIGNED = 7
    UNSIGNED_CHAR = 8


class Op(enum.IntEnum):
    """DW_OP_*: location operations that Go compilers use, and those they could use next."""

    ADDR = 0x03
    PLUS_UCONST = 0x23
    REG0 = 0x50
    REG31 = 0x6F
    REGX = 0x90
    FBREG = 0x91
    PIECE = 0x93
    CALL_FRAME_CFA = 0x9C
    ADDRX = 0xA1
