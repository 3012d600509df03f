"""Errors and contexts: what is told of them beside what they hold."""

from __future__ import annotations

from typing import Any

from tests.decode.test_values import jsons
from tests.support.pages import Held, Ref
from tests.views.go_types import Library


def shown(library: Library, *values: Held | None, context: bool = False, **limits: int) -> list[Any]:
    kind = library.context if context else library.go.error
    return jsons(library.bench.round_trip(kind, *values, **limits))


def test_messages_of_wrapped_and_joined_errors() -> None:
    lib = Library()
    plain = lib.plain(b"plain")
    joined = Held(lib.join_error, Ref(([plain, lib.wrapped(b"outer: plain", plain)],)))
    path = Held(lib.path_error, Ref((b"open", b"/x", Held(lib.errno, 2))))
    values = shown(lib, plain, lib.wrapped(b"outer: plain", plain), joined, path, None, depth=4)
    assert [value and value["message"] for value in values] == [
        "plain",
        "outer: plain",
        "plain\nouter: plain",
        "open /x: no such file or directory",
        None,
    ]
    assert values[1] == {
        "type": "*fmt.wrapError",
        "message": "outer: plain",
        "value": {
            "msg": "outer: plain",
            "err": {"type": "*errors.errorString", "message": "plain", "value": {"s": "plain"}},
        },
    }


def test_no_message_is_made_up() -> None:
    lib = Library()
    own = Held(lib.own_error, Ref((7,)))
    values = shown(
        lib,
        own,
        Held(lib.path_error, Ref((b"open", b"/x", own))),
        Held(lib.path_error, None),
        Held(lib.num_error, Ref((b"Atoi", b"a\xff", lib.plain(b"bad")))),
        Held(lib.errno, 133),
        Held(lib.errno, 999),
    )
    assert values[0] == {"type": "*main.refusal", "value": {"Code": 7}}
    assert values[1]["message"] == {"$status": "type_unknown"}
    assert "message" not in values[2]
    assert values[3]["message"] == {"$status": "unsupported", "$type": "string"}
    assert values[4]["message"]["$status"] == "unsupported"
    assert values[5]["message"] == "errno 999"


def test_messages_are_cut_where_their_parts_are() -> None:
    lib = Library()
    path = Held(lib.path_error, Ref((b"open", b"/a/long/path", lib.plain(b"bad"))))
    (value,) = shown(lib, path, max_string=6)
    assert value["message"] == {"$status": "truncated", "$length": 22, "$value": "open /a/lon"}
    (value,) = shown(lib, path, depth=1)
    assert value["message"]["$status"] == "depth"


def test_numbers_in_messages_are_quoted_as_go_does() -> None:
    lib = Library()
    number = Held(lib.num_error, Ref((b"Atoi", '\t"ä\\\x01\u200b'.encode(), lib.plain(b"bad"))))
    (value,) = shown(lib, number)
    assert value["message"] == 'strconv.Atoi: parsing "\\t\\"ä\\\\\\x01\\u200b": bad'


def facts(value: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(value[name] for name in ("deadline", "cancelled", "error", "cause"))


def test_contexts_answer_as_their_methods_do() -> None:
    lib = Library()
    root = Held(lib.background, ())
    key, canceled = Held(lib.go.string, b"k"), lib.plain(b"context canceled")
    valued = lib.value(lib.value(root, key, Held(lib.go.int64, 1)), key, Held(lib.go.int64, 2))
    timed = lib.timer(valued, (5, 63_000_000_000))
    ended = lib.cancel(timed, canceled, lib.plain(b"why"))
    values = shown(
        lib,
        root,
        valued,
        timed,
        lib.value(ended, key, Held(lib.go.int64, 3)),
        Held(lib.without_cancel, (ended,)),
        None,
        context=True,
        depth=12,
    )
    assert values[0] == {
        "type": "context.backgroundCtx",
        "deadline": None,
        "cancelled": False,
        "error": None,
        "cause": None,
        "values": [],
        "parents": [],
    }
    assert facts(values[1]) == (None, False, None, None)
    pairs = [{"key": {"type": "string", "value": "k"}, "value": {"type": "int64", "value": n}} for n in (2, 1)]
    assert values[1]["values"] == pairs
    assert values[1]["parents"] == ["*context.valueCtx", "context.backgroundCtx"]
    assert facts(values[2]) == ("1997-05-23T16:00:00.000000005Z", False, None, None)
    assert facts(values[3])[:2] == ("1997-05-23T16:00:00.000000005Z", True)
    assert values[3]["error"]["message"] == "context canceled"
    assert values[3]["cause"]["message"] == "why"
    assert [pair["value"]["value"] for pair in values[3]["values"]] == [3, 2, 1]
    assert facts(values[4]) == (None, False, None, None)
    assert values[4]["values"] == pairs
    assert values[5] is None
    assert all("value" not in value for value in values[:4])


def test_contexts_of_the_program_may_answer_anything() -> None:
    lib = Library()
    key = Held(lib.go.string, b"k")
    own = Held(lib.own_context, (lib.timer(Held(lib.background, ()), (0, 63_000_000_000)), b"mine"))
    values = shown(lib, own, lib.value(own, key, key), lib.cancel(own), context=True, depth=12)
    unknown = {"$status": "type_unknown"}
    assert facts(values[0]) == facts(values[1]) == (unknown,) * 4
    assert values[0]["value"]["Name"] == "mine"
    assert values[0]["value"]["Context"]["deadline"] == "1997-05-23T16:00:00Z"
    assert values[0]["values"] == []
    assert len(values[1]["values"]) == 1
    assert facts(values[2]) == (unknown, False, None, None)


def test_a_chain_that_was_cut_says_so() -> None:
    lib = Library()
    deep = Held(lib.background, ())
    for number in range(3):
        deep = lib.value(deep, Held(lib.go.string, b"k"), Held(lib.go.int64, number))
    (value,) = shown(lib, deep, context=True, depth=2)
    assert value["deadline"]["$status"] == "depth"
    assert value["cancelled"]["$status"] == "depth"
    assert value["values"][-1]["$status"] == "depth"
