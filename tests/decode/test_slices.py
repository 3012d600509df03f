"""Tables that are made a slice of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from sey.binary.errors import SeyError
from sey.runtime.decode import process, slices
from sey.runtime.decode.process import decode_process
from sey.runtime.decode.rows import DecodedSlice
from sey.runtime.decode.slices import Slices
from sey.runtime.decode.tables import TableStream, decode_capture, stream_capture
from sey.runtime.duck import fill
from sey.runtime.file_errors import DamagedFile
from tests.support.captures import Shop


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a few rows each."""
    monkeypatch.setattr(slices, "_SLICE", 64)
    monkeypatch.setattr(slices, "_A_VECTOR", 1)
    monkeypatch.setattr(slices, "_LEAST_ROWS", 2)


def test_slices_make_the_tables_that_the_whole_makes(request: pytest.FixtureRequest) -> None:
    capture = Shop(waiting=40).capture()
    whole = decode_capture(capture)
    request.getfixturevalue("tiny")
    sliced = decode_capture(capture)
    # The captured process in slices, then the probe without one.
    assert sliced["handle"].column("goid").num_chunks > 3 > whole["handle"].column("goid").num_chunks
    assert list(sliced) == list(whole)
    for name, table in whole.items():
        assert sliced[name].schema.equals(table.schema, check_metadata=True)
        assert sliced[name].to_pylist() == table.to_pylist(), name


@pytest.mark.usefixtures("tiny")
def test_statuses_are_counted_over_all_slices() -> None:
    capture = Shop(waiting=40).capture()
    (only,) = capture.processes
    (block,) = decode_process(only, capture.plan(only.facts)).blocks
    assert [int(counts.sum()) for counts in block.status_counts()] == [41, 41, 41]


def test_what_rows_share_is_decoded_once_for_all_others() -> None:
    sizes = Slices(100_000, 50 << 20)
    first = sizes.next(0)
    sizes.decoded(first, 20 << 20, 4)
    assert (first, sizes.next(first)) == (2000, 98_000)


def test_slices_that_make_too_much_are_the_last_but_one() -> None:
    sizes = Slices(100_000, 50 << 20)
    sizes.decoded(2000, 1 << 20, 4)
    sizes.made(1 << 20)
    assert sizes.next(2000) == 2000
    sizes.made(20 << 20)
    assert sizes.next(4000) == 96_000


def test_a_slice_of_many_vectors_is_large() -> None:
    sizes = Slices(100_000, 50 << 20)
    sizes.decoded(2000, 1 << 20, 320)
    assert sizes.next(2000) == 20_000


@pytest.mark.parametrize("failure", [SeyError(DamagedFile("a.seyc", "page 3", "it is damaged")), KeyboardInterrupt()])
def test_what_goes_wrong_later_is_told_as_it_is(failure: BaseException) -> None:
    schema = pa.schema([("n", pa.int32())])

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([pa.array([1], pa.int32())], schema=schema)
        raise failure

    with duckdb.connect() as connection, pytest.raises(type(failure)) as raised:
        fill(connection, "memory", [TableStream("numbers", schema, batches())])
    assert raised.value is failure


@pytest.mark.usefixtures("tiny")
def test_rows_are_decoded_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[slice] = []
    real = process.BlockRows.decoded

    def noted(rows: process.BlockRows, part: slice) -> DecodedSlice:
        done.append(part)
        return real(rows, part)

    monkeypatch.setattr(process.BlockRows, "decoded", noted)
    (table,) = (table for table in stream_capture(Shop(waiting=40).capture()) if table.name == "handle")
    batches = iter(table.batches)
    assert (next(batches).num_rows, len(done)) == (2, 1)
