"""The grid's rows of the teacher: its logits and its states.

The causes were written down before any of these logs was judged. A right one sends a reader to the teacher, to its
targets or to the way to them.
"""

from __future__ import annotations

import torch

from planted import grid_ways as ways
from planted.families import OTHER_TARGETS, SET_BACK
from planted.grid import cell, median
from planted.grid_data import PERIODIC
from planted.record import Record, Trace
from planted.reported import ABSENT
from planted.training import Training
from sad_doctor import names


def _worse(record: Record) -> bool:
    """Whether the teacher's loss in training lies above its own on held-out text by more than texts differ."""
    held_out = record.column(names.TEACHER_EVAL_LM_LOSS)[0]
    return median(record.column(names.TEACHER_LOSS)) > held_out + max(0.2, 0.08 * held_out)


def _kd_apart(record: Record) -> bool:
    """Whether KD ends higher than a tenth below its start, while the label loss falls."""
    kd, lm = record.column(names.RAW + "kd"), record.column(names.RAW + "lm")
    fifth = max(3, len(kd) // 5)
    return median(kd[-fifth:]) > 0.9 * median(kd[:fifth]) and median(lm[-fifth:]) < 0.9 * median(lm[:fifth])


def _jumps(record: Record) -> bool:
    loss = record.column(names.LOSS)
    cut = int(0.4 * len(loss))
    before, after = median(loss[cut - 9 : cut]), median(loss[cut + 1 : cut + 10])
    return abs(after - before) > 0.2 * before


LOGITS: tuple[type[Training], ...] = (
    cell(
        "TeacherOld",
        "The teacher's answers are computed in every eighth step, and used until the next time.",
        "teacher logits",
        ways.stale(8),
        Trace((names.TEACHER_LOSS,), (*OTHER_TARGETS, "batches-repeat")),
        Trace(("kd", "lm"), (*OTHER_TARGETS, "batches-repeat")),
    ),
    cell(
        "TeacherAnswersOnce",
        "The teacher's first answers stand for those of every batch.",
        "teacher logits",
        ways.constant,
        Trace((names.TEACHER_LOSS,), OTHER_TARGETS),
        Trace(("kd", "lm"), OTHER_TARGETS, _kd_apart),
    ),
    cell(
        "TeacherOfTheStepBefore",
        "The teacher's answers are those of the batch before.",
        "teacher logits",
        ways.delayed,
        Trace((names.TEACHER_LOSS,), OTHER_TARGETS),
        Trace(("kd", "lm"), OTHER_TARGETS, _kd_apart),
    ),
    cell(
        "TeacherTurned",
        "The sign of the teacher's logits is turned: it likes what it should not.",
        "teacher logits",
        ways.turned,
        Trace((names.TEACHER_LOSS,), OTHER_TARGETS),
        Trace(("kd", "lm"), OTHER_TARGETS),
        everywhere=True,
    ),
    cell(
        "TeacherTooSure",
        "The teacher's logits are thirty times too large: one token has all of the mass.",
        "teacher logits",
        ways.scaled(30.0),
        Trace((names.TEACHER_ENTROPY,), (*OTHER_TARGETS, "term-dominates")),
        everywhere=True,
    ),
    cell(
        "TeacherLoadedLate",
        "Until two fifths of the run the teacher's logits are 0.",
        "teacher logits",
        ways.until(ways.missing, 0.4),
        Trace((names.TEACHER_LOSS,), (*OTHER_TARGETS, *SET_BACK)),
        Trace(("kd",), (*OTHER_TARGETS, *SET_BACK)),
        Trace((), SET_BACK, _jumps),
    ),
    cell(
        "TeacherSilentNowAndThen",
        "In every sixth step the teacher's logits are 0.",
        "teacher logits",
        ways.now_and_then(ways.missing, 6),
        Trace((names.TEACHER_LOSS, "many"), (*OTHER_TARGETS, *PERIODIC)),
        Trace(("kd", "many"), (*OTHER_TARGETS, *PERIODIC)),
    ),
    cell(
        "TeacherSaturated",
        "The teacher's logits are cut off at 1.5: nothing is likely any more.",
        "teacher logits",
        ways.saturated(-1.5, 1.5),
        Trace((names.TEACHER_LOSS, names.TEACHER_EVAL_LM_LOSS), OTHER_TARGETS),
        everywhere=True,
        took=_worse,
    ),
    cell(
        "TeacherFades",
        "The teacher's logits shrink to 0 over the run.",
        "teacher logits",
        ways.fading,
        Trace((names.TEACHER_LOSS,), OTHER_TARGETS),
        Trace(("kd", "lm"), (*OTHER_TARGETS, *ABSENT)),
    ),
    cell(
        "TeacherNeverReset",
        "The teacher's cache is never cleared: its logits are sums of all so far.",
        "teacher logits",
        ways.never_reset,
        Trace((names.TEACHER_LOSS,), OTHER_TARGETS),
        Trace(("kd", "lm"), OTHER_TARGETS),
    ),
    cell(
        "TeacherMeanOfPositions",
        "The teacher's logits are their mean over the text, at every position.",
        "teacher logits",
        ways.mean_over(1),
        Trace((names.TEACHER_LOSS,), (*OTHER_TARGETS, *ABSENT)),
        Trace(("kd", "lm"), (*OTHER_TARGETS, *ABSENT)),
        everywhere=True,
    ),
    cell(
        "TeacherViewed",
        "The teacher's logits are transposed, and viewed in the old shape.",
        "teacher logits",
        ways.viewed,
        Trace((names.TEACHER_LOSS,), OTHER_TARGETS),
        Trace(("kd", "lm"), OTHER_TARGETS, _kd_apart),
        everywhere=True,
    ),
    cell(
        "TeacherInWholeNumbers",
        "The teacher's logits are kept as integers of a coarse unit.",
        "teacher logits",
        lambda value, _: (value / 5).round() * 5,
        Trace((names.TEACHER_LOSS, names.TEACHER_EVAL_LM_LOSS), OTHER_TARGETS),
        everywhere=True,
        took=_worse,
    ),
    cell(
        "TeacherGetsNoisy",
        "Noise is added to the teacher's logits, more and more of it.",
        "teacher logits",
        lambda value, m: value + 6 * m.done * torch.randn(value.shape, generator=m.random),
        Trace((names.TEACHER_LOSS,), OTHER_TARGETS),
        Trace(("kd", "lm"), (*OTHER_TARGETS, *SET_BACK)),
        Trace((), SET_BACK),
    ),
)

STATES: tuple[type[Training], ...] = (
    cell(
        "StatesMissing",
        "The teacher's states are 0.",
        "teacher states",
        ways.missing,
        Trace(("layerwise", "parts"), ("term-stays", "number-stale", "noise-missing", *ABSENT, *OTHER_TARGETS)),
        everywhere=True,
    ),
    cell(
        "StatesOfTheStepBefore",
        "The teacher's states are those of the batch before.",
        "teacher states",
        ways.delayed,
        Trace(("layerwise", "parts"), ("term-stays", *OTHER_TARGETS)),
    ),
    cell(
        "StatesSilentNowAndThen",
        "In every sixth step the teacher's states are those of another text.",
        "teacher states",
        ways.now_and_then(ways.turned, 6),
        Trace(("layerwise", "parts", "many"), (*PERIODIC, "term-stays", *OTHER_TARGETS)),
    ),
)

ALL: tuple[type[Training], ...] = (*LOGITS, *STATES)
