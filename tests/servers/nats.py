"""nats-server: clients that subscribe and publish, and what its monitoring says of each connection."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.kernel.support import Tables
from tests.servers.server import Running, Server, wait_for

_CLIENTS = 12
_PACKAGE = "github.com/nats-io/nats-server/v2/server"

SPEC = f"""
func "{_PACKAGE}.(*client).readLoop" as clients {{
  c.cid       as cid
  c.opts.Name as client_name
  c.host      as host
  c.port      as port
  c.inMsgs    as in_msgs
  c.inBytes   as in_bytes
  c.outMsgs   as out_msgs
  len(c.subs) as subscriptions
  c.opts.Lang as lang
}}
func "{_PACKAGE}.(*Server).acceptConnections" as accepting {{
  s.info.ID as server_id, s.info.MaxPayload as max_payload, s.opts.WriteDeadline as write_deadline
  s.totalClients as total_connections, len(s.clients) as connections, s.start as started
}}
"""


def _arguments(folder: Path, ports: Mapping[str, int]) -> list[str]:
    del folder
    own = ["-a", "127.0.0.1", "-p", str(ports["clients"]), "-m", str(ports["monitor"])]
    return [*own, "--profile", str(ports["profile"])]


@contextlib.contextmanager
def _load(run: Running) -> Iterator[None]:
    """Clients with names, numbers of subscriptions and of messages of their own."""
    with contextlib.ExitStack() as stack:
        for number in range(_CLIENTS):
            address = ("127.0.0.1", run.ports["clients"])
            connection = stack.enter_context(socket.create_connection(address, timeout=30))
            hello = {"name": f"client {number} é", "lang": "tests", "verbose": False, "pedantic": False}
            lines = [f"CONNECT {json.dumps(hello, ensure_ascii=False)}"]
            lines += [f"SUB topic.{number}.{i} {i}" for i in range(number)]
            for i in range(number * 3):
                lines += [f"PUB topic.{number}.{i} {i}", "x" * i]
            connection.sendall("\r\n".join([*lines, "PING", ""]).encode())
            _read_until(connection, b"PONG\r\n")
        wait_for(lambda: run.ask("monitor", "/varz")["connections"] == _CLIENTS, run)
        yield


def _read_until(connection: socket.socket, mark: bytes) -> None:
    text = b""
    while mark not in text:
        more = connection.recv(1 << 16)
        assert more, text
        text += more


def _compare(run: Running, tables: Tables) -> list[str]:
    wrong = []
    told = run.ask("monitor", "/connz")["connections"]
    assert len(told) == _CLIENTS
    rows = {row["cid"]: row for row in tables.rows("select * from clients")}
    for client in told:
        theirs = {
            **{"cid": client["cid"], "client_name": client["name"], "host": client["ip"], "port": client["port"]},
            **{"in_msgs": client["in_msgs"], "in_bytes": client["in_bytes"], "out_msgs": client["out_msgs"]},
            **{"subscriptions": client["subscriptions"], "lang": client["lang"]},
        }
        row = rows.pop(client["cid"], {})
        ours = {name: row.get(name) for name in theirs}
        if ours != theirs:
            wrong.append(f"{theirs} is captured as {ours}")
    wrong += [f"not a connection: {row}" for row in rows.values()]
    status = run.ask("monitor", "/varz")
    ours = tables.row("select * from accepting")
    for name in ("server_id", "max_payload", "total_connections", "connections", "write_deadline"):
        if ours[name] != status[name]:
            wrong.append(f"{name}: {status[name]!r} is captured as {ours[name]!r}")
    started = ours["started"].strftime("%Y-%m-%dT%H:%M:%S.%f")
    if not status["start"].startswith(started):
        wrong.append(f"start: {status['start']} is captured as {started}")
    return wrong


NATS = Server(
    name="nats",
    module="github.com/nats-io/nats-server/v2@v2.11.9",
    go="go1.26.8",
    ports=("clients", "monitor", "profile"),
    ready=("monitor", "/healthz"),
    profiles="profile",
    arguments=_arguments,
    load=_load,
    spec=SPEC,
    compare=_compare,
    functions=f"{_PACKAGE}.(*client).*",
    waits_in=f"{_PACKAGE}.(*client).readLoop",
    quits_with_dump=True,
)
