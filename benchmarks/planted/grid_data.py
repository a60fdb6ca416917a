"""The grid's rows of the data: the texts, what the student reads of them, and the labels.

The causes were written down before any of these logs was judged. A right one sends a reader to the texts, the reading
or the labels, or to the bare fact that it does not learn where the log has nothing else to say.
"""

from __future__ import annotations

from planted import grid_ways as ways
from planted.families import BY_HEART, OTHER_TARGETS, SET_BACK, SLOW
from planted.grid import cell, median
from planted.record import Record, Trace
from planted.training import Training
from sad_doctor import names

OTHER_TEXT = (
    *("teacher-does-not-match", "targets-degenerate", "lm-rises-while-kd-falls", "worse-than-uniform"),
    *("evaluation-better", "evaluation-does-not-follow", "overfitting", "label-loss-apart"),
)
"""What is trained on is not what is evaluated on, or not what the teacher knows."""

MISREAD = ("worse-than-uniform", "kd-stays", "teacher-does-not-match", *SLOW)
"""The student cannot know what it is asked."""

OTHER_LABELS = (
    *("lm-rises-while-kd-falls", "worse-than-uniform", "label-loss-too-low", "kd-stays"),
    *("evaluation-better", "teacher-does-not-match", "targets-degenerate", "label-loss-apart", "kd-out-of-step"),
)
"""The labels are not the teacher's next tokens."""

PERIODIC = ("batches-repeat", "loss-oscillates", "loss-spike")
"""Every so many steps something else happens."""


def _late(record: Record, name: str) -> float:
    values = record.column(name)
    return median(values[-max(5, len(values) // 5) :])


def _label_loss_low(record: Record) -> bool:
    return record.column(names.EVAL_LM_LOSS)[-1] < 0.6 * record.column(names.TEACHER_EVAL_LM_LOSS)[0]


def _training_above(record: Record) -> bool:
    """Whether the training's label loss ends clearly above the evaluation's."""
    return _late(record, names.RAW + "lm") > 1.12 * record.column(names.EVAL_LM_LOSS)[-1]


def _training_below(record: Record) -> bool:
    return _late(record, names.RAW + "lm") < 0.8 * record.column(names.EVAL_LM_LOSS)[-1]


def _barely(record: Record) -> bool:
    found = record.column(names.EVAL_LM_LOSS)
    return found[-1] > 0.9 * found[0]


TEXTS: tuple[type[Training], ...] = (
    cell(
        "TextsTransposed",
        "The batch is transposed and viewed: each text holds tokens of many.",
        "texts",
        ways.viewed,
        Trace((names.TEACHER_LOSS,), (*OTHER_TEXT, *SLOW)),
        Trace(("lm",), (*OTHER_TEXT, *SLOW)),
        Trace((), (*OTHER_TEXT, *SLOW)),
    ),
    cell(
        "TextsReversed",
        "The training's texts run from right to left.",
        "texts",
        ways.reversed_,
        Trace((names.TEACHER_LOSS,), OTHER_TEXT),
        Trace(("eval",), (*OTHER_TEXT, *SLOW), _training_below),
        Trace(("eval",), (*OTHER_TEXT, *SLOW), _training_above),
    ),
    cell(
        "TextsThinned",
        "Every second token of the training's texts is lost.",
        "texts",
        ways.thinned,
        Trace((names.TEACHER_LOSS,), OTHER_TEXT),
        Trace(("lm",), OTHER_TEXT, _training_above),
    ),
    cell(
        "TokensDoubled",
        "Every token of the training's texts stands there twice.",
        "texts",
        ways.doubled,
        Trace((names.TEACHER_LOSS,), (*OTHER_TEXT, *BY_HEART)),
        Trace(("eval",), (*OTHER_TEXT, *BY_HEART), _training_below),
    ),
    cell(
        "TextsWrapped",
        "The training's texts are kept in six bits: large ids begin again at 0.",
        "texts",
        ways.wrapped(64),
        Trace((names.TEACHER_LOSS,), OTHER_TEXT),
        Trace(("lm",), OTHER_TEXT, _training_above),
        Trace(("lm",), (*OTHER_TEXT, *BY_HEART), _training_below),
    ),
    cell(
        "TextsOfOneToken",
        "Ids above an eighth of the vocabulary are all set to one, for training and evaluation.",
        "texts",
        ways.saturated(0, 16),
        Trace(("lm",), (*BY_HEART, "teacher-does-not-match", "targets-degenerate", "teacher-drifts", "kd-out-of-step")),
        everywhere=True,
    ),
    cell(
        "TextsStuck",
        "The loader gives each batch for twelve steps.",
        "texts",
        ways.stale(12),
        Trace(("many",), (*BY_HEART, "loss-oscillates")),
        longer=2,
    ),
    cell(
        "TextsGetNoisy",
        "A share of the training's tokens that grows to all of them is random.",
        "texts",
        ways.noisier(96),
        Trace(("lm",), (*OTHER_TEXT, *SET_BACK)),
        Trace((), (*OTHER_TEXT, *SET_BACK)),
    ),
    cell(
        "TextsEmptyNowAndThen",
        "Every eighth batch is padding.",
        "texts",
        ways.now_and_then(ways.missing, 8),
        Trace(("many",), (*PERIODIC, "level-breaks", "evaluation-jumps", *BY_HEART)),
    ),
    cell(
        "BufferNeverCleared",
        "The first rows of the batch are those of the first batch, for ever.",
        "texts",
        lambda value, memory: ways.constant(value, memory)[: len(value)],
        Trace(("eval",), BY_HEART, _training_below),
        longer=2,
    ),
    cell(
        "TextsOfTwoRows",
        "A wrong index takes every text of a batch from its first two.",
        "texts",
        lambda value, _: value[:2].repeat(len(value) // 2 + 1, 1)[: len(value)],
        Trace(("eval",), (*BY_HEART, "evaluation-does-not-follow"), _training_below),
    ),
)

READING: tuple[type[Training], ...] = (
    cell(
        "StudentReadsOtherText",
        "The student reads the next text of the batch, and is asked for this one.",
        "reading",
        ways.rolled(1, 0),
        Trace((), MISREAD),
        everywhere=True,
        took=_barely,
    ),
    cell(
        "StudentReadsNothing",
        "Every token that the student reads is the first of the vocabulary.",
        "reading",
        ways.missing,
        Trace((), MISREAD),
        everywhere=True,
        took=_barely,
    ),
    cell(
        "StudentReadsOldText",
        "In training the student reads the batch of the step before.",
        "reading",
        ways.delayed,
        Trace((), (*MISREAD, "evaluation-better")),
    ),
    cell(
        "StudentMisreadsNowAndThen",
        "In every sixth step the student reads other texts than it is asked for.",
        "reading",
        ways.now_and_then(ways.rolled(1, 0), 6),
        Trace(("many",), PERIODIC),
    ),
)

LABELS: tuple[type[Training], ...] = (
    cell(
        "LabelsOfOneToken",
        "Every label is the first token of the vocabulary.",
        "labels",
        ways.missing,
        Trace(("lm",), (*OTHER_LABELS, "term-vanishes", "term-collapses")),
        everywhere=True,
    ),
    cell(
        "LabelsOld",
        "The labels are those of the step before.",
        "labels",
        ways.delayed,
        Trace(("lm",), OTHER_LABELS, _training_above),
        Trace(("eval/loss",), ("evaluation-better", "evaluation-objective-differs"), _training_above),
    ),
    cell(
        "LabelsWrongNowAndThen",
        "In every sixth step the labels are those of other texts.",
        "labels",
        ways.now_and_then(ways.rolled(1, 0), 6),
        Trace(("many",), PERIODIC),
    ),
    cell(
        "LabelsOfTheTokenBefore",
        "The label is the token before, which the student has read.",
        "labels",
        ways.rolled(2, 1),
        Trace(("lm",), OTHER_LABELS),
        everywhere=True,
        longer=2,
        took=_label_loss_low,
    ),
    cell(
        "LabelsOfOtherIds",
        "The labels' ids are shifted by five.",
        "labels",
        lambda value, _: (value + 5) % 96,
        Trace(("kd", "lm"), (*OTHER_LABELS, *OTHER_TARGETS)),
        everywhere=True,
    ),
    cell(
        "LabelsGetNoisy",
        "A share of the labels that grows to all of them is random.",
        "labels",
        ways.noisier(96),
        Trace(("lm",), (*OTHER_LABELS, *SET_BACK), _training_above),
        Trace((), ("evaluation-better", *SET_BACK), _training_above),
    ),
    cell(
        "LabelsClamped",
        "Labels above an eighth of the vocabulary are all one.",
        "labels",
        ways.saturated(0, 16),
        Trace(("lm",), (*OTHER_LABELS, *OTHER_TARGETS, "term-collapses")),
        everywhere=True,
        took=_label_loss_low,
    ),
    cell(
        "LabelsRightLater",
        "Until a third of the run the labels are those of other texts.",
        "labels",
        ways.until(ways.rolled(1, 0), 0.35),
        Trace(("lm", "many"), (*OTHER_LABELS, "level-breaks")),
        Trace(("many",), ("level-breaks", "evaluation-better")),
    ),
)

ALL: tuple[type[Training], ...] = (*TEXTS, *READING, *LABELS)
