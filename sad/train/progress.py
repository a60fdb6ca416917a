"""What a person sees while a run goes on: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Column
from rich.text import Text

from sad.evaluate import Scores
from sad.objective import Ledger
from sad_doctor.sanitize import sanitize


@runtime_checkable
class Watcher(Protocol):
    """Receives every logged step, every evaluation, and one line for anything else."""

    def step(self, step: int, ledger: Ledger, rate: float) -> None:
        """``step`` of the run is done, at ``rate`` student tokens a second."""

    def evaluation(self, step: int, scores: Scores) -> None:
        """The weights after ``step`` steps were scored."""

    def say(self, line: str) -> None:
        """Anything else, in one line."""


class Lines:
    """Plain lines, at most one a ``pause`` seconds besides evaluations."""

    def __init__(
        self, total: int, write: Callable[[str], None], pause: float = 5.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.total, self._write, self._pause, self._now = total, write, pause, now
        self._last: float | None = None

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def step(self, step: int, ledger: Ledger, rate: float) -> None:
        """Write the step if the last line is old enough, and always the last step."""
        if self._last is not None and step < self.total and self._now() - self._last < self._pause:
            return
        self._last = self._now()
        self._write(f"step {step}/{self.total}  loss {ledger.loss:.4f}  {shares(ledger)}  {rate:,.0f} tokens/s")

    def evaluation(self, step: int, scores: Scores) -> None:
        """Write the scores."""
        self._write(f"step {step}/{self.total}  {summary(scores)}")

    def say(self, line: str) -> None:
        """Write the line."""
        self._write(line)


class _Told(ProgressColumn):
    """Steps, time left, loss, speed, shares, in one text: a narrow terminal cuts its end, and the bar, not a number."""

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True, overflow="ellipsis"))

    def render(self, task: Task) -> Text:
        """Draw it."""
        seconds = task.time_remaining
        left = "-:--:--" if seconds is None else str(timedelta(seconds=round(seconds)))
        return Text(f"{task.completed:.0f}/{task.total:.0f}  {left} left  {task.fields['state']}")


class Bar:
    """A Rich progress bar with the time left, the loss, the speed and the shares; ``done`` steps lie behind it."""

    def __init__(self, total: int, console: Console, done: int = 0) -> None:
        self._bar = Progress(BarColumn(bar_width=None), _Told(), console=console, expand=True)
        self._task = self._bar.add_task("", total=total, completed=done, state="")

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, step: int, ledger: Ledger, rate: float) -> None:
        """Move the bar."""
        state = f"loss {ledger.loss:.3f}  {rate:,.0f} tok/s  {shares(ledger)}"
        self._bar.update(self._task, completed=step, state=state)

    def evaluation(self, step: int, scores: Scores) -> None:
        """Print the scores above the bar."""
        self.say(f"step {step:>5}  {summary(scores)}")

    def say(self, line: str) -> None:
        """Print the line above the bar."""
        self._bar.console.print(sanitize(line), markup=False, highlight=False)


def shares(ledger: Ledger) -> str:
    """The terms' shares of the loss in percent, largest first: ``kd 52% lm 41% layerwise 7%``."""
    largest = sorted(ledger.shares.items(), key=lambda item: -item[1])
    return " ".join(f"{name} {share:.0%}" for name, share in largest)


def summary(scores: Scores) -> str:
    """An evaluation in one line."""
    own = scores.likelihood
    return (
        f"held-out: perplexity {own.perplexity:,.1f}  {own.bits_per_byte:.3f} bits/byte  "
        f"KL to teacher {scores.kl:z.3f}  agreement {scores.agreement:.1%}"
    )
