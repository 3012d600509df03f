"""Errors and contexts as Go's library lays them out, made up for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sey.ir.plan import PlanType
from tests.decode.test_values import Bench
from tests.support.pages import Held, Ref


class Library:
    """The types, and values of them as interfaces hold them."""

    def __init__(self) -> None:
        self.bench = Bench()
        go = self.go = self.bench.go
        self.context = go.struct("context.Context")
        self.context = go.all[self.context.id] = replace(
            go.error, id=self.context.id, name="context.Context", kind="interface", size=16
        )
        self.error_string = self._pointer("errors.errorString", ("s", go.string))
        self.wrap_error = self._pointer("fmt.wrapError", ("msg", go.string), ("err", go.error))
        self.join_error = self._pointer("errors.joinError", ("errs", go.slice(go.error)))
        self.path_error = self._pointer("io/fs.PathError", ("Op", go.string), ("Path", go.string), ("Err", go.error))
        self.num_error = self._pointer("strconv.NumError", ("Func", go.string), ("Num", go.string), ("Err", go.error))
        self.own_error = self._pointer("main.refusal", ("Code", go.int64))
        self.errno = go.named("syscall.Errno", go.uint64) if hasattr(go, "named") else self._errno()
        self.background = go.struct("context.backgroundCtx")
        self.value_context = self._pointer(
            "context.valueCtx", ("Context", self.context), ("key", go.any), ("val", go.any)
        )
        cancel = go.struct("context.cancelCtx", ("Context", self.context), ("err", go.error), ("cause", go.error))
        self.cancel_context = go.pointer(cancel)
        self.timer_context = self._pointer("context.timerCtx", ("cancelCtx", cancel), ("deadline", go.time))
        self.without_cancel = go.struct("context.withoutCancelCtx", ("c", self.context))
        own = go.struct("main.own", ("Context", self.context), ("Name", go.string))
        fields = (replace(own.fields[0], embedded=True), *own.fields[1:])
        self.own_context = go.all[own.id] = replace(own, fields=fields)

    def _errno(self) -> PlanType:
        made = self.go.struct("syscall.Errno")
        self.go.all[made.id] = replace(made, kind="uint", size=8)
        return self.go.all[made.id]

    def _pointer(self, name: str, *members: tuple[str, PlanType]) -> PlanType:
        return self.go.pointer(self.go.struct(name, *members))

    def plain(self, text: bytes) -> Held:
        """errors.New."""
        return Held(self.error_string, Ref((text,)))

    def wrapped(self, text: bytes, inner: Held | None) -> Held:
        """fmt.Errorf with one %w."""
        return Held(self.wrap_error, Ref((text, inner)))

    def value(self, parent: Held | None, key: Held, value: Held) -> Held:
        """context.WithValue."""
        return Held(self.value_context, Ref((parent, key, value)))

    def cancel(self, parent: Held, err: Held | None = None, cause: Held | None = None) -> Held:
        """context.WithCancelCause, maybe cancelled."""
        return Held(self.cancel_context, Ref((parent, err, cause)))

    def timer(self, parent: Held, deadline: Any, err: Held | None = None) -> Held:
        """context.WithDeadline."""
        return Held(self.timer_context, Ref(((parent, err, err), deadline)))
