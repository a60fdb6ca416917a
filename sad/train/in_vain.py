"""Ends a run most of whose steps are left out: weights that cannot move must not end as a success."""

from __future__ import annotations

from dataclasses import dataclass

from sad.errors import TrainingError
from sad.train.ledger.record import blame
from sad.train.saving.checkpoint import Progress
from sad.train.step import Step

IN_A_ROW = 20
"""Steps in a row whose loss or gradient is not finite, after which there is nothing to wait for."""
MOST = 0.5
"""If more than this share of a run's steps is left out, it learnt only from the texts that happened to be spared."""
ENOUGH = 2 * IN_A_ROW
"""Steps after which the share is judged before the run is over: fewer may be a bad beginning."""
ADVICE = "lower train.learning_rate, train in fp32, or look at the data and the weights of the terms"
WIDER = "set train.precision = fp32, or take another teacher"
OTHER = "take another teacher, or leave out the texts on which it fails"


@dataclass(slots=True)
class InVain:
    """Judges a run of ``steps`` steps after each of them, by what its ``progress`` counts."""

    progress: Progress
    steps: int
    precision: str
    _last: Step | None = None

    def check(self, done: Step) -> None:
        """Raise TrainingError where steps go on being left out, in a row or most of many."""
        if not done.finite:
            self._last = done
        row = self.progress.in_vain
        if row >= min(IN_A_ROW, self.steps):
            raise TrainingError(f"the last {row} steps were all left out: {self._why()}")
        if self.progress.step >= ENOUGH:
            self.conclude()

    def conclude(self) -> None:
        """Raise TrainingError where most of the steps so far were left out."""
        step, skipped = self.progress.step, self.progress.skipped
        if skipped > MOST * step:
            raise TrainingError(f"{skipped} of {step} steps were left out: {self._why()}")

    def _why(self) -> str:
        """What was not finite in the last step that this process saw, and what to do."""
        if self._last is None:
            return f"their loss or gradient was not finite; {ADVICE}"
        if not self._last.teacher_fails:
            return f"{blame(self._last)}; {ADVICE}"
        return f"{blame(self._last)}; {OTHER if self.precision == 'fp32' else WIDER}"
