"""What follows the student is moved by what was measured of it, as the objective says, and by nothing else.

## Property
For a student that stands still, over steps of unequal texts in several micro-batches: the values of a step, the weights
of its terms, and its gradient by every weight of the student, of the projections and of the map of layers equal those
of a plain computation from the texts of this step and of those before. So it is with KD's places weighed by their gap,
above and below the mean; with blocks that answer to a learned mixture of the teacher's, in each way to normalise a
state; with terms that wait for the student's progress on the way to the teacher, and with a student that has no way to
go; with target shares of the gradient's norm. A run that moves its student, is stopped and taken up ends with the same
numbers as one that is not stopped.

## Why it must hold
A curriculum that counts steps goes on where the student stands still: the loss moves, and is read as learning. A weight
that is counted within a micro-batch depends on how a step is cut. None of this shows in a log.

## Tolerance
2e-5 of each number and of each gradient's norm, as for an objective that does not move (measured: 3e-6). None between a
run that was stopped and one that was not.

## What breaks it
Weights that rise with the number of the step; weights of places brought to mean 1 within a micro-batch, or with a
gradient of their own; progress that is measured from the step's own loss; a map that begins anywhere; shares that are
met anew at every measurement; a mean, a map or a beginning that is lost when the run is taken up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sad import tiny
from sad.invariants._pairs import HELD_OUT, LLAMA, TEXTS, sharpened
from sad.invariants.objective_matches_the_texts import TOLERANCE, compared
from sad.subjects.following import Following
from sad.subjects.objective import (
    COSINE,
    KD,
    LAYERNORM,
    LAYERWISE,
    LM,
    RELATIONS,
    RELATIVE,
    TEXT,
    Account,
    Learner,
    Task,
)
from sad.subjects.plain.following import PlainFollowing
from sad.subjects.probe.unwritten import unwritten_is_nan
from sad.verdict import Verdict

ID = "I07"

WEIGHTS = {KD: 0.7, LM: 1.3, LAYERWISE: 0.4}
STILL, MOVING = 1e-30, 1e-2
"""Learning rates: one that changes no weight in float32, and one that does."""
READY, NEARLY = "a student that is ready", "a student that is nearly ready"
STEPS, STOPPED = 5, 2
"""Three steps are a pass through the texts; the means of means begin with the fourth."""
CONFUSED, PLAIN = 20.0, 1.0
"""Sharpness of a model that is worse than one that knows nothing, and of one that knows nothing."""


def objective_follows_the_student(learner: Learner) -> Verdict:
    """Judge the last of a few steps, with several that follow; then a run that is stopped."""
    worst, numbers = 0.0, 0
    for name, task in _tasks():
        with unwritten_is_nan():
            got = learner(task)
        for off, says in compared(got, _right(task, got)):
            numbers += 1
            if not off <= TOLERANCE:
                return Verdict(False, f"{name}: {says}", {"off": off})
            worst = max(worst, off)
    for name, task in _moving():
        assert task.following is not None
        whole, taken_up = (
            learner(replace(task, following=replace(task.following, stopped=at))) for at in (None, STOPPED)
        )
        for off, says in compared(taken_up, whole):
            numbers += 1
            if off != 0:
                return Verdict(False, f"{name}, taken up after step {STOPPED}: {says}", {"off": off})
    says = f"{numbers} numbers and gradients follow the student, within {worst:.0e}"
    return Verdict(True, says, {"numbers": numbers, "off": worst})


def _right(task: Task, got: Account) -> Account:
    return PlainFollowing().following(task, [*got.earlier, got.batches], got.projections)


def _tasks() -> Iterator[tuple[str, Task]]:
    yield "far places first", _task(Following(STEPS, power=1.5, most=2.0, learned=True), COSINE)
    near = Following(STEPS, power=-0.5, learned=True, waiting=(KD, LAYERWISE), begin=0.05, end=0.5)
    # in this order the mean of the LM loss falls, and rises again; from other texts, that are harder
    texts, held_out = tuple(TEXTS[i] for i in (0, 4, 1, 2, 3)), (TEXTS[3], TEXTS[0])
    yield "terms that wait", replace(_task(near, LAYERNORM), texts=texts, held_out=held_out)
    ready = Following(1, waiting=(KD,))
    yield READY, _task(ready, RELATIVE, student=PLAIN, teacher=CONFUSED)
    # half a nat, of which nothing is gone at its first step
    yield NEARLY, _task(ready, RELATIVE, teacher=CONFUSED)
    shares = Following(STEPS, power=0.5, shares={KD: 50.0, LM: 30.0, LAYERWISE: 20.0}, learned=True)
    yield "shares of the gradient", _task(shares, RELATIVE)


def _moving() -> Iterator[tuple[str, Task]]:
    """Tasks between them with all that is known of a student."""
    for name, task in _tasks():
        if (
            task.following is not None
            and (task.following.waiting or task.following.shares)
            and name not in (READY, NEARLY)
        ):
            few = replace(task.following, steps=STOPPED + 2)
            yield name, replace(task, rate=MOVING, projection_rate=MOVING, following=few)


def _task(of: Following, normalisation: str, student: float = CONFUSED, teacher: float = PLAIN) -> Task:
    readers = tiny.tokenizer(320), tiny.tokenizer(400)
    mine, theirs = len(readers[0]), len(readers[1])
    models: tuple[Any, Any] = (sharpened(LLAMA, mine, 2, 16, student), sharpened(LLAMA, theirs, 3, 24, teacher))
    return Task(
        *models,
        *readers,
        texts=TEXTS,
        held_out=HELD_OUT,
        weights=WEIGHTS,
        temperature=2.0,
        sharpness=0.5,
        blocks=((0, 1), (1, 0)),
        micro_batch=1,
        chunk_temperature=1.0,
        normalisation=normalisation,
        attention=RELATIONS,
        attention_blocks=((0, 0),),
        relation_heads=None,
        negatives=TEXT,
        rate=STILL,
        projection_rate=STILL,
        following=of,
    )
