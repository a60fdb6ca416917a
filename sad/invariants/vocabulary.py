"""Two models are compared on tokens that mean the same in both, and on nothing else.

## Property
With one tokenizer for both models: the loss, and its gradient, are the same whatever rows a head has beyond the
tokenizer's last id, on either side or on both, and whatever those rows hold: zeros, large logits, -infinity. They get
no gradient. Equal models have a loss of 0 and no gradient, also with heads of different sizes. Where an implementation
claims to compare tokenizers that differ, the same holds after the teacher's ids were permuted, and with a teacher whose
tokenizer has a few tokens more, which it does not use, one of them a begin mark where the student's tokenizer has none:
tokens are matched by what they stand for. So it is, where that
is claimed too, however the teacher's tokenizer spells them: with a mark for a space, that its normaliser or its decoder
knows, with marks for pieces inside words or for ends of words, byte by byte, or as tokens that were added.

## Why it must hold
Models of one family have one tokenizer and heads of different sizes (Qwen: 151,936 and 152,064 rows for 151,665
tokens): rows that were never trained, or only pushed down. Compared, they take mass from tokens, differently in each
model. And ids that agree in number need not agree in meaning.

## Tolerance
1e-4 of the loss and of the gradient's norm, 1e-5 for zero. Right implementations in float64 are within 1e-17, the code
that trains, in float32, within 1e-7.

## What breaks it
A cut to the smaller head, which may still have padding rows; the smaller head filled up with zeros or -infinity; a
fixed number of rows; no cut at all, which crashes; ids matched by number, or sizes taken for identity.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from sad import tiny
from sad.invariants._spellings import spellings
from sad.subjects.vocabulary import Heads, VocabularyLoss
from sad.verdict import Verdict

ID = "I12"

TOLERANCE, ZERO = 1e-4, 1e-5
PLACES = 6
SIZES = ((0, 0), (0, 64), (64, 0), (16, 16), (8, 72), (72, 8))
"""Rows beyond the tokenizer's last id, of the student's and of the teacher's head."""
FILLS = {"large logits": (40.0, 30.0), "zeros": (0.0, 0.0), "-infinity": (-torch.inf, -torch.inf)}
SCALE = 3.0
IMPOSSIBLE = -60.0
BEGIN = "<|begin|>"

Head = Callable[[Tensor], Tensor]
"""Makes a head of logits over tokens."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A loss and the gradient of the student's logits, with a row for each of its head's rows."""

    value: float
    gradient: Tensor


def vocabulary(implementation: VocabularyLoss) -> Verdict:
    """Judge heads of six pairs of sizes, with three fillings, for two models that differ and for two that are equal."""
    try:
        return _judge(implementation)
    except Exception as error:
        # whatever it raises is what the user would see
        return Verdict(False, (str(error) or type(error).__name__).splitlines()[0], {"raised": 1})


def _judge(implementation: VocabularyLoss) -> Verdict:
    same = tiny.tokenizer(300)
    size, rights = len(same), dict[frozenset[int], tuple[Tensor, Tensor, Measured]]()
    worst = 0.0
    for name, rows, theirs, (own, tokenizer), known in _situations(implementation.across, implementation.spelled):
        if known not in rights:
            student, teacher = _logits(known)
            rights[known] = student, teacher, _measure(implementation, student, teacher, same, same)
        student, teacher, right = rights[known]
        if not right.value > 0 or not float(right.gradient.norm()) > 0:
            return Verdict(False, f"two models that differ have a loss of {right.value:.3g}", {"loss": right.value})
        equal = Measured(0.0, torch.zeros_like(right.gradient))
        for mine, asked, wanted in ((student, teacher, right), (teacher, teacher, equal)):
            got = _measure(implementation, rows(mine), theirs(asked), own, tokenizer)
            scale = max(right.value, float(right.gradient.norm()))
            off = abs(got.value - wanted.value) / scale
            turned = float((got.gradient[:, :size] - wanted.gradient).norm()) / scale
            beyond = float(got.gradient[:, size:].norm()) / scale
            allowed = TOLERANCE if wanted is right else ZERO
            # a NaN is no smaller than anything
            if not all(error <= allowed for error in (off, turned, beyond)):
                what = "two models" if wanted is right else "equal models"
                says = f"{what} have a loss of {got.value:.4g}, right {wanted.value:.4g}"
                if off <= TOLERANCE:
                    says = f"the gradient is off by {max(turned, beyond):.2g} of its norm for {what}"
                return Verdict(False, f"{says} ({name})", {"loss": got.value, "right": wanted.value})
            worst = max(worst, off, turned, beyond)
    heads = f"heads of {size} to {size + max(more for pair in SIZES for more in pair)} rows"
    also = ", ids permuted" if implementation.across else ""
    right = next(iter(rights.values()))[2]
    return Verdict(True, f"{right.value:.4g} with {heads}{also}; equal models 0, within {worst:.1g}", {"off": worst})


def _situations(across: bool, spelled: bool) -> Iterator[tuple[str, Head, Head, tuple[Any, Any], frozenset[int]]]:
    """A name, what makes the student's and the teacher's head of logits over tokens, both tokenizers, and the tokens
    that the teacher's knows.
    """
    same = tiny.tokenizer(300)
    size = len(same)
    # neither model ever gives a padding mark, which has no meaning to carry over
    every = frozenset(range(size)) - {same.pad_token_id}
    for more, theirs in SIZES:
        for filling, (fill, other) in FILLS.items():
            name = f"heads of {size + more} and {size + theirs} rows, {filling} beyond {size}"
            yield name, _filled(more, fill), _filled(theirs, other), (same, same), every
    if across:
        longer = _longer()
        shorter = _without_begin_mark()
        for more, theirs in SIZES:
            name = f"three tokens more in the teacher's tokenizer, heads of {size + more} and {size + 3 + theirs} rows"
            yield (
                name,
                _filled(more, 40.0),
                _after(_filled(3, IMPOSSIBLE), _filled(theirs, 30.0)),
                (shorter, longer),
                every,
            )
        other, order = permuted()
        for more, theirs in SIZES:
            name = f"ids permuted, heads of {size + more} and {size + theirs} rows"
            yield (
                name,
                _filled(more, 40.0),
                _after(lambda logits: logits[:, order], _filled(theirs, 30.0)),
                (same, other),
                every,
            )

    for name, tokenizer, of in spellings(same) if spelled else ():
        yield f"spelled otherwise: {name}", _filled(0, 0.0), _spelled(of), (same, tokenizer), frozenset(of[2:])


def _filled(more: int, value: float) -> Head:
    def head(logits: Tensor) -> Tensor:
        return torch.cat([logits, logits.new_full((len(logits), more), value)], dim=1)

    return head


def _spelled(of: list[int]) -> Head:
    """A head for tokens of which each stands for another's; the first two stand for nothing."""

    def head(logits: Tensor) -> Tensor:
        return torch.cat([logits.new_full((len(logits), 2), IMPOSSIBLE), logits[:, of[2:]]], dim=1)

    return head


def _after(first: Head, second: Head) -> Head:
    return lambda logits: second(first(logits))


def _measure(
    implementation: VocabularyLoss,
    student: Tensor,
    teacher: Tensor,
    student_tokenizer: Any,  # noqa: ANN401 - transformers' tokenizers have no common type
    teacher_tokenizer: Any,  # noqa: ANN401
) -> Measured:
    mine = student.clone().requires_grad_()
    value = implementation.loss(Heads(mine, teacher.clone(), student_tokenizer, teacher_tokenizer))
    if value.requires_grad:
        value.backward()  # type: ignore[no-untyped-call]
    gradient = torch.zeros_like(mine) if mine.grad is None else mine.grad
    return Measured(float(value.detach()), gradient)


def _logits(known: frozenset[int]) -> tuple[Tensor, Tensor]:
    """Logits of two models over the tokens; neither ever gives one that is not known."""
    made = tiny.tokenizer(300)
    noise = torch.Generator().manual_seed(0)
    student, teacher = SCALE * torch.randn(2, PLACES, len(made), generator=noise, dtype=torch.float64)
    for logits in (student, teacher):
        logits[:, [i for i in range(len(made)) if i not in known]] = IMPOSSIBLE
    return student, teacher


@cache
def _longer() -> Any:  # noqa: ANN401 - transformers' tokenizers have no common type
    """The same tokenizer with three more special tokens at its end, as the next release of a family has them; one is
    its begin mark.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    made = tiny.tokenizer(300)
    longer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(made.backend_tokenizer.to_str()), **_marks(made)
    )
    longer.add_special_tokens({"additional_special_tokens": [BEGIN, "<|call|>", "<|image|>"], "bos_token": BEGIN})
    return longer


@cache
def _without_begin_mark() -> Any:  # noqa: ANN401
    """The same tokenizer, whose end mark is no begin mark as well."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    made = tiny.tokenizer(300)
    marks = {name: mark for name, mark in _marks(made).items() if name != "bos_token"}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(made.backend_tokenizer.to_str()), **marks)


def _marks(made: Any) -> dict[str, str]:  # noqa: ANN401
    return {name: getattr(made, name) for name in ("eos_token", "bos_token", "pad_token")}


@cache
def permuted() -> tuple[Any, Tensor]:
    """The same tokenizer with its ids in another order, and which old id each new one was."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    made = tiny.tokenizer(300)
    order = torch.randperm(len(made), generator=torch.Generator().manual_seed(1))
    new = {int(old): place for place, old in enumerate(order)}
    state = json.loads(made.backend_tokenizer.to_str())
    state["model"]["vocab"] = {token: new[i] for token, i in state["model"]["vocab"].items()}
    for added in state["added_tokens"]:
        added["id"] = new[added["id"]]
    state["added_tokens"].sort(key=lambda added: added["id"])
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(state)), **_marks(made)), order
