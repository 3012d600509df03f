"""caddy: requests in flight to an upstream that doesn't answer, and what its admin endpoint says of them."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.kernel.support import Tables
from tests.servers.holding import holding
from tests.servers.server import Running, Server, wait_for

_REQUESTS = 20
_HTTP = "github.com/caddyserver/caddy/v2/modules/caddyhttp"
_PROXY = f"{_HTTP}/reverseproxy"

SPEC = f"""
func "{_PROXY}.(*Handler).ServeHTTP" as proxied {{
  r.URL.Path        as path
  r.Method          as method
  r.RemoteAddr      as client
  r.URL.RawQuery    as query
  len(r.Header)     as headers
  h.Upstreams[0].Dial as upstream
  h.Upstreams[0].Host.numRequests as in_flight
  h.FlushInterval   as flush_interval
}}
func "{_HTTP}.(*Server).ServeHTTP" as served {{
  s.name as server, s.ReadTimeout as read_timeout, s.Listen[0] as listens
}}
"""


def _arguments(folder: Path, ports: Mapping[str, int]) -> list[str]:
    config = folder / "config.json"
    config.write_text(json.dumps({"admin": {"listen": f"127.0.0.1:{ports['admin']}"}}))
    return ["run", "--config", str(config)]


def _site(run: Running, upstream: str) -> dict[str, object]:
    proxy = {"handler": "reverse_proxy", "flush_interval": 12_000_000, "upstreams": [{"dial": upstream}]}
    return {
        "listen": [f"127.0.0.1:{run.ports['site']}"],
        "automatic_https": {"disable": True},
        "read_timeout": 90_000_000_000,
        "routes": [{"handle": [proxy]}],
    }


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        return True


@contextlib.contextmanager
def _load(run: Running) -> Iterator[None]:
    with holding() as upstream, contextlib.ExitStack() as stack:
        site = _site(run, f"127.0.0.1:{upstream.server_port}")
        run.put("admin", "/config/apps", {"http": {"servers": {"shop": site}}})
        wait_for(lambda: _listens(run.ports["site"]), run)
        for number in range(_REQUESTS):
            address = ("127.0.0.1", run.ports["site"])
            connection = stack.enter_context(socket.create_connection(address, timeout=60))
            head = f"{('GET', 'POST')[number % 2]} /item/{number}?no={number} HTTP/1.1"
            connection.sendall(f"{head}\r\nHost: shop\r\nX-Shop: yes\r\nContent-Length: 0\r\n\r\n".encode())
        wait_for(lambda: upstream.held == _REQUESTS, run)
        yield


def _compare(run: Running, tables: Tables) -> list[str]:
    wrong = []
    (told,) = run.ask("admin", "/reverse_proxy/upstreams")
    site = run.ask("admin", "/config/apps/http/servers/shop")
    rows = {row["query"]: row for row in tables.rows("select * from proxied")}
    for number in range(_REQUESTS):
        theirs = {
            **{"path": f"/item/{number}", "method": ("GET", "POST")[number % 2], "headers": 2},
            **{"upstream": told["address"], "in_flight": told["num_requests"]},
            "flush_interval": site["routes"][0]["handle"][0]["flush_interval"],
        }
        row = rows.pop(f"no={number}", {})
        ours = {name: row.get(name) for name in theirs}
        if ours != theirs:
            wrong.append(f"request {number}: {theirs} is captured as {ours}")
    wrong += [f"no request: {row}" for row in rows.values()]
    served = tables.rows("select server, read_timeout, listens from served")
    theirs = {"server": "shop", "read_timeout": site["read_timeout"], "listens": site["listen"][0]}
    wrong += [f"{theirs} is captured as {row}" for row in served if row != theirs]
    if len(served) != _REQUESTS:
        wrong.append(f"{_REQUESTS} requests are {len(served)}")
    return wrong


CADDY = Server(
    name="caddy",
    module="github.com/caddyserver/caddy/v2/cmd/caddy@v2.9.1",
    go="go1.26.8",
    ports=("admin", "site"),
    ready=("admin", "/config/"),
    profiles="admin",
    arguments=_arguments,
    load=_load,
    spec=SPEC,
    compare=_compare,
    functions=f"{_PROXY}.(*Handler).*",
    waits_in=f"{_PROXY}.(*Handler).ServeHTTP",
)
