"""Where two readings of a text are compared they have read the same bytes, and KD compares just these places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from sad.batch import KD, Batch, Tokens
from sad.data import Example, Readers
from sad.preflight.bench import Bench, Kit
from sad.preflight.finding import Finding, judged
from sad.subjects.states import Kind, divergence

TOPIC = "alignment"
OTHERS = 0.5
"""Share of the stretches that may spell other bytes: a normaliser changes a few, misplaced boundaries nearly all."""
NEAR = 1e-2
"""Nats a place below which kd is compared with this: that of two models that are one is float noise, 1e-7."""


def places(bench: Bench) -> Iterator[Finding]:
    """Judge the boundaries by what stands between them, and the KD term by a plain float64 sum at them."""
    yield _bytes(bench.few, bench.plan.pair.readers)
    if bench.plan.recipe.terms.kd.weight > 0:
        with bench.kit(exact=True) as kit:
            yield _kd(bench, kit, kit.collated(bench.few))


def _bytes(some: Sequence[Example], readers: Readers) -> Finding:
    off, count = 0, 0
    for one in some:
        mine = _stretches(one.student.tolist(), one.at_student.tolist(), readers.student.bytes)
        theirs = _stretches(one.teacher.tolist(), one.at_teacher.tolist(), readers.teacher.bytes)
        off += sum(a != b for a, b in zip(mine, theirs, strict=True))
        count += len(mine)
    return judged(
        TOPIC,
        off > OTHERS * count,
        f"{count - off} of {count} stretches between two common boundaries spell the same bytes in both",
        f"{off} of {count} stretches between two common boundaries spell other bytes in student and teacher",
        advice="the code that trains is at fault: run sad verify lengths-disagree",
        numbers={"off": off, "count": count},
    )


def _stretches(ids: Sequence[int], at: Sequence[int], spelled: Sequence[bytes | None]) -> list[bytes]:
    """The bytes between two boundaries; some tokenizers put a space before a text."""
    pieces = [b"".join(spelled[i] or b"" for i in ids[a + 1 : b + 1]) for a, b in pairwise(at)]
    return [piece if number else piece.lstrip(b" ") for number, piece in enumerate(pieces)]


@torch.no_grad()
def _kd(bench: Bench, kit: Kit, batch: Batch) -> Finding:
    distiller, at = kit.distiller, batch.boundaries
    chosen = bench.plan.recipe.terms.kd
    temperature = chosen.temperature
    ours = float(distiller(batch, distiller.ask_teacher(batch))[KD].total)
    mine = distiller.vocab.restrict(_logits(distiller.student, batch.student, at.row, at.student))
    theirs = distiller.vocab.project(_logits(distiller.teacher, batch.teacher, at.row, at.teacher), temperature)
    p, q = theirs.double().exp(), torch.softmax(mine.double() / temperature, dim=-1)
    plain = float(divergence(Kind(chosen.divergence), p, q, chosen.mix))
    apart = abs(ours - plain) / max(abs(plain), NEAR * len(at))
    return judged(
        TOPIC,
        not apart <= bench.tolerance,
        f"kd is the plain sum over these {len(at)} places (off by {apart:.1g})",
        f"kd is {apart:.1%} off the plain sum over the {len(at)} common boundaries: it compares other places",
        advice="the code that trains is at fault: run sad verify teacher-logits-shifted",
        numbers={"apart": apart},
    )


def _logits(model: nn.Module, tokens: Tokens, row: Tensor, position: Tensor) -> Tensor:
    every: Tensor = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, use_cache=False).logits
    return every[row, position].float()
