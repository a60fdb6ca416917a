"""Documents -> windows read by both tokenizers -> batches, in an order that only the seed and the step decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sad.align.reader import Ints, Reader, Reading
from sad.align.spans import Window, windows
from sad.batch import Batch, Boundaries, Targets, Tokens
from sad.errors import UserError

CHUNK = 64
"""Documents tokenised at once: enough for the tokenizer's threads, little memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A window with what its models see around it (begin and end marks), ready to be batched.

    ``at_student[k]`` and ``at_teacher[k]`` are positions of common boundaries that have a label on the student's
    side; the first of them is also where both models' labels start, so both cover ``byte_count`` bytes.
    """

    student: Ints
    teacher: Ints
    at_student: Ints
    at_teacher: Ints
    byte_count: int


@dataclass(frozen=True, slots=True)
class Readers:
    """The two tokenizers."""

    student: Reader
    teacher: Reader

    @property
    def same(self) -> bool:
        """Whether both cut every text alike."""
        return self.student.fingerprint == self.teacher.fingerprint

    def read(self, texts: Sequence[str]) -> Iterator[tuple[Reading, Reading]]:
        """Read each text with both; where both are the same, both readings are one object."""
        mine = self.student.read(texts)
        return zip(mine, mine if self.same else self.teacher.read(texts), strict=True)


def examples(
    texts: Sequence[str], readers: Readers, max_length: int, limit: int | None = None, name: str = "the text"
) -> list[Example]:
    """Read texts with both tokenizers and cut them into examples, at most ``limit``.

    Raises UserError, with the ``name`` of the texts, if none gives one: nothing in common between the tokenizers, or
    too little text.
    """
    found: list[Example] = []
    room = max_length - 1 - max(len(readers.student.prefix), len(readers.teacher.prefix))
    for start in range(0, len(texts), CHUNK):
        for s, t in readers.read(texts[start : start + CHUNK]):
            found += (assemble(w, readers) for w in windows(s, t, room))
        if limit is not None and len(found) >= limit:
            return found[:limit]
    if not found:
        raise UserError(f"{name} is too short, or the two tokenizers never end a token at the same place in it")
    return found


def assemble(window: Window, readers: Readers) -> Example:
    """Put a tokenizer's own prefix before a window, and the end mark behind one that ends its text."""
    s_prefix, t_prefix = readers.student.prefix, readers.teacher.prefix
    s_eos, t_eos = readers.student.eos, readers.teacher.eos
    close = window.closes and s_eos is not None and t_eos is not None
    student = np.array([*s_prefix, *window.student, *([s_eos] if close else [])], dtype=np.int64)
    teacher = np.array([*t_prefix, *window.teacher, *([t_eos] if close else [])], dtype=np.int64)
    at_student, at_teacher = window.at_student + len(s_prefix), window.at_teacher + len(t_prefix)
    bytes_at = window.bytes_at
    if s_prefix and t_prefix:
        # after both marks both models have read nothing: a common boundary too
        at_student, at_teacher = (
            np.insert(at_student, 0, len(s_prefix) - 1),
            np.insert(at_teacher, 0, len(t_prefix) - 1),
        )
        bytes_at = np.insert(bytes_at, 0, 0)
    labelled = at_student < len(student) - 1
    return Example(student, teacher, at_student[labelled], at_teacher[labelled], int(bytes_at[-1] - bytes_at[0]))


def collate(some: Sequence[Example], readers: Readers) -> Batch:
    """Pad examples on the right and list their labels and common boundaries. The batch must not be empty."""
    at = [(e.at_student, e.at_teacher) for e in some]
    targets = _targets([e.student for e in some], [int(s[0]) for s, _ in at])
    offsets = np.cumsum([0, *(len(e.student) - 1 - int(s[0]) for e, (s, _) in zip(some, at, strict=True))])
    return Batch(
        student=_pad([e.student for e in some], readers.student.pad),
        teacher=_pad([e.teacher for e in some], readers.teacher.pad),
        targets=targets,
        teacher_targets=_targets([e.teacher for e in some], [int(t[0]) for _, t in at]),
        boundaries=Boundaries(
            row=_joined(np.full(len(s), i) for i, (s, _) in enumerate(at)),
            student=_joined(s for s, _ in at),
            teacher=_joined(t for _, t in at),
            target=_joined(s - s[0] + offset for (s, _), offset in zip(at, offsets[:-1], strict=True)),
        ),
        byte_count=sum(e.byte_count for e in some),
    )


def blank(example: Example, readers: Readers) -> Batch:
    """Return a batch that can be run and counts for nothing: for a process that has no example left in a step."""
    none = torch.empty(0, dtype=torch.int64)
    batch = collate([example], readers)
    labels = Targets(none, none, none)
    return replace(
        batch, targets=labels, teacher_targets=labels, boundaries=Boundaries(none, none, none, none), byte_count=0
    )


def order(size: int, epoch: int, seed: int) -> Ints:
    """Return the order of the examples in an epoch: a function of its arguments alone, so that resuming is exact."""
    return np.random.default_rng((seed, epoch)).permutation(size)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which examples each optimizer step takes. An epoch's last step takes what is left; nothing is dropped.

    ``batch_size`` and ``accumulation`` are per process; a step takes their product times ``processes``.
    """

    size: int
    batch_size: int
    accumulation: int
    seed: int
    processes: int = 1

    @property
    def per_step(self) -> int:
        """Examples of a full step over all processes."""
        return self.batch_size * self.accumulation * self.processes

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of one pass over the examples."""
        return -(-self.size // self.per_step)

    def micro_batches(self, step: int, process: int = 0) -> list[Ints]:
        """Return the example numbers of each micro-batch of ``step`` on ``process``; in a tail, fewer than asked.

        Every process gets as many micro-batches as the first, or they would wait for one another for ever; the last
        of them may then be empty: see :func:`blank`.
        """
        epoch, place = divmod(step, self.steps_per_epoch)
        whole = order(self.size, epoch, self.seed)[place * self.per_step : (place + 1) * self.per_step]
        mine = whole[process :: self.processes]
        most = -(-len(whole) // self.processes)
        return [mine[i : i + self.batch_size] for i in range(0, most, self.batch_size)]


def _pad(rows: Sequence[Ints], pad: int) -> Tokens:
    longest = max(map(len, rows))
    ids = np.full((len(rows), longest), pad, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return Tokens(torch.from_numpy(ids), torch.from_numpy(mask))


def _targets(rows: Sequence[Ints], first: Sequence[int]) -> Targets:
    return Targets(
        row=_joined(np.full(len(ids) - 1 - f, i) for i, (ids, f) in enumerate(zip(rows, first, strict=True))),
        position=_joined(np.arange(f, len(ids) - 1) for ids, f in zip(rows, first, strict=True)),
        token=_joined(ids[f + 1 :] for ids, f in zip(rows, first, strict=True)),
    )


def _joined(parts: Iterable[Ints]) -> Tensor:
    return torch.from_numpy(np.concatenate([np.empty(0, dtype=np.int64), *parts]))
