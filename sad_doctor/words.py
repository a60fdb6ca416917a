"""How numbers and steps read in a sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence

from sad_doctor import names


def number(value: float, digits: int = 4) -> str:
    """Return ``value`` for a reader: 51.7094, 485,165,195.41, 2.01e-05; at most ``digits`` decimals."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("infinity" if value > 0 else "minus infinity")
    if value == 0:
        return "0"
    if abs(value) >= 1e12 or abs(value) < 1e-3:
        return f"{value:.4g}"
    text = f"{value:,.{2 if abs(value) >= 1000 else digits}f}"
    return text.rstrip("0").rstrip(".")


def step(value: float) -> str:
    """Return a step with thousands separators: 21,700; one that no run reaches in short: 1e+308."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else number(value)


def steps(values: Sequence[float]) -> str:
    """Return steps as words: "step 499", "steps 499 and 999", "steps 0, 500 … 21,500 (44 of them)"."""
    told = [step(v) for v in values]
    if len(told) == 1:
        return f"step {told[0]}"
    if len(told) <= 4:
        return f"steps {', '.join(told[:-1])} and {told[-1]}"
    return f"steps {told[0]}, {told[1]} … {told[-1]} ({len(told)} of them)"


def span(first: float, last: float) -> str:
    """Return a stretch of steps as words: "steps 499 to 999", or "step 499" for one."""
    return f"steps {step(first)} to {step(last)}" if last > first else f"step {step(first)}"


def spread(
    values: Sequence[float], what: str, spell: Callable[[float], str] = number, unit: str = "", of: str = ""
) -> str:
    """Return how far ``values``, of which there is one at least, reach, and in how many of ``what``.

    "Between 31.0% and 48.1% in 11 records", "48.1% in each of 11 records", "48.1% in the only record". ``unit`` stands
    after the numbers, ``of`` at the end.
    """
    low, high = spell(min(values)), spell(max(values))
    if low != high:
        return f"Between {low} and {high}{unit} in {counted(len(values), what)}{of}"
    each = f"the only {what}" if len(values) == 1 else f"each of {counted(len(values), what)}"
    return f"{low}{unit} in {each}{of}"


def in_epochs(sentence: str) -> str:
    """Return ``sentence`` with "epoch" for "step" before a number, for a log whose steps are epochs."""
    return _STEPS.sub(lambda found: "Epoch" if found[0] == "Step" else "epoch", sentence)


def percent(share: float) -> str:
    """Return a fraction as a percentage with one decimal: 90.6%."""
    return f"{100 * share:.1f}%"


def duration(seconds: float) -> str:
    """Return a finite time as a whole number of its largest unit: "3 days", "1 hour", "12 minutes"."""
    size, name = next((unit for unit in _UNITS if seconds >= unit[0]), _UNITS[-1])
    count = int(seconds // size)
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def counted(count: int, what: str) -> str:
    """Return a number with its noun: "1 record", "1,000 records"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def listing(items: Iterable[str]) -> str:
    """Return items as words: "kd", "kd and lm", "kd, lm and layerwise"."""
    items = list(items)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


_STEPS = re.compile(r"\b[Ss]tep(?=s? \d)")
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))

_CALLED = {
    names.LOSS: "the training loss",
    names.BAR_LOSS: "the progress bar's loss",
    names.LEARNING_RATE: "the learning rate",
    names.GRAD_NORM: "the gradient norm",
    names.LOSS_SCALE: "the loss scale",
    names.TOKENS: "the number of tokens",
    names.LENGTH: "the length of the sequences",
    names.UPDATE_RATIO: "the size of the update",
    names.TEACHER_LOSS: "the teacher's loss on the labels",
    names.TEACHER_ENTROPY: "the teacher's entropy",
    names.TEACHER_EVAL_LM_LOSS: "the teacher's loss at the evaluation",
    names.EVAL_LOSS: "the evaluation loss",
    names.EVAL_LM_LOSS: "the evaluation's LM loss",
    names.EVAL_PERPLEXITY: "the perplexity",
    names.EVAL_BITS_PER_BYTE: "the bits per byte",
    names.EVAL_KL: "the evaluation's KL",
}


def called(column: str) -> str:
    """Return what people call a column: ``train/raw/kd`` gives "the term kd"."""
    term = names.term_of(column)
    if term is None:
        return _CALLED.get(column, column)
    if column.startswith(names.WEIGHT):
        return f"the weight of {term}"
    return f"the evaluation's term {term}" if column.startswith("eval/") else f"the term {term}"


def capital(sentence: str) -> str:
    """Return ``sentence`` with its first letter in upper case."""
    return sentence[:1].upper() + sentence[1:]


def alike(word: str, known: Iterable[str], n: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return at most ``n`` of the ``known`` words that are spelled most like ``word``, above a share of ``cutoff``."""
    # loaded where somebody mistyped
    import difflib

    return difflib.get_close_matches(word, list(known), n=n, cutoff=cutoff)
