"""alertmanager, built by an old release: groups of alerts whose notifications hang, and what its API says of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.kernel.support import Tables
from tests.servers.holding import holding
from tests.servers.server import Running, Server, unlike, wait_for

_GROUPS = 8
_MOST = 6
"""Alerts that a notification has at most: two of the groups have more."""
_PACKAGE = "github.com/prometheus/alertmanager"

SPEC = f"""
func "{_PACKAGE}/dispatch.(*aggrGroup).run" as groups {{
  ag.opts.Receiver       as receiver
  len(ag.labels)         as labels
  len(ag.alerts.c)       as alerts
  ag.opts.GroupInterval  as group_interval
  ag.opts.RepeatInterval as repeat_interval
  ag.routeKey            as route
  ag.hasFlushed          as has_flushed
}}
func "{_PACKAGE}/notify/webhook.(*Notifier).Notify" as notifying {{
  numTruncated as left_out, n.conf.MaxAlerts as max_alerts
}}
func "{_PACKAGE}/dispatch.(*Dispatcher).run" as dispatching {{
  d.aggrGroupsNum as groups, len(d.route.Routes) as routes
}}
"""


def _arguments(folder: Path, ports: Mapping[str, int]) -> list[str]:
    _configure(folder, 1)
    listens = f"--web.listen-address=127.0.0.1:{ports['web']}"
    where = [f"--config.file={folder / 'config.yml'}", f"--storage.path={folder / 'data'}"]
    return [listens, *where, "--cluster.listen-address="]


def _configure(folder: Path, port: int) -> None:
    (folder / "config.yml").write_text(f"""
route: {{receiver: slow, group_by: [service], group_wait: 100ms, group_interval: 17m, repeat_interval: 3h}}
receivers: [{{name: slow, webhook_configs: [{{url: "http://127.0.0.1:{port}/hook", max_alerts: {_MOST}}}]}}]
""")


def _alert(group: int, number: int) -> dict[str, Any]:
    labels = {"alertname": f"Alert{number}", "service": f"service {group}", "severity": "page"}
    return {"labels": labels, "annotations": {"summary": "x" * number}}


@contextlib.contextmanager
def _load(run: Running) -> Iterator[None]:
    with holding() as receiver:
        _configure(run.folder, receiver.server_port)
        run.post("web", "/-/reload", None)
        alerts = [_alert(group, number) for group in range(_GROUPS) for number in range(group + 1)]
        run.post("web", "/api/v2/alerts", alerts)
        wait_for(lambda: receiver.held >= _GROUPS, run)
        yield


def _compare(run: Running, tables: Tables) -> list[str]:
    told = sorted(run.ask("web", "/api/v2/alerts/groups"), key=lambda group: len(group["alerts"]))
    assert len(told) == _GROUPS
    groups, notified = [], []
    for group in told:
        size, receiver = len(group["alerts"]), group["receiver"]["name"]
        known = {"alerts": size, "labels": len(group["labels"]), "receiver": receiver, "has_flushed": True}
        groups.append({**known, "group_interval": 17 * 60 * 10**9, "repeat_interval": 3 * 3600 * 10**9, "route": "{}"})
        notified.append({"left_out": max(0, size - _MOST), "max_alerts": _MOST})
    expected = {"groups": groups, "notifying": notified, "dispatching": [{"groups": _GROUPS, "routes": 0}]}
    return unlike(tables, expected, "1")


ALERTMANAGER = Server(
    name="alertmanager",
    module=f"{_PACKAGE}/cmd/alertmanager@v0.26.0",
    go="go1.21.13",
    ports=("web",),
    ready=("web", "/-/ready"),
    profiles="web",
    arguments=_arguments,
    load=_load,
    spec=SPEC,
    compare=_compare,
    functions=f"{_PACKAGE}/dispatch.(*aggrGroup).*",
    waits_in=f"{_PACKAGE}/dispatch.(*aggrGroup).run",
    quits_with_dump=True,
)
