"""The teacher's cache against the teacher: bytes, error of the loss and of its gradient, and a short training.

    python benchmarks/cache.py [STEPS | memory]

The embedded pair on a part of its text. Errors are those of the KD term alone, to the student's last states, over the
same micro-batches, for a fresh student, for one that was trained live, and for one next to the teacher (its logits
and noise). Then STEPS steps (60), live and from caches of some k, each in a process of its own, same seed: held-out
bits per byte, tokens a second (median of the steps), the most memory that the process held. Then the same of a teacher
of 12 layers x 768 with random weights (87 M, 347 MB in float32), five steps.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sad import embedded
from sad.batch import Batch
from sad.cache.layout import EXACT, Layout
from sad.cache.lists import listed
from sad.data import collate
from sad.distiller import Distiller
from sad.head.linear import IDENTITY, Head, head_of
from sad.head.target import Live, Target
from sad.head.vocabulary import Compared, vocabulary_pass
from sad.models.forward import run
from sad.quiet import quiet_libraries
from sad.recipe.schema import Recipe, parse
from sad.train.plan import Plan, make_plan
from sad_doctor import names

KS, BITS = (8, 16, 32, 64), (8, 12, 16, EXACT)
CHAPTERS, BATCHES = 24, 6
NOISE = 0.045
"""Of logits, in nats: a KL of about 0.001."""
LARGE = (49_152, 151_936)
"""Vocabularies whose bytes are told."""


def main() -> None:
    quiet_libraries()
    steps = sys.argv[1] if len(sys.argv) > 1 else "60"
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "text.txt").write_text("\n\n".join(embedded.train_text()[:CHAPTERS]), encoding="utf-8")
        sizes()
        trained = None if steps == "memory" else training(folder, steps)
        memory(folder)
        if trained is not None:
            errors(folder, trained)


def sizes() -> None:
    print("| bits | k |", " | ".join(f"bytes, V {v:,}" for v in (768, *LARGE)), "|\n|---|---|---|---|---|")
    for bits in (12, 16):
        for k in KS:
            print(f"| {bits} | {k} |", " | ".join(str(_layout(v, bits, k).size) for v in (768, *LARGE)), "|")


def _layout(vocabulary: int, bits: int, k: int) -> Layout:
    return Layout(vocabulary, bits, ((1.0, k),), mass=False, blocks=(), width=0)


def recipe(folder: Path, **more: Any) -> Recipe:
    data = {"text": str(folder / "text.txt"), "eval_windows": 32}
    tree = {"data": data, "train": {"device": "cpu", "precision": "fp32"}, "terms": {"layerwise": {"weight": 0.0}}}
    return parse({**tree, **more}, "the benchmark")


def training(folder: Path, steps: str) -> Path:
    """Train live and from caches; return the student that was trained live."""
    common = ["--data", str(folder / "text.txt"), "--set", "data.eval_windows=32", "--set", "terms.layerwise.weight=0"]
    common += ["--set", "train.device=cpu", "--set", "train.precision=fp32"]
    how = ["--max-steps", steps, "--set", f"train.eval_every={steps}", "--set", f"train.save_every={steps}"]
    print(f"\n{steps} steps | bits/byte | KL to teacher | tokens/s | peak MB |\n|---|---|---|---|---|")
    run_of = folder / "live"
    tell("live", run_of, child("train", *common, *how, "--output", str(run_of)))
    for k in KS:
        cache = folder / f"k{k}"
        child("cache", *common, "--cache", str(cache), "--k", str(k))
        out = folder / f"run-k{k}"
        tell(f"cache, k = {k}", out, child("train", *common, *how, "--output", str(out), "--cache", str(cache)))
    tell("live again", folder / "again", child("train", *common, *how, "--output", str(folder / "again")))
    return next(run_of.glob("*/student"))


def large(folder: Path) -> None:
    """Write a teacher with random weights."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    heads = {"num_attention_heads": 12, "num_key_value_heads": 12}
    shape = LlamaConfig(
        vocab_size=2048,
        hidden_size=768,
        intermediate_size=2048,
        num_hidden_layers=12,
        tie_word_embeddings=True,
        **heads,
    )
    LlamaForCausalLM(shape).save_pretrained(folder)
    AutoTokenizer.from_pretrained(embedded.TEACHER).save_pretrained(folder)


def memory(folder: Path) -> None:
    """Speed and memory where the teacher is large."""
    # elsewhere: the system counts what this process held to the most that its children held
    maker = multiprocessing.get_context("spawn").Process(target=large, args=(folder / "large",))
    maker.start()
    maker.join()
    (folder / "short.txt").write_text("\n\n".join(embedded.train_text()[:2]), encoding="utf-8")
    (folder / "held.txt").write_text(embedded.train_text()[2], encoding="utf-8")
    common = ["--teacher", str(folder / "large"), "--data", str(folder / "short.txt")]
    common += ["--set", f"data.held_out={folder / 'held.txt'}"]
    common += ["--set", "data.eval_windows=4", "--set", "terms.layerwise.weight=0", "--set", "train.device=cpu"]
    how = ["--max-steps", "5", "--set", "train.precision=fp32", "--set", "train.eval_every=5"]
    print("\n| teacher 12 x 768 | bits/byte | KL to teacher | tokens/s | peak MB |\n|---|---|---|---|---|")
    out = folder / "large-live"
    tell("live", out, child("train", *common, *how, "--output", str(out)))
    cache, out = folder / "large-cache", folder / "large-cached"
    child("cache", *common, "--set", "train.precision=fp32", "--cache", str(cache))
    tell("cache, k = 32", out, child("train", *common, *how, "--output", str(out), "--cache", str(cache)))


def child(*words: str) -> float:
    """Run a command; return the most MB that it held."""
    with subprocess.Popen([sys.executable, "-m", "sad", *words], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return usage.ru_maxrss * 1024 / 1e6


def tell(name: str, folder: Path, peak: float) -> None:
    text = (folder / "latest" / "metrics.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    speed = statistics.median(line[names.TOKENS_PER_SECOND] for line in lines if names.TOKENS_PER_SECOND in line)
    last = [line for line in lines if names.EVAL_BITS_PER_BYTE in line][-1]
    cells = (f"{last[names.EVAL_BITS_PER_BYTE]:.4f}", f"{last[names.EVAL_KL]:.4f}", f"{speed:,.0f}", f"{peak:,.0f}")
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def errors(folder: Path, trained: Path) -> None:
    fresh = make_plan(recipe(folder))
    later = make_plan(recipe(folder, student={"model": str(trained)}))
    students = {"fresh": fresh, "trained": later, "near the teacher": None}
    print("\n| student | KL | k | bits | loss off by | gradient off by |\n|---|---|---|---|---|---|")
    for name, plan in students.items():
        batches = [collated(fresh, start) for start in range(BATCHES)]
        live = [asked(fresh, batch) for batch in batches]
        states = [student(plan, batch, target) for batch, target in zip(batches, live, strict=True)]
        right = [measured(*state, target, fresh) for state, target in zip(states, live, strict=True)]
        rows = sum(len(target) for target in live)
        kl = sum(value for value, _ in right) / rows
        for k in KS:
            for bits in BITS:
                layout = _layout(fresh.pair.vocab.student_size, bits, k)
                found = []
                for state, target in zip(states, live, strict=True):
                    stored, _ = layout.decode(layout.encode(listed(target, layout.lists, mass=layout.mass), {}))
                    found.append(measured(*state, stored, fresh))
                value = sum(v for v, _ in found) / sum(v for v, _ in right) - 1
                slopes = [torch.cat([g for _, g in some]) for some in (found, right)]
                off = float((slopes[0] - slopes[1]).norm() / slopes[1].norm())
                told = "exact" if bits == EXACT else str(bits)
                print(f"| {name} | {kl:.4f} | {k} | {told} | {value:+.3%} | {off:.3%} |", flush=True)


def collated(plan: Plan, start: int) -> Batch:
    return collate(plan.train[8 * start : 8 * start + 8], plan.pair.readers)


@torch.no_grad()
def asked(plan: Plan, batch: Batch) -> Live:
    of = Distiller(plan.pair.student, plan.pair.teacher, plan.pair.vocab, plan.recipe.terms)
    target = of.ask_teacher(batch).target
    assert isinstance(target, Live)
    return target


@torch.no_grad()
def student(plan: Plan | None, batch: Batch, target: Live) -> tuple[Tensor, Head]:
    """Last states at the boundaries and the head; without a plan, logits next to the teacher's."""
    if plan is None:
        log_p = target.block(slice(None), 1.0).clamp_min(-50.0)
        return log_p + NOISE * torch.randn(log_p.shape, generator=torch.Generator().manual_seed(0)), IDENTITY
    model = plan.pair.student
    hidden = run(model, batch.student).hidden[batch.boundaries.row, batch.boundaries.student]
    head = head_of(model)
    return hidden, Head(None if head.weight is None else head.weight.detach())


def measured(states: Tensor, head: Head, target: Target, plan: Plan) -> tuple[float, Tensor]:
    leaf = states.clone().requires_grad_()
    compared = Compared(target, torch.arange(len(leaf)), plan.pair.vocab.student_size)
    total = vocabulary_pass(leaf, head, None, compared).kd
    (slope,) = torch.autograd.grad(total, leaf)
    return float(total.detach()), slope


if __name__ == "__main__":
    main()
