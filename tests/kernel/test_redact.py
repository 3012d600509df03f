"""Nothing of what a spec redacts leaves the process: not in pages of output, not in files, not in tables."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kernel.support import Tables, snapshot
from tests.kernel.test_engines import compare
from tests.support.engines import ENGINES, run_engine
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

LIMITS = "{ depth 16, max_items 256, max_string 1KiB }"
CAPTURES = f"""
func "main.hold" as hold {{
  ctx {LIMITS}
  n {LIMITS}
  t {LIMITS}
  tags {LIMITS}
  passwordParam
  values
  many {LIMITS}
  passwordLocal
  record
  kept
  passwordResult
  n.value.Password as of_field
  n.byKey["db_PassWord"] as of_key
}}
func "main.holdAny[...]" as generic {{ value, kept }}
context {{
  key("main.passwordKey").(string)                 as by_key_type
  key("main.textKey", "auth password").(string)    as by_text
  key("main.textKey").(string)                     as by_text_type
  value("string")                                  as by_type
  value("main.creds")                              as carried
}}
global "main.globalPassword"
global "main.globalCreds"
global "main.keptGlobal"
"""
REDACT = """
redact "*password*"
redact type "main.Token", "main.Private", "main.Key", "main.Pin"
redact tag "sensitive", "log:-"
"""


@dataclass(frozen=True)
class Service:
    """A stopped process, and the bytes that are planted in it by place."""

    pid: int
    executable: Path
    planted: dict[str, bytes]

    def secret(self) -> dict[str, bytes]:
        """Those that `REDACT` is about."""
        return {place: text for place, text in self.planted.items() if place.startswith(("name", "type", "tag"))}


@pytest.fixture(scope="module", params=["1.26", "1.23"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    require_bpf()
    executable = build("secrets", go=request.param, mode="noopt")
    with Target(executable) as target:
        os.kill(target.pid, signal.SIGSTOP)
        yield Service(target.pid, executable, {k: bytes.fromhex(v) for k, v in target.greeting.items()})


def found_in(data: bytes, planted: dict[str, bytes]) -> list[str]:
    """The places of whose bytes any are there."""
    return [place for place, text in planted.items() if text in data]


def test_what_is_not_redacted_is_all_there(service: Service) -> None:
    data = run_engine("interp", service.pid, service.executable, CAPTURES).pages.data.tobytes()
    assert set(service.planted) - set(found_in(data, service.planted)) == set()


def test_nothing_redacted_is_in_the_output(service: Service) -> None:
    found = {engine: run_engine(engine, service.pid, service.executable, REDACT + CAPTURES) for engine in ENGINES}
    data = found["ebpf"].pages.data.tobytes()
    assert found_in(data, service.secret()) == []
    kept = {place: text for place, text in service.planted.items() if place not in service.secret()}
    assert set(kept) - set(found_in(data, kept)) == set()
    compare(found, goroutines=1)


def test_a_tag_redacts_nothing_beside_it(service: Service) -> None:
    data = run_engine("interp", service.pid, service.executable, 'redact tag "nothing"' + CAPTURES).pages.data.tobytes()
    found = found_in(data, service.planted)
    assert {place for place in service.planted if place not in found} <= {
        "type generic variable",
        "name generic variable",
        "type of one shape with it",
    }


def test_parts_of_types_are_redacted_as_the_whole(service: Service) -> None:
    spec = REDACT + CAPTURES + 'type "main.creds" { user }\ntype "main.named" { value.user, pointer.user, slice, held }'
    data = run_engine("interp", service.pid, service.executable, spec).pages.data.tobytes()
    assert found_in(data, service.secret()) == []


@pytest.fixture(scope="module")
def tables(service: Service) -> Tables:
    return snapshot(service.pid, service.executable, REDACT + CAPTURES)


def test_nothing_redacted_is_in_files(service: Service, tables: Tables, tmp_path: Path) -> None:
    path = tmp_path / "x.seyc"
    tables.capture.save(str(path))
    assert found_in(path.read_bytes(), service.secret()) == []
    bundle = tables.capture.bundles[0].to_bytes()
    assert found_in(bundle, service.secret()) == []


def test_nothing_redacted_is_in_tables(service: Service, tables: Tables) -> None:
    names = [row["name"] for row in tables.rows("select distinct table_name as name from information_schema.columns")]
    assert {"hold", "globals", "captures", "goroutines"} <= set(names)
    text = "".join(str(tables.rows(f"select * from {name}")) for name in names).encode()
    hexadecimal = {place: found.hex().encode() for place, found in service.secret().items()}
    assert found_in(text, service.secret()) == found_in(text, hexadecimal) == []
    kept = {place: found for place, found in service.planted.items() if place.startswith("kept")}
    assert found_in(text, kept) == list(kept)


def test_what_is_redacted_is_said_to_be(tables: Tables) -> None:
    row = tables.row("select * from hold")
    for name in ("passwordparam", "passwordlocal", "passwordresult", "of_field", "of_key"):
        assert (row[name], row[f"{name}__status"], row[f"raw_{name}"]) == (None, "redacted", None)
    assert (row["record"], row["record__status"]) == ({"user": "local", "Password": None}, "ok")
    assert [one["user"] for one in row["many"]] == ["m"] * 20
    assert row["n"]["slice"] == [{"user": "user", "Password": None}] * 2
    assert row["n"]["byKey"]["db_PassWord"] is None
    assert row["n"]["byKey"]["host"]
    hidden = {"$status": "redacted"}
    assert json.loads(row["n"]["held"]) == {"type": "main.creds", "value": {"user": "user", "Password": hidden}}
    assert {"key": {"type": "string", "value": "password"}, "value": hidden} in json.loads(row["n"]["byAny"])
    typed = row["t"]
    assert json.loads(typed["anyToken"]) == {"type": "main.Token", "value": hidden}
    assert [typed[name] for name in ("token", "pointer", "slice", "channel", "private", "keys")] == [None] * 6
    assert typed["tokens"] == {"a": None}
    values = {str(one["key"].get("value")): one["value"] for one in json.loads(row["ctx"])["values"]}
    assert values["auth password"] == hidden
    assert values["user"]["value"]["user"] == "c"
    found = {row["name"]: row["status"] for row in tables.rows("select * from globals")}
    assert found == {"main_globalpassword": "redacted", "main_globalcreds": "ok", "main_keptglobal": "ok"}
    (labels,) = [row["labels"] for row in tables.rows("select labels from goroutines where labels is not null")]
    assert dict(labels)["the-password"] is None
    assert dict(labels)["region"]
