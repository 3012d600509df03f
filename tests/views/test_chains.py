"""Fields that lead on along a chain."""

from __future__ import annotations

from sey.frontend.lower.known import is_chain


def test_chains_of_the_standard_library_are_known_by_name() -> None:
    assert is_chain("fmt.wrapError", "err")
    assert not is_chain("fmt.wrapError", "msg")
    assert is_chain("context.cancelCtx", "Context")
    assert not is_chain("context.cancelCtx", "children")
    assert not is_chain("main.wrapError", "Context")


def test_errors_and_contexts_of_programs_are_known_by_the_types_of_their_fields() -> None:
    assert is_chain("main.traced", "Context", "context.Context", embedded=True)
    assert not is_chain("main.job", "ctx", "context.Context")
    assert is_chain("main.withID", "error", "error", embedded=True)
    assert is_chain("example.com/store.ReadError", "cause", "error")
    assert is_chain("main.errs", "all", "[]error")
    assert not is_chain("main.Server", "lastErr", "error")
    assert not is_chain("main.ReadError", "Server", "*main.Server")
