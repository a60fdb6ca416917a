"""Common boundaries of two readings of one text, and windows cut at them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sad.align.reader import NO_END, Ints, Reading


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """At byte ``end[k]`` both readings have a token end: student token ``student[k]``, teacher token ``teacher[k]``."""

    student: Ints
    teacher: Ints
    end: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A stretch of a text between two common boundaries, as both models read it.

    ``student`` and ``teacher`` are token ids; ``at_student[k]`` and ``at_teacher[k]`` are the positions of the
    tokens that end at the window's ``k``-th common boundary; ``bytes_at[k]`` counts the bytes read there.
    ``closes`` tells that the text ends with this window: neither model has a token left. ``origin`` is the byte of
    the text at which it begins.
    """

    student: Ints
    teacher: Ints
    at_student: Ints
    at_teacher: Ints
    bytes_at: Ints
    closes: bool
    origin: int = 0


def common(student: Reading, teacher: Reading) -> Common:
    """Return the offsets at which both readings have a token end, in order.

    Only there have both models read the same bytes; between two of them lies a chunk of k student tokens
    and l teacher tokens. One reading, given twice, has a boundary after every token, also inside a character.
    """
    if student is teacher:
        everywhere = np.arange(len(student.ids))
        return Common(everywhere, everywhere, np.maximum.accumulate(np.maximum(student.ends, 0)))
    s_end, s_at = _known(student.ends)
    t_end, t_at = _known(teacher.ends)
    # both rise, so a table of the bytes finds the shared ones without a sort
    there = np.zeros(max(int(s_end.max(initial=0)), int(t_end.max(initial=0))) + 1, dtype=bool)
    there[t_end] = True
    mine = there[s_end]
    there[t_end] = False
    there[s_end[mine]] = True
    return Common(s_at[mine], t_at[there[t_end]], s_end[mine])


def windows(student: Reading, teacher: Reading, max_length: int) -> Iterator[Window]:
    """Cut two readings of one text into windows of at most ``max_length`` tokens on either side.

    Every cut is a common boundary. A chunk longer than ``max_length`` on one side cannot be compared and is
    left out. Yields windows with at least two boundaries: with fewer nothing can be predicted and compared.
    """
    shared = common(student, teacher)
    s_from, t_from, first, byte_from = 0, 0, 0, 0
    while first < len(shared.end):
        s_last = int(np.searchsorted(shared.student, s_from + max_length, side="left"))
        t_last = int(np.searchsorted(shared.teacher, t_from + max_length, side="left"))
        stop = min(s_last, t_last)
        if stop > first + 1:
            yield _window(student, teacher, shared, slice(first, stop), (s_from, t_from, byte_from))
        # a chunk that does not fit is skipped whole
        stop = max(stop, first + 1)
        s_from, t_from = int(shared.student[stop - 1]) + 1, int(shared.teacher[stop - 1]) + 1
        byte_from, first = int(shared.end[stop - 1]), stop


def _window(student: Reading, teacher: Reading, shared: Common, which: slice, origin: tuple[int, int, int]) -> Window:
    s_from, t_from, byte_from = origin
    at_student, at_teacher = shared.student[which], shared.teacher[which]
    return Window(
        student=student.ids[s_from : at_student[-1] + 1],
        teacher=teacher.ids[t_from : at_teacher[-1] + 1],
        at_student=at_student - s_from,
        at_teacher=at_teacher - t_from,
        bytes_at=shared.end[which] - byte_from,
        closes=bool(at_student[-1] == len(student.ids) - 1 and at_teacher[-1] == len(teacher.ids) - 1),
        origin=byte_from,
    )


def _known(ends: Ints) -> tuple[Ints, Ints]:
    """The ends that are known, and the tokens that they are of: no two tokens have one."""
    at = np.flatnonzero(ends != NO_END)
    return ends[at], at
