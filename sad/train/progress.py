"""What a person sees while a run goes on: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from sad.evaluate import Scores
from sad.objective import Ledger


@runtime_checkable
class Watcher(Protocol):
    """Is told of every logged step, of every evaluation, and of what else happens."""

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


class Bar:
    """A Rich progress bar with the loss, the shares, the speed and the time left."""

    def __init__(self, total: int, console: Any, done: int = 0) -> None:  # noqa: ANN401 - rich.console.Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("distilling", style="bold"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left", style="dim"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("", total=total, completed=done, state="")

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, step: int, ledger: Ledger, rate: float) -> None:
        """Move the bar."""
        state = f"loss {ledger.loss:.3f}  {shares(ledger)}  {rate:,.0f} tok/s"
        self._bar.update(self._task, completed=step, state=state)

    def evaluation(self, step: int, scores: Scores) -> None:
        """Print the scores above the bar."""
        self.say(f"step {step:>5}  {summary(scores)}")

    def say(self, line: str) -> None:
        """Print the line above the bar."""
        self._bar.console.print(line, markup=False, highlight=False)


def shares(ledger: Ledger) -> str:
    """The terms' shares of the loss in percent, largest first: ``kd 52% lm 41% layerwise 7%``."""
    largest = sorted(ledger.shares.items(), key=lambda item: -item[1])
    return " ".join(f"{name} {share:.0%}" for name, share in largest)


def summary(scores: Scores) -> str:
    """An evaluation in one line."""
    own = scores.likelihood
    return (
        f"held-out: perplexity {own.perplexity:,.1f}  {own.bits_per_byte:.3f} bits/byte  "
        f"KL to teacher {scores.kl:.3f}  agreement {scores.agreement:.1%}"
    )
