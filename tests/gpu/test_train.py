"""The training loop on a GPU: the same numbers as on the processor, no wait inside a step, memory, resume."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from a_gpu import need_a_gpu

from sad import tiny
from sad.train import loop
from sad.train.batches.feed import Feed
from sad.train.block_modes import as_asked
from sad.train.parts import make_parts
from sad.train.plan import Plan
from sad_doctor import names

need_a_gpu()

ALL = {
    "kd": {"weight": 1.0},
    "lm": {"weight": 0.5},
    "layerwise": {"weight": 0.1},
    "attention": {"weight": 0.1},
    "contrastive": {"weight": 0.1},
    "alm": {"weight": 0.1},
}
TWO, ONE = (400, 320), (320, 320)
SECONDS = "train/seconds/"


def plan(sizes: tuple[int, int] = TWO, precision: str = "fp32", **changes: Mapping[str, Any]) -> Plan:
    train = {"precision": precision, "device": "cuda", "log_every": 1, **changes.pop("train", {})}
    made = tiny.plan({"train": train, **changes}, tiny.pair(*sizes))
    return replace(made, device="cuda", precision=precision)


def losses(record: list[dict[str, Any]]) -> list[float]:
    return [line[names.LOSS] for line in record if names.LOSS in line]


def on_the_processor(of: Plan) -> Plan:
    train = of.recipe.train.model_copy(update={"device": "cpu"})
    pair = tiny.pair(of.pair.readers.teacher.size, of.pair.readers.student.size)
    return replace(of, device="cpu", recipe=of.recipe.model_copy(update={"train": train}), pair=pair)


@pytest.mark.parametrize("sizes", [ONE, TWO])
@pytest.mark.parametrize("changes", [{}, {"terms": ALL}, {"train": {"packing": True}}, {"train": {"accumulation": 2}}])
def test_the_same_losses_as_on_the_processor(sizes: tuple[int, int], changes: dict[str, Any]) -> None:
    made = plan(sizes, **changes)
    there, here = tiny.train(made), tiny.train(on_the_processor(plan(sizes, **changes)))
    assert len(losses(there.record)) == 8
    assert losses(there.record) == pytest.approx(losses(here.record), rel=2e-3)


@pytest.mark.parametrize("changes", [{"compile": True}, {"gradient_checkpointing": True}, {"buckets": True}])
def test_an_option_of_speed_changes_no_result(changes: dict[str, Any]) -> None:
    usual = {"buckets": True} if "buckets" in changes else {}
    plain, other = tiny.train(plan(train=usual)), tiny.train(plan(train=changes))
    assert losses(other.record) == pytest.approx(losses(plain.record), rel=1e-3)


@pytest.mark.parametrize("sizes", [ONE, TWO])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_as_full_precision_does(sizes: tuple[int, int], precision: str) -> None:
    half, full = (losses(tiny.train(plan(sizes, kind)).record) for kind in (precision, "fp32"))
    assert half == pytest.approx(full, rel=0.03)


@pytest.mark.parametrize("sizes", [ONE, TWO])
@pytest.mark.parametrize("terms", [{"kd": {"weight": 1.0}}, ALL])
def test_the_host_waits_nowhere_inside_a_step(sizes: tuple[int, int], terms: dict[str, Any]) -> None:
    """Of forward and backward passes: the totals are read once after them."""
    made = plan(sizes, "bf16", terms=terms)
    accelerator, distiller, _, objective = make_parts(made)
    with as_asked(made.recipe.train, distiller), Feed(made, made.schedule(), accelerator) as feed:
        for step in range(3):
            batch = feed.take(step, 1)[0]
            units = distiller.counts(batch)
            torch.cuda.synchronize()
            # the first step compiles, and checks a term once
            torch.cuda.set_sync_debug_mode("error" if step else "default")
            with accelerator.autocast():
                moved = batch.to(accelerator.device)
                sums = distiller(moved, distiller.ask_teacher(moved), objective.scales(units))
                loss = objective.part(sums, units)
            accelerator.backward(loss)
            torch.cuda.set_sync_debug_mode("default")
            assert math.isfinite(float(loss))


def test_a_resumed_run_is_the_run(tmp_path: Path) -> None:
    changes = {"train": {"save_every": 4}}
    whole = tiny.train(plan(precision="bf16", **changes), tmp_path / "whole")
    half = plan(precision="bf16", train={"save_every": 4, "max_hours": 1e-9})
    first = tiny.train(half, tmp_path / "half")
    assert first.result.step < 8
    tiny.train(plan(precision="bf16", **changes), tmp_path / "half", resume=True)
    both = [json.loads(line) for line in (tmp_path / "half" / "metrics.jsonl").read_text().splitlines()]
    assert losses(both) == pytest.approx(losses(whole.record), rel=1e-5)


def test_out_of_memory_halves_the_micro_batch() -> None:
    """A device that is full but for a little: the step is taken in pieces, and says so."""
    made = plan(ONE, train={"batch_size": 8, "max_steps": 4})
    full = tiny.train(plan(ONE, train={"batch_size": 8, "max_steps": 4}))
    said: list[str] = []

    class Watch(tiny.Silent):
        def say(self, line: str) -> None:
            said.append(line)

    take, failed = loop.take_step, []

    def once(*given: Any, **named: Any) -> Any:
        if not failed:
            failed.append(None)
            # for real: more than the device has
            torch.empty(2**45, dtype=torch.uint8, device="cuda")
        return take(*given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "take_step", once)
        cut = tiny.train(made, watch=Watch())
    assert any("out of memory" in line for line in said)
    assert losses(cut.record) == pytest.approx(losses(full.record), rel=1e-4)


def test_the_parts_of_a_step_are_the_step() -> None:
    lines = [one for one in tiny.train(plan(ONE)).record if any(key.startswith(SECONDS) for key in one)]
    assert lines, "the record has the time of the parts"
    for line in lines[3:]:
        assert all(value >= 0 for key, value in line.items() if key.startswith(SECONDS))
