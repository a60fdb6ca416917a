"""Runs the doctor's rules on the run's own record while it trains, at a bounded cost, and acts on red flags.

The record is read back from the run's folder by the doctor's own reader, only what is new: what trips here is what
`sad doctor` shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sad.train.saving import checkpoint
from sad.train.saving.checkpoint import Progress
from sad_doctor import check
from sad_doctor import rules as doctor
from sad_doctor.finding import Finding, Level

Mode = Literal["ignore", "warn", "stop", "rollback"]
EVERY = 10
"""Fewest steps between two looks."""
PRICE = 0.01
"""Share of the run's time that looks may take: after a look of one second, the next comes 99 seconds later."""
HANDLED = frozenset({"non-finite", "non-finite-gradient"})
"""The loop leaves such steps out by itself; only where they come in a row is there more to do."""
IN_A_ROW = 3
DYNAMIC = frozenset({"loss-diverges", "non-finite-hidden", *HANDLED})
"""Flags that other batches from an earlier state may not bring back. Going back cures no others: they are of the
set-up, and would be there again."""
RULES = tuple(rule for rule in doctor.RULES if not rule.code.startswith("R5"))
"""The rules but those on crashes and silence, which a running process cannot judge of itself."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do after a step: go ``back`` to the checkpoint of a step, ``stop``, or neither; ``why`` says it in a
    line. ``news`` are the findings that were not reported yet.
    """

    news: tuple[Finding, ...] = ()
    stop: bool = False
    back: int | None = None
    why: str = ""


class RedFlags:
    """Looks at a run's record every so often, which has a line each ``log_every`` steps. For the process that writes
    it; ``now`` is a clock in seconds.
    """

    def __init__(
        self,
        folder: Path,
        mode: Mode,
        most_rollbacks: int,
        log_every: int = 1,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._folder, self._mode, self._most, self._now = folder, mode, most_rollbacks, now
        self._log_every = log_every
        if mode != "ignore":
            # the doctor's readers take long to load
            from sad_doctor.readers.run_folder import RunFolder

            self._source = RunFolder(folder)
        self._next = now()
        self.spent = 0.0

    def look(self, progress: Progress, *, last: bool = False) -> Verdict:
        """Judge the record as it is after a step, if it is time to, and always after the ``last``."""
        if self._mode == "ignore" or not (last or self._is_time(progress.step)):
            return Verdict()
        started = self._now()
        self._source.poll()
        findings = check(self._source.run(), RULES).findings
        ended = self._now()
        self.spent += ended - started
        self._next = ended + (ended - started) * (1 - PRICE) / PRICE
        news = [f for f in findings if f.level >= Level.WARNING and f.name not in progress.told]
        progress.told += [f.name for f in news]
        grave = [f for f in findings if f.level is Level.ERROR and self._open(f, progress)]
        if self._mode == "warn" or last or not grave:
            return Verdict(tuple(news))
        return self._act(tuple(news), grave[0], progress)

    def _act(self, news: tuple[Finding, ...], finding: Finding, progress: Progress) -> Verdict:
        told = f"{finding.rule} {finding.name}: {finding.headline}"
        if self._mode == "stop":
            return Verdict(news, stop=True, why=told)
        if finding.name not in DYNAMIC:
            return Verdict(news, stop=True, why=f"{told} Going back would not cure it.")
        if progress.rollbacks >= self._most:
            return Verdict(news, stop=True, why=f"{told} It came again after {progress.rollbacks} rollbacks.")
        back = checkpoint.last_before(self._folder, self._shown_good(finding.first_step))
        if back is None:
            return Verdict(news, stop=True, why=f"{told} No checkpoint is older than it.")
        return Verdict(news, back=back, why=told)

    def _shown_good(self, bad: float | None) -> float | None:
        """Return the step before which a checkpoint is older than what ``bad`` is the first record of.

        A step's loss is that of the weights before it: those of a checkpoint are shown to be good by a later step. The
        last good record may be ``log_every`` steps old, and what spoiled the weights that very step. Only the first
        weights are good without one: they were scored.
        """
        return None if bad is None else max(1.0, bad - self._log_every)

    def _is_time(self, step: int) -> bool:
        return step % EVERY == 0 and self._now() >= self._next

    @staticmethod
    def _open(finding: Finding, progress: Progress) -> bool:
        return finding.name not in HANDLED or progress.in_vain >= IN_A_ROW
