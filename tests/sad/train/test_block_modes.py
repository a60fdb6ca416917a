"""Blocks that are compiled, or computed again, give the same steps, and leave no trace on the models."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from torch import Tensor, nn

from sad import tiny
from sad.data import collate
from sad.distiller import Distiller
from sad.errors import UserError
from sad.models.forward import block_list, run
from sad.pair import Pair
from sad.train import block_modes
from sad.train.block_modes import compiled, recomputed
from sad.train.plan import Plan
from sad.train.saving import checkpoint
from sad_doctor import names

TERMS = {"layerwise": {"weight": 0.3, "layers": 2}, "contrastive": {"weight": 0.1}}


def plan(kind: str = "Llama", dropout: float = 0.0, **train: Any) -> Plan:
    made = tiny.pair()
    student = tiny.model(320, layers=2, width=16, seed=2, kind=kind, attention_dropout=dropout)
    changes = {"train": {"max_steps": 4, "eval_every": 2, "batch_size": 3, **train}, "terms": TERMS}
    return tiny.plan(changes, of=Pair(student, made.teacher, made.readers, made.vocab))


def gradient(of: Plan, *, again: bool, seed: int = 0) -> tuple[dict[str, float], Tensor]:
    """The terms and the gradient of one batch."""
    pair = of.pair
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        distiller = Distiller(pair.student, pair.teacher, pair.vocab, of.recipe.terms).train()
    batch = collate(of.train[:3], pair.readers)
    torch.manual_seed(seed)
    way = recomputed(pair.student) if again else compiled()
    with way:
        sums = distiller(batch, distiller.ask_teacher(batch))
        torch.stack([s.total / s.units for s in sums.values()]).sum().backward()
    found = torch.cat([p.grad.flatten() for p in distiller.parameters() if p.grad is not None])
    distiller.zero_grad(set_to_none=True)
    return {name: float(s.total.detach()) for name, s in sums.items()}, found


@pytest.mark.parametrize(("kind", "dropout"), [("Llama", 0.0), ("Llama", 0.4), ("Qwen2", 0.4), ("Gemma", 0.0)])
def test_computed_again_the_gradient_is_the_same(kind: str, dropout: float) -> None:
    chosen = plan(kind, dropout)
    left, one = gradient(chosen, again=False)
    right, other = gradient(chosen, again=True)
    assert left == right
    assert float(one.norm()) > 0
    torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-7)
    if dropout:
        assert not torch.allclose(gradient(chosen, again=False, seed=1)[1], one, rtol=1e-3)


def test_it_computes_again_and_only_the_student() -> None:
    chosen = plan()
    calls = {"student": 0, "teacher": 0}
    for name in calls:

        def count(*_: Any, name: str = name) -> None:
            calls[name] += 1

        block_list(getattr(chosen.pair, name))[0].mlp.register_forward_pre_hook(count)
    gradient(chosen, again=False)
    assert calls == {"student": 1, "teacher": 1}
    gradient(chosen, again=True)
    assert calls == {"student": 3, "teacher": 2}
    gradient(chosen, again=False)
    assert calls == {"student": 4, "teacher": 3}


def test_a_run_with_it_is_the_run_without(tmp_path: Path) -> None:
    plain = tiny.train(plan(dropout=0.2), tmp_path / "plain")
    again = tiny.train(plan(dropout=0.2, gradient_checkpointing=True), tmp_path / "again")
    for left, right in zip(plain.record, again.record, strict=True):
        for key in left:
            if key.startswith((names.RAW, names.LOSS, names.GRAD_NORM, names.GRAD_SHARE, "eval/")):
                assert right[key] == pytest.approx(left[key], rel=1e-4, abs=1e-6), key


def test_a_model_that_cannot_is_one_line() -> None:
    with (
        pytest.raises(UserError, match=r"train\.gradient_checkpointing: Linear has none; leave it out"),
        recomputed(nn.Linear(1, 1)),
    ):
        pass


@pytest.fixture
def _fresh() -> Any:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()
    AcceleratorState._reset_state()


@pytest.mark.thorough
@pytest.mark.usefixtures("_fresh")
def test_compiled_blocks_train_alike_and_leave_no_trace(tmp_path: Path) -> None:
    plain = tiny.train(plan(), tmp_path / "plain")
    chosen = plan(compile=True, gradient_checkpointing=True)
    found = tiny.train(chosen, tmp_path / "compiled")
    for left, right in zip(plain.record, found.record, strict=True):
        for key in left:
            if key.startswith((names.RAW, names.LOSS, names.GRAD_NORM, names.GRAD_SHARE, "eval/")):
                assert right[key] == pytest.approx(left[key], rel=1e-3, abs=1e-5), key
    for file in (checkpoint.MODEL, checkpoint.OPTIMIZER):
        one, other = (load_file(checkpoint.newest(tmp_path / run) / file) for run in ("plain", "compiled"))
        assert one.keys() == other.keys()
    left, right = (load_file(tmp_path / run / "student" / "model.safetensors") for run in ("plain", "compiled"))
    assert left.keys() == right.keys()
    assert not [name for name in right if "_orig_mod" in name]
    assert not any("forward" in vars(block) for block in block_list(chosen.pair.student))


@pytest.mark.usefixtures("_fresh")
def test_compiled_blocks_are_compiled_once_and_hooks_see_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.utils import counters

    # counts and hooks are the same whoever writes the code; the one that writes C++ takes a minute, and is asked above
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    counters.clear()
    pair = tiny.pair()
    batch = collate(tiny.plan().train[:3], pair.readers)
    other = collate(tiny.plan().train[3:5], pair.readers)
    expected = [run(pair.teacher, b.teacher, [0, 2]) for b in (batch, other)]
    with compiled(pair.teacher):
        first = run(pair.teacher, batch.teacher, [0, 2])
        made = counters["stats"]["unique_graphs"]
        second = run(pair.teacher, other.teacher, [0, 2])
        assert run(pair.teacher, other.teacher).blocks == {}
        assert made >= 1
        assert counters["stats"]["unique_graphs"] == made
    for left, right in zip(expected, (first, second), strict=True):
        assert set(right.blocks) == {0, 2}
        for block in (0, 2):
            torch.testing.assert_close(right.blocks[block], left.blocks[block], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(right.hidden, left.hidden, rtol=1e-4, atol=1e-5)


def test_a_machine_that_cannot_compile_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = type("InductorError", (RuntimeError,), {"__module__": "torch._inductor.exc"})
    model = tiny.pair().student

    def no(*_: Any, **__: Any) -> Any:
        return lambda *_: None

    monkeypatch.setattr(block_modes.torch, "compile", no)
    with pytest.raises(UserError, match=r"does not work here \(it raised: no compiler\): set"), compiled(model):
        raise fault("it raised:\nno compiler\n\nand where")
    assert not any("forward" in vars(block) for block in block_list(model))
    with pytest.raises(ValueError, match="another"), compiled(model):
        raise ValueError("another")
