"""The teacher's loss on training batches beside its held-out one, the difference of the two texts taken off; and what
a teacher pays that guesses.
"""

from __future__ import annotations

import math

import numpy as np

from sad_doctor import names
from sad_doctor.run import Floats, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median
from sad_doctor.signals.series import finite, gain, tidy
from sad_doctor.signals.unweighted import label_loss


@sealed
class TeacherGap:
    """How far the teacher's loss on training batches lies above its held-out one, nats, and its standard error.

    ``known`` says whether the difference of the two texts could be taken from the student, and was taken off.
    """

    training: float
    held_out: float
    gap: float
    error: float
    known: bool


def teacher_gap(run: Run, fewest: int = 20) -> TeacherGap | None:
    """Return the gap, or None where the log lacks one of the two losses or has fewer records than ``fewest``.

    Training text that is harder than the held-out text is so for the student too. Its difference counts from the first
    third of the run only, and not below 0: later it may know the training text by heart.
    """
    training, held_out = run.get(names.TEACHER_LOSS), run.get(names.TEACHER_EVAL_LM_LOSS)
    if training is None or held_out is None:
        return None
    known = finite(tidy(training))
    told = finite(held_out)
    if len(known) < fewest or not len(told):
        return None
    late = known.value[len(known) // 3 :]
    level, apart = float(median(late)), _text(run)
    error = gain(late[: late.size // 2], late[late.size // 2 :]).error / 2
    return TeacherGap(level, told.last, level - told.last - (apart or 0.0), error, apart is not None)


def teacher_held_out(run: Run) -> float | None:
    """Return the teacher's last held-out loss, in nats a token of the student's; None where the log does not tell it.

    Tokens of two vocabularies are of different lengths: there the bits per byte of both are compared, whose ratio to
    the loss is the student's.
    """
    own, others = run.get(names.TEACHER_EVAL_LM_LOSS), run.fact(names.TEACHER_VOCABULARY_SIZE) is not None
    if own is None or not others:
        return None if own is None else own.last
    theirs, bits, loss = (
        run.get(name) for name in (names.TEACHER_EVAL_BITS_PER_BYTE, names.EVAL_BITS_PER_BYTE, names.EVAL_LM_LOSS)
    )
    if theirs is None or bits is None or loss is None or not bits.last > 0:
        return None
    return theirs.last * loss.last / bits.last


def teacher_guess(run: Run, name: str) -> float | None:
    """Return the nats that a teacher has in column ``name`` that gives every token alike; None where that is not known.

    Its held-out loss is over its own tokens. What is measured at compared positions is over the tokens of the student
    that it has too, which are no more than the smaller of the two vocabularies.
    """
    student, own = (_tokens(run, fact) for fact in (names.VOCABULARY_SIZE, names.TEACHER_VOCABULARY_SIZE))
    if own is None or student is None:
        size = own or student
    else:
        size = own if name == names.TEACHER_EVAL_LM_LOSS else min(own, student)
    return None if size is None else math.log(size)


def _tokens(run: Run, fact: str) -> float | None:
    size = run.fact(fact)
    return size if size is not None and 1 < size < math.inf else None


def _text(run: Run) -> float | None:
    """How much harder the training text is for the student, at least 0; None where the log does not tell."""
    evaluated, label = run.get(names.EVAL_LM_LOSS), label_loss(run)
    if (
        evaluated is None
        or label is None
        or (label[0].startswith(names.RAW) and run.get(names.WEIGHT + label[0].rsplit("/", 1)[1]) is None)
    ):
        return None
    at = finite(tidy(evaluated))
    early = at.step <= run.first_step + (run.last_step - run.first_step) / 3
    gaps = []
    for step, value in zip(at.step[early], at.value[early], strict=True):
        place = int(np.searchsorted(label[1].step, step))
        near = label[1].value[max(0, place - 3) : place + 4]
        if near.size:
            gaps.append(float(median(near)) - float(value))
    return max(0.0, float(median(gaps))) if gaps else None


@sealed(eq=False)
class Way:
    """How far the held-out label loss has come to the ``teacher``'s, nats, and the held-out KD to 0.

    ``left`` is the share of the label loss's first distance that is left, at least 0; ``first`` and ``last`` are KD at
    the first evaluation and the last ones, float64 [evaluations] its steps.
    """

    teacher: float
    left: float
    first: float
    last: float
    step: Floats


def way_to_the_teacher(run: Run, fewest: int, nats: float) -> Way | None:
    """Return it; None with fewer evaluations, or a label loss that began less than ``nats`` above the teacher's."""
    teacher, label = teacher_held_out(run), run.get(names.EVAL_LM_LOSS)
    told = next((c for name in (names.EVAL_KL, names.EVAL_RAW + names.KD) if (c := run.get(name)) is not None), None)
    if teacher is None or label is None or told is None:
        return None
    over, kd = finite(label).value - teacher, finite(told)
    if min(over.size, len(kd)) < fewest or not over[0] > nats or not kd.value[0] > 0:
        return None
    left = max(float(median(over[-3:]) / over[0]), 0.0)
    return Way(teacher, left, float(kd.value[0]), float(median(kd.value[-3:])), kd.step)


def is_the_entropy(run: Run, kd: float, within: float) -> bool:
    """Return whether a KD of so much is the teacher's entropy within this factor, which a cross-entropy leaves."""
    entropy = run.get(names.TEACHER_ENTROPY)
    floor = float(median(entropy.value)) if entropy is not None and len(entropy) else 0.0
    return floor > 0 and floor / within < kd < floor * within
