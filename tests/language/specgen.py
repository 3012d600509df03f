"""Random specs for properties: text of any layout, with comments anywhere, that the grammar accepts."""

from __future__ import annotations

from hypothesis import strategies as st

_NAMES = st.sampled_from(
    [
        "a",
        "b",
        "cs",
        "queue",
        "as",
        "in",
        "when",
        "func",
        "table",
        "global",
        "column",
        "program",
        "link",
        "type",
        "limit",
        "event",
        "on",
        "stack",
        "depth",
        "x1",
        "größe",
    ]
)
_STRINGS = st.sampled_from(
    ['"main.f"', '"a\\tb"', '""', "`raw`", "`two\nlines`", '"""sql "x" # no comment\n  more"""', '"# no comment"']
)
_NUMBERS = st.sampled_from(
    [
        "0",
        "42",
        "1_000",
        "0x2a",
        "0b11",
        "0o17",
        "1.5",
        ".5",
        "1e9",
        "0x1p-2",
        "'a'",
        "'\\n'",
        "50ms",
        "1h30m",
        "1.5s",
        "4KiB",
        "3B",
    ]
)
_BINARY = st.sampled_from(
    ["||", "&&", "==", "!=", "<", "<=", ">", ">=", "+", "-", "|", "^", "*", "/", "%", "<<", ">>", "&", "&^"]
)
_UNARY = st.sampled_from(["+", "-", "!", "^", "*", "&"])

Tokens = list[str]


def _flat(*parts: Tokens | str) -> Tokens:
    return [token for part in parts for token in ([part] if isinstance(part, str) else part)]


_TYPES = st.one_of(
    st.just(['"map[string]int"']),
    st.builds(lambda stars, name: [*stars, name], st.lists(st.just("*"), max_size=2), _NAMES),
    st.builds(lambda package, name: ["*", package, ".", name], _NAMES, _NAMES),
    st.sampled_from([["[", "]", "T"], ["[", "]", "[", "4", "]", "int"]]),
)
_ATOMS = st.one_of(_NAMES, _NUMBERS, _STRINGS).map(lambda token: [token])


def _larger(inner: st.SearchStrategy[Tokens]) -> st.SearchStrategy[Tokens]:
    return st.one_of(
        st.builds(lambda a, op, b: _flat(a, op, b), inner, _BINARY, inner),
        st.builds(lambda op, a: _flat(op, a), _UNARY, inner),
        st.builds(lambda a: _flat("(", a, ")"), inner),
        st.builds(lambda a, name: _flat("(", a, ")", ".", name), inner, _NAMES),
        st.builds(lambda name, field: [name, ".", field], _NAMES, _NAMES),
        st.builds(lambda name, i: _flat(name, "[", i, "]"), _NAMES, inner),
        st.builds(lambda name, i: _flat(name, "[", ":", i, "]"), _NAMES, inner),
        st.builds(lambda name, i, j: _flat(name, "[", i, ":", j, "]"), _NAMES, inner, inner),
        st.builds(lambda name, i, j: _flat(name, "[", i, ":", j, ":", i, "]"), _NAMES, inner, inner),
        st.builds(lambda name, t: _flat(name, ".", "(", t, ")"), _NAMES, _TYPES),
        st.builds(lambda f, a: _flat(f, "(", a, ")"), st.sampled_from(["len", "cap"]), inner),
    )


_SMALL = st.one_of(_ATOMS, _larger(_ATOMS))
EXPRESSIONS = st.one_of(_SMALL, _larger(_SMALL))
_LIMITS = st.lists(
    st.sampled_from([["max_string", "4KiB"], ["max_items", "8"], ["depth", "2"]]), unique_by=lambda x: x[0]
)
_SUFFIX = st.builds(
    lambda name, limits: _flat(["as", name] if name else [], ["{", *_flat(*limits), "}"] if limits else []),
    st.none() | _NAMES,
    _LIMITS,
)
_CAPTURES = st.builds(_flat, EXPRESSIONS, _SUFFIX)
_CLAUSES = st.lists(
    st.one_of(
        _NAMES.map(lambda n: ["as", n]), _NAMES.map(lambda n: ["in", n]), EXPRESSIONS.map(lambda e: ["when", *e])
    ),
    unique_by=lambda clause: clause[0],
)
_EVENT_CLAUSES = st.lists(
    st.one_of(
        _NAMES.map(lambda n: ["in", n]),
        EXPRESSIONS.map(lambda e: ["when", *e]),
        st.sampled_from(
            [
                ["limit", "100", "/", "s"],
                ["limit", "1", "/", "250ms"],
                ["for", "1h30m"],
                ["sample", "1", "/", "8"],
                ["stack", "16"],
            ]
        ),
    ),
    unique_by=lambda clause: clause[0],
)
_MOMENTS = st.sampled_from([["entry"], ["return"], ["entry", "glob"], ["return", "glob"], ["line"]])
_RULES = st.lists(
    st.sampled_from([["executable", '"*/x"'], ["module", "`a/...`"], ["pid", "12"], ["env", '"A=#"']]),
    min_size=1,
    max_size=4,
)


_LINKED = st.sampled_from([["a"], ["a", ","], ["in", ",", "b"], ["link", ",", "table", ",", "x1", ","]])


@st.composite
def spec_texts(draw: st.DrawFn) -> str:
    """The text of a spec."""
    return "".join(draw(_statement()) + draw(_gap()) for _ in range(draw(st.integers(0, 4))))


@st.composite
def _gap(draw: st.DrawFn) -> str:
    """What may stand between tokens where newlines mean nothing."""
    return draw(
        st.sampled_from([" ", " ", " ", "\n", "\n\n\n", "\t", "  # why\n", "\n# own line\n", "\n\n  # a\n\n# b\n"])
    )


@st.composite
def _inner_gap(draw: st.DrawFn) -> str:
    """What may stand inside a capture where a newline would end it."""
    return draw(st.sampled_from([" ", " ", "  ", "\t"]))


_OPERATORS = {
    "||",
    "&&",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "|",
    "^",
    "*",
    "/",
    "%",
    "<<",
    ">>",
    "&",
    "&^",
    "!",
}


def _free(tokens: Tokens, at: int, depth: int) -> bool:
    """Whether a newline after token `at` of a capture means nothing."""
    if depth > 0 or tokens[at] in _OPERATORS or tokens[at] == ".":
        return True
    # `as` is a keyword after an operand only, and then a name has to follow.
    return (
        tokens[at] == "as"
        and at > 0
        and at + 1 < len(tokens)
        and tokens[at - 1] not in {*_OPERATORS, ".", "as", "(", "["}
    )


@st.composite
def _capture(draw: st.DrawFn) -> str:
    tokens = draw(_CAPTURES)
    text, depth = "", 0
    for i, token in enumerate(tokens):
        depth += (token in ("(", "[", "{")) - (token in (")", "]", "}"))
        text += token
        if i + 1 < len(tokens):
            text += draw(_gap() if _free(tokens, i, depth) else _inner_gap())
    return text


@st.composite
def _spread(draw: st.DrawFn, tokens: Tokens) -> str:
    return "".join(token + draw(_gap()) for token in tokens)


@st.composite
def _spread_carried(draw: st.DrawFn) -> str:
    kind = draw(st.one_of(_NAMES, _STRINGS))
    sought = draw(st.sampled_from([f"value({kind})", f"key({kind})", f"key({kind}, 7)", 'key(global "a.b")']))
    path = draw(st.lists(_NAMES.map(lambda name: "." + name), max_size=2))
    name = draw(st.sampled_from(["", " as x"]))
    return sought + "".join(path) + name


_ENDS = st.sampled_from([", ", "\n", ",\n", " # end\n", ", # end\n", "\n\n# own\n", ",\n\n\n"])
"""What ends a capture in a body."""


@st.composite
def _captures_in_braces(draw: st.DrawFn) -> str:
    captures = draw(st.lists(_capture(), max_size=4))
    body = "".join(capture + draw(_ENDS) for capture in captures)
    return "{" + draw(_gap()) + body + draw(_gap()) + "}"


@st.composite
def _statement(draw: st.DrawFn) -> str:
    words = [
        "func",
        "func",
        "func",
        "event",
        "event",
        "program",
        "global",
        "table",
        "column",
        "link",
        "type",
        "context",
    ]
    match draw(st.sampled_from(words)):
        case "func":
            header = _flat("func", *draw(st.sampled_from([[], ["glob"]])), draw(_STRINGS), *draw(_CLAUSES))
            return draw(_spread(header)) + draw(_captures_in_braces())
        case "event":
            moment = draw(_MOMENTS)
            target = '"a/b.go:12"' if moment == ["line"] else draw(_STRINGS)
            header = _flat("event", draw(_NAMES), "on", moment, target, *draw(_EVENT_CLAUSES))
            return draw(_spread(header)) + draw(_captures_in_braces())
        case "type":
            head = draw(_spread(["type", draw(st.one_of(_STRINGS, _NAMES)), "{"]))
            paths = draw(st.lists(st.lists(_NAMES, min_size=1, max_size=3), max_size=3))
            return head + draw(_gap()) + "".join(".".join(path) + draw(_ENDS) for path in paths) + "}"
        case "context":
            carried = draw(st.lists(_spread_carried(), max_size=3))
            return "context" + draw(_gap()) + "{" + "".join(one + draw(_ENDS) for one in carried) + "}"
        case "program":
            return draw(_spread(_flat("program", draw(_NAMES), "{", *draw(_RULES), "}")))
        case "global":
            path = draw(st.lists(st.one_of(_NAMES.map(lambda n: [".", n]), EXPRESSIONS.map(lambda e: ["[", *e, "]"]))))
            return draw(_spread(_flat("global", draw(_STRINGS), *path, draw(_SUFFIX))))
        case "table":
            return draw(_spread(["table", draw(_NAMES), "=", draw(_STRINGS)]))
        case "link":
            sides = [[draw(_NAMES), "(", *draw(_LINKED), ")"] for _ in range(2)]
            title = draw(st.lists(_STRINGS, max_size=1))
            return draw(_spread(_flat("link", draw(_NAMES), ":", *sides[0], "=", *sides[1], *title)))
    types = st.sampled_from(
        [["int"], ["decimal", "(", "10", ",", "2", ")"], ["varchar", "[", "]"], ["timestamp", "with"]]
    )
    return draw(_spread(_flat("column", draw(_NAMES), ".", draw(_NAMES), draw(types), "=", draw(_STRINGS))))
