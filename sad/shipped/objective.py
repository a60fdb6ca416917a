"""The loop that trains as a learner: one step of it, its record, and the gradient that its optimizer is handed."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from sad import data, tiny
from sad.align.layers import layer_pairs
from sad.align.reader import Reader
from sad.align.vocab import VocabMap
from sad.cache.part import HELD_OUT, TRAIN
from sad.cache.reader import Cache, open_cache
from sad.cache.writer import Source, Written, plan_parts, write
from sad.distiller import Distiller
from sad.forward import text_config
from sad.head.linear import check_head
from sad.pair import Pair
from sad.subjects.objective import (
    AGREEMENT,
    ALM,
    ATTENTION,
    BITS,
    CONTRASTIVE,
    COVERAGE,
    KD,
    KL,
    LAYERWISE,
    LM_LOSS,
    LOSS,
    MAPPED,
    RAW,
    TEACHER,
    UPDATE,
    Account,
    Learner,
    Task,
    projection,
)
from sad.train.plan import Plan
from sad_doctor import names

LONG = 256
"""Tokens of a window: more than any text has."""
BITS_STORED, SHARD = 18, 40
"""Bits of a log-probability, and rows of a file: of a few texts."""

SCORES = {
    LM_LOSS: names.EVAL_LM_LOSS,
    BITS: names.EVAL_BITS_PER_BYTE,
    KL: names.EVAL_KL,
    AGREEMENT: names.EVAL_AGREEMENT,
    MAPPED: names.EVAL_MAPPED,
    LOSS: names.EVAL_LOSS,
    TEACHER + LM_LOSS: names.TEACHER_EVAL_LM_LOSS,
    TEACHER + BITS: names.TEACHER_EVAL_BITS_PER_BYTE,
}


def shipped_objective() -> Learner:
    """The loop that trains."""
    return _learn


def _learn(task: Task) -> Account:
    plan = _plan(task)
    gradient, before, live = dict[str, Tensor](), dict[str, Tensor](), dict[str, Tensor]()
    with _answers(plan, task) as cache, _handed(plan.pair.student, gradient, before, live):
        record = tiny.train(replace(plan, cache=cache)).record
    held_out: dict[str, Any] = {}
    for line in record:
        # of the weights from before the step
        held_out |= line if line["step"] == 0 else {}
    step = next(line for line in record if line["step"] == 1 and names.LOSS in line)
    scores = {name: held_out[key] for name, key in SCORES.items() if key in held_out}
    return Account(
        [batch.tolist() for batch in plan.schedule().micro_batches(0)],
        [before[projection(k)] for k in range(len(task.blocks))],
        {
            LOSS: step[names.LOSS],
            UPDATE: step[names.UPDATE_RATIO],
            COVERAGE: step[names.COVERAGE],
            **_raw(step, names.RAW),
        },
        scores | _raw(held_out, names.EVAL_RAW),
        gradient,
        {name: of.detach() - before[name] for name, of in live.items()},
    )


def _raw(line: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {RAW + name.removeprefix(prefix): value for name, value in line.items() if name.startswith(prefix)}


def _plan(task: Task) -> Plan:
    readers = data.Readers(Reader(task.student_tokenizer), Reader(task.teacher_tokenizer))
    options: dict[str, dict[str, Any]] = {
        KD: {"temperature": task.temperature},
        ALM: {"temperature": task.chunk_temperature},
        LAYERWISE: {"layers": _layers(task, task.blocks), "normalisation": task.normalisation},
        ATTENTION: {
            "layers": _layers(task, task.attention_blocks),
            "compare": task.attention,
            "heads": task.relation_heads,
        },
        CONTRASTIVE: {"temperature": task.sharpness, "negatives": task.negatives},
    }
    terms = {name: {"weight": weight, **options.get(name, {})} for name, weight in task.weights.items()}
    chosen = tiny.recipe(
        {
            "train": {
                "batch_size": task.micro_batch,
                "accumulation": -(-len(task.texts) // task.micro_batch),
                "max_steps": 1,
                "eval_every": 1,
                "clip": 1e9,
                "learning_rate": task.rate,
                "weight_decay": task.decay,
                "projector_learning_rate": task.projection_rate,
            },
            "data": {"max_length": LONG, "eval_windows": len(task.held_out)},
            "terms": terms,
        }
    )
    student, teacher = (copy.deepcopy(model) for model in (task.student, task.teacher))
    for model in (student, teacher):
        check_head(model, "the model")
    pair = Pair(student.requires_grad_(True), teacher, readers, VocabMap(readers.student, readers.teacher))
    train = data.examples(task.texts, readers, LONG)
    # no more than are wanted, as in an evaluation of a long text
    held_out = data.examples([*task.held_out, *task.texts], readers, LONG, limit=len(task.held_out))
    assert len(train) == len(task.texts), "a text is one window"
    return Plan(chosen, pair, train, held_out, 1, "fp32", "cpu")


@contextmanager
def _answers(plan: Plan, task: Task) -> Iterator[Cache | None]:
    """What the teacher answers, written and opened anew, where it is to be stored."""
    if not task.stored:
        yield None
        return
    pair, examples = plan.pair, {TRAIN: plan.train, HELD_OUT: plan.held_out}
    size, width = pair.vocab.student_size, text_config(pair.teacher).hidden_size
    blocks = sorted(plan.layers)
    parts = plan_parts(
        *(examples, size, task.temperature),
        **{"k": size, "bits": BITS_STORED, "blocks": blocks, "width": width, "shard_rows": SHARD},
    )
    # a student of its own: the pair's is about to be trained
    source = Source(
        Distiller(copy.deepcopy(pair.student), pair.teacher, pair.vocab, plan.recipe.terms),
        pair.readers,
        examples,
        plan.recipe.train.batch_size,
    )
    with TemporaryDirectory() as made:
        write(Path(made) / "cache", {}, parts, source, Written(0))
        yield open_cache(str(Path(made) / "cache"))


def _layers(task: Task, blocks: tuple[tuple[int, int], ...]) -> int | list[list[int]]:
    """How the recipe is asked for these pairs: by their number, where it then finds them itself."""
    mine, theirs = (text_config(model).num_hidden_layers for model in (task.student, task.teacher))
    return len(blocks) if layer_pairs(mine, theirs, len(blocks)) == blocks else [list(pair) for pair in blocks]


@contextmanager
def _handed(
    student: nn.Module, gradient: dict[str, Tensor], before: dict[str, Tensor], live: dict[str, Tensor]
) -> Iterator[None]:
    """Note what the optimizer is handed at its first step, for the student and for whatever else it trains."""
    own = {id(parameter) for parameter in student.parameters()}

    def note(optimizer: torch.optim.Optimizer, *_: object) -> None:
        if live:
            return
        every = [p for group in optimizer.param_groups for p in group["params"]]
        live.update(student.named_parameters())
        live.update({projection(k): p for k, p in enumerate(p for p in every if id(p) not in own)})
        for name, of in live.items():
            before[name] = of.detach().clone()
            gradient[name] = torch.zeros_like(of) if of.grad is None else of.grad.detach().clone()

    hook = register_optimizer_step_pre_hook(note)
    try:
        yield
    finally:
        hook.remove()
