"""Parts that are off by default: each switch is turned the other way once, each weight of 0 turned on, and of the words
that a loss must be handed each other one is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sad.judge.losses.call import Call
from sad.judge.losses.discover import explained
from sad.judge.losses.found import Found
from sad.judge.losses.found import found as found_of
from sad.judge.losses.sample import Sample, sample, shown
from sad.judge.losses.words import other_words
from sad.judge.roles import Role
from sad.judge.target import said
from sad.subjects.divergence import IGNORED, Given
from sad.verdict import Standing, Verdict

OTHERS = re.compile(
    r"^(return|log|print|save|debug|verbose|dist|is_|sync|gather|cache|inplace|use_(cuda|triton|liger|flash))"
    r"|compile|kernel|parallel|shard|fused|cuda|offload|checkpoint|rank|group|ring",
    re.IGNORECASE,
)
"""Switches of what is no part of the loss, or that need what is not here."""
WEIGHTS = re.compile(r"smooth|z_?loss|entropy|penalt|regular|margin", re.IGNORECASE)
"""In the names of numbers that are weights of a part; they are 0 where it is off."""
SMOOTHING = re.compile(r"smooth", re.IGNORECASE)
ON = 0.1
ALIKE = 1e-3
"""Between what a row weighs alone and beside others, with a part turned on and without it."""
THEIRS = re.compile(
    r"^(NameError|UnboundLocalError|ZeroDivisionError)|^RuntimeError.*\bdtype\b|'Tensor' object has no attribute"
)
"""What is raised by a part that can never have run."""
NOT_ZERO = 1e-9
"""Of the gradient's norm: what a row that does not count may get."""


def switches(found: Found) -> Verdict:
    """With each part that is off by default turned on it runs, is finite, and leaves the same rows out."""
    call, of = found.shape.call, found.shape.sample
    tried, unjudged = [], []
    for name, value in _off(call):
        told = f"{name}={value}"
        on = call.formed(settings={**call.settings, name: value})
        try:
            now = sample(on, of.given)
        except Exception as error:
            raised = said(error)
            if THEIRS.search(raised) and not isinstance(value, str):
                return Verdict(False, f"with {told} it raised {raised}", example=shown(of.given))
            unjudged.append(f"with {told} it raised {raised[:80]}: it may need more than that")
            continue
        if now.value != now.value or not bool(now.gradient.isfinite().all()):
            says = f"with {told} its value is {now.value:g} on ordinary logits, or its gradient not finite"
            return Verdict(False, says, example=shown(of.given))
        says = _counts_more(found, on) or (_weighs_otherwise(found, on) if SMOOTHING.search(name) else "")
        if isinstance(value, str):
            # which rows count may be what the word says
            unjudged += [f"with {told} {says}"] if says else []
            says = _wrong(found, on, now)
        if says:
            return Verdict(False, f"with {told} {says}", example=shown(of.given))
        tried.append(told)
    if unjudged:
        return Verdict(True, "; ".join([*_ran(tried), *unjudged]), standing=Standing.ALLOWED)
    if not tried:
        return Verdict(True, "nothing is off by default", standing=Standing.NOT_APPLICABLE)
    return Verdict(True, "; ".join(_ran(tried)))


def _wrong(found: Found, on: Call, now: Sample) -> str:
    """Say what is wrong with what it is with another word, where that is a known divergence; '' for nothing."""
    fit = explained(now, on)
    faults = found_of(replace(found.shape, call=on, sample=now, fit=fit), 0).faults if fit.good else ()
    return f"it is {fit.family.name}: {faults[0]}" if faults else ""


def _ran(tried: list[str]) -> list[str]:
    return [f"it runs, is finite and leaves the same rows out with {', '.join(tried)}"] if tried else []


def _off(call: Call) -> Iterator[tuple[str, bool | float | str]]:
    """What is turned on, with the value for that; the other words that its source knows."""
    yield from ((name, word) for name, words in other_words(call).items() for word in words)
    kept = call.defaults()
    for reading in (call.reading, *([call.built] if call.built is not None else [])):
        for name, role in reading.roles.items():
            default = kept.get(name)
            if role is not Role.DEFAULT or name in call.settings or OTHERS.search(name):
                continue
            if isinstance(default, bool):
                yield name, not default
            elif default == 0 and isinstance(default, float) and WEIGHTS.search(name):
                yield name, ON
    for name, value in call.asked.plain.items():
        if value == 0 and isinstance(value, float) and SMOOTHING.search(name) and name not in call.settings:
            yield name, ON


def _weighs_otherwise(found: Found, on: Call) -> str:
    """Say that the first sequence weighs otherwise beside a copy of itself than without that part; '' where it does
    not, or where its rows depend on others anyway. What is made of the whole batch, a prior of its classes, is the same
    of two copies.
    """
    given = found.shape.sample.given
    shares: list[float] = []
    for call in (found.shape.call, on):
        apart, whole = (sample(call, _copies(given, times)).gradient[:1] for times in (1, 2))
        share = float((apart * whole).sum() / whole.square().sum())
        if float((apart - share * whole).norm()) > ALIKE * float(apart.norm()):
            return "" if not shares else "each row's gradient depends on how many rows are beside it"
        shares.append(share)
    if abs(shares[1] - shares[0]) <= ALIKE * abs(shares[0]):
        return ""
    return f"a row weighs {shares[1]:.3g} times as much alone as beside a copy, without it {shares[0]:.3g} times"


def _copies(given: Given, times: int) -> Given:
    """The first sequence, so many times."""
    return replace(
        given,
        student_logits=given.student_logits[:1].repeat(times, 1, 1),
        teacher_logits=given.teacher_logits[:1].repeat(times, 1, 1),
        labels=None if given.labels is None else given.labels[:1].repeat(times, 1),
    )


def _counts_more(found: Found, on: Call) -> str:
    """Say which rows count that did not: '' where none does."""
    given = found.shape.sample.given
    if given.labels is None or not bool((given.labels == IGNORED).any()):
        return ""
    none = given.labels == IGNORED
    before, after = found.shape.sample.gradient, sample(on, given).gradient
    if float(before[none].norm()) > NOT_ZERO or float(after[none].norm()) > NOT_ZERO * float(after.norm()):
        return "" if float(before[none].norm()) > NOT_ZERO else "rows without a label get a gradient"
    moved = given.student_logits.masked_fill(none[..., None], 0.0)
    values = [sample(on, replace(given, student_logits=logits)).value for logits in (given.student_logits, moved)]
    return "" if abs(values[0] - values[1]) <= NOT_ZERO * (1 + abs(values[0])) else "rows without a label count"
