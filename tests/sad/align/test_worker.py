"""Processes that cut documents: the same examples as here, in order, and a clear end where one dies."""

from __future__ import annotations

import io
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest

from sad import tiny
from sad.align import worker
from sad.align.columns import LISTS, Columns
from sad.align.example import Readers
from sad.align.worker import Workers, serve
from sad.document import Document

CHUNKS = [[tiny.TEXT, Document(tiny.TEXT, ((0, 90), (120, 130)))], ["The sea was calm."], [tiny.TEXT * 3], [""]]


def readers() -> Readers:
    return Readers(tiny.reader(320), tiny.reader(400))


def assert_same(left: Columns, right: Columns) -> None:
    for name in LISTS:
        assert np.array_equal(left.values[name], right.values[name])
        assert np.array_equal(left.offsets[name], right.offsets[name])
    assert np.array_equal(left.bytes, right.bytes)
    assert np.array_equal(left.labels, right.labels)


def test_two_processes_give_what_none_gives_in_the_same_order() -> None:
    chunks = CHUNKS * 3
    with Workers(readers(), 24, 0) as here, Workers(readers(), 24, 2) as there:
        for (mine, counts), (theirs, others) in zip(here.cut(chunks), there.cut(chunks), strict=True):
            assert_same(mine, theirs)
            assert counts == others


def test_no_more_is_in_work_than_is_asked_for() -> None:
    taken: list[int] = []

    def endless():
        while True:
            taken.append(1)
            yield ["The sea was calm."]

    with Workers(readers(), 24, 1) as pool:
        found = pool.cut(endless())
        for _ in range(3):
            next(found)
        found.close()
    assert len(taken) <= 3 + worker.AHEAD


def test_a_process_that_dies_is_told_of() -> None:
    with Workers(readers(), 24, 1) as pool:
        pool._processes[0].kill()
        pool._processes[0].wait()
        with pytest.raises(RuntimeError, match="died"):
            list(pool.cut(CHUNKS))


def test_one_that_died_before_it_was_told_its_task_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = worker._start

    def falls() -> subprocess.Popen[bytes]:
        started.append(start())
        if len(started) == 2:
            started[1].kill()
            started[1].wait()
        return started[-1]

    monkeypatch.setattr(worker, "_start", falls)
    with pytest.raises(RuntimeError, match="died"), Workers(readers(), 24, 2):
        pass
    assert [process.poll() is not None for process in started] == [True, True]


def test_the_signals_of_whoever_asks_are_not_for_it() -> None:
    """A Ctrl-C goes to every process of a terminal: the run would blame the memory for it."""
    with Workers(readers(), 24, 1) as pool:
        found = pool.cut(CHUNKS * 2)
        next(found)
        for number in (signal.SIGINT, signal.SIGTERM):
            pool._processes[0].send_signal(number)
        assert len(list(found)) == 2 * len(CHUNKS) - 1


def test_what_fails_there_is_told_here() -> None:
    nothing: list[str] = [None]  # type: ignore[list-item]
    with Workers(readers(), 24, 1) as pool, pytest.raises(RuntimeError, match="failed: AttributeError"):
        list(pool.cut([["The sea was calm."], nothing]))
    assert [process.poll() is not None for process in pool._processes] == [True]


def test_the_server_answers_each_chunk_and_ends_with_the_last() -> None:
    asks, answers = io.BytesIO(), io.BytesIO()
    for one in ((readers(), 24), ["The sea was calm."], [None]):
        pickle.dump(one, asks)
    asks.seek(0)
    serve(asks, answers)
    answers.seek(0)
    columns, counts = pickle.load(answers)
    assert (len(columns), counts.windows) == (1, 1)
    assert pickle.load(answers).startswith("AttributeError")


def test_a_worker_loads_neither_torch_nor_transformers() -> None:
    code = "import sys, sad.align.worker as w; print(sorted({'torch', 'transformers', 'pyarrow'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_reader_travels_without_what_it_does_not_need() -> None:
    sent = pickle.dumps(tiny.reader(320))
    assert b"transformers" not in sent
    (mine,), (theirs,) = tiny.reader(320).read([tiny.TEXT]), pickle.loads(sent).read([tiny.TEXT])
    assert mine.ids.tolist() == theirs.ids.tolist()
    assert mine.ends.tolist() == theirs.ends.tolist()
