"""The record goes to accelerate's trackers under the same names; one that fails does not end the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker

from sad import tiny
from sad.errors import UserError
from sad.train.ledger.trackers import Trackers, check, flat
from sad_doctor import names


class Kept(GeneralTracker):
    """Keeps what it is told."""

    name = "kept"
    requires_logging_directory = True
    made: ClassVar[list[Kept]] = []

    def __init__(self, run_name: str, logging_dir: str) -> None:
        super().__init__()
        self.run_name, self.logging_dir = run_name, logging_dir
        self.config: dict[str, Any] = {}
        self.lines: list[tuple[int, dict[str, float]]] = []
        self.finished = False
        Kept.made.append(self)

    @property
    def tracker(self) -> None:
        return None

    def start(self) -> None:
        return None

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.config = values

    def log(self, values: dict[str, float], step: int | None = None, **_: Any) -> None:
        assert step is not None
        self.lines.append((step, values))

    def finish(self) -> None:
        self.finished = True


class Falls(Kept):
    """Fails at the second line."""

    name = "falls"

    def log(self, values: dict[str, float], step: int | None = None, **_: Any) -> None:
        super().log(values, step)
        if len(self.lines) == 2:
            raise ConnectionError("no answer\nfrom the server")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Kept, Falls):
        monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, kind.name, kind)
    Kept.made.clear()


def test_a_tracker_has_the_lines_of_the_record(tmp_path: Path) -> None:
    done = tiny.train(tiny.plan({"train": {"trackers": ["kept", "kept"], "max_steps": 3}}), tmp_path / "run")
    (kept,) = Kept.made
    expected = [{k: v for k, v in line.items() if k not in {"step", "time"}} for line in done.record]
    assert [step for step, _ in kept.lines] == [line["step"] for line in done.record]
    assert [values for _, values in kept.lines] == expected
    assert kept.config["train.max_steps"] == 3
    assert kept.config["terms.kd.weight"] == 1.0
    assert (kept.run_name, kept.logging_dir) == ("run", str(tmp_path / "run" / "trackers"))
    assert kept.finished


def test_one_that_fails_is_left_out_with_one_line(tmp_path: Path) -> None:
    chosen = tiny.plan({"train": {"trackers": ["falls", "kept"], "max_steps": 3}})
    done = tiny.train(chosen, tmp_path)
    falls, kept = Kept.made
    assert (len(falls.lines), falls.finished) == (2, False)
    assert len(kept.lines) == len(done.record)
    events = (tmp_path / "events.jsonl").read_text()
    assert events.count(names.EVENT_WARNING) == 1
    assert "falls is left out from here on: ConnectionError: no answer" in events


def test_an_unknown_one_and_one_that_is_not_installed_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    check([])
    check(["kept"])
    with pytest.raises(UserError, match=r"no tracker tensorbord; known: .*tensorboard.*wandb"):
        check(["tensorbord"])
    monkeypatch.setattr("accelerate.tracking._available_trackers", [])
    with pytest.raises(UserError, match="wandb is not installed: pip install wandb, or leave it out"):
        check(["kept", "wandb"])
    from accelerate.utils import LoggerType

    monkeypatch.setattr("accelerate.tracking._available_trackers", [LoggerType.WANDB])
    check(["wandb"])


def test_a_tree_is_told_flat() -> None:
    tree = {"a": {"b": 1, "c": {"d": "x", "none": None}}, "e": [1, 2], "f": True}
    assert flat(tree) == {"a.b": 1, "a.c.d": "x", "e": "[1, 2]", "f": True}


def test_one_that_cannot_start_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: Kept) -> None:
        raise RuntimeError("no key")

    monkeypatch.setattr(Kept, "start", start)
    told: list[str] = []
    made = Trackers(["kept"], tmp_path, {}, told.append)
    made.log(1, {"x": 1.0})
    made.close()
    assert told == ["kept is left out from here on: RuntimeError: no key"]
