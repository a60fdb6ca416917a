"""Code that asks for a GPU is judged on the processor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sad.judge.no_gpu import OnProcessor
from sad.judge.process import judge

CODE = """
import torch

def evaluate(model, batches):
    model.cuda().to("cuda:0").to(0)
    assert torch.device(f"{torch.accelerator.current_accelerator()}:0").type == "cpu"
    total, count = torch.zeros((), device="cuda"), torch.tensor(0).to(0)
    torch.cuda.synchronize()
    torch.cuda.reset_max_memory_allocated()
    assert torch.cuda.memory_stats()["active_bytes.all.peak"] == 0
    with torch.no_grad():
        for batch in batches:
            ids, labels = batch["input_ids"].cuda(), batch["labels"].to(torch.device("cuda"))
            logits = model(input_ids=ids).logits[:, :-1].flatten(0, 1)
            total += torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten(), reduction="sum")
            count += (labels[:, 1:] != -100).sum()
    return {"loss": (total / count).item()}
"""

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")


def test_gpu_is_the_processor() -> None:
    with OnProcessor():
        for made in (
            torch.zeros(2, device="cuda"),
            torch.zeros(2).cuda(),
            torch.zeros(2).to("cuda:1", torch.float64),
            torch.zeros(2).to(0),
            torch.zeros(2).to(device=torch.device("cuda")),
            torch.nn.Linear(2, 2).cuda().to("cuda").weight,
            torch.nn.Linear(2, 2, device="cuda").weight,
            torch.arange(3, device=0),
        ):
            assert made.device.type == "cpu"
        assert torch.zeros(2).to(torch.float64).dtype is torch.float64
    with pytest.raises((AssertionError, RuntimeError)):
        torch.zeros(2, device="cuda")


def test_evaluator_of_a_gpu_is_judged(tmp_path: Path) -> None:
    (tmp_path / "of_gpu.py").write_text(CODE, encoding="utf-8")
    target = f"{tmp_path / 'of_gpu.py'}:evaluate"
    only = ["can_be_called", "batch_split"]
    report = judge({"interface": "evaluator", "evaluator": target, "name": target, "only": only})
    assert not report.unjudged
    assert [line.standing.value for line in report.lines] == ["holds", "holds"]
