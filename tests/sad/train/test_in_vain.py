"""A run most of whose steps are left out ends with a line that says why, and a teacher that fails is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sad import tiny
from sad.errors import TrainingError, UserError
from sad.objective import Ledger
from sad.train.in_vain import ENOUGH, IN_A_ROW, OTHER, WIDER, InVain
from sad.train.plan import Plan
from sad.train.saving.checkpoint import Progress
from sad.train.step import Step
from sad_doctor import names

FAILS = "the teacher's logits are NaN or infinite on these texts"


def step(finite: bool = False, teacher_fails: bool = False) -> Step:
    ledger = Ledger({"kd": 1.0 if finite else float("nan")}, {"kd": 1.0})
    return Step(ledger, 1.0, finite, 1, 1, 1, 1.0, None, teacher_fails=teacher_fails)


def course(bad: str, steps: int = 1000, **more: Any) -> tuple[int, str]:
    """Return after how many steps it ends with an error, and which; ``x`` is a step that is left out."""
    judge = InVain(Progress(), steps, more.pop("precision", "fp32"))
    for number, one in enumerate(bad, 1):
        judge.progress.took(one != "x", 0)
        try:
            judge.check(step(one != "x", **more))
        except TrainingError as error:
            return number, str(error)
    try:
        judge.conclude()
    except TrainingError as error:
        return len(bad) + 1, str(error)
    return 0, ""


@pytest.mark.parametrize(
    ("bad", "steps", "ends"),
    [
        ("x" * 30, 30, IN_A_ROW),
        ("." * 50 + "x" * 30, 80, 50 + IN_A_ROW),
        ("xxx", 3, 3),
        ("xx." * 20, 60, ENOUGH),
        (".x" * 40, 80, 0),
        ("xx.", 3, 4),
        ("xx..", 4, 0),
        ("x" * 19 + "." * 21, 40, 0),
    ],
)
def test_where_a_run_is_in_vain(bad: str, steps: int, ends: int) -> None:
    assert course(bad, steps)[0] == ends


def test_it_says_how_many_and_why() -> None:
    assert course("x" * 20)[1].startswith("the last 20 steps were all left out: kd is nan; lower train.learning_rate")
    assert course("xx." * 20)[1].startswith(f"27 of {ENOUGH} steps were left out: kd is nan; lower")
    for precision, way in (("bf16", WIDER), ("fp32", OTHER)):
        told = course("xx." * 20, precision=precision, teacher_fails=True)[1]
        assert told == f"27 of {ENOUGH} steps were left out: kd is nan; {FAILS}; {way}"


def test_a_run_that_was_over_is_none_the_better_for_going_on() -> None:
    with pytest.raises(TrainingError, match="3 of 4 steps were left out: their loss or gradient was not finite; lower"):
        InVain(Progress(step=4, skipped=3), 4, "fp32").conclude()


def overflowing(fails: Callable[[torch.Tensor], torch.Tensor], steps: int) -> Plan:
    """A teacher whose logits overflow on the texts of whose tokens ``fails`` is true."""
    made = tiny.plan({"train": {"max_steps": steps, "eval_every": 100, "save_every": 100}})
    teacher: Any = made.pair.teacher
    seen: list[torch.Tensor] = []
    teacher.model.embed_tokens.register_forward_hook(lambda _, ids, __: seen.append(fails(ids[0])))
    # of the last layer alone: the weights are finite, and so is every state before it
    teacher.model.norm.register_forward_hook(
        lambda _, __, states: torch.where(seen.pop()[:, None, None], states * 1e38, states)
    )
    return made


def test_a_teacher_that_overflows_in_most_steps_ends_the_run_and_is_named(tmp_path: Path) -> None:
    plan = overflowing(lambda ids: torch.zeros(len(ids), dtype=torch.bool), 10)
    held = {int(token) for window in plan.held_out for token in window.teacher} | {plan.pair.readers.teacher.pad}
    plan = overflowing(lambda ids: torch.tensor([not held.issuperset(row) for row in ids.tolist()]), 10)
    with pytest.raises(TrainingError, match=rf"of 10 steps were left out: kd is (nan|inf).*; {FAILS}; {OTHER}$"):
        tiny.train(plan, tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())[names.STATUS] == "crashed"
    assert not (tmp_path / "student").exists()
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    told = [event["message"] for event in events if event["kind"] == names.EVENT_NON_FINITE]
    assert len(told) > 5
    assert all(one.endswith(FAILS) for one in told)


def test_a_teacher_that_overflows_on_held_out_text_is_refused(tmp_path: Path) -> None:
    plan = overflowing(lambda ids: torch.ones(len(ids), dtype=torch.bool), 4)
    with pytest.raises(UserError, match="logits are NaN or infinite on the held-out text: take another") as error:
        tiny.train(plan, tmp_path)
    assert error.value.exit_code == 2
