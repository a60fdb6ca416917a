"""A reported number is a sum over labels divided by their number, however they are spread over batches and processes.

## Property
Of loss, perplexity, accuracy, entropy, divergence and agreement, those that an implementation reports are what float64
gives over all labels at once: in one batch or in many of very different numbers of labels, on one process or on
several, of which one may have no label at all. Row i is judged by label i + 1, and a row without a label counts
nowhere, whatever it holds. So it is for a student that knows nothing, whose perplexity is the size of its vocabulary,
and for one that is too sure, whose loss is not clamped.

## Why it must hold
A number that depends on the batch size or the number of devices cannot be compared between two runs, and one that
grows with the length of a text, or counts padding, is no property of the model.

## Tolerance
1e-4, relative, of no less than 0.01. The code that trains, in float32, is within 2e-5: a perplexity of e to the 60th
takes the error of its logarithm sixtyfold.

## What breaks it
A mean over batches, texts or processes; a sum over processes divided by the number of one; a mask that is not shifted
with the labels; `batchmean` of three axes; padding that counts. Batches of one size hide nearly all of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch

from sad.subjects.metric import ACCURACY, AGREEMENT, ENTROPY, KL, LM_LOSS, NAMES, PERPLEXITY, Metric, Scored
from sad.verdict import Verdict

ID = "I03"

VOCABULARY, LENGTHS = 24, (3, 40, 7, 1, 18, 9)
TOLERANCE, LEAST = 1e-4, 0.01
"""Relative; of a number below the second, relative to that."""
IGNORED = -100
GARBAGE = 50.0
"""What stands in rows that count nowhere: large, so that one that is counted shows."""

Spread = Sequence[Sequence[Scored]]


def token_weighted(metric: Metric) -> Verdict:
    """Judge what is reported of six texts, spread in seven ways, and of two other students."""
    worst, all_told = 0.0, dict[str, float]()
    for name, texts, spread in _spreads():
        wanted = right(texts)
        try:
            told = {name: float(value) for name, value in metric(spread).items()}
        except Exception as error:
            # whatever it raises is what the user would see
            return Verdict(False, f"{name}: {(str(error) or type(error).__name__).splitlines()[0]}", {"raised": 1})
        if not set(told) & set(wanted):
            return Verdict(False, f"{name}: nothing is reported", {"reported": 0})
        for what in (what for what in NAMES if what in told):
            off = abs(told[what] - wanted[what]) / max(wanted[what], LEAST)
            if not off <= TOLERANCE:
                says = f"{name}: {what} {told[what]:.4g}, right {wanted[what]:.4g}"
                return Verdict(False, says, {"got": told[what], "right": wanted[what]})
            worst = max(worst, off)
        all_told = all_told or told
    says = ", ".join(f"{what} {all_told[what]:.4g}" for what in NAMES if what in all_told)
    return Verdict(True, f"{says}, however spread, within {worst:.1g}", all_told)


def _spreads() -> Iterator[tuple[str, Sequence[Scored], Spread]]:
    """A name, the texts, and how they are spread."""
    texts = made_texts(1.0)
    yield "one batch", texts, [[padded(texts)]]
    yield "six batches", texts, [[padded([text]) for text in texts]]
    yield "two uneven batches", texts, [[padded(texts[:1]), padded(texts[1:])]]
    yield "padded on the left", texts, [[padded(texts, left=True)]]
    yield "two processes", texts, [[padded(texts[:2]), padded(texts[2:3])], [padded(texts[3:])]]
    yield "three uneven processes", texts, [[padded(texts[:1])], [padded(texts[1:2])], [padded(texts[2:])]]
    # at the end of an epoch a process may have nothing left
    yield "a process without a label", texts, [[padded(texts)], [_without_labels(padded(texts[:2]))]]
    for name, scale in (("a student that knows nothing", 1e-4), ("a student that is too sure", 20.0)):
        of = made_texts(scale)
        yield name, of, [[padded(of[:2]), padded(of[2:])]]


def made_texts(scale: float) -> list[Scored]:
    """Texts of very different lengths, with prompts that are no targets; the student's logits times ``scale``."""
    noise = torch.Generator().manual_seed(3)
    texts = []
    for number, length in enumerate(LENGTHS):
        student, other = 3 * torch.randn(2, 1, length + 1, VOCABULARY, generator=noise)
        teacher = 0.7 * student + 0.7 * other
        labels = torch.randint(0, VOCABULARY, (1, length + 1), generator=noise)
        # the longer texts are the easier ones: a mean of means is far off
        student[0, torch.arange(length), labels[0, 1:]] += length / 8
        prompt = length // 3 if number % 2 else 1
        labels[0, :prompt] = IGNORED
        texts.append(Scored(scale * student, teacher, labels))
    return texts


def padded(texts: Sequence[Scored], *, left: bool = False) -> Scored:
    """Pad texts with rows that count nowhere."""
    longest = max(text.labels.shape[1] for text in texts)
    student = torch.full((len(texts), longest, VOCABULARY), 0.0)
    student[..., 0] = GARBAGE
    teacher, labels = -student, torch.full((len(texts), longest), IGNORED)
    for row, text in enumerate(texts):
        length = text.labels.shape[1]
        at = slice(longest - length, longest) if left else slice(0, length)
        student[row, at], teacher[row, at] = text.student_logits[0], text.teacher_logits[0]
        labels[row, at] = text.labels[0]
        # nothing of what stands before a text may predict its first token
        labels[row, at.start] = IGNORED
    return Scored(student, teacher, labels)


def _without_labels(batch: Scored) -> Scored:
    return Scored(batch.student_logits, batch.teacher_logits, torch.full_like(batch.labels, IGNORED))


def right(texts: Sequence[Scored]) -> Mapping[str, float]:
    """Return every number of some texts, each [1, length], in float64 over all their labels at once."""
    rows = []
    for text in texts:
        kept = text.labels[0, 1:] != IGNORED
        pair = (text.student_logits[0, :-1][kept], text.teacher_logits[0, :-1][kept])
        log_q, log_p = (torch.log_softmax(logits.double(), dim=-1) for logits in pair)
        label = text.labels[0, 1:][kept]
        rows.append(
            torch.stack(
                [
                    -log_q.gather(1, label[:, None])[:, 0],
                    (log_q.argmax(-1) == label).double(),
                    -(log_q.exp() * log_q).sum(-1),
                    (log_p.exp() * (log_p - log_q)).sum(-1),
                    (log_q.argmax(-1) == log_p.argmax(-1)).double(),
                ]
            )
        )
    means = dict(zip((LM_LOSS, ACCURACY, ENTROPY, KL, AGREEMENT), torch.cat(rows, 1).mean(1).tolist(), strict=True))
    return {**means, PERPLEXITY: math.exp(means[LM_LOSS])}
