"""A schedule called cosine that is linear

## Symptom
The curve of the learning rate is a triangle. Half-way down both schedules agree; a quarter of the way the cosine has
85% of the peak and the line 75%, at three quarters 15% and 25%.

## Mechanism
For `cosine` the code calls the library's linear schedule with warm-up.

## What its documented fix did
There was none: it stands so in every version that was read.

## Fix
There is one schedule, a closed form (`rate_factor` in `sad/train/optimizer.py`).

## Source
rakeshb49/student_aware_distillation, utils/training.py; S18 of the catalogue of real bugs.
"""

from __future__ import annotations

from sad.bug import Bug
from sad.invariants.configuration_has_effect import configuration_has_effect
from sad.invariants.step_accounting import step_accounting
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.loop import PlainLoop
from sad.subjects.schedules import Schedule, factor
from sad.subjects.trainer import Trainer


class _LinearInTruth(PlainLoop):
    def learning_rate(self) -> float:
        if self.setup.schedule is not Schedule.COSINE:
            return super().learning_rate()
        linear = factor(Schedule.LINEAR, self.position, self.setup.steps, self.setup.warmup)
        return self.setup.learning_rate * linear


def buggy() -> Trainer:
    """Linear under the name of cosine."""
    return _LinearInTruth()


fixed = shipped_trainer

BUG = Bug(
    "V410", "cosine-is-linear", __doc__, (configuration_has_effect, step_accounting), buggy, fixed, covers=("S18",)
)
