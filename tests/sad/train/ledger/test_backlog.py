"""A record on a disk that is full, that recovers, or whose folder is deleted: the run goes on and says what it lost."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sad import tiny
from sad.train.ledger import backlog
from sad.train.ledger.backlog import DELETED, Backlog
from sad_doctor import names
from sad_doctor.record import EVENTS, METRICS, RUN, Recorder


class Rig:
    """A backlog in a folder, and what it has said."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.said, self.full = folder, list[str](), False
        self.backlog = Backlog(Recorder(folder), self.said.append, lambda: folder.mkdir(parents=True, exist_ok=True))
        real = Recorder._write

        def write(file: Any, line: Any) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(file, line)

        monkeypatch.setattr(Recorder, "_write", staticmethod(write))

    def lines(self, name: str = METRICS) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(tmp_path / "run", monkeypatch)


def test_lines_wait_for_room_and_keep_their_order_and_their_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    rig.backlog.log(1, {"a": 1})
    rig.full = True
    now[0] = 200.0
    for step in (2, 3):
        rig.backlog.log(step, {"a": step})
    rig.backlog.event("checkpoint", "step-3", 3)
    assert [line["step"] for line in rig.lines()] == [1]
    rig.full = False
    now[0] = 300.0
    rig.backlog.log(4, {"a": 4})
    rig.backlog.close()
    assert [(line["step"], line["time"]) for line in rig.lines()] == [(1, 100.0), (2, 200.0), (3, 200.0), (4, 300.0)]
    first, second = rig.lines(EVENTS)
    assert (first["message"], first["time"]) == ("step-3", 200.0)
    assert second["kind"] == names.EVENT_WARNING
    assert rig.said == [
        "the record cannot be written (No space left on device): the run goes on, and keeps its lines in memory",
        "the record could not be written for a while, and is again; none of its lines is lost",
    ]


def test_the_state_of_the_run_is_told_while_it_goes_on_and_when_it_ends(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> tuple[str, float]:
        found = json.loads((rig.folder / RUN).read_text(encoding="utf-8"))
        return found[names.STATUS], found[names.HEARTBEAT]

    with rig.backlog as entered:
        assert entered is rig.backlog
        monkeypatch.setattr("time.time", lambda: 200.0)
        entered.heartbeat()
        assert told() == ("running", 200.0)
        monkeypatch.setattr("time.time", lambda: 300.0)
        entered.close("interrupted")
        assert told() == ("interrupted", 300.0)
    assert rig.said == []


def test_what_has_no_room_until_the_end_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MOST", 2)
    rig.full = True
    with rig.backlog:
        for step in range(5):
            rig.backlog.log(step, {"a": step})
    assert rig.said[1:] == ["5 lines of the record are lost: they could not be written until the end"]
    assert json.loads((rig.folder / RUN).read_text())[names.STATUS] == "finished"


def test_the_oldest_lines_go_where_memory_ends(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MOST", 2)
    rig.full = True
    for step in range(5):
        rig.backlog.log(step, {"a": step})
    rig.full = False
    rig.backlog.log(5, {"a": 5})
    assert [line["step"] for line in rig.lines()] == [3, 4, 5]
    assert rig.said[-1].endswith("and is again; 3 lines are lost")


def test_an_error_of_the_run_is_not_hidden_by_those_of_the_disk(rig: Rig) -> None:
    rig.full = True
    with pytest.raises(ValueError, match="of the run"), rig.backlog:
        raise ValueError("of the run")


def test_a_value_that_is_none_does_not_stand_in_the_way(rig: Rig) -> None:
    with pytest.raises(TypeError):
        rig.backlog.log(1, {"a": object()})  # type: ignore[dict-item]
    rig.backlog.log(2, {"a": 2})
    assert [line["step"] for line in rig.lines()] == [2]


def test_steps_that_were_gone_back_on_do_not_come_later(rig: Rig) -> None:
    rig.full = True
    for step in (1, 2, 3):
        rig.backlog.log(step, {"a": step})
    rig.backlog.forgot(1)
    rig.full = False
    rig.backlog.log(2, {"a": 20})
    assert [(line["step"], line["a"]) for line in rig.lines()] == [(1, 1), (2, 20)]


def test_a_folder_that_is_deleted_is_made_again(rig: Rig) -> None:
    rig.backlog.log(1, {"a": 1})
    shutil.rmtree(rig.folder)
    rig.backlog.log(2, {"a": 2})
    assert [line["step"] for line in rig.lines()] == [2]
    assert [line["message"] for line in rig.lines(EVENTS)] == [DELETED]
    assert (rig.folder / RUN).is_file()
    assert rig.said == [DELETED]


def test_where_it_cannot_be_made_again_the_lines_wait(rig: Rig) -> None:
    shutil.rmtree(rig.folder)
    rig.folder.write_text("in the way")
    for step in (1, 2):
        rig.backlog.log(step, {"a": step})
    assert len(rig.said) == 1
    rig.folder.unlink()
    rig.backlog.log(3, {"a": 3})
    assert [line["step"] for line in rig.lines()] == [1, 2, 3]


class Deletes(tiny.Silent):
    """Deletes the run's folder after a step."""

    def __init__(self, delete: Callable[[], object]) -> None:
        self.delete, self.said = delete, list[str]()

    def step(self, step: int, *_: object) -> None:
        if step == 3:
            self.delete()

    def say(self, line: str) -> None:
        self.said.append(line)


def test_a_run_whose_folder_is_deleted_can_still_be_gone_on_with(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.toml").write_text("[train]\n", encoding="utf-8")
    watch = Deletes(lambda: shutil.rmtree(run))
    plan = tiny.plan({"train": {"max_steps": 6, "save_every": 4, "eval_every": 100}})
    done = tiny.train(plan, run, watch=watch)
    assert done.result.step == 6
    assert watch.said == [DELETED]
    assert sorted(p.name for p in run.iterdir()) == [
        *("checkpoints", "events.jsonl", "metrics.jsonl", "recipe.toml", "run.json", "student"),
    ]
    assert (run / "recipe.toml").read_text(encoding="utf-8") == "[train]\n"
    assert [line["step"] for line in done.record if names.LOSS in line] == [4, 5, 6]
