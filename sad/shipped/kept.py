"""What the training loop leaves behind: its checkpoints and the exported student, with the scores on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_model
from torch import Tensor, nn

from sad import tiny
from sad.data import collate
from sad.distiller import Distiller
from sad.evaluate import evaluate
from sad.forward import body
from sad.objective import Objective
from sad.pair import load_teacher
from sad.recipe import Teacher
from sad.subjects.kept import Claim, Keeper, Kept, Weights
from sad.train import checkpoint, folder
from sad.train.plan import Plan

STEPS, EVERY = 4, 2


def shipped_kept() -> Keeper:
    """Return the code that trains."""
    return _run


def _run() -> Kept:
    """Run the loop, evaluating and saving every other step, and read what it wrote."""
    steps = {"max_steps": STEPS, "eval_every": EVERY, "save_every": EVERY, "log_every": 1}
    plan = tiny.plan({"train": {**steps, "batch_size": 4}}, of=tiny.pair(320, 320))
    student = plan.pair.student
    start = _copy(student)
    with TemporaryDirectory() as made, _scored(student) as scored:
        where = Path(made)
        record = tiny.train(plan, where).record
        told = {line["step"]: line["eval/lm_loss"] for line in record if "eval/lm_loss" in line}
        claims = [
            Claim(f"the checkpoint of step {step}", told[step], _checkpoint(plan, where, step))
            for step in range(EVERY, STEPS + 1, EVERY)
        ]
        exported = load_teacher(Teacher(model=str(where / folder.STUDENT)), torch.float32)
        claims.append(Claim("the exported student", told[STEPS], _copy(exported)))
    return Kept(claims, lambda weights: _score(plan, weights), start, _copy(student), scored)


def _checkpoint(plan: Plan, run: Path, step: int) -> Weights:
    distiller = _distiller(plan)
    load_model(distiller, str(run / checkpoint.FOLDER / f"{checkpoint.STEP}{step:08d}" / checkpoint.MODEL))
    return _copy(distiller.student)


def _score(plan: Plan, weights: Weights) -> float:
    distiller = _distiller(plan)
    distiller.student.load_state_dict(dict(weights))
    batches = [collate(plan.held_out, plan.pair.readers)]
    size = plan.recipe.train.batch_size
    assert len(plan.held_out) <= size, "one batch holds them all"
    return evaluate(distiller, batches, Objective(dict(plan.recipe.terms.weights))).likelihood.lm_loss


def _distiller(plan: Plan) -> Distiller:
    """A distiller around a student whose own weights are others."""
    pair = replace(plan.pair, student=tiny.model(plan.pair.readers.student.size, layers=2, width=16, seed=9))
    with torch.random.fork_rng(devices=[]):
        return Distiller(pair.student, pair.teacher, pair.vocab, plan.recipe.terms)


@contextmanager
def _scored(student: nn.Module) -> Iterator[dict[str, Tensor]]:
    """The student's weights at its last pass in evaluation mode."""
    seen: dict[str, Tensor] = {}

    def look(module: nn.Module, *_: object) -> None:
        if not module.training:
            seen.update(_copy(student))

    hook = body(student).register_forward_pre_hook(look)
    try:
        yield seen
    finally:
        hook.remove()


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
