"""Under DeepSpeed's engine two processes train as one does without it. Skipped where DeepSpeed is not installed."""

from __future__ import annotations

import json
import math
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from together import Given, plan, run, same_run
from torch import nn

from sad.data import collate
from sad.distiller import Distiller
from sad.objective import Objective
from sad.subjects.processes import on_processes
from sad.train.optimizer import make_optimizer
from sad.train.processes import devices, engine, sharded
from sad.train.processes.engine import Engine
from sad.train.processes.gradients import inside
from sad.train.processes.zero import USE_DEEPSPEED
from sad.train.saving import checkpoint
from sad.train.saving.checkpoint import Progress
from sad.train.step import Learner, Step, take_step

pytest.importorskip("deepspeed", reason="no DeepSpeed is installed: nothing of the engine is tested")
# once for all processes, which are forked
pytest.importorskip("deepspeed.runtime.zero.muon.original_muon", reason="another DeepSpeed")
warnings.simplefilter("ignore", FutureWarning)


def asking(folder: Path, stage: int) -> dict[str, str]:
    """Tell what accelerate does where a file of DeepSpeed's is named: every weight is cut, however small."""
    file = folder / f"stage-{stage}.json"
    sizes = {"stage3_param_persistence_threshold": 0, "reduce_bucket_size": "auto"}
    file.write_text(json.dumps({"zero_optimization": {"stage": stage, **sizes}}), encoding="utf-8")
    return {USE_DEEPSPEED: "true", "ACCELERATE_DEEPSPEED_CONFIG_FILE": str(file)}


@pytest.mark.parametrize(("stage", "tied"), [(1, True), (2, False), (3, True), (3, False)])
def test_two_processes_under_an_engine_train_as_one_without(tmp_path: Path, stage: int, tied: bool) -> None:
    run(Given(tmp_path / "one", 1, tied=tied))
    run(Given(tmp_path / "two", 2, tied=tied, environment=asking(tmp_path, stage)))
    same_run(tmp_path / "one", tmp_path / "two")


def test_a_run_goes_from_one_process_to_two_under_any_stage_and_back(tmp_path: Path) -> None:
    run(Given(tmp_path / "whole", 1))
    run(Given(tmp_path / "cut", 1, stop=1))
    for stop, stage in ((2, 3), (3, 1)):
        run(Given(tmp_path / "cut", 2, stop=stop, environment=asking(tmp_path, stage), resume=True))
        assert checkpoint.steps_done(tmp_path / "cut") == stop
    run(Given(tmp_path / "cut", 1, resume=True))
    same_run(tmp_path / "whole", tmp_path / "cut")


def test_a_teacher_of_experts_is_asked_under_an_engine(tmp_path: Path) -> None:
    run(Given(tmp_path / "one", 1, experts=True))
    run(Given(tmp_path / "two", 2, experts=True, environment=asking(tmp_path, 3)))
    same_run(tmp_path / "one", tmp_path / "two")


def test_a_run_under_an_engine_goes_on_with_more_processes(tmp_path: Path) -> None:
    run(Given(tmp_path / "whole", 1))
    run(Given(tmp_path / "cut", 2, stop=2, environment=asking(tmp_path, 3)))
    run(Given(tmp_path / "cut", 4, stop=4, environment=asking(tmp_path, 2), resume=True))
    run(Given(tmp_path / "cut", 1, resume=True))
    same_run(tmp_path / "whole", tmp_path / "cut")


def test_activations_that_are_computed_again_find_the_weights(tmp_path: Path) -> None:
    again = {"gradient_checkpointing": True}
    run(Given(tmp_path / "one", 1, train=again))
    run(Given(tmp_path / "two", 2, train=again, environment=asking(tmp_path, 3)))
    same_run(tmp_path / "one", tmp_path / "two")


class Bench:
    """What steps are taken with, joined by an engine if the environment asks for one."""

    def __init__(self, given: Given) -> None:
        AcceleratorState._reset_state(reset_partial_state=True)
        os.environ.update(given.environment)
        made = plan(given)
        recipe, pair = made.recipe, made.pair
        self.accelerator = devices.make_accelerator("cpu", "fp32", tuple(recipe.terms.weights))
        torch.manual_seed(3)
        self.distiller = Distiller(pair.student, pair.teacher, pair.vocab, recipe.terms).train()
        self.objective = Objective(dict(recipe.terms.weights))
        plain = make_optimizer(self.distiller, recipe.train)
        self.wrapped, self.optimizer = devices.prepare(self.accelerator, self.distiller, plain, 1.0)
        rank, count = self.accelerator.process_index, self.accelerator.num_processes
        self.batches = [collate(made.train[i : i + 1], pair.readers) for i in range(rank, 4, count)]

    def step(self, **more: Any) -> Step:
        learner = Learner(self.accelerator, self.wrapped, self.optimizer, self.objective)
        return take_step(learner, self.batches, 1.0, **{"measure_update": False, **more})

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that training changes: the weights, and the optimizer's state."""
        weights = {n: t.clone() for n, t in sharded.whole_state(self.distiller, keep=True).items()}
        moments = self.optimizer.state_dict()["state"]
        return weights | {f"{i}/{key}": t.clone() for i, of in moments.items() for key, t in of.items()}


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    # moments are gathered for the first process alone
    return max(float((one[name] - other[name]).abs().max()) for name in one if one[name].numel())


def spoilt(bench: Bench, value: float) -> Any:
    """Let the gradient of one weight be that value, on one process."""
    weight = bench.distiller.student.model.embed_tokens
    return weight.register_forward_hook(
        lambda _module, _given, out: out.register_hook(lambda g: torch.full_like(g, value)) and None
    )


def left_out(given: Given) -> list[Any]:
    """Take a step, leave two out, go back, and on; return what was seen."""
    bench = Bench(given)
    first = bench.step(measure_update=True)
    once = bench.state()
    spike = bench.step(is_spike=lambda _: True)
    told = [apart(bench.state(), once)]
    hook = spoilt(bench, math.nan) if bench.accelerator.process_index == 0 else None
    broken = bench.step(measure_update=True)
    if hook:
        hook.remove()
    told.append(apart(bench.state(), once))
    progress = Progress(step=1)
    kept = bench.distiller, bench.optimizer, bench.objective
    checkpoint.save(given.folder, progress, *kept, 2, writes=bench.accelerator.is_main_process)
    bench.accelerator.wait_for_everyone()
    second = bench.step()
    twice = bench.state()
    moved = apart(twice, once)
    checkpoint.load(given.folder, *kept)
    told.append(apart(bench.state(), once))
    bench.step()
    told.append(apart(bench.state(), twice))
    steps = [replace(s, ledger=None) for s in (first, spike, broken, second)]  # type: ignore[arg-type]
    assert inside(bench.accelerator, bench.wrapped) is bench.distiller
    cut = any(map(engine.is_piece, bench.distiller.parameters()))
    return [isinstance(bench.wrapped, Engine), cut, told, moved, steps, {n: t.numpy() for n, t in twice.items()}]


@pytest.mark.parametrize("stage", [1, 3])
def test_a_step_that_is_left_out_changes_nothing_and_a_checkpoint_brings_all_back(tmp_path: Path, stage: int) -> None:
    ((_, _, _, _, alone, expected),) = on_processes(left_out, Given(tmp_path / "one", 1), 1)
    both = on_processes(left_out, Given(tmp_path / "two", 2, environment=asking(tmp_path, stage)), 2)
    assert [sum(value.size == 0 for value in one[-1].values()) > 0 for one in both] == [False, True]
    for joined, cut, told, moved, steps, state in both:
        assert joined
        assert cut == (stage == 3)
        # left out for its loss, for its gradient, back to the checkpoint: bit for bit; and on again
        assert told == [0.0] * 4
        assert moved > 1e-4
        first, spike, broken, second = steps
        assert (first.finite, first.spike) == (second.finite, second.spike) == (True, False)
        assert (spike.finite, spike.spike) == (True, True)
        assert not broken.finite
        assert not math.isfinite(broken.grad_norm)
        assert broken.update_ratio is None
        assert first.update_ratio == pytest.approx(alone[0].update_ratio, rel=1e-4)
        for mine, theirs in zip((first, spike, second), (alone[0], alone[1], alone[3]), strict=True):
            assert mine.grad_norm == pytest.approx(theirs.grad_norm, rel=1e-4)
        assert state.keys() == expected.keys()
        for name, value in expected.items():
            if state[name].size:
                torch.testing.assert_close(torch.tensor(state[name]), torch.tensor(value), rtol=1e-3, atol=2e-5)


def test_of_whole_weights_nothing_is_cut() -> None:
    module = nn.Linear(2, 3)
    assert engine.of(module) is None
    assert not engine.is_piece(module.weight)
    assert engine.shape(module.weight) == (3, 2)
