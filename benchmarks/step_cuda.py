"""The whole training step on a GPU, with models of real sizes and random weights: tokens a second, MFU, memory, idle.

    python benchmarks/step_cuda.py [PAIR ...] [--variants ours,ours compiled,plain,liger] [--steps 14]

``ours`` is `sad train`'s own loop, with its feed, its record (a line each step) and its guards, and without what it
saves. ``plain`` is a loop with the usual means on the same batches: both models' logits, autocast to bf16, a fused
AdamW; ``liger`` the same with Liger's fused JSD head. MFU is F / (t 989e12) with F = N (2 P_teacher + 6 P_student +
2 V (Ht + 3 Hs)) + attention, P without embeddings and heads, N the real tokens. Idle is what of the time between two
lines of the record is in no part of the step by the clock of the device, and what is spent on data.
Models and texts are made on the spot: nothing is loaded from a hub. Each variant is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from side_by_side.pair import sources

PEAK = 989e12
WARM = 6
LENGTH = 1024


class Size(NamedTuple):
    """A model: width, blocks, width of the MLP, heads of queries and of keys, their width, and whether it is tied."""

    width: int
    layers: int
    mlp: int
    heads: int
    kv: int
    head: int
    tied: bool


LLAMA_1B = Size(2048, 16, 8192, 32, 8, 64, tied=True)
QWEN_06B = Size(1024, 28, 3072, 16, 8, 128, tied=True)
QWEN_8B = Size(4096, 36, 12288, 32, 8, 128, tied=False)
PAIRS = {
    "1 B from 1 B": ("llama", LLAMA_1B, LLAMA_1B, 128_256, 16),
    "0.6 B from 8 B": ("qwen3", QWEN_8B, QWEN_06B, 151_936, 8),
}
"""By name: architecture, teacher, student, vocabulary, windows of a step."""


def tokenizer(vocabulary: int) -> Any:
    """A small BPE of Python's sources, filled up with tokens that no text has."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=4096, special_tokens=["<pad>", "<end>"], initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(sources()[:40], trainer)
    told = json.loads(made.to_str())
    vocab = told["model"]["vocab"]
    vocab |= {f"<{number}>": number for number in range(len(vocab), vocabulary)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(told)), pad_token="<pad>", eos_token="<end>"
    )


def model(kind: str, of: Size, vocabulary: int, dtype: torch.dtype, seed: int) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        kind,
        hidden_size=of.width,
        num_hidden_layers=of.layers,
        intermediate_size=of.mlp,
        num_attention_heads=of.heads,
        num_key_value_heads=of.kv,
        head_dim=of.head,
        vocab_size=vocabulary,
        tie_word_embeddings=of.tied,
        max_position_embeddings=4096,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    torch.manual_seed(seed)
    with torch.device("cuda"):
        return AutoModelForCausalLM.from_config(config, dtype=dtype)


def operations(teacher: Size, student: Size, vocabulary: int, tokens: float) -> float:
    def body(of: Size) -> float:
        block = of.width * of.head * (2 * of.heads + 2 * of.kv) + 3 * of.width * of.mlp
        # two products with half of a window on average, a multiplication and an addition each
        return of.layers * (block + of.heads * of.head * LENGTH)

    heads = 2 * vocabulary * (teacher.width + 3 * student.width)
    return tokens * (2 * body(teacher) + 6 * body(student) + heads)


def make_recipe(folder: Path, windows: int, steps: int, changes: dict[str, Any]) -> Any:
    from sad.recipe.schema import parse

    text = folder / "text.jsonl"
    every = "\n".join(sources())
    size = 12 * LENGTH
    pieces = [every[at : at + size] for at in range(0, min(len(every), size * (windows * steps + 8)), size)]
    text.write_text("\n".join(json.dumps({"text": piece}) for piece in pieces) + "\n", encoding="utf-8")
    # what is longer than a window is several: each is full
    train = {
        "batch_size": windows,
        "max_steps": steps,
        "epochs": 1000,
        "precision": "bf16",
        "device": "cuda",
        "learning_rate": 1e-5,
        "log_every": 1,
        "eval_every": steps,
        "save_every": steps,
        "grad_shares_every": 0,
        "on_red_flag": "ignore",
        **changes,
    }
    terms = {"kd": {"weight": 1.0}, "lm": {"weight": 1.0}, "layerwise": {"weight": 0.0}}
    data = {"text": str(text), "max_length": LENGTH, "held_out": 0.02, "eval_windows": 4, "workers": 0}
    tree = {"train": train, "terms": terms, "data": data, "teacher": {"model": "given"}, "student": {"model": "given"}}
    return parse(tree, "the benchmark")


def ours(name: str, folder: Path, options: argparse.Namespace, changes: dict[str, Any]) -> dict[str, Any]:
    from sad.pair import Given
    from sad.tiny import Silent
    from sad.train import loop
    from sad.train.guards import Guards
    from sad.train.plan import make_plan
    from sad_doctor import names

    kind, big, small, vocabulary, windows = PAIRS[name]
    both = tokenizer(vocabulary)
    given = Given(
        teacher=model(kind, big, vocabulary, torch.bfloat16, 0),
        student=model(kind, small, vocabulary, torch.float32, 1),
        teacher_tokenizer=both,
        student_tokenizer=both,
    )
    plan = make_plan(make_recipe(folder, windows, options.steps, changes), 1, given)
    torch.cuda.reset_peak_memory_stats()
    with patch.object(loop, "export"), patch.object(Guards, "save"):
        loop.train(plan, folder / "run", Silent())
    lines = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if names.LOSS in line]
    between, inside = [], []
    held = {line["step"] for line in lines if "eval/loss" in line}
    split: dict[str, list[float]] = {}
    for before, after in pairwise(steps[WARM:]):
        if before["step"] in held:
            continue
        between.append(after["time"] - before["time"])
        parts = {k.removeprefix("train/seconds/"): v for k, v in after.items() if k.startswith("train/seconds/")}
        inside.append(sum(parts.values()))
        for part, seconds in parts.items():
            split.setdefault(part, []).append(seconds)
    medians = {part: statistics.median(some) for part, some in split.items()}
    taken, whole = statistics.median(between), sum(medians.values())
    tokens = statistics.median([b["train/tokens"] - a["train/tokens"] for a, b in pairwise(steps)])
    idle = statistics.median(1 - a / b for a, b in zip(inside, between, strict=True))
    told = ", ".join(f"{part} {seconds / whole:.1%}" for part, seconds in medians.items())
    told += f"; outside of the parts {idle:.1%}; loss {steps[0][names.LOSS]:.3f} to {steps[-1][names.LOSS]:.3f}"
    return {"seconds": taken, "tokens": tokens, "split": told}


def loops(name: str, _: Path, options: argparse.Namespace, *, liger: bool) -> dict[str, Any]:
    from torch.nn import functional as F

    kind, big, small, vocabulary, windows = PAIRS[name]
    teacher = model(kind, big, vocabulary, torch.bfloat16, 0).eval().requires_grad_(False)
    student = model(kind, small, vocabulary, torch.float32, 1).train()
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-5, fused=True)
    fused = None
    if liger:
        from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

        fused = LigerFusedLinearJSDLoss(1.0, 1.0, beta=0.0)
    torch.cuda.reset_peak_memory_stats()
    times = []
    noise = torch.Generator().manual_seed(0)
    for _step in range(options.steps):
        ids = torch.randint(2, 4096, (windows, LENGTH), generator=noise).cuda()
        torch.cuda.synchronize()
        start = time.perf_counter()
        labels = ids[:, 1:].reshape(-1)
        with torch.autocast("cuda", torch.bfloat16):
            if fused is None:
                with torch.no_grad():
                    theirs = teacher(input_ids=ids, use_cache=False).logits[:, :-1].flatten(0, 1)
                mine = student(input_ids=ids, use_cache=False).logits[:, :-1].flatten(0, 1).float()
                loss = F.cross_entropy(mine, labels)
                log_q, log_p = F.log_softmax(mine, -1), F.log_softmax(theirs.float(), -1)
                loss = loss + F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
                del mine, theirs, log_q, log_p
            else:
                with torch.no_grad():
                    theirs = teacher.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)
                mine = student.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)
                head, other = student.lm_head.weight.bfloat16(), teacher.lm_head.weight
                loss = fused(mine.bfloat16(), head, theirs, other, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return {"seconds": statistics.median(times[WARM:]), "tokens": windows * (LENGTH - 1), "split": ""}


VARIANTS: dict[str, Any] = {
    "ours": partial(ours, changes={}),
    "ours, compiled": partial(ours, changes={"compile": True}),
    "ours, checkpointing": partial(ours, changes={"gradient_checkpointing": True}),
    "plain": partial(loops, liger=False),
    "liger": partial(loops, liger=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="*", metavar="PAIR", help=", ".join(PAIRS))
    parser.add_argument("--variants", default=";".join(VARIANTS), help="with a semicolon between them")
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--one", help="this variant alone, in this process")
    options = parser.parse_args()
    if options.one:
        (name,) = options.pairs
        with tempfile.TemporaryDirectory() as folder:
            got = VARIANTS[options.one](name, Path(folder), options)
        print(json.dumps(got | {"peak": torch.cuda.max_memory_allocated()}))
        return
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    print("| pair | variant | tokens/s | step, ms | MFU | peak, GiB | where the time goes |")
    print("|---|---|---|---|---|---|---|")
    for name in options.pairs or PAIRS:
        _, big, small, vocabulary, _ = PAIRS[name]
        for variant in options.variants.split(";"):
            command = [sys.executable, __file__, name, "--one", variant, "--steps", str(options.steps)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"| {name} | {variant} | {(done.stderr.strip().splitlines() or ['?'])[-1][:150]} |", flush=True)
                continue
            got = json.loads(done.stdout.strip().splitlines()[-1])
            mfu = operations(big, small, vocabulary, got["tokens"]) / got["seconds"] / PEAK
            cells = [f"{got['tokens'] / got['seconds']:,.0f}", f"{1e3 * got['seconds']:.1f}", f"{mfu:.1%}"]
            cells += [f"{got['peak'] / 2**30:.1f}", got["split"]]
            print(f"| {name} | {variant} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
