"""Examples -> a batch: padded on the right, with labels and common boundaries listed by place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from sad.align.example import Example, Readers
from sad.align.reader import Ints
from sad.batch import Batch, Boundaries, Targets, Tokens


def collate(some: Sequence[Example], readers: Readers) -> Batch:
    """Put one example in a row; pad on the right. The batch must not be empty."""
    return collate_rows([[one] for one in some], readers)


def collate_rows(rows: Sequence[Sequence[Example]], readers: Readers) -> Batch:
    """Put the examples of a row one after the other, and pad the rows on the right. No row may be empty.

    Where a row holds several, ``Tokens`` tells them apart, and positions start at 0 in each.
    """
    row = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
    some = [one for of in rows for one in of]
    mine, theirs = (
        _starts([[len(e.student) for e in of] for of in rows]),
        _starts([[len(e.teacher) for e in of] for of in rows]),
    )
    labels = [one.labels() for one in some]
    offsets = np.cumsum([0, *(len(s) for s, _ in labels)])
    return Batch(
        student=_laid([[e.student for e in of] for of in rows], readers.student.pad),
        teacher=_laid([[e.teacher for e in of] for of in rows], readers.teacher.pad),
        targets=_targets([e.student for e in some], [s for s, _ in labels], row, mine),
        teacher_targets=_targets([e.teacher for e in some], [t for _, t in labels], row, theirs),
        boundaries=Boundaries(
            row=_joined(np.full(len(e.at_student), r) for e, r in zip(some, row, strict=True)),
            student=_joined(e.at_student + s for e, s in zip(some, mine, strict=True)),
            teacher=_joined(e.at_teacher + t for e, t in zip(some, theirs, strict=True)),
            target=_joined(
                np.searchsorted(s, e.at_student) + first
                for e, (s, _), first in zip(some, labels, offsets, strict=False)
            ),
            text=_joined(np.full(len(e.at_student), i) for i, e in enumerate(some)),
        ),
        byte_count=sum(e.byte_count for e in some),
    )


def blank(example: Example, readers: Readers) -> Batch:
    """Return a batch that can be run and counts for nothing: for a process that has no example left in a step."""
    none = torch.empty(0, dtype=torch.int64)
    batch = collate([example], readers)
    labels = Targets(none, none, none)
    places = Boundaries(none, none, none, none, none)
    return replace(batch, targets=labels, teacher_targets=labels, boundaries=places, byte_count=0)


def _starts(rows: Sequence[Sequence[int]]) -> Ints:
    """Return where each example begins in its row."""
    return np.concatenate([np.empty(0, np.int64), *(np.cumsum([0, *of[:-1]], dtype=np.int64) for of in rows)])


def _laid(rows: Sequence[Sequence[Ints]], pad: int) -> Tokens:
    longest = max(sum(map(len, of)) for of in rows)
    ids = np.full((len(rows), longest), pad, dtype=np.int64)
    mask, position, text = (np.zeros((len(rows), longest), dtype=np.int64) for _ in range(3))
    for i, of in enumerate(rows):
        start = 0
        for number, one in enumerate(of, 1):
            here = slice(start, start + len(one))
            ids[i, here], mask[i, here], position[i, here], text[i, here] = one, 1, np.arange(len(one)), number
            start += len(one)
    tokens = Tokens(torch.from_numpy(ids), torch.from_numpy(mask))
    if all(len(of) == 1 for of in rows):
        return tokens
    return replace(tokens, position_ids=torch.from_numpy(position), text=torch.from_numpy(text))


def _targets(some: Sequence[Ints], positions: Sequence[Ints], row: Ints, start: Ints) -> Targets:
    return Targets(
        row=_joined(np.full(len(p), r) for p, r in zip(positions, row, strict=True)),
        position=_joined(p + s for p, s in zip(positions, start, strict=True)),
        token=_joined(ids[p + 1] for ids, p in zip(some, positions, strict=True)),
    )


def _joined(parts: Iterable[Ints]) -> Tensor:
    return torch.from_numpy(np.concatenate([np.empty(0, dtype=np.int64), *parts]))
