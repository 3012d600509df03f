"""Operators, constants and conversions, as Go has them."""

from __future__ import annotations

import pytest

from sey.frontend import bound
from tests.language.test_bind import codes, drawn, expr_of, problems


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 2 * 3", "int(7)"),
        ("7 / 2", "int(3)"),
        ("-7 / 2", "int(-3)"),
        ("-7 % 3", "int(-1)"),
        ("7 % -3", "int(1)"),
        ("7 / 2.0", "float64(3.5)"),
        ("1 << 10", "int(1024)"),
        ("1 << 62 >> 60", "int(4)"),
        ("1 << 100 >> 98", "int(4)"),
        ("^0", "int(-1)"),
        ("6 &^ 3", "int(4)"),
        ("'a' + 1", "int32(98)"),
        ("'a' * 1.0", "float64(97.0)"),
        ("4KiB / 2", "int(2048)"),
        ("1h30m", "time.Duration(5400000000000)"),
        ("2 * 50ms", "time.Duration(100000000)"),
        ("1.5s - 500ms", "time.Duration(1000000000)"),
        ("1s / 3", "time.Duration(333333333)"),
        ("1s > 50ms", "bool(True)"),
        ('"a" < "b"', "bool(True)"),
        ('"a" + "b" == "ab"', "bool(True)"),
        ('len("a" + "bc")', "int(3)"),
        ("!true || false", "bool(False)"),
        ("1 == 1.0", "bool(True)"),
        ("0x10 + 0b11 + 0o7 + 017", "int(41)"),
        ("1_000", "int(1000)"),
        ("0x1p-2", "float64(0.25)"),
        ('len("\\xff\\u00e9")', "int(3)"),
        ("len(cs.slots) + 1", "int(5)"),
        ("18446744073709551615 - 18446744073709551614", "int(1)"),
    ],
)
def test_constants_are_exact(text: str, result: str) -> None:
    assert drawn(expr_of(text)) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("i8 == 127", "(i8 == int8(127))"),
        ("i8 > -1", "(i8 > int8(-1))"),
        ("u == 4294967295", "(u == uint32(4294967295))"),
        ("u == 2.0", "(u == uint32(2))"),
        ("u == 'a'", "(u == uint32(97))"),
        ("f > 1", "(f > float64(1.0))"),
        ("h == 0.5", "(h == float32(0.5))"),
        ("d > 50ms", "(d > time.Duration(50000000))"),
        ("50ms < d", "(time.Duration(50000000) < d)"),
        ("d > 1000", "(d > time.Duration(1000))"),
        ("d / 1ms > 3", "((d / time.Duration(1000000)) > time.Duration(3))"),
        ('request == "x"', "(request == string(x))"),
        ('request == "\\xff\\u00e9"', "(request == string(\udcffé))"),
        ("request == str", "(request == str)"),
        ("cs.err != nil", "((*cs).err@164 != error(nil))"),
        ("nil == cs.tags", "(map[string]string(nil) == (*cs).tags@140)"),
        ("cs.queue == nil", "((*cs).queue@16 == []*main.Job(nil))"),
        ("cs.onDone != nil", "((*cs).onDone@156 != func(int)(nil))"),
        ("cs.raw == nil", "((*cs).raw@182 == unsafe.Pointer(nil))"),
        ("cs == cs.queue[0].next", None),
        ("cs.queue[0] == cs.queue[1].next", "((*cs).queue@16[0] == (*(*cs).queue@16[1]).next@24)"),
        ("cs.wake == cs.wake", "((*cs).wake@148 == (*cs).wake@148)"),
        ("cs.z == 1", "((*cs).z@190 == complex128((1+0j)))"),
        ("!ok && n > 3", "(!ok && (n > int(3)))"),
        ("!cs.done", "!(*cs).done@181"),
        ("cs.done == (n > 3)", "((*cs).done@181 == (n > int(3)))"),
        ("cs.done && n > 3", "((*cs).done@181 && (n > int(3)))"),
        ("cs.done && ok", None),
        ("cs.done == ok", None),
        ("-n + ^n", "(-n + ^n)"),
        ("+n", "n"),
        ("n % 3", "(n % int(3))"),
        ("u << 3", "(u << uint(3))"),
        ("u << n", "(u << n)"),
        ("1 << n", "(int(1) << n)"),
        ("u == 1 << n", "(u == (uint32(1) << n))"),
        ("(1 << n) & u", "((uint32(1) << n) & u)"),
        ("count & ^1", None),
        ("count &^ 1", "(count &^ uint64(1))"),
        ("cs.status == 3", "((*cs).status@180 == main.Status(3))"),
        ("len(request) > 4KiB", "(len(request) > int(4096))"),
        ("buf[0] == 'a'", "(buf[0] == uint8(97))"),
        ("count - 1 > 18446744073709551614", "((count - uint64(1)) > uint64(18446744073709551614))"),
    ],
)
def test_operators(text: str, result: str | None) -> None:
    if result is None:
        assert codes(f'func "main.(*server).GetInfo" {{ {text} as x }}') in (["SEY0301"], ["SEY0305"])
        return
    assert drawn(expr_of(text)) == result


def test_comparisons_are_plain_bools() -> None:
    assert expr_of("n > 3 || ok").type.name == "bool"
    assert expr_of("n > 3").type.name == "bool"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("n == u", "SEY0301"),
        ("n == i8", "SEY0301"),
        ("n == d", "SEY0301"),
        ('n == "1"', "SEY0301"),
        ("n == nil", "SEY0301"),
        ("n == true", "SEY0301"),
        ("f == h", "SEY0301"),
        ("f == n", "SEY0301"),
        ('1 == "a"', "SEY0301"),
        ("50ms == n", "SEY0301"),
        ("50ms * 1.5", "SEY0305"),
        ("n && ok", "SEY0301"),
        ("n && n", "SEY0302"),
        ("!n", "SEY0302"),
        ("-request", "SEY0302"),
        ("ok < ok", "SEY0302"),
        ("cs < cs", "SEY0302"),
        ("cs + cs", "SEY0302"),
        ("ok + ok", "SEY0302"),
        ("f % f", "SEY0302"),
        ("f & f", "SEY0302"),
        ("f << 1", "SEY0302"),
        ("1.5 << 1", "SEY0302"),
        ("cs.tags == cs.tags", "SEY0302"),
        ("nil == nil", "SEY0302"),
        ("-f", "SEY0303"),
        ("f * 2", "SEY0303"),
        ("cs.z + cs.z", "SEY0303"),
        ("request < str", "SEY0303"),
        ("request + str", "SEY0303"),
        ("s == s", "SEY0303"),
        ("cs.err == cs.err", "SEY0303"),
        ("i8 == 128", "SEY0305"),
        ("u == -1", "SEY0305"),
        ("u == 1.5", "SEY0305"),
        ("h > 1e39", "SEY0305"),
        ("f > 1e309", "SEY0305"),
        ("9223372036854775808", "SEY0305"),
        ("2562047h * 2", "SEY0305"),
        ("i8 << 1 == 300", "SEY0305"),
        ("1 / 0", "SEY0306"),
        ("1 % 0.0", "SEY0306"),
        ("1.5 / 0", "SEY0306"),
        ("n % 0", "SEY0306"),
        ("1s / 0", "SEY0306"),
        ("1 << 512", "SEY0307"),
        ("1 << 500 << 500", "SEY0307"),
        ("1 << -1", "SEY0308"),
        ("n << 1.5", "SEY0308"),
        ("n << request", "SEY0308"),
        ("n << 100000", "SEY0308"),
        ("n[0]", "SEY0309"),
        ("cs[0]", "SEY0309"),
        ("buf[f]", "SEY0310"),
        ("buf[request]", "SEY0310"),
        ('buf["1"]', "SEY0310"),
        ("buf[-1]", "SEY0310"),
        ("buf[1.5]", "SEY0310"),
        ("cs.slots[4]", "SEY0310"),
        ("cs.slots[5:]", "SEY0310"),
        ("cs.slots[:5]", "SEY0310"),
        ("buf[-1:]", "SEY0310"),
        ("buf[:request]", "SEY0310"),
        ("buf[2:1]", "SEY0321"),
        ("buf[2:n:1]", "SEY0321"),
        ("request[:1:2]", "SEY0320"),
        ("n[:]", "SEY0320"),
        ("pp[:]", "SEY0320"),
        ("cs.tags[:]", "SEY0320"),
        ('"abc"[1:]', "SEY0303"),
        ("buf[1::2]", "SEY0121"),
        ("buf[1:2:]", "SEY0108"),
        ("buf[4294967296]", "SEY0310"),
        ("n.x", "SEY0311"),
        ("cs.err.msg", "SEY0311"),
        ("pp.mu", "SEY0311"),
        ('"a".b', "SEY0311"),
        ("*n", "SEY0312"),
        ("*cs.raw", "SEY0312"),
        ("&1", "SEY0313"),
        ("&len(buf)", "SEY0313"),
        ("&(n + 1)", "SEY0313"),
        ("&request[0]", "SEY0313"),
        ("len(n)", "SEY0314"),
        ("cap(request)", "SEY0314"),
        ("cap(cs.tags)", "SEY0314"),
        ("len(1)", "SEY0314"),
        ("nil", "SEY0315"),
        ("len(nil)", "SEY0315"),
        ("nil.x", "SEY0315"),
        ("cs.tags[5]", "SEY0319"),
        ("cs.tags[nil]", "SEY0319"),
        ("cs.tags[n]", "SEY0319"),
        ("cs.tags[request]", "SEY0303"),
        ('cs.byLevel["a"]', "SEY0319"),
        ("cs.byLevel[128]", "SEY0319"),
        ("cs.byLevel[1.5]", "SEY0319"),
        ("cs.byLevel[1s]", "SEY0319"),
        ("cs.flags[1]", "SEY0319"),
        ("cs.byCost[1.5]", "SEY0303"),
        ("cs.byError[nil]", "SEY0303"),
        ("cs.arrays[`a`][1:]", "SEY0320"),
        ("&cs.tags[`a`]", "SEY0313"),
        ("cs.tags.a", "SEY0311"),
        ("cs.tagsToo[`a`]", "SEY0309"),
        ('"abc"[0]', "SEY0303"),
        ('"abc"', "SEY0303"),
    ],
)
def test_what_does_not_fit(text: str, code: str) -> None:
    found = codes(f'func "main.(*server).GetInfo" {{ {text} as x }}')
    assert [c for c in found if c != "SEY0212"] == [code]


@pytest.mark.parametrize("text", ["n", "request", "nil", "1", "cs.mu", "50ms"])
def test_a_condition_is_a_bool(text: str) -> None:
    found = codes(f'func "main.(*server).GetInfo" when {text} {{ }}')
    assert found[0] == ("SEY0315" if text == "nil" else "SEY0304")


@pytest.mark.parametrize("text", ["ok", "cs.done", "n > 3", "true", "1 < 2"])
def test_any_bool_is_a_condition(text: str) -> None:
    assert codes(f'func "main.(*server).GetInfo" when {text} {{ }}') == []


def test_floats_are_rounded_to_their_width() -> None:
    expr = expr_of("h == 0.1")
    assert isinstance(expr, bound.Binary)
    assert isinstance(expr.right, bound.Const)
    assert expr.right.value == 0.10000000149011612


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cs.tags[5]", "cannot use 5 (untyped int constant) as string value in map index"),
        ("cs.tags[2 + 3]", "cannot use 2 + 3 (untyped int constant 5) as string value in map index"),
        ("cs.tags['a']", "cannot use 'a' (untyped rune constant 97) as string value in map index"),
        ("cs.tags[true]", "cannot use true (untyped bool constant) as string value in map index"),
        ("cs.tags[nil]", "cannot use nil as string value in map index"),
        ("cs.tags[n]", "cannot use n (value of type int) as string value in map index"),
        ('cs.byLevel["low"]', 'cannot use "low" (untyped string constant) as main.level value in map index'),
        ("cs.byLevel[300]", "cannot use 300 (untyped int constant) as main.level value in map index (overflows)"),
        ("cs.byLevel[1.5]", "cannot use 1.5 (untyped float constant) as main.level value in map index (truncated)"),
        ("cs.byLevel[1s]", "cannot use 1s (constant of type time.Duration) as main.level value in map index"),
        ("cs.byCost[1.5]", "indexing a map by keys of type float64 is not supported in this version of sey"),
        ("cs.slots[n:9]", "the index 9 is outside of [4]main.base"),
        ("buf[2:1]", "invalid slice indices: 1 < 2"),
        ("n[1:]", "cannot slice int"),
        ("request[1:2:3]", "cannot slice string: a 3-index slice of a string"),
        ("len(cs)", "*main.server has no `len`"),
        ("cap(request)", "string has no `cap`"),
        ("cap(cs.tags)", "map[string]string has no `cap`"),
        ("len(cs.onDone)", "func(int) has no `len`"),
        ("len(cs.err)", "error has no `len`"),
        ("len(pp)", "**main.server has no `len`"),
    ],
)
def test_problems_of_elements_are_told_in_the_words_of_go(text: str, message: str) -> None:
    assert message in [p.message() for p in problems(f'func "main.(*server).GetInfo" {{ {text} as x }}')]


@pytest.mark.parametrize("index", ["n", "n:", ":n", "main", "len(n)", "counter + 1"])
def test_a_global_has_no_variables(index: str) -> None:
    assert [p.code for p in problems(f'global "main.jobs"[{index}]')] == ["SEY0223"]


def test_a_field_of_a_map_is_an_element_that_was_meant() -> None:
    (problem,) = problems('func "main.(*server).GetInfo" { cs.tags.region as x }')
    assert problem.advice() == '`x["region"]` is the element under that key'
