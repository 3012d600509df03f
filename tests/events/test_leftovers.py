"""Uprobes in place are counted, whoever made them."""

from __future__ import annotations

import pytest

from sey.runtime.events import session as session_module
from sey.runtime.events.kernel import several_at_once
from sey.runtime.events.leftovers import uprobe_links
from sey.runtime.events.session import Session
from sey.runtime.process import Process
from tests.events.support import probe_for
from tests.kernel.leftovers import soon
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target


@pytest.mark.parametrize("one_link", [True, False])
def test_links_of_uprobes_are_found(one_link: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    require_bpf()
    if one_link and not several_at_once():
        pytest.skip("this kernel has no links of many uprobes")
    monkeypatch.setattr(session_module, "several_at_once", lambda: one_link)
    path = build("traced")
    before = uprobe_links()
    with run_target(path) as target, Session(Process.look(target.pid), probe_for(path, "main.deeper")) as session:
        session.attach()
        new = uprobe_links() - before
        assert new
        session.detach()
        assert soon(lambda: not new & uprobe_links())
