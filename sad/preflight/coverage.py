"""How much of the text can be compared, and how much of the teacher's mass arrives?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sad.evaluate import Scores, evaluate
from sad.preflight.bench import Bench
from sad.preflight.finding import Finding, Level

TOPIC = "alignment"
LITTLE, HARDLY = 0.6, 0.2
"""Share of the labels that must stand at a common boundary: below the first KD says little, below the second none."""
LOST, MOSTLY_LOST = 0.9, 0.5
"""Share of the teacher's mass that must have a student token."""
LOOKED_AT = 500


def coverage(bench: Bench) -> Iterator[Finding]:
    """Judge common boundaries, chunks between them, and the mass that maps."""
    plan = bench.plan
    mine, theirs = _chunks(bench, "at_student"), _chunks(bench, "at_teacher")
    share = plan.coverage
    numbers: dict[str, float] = {
        "coverage": share,
        "student_chunk": float(mine.mean()),
        "teacher_chunk": float(theirs.mean()),
    }
    says = (
        f"{share:.1%} of the labels stand at a common boundary; chunks of {mine.mean():.2f} student and "
        f"{theirs.mean():.2f} teacher tokens, the longest {mine.max()} and {theirs.max()}"
    )
    yield Finding(TOPIC, _level(share, LITTLE, HARDLY), says, numbers=numbers, **_mend(bench, share < LITTLE))
    mass = bench.once(held_out).mapped
    says = f"{mass:.1%} of the teacher's mass has a student token ({plan.pair.vocab.mapped:.1%} of its tokens)"
    yield Finding(
        TOPIC, _level(mass, LOST, MOSTLY_LOST), says, numbers={"mass": mass}, **_mend(bench, not mass >= LOST)
    )


def held_out(bench: Bench) -> Scores:
    """Score the student as it is on the held-out cut, with the training code's own evaluation."""
    with bench.kit() as kit, kit.accelerator.autocast():
        some = bench.held_out
        # one window at a time: the cut may be longer than the user's micro-batch
        return evaluate(kit.distiller, (kit.collated([one]) for one in some), kit.objective)


def _chunks(bench: Bench, side: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Tokens between two common boundaries."""
    every = [np.diff(getattr(example, side)) for example in bench.plan.train[:LOOKED_AT]]
    joined = np.concatenate(every)
    return joined if joined.size else np.ones(1, dtype=np.int64)


def _level(value: float, low: float, lowest: float) -> Level:
    if not value >= lowest:
        return Level.WRONG
    return Level.WARNING if value < low else Level.FINE


def _mend(bench: Bench, bad: bool) -> dict[str, Any]:
    if not bad:
        return {}
    teacher, student = bench.plan.recipe.teacher, bench.plan.recipe.student
    if student.model.startswith("random:"):
        return {"edits": {"student.tokenizer": teacher.tokenizer or teacher.model}}
    return {"advice": "take a student whose tokenizer cuts this text more like the teacher's, or lean on terms.lm"}
