"""The guards in a run: a way back, steps left out, the end in time; and a run that was stopped among them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sad import tiny
from sad.errors import TrainingError
from sad.objective import Ledger
from sad.train.guards import Guards, Saved
from sad.train.ledger.record import NoRecord
from sad.train.plan import Plan
from sad.train.saving import checkpoint
from sad.train.saving.checkpoint import FOLDER, MODEL, OPTIMIZER, STATE, Progress
from sad.train.watch import red_flags
from sad.train.watch.out_of_memory import NoRoom, noted
from sad.train.watch.red_flags import RedFlags, Verdict
from sad_doctor import names


def plan(**train: Any) -> Plan:
    return tiny.plan({"train": {"max_steps": 24, "eval_every": 100, "save_every": 5, "keep_checkpoints": 9, **train}})


def poison(of: Plan, factor: Callable[[int], float]) -> None:
    """Multiply the student's last states at its n-th reading in training, from 0, by ``factor(n)``."""
    seen: list[int] = []
    student = of.pair.student

    def hook(_module: Any, _given: Any, output: torch.Tensor) -> torch.Tensor:
        if not student.training:
            return output
        seen.append(len(seen))
        return output * factor(seen[-1])

    student.model.norm.register_forward_hook(hook)


def once(factor: float, at: int) -> Callable[[int], float]:
    return lambda n: factor if n == at else 1.0


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = map(json.loads, (folder / "events.jsonl").read_text(encoding="utf-8").splitlines())
    return [event for event in lines if event["kind"] == kind]


def ends(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    newest = checkpoint.newest(folder)
    tensors = {**load_file(newest / MODEL), **load_file(newest / OPTIMIZER)}
    return tensors, json.loads((newest / STATE).read_text())


def flag(monkeypatch: pytest.MonkeyPatch, verdict: Callable[[Progress], Verdict]) -> None:
    monkeypatch.setattr(RedFlags, "look", lambda _, progress, *, last=False: Verdict() if last else verdict(progress))


def test_the_way_back_passes_over_the_batches_that_led_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def verdict(progress: Progress) -> Verdict:
        return Verdict(back=10, why="R105") if (progress.step, progress.rollbacks) == (13, 0) else Verdict()

    flag(monkeypatch, verdict)
    done = tiny.train(plan(on_red_flag="rollback"), tmp_path / "run")
    assert done.result.step == 24
    assert done.optimizer_steps == 24 + 3
    (event,) = events(tmp_path / "run", names.EVENT_ROLLBACK)
    assert (event["step"], event["message"]) == (10, "back from step 13, whose batches are passed over: R105")
    # each step is on record once, as it was taken at last
    assert [line["step"] for line in done.record if names.LOSS in line] == list(range(1, 25))
    tensors, state = ends(tmp_path / "run")
    assert (state["rollbacks"], state["passed"], state["step"]) == (1, 3, 24)

    # the same weights as a run whose schedule never had these batches
    monkeypatch.undo()
    other = plan()
    schedule = type(other.schedule()).rows
    monkeypatch.setattr(type(other.schedule()), "rows", lambda self, s, p=0: schedule(self, s + 3 if s >= 10 else s, p))
    tiny.train(other, tmp_path / "other")
    expected, _ = ends(tmp_path / "other")
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


def test_a_run_that_crashes_after_the_way_back_does_not_forget_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verdict(progress: Progress) -> Verdict:
        if (progress.step, progress.rollbacks) == (13, 0):
            return Verdict(back=10, why="R105")
        if (progress.step, progress.rollbacks) == (12, 1):
            raise KeyError("crash")
        return Verdict()

    flag(monkeypatch, verdict)
    with pytest.raises(KeyError):
        tiny.train(plan(on_red_flag="rollback"), tmp_path / "cut")
    flag(
        monkeypatch,
        lambda progress: Verdict(back=10, why="R105") if progress.step == 13 and not progress.rollbacks else Verdict(),
    )
    tiny.train(plan(on_red_flag="rollback"), tmp_path / "cut", resume=True)
    tiny.train(plan(on_red_flag="rollback"), tmp_path / "whole")
    (left, state), (right, expected) = ends(tmp_path / "cut"), ends(tmp_path / "whole")
    assert state == expected
    assert all(torch.equal(left[name], right[name]) for name in right)
    assert len(events(tmp_path / "cut", names.EVENT_ROLLBACK)) == 1


def test_stop_saves_and_can_be_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flag(monkeypatch, lambda progress: Verdict(stop=progress.step == 13, why="R105 loss-diverges"))
    done = tiny.train(plan(on_red_flag="stop"), tmp_path / "run")
    assert (done.result.step, done.result.ending.red_flag) == (13, "R105 loss-diverges")
    assert checkpoint.steps_done(tmp_path / "run") == 13
    assert not (tmp_path / "run" / "student").exists()
    assert json.loads((tmp_path / "run" / "run.json").read_text())[names.STATUS] == "interrupted"
    monkeypatch.undo()
    tiny.train(plan(on_red_flag="stop"), tmp_path / "run", resume=True)
    tiny.train(plan(), tmp_path / "whole")
    assert all(
        torch.equal(a, b)
        for a, b in zip(ends(tmp_path / "run")[0].values(), ends(tmp_path / "whole")[0].values(), strict=True)
    )


def test_a_diverging_run_is_stopped_by_the_rules_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # looking is dearer than such steps
    monkeypatch.setattr(red_flags, "PRICE", 0.999)
    chosen = plan(on_red_flag="stop", max_steps=300, save_every=1000, grad_shares_every=0)
    poison(chosen, lambda n: 1.05 ** max(0, n - 60))
    done = tiny.train(chosen, tmp_path)
    assert 60 < done.result.step < 300
    assert done.result.ending.red_flag.startswith("R105 loss-diverges")
    (event,) = [e for e in events(tmp_path, names.EVENT_RED_FLAG) if "R105" in e["message"]]
    # told as a warning first, where it begins mildly
    assert 60 < event["step"] <= done.result.step


def test_a_healthy_run_is_looked_at_and_never_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(red_flags, "EVERY", 1)
    monkeypatch.setattr(red_flags, "PRICE", 0.999)
    looks: list[int] = []
    kept = red_flags.check
    monkeypatch.setattr(red_flags, "check", lambda *given: looks.append(1) or kept(*given))
    done = tiny.train(plan(on_red_flag="stop", max_steps=40), tmp_path)
    assert done.result.step == 40
    assert len(looks) > 10
    assert events(tmp_path, names.EVENT_INTERRUPT) == []


@pytest.mark.parametrize("skips", [True, False])
def test_a_spike_is_left_out_and_counted(tmp_path: Path, skips: bool) -> None:
    chosen = plan(max_steps=30, skip_spikes=skips, log_every=7, grad_shares_every=0)
    poison(chosen, once(300.0, 24))
    done = tiny.train(chosen, tmp_path)
    assert done.optimizer_steps == (29 if skips else 30)
    told = [e["step"] for e in events(tmp_path, names.EVENT_SPIKE)]
    assert told == ([25] if skips else [])
    assert done.record[-1 if names.LOSS in done.record[-1] else -2][names.SKIPPED_SPIKES] == int(skips)
    assert (25 in [line["step"] for line in done.record if names.LOSS in line]) == skips
    assert done.result.step == 30


@pytest.mark.parametrize("factor", [300.0, math.inf])
def test_around_a_step_that_was_left_out_a_run_resumes_to_the_bit(tmp_path: Path, factor: float) -> None:
    whole = plan(max_steps=30, grad_shares_every=0)
    poison(whole, once(factor, 24))
    tiny.train(whole, tmp_path / "whole")
    # stopped right before, and right after it
    for name, stop in (("before", 24), ("after", 25)):
        first = plan(max_steps=30, grad_shares_every=0)
        poison(first, once(factor, 24))

        class At(tiny.Silent):
            def step(self, step: int, _ledger: Ledger, _rate: float, stop: int = stop) -> None:
                if step == stop:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            tiny.train(first, tmp_path / name, watch=At())
        again = plan(max_steps=30, grad_shares_every=0)
        poison(again, once(factor, 24 - 20))
        assert tiny.train(again, tmp_path / name, resume=True).result.start == 20
        (left, state), (right, expected) = ends(tmp_path / name), ends(tmp_path / "whole")
        assert state == expected
        assert state["spikes"] + state["skipped"] == 1
        assert all(torch.equal(left[k], right[k]) for k in right)


def test_the_hours_end_a_run_in_time_with_a_checkpoint(tmp_path: Path) -> None:
    hours = 1.0 / 3600
    began = time.monotonic()
    done = tiny.train(plan(max_steps=100_000, max_hours=hours, save_every=10**6), tmp_path)
    assert done.result.ending.time_is_up
    assert 0 < done.result.step < 100_000
    assert checkpoint.steps_done(tmp_path) == done.result.step
    assert [e["step"] for e in events(tmp_path, names.EVENT_TIME_IS_UP)] == [done.result.step]
    assert json.loads((tmp_path / "run.json").read_text())[names.STATUS] == "interrupted"
    assert time.monotonic() - began < 30
    (folder,) = (tmp_path / FOLDER).iterdir()
    assert folder.name == f"step-{done.result.step:08}"


def test_parts_that_do_not_sum_to_what_is_trained_are_a_warning_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sad.objective import Objective

    tiny.train(plan(max_steps=3), tmp_path / "right")
    assert events(tmp_path / "right", names.EVENT_WARNING) == []
    part = Objective.part
    monkeypatch.setattr(Objective, "part", lambda self, sums, units: 1.01 * part(self, sums, units))
    tiny.train(plan(max_steps=3), tmp_path / "wrong")
    (event,) = events(tmp_path / "wrong", names.EVENT_WARNING)
    assert event["step"] == 1
    assert "the loss that is trained is" in event["message"]


def test_a_checkpoint_counts_only_where_it_went_well_on_every_process(tmp_path: Path) -> None:
    """Else one of them would save again at the end, and wait for the others, who would not."""
    for others, expected in ((1, True), (0, False)):
        joined = SimpleNamespace(
            num_processes=2,
            device="cpu",
            is_main_process=False,
            gather=lambda mine, others=others: torch.cat([mine, torch.tensor([others])]),
        )
        guards = Guards(joined, plan().recipe.train, tmp_path, Progress(), NoRecord(), None, None)  # type: ignore[arg-type]
        assert guards._everywhere(True) is expected
        assert guards._everywhere(False) is False


def test_who_ends_in_a_shared_pass_after_a_cut_leaves_word_of_half_of_that(tmp_path: Path) -> None:
    several: Any = SimpleNamespace(num_processes=2, is_main_process=True)
    progress = Progress()
    guards = Guards(several, plan(batch_size=8).recipe.train, tmp_path, progress, NoRecord(), 4, None)
    errors = iter((NoRoom("out of memory on one of the processes"), MemoryError("out of memory")))

    def attempt() -> None:
        raise next(errors)

    with pytest.raises(TrainingError, match="go on with half the micro-batch"):
        guards.with_room(attempt, lambda: None, shared=True)
    assert (progress.cuts, noted(tmp_path, 8)) == (2, 4)


def test_a_checkpoint_is_due_so_long_after_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    saved = Saved(None, at=1000.0)
    assert not saved.due(2)
    now[0] += 121
    assert saved.due(2)
    saved.now(7)
    assert (saved.step, saved.due(2)) == (7, False)


@pytest.mark.parametrize(
    ("mode", "there", "saves"), [("rollback", None, 1), ("rollback", 4, 0), ("stop", None, 0), ("ignore", None, 0)]
)
def test_a_run_that_may_go_back_has_a_place_to_go_back_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, there: int | None, saves: int
) -> None:
    alone: Any = SimpleNamespace(is_main_process=True, num_processes=1)
    guards = Guards(alone, plan(on_red_flag=mode).recipe.train, tmp_path, Progress(), NoRecord(), there, None)
    saved: list[object] = []
    monkeypatch.setattr(Guards, "save", lambda _self, *parts: saved.append(parts))
    any_: Any = None
    guards.begin(any_)
    assert len(saved) == saves
