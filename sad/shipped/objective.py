"""The loop that trains as a learner: one step of it, its record, and the gradient that its optimizer is handed."""

from __future__ import annotations

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
from sad.batch import Sum
from sad.cache.part import HELD_OUT, TRAIN
from sad.cache.reader import Cache, open_cache
from sad.cache.writer import Source, Written, plan_parts, write
from sad.distiller import Distiller
from sad.head.linear import check_head
from sad.models.forward import text_config
from sad.pair import Pair
from sad.shipped.following import check_following
from sad.shipped.preparation import streamed
from sad.subjects.following import Following
from sad.subjects.objective import (
    AGREEMENT,
    ALM,
    ATTENTION,
    BATCH,
    BITS,
    CONTRASTIVE,
    COVERAGE,
    ENTROPY,
    KD,
    KL,
    LABELS,
    LAYERWISE,
    LENGTH,
    LM_LOSS,
    LOSS,
    MAPPED,
    RAW,
    TEACHER,
    TOKENS,
    UPDATE,
    WEIGHT,
    Account,
    Learner,
    Task,
    projection,
)
from sad.terms import TERMS, View
from sad.train.plan import Plan
from sad.train.saving import checkpoint
from sad_doctor import names

LONG = 256
"""Tokens of a window: more than any text has."""
BITS_STORED, SHARD = 18, 40
"""Bits of a log-probability, and rows of a file: of a few texts."""

OWN = "own"
"""What the contrastive term is called where it is a user's own: with negatives of the batch."""

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
SIGNALS = {TEACHER + LABELS: names.TEACHER_LOSS, TEACHER + ENTROPY: names.TEACHER_ENTROPY}


def shipped_objective() -> Learner:
    """The loop that trains. Raises AssertionError where what follows the student is moved by what is no number."""
    check_following()
    return _learn


def _learn(task: Task) -> Account:
    if task.following is not None and task.following.stopped is not None:
        return _taken_up(task, task.following.stopped)
    plan = _plan(task)
    if not task.stored:
        return _account(task, plan)
    # a teacher that is asked beforehand may be asked about a stream: all that the steps take is read before
    with streamed(task.texts, plan.pair.readers, LONG) as read:
        return _account(task, replace(plan, train=read).whole())


def _taken_up(task: Task, stopped: int) -> Account:
    """The account of a run that was stopped after so many steps."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        _account(task, _plan(task), folder)
        checkpoint.drop_after(folder, stopped)
        return _account(task, _plan(task), folder, resume=True)


def _account(task: Task, plan: Plan, folder: Path | None = None, *, resume: bool = False) -> Account:
    gradient, before, live = dict[str, Tensor](), dict[str, Tensor](), dict[str, Tensor]()
    with _answers(plan, task) as cache, _handed(plan.pair.student, gradient, before, live):
        record = tiny.train(replace(plan, cache=cache), folder, resume=resume).record
    held_out: dict[str, Any] = {}
    for line in record:
        # of the weights from before the step
        held_out |= line if line["step"] == 0 else {}
    steps = [plan.schedule().micro_batches(number) for number in range(plan.steps)]
    *earlier, batches = [[batch.tolist() for batch in step] for step in steps]
    step = next(line for line in record if line["step"] == plan.steps and names.LOSS in line)
    weights = {} if task.following is None else _named(step, names.WEIGHT, WEIGHT)
    scores = {name: held_out[key] for name, key in SCORES.items() if key in held_out}
    return Account(
        batches,
        [before[projection(k)] for k in range(len(task.blocks))],
        {
            LOSS: step[names.LOSS],
            UPDATE: step[names.UPDATE_RATIO],
            COVERAGE: step[names.COVERAGE],
            LENGTH: step[names.LENGTH],
            TOKENS: step[names.TOKENS],
            **{name: step[key] for name, key in SIGNALS.items() if key in step},
            **_named(step, names.RAW, RAW),
            **weights,
        },
        scores | _named(held_out, names.EVAL_RAW, RAW),
        gradient,
        {name: of.detach() - before[name] for name, of in live.items()},
        earlier,
    )


def _named(line: Mapping[str, float], prefix: str, beginning: str) -> dict[str, float]:
    told = {name.removeprefix(prefix): value for name, value in line.items() if name.startswith(prefix)}
    return {beginning + (CONTRASTIVE if name == OWN else name): value for name, value in told.items()}


class LeftOut:
    """A user's own term that must not be asked: its weight is 0."""

    def __call__(self, _: View) -> Sum:
        """Raise AssertionError."""
        raise AssertionError("a term without a weight is asked")


class Own:
    """The contrastive term as a user's own."""

    states = True

    def __call__(self, view: View) -> Sum:
        """Compute it."""
        return TERMS[CONTRASTIVE](view)


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
    if task.negatives == BATCH:
        terms["custom"] = {
            OWN: {"term": f"{__name__}:{Own.__name__}", "weight": task.weights[CONTRASTIVE]},
            "left_out": {"term": f"{__name__}:{LeftOut.__name__}", "weight": 0.0},
        }
        terms[CONTRASTIVE]["weight"] = 0.0
    follows = task.following
    steps = 1 if follows is None else follows.steps
    chosen = tiny.recipe(
        {
            "train": {
                "batch_size": task.micro_batch,
                "accumulation": -(-len(task.texts) // task.micro_batch) if follows is None else 2,
                "max_steps": steps,
                "eval_every": steps,
                "save_every": steps if follows is None else follows.stopped or steps,
                "keep_checkpoints": steps,
                "clip": 1e9,
                "learning_rate": task.rate,
                "weight_decay": task.decay,
                "projector_learning_rate": task.projection_rate,
            },
            "data": {"max_length": LONG, "eval_windows": len(task.held_out)},
            "terms": terms,
            **({} if follows is None else _aware(follows)),
        }
    )
    student, teacher = (tiny.copied(model) for model in (task.student, task.teacher))
    for model in (student, teacher):
        check_head(model, "the model")
    pair = Pair(student.requires_grad_(True), teacher, readers, VocabMap(readers.student, readers.teacher))
    train = data.examples(task.texts, readers, LONG)
    # no more than are wanted, as in an evaluation of a long text
    held_out = data.examples([*task.held_out, *task.texts], readers, LONG, limit=len(task.held_out))
    assert len(train) == len(task.texts), "a text is one window"
    return Plan(chosen, pair, train, held_out, steps, "fp32", "cpu")


def _aware(of: Following) -> dict[str, Any]:
    """The part of a recipe that says what follows the student."""
    shares = {} if of.shares is None else {"shares": dict(of.shares)}
    how = {"of": "value" if of.shares is None else "gradient", "every": of.every}
    time = {"terms": [*of.waiting], "begin": of.begin, "end": of.end}
    tokens = {"power": of.power, "most": of.most}
    return shares | {"aware": {"tokens": tokens, "layers": {"learned": of.learned}, "time": time, "shares": how}}


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
        Distiller(tiny.copied(pair.student), pair.teacher, pair.vocab, plan.recipe.terms),
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
    """Note what the optimizer is handed at its last step, for the student and for whatever else it trains."""
    own = {id(parameter) for parameter in student.parameters()}

    def note(optimizer: torch.optim.Optimizer, *_: object) -> None:
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
