"""The known types by name: how each reads (the table in spec/capture.md), and what finds its view."""

from __future__ import annotations

from dataclasses import dataclass

from sey.runtime.decode.views import (
    addresses,
    atomics,
    bignumbers,
    bytetexts,
    lists,
    locations,
    locks,
    netips,
    syncmaps,
    urls,
)
from sey.runtime.decode.views.parts import Finder


@dataclass(frozen=True)
class Known:
    """A known type. `column` is what a column of it is in SQL, `reads` what its values say."""

    column: str
    reads: str
    find: Finder


_TEXT = "VARCHAR"

KNOWN: dict[str, Known] = {
    "bytes.Buffer": Known("STRUCT", "`len` and the `unread` bytes, in hexadecimal", bytetexts.buffer),
    "container/list.List": Known("JSON", "a list of its values", lists.linked),
    "encoding/json.RawMessage": Known(_TEXT, "its text", bytetexts.raw_message),
    "encoding/json/jsontext.Value": Known(_TEXT, "its text (json.RawMessage since Go 1.27)", bytetexts.raw_message),
    "internal/sync.Mutex": Known("STRUCT", "as sync.Mutex", locks.mutex),
    "math/big.Int": Known(_TEXT, "decimal digits", bignumbers.big_int),
    "net.IP": Known(_TEXT, "`192.0.2.1`, `2001:db8::1`", addresses.ip),
    "net.IPAddr": Known(_TEXT, "`fe80::1%eth0`", addresses.ip_zone),
    "net.IPNet": Known(_TEXT, "`192.0.2.0/24`", addresses.ip_net),
    "net.TCPAddr": Known(_TEXT, "`192.0.2.1:80`, `[2001:db8::1]:80`", addresses.ip_port),
    "net.UDPAddr": Known(_TEXT, "as net.TCPAddr", addresses.ip_port),
    "net.UnixAddr": Known(_TEXT, "its name", addresses.unix),
    "net/netip.Addr": Known(_TEXT, "`192.0.2.1`, `fe80::1%eth0`, `invalid IP`", netips.address),
    "net/netip.AddrPort": Known(_TEXT, "`192.0.2.1:80`", netips.address_port),
    "net/netip.Prefix": Known(_TEXT, "`192.0.2.0/24`", netips.prefix),
    "net/url.URL": Known(_TEXT, "as its String method writes it, with the password", urls.url),
    "strings.Builder": Known(_TEXT, "the text so far", bytetexts.builder),
    "sync.Cond": Known("STRUCT", "`waiters`, and `L`", locks.cond),
    "sync.Map": Known("JSON", "a list of `key` and `value`", syncmaps.sync_map),
    "sync.Mutex": Known("STRUCT", "`locked`, `waiters`, `starving`", locks.mutex),
    "sync.Once": Known("STRUCT", "`done`, `running`", locks.once),
    "sync.RWMutex": Known(
        "STRUCT", "`locked` (for writing), `readers`, `waiting_readers`, `waiting_writers`", locks.rw_mutex
    ),
    "sync.WaitGroup": Known("STRUCT", "`counter`, `waiters`", locks.wait_group),
    "sync.entry": Known(
        "of what it points to", "the value of an entry of a sync.Map, nil for a deleted one", syncmaps.entry
    ),
    "sync/atomic.Bool": Known("BOOLEAN", "its value", atomics.boolean),
    "sync/atomic.Int32": Known("INTEGER", "its value", atomics.held),
    "sync/atomic.Int64": Known("BIGINT", "its value", atomics.held),
    "sync/atomic.Pointer": Known("of what it points to", "what it points to", atomics.held),
    "sync/atomic.Uint32": Known("UINTEGER", "its value", atomics.held),
    "sync/atomic.Uint64": Known("UBIGINT", "its value", atomics.held),
    "sync/atomic.Uintptr": Known("UBIGINT", "its value", atomics.held),
    "sync/atomic.Value": Known("JSON", "what it holds, as an interface", atomics.held),
    "time.Location": Known(_TEXT, "its name", locations.location),
}
"""By name without type parameters. A type that is laid out in another way than its view knows shows its fields."""
