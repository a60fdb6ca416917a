"""From a document to examples: windows of it as both models see them, and which of their tokens are labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sad.align.reader import Ints, Reader, Reading
from sad.align.spans import Window, windows
from sad.document import Document

Written = str | Document
"""What is read: a bare text is learned whole."""


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

    Of a window with ``learned`` ranges, the labels are the tokens of the chunks that end in one of them; the end mark
    is one where the last range reaches the end of the text. ``runs`` may then be empty. A boundary at which the
    student is to say a mark that the teacher's tokenizer spells out is left out.
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
    # the last boundary of a window that is cut has no token behind it
    inside = np.ones(len(at_student), dtype=bool)
    inside[-1] = close
    sizes = np.diff(bytes_at)
    runs = None
    if learned is not None:
        starts = bytes_at[:-1] + window.origin
        inside[:-1] = _within(starts, starts + sizes, learned)
        inside[-1] &= bool(len(learned)) and bool(learned[-1:, 1] >= starts[-1] + sizes[-1])
        runs = _runs(inside, at_student, at_teacher, len(student), len(teacher))
    size = int(sizes[inside[:-1]].sum())
    # a teacher that spells a mark would teach the student to spell it: only the text itself may ask for the mark
    after_student, after_teacher = at_student[inside] + 1, at_teacher[inside] + 1
    spelled = readers.student.special[student[after_student]] & ~readers.teacher.special[teacher[after_teacher]]
    if spelled.any():
        runs = _runs(inside, at_student, at_teacher, len(student), len(teacher)) if runs is None else runs
    return Example(student, teacher, after_student[~spelled] - 1, after_teacher[~spelled] - 1, size, runs)


def _runs(inside: NDArray[np.bool_], at_student: Ints, at_teacher: Ints, student: int, teacher: int) -> Ints:
    """Return the stretches of chunks that are labels, as [run, 4] positions on both sides."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    mine = np.append(at_student, student - 1)[edges].reshape(-1, 2)
    theirs = np.append(at_teacher, teacher - 1)[edges].reshape(-1, 2)
    return np.concatenate([mine, theirs], axis=1)


def text_of(document: Written) -> str:
    """Return the text of a document."""
    return document if isinstance(document, str) else document.text


def ranges(document: Written) -> Ints | None:
    """Return a document's learned ranges as [range, 2], those that touch joined; None for all of it."""
    if isinstance(document, str) or document.learned is None:
        return None
    joined: list[list[int]] = []
    for start, stop in document.learned:
        if joined and start == joined[-1][1]:
            joined[-1][1] = stop
        else:
            joined.append([start, stop])
    return np.array(joined, dtype=np.int64).reshape(-1, 2)


def _within(starts: Ints, stops: Ints, learned: Ints) -> NDArray[np.bool_]:
    """Tell for each chunk of bytes whether it ends in one of the ranges."""
    if not len(learned):
        return np.zeros(len(starts), dtype=bool)
    # a token that is only a part of a character has no bytes of its own: it belongs to what follows
    last = np.maximum(stops - 1, starts)
    which = np.searchsorted(learned[:, 0], last, side="right") - 1
    inside: NDArray[np.bool_] = (which >= 0) & (last < learned[np.maximum(which, 0), 1])
    return inside


def _dressed(prefix: Sequence[int], ids: Ints, mark: int | None) -> Ints:
    if not prefix and mark is None:
        return ids
    return np.concatenate([np.array(prefix, dtype=np.int64), ids, np.array([] if mark is None else [mark], np.int64)])
