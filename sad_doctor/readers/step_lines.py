"""Lines that a training loop prints for itself: ``step 10/500 | loss: 3.21 | lr 1e-4``, ``step=10 loss=3.21``.

Names and numbers stand side by side, with ``:``, ``=`` or a blank between; the step has a name, or is an ``N/M``. So
print nanoGPT, llm.c, torchtune, torchtitan, Megatron-LM, fairseq, Keras and most loops that people write.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sad_doctor import names
from sad_doctor.readers.naming import column_of, plain, step_rank
from sad_doctor.readers.numbers import NUMBER
from sad_doctor.readers.rows import Rows
from sad_doctor.readers.spelled import spelled
from sad_doctor.run import Column

LONGEST = 2000
"""Characters of a line that are looked at."""
_THOUSANDS = r"\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?"
_KILO = r"\d+(?:\.\d+)?k(?![\w./])"
_WORD = r"(?!(?:nan|inf|infinity)(?![\w./\-]))[A-Za-z_][\w./\-]{0,60}"
"""A word of a name; a value that is spelled in letters is none."""
_PAIR = re.compile(
    rf"(?<![\w./\-])(?P<name>{_WORD}(?: {_WORD}){{0,4}})'?"
    rf"(?: ?\([^()]{{0,20}}\))?\s{{0,3}}[:=]?\s{{0,12}}['\[(]?\s{{0,3}}"
    rf"(?P<value>{_THOUSANDS}|{_KILO}|{NUMBER})(?:\s{{0,3}}/\s{{0,12}}(?P<of>\d{{1,15}}))?",
    re.IGNORECASE,
)
_OF = re.compile(r"(?<![\w.])(\d{1,15})\s*/\s*(\d{1,15})(?![\w.]*[./\-])")
_EVALUATES = re.compile(r"\b(?:eval|evaluation|valid|validation|val|dev|test)\b", re.IGNORECASE)
_REST = re.compile(r"[\s,;|:=()\[\]{}\-–—>*#']*")
_SIGNS = (":", "=")
_OF_A_LOSS = frozenset(
    {"debug", "info", "warn", "warning", "error", "critical", "rank", "main", "logger", "root", "trainer", "train"}
    | {"training", "finished", "done", "ended", "and", "with", "the", "its", "got", "has", "is"}
    | {"total", "overall", "global", "avg", "average", "averaged", "mean", "running", "smoothed", "current", "last"}
    | {"batch", "minibatch", "step", "iter", "iteration", "epoch", "final", "end", "new", "reduced"}
)
"""Words before ``loss`` that a logger writes or that leave its meaning; any other makes it a loss of another kind."""
_EPOCHS = ("epoch", "ep")
_INNER = frozenset({"inner", "ppo"})
"""Words before a step or an epoch that count within one: of the passes over a batch of the student's own texts."""
_LOSSES = (names.LOSS, names.EVAL_LOSS, names.EVAL_LM_LOSS, names.EVAL_PERPLEXITY, names.EVAL_KL)
_PARTS = (names.RAW, names.WEIGHTED, names.EVAL_RAW, names.EVAL_WEIGHTED)


@dataclass(frozen=True, slots=True)
class Line:
    """What a line says: its step, its epoch, each with how many there will be, and its values by the log's names.

    ``whole`` tells that it holds nothing else, ``unnamed`` that the step is a bare ``N/M``.
    """

    step: float | None = None
    steps: int | None = None
    epoch: float | None = None
    epochs: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    whole: bool = False
    unnamed: bool = False

    @property
    def has_loss(self) -> bool:
        """Whether one of the values is a loss, a part of one, or a perplexity."""
        found = [(column_of(name) or "", plain(name)) for name in self.values]
        return any(ours in _LOSSES or ours.startswith(_PARTS) or name.endswith("_loss") for ours, name in found)


def parse(line: str) -> Line | None:
    """Return what a line says of a training, or None if it has neither a loss nor a step nor an epoch."""
    line = spelled(line[:LONGEST])
    step = steps = epoch = epochs = None
    within = False
    values: dict[str, float] = {}
    words, rest = "", []
    at = 0
    for found in _PAIR.finditer(line):
        # a word right behind a sign is the value before this name: task:chat loss:3.1
        told = found["name"].split(" ", 1)[-1] if line[found.start() - 1 : found.start()] in _SIGNS else found["name"]
        name = _known(told)
        value, of = _number(found["value"]), found["of"]
        rest.append(line[at : found.start()])
        at = found.end()
        words += " " + found["name"]
        inner = not _INNER.isdisjoint(told.lower().split())
        if step_rank(name) is not None:
            # fairseq's "update" is a part of an epoch, and "num_updates" the steps
            if (step is None or (within and not inner) or (step % 1 and not value % 1)) and " per " not in found[
                "name"
            ]:
                step, steps, within = value, int(of) if of else None if within else steps, inner
        elif plain(name) in _EPOCHS and not inner:
            epoch, epochs = value, int(of) if of else epochs
        elif not math.isfinite(value) and not _signed(found) and column_of(name) is None and plain(name)[-4:] != "loss":
            continue  # prose: number of nan iterations
        elif not of and name not in values:
            values[name] = value
    unnamed = _unnamed(line) if step is None else None
    if unnamed is not None:
        step, steps = unnamed
    rest.append(line[at:])
    own = any(plain(name).startswith(("eval/", "train_", "train/", "actor/")) for name in values)
    if not own and (_EVALUATES.search(line) is not None):
        values = {f"eval_{name}": value for name, value in values.items()}
    whole = bool(values) and all(_REST.fullmatch(one) for one in rest)
    said = Line(step, steps, epoch, epochs, values, whole, unnamed is not None)
    return said if said.has_loss or ((step is not None or epoch is not None) and not values) else None


def _signed(found: re.Match[str]) -> bool:
    """Whether a sign stands between a name and its value, not blanks alone."""
    return found.string[found.end("name") : found.start("value")].strip() != ""


def _known(name: str) -> str:
    """The longest end of the words before a number that is a name we know; else the last word.

    ``logits loss`` is no ``loss``: a word before it that says of what it is belongs to its name.
    """
    words = name.split()
    for start in range(len(words)):
        some = "_".join(words[start:])
        if plain(some) == "loss" and start and not _leaves_it(words[start - 1]):
            first = max((at + 1 for at in range(start) if _leaves_it(words[at])), default=0)
            return "_".join(words[first:])
        if step_rank(some) is not None or column_of(some) is not None or plain(some) in _EPOCHS:
            return some
    return words[-1]


def _number(text: str) -> float:
    """The number in a text such as ``1,000`` or ``1.5k``."""
    text = text.lower().replace(",", "")
    return round(float(text[:-1]) * 1000, 6) if text.endswith("k") else float(text)


def _leaves_it(word: str) -> bool:
    """Whether a word before ``loss`` is a logger's, or one that leaves it the total."""
    return word.lower() in _OF_A_LOSS or "." in word or step_rank(word) is not None


def _unnamed(line: str) -> tuple[float, int] | None:
    """An ``N/M`` that is not of epochs: where the batch is in its epoch."""
    for found in _OF.finditer(line):
        before = line[max(0, found.start() - 12) : found.start()].lower()
        if not re.search(r"epochs?\W{0,4}$", before) and int(found[1]) <= int(found[2]):
            return float(found[1]), int(found[2])
    return None


class StepLines:
    """Takes lines; keeps their columns. ``known`` tells that the log has lines of another kind that name its steps."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._step: float | None = None
        self._epoch: float | None = None
        self._total: int | None = None
        self._numbered = self._loose = False
        self._epochs: int | None = None
        self._counted = _Counted()

    def line(self, line: str, known: bool) -> float | None:
        """Take a line; return the step of its values, or None if it has none that count."""
        told = parse(line)
        if told is None:
            return None
        if not told.values:
            # a heading: the lines below it are of this step, or of this epoch
            if told.whole or len(line) < 60:
                self._step = told.step if told.step is not None else self._step
                self._loose = told.unnamed if told.step is not None else self._loose
                self._epoch = told.epoch if told.epoch is not None else self._epoch
                self._epochs = told.epochs or self._epochs
            return None
        placed = told.whole or self._numbered or told.epoch is not None
        if told.step is None and (known or not placed):
            return None
        self._numbered = self._numbered or told.step is not None
        if told.epoch is not None and self._loose:
            self._step = None  # "part 1/5" above lines that tell their epoch is no step
        step = told.step if told.step is not None else self._step
        epoch = told.epoch if told.epoch is not None else self._epoch
        row: dict[str, object] = dict(told.values)
        evaluates = all(plain(name).startswith("eval/") for name in told.values)
        if evaluates and told.steps and self._counted.steps not in (None, told.steps) and epoch == self._counted.epoch:
            step = None  # a place among the batches of the evaluation
        row |= {} if step is None else {"step": self._counted.on(step, told.steps, epoch)}
        row |= {} if epoch is None else {"epoch": epoch}
        self._step = None if told.step is not None else self._step
        self._epoch = epoch
        self._count(told)
        return self._rows.step if self._rows.add(row) else None

    @property
    def told(self) -> bool:
        """Whether any line had values."""
        return self._rows.count > 0

    @property
    def columns(self) -> dict[str, Column]:
        """The columns as they are now; a loss of another kind that stands alone is the total."""
        columns = self._rows.snapshot()
        if (only := _alone(columns)) is not None:
            columns[names.LOSS] = columns.pop(only)
        return columns

    @property
    def facts(self) -> dict[str, object]:
        """How many steps the run will take, where a line tells it."""
        told = {} if self._total is None else {names.TOTAL_STEPS: self._total}
        return {**self._rows.facts, **told} if self._rows.count else {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed."""
        if not self._rows.count:
            return ()
        counted = ("the step began anew with each epoch: it is counted on by the epoch's length",)
        only = _alone(self._rows.snapshot())
        alone = () if only is None else (f"read {only} as {names.LOSS}: the log has no other loss",)
        return (*self._rows.notes, *alone, *(counted if self._counted.passed else ()))

    def _count(self, told: Line) -> None:
        if told.steps is None:
            return
        epochs = told.epochs or self._epochs
        if told.epoch is None and self._epoch is None:
            self._total = told.steps
        elif epochs is not None:
            self._total = told.steps * epochs


class _Counted:
    """Counts steps on that begin anew with a later epoch, where a line tells the epoch's length.

    Without the length the rows count on from the step before, and an epoch of one line would have no step of its own.
    """

    def __init__(self) -> None:
        self.passed = 0.0
        self.steps: int | None = None
        self.epoch: float | None = None
        self._first: float | None = None
        self._step = -1.0

    def on(self, step: float, steps: int | None, epoch: float | None) -> float:
        if epoch is not None and steps:
            self._first = epoch if self._first is None else self._first
            if self.epoch is not None and epoch > self.epoch and step <= self._step:
                self.passed = (epoch - self._first) * steps
            self.epoch, self.steps, self._step = epoch, steps, step
        return step + self.passed


def _alone(columns: Mapping[str, Column]) -> str | None:
    """The name of the only loss of a training, where that is one of a kind that we do not know."""
    if any(name == names.LOSS or name.startswith(_PARTS) for name in columns):
        return None
    found = [name for name in columns if plain(name).endswith("_loss") and names.maybe_term(name) is not None]
    return found[0] if len(found) == 1 else None


def trains(lines: Iterable[str]) -> bool:
    """Whether lines are a training's: one of them has a step and a loss, or several are nothing but values."""
    plain_ones = 0
    for line in lines:
        told = parse(line)
        if told is None or not told.values:
            continue
        plain_ones += told.whole
        if told.step is not None or told.epoch is not None or plain_ones > 2:
            return True
    return False
