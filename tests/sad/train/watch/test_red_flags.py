"""The doctor's rules inside the run: what trips them, what is done then, what it costs; health trips nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sad import tiny
from sad.train.saving.checkpoint import FOLDER, STATE, Progress
from sad.train.watch import red_flags
from sad.train.watch.red_flags import EVERY, PRICE, Mode, RedFlags, Verdict
from sad_doctor import names
from sad_doctor import rules as doctor
from sad_doctor.record import Recorder


def healthy(step: int) -> dict[str, float]:
    lm = 2.0 + 6.0 * math.exp(-step / 150) + 0.05 * math.sin(7.0 * step)
    values = {names.RAW + "lm": lm, names.RAW + "kd": lm / 2, names.WEIGHTED + "lm": lm, names.WEIGHTED + "kd": lm / 2}
    weights = {names.WEIGHT + "lm": 1.0, names.WEIGHT + "kd": 1.0}
    moved = {names.GRAD_NORM: 1.0, names.LEARNING_RATE: 1e-3, names.UPDATE_RATIO: 1e-3}
    return {names.LOSS: 1.5 * lm, **values, **weights, **moved}


def diverging(step: int, since: int) -> dict[str, float]:
    line = healthy(min(step, since))
    factor = 1 + max(0, step - since) / 20
    return {k: v * factor if "loss" in k or "raw" in k or "weighted" in k else v for k, v in line.items()}


class Room:
    def __init__(self, folder: Path, mode: Mode, most: int = 2, log_every: int = 1) -> None:
        self.folder, self.time, self.log_every = folder, 0.0, log_every
        self.recorder = Recorder(folder, {names.TOTAL_STEPS: 1000})
        self.flags = RedFlags(folder, mode, most, log_every, now=lambda: self.time)
        self.progress = Progress()

    def log(self, step: int, values: dict[str, float]) -> None:
        if step % self.log_every == 0:
            self.recorder.log(step, values)
        self.progress.step = step
        self.time += 1.0

    def run(self, values: Callable[[int], dict[str, float]], steps: int) -> list[tuple[int, Verdict]]:
        told = []
        for step in range(self.progress.step + 1, steps + 1):
            self.log(step, values(step))
            verdict = self.flags.look(self.progress)
            if verdict != Verdict():
                told.append((step, verdict))
            if verdict.stop or verdict.back is not None:
                break
        return told

    def checkpoint(self, *steps: int) -> None:
        for step in steps:
            made = self.folder / FOLDER / f"step-{step:08d}"
            made.mkdir(parents=True)
            (made / STATE).write_text("{}")


@pytest.mark.parametrize("mode", ["warn", "stop", "rollback"])
def test_health_trips_nothing_at_any_step(tmp_path: Path, mode: Mode) -> None:
    assert Room(tmp_path, mode).run(healthy, 300) == []


def test_a_warning_is_told_once(tmp_path: Path) -> None:
    room = Room(tmp_path, "warn")
    told = room.run(lambda s: diverging(s, 100), 400)
    rules = [f.name for _, verdict in told for f in verdict.news]
    assert rules.count("loss-diverges") == 1
    assert len(rules) == len(set(rules))
    assert not any(verdict.stop or verdict.back is not None for _, verdict in told)
    # a run that is resumed has it from its checkpoint
    again = RedFlags(tmp_path, "warn", 2)
    assert again.look(Progress(step=400, told=room.progress.told), last=True).news == ()


def test_ignored_is_not_looked_at(tmp_path: Path) -> None:
    room = Room(tmp_path, "ignore")
    assert room.run(lambda s: diverging(s, 100), 400) == []
    assert room.flags.look(room.progress, last=True) == Verdict()


def test_stop_says_which_flag(tmp_path: Path) -> None:
    *_, (step, verdict) = Room(tmp_path, "stop").run(lambda s: diverging(s, 100), 400)
    assert verdict.stop
    assert 110 < step < 400
    assert verdict.why.startswith("R105 loss-diverges: ")


def test_rollback_goes_to_a_checkpoint_from_before_the_trouble(tmp_path: Path) -> None:
    room = Room(tmp_path, "rollback")
    room.checkpoint(50, 90)
    *_, (step, verdict) = room.run(lambda s: diverging(s, 100), 400)
    assert (verdict.stop, verdict.back) == (False, 90)
    room.checkpoint(step - 1)
    room.progress.step = step - step % EVERY
    assert room.flags.look(room.progress, last=False).back in {90, None}


@pytest.mark.parametrize(("log_every", "back"), [(1, 98), (2, 97), (5, 94)])
def test_a_checkpoint_that_may_hold_the_spoilt_weights_is_passed_by(tmp_path: Path, log_every: int, back: int) -> None:
    # the update of step 99 spoils them: the loss of step 100 is the first to show it, and with few lines later still
    room = Room(tmp_path, "rollback", log_every=log_every)
    room.checkpoint(*range(90, 101))
    spoilt = {names.LOSS: math.nan, names.RAW + "kd": math.nan}
    room.progress.in_vain = 3
    *_, (_, verdict) = room.run(lambda s: {**healthy(s), **(spoilt if s >= 100 else {})}, 120)
    assert verdict.back == back


def test_the_first_weights_are_good_whatever_comes_after_them(tmp_path: Path) -> None:
    room = Room(tmp_path, "rollback", log_every=5)
    room.checkpoint(0, 4)
    room.progress.in_vain = 3
    *_, (_, verdict) = room.run(lambda s: {**healthy(s), names.LOSS: math.nan, names.RAW + "kd": math.nan}, 20)
    assert verdict.back == 0


def test_rollback_stops_where_it_has_nowhere_to_go_or_went_too_often(tmp_path: Path) -> None:
    room = Room(tmp_path / "nowhere", "rollback")
    *_, (_, verdict) = room.run(lambda s: diverging(s, 100), 400)
    assert verdict.stop
    assert "No checkpoint is older" in verdict.why
    room = Room(tmp_path / "often", "rollback", most=2)
    room.checkpoint(50)
    room.progress.rollbacks = 2
    *_, (_, verdict) = room.run(lambda s: diverging(s, 100), 400)
    assert verdict.stop
    assert "after 2 rollbacks" in verdict.why


def owned(step: int) -> dict[str, float]:
    line = healthy(step)
    parts = {prefix + "layerwise": 90.0 for prefix in (names.RAW, names.WEIGHTED)}
    return {**line, **parts, names.WEIGHT + "layerwise": 1.0, names.LOSS: 90.0 + line[names.LOSS]}


def test_a_fault_of_the_set_up_is_no_reason_to_go_back(tmp_path: Path) -> None:
    room = Room(tmp_path, "rollback")
    room.checkpoint(0)
    *_, (_, verdict) = room.run(owned, 200)
    assert verdict.stop
    assert verdict.why.endswith("Going back would not cure it.")


@pytest.mark.parametrize(("in_vain", "stops"), [(1, False), (3, True)])
def test_steps_that_were_left_out_stop_only_in_a_row(tmp_path: Path, in_vain: int, stops: bool) -> None:
    room = Room(tmp_path, "stop")
    room.run(healthy, EVERY - 1)
    room.recorder.event(names.EVENT_NON_FINITE, "kd is inf", EVERY)
    room.progress.in_vain = in_vain
    found = room.run(lambda s: {**healthy(s), names.LOSS: math.inf, names.RAW + "kd": math.inf}, EVERY)
    assert [verdict.stop for _, verdict in found] == [stops]
    assert "non-finite" in [f.name for f in found[0][1].news]


def test_looking_takes_its_share_of_the_time_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path, "warn")
    looks: list[int] = []

    def slow(*_: object) -> Any:
        looks.append(room.progress.step)
        room.time += 5.0
        return type("Nothing", (), {"findings": ()})

    monkeypatch.setattr("sad.train.watch.red_flags.check", slow)
    room.run(healthy, 4000)
    assert all(step % EVERY == 0 for step in looks)
    assert 4 <= len(looks) <= 1 + room.time * PRICE / 5.0
    assert room.flags.spent == 5.0 * len(looks)


def test_what_went_wrong_is_forgotten_with_the_record(tmp_path: Path) -> None:
    room = Room(tmp_path, "stop")
    *_, (_, verdict) = room.run(lambda s: diverging(s, 100), 400)
    assert verdict.stop
    metrics = tmp_path / "metrics.jsonl"
    kept = [line for line in metrics.read_text().splitlines(keepends=True) if json.loads(line)["step"] <= 100]
    other = tmp_path / "new"
    other.write_text("".join(kept))
    other.replace(metrics)
    room.recorder.reopen()
    room.progress = Progress(step=100)
    assert room.run(healthy, 200) == []


def test_a_teacher_that_knows_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(red_flags, "RULES", tuple(rule for rule in doctor.RULES if rule.name == "targets-degenerate"))
    tiny.train(tiny.plan({"train": {"max_steps": 12}}), tmp_path)
    lines = map(json.loads, (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines())
    (told,) = [line["message"] for line in lines if line["kind"] == names.EVENT_RED_FLAG]
    assert "The teacher does not know this text" in told
