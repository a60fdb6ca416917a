"""A teacher that was stored teaches what it would have said live.

## Property
What the teacher says on some texts is stored, and read back by batches in another order. With all tokens stored, value
and gradient of the divergence are those of the live teacher. With a few tokens, they are those of a divergence between
these tokens and one bucket of all others, with the whole mass of both models in it: never above the live one. So it
is with texts of unlike lengths, one of which has no place, in batches of one and of several, at temperatures 1 and 2,
with one tokenizer, with a teacher whose ids are in another order, and with one that has marks of its own: of what it
says only the mass of tokens that the student has counts, and a place where it has none counts for nothing.

## Why it must hold
A student learns from any distribution it is given, and the loss falls: that it belongs to another place, to another
temperature, to other tokens, or lacks the mass of all that was not stored, shows in no log.

## Tolerance
2e-5 of the value and of the gradient's norm. The code that trains, with float32 on disk, is within 1e-6.

## What breaks it
Rows of the next or the last place; offsets of another order; ids of the teacher's vocabulary; another temperature than
that of the student; a list that is made to sum to 1, or summed without the rest; a teacher that says nothing, taken for
one that says nothing anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from sad import tiny
from sad.invariants._spellings import with_reserved
from sad.invariants.vocabulary import permuted
from sad.subjects.offline import Offline, OfflineLoss
from sad.verdict import Verdict

ID = "I07"

TOLERANCE = 2e-5
LENGTHS = (3, 5, 1, 4, 0)
"""Places of a text: the last one has none, as one whose only places ask for a mark that the teacher spells out."""
BATCHES = {
    "in order, one by one": ((0,), (1,), (2,), (3,), (4,)),
    "in another order, two by two": ((2, 1), (4,), (3, 0)),
}
TOP = 4
SCALE, IMPOSSIBLE, NEVER = 3.0, -60.0, -1e4
MARKS, SILENT = 6, 3
"""Marks of a teacher's own, and the text at whose first place it says nothing else."""


def stored_as_live(loss: OfflineLoss) -> Verdict:
    """Judge all tokens and a few, at two temperatures, in two orders, with two tokenizers."""
    worst, live, few = 0.0, 0.0, 0.0
    for name, given, mine in _situations():
        value, slope = _right(given, mine)
        try:
            got, turned = _measured(loss, given)
        except Exception as error:
            # whatever it raises is what the user would see
            told = (str(error) or type(error).__name__).splitlines()[0]
            return Verdict(False, f"{name}: it raises {told}", {"raised": 1})
        off, astray = abs(got - value) / value, float((turned - slope).norm() / slope.norm())
        # a NaN is no smaller than anything
        if not off <= TOLERANCE:
            return Verdict(False, f"{name}: {got:.4f} nats, right {value:.4f}", {"value": got, "right": value})
        if not astray <= TOLERANCE:
            return Verdict(False, f"{name}: the gradient is off by {astray:.2g} of its norm", {"off": astray})
        worst = max(worst, off, astray)
        live, few = (value, few) if given.k is None else (live, value)
    says = f"{live:.4g} nats as live, {few:.4g} over {TOP} tokens and the rest, within {worst:.1g}"
    return Verdict(True, says, {"off": worst})


def _situations() -> Iterator[tuple[str, Offline, tuple[Tensor, ...]]]:
    """A name, a call, and the teacher's logits in the order of the student's ids."""
    made = tiny.tokenizer(300)
    other, order = permuted()
    noise = torch.Generator().manual_seed(0)
    student, teacher = (
        tuple(SCALE * torch.randn(n, len(made), generator=noise, dtype=torch.float64) for n in LENGTHS)
        for _ in range(2)
    )
    for logits in (*student, *teacher):
        # a padding mark has no meaning to carry over
        logits[:, made.pad_token_id] = IMPOSSIBLE
    said = tuple(torch.cat([t, SCALE * torch.randn(len(t), MARKS, generator=noise)], dim=1) for t in teacher)
    said[SILENT][0, : len(made)] = NEVER
    silent = tuple(t.clone() for t in teacher)
    silent[SILENT][0] = -torch.inf
    heads = (
        ("one tokenizer", made, teacher, teacher),
        ("ids in another order", other, tuple(t[:, order] for t in teacher), teacher),
        ("marks of the teacher's own", with_reserved(made, MARKS), said, silent),
    )
    ways = [(k, heat, which) for k in (None, TOP) for heat in (1.0, 2.0) for which in BATCHES]
    for some in (heads[:2], heads[2:]):
        for (k, temperature, which), (whose, tokenizer, told, right) in product(ways, some):
            kept = "all tokens" if k is None else f"{k} tokens and the rest"
            name = f"{kept}, {whose}, at T = {temperature:g}, {which}"
            yield name, Offline(told, student, made, tokenizer, BATCHES[which], temperature, k), right


def _right(given: Offline, teacher: tuple[Tensor, ...]) -> tuple[float, Tensor]:
    """The value by its formula in float64, and its gradient times the temperature squared, text by text."""
    leaves = [logits.clone().requires_grad_() for logits in given.student]
    pairs = zip(leaves, teacher, strict=True)
    total = torch.stack([_kl(s / given.temperature, t / given.temperature, given.k) for s, t in pairs]).sum()
    slopes = torch.autograd.grad(total, leaves)
    return float(total.detach()), torch.cat(slopes) * given.temperature**2


def _kl(student: Tensor, teacher: Tensor, k: int | None) -> Tensor:
    # of a place with nothing, nothing
    p, q = teacher.softmax(dim=-1).nan_to_num(), student.softmax(dim=-1)
    if k is not None:
        top = p.topk(k, dim=-1).indices
        rest = torch.ones_like(p).scatter(-1, top, 0.0)
        p, q = (torch.cat([m.gather(-1, top), (m * rest).sum(dim=-1, keepdim=True)], dim=-1) for m in (p, q))
    return (p * (torch.where(p > 0, p, 1.0) / q).log()).sum()


def _measured(loss: OfflineLoss, given: Offline) -> tuple[float, Tensor]:
    leaves = tuple(logits.clone().requires_grad_() for logits in given.student)
    total = loss(Offline(given.teacher, leaves, *_others(given)))
    slopes = torch.autograd.grad(total, leaves)
    return float(total.detach()), torch.cat(slopes).double()


def _others(given: Offline) -> tuple[object, object, tuple[tuple[int, ...], ...], float, int | None]:
    return given.student_tokenizer, given.teacher_tokenizer, given.batches, given.temperature, given.k
