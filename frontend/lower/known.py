"""Fields of well-known Go types that lead on along a chain: the next error, the parent context, a part of the text.

What such a field leads to isn't counted as deeper (`ir/plan.py`, "Depth"), so that an error's whole message and a
context's deadline are there whatever the depth limit. Names are those of Go's sources, 1.21 to 1.27; a release that
lacks a field loses nothing by its being here.
"""

from __future__ import annotations

import re

_CHAINS: dict[str, frozenset[str]] = {
    name: frozenset(fields.split())
    for name, fields in {
        # Errors: the next one, and what the message is made of.
        "errors.joinError": "errs",
        "fmt.wrapError": "err",
        "fmt.wrapErrors": "errs",
        "io/fs.PathError": "Err",
        "net.OpError": "Source Addr Err",
        "net.DNSError": "UnwrapErr",
        "net/url.Error": "Err",
        "os.LinkError": "Err",
        "os.SyscallError": "Err",
        "os/exec.Error": "Err",
        "strconv.NumError": "Err",
        "github.com/pkg/errors.withMessage": "cause",
        "github.com/pkg/errors.withStack": "error",
        # Contexts: the parent; how it ended; the key of a value.
        "context.cancelCtx": "Context err cause",
        "context.stopCtx": "Context",
        "context.valueCtx": "Context key",
        "context.withoutCancelCtx": "c",
        # Parts of a text.
        "net/netip.Addr": "z",
        "net/url.URL": "User",
        "time.Time": "loc",
        # Containers whose own nodes are no values of the program.
        "container/list.Element": "next",
        "sync.Map": "read dirty",
        "sync.entry": "p",
        "sync.readOnly": "m",
    }.items()
}

PARTLY_FOLLOWED: dict[str, frozenset[str]] = {"time.Location": frozenset({"name"})}
"""Types by name, of which only these fields are followed: a zone's transitions are no part of any value."""

_ERROR_TYPE = re.compile(r"(?i)err(or)?s?$")


def is_chain(type_name: str, field_name: str, field_type: str = "", *, embedded: bool = False) -> bool:
    """Whether field `field_name` of struct type `type_name` (its name as in DWARF, import path and all) leads on along
    a chain.

    With the name of the field's type, also for types that no list can have: a context or an error embedded in a
    struct, and a field of type `error` or `[]error` in a type that is called an error.
    """
    if field_name in _CHAINS.get(type_name, ()):
        return True
    if embedded and field_type in ("context.Context", "error"):
        return True
    return field_type in ("error", "[]error") and _ERROR_TYPE.search(type_name) is not None


def is_followed(type_name: str, field_name: str) -> bool:
    """Whether anything is captured of what field `field_name` of struct type `type_name` leads to."""
    only = PARTLY_FOLLOWED.get(type_name)
    return only is None or field_name in only
