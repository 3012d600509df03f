"""What Error() says, of error types that put it together from their fields in a way that no release changed.

A maker has the structs (or other values) of one dynamic type, and gives the message of each. Where it takes what
another error says, that one has its own message already: values are shown from the inside out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sey.ir.plan import Status
from sey.runtime.decode.vectors import Dynamic, Items, Numbers, Variant, Vector, through
from sey.runtime.decode.views.errnos import ERRNOS, UNSURE
from sey.runtime.decode.views.parts import Text, joined, lost, part, texts_at
from sey.runtime.decode.views.quoting import quoted

Maker = Callable[[Vector], list[Text]]
Column = Callable[[Vector], list[Text]]

MESSAGE = "message"
_ADDRESSES = frozenset({"*net.TCPAddr", "*net.UDPAddr", "*net.IPAddr", "*net.UnixAddr", "*net.IPNet"})
"""Dynamic types of net.Addr that are shown as their String method writes them."""
_NONE = "<nil>"


def composed(*parts: str | Column) -> Maker:
    """A message of literal texts and of columns, in this order."""

    def make(values: Vector) -> list[Text]:
        columns = [one if isinstance(one, str) else one(values) for one in parts]
        return [joined(*(one if isinstance(one, str) else one[row] for one in columns)) for row in range(len(values))]

    return make


def field(name: str) -> Column:
    """A field that is a string."""

    def texts(values: Vector) -> list[Text]:
        of = part(values, name)
        return [lost(Status.UNSUPPORTED)] * len(values) if of is None else texts_at(of, range(len(of)))

    return texts


def quote(of: Column) -> Column:
    """A column of strings, in quotes."""
    return lambda values: [quoted(text) for text in of(values)]


def error(name: str) -> Column:
    """The message of a field that is an error."""

    def texts(values: Vector) -> list[Text]:
        of = part(values, name)
        return [lost(Status.UNSUPPORTED)] * len(values) if of is None else messages_of(of)

    return texts


def itself(values: Vector) -> list[Text]:
    """A value that is a string."""
    return texts_at(values, range(len(values)))


def messages_of(vector: Vector) -> list[Text]:
    """The messages of errors that are shown; `type_unknown` where nothing tells what one says."""
    inner, index = through(vector)
    note = (
        None if not isinstance(inner.data, Dynamic) else next((n for n in inner.data.notes if n.name == MESSAGE), None)
    )
    known = [] if note is None else texts_at(note.values, range(len(inner)))
    result = []
    for row in range(len(vector)):
        at = row if index is None else int(index[row])
        if at >= 0 and note is not None and note.rows[at]:
            result.append(known[at])
        else:
            status = int(vector.status[row])
            result.append(lost(Status.TYPE_UNKNOWN if status == Status.OK else status, int(vector.detail[row])))
    return result


def _joined_errors(values: Vector) -> list[Text]:
    """errors.joinError: the messages, a line each."""
    errors = part(values, "errs")
    inner, index = (None, None) if errors is None else through(errors)
    if errors is None or inner is None or not isinstance(inner.data, Items):
        return [lost(Status.UNSUPPORTED)] * len(values)
    messages, offsets = messages_of(inner.data.items), inner.data.offsets
    result = []
    for row in range(len(values)):
        at = row if index is None else int(index[row])
        if errors.status[row] != Status.OK or at < 0:
            result.append(lost(int(errors.status[row]), int(errors.detail[row])))
            continue
        own = messages[int(offsets[at]) : int(offsets[at + 1])]
        lines = [one for text in own for one in ("\n", text)]
        result.append(joined(*lines[1:]))
    return result


def _net(values: Vector) -> list[Text]:
    """net.OpError: `op net source->address: error`."""
    op, net, err = field("Op")(values), field("Net")(values), error("Err")(values)
    source, address = (_addresses(part(values, name), len(values)) for name in ("Source", "Addr"))
    result = []
    for row in range(len(values)):
        parts: list[Text | str] = [op[row]]
        if net[row].text or not net[row].whole:
            parts += [" ", net[row]]
        local, remote = source[row], address[row]
        if local is not None:
            parts += [" ", local]
        if remote is not None:
            parts += [" " if local is None else "->", remote]
        result.append(joined(*parts, ": ", err[row]))
    return result


def _addresses(vector: Vector | None, count: int) -> list[Text | None]:
    """What the addresses in a column of net.Addr say; None for nil ones."""
    if vector is None or not isinstance(vector.data, Dynamic) or not isinstance(vector.data.value.data, Variant):
        status = [Status.UNSUPPORTED] * count if vector is None else vector.status.tolist()
        return [None if one == Status.NIL else lost(one or Status.UNSUPPORTED) for one in status]
    value = vector.data.value.data
    known = [
        texts_at(of, range(len(of))) if of.type.name in _ADDRESSES else [lost(Status.TYPE_UNKNOWN)] * len(of)
        for of in value.vectors
    ]
    result: list[Text | None] = []
    for row in range(count):
        which, at = int(value.which[row]), int(value.index[row])
        if vector.status[row] == Status.NIL:
            result.append(None)
        elif which < 0:
            result.append(lost(int(vector.status[row]), int(vector.detail[row])))
        else:
            text = known[which][at]
            result.append(Text(_NONE) if text.status == Status.NIL else text)
    return result


def _dns(values: Vector) -> list[Text]:
    name, server, err = field("Name")(values), field("Server")(values), field("Err")(values)
    return [
        joined("lookup ", n, *((" on ", s) if s.text or not s.whole else ()), ": ", e)
        for n, s, e in zip(name, server, err, strict=True)
    ]


def _address(values: Vector) -> list[Text]:
    err, address = field("Err")(values), field("Addr")(values)
    return [joined("address ", a, ": ", e) if a.text or not a.whole else e for e, a in zip(err, address, strict=True)]


def _errno(values: Vector) -> list[Text]:
    if not isinstance(values.data, Numbers):
        return [lost(Status.UNSUPPORTED)] * len(values)
    numbers = np.asarray(values.data.values).astype(np.int64).tolist()
    return [
        lost(Status.UNSUPPORTED) if number in UNSURE else Text(ERRNOS.get(number, f"errno {number}"))
        for number in numbers
    ]


MESSAGES: dict[str, Maker] = {
    "*context.deadlineExceededError": composed("context deadline exceeded"),
    "*crypto/tls.permanentError": composed(error("err")),
    "*encoding/json.SyntaxError": composed(field("msg")),
    "*errors.errorString": composed(field("s")),
    "*errors.joinError": _joined_errors,
    "*fmt.wrapError": composed(field("msg")),
    "*fmt.wrapErrors": composed(field("msg")),
    "*github.com/pkg/errors.fundamental": composed(field("msg")),
    "*github.com/pkg/errors.withMessage": composed(field("msg"), ": ", error("cause")),
    "*github.com/pkg/errors.withStack": composed(error("error")),
    "*internal/poll.DeadlineExceededError": composed("i/o timeout"),
    "*io/fs.PathError": composed(field("Op"), " ", field("Path"), ": ", error("Err")),
    "*net.AddrError": _address,
    "*net.DNSConfigError": composed("error reading DNS config: ", error("Err")),
    "*net.DNSError": _dns,
    "*net.OpError": _net,
    "*net.ParseError": composed("invalid ", field("Type"), ": ", field("Text")),
    "*net.notFoundError": composed(field("s")),
    "*net.temporaryError": composed(field("s")),
    "*net.timeoutError": composed("i/o timeout"),
    "*net/http.MaxBytesError": composed("http: request body too large"),
    "*net/http.ProtocolError": composed(field("ErrorString")),
    "*net/http.timeoutError": composed(field("err")),
    "*net/url.Error": composed(field("Op"), " ", quote(field("URL")), ": ", error("Err")),
    "*os.LinkError": composed(field("Op"), " ", field("Old"), " ", field("New"), ": ", error("Err")),
    "*os.SyscallError": composed(field("Syscall"), ": ", error("Err")),
    "*os/exec.Error": composed("exec: ", quote(field("Name")), ": ", error("Err")),
    "*strconv.NumError": composed("strconv.", field("Func"), ": parsing ", quote(field("Num")), ": ", error("Err")),
    "context.deadlineExceededError": composed("context deadline exceeded"),
    "internal/poll.errNetClosing": composed("use of closed network connection"),
    "net.InvalidAddrError": composed(itself),
    "net.UnknownNetworkError": composed("unknown network ", itself),
    "net.canceledError": composed("operation was canceled"),
    "net/http.tlsHandshakeTimeoutError": composed("net/http: TLS handshake timeout"),
    "net/http.transportReadFromServerError": composed("net/http: Transport failed to read from server: ", error("err")),
    "net/url.EscapeError": composed("invalid URL escape ", quote(itself)),
    "net/url.InvalidHostError": composed("invalid character ", quote(itself), " in host name"),
    "os/exec.wrappedError": composed(field("prefix"), ": ", error("err")),
    "runtime.errorString": composed("runtime error: ", itself),
    "runtime.plainError": composed(itself),
    "syscall.Errno": _errno,
}
"""By dynamic type, a pointer's with `*`."""
