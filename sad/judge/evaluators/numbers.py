"""Which of the numbers that an evaluator returned is the loss, which the perplexity: by name, else by value."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from sad.judge.output import article
from sad.judge.stand_in import NeedsAdapterError
from sad.subjects.metric import ACCURACY, AGREEMENT, ENTROPY, KL, LM_LOSS, PERPLEXITY

NAMES = {
    **dict.fromkeys(
        (
            "loss",
            "lm_loss",
            "nll",
            "nll_loss",
            "ce",
            "ce_loss",
            "cross_entropy",
            "mean_loss",
            "avg_loss",
            "average_loss",
        ),
        LM_LOSS,
    ),
    **dict.fromkeys(("perplexity", "ppl", "mean_perplexity"), PERPLEXITY),
    **dict.fromkeys(("accuracy", "acc", "token_accuracy", "mean_token_accuracy", "next_token_accuracy"), ACCURACY),
    **dict.fromkeys(("kl", "kl_div", "kl_divergence", "teacher_kl"), KL),
    **dict.fromkeys(("agreement", "top1_agreement", "teacher_agreement"), AGREEMENT),
    "entropy": ENTROPY,
}
BEFORE = re.compile(r"^(eval|val|valid|validation|test|student|held_out|heldout)[_/.]")
ASIDE = re.compile(r"time|second|runtime|steps?$|samples|epoch|count|tokens$|num_|^n_|batches|per_byte")
"""Numbers that are no property of a model, or none that is judged."""
VALUE = "the number"
"""The name of a number that came without one."""
DISTANCE = re.compile(r"(^|_)r?kl([_d]|$)|kl_?div|kd|distil|diverg")
"""Where a number may be a distance to the teacher."""
BACKWARDS = re.compile(r"reverse|rkl|r_kl|backward|student_?\|\||minillm|mode.?seeking", re.IGNORECASE)
"""Where name or source own up to a reverse KL."""
REVERSE = "reverse_kl"
"""KL(student || teacher), nats: by its value alone."""
NEAR = 1e-3
"""Relative: near enough to be told by."""
EXACT = 1e-5
"""Relative: what float32 leaves of the reverse KL, which a KL over some rows more may come near."""


BITS = re.compile(r"bpb|bpc|bpt|bits")
"""Where the name of a function says that it reports bits."""


class WrongNumbersError(Exception):
    """What was returned is no number, and has none in it; the sentence says what it is."""


def numbers(returned: Any) -> dict[str, float]:  # noqa: ANN401 - that is the question
    """Return every number that was returned, by its name. Raises ``WrongNumbersError`` where there is none."""
    if isinstance(returned, Mapping):
        found = {str(name): value for name, one in returned.items() if (value := _number(one)) is not None}
    elif isinstance(returned, tuple | list):
        parts = [numbers(one) for one in returned if isinstance(one, Mapping)]
        found = {name: value for part in parts for name, value in part.items()}
        plain = [(i, value) for i, one in enumerate(returned) if (value := _number(one)) is not None]
        found |= {f"{VALUE} {i + 1}": value for i, value in plain}
    elif (value := _number(returned)) is not None:
        found = {VALUE: value}
    elif hasattr(returned, "metrics"):
        return numbers(returned.metrics)
    elif hasattr(returned, "__dict__"):
        found = {name: value for name, one in vars(returned).items() if (value := _number(one)) is not None}
    else:
        found = {}
    if not found:
        what = "None" if returned is None else article(type(returned).__name__)
        if isinstance(returned, Mapping) and any(isinstance(one, list) and one for one in returned.values()):
            raise NeedsAdapterError("it returns lists of numbers, whose mean its caller takes")
        raise WrongNumbersError(f"returns {what}, no number")
    return found


def _number(one: Any) -> float | None:  # noqa: ANN401
    if one is None or isinstance(one, bool | str | bytes | Mapping):
        return None
    try:
        return float(one)
    except (TypeError, ValueError, RuntimeError):
        return None


def named(name: str) -> str | None:
    """Return which of the known numbers a name says, None if none."""
    lower = name.lower()
    while BEFORE.match(lower):
        lower = BEFORE.sub("", lower)
    return NAMES.get(lower)


def meanings(
    found: Mapping[str, float], right: Mapping[str, float], function: str, *, teacher: bool
) -> tuple[dict[str, str], list[str]]:
    """Return what each number is, and those that are none that is known.

    ``right`` are the right ones of the same texts. A name counts; what has none, or what a teacher may be mixed into,
    is told by its value, and by the name of the function.
    """
    known: dict[str, str] = {}
    other: list[str] = []
    for name, value in found.items():
        if ASIDE.search(name.lower()):
            continue
        by_name = named(name)
        by_value = next((what for what in (LM_LOSS, PERPLEXITY, ACCURACY, KL) if near(value, right[what])), None)
        if by_name == LM_LOSS and by_value != LM_LOSS and teacher:
            # the objective of the training, say
            other.append(name)
        elif by_name is not None:
            known[name] = by_name
        elif DISTANCE.search(name.lower()) and near(value, right[KL]):
            known[name] = KL
        elif not name.startswith(VALUE):
            other.append(name)
        elif by_value is not None:
            known[name] = by_value
        elif near(value / 100, right[ACCURACY]) or (BITS.search(function.lower()) and in_bits(value, right)):
            # in percent, or in bits
            other.append(name)
        elif len(found) == 1 and not teacher:
            known[name] = PERPLEXITY if re.search("ppl|perplex", function.lower()) else LM_LOSS
        else:
            other.append(name)
    return known, other


def backwards(found: Mapping[str, float], reverse: float, source: str) -> list[str]:
    """Return the numbers that are the reverse KL of a text, whose names are those of a distance to the teacher; none
    where name or source say reverse.
    """
    if BACKWARDS.search(source):
        return []
    return [
        name
        for name, value in found.items()
        if math.isfinite(value)
        and abs(value - reverse) <= EXACT * reverse
        and (DISTANCE.search(name.lower()) or name.startswith(VALUE))
    ]


def in_bits(value: float, right: Mapping[str, float]) -> bool:
    """Whether a number is the loss in bits."""
    return near(value * math.log(2), right[LM_LOSS])


def near(value: float, right: float) -> bool:
    """Whether two numbers are one, but for the arithmetic."""
    return math.isfinite(value) and abs(value - right) <= NEAR * max(abs(right), 1e-6)
