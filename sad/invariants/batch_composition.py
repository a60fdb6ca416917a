"""A text has one loss and one gradient, whatever it is batched with.

## Property
The loss of a batch of texts, and its gradient, are those of its texts alone, added up: as a sum, as a mean over texts
or as a mean over tokens, the same way for every batch. So it is for texts of very different lengths, in any order, for
a model that knows positions by their distance and for one that knows them by number. Whether padding has a mark of its
own or is written with the end mark changes no loss, also where an end mark stands inside a text.

## Why it must hold
Else the objective depends on which texts met in a batch: the same data in another order, or on more devices, trains
another model, and a text is learned in the light of its neighbour, which will not be there when the model is used.

## Tolerance
1e-4 of the largest loss, and of the largest gradient's norm. Right implementations of 13 styles are within 1e-7: the
models are in float64, but normalise in float32. The models are sharpened: a leak through the attention of a random
model is 7e-4, here it is some percent.

## What breaks it
Padding that is attended to, that is a target or is predicted from, that counts in a mean or in any other term, that is
told by its id; positions counted from the padding; packing without a mask of blocks; a label across the boundary of
two texts; states interpolated over positions. One length for all texts hides nearly all of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sad.invariants._models import gpt2, llama
from sad.subjects.text_loss import Marks, Text, TextLoss
from sad.verdict import Verdict

ID = "I05"

TOLERANCE, SMALL = 1e-4, 1e-12
EOS, PAD = 0, 1
TEXTS = (
    # an end mark inside, as between the turns of a conversation
    Text((7, 12, EOS, 30), (9, 41, 22, EOS)),
    Text((), (5, 33, 8, 44, 19, 26, 11, 38, 14, EOS)),
    # longer than the text without a prompt, so that this one is padded too
    Text((21, 6, 40, 13, 29, 35, 18, 3, 42), (25, EOS)),
    Text((10,), (32, EOS)),
)
BATCHES = ((0, 1), (1, 2), (2, 3), (3, 0, 2), (0, 1, 2, 3), (3, 2, 1, 0))
"""Texts that meet, by number."""

Weights = Callable[[Sequence[Text]], list[float]]


@dataclass(frozen=True, slots=True)
class Measured:
    """A loss, and its gradient over every parameter of the model, flat."""

    value: float
    gradient: Tensor


def batch_composition(loss: TextLoss) -> Verdict:
    """Judge every batch on two models, with two padding marks; find out how the implementation adds texts up."""
    off = dict.fromkeys(WAYS, (0.0, ""))
    known: dict[nn.Module, list[Measured]] = {}
    for name, model, marks in _situations():
        alone: list[Measured] = []
        for text in TEXTS:
            if isinstance(one := _measure(loss, model, [text], marks), str):
                return Verdict(False, f"one text alone ({name}): {one}", {"raised": 1})
            if not math.isfinite(one.value) or not float(one.gradient.norm()) > 0:
                norm = float(one.gradient.norm())
                says = f"one text alone has a loss of {one.value:.4g} and a gradient of norm {norm:.4g} ({name})"
                return Verdict(False, says, {"loss": one.value})
            alone.append(one)
        if fault := _by_mark(known.setdefault(model, alone), alone):
            return Verdict(False, fault, {"off": math.inf})
        for batch in BATCHES:
            got = _measure(loss, model, [TEXTS[i] for i in batch], marks)
            if isinstance(got, str):
                return Verdict(False, f"{len(batch)} texts ({name}): {got}", {"raised": 1})
            for way in WAYS:
                error, says = _off(got, way, batch, alone)
                off[way] = max(off[way], (error, f"{says} ({name}, {way})"))
            way, (worst, says) = min(off.items(), key=lambda item: item[1][0])
            if worst > TOLERANCE:
                return Verdict(False, says, {"off": worst})
    return Verdict(True, f"every batch is the {way} of its texts alone, within {worst:.1g}", {"off": worst})


def _by_mark(first: Sequence[Measured], second: Sequence[Measured]) -> str:
    """Whether a text alone has another loss with another padding mark, in words."""
    for text, one, other in zip(TEXTS, first, second, strict=True):
        if not abs(one.value - other.value) <= TOLERANCE * abs(one.value):
            ends = text.ids.count(EOS)
            says = f"a text with {ends} end mark{'s' * (ends > 1)} has a loss of {one.value:.4g}"
            return f"{says}, and of {other.value:.4g} where the end mark is the padding mark"
    return ""


def _off(got: Measured, way: str, batch: Sequence[int], alone: Sequence[Measured]) -> tuple[float, str]:
    """How far a batch is from its texts alone, added up in one way, relative to the largest of them; and in words."""
    weights = WAYS[way]([TEXTS[i] for i in batch])
    value = sum(w * alone[i].value for w, i in zip(weights, batch, strict=True))
    gradient = torch.stack([w * alone[i].gradient for w, i in zip(weights, batch, strict=True)]).sum(0)
    error = abs(got.value - value) / max(SMALL, *(abs(one.value) for one in alone))
    turned = float((got.gradient - gradient).norm() / max(float(one.gradient.norm()) for one in alone))
    lengths = " and ".join(str(len(TEXTS[i].ids)) for i in batch)
    says = f"texts of {lengths} tokens have a loss of {got.value:.4g} together, {value:.4g} alone"
    if error <= TOLERANCE:
        says += f", and a gradient off by {turned:.2g} of its norm"
    # a NaN is no smaller than anything: it is as far off as can be
    return (max(error, turned) if error == error and turned == turned else math.inf), says


def _situations() -> Iterator[tuple[str, nn.Module, Marks]]:
    yield "Llama", llama(), Marks(EOS, PAD)
    yield "Llama, padded with the end mark", llama(), Marks(EOS, EOS)
    yield "GPT-2", gpt2(), Marks(EOS, PAD)


def _measure(loss: TextLoss, model: nn.Module, texts: Sequence[Text], marks: Marks) -> Measured | str:
    """The loss and its gradient, or what went wrong, in words."""
    model.zero_grad(set_to_none=True)
    try:
        value: object = loss(model, texts, marks)
        if not isinstance(value, Tensor):
            return f"the loss is {value}"
        value.backward()  # type: ignore[no-untyped-call]
    except Exception as error:
        # whatever it raises is what the user would see
        return (str(error) or type(error).__name__).splitlines()[0]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in model.parameters()]
    model.zero_grad(set_to_none=True)
    return Measured(float(value.detach()), torch.cat([g.flatten() for g in gradients]))


def _mean(counts: Callable[[Text], int]) -> Weights:
    def weights(texts: Sequence[Text]) -> list[float]:
        whole = sum(counts(text) for text in texts)
        return [counts(text) / whole for text in texts]

    return weights


WAYS: dict[str, Weights] = {
    "mean over targets": _mean(lambda text: len(text.ids) - text.first),
    "mean over all tokens but the first": _mean(lambda text: len(text.ids) - 1),
    "mean over all tokens": _mean(lambda text: len(text.ids)),
    "mean over texts": _mean(lambda _: 1),
    "sum": lambda texts: [1.0] * len(texts),
}
"""How the losses of texts may be added up."""
