"""Every number that a distillation reports, and its gradient, are those that the texts say.

## Property
For the same weights, texts and tokenizers: each term's value, the loss, the gradient by every weight of the student and
of the projections, what the optimizer's first step (AdamW: matrices decay, vectors do not) makes of it and how large
that is said to be, what the teacher thinks of the first micro-batch, and every score of held-out texts (the student's
and the teacher's likelihood per token and per byte, divergence, agreement, mapped mass, the terms again) equal those of
a plain computation from the texts. So it is with two tokenizers, with two of one size, with one vocabulary that is cut
in two ways and of which one side has a word for a mark, with one tokenizer that is written in two ways; with and
without begin marks; at temperatures other than 1; with weights other than 1 for every term; with a mark in a text that
one side spells out; with each way to normalise a state, named pairs of blocks, relations of attention and its maps,
negatives of the text and of the micro-batch; with a teacher whose answers were stored, and much of whose mass no token
of the student's can take; with a last batch, and a last micro-batch, that is not full; with heads that have rows to
spare, or cut off, a bias, a scale or a cap, or a layer of their own before them; with a body that is not where its
class says; and so it is where memory that nobody has written to holds NaN. A head that does something else is computed
rightly, or refused.

## Why it must hold
Each part may be right while what it is given is not: a loss of the wrong token, a map of the wrong tokenizer, a
temperature that one of two paths forgets, a batch that is left out. A term that is wrong still falls.

## Tolerance
2e-5 of each number, or of 1e-3 where it is smaller, and of the gradient's norm, tensor by tensor. The code that trains,
in float32, was measured within 1e-5 of all of them (within 1e-6 but for the likelihood of chunks that are nearly
certain). The change of a weight is only judged where the sign of its gradient is above float noise: where it is more
than 1e-4 of the largest of its tensor.

A stored teacher's answers are rounded: 1e-3 there, measured 1e-4.

## What breaks it
Tokens matched by id, or tokenizers taken for one because their sizes agree; the temperature on one side only; labels
that are the tokens read; a term scaled out of sight; bytes counted twice; a clamped likelihood; an agreement, or a
mapped mass, that is always 1; held-out texts that are not scored; norms that decay; an update measured against itself;
a buffer of which a part is never written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from typing import Any

import torch
from torch import Tensor, nn

from sad import tiny
from sad.case import Verdict
from sad.errors import UserError
from sad.invariants._spellings import cut_otherwise, with_reserved, written_otherwise
from sad.models.forward import block_list
from sad.subjects.objective import (
    ALM,
    ATTENTION,
    BATCH,
    CONTRASTIVE,
    COSINE,
    KD,
    LAYERNORM,
    LAYERWISE,
    LM,
    MAPS,
    RELATIONS,
    RELATIVE,
    TEXT,
    Account,
    Learner,
    Task,
)
from sad.subjects.plain_objective import PlainObjective
from sad.subjects.unwritten import unwritten_is_nan

ID = "I07"

TOLERANCE, ROUNDED = 2e-5, 1e-3
WEIGHTS = {KD: 0.7, LM: 1.3, ALM: 0.5, LAYERWISE: 0.4, ATTENTION: 0.3, CONTRASTIVE: 0.2}
SPARE = 5
"""Rows of a head beyond its tokenizer's last id."""
SHARP, BLOCKS = 20.0, 4.0
LEAST = 1e-6
"""Of the whole gradient's norm: a tensor with less is not judged by itself."""
SMALL = 1e-3
"""A number below it is judged as one of its size: a teacher that is sure has an entropy of float noise."""
SIGN = 1e-4
"""Of the largest gradient of its tensor: a weight with less may move either way."""
RATE, DECAY = 0.05, 0.5
"""Large, so that what the step adds is not lost in the rounding of the weights."""

TEXTS = (
    "The whale had been seen again, north of the lighthouse.",
    "“How far?” asked the captain; nobody answered.",
    "Früh, перед 夜明け 🐋",
    "At noon.<|pad|>Later",
    "It was a long way home, and longer in the telling.",
)
HELD_OUT = (
    "They rowed.",
    "Unbelievable news! 1,024 boats",
    "The sea was calm and the sky was grey, news! 1,024 boats.",
)
"""Rising in length with every tokenizer: an evaluation may take short texts first."""
OTHER = "for north rowed answer the lookout it way would water longer hours wind tide slowly against captain dawn " * 2
"""A text to make another tokenizer of."""
RESERVED = 80
"""Marks that only the teacher's tokenizer has, as many a family reserves them: their mass goes to no token."""
WORD = "Ġfor"
"""A token that no text has, and that the teacher may say."""


def objective_matches_the_texts(learner: Learner) -> Verdict:
    """Judge what is computed of three tasks."""
    faults: list[str] = []
    worst, numbers = 0.0, 0
    for name, task in _tasks():
        try:
            with unwritten_is_nan():
                got = learner(task)
        except UserError:
            if name != ODD:
                raise
            break
        if sorted(n for batch in got.batches for n in batch) != list(range(len(task.texts))):
            return Verdict(False, f"{name}: the step's texts are {[list(b) for b in got.batches]}", {"raised": 1})
        right = _right(name, task, got)
        for off, says in compared(got, right):
            numbers += 1
            if not off <= (ROUNDED if task.stored else TOLERANCE):
                faults.append(f"{name}: {says}")
            else:
                worst = max(worst, off)
        if faults:
            break
    says = f"{numbers} numbers and gradients are what the texts say, within {worst:.0e}"
    if faults:
        says = faults[0] + (f" ({len(faults)} of {numbers} are off)" if len(faults) > 1 else "")
    return Verdict(not faults, says, {"wrong": len(faults), "numbers": numbers, "off": worst})


_RIGHT: dict[tuple[Any, ...], Account] = {}
"""What was computed from the texts already, for the same micro-batches and projections."""


def _right(name: str, task: Task, got: Account) -> Account:
    """What the texts of a task say. Its models are made anew for every learner, and always the same."""
    of = (name, *map(tuple, got.batches), *(tuple(made.flatten().tolist()) for made in got.projections))
    if of not in _RIGHT:
        _RIGHT[of] = PlainObjective().account(task, got.batches, got.projections)
    return _RIGHT[of]


Kind = tuple[str, Mapping[str, Any]]
"""An architecture of transformers, and what its configuration has beyond Llama's: what it does to its logits."""

ODD = "a head that doubles its logits"

LLAMA: Kind = ("Llama", {})


PLAIN: dict[str, Any] = {"attention": RELATIONS, "relation_heads": None, "chunk_temperature": 100.0}
ONE_PAIR = PLAIN | {"attention_blocks": ((0, 0),), "normalisation": LAYERNORM, "negatives": TEXT}


def _tasks() -> Iterator[tuple[str, Task]]:
    yield "two tokenizers", _two_tokenizers()
    yield "two tokenizers of one size", _two_of_one_size()
    yield "one tokenizer", _one_tokenizer()
    yield "one vocabulary, cut in two ways", _one_vocabulary()
    yield "a stored teacher", _stored_teacher()
    odd = _task(tiny.tokenizer(320), tiny.tokenizer(320), ((0, 0),), 2.0, **ONE_PAIR)
    odd.student.register_forward_hook(_doubled)
    yield ODD, odd


def _two_tokenizers() -> Task:
    how = PLAIN | {"attention": MAPS, "attention_blocks": ((0, 1), (1, 3)), "normalisation": LAYERNORM}
    return _task(tiny.tokenizer(320), tiny.pieces(400), ((0, 1), (1, 3)), 2.0, **how, negatives=TEXT)


def _two_of_one_size() -> Task:
    # learned from another text: as many tokens, and other ones
    mine, theirs = (tiny.tokenizer(300, begins=True, text=text) for text in (tiny.TEXT, OTHER))
    assert len(mine) == len(theirs)
    few: dict[str, Any] = {"num_key_value_heads": 1}
    kinds: tuple[Kind, Kind] = (
        ("Granite", {"logits_scaling": 0.5}),
        ("Gemma2", few | {"final_logit_softcapping": 5.0, "head_dim": 8}),
    )
    named = {"attention_blocks": ((0, 2), (1, 1)), "relation_heads": 4, "chunk_temperature": 5.0}
    how = PLAIN | named | {"normalisation": RELATIVE, "negatives": BATCH}
    return _task(mine, theirs, ((1, 0), (0, 3)), 3.0, *kinds, **how)


def _one_tokenizer() -> Task:
    # so sure that it gives some chunks a likelihood of 0
    kinds: tuple[Kind, Kind] = (
        ("Phi", {}),
        ("Cohere", {"logit_scale": 12.0, **dict.fromkeys(("bos_token_id", "eos_token_id"), 0)}),
    )
    same = written_otherwise(tiny.tokenizer(320))
    last = {"attention_blocks": ((2, 5),), "chunk_temperature": 1.0, "normalisation": COSINE, "negatives": TEXT}
    made = _task(tiny.tokenizer(320), same, ((0, 1), (1, 3), (2, 5)), 2.0, *kinds, **(PLAIN | last))
    # the rows to spare have no logits (Inkling)
    made.student.config.unpadded_vocab_size = len(same)  # type: ignore[union-attr]
    made.student.register_forward_hook(_cut)
    return made


def _one_vocabulary() -> Task:
    other = cut_otherwise(tiny.tokenizer(320))
    # after it was made: its own rules do not know of it
    other.sep_token = WORD
    # one projection for queries, keys and values: of fewer keys, and of one head after the other
    marks = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), 0)
    # narrower than any two heads of a relation
    narrow: Kind = ("Phi3", marks | {"num_key_value_heads": 1, "head_dim": 4})
    return _task(tiny.tokenizer(320), other, ((0, 0),), 2.0, narrow, ("GPTNeoX", marks), **ONE_PAIR)


def _stored_teacher() -> Task:
    weights = {name: WEIGHTS[name] for name in (KD, LM, LAYERWISE, CONTRASTIVE)}
    theirs = with_reserved(tiny.tokenizer(400), RESERVED)
    # a dense layer, an activation and a norm stand before the map to the logits
    marks = {f"{name}_token_id": 0 for name in ("bos", "eos", "pad", "cls", "sep")}
    kinds: tuple[Kind, Kind] = (LLAMA, ("ModernBertDecoder", marks))
    how = ONE_PAIR | {"weights": weights, "stored": True}
    made = _task(tiny.tokenizer(320), theirs, ((0, 1), (1, 0)), 2.0, *kinds, **how)
    # the body is not where the class says it is (Llama 4)
    made.student.base_model_prefix = "language_model"  # type: ignore[assignment]
    return made


def _task(
    mine: Sized,
    theirs: Sized,
    blocks: tuple[tuple[int, int], ...],
    temperature: float,
    student: Kind = LLAMA,
    teacher: Kind = LLAMA,
    **options: Any,  # noqa: ANN401 - the rest of a task
) -> Task:
    mine_deep, theirs_deep = (1 + max(pair[side] for pair in blocks) for side in (0, 1))
    models: tuple[Any, Any] = (
        sharpened(student, len(mine), mine_deep, width=16),
        sharpened(teacher, len(theirs), theirs_deep, width=24),
    )
    for model in models if options["attention"] == MAPS else ():
        model.set_attn_implementation("eager")
    options |= {"rate": RATE, "decay": DECAY}
    weights = options.pop("weights", WEIGHTS)
    return Task(*models, mine, theirs, TEXTS, HELD_OUT, weights, temperature, 0.5, blocks, 2, **options)


def _doubled(_model: nn.Module, _inputs: object, out: Any) -> None:  # noqa: ANN401 - transformers' outputs
    out.logits = 2 * out.logits


def _cut(model: nn.Module, _inputs: object, out: Any) -> None:  # noqa: ANN401 - transformers' outputs
    out.logits = out.logits[..., : model.config.unpadded_vocab_size]  # type: ignore[union-attr]


def sharpened(kind: Kind, tokens: int, layers: int, width: int, sharpness: float = SHARP) -> nn.Module:
    """A random model. Sharpened, its blocks too: at its size an untrained one hardly looks back."""
    made = tiny.model(
        tokens + SPARE, layers=layers, width=width, seed=layers, sharpness=sharpness, kind=kind[0], **kind[1]
    )
    with torch.no_grad():
        for matrix in (p for p in block_list(made).parameters() if p.ndim > 1):
            matrix.mul_(BLOCKS)
        if (bias := getattr(made.get_output_embeddings(), "bias", None)) is not None:  # type: ignore[operator]
            bias.copy_(torch.linspace(-1.0, 1.0, len(bias)))
    return made.eval().requires_grad_(False)


def compared(got: Account, right: Account) -> Iterator[tuple[float, str]]:
    """How far each number and each gradient is off, relative, and in words."""
    for where, found, wanted in (("", got.step, right.step), ("held-out ", got.held_out, right.held_out)):
        for name, value in wanted.items():
            yield from _number(f"{where}{name}", found, name, value)
    norm = float(torch.stack([of.norm() for of in right.gradient.values()]).norm())
    for name, of in right.gradient.items():
        off = _apart(got.gradient.get(name), of) / max(float(of.norm()), LEAST * norm)
        yield off, f"the gradient of {name} is off by {off:.2g} of its norm"
    for name, of in right.change.items() if got.change else ():
        clear = right.gradient[name].abs() > SIGN * right.gradient[name].abs().max()
        moved = got.change.get(name)
        off = _apart(None if moved is None else moved * clear, of * clear) / max(float((of * clear).norm()), LEAST)
        yield off, f"the change of {name} is off by {off:.2g} of its norm"


def _number(what: str, found: Mapping[str, float], name: str, value: float) -> Iterator[tuple[float, str]]:
    if name not in found:
        yield float("inf"), f"{what} is missing, from the texts {value:.5g}"
        return
    off = abs(found[name] - value) / max(abs(value), SMALL)
    yield off, f"{what} is {found[name]:.5g}, from the texts {value:.5g}"


def _apart(got: Tensor | None, right: Tensor) -> float:
    if got is None or got.shape != right.shape:
        return float("inf")
    return float((got.double() - right).norm())
