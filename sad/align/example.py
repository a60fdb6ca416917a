"""From a document to examples: windows of it as both models see them, and which of their tokens are labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from sad.align.reader import Ints, Reader, Reading
from sad.align.spans import Window, windows


class Learned(Protocol):
    """A text of which only some bytes are to be learned: ranges of UTF-8 bytes, None for all of it."""

    @property
    def text(self) -> str:
        """The text."""

    @property
    def learned(self) -> Sequence[tuple[int, int]] | None:
        """The ranges: each from a byte up to, and without, another."""


Written = str | Learned
"""A document. A bare text is learned whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A window with what its models see around it (begin and end marks), ready to be batched.

    ``at_student[k]`` and ``at_teacher[k]`` are positions of common boundaries that have a label on the student's
    side. ``runs`` [run, 4] are the stretches whose tokens are labels, as positions that predict them: student from
    and to, teacher from and to. None is one run from the first boundary to the end. Both sides of a run begin and
    end at common boundaries, so both sides' labels cover the same ``byte_count`` bytes.
    """

    student: Ints
    teacher: Ints
    at_student: Ints
    at_teacher: Ints
    byte_count: int
    runs: Ints | None = None

    def labels(self) -> tuple[Ints, Ints]:
        """Return the positions that predict a label, of the student and of the teacher."""
        if self.runs is None:
            first, start = int(self.at_student[0]), int(self.at_teacher[0])
            return np.arange(first, len(self.student) - 1), np.arange(start, len(self.teacher) - 1)
        mine, theirs = ([np.arange(r[i], r[i + 1]) for r in self.runs.tolist()] for i in (0, 2))
        return np.concatenate(mine), np.concatenate(theirs)


@dataclass(slots=True)
class Counts:
    """What became of the text. Of its ``bytes``, ``windows`` that are kept cover ``kept``, windows without a label
    ``unlabelled``; the rest is left out: chunks that are too long to be compared, and what follows the last boundary.
    """

    documents: int = 0
    bytes: int = 0
    windows: int = 0
    kept: int = 0
    unlabelled_windows: int = 0
    unlabelled: int = 0

    def add(self, other: Counts) -> None:
        """Take in the counts of other documents."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


@dataclass(frozen=True, slots=True)
class Readers:
    """The two tokenizers."""

    student: Reader
    teacher: Reader

    @property
    def same(self) -> bool:
        """Whether both cut every text alike."""
        return self.student.fingerprint == self.teacher.fingerprint

    def room(self, max_length: int) -> int:
        """Return the tokens of a window that leave place for both tokenizers' own marks."""
        return max_length - 1 - max(len(self.student.prefix), len(self.teacher.prefix))

    def read(self, texts: Sequence[str]) -> Iterator[tuple[Reading, Reading]]:
        """Read each text with both; where both are the same, both readings are one object."""
        mine = self.student.read(texts)
        return zip(mine, mine if self.same else self.teacher.read(texts), strict=True)


def cut(documents: Sequence[Written], readers: Readers, max_length: int) -> tuple[list[Example], Counts]:
    """Read documents with both tokenizers and cut them into examples; windows without a label are only counted."""
    texts = [text_of(one) for one in documents]
    found: list[Example] = []
    counts = Counts(documents=len(texts))
    room = readers.room(max_length)
    for document, text, (mine, theirs) in zip(documents, texts, readers.read(texts), strict=True):
        counts.bytes += len(text.encode("utf-8", "surrogatepass"))
        learned = ranges(document)
        for window in windows(mine, theirs, room):
            size = int(window.bytes_at[-1])
            example = assemble(window, readers, learned)
            if example.runs is not None and not len(example.runs):
                counts.unlabelled_windows += 1
                counts.unlabelled += size
                continue
            found.append(example)
            counts.kept += size
    counts.windows = len(found)
    return found, counts


def assemble(window: Window, readers: Readers, learned: Ints | None = None) -> Example:
    """Put a tokenizer's own prefix before a window, and the end mark behind one that ends its text.

    Of a window with ``learned`` ranges, the labels are the tokens of the chunks that lie whole in one of them; the
    end mark is one where the last range reaches the end of the text. ``runs`` may then be empty.
    """
    s_prefix, t_prefix = readers.student.prefix, readers.teacher.prefix
    s_eos, t_eos = readers.student.eos, readers.teacher.eos
    close = window.closes and s_eos is not None and t_eos is not None
    student = _dressed(s_prefix, window.student, s_eos if close else None)
    teacher = _dressed(t_prefix, window.teacher, t_eos if close else None)
    at_student, at_teacher = window.at_student + len(s_prefix), window.at_teacher + len(t_prefix)
    bytes_at = window.bytes_at
    if s_prefix and t_prefix:
        # after both marks both models have read nothing: a common boundary too
        at_student = np.concatenate([[len(s_prefix) - 1], at_student])
        at_teacher = np.concatenate([[len(t_prefix) - 1], at_teacher])
        bytes_at = np.concatenate([[0], bytes_at])
    if learned is None:
        # the last boundary of a window that is cut has no token behind it
        whole = len(at_student) if close else len(at_student) - 1
        size = int(bytes_at[-1] - bytes_at[0])
        return Example(student, teacher, at_student[:whole], at_teacher[:whole], size)
    starts, stops = bytes_at[:-1] + window.origin, bytes_at[1:] + window.origin
    inside = np.append(_within(starts, stops, learned), close and bool((learned[-1:, 1] >= stops[-1]).all()))
    inside[-1] &= bool(len(learned))
    size = int((stops - starts)[inside[:-1]].sum())
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    runs = np.stack(
        [
            np.append(at_student, len(student) - 1)[edges].reshape(-1, 2),
            np.append(at_teacher, len(teacher) - 1)[edges].reshape(-1, 2),
        ],
        axis=1,
    ).reshape(-1, 4)
    return Example(student, teacher, at_student[inside], at_teacher[inside], size, runs)


def text_of(document: Written) -> str:
    """Return the text of a document."""
    return document if isinstance(document, str) else document.text


def ranges(document: Written) -> Ints | None:
    """Return a document's learned ranges as [range, 2], in order, those that touch joined; None for all of it.

    Raises ValueError for a range that ends before it begins.
    """
    if isinstance(document, str) or document.learned is None:
        return None
    joined: list[list[int]] = []
    for start, stop in sorted(document.learned):
        if stop < start:
            raise ValueError(f"a learned range ends at byte {stop}, before it begins at {start}")
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], stop)
        elif stop > start:
            joined.append([start, stop])
    return np.array(joined, dtype=np.int64).reshape(-1, 2)


def _within(starts: Ints, stops: Ints, learned: Ints) -> Iterable[bool]:
    """Tell for each chunk of bytes whether one of the ranges holds all of it."""
    if not len(learned):
        return np.zeros(len(starts), dtype=bool)
    which = np.searchsorted(learned[:, 0], starts, side="right") - 1
    held = learned[np.maximum(which, 0)]
    # a token that is only a part of a character has no bytes of its own: it belongs to what follows
    inside: Iterable[bool] = (which >= 0) & (stops <= held[:, 1]) & (starts < held[:, 1])
    return inside


def _dressed(prefix: Sequence[int], ids: Ints, mark: int | None) -> Ints:
    if not prefix and mark is None:
        return ids
    return np.concatenate([np.array(prefix, dtype=np.int64), ids, np.array([] if mark is None else [mark], np.int64)])
