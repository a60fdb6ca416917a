"""The loss rises and stays up

## What it sees
The training total in the last fifth of the records surely lies above its lowest stretch before (the lowest of eight
blocks, or of parts of the first, by medians), by the thresholds below. It needs no planned length. A total may rightly
rise when a curriculum lets a term in: where the log tells the label loss (lm, ce, nll, task, sft) or raw terms, one of
those must rise as well, other than one that was exactly 0 at first; and where an evaluation falls meanwhile, it is
only a hint. It is one too where the loss makes its rise in steps at which the log shows another objective: a term
that was exactly 0 comes in, or a weight, a length, a stage takes another value. A rise that comes from one record to
the next without such a change is told as a jump, with the term that alone leaps there: a learning rate that is too
large needs many steps for it. A loss that rises steadily from its first records to its last is a hint, and few records
tell it. A log that holds several starts is not judged.

## Why it is bad
A loss that has left its lowest level for good has lost what it had learned; the weights are far from where they were,
and a smaller learning rate from here on repairs little. A loss near ln(vocabulary) knows nothing of the text at all.
Every checkpoint after the lowest stretch is worse than the one there.

## Thresholds
- `rise = 0.25`, `nats = 0.5`: how far above the lowest level it must lie, as a share of that level and at least.
- `error = 0.5`: above this share, or above where the loss began, it is an error; below it a warning: batches that come
  in an order of their own, by source or by length, move a loss too.
- `records = 50`: fewest records.
- `few = 12`, `steady = 0.8`, `steadily = 0.05`: fewest records, their rank correlation with the steps, and the share
  by which it rises, of a loss that rises all along; that is a hint.

## Example
```run fires
steps: 400
train/loss: 5 -> 2.4 -> 2.2 -> 6 -> 10 -> 10 ~ 0.1
train/lr: 1e-3
```

```run quiet
steps: 400
train/loss: 9 -> 5 -> 4 -> 3.6 -> 3.4 ~ 0.4
```

```run quiet
steps: 400
train/weighted/lm: 9 -> 5
train/weighted/kd: 0 -> 0 -> 6 -> 5.8
train/loss: 9 -> 7 -> 11.6 -> 10.8
```

## Remedy
Go back to the checkpoint before the loss left its lowest level. Lower the peak learning rate (a third is a good first
guess), warm up for longer, clip the gradient; with float16 go to bf16.

```toml
[train]
learning_rate = 3e-4
warmup = 0.1
clip = 1.0
```

## Sources
- Amazon SageMaker Debugger, rule "LossNotDecreasing"; TheDeepChecker (Ben Braiek and Khomh 2022), "Diverging loss".
- Wortsman et al. 2023, "Small-scale proxies for large-scale Transformer training instabilities", arXiv 2309.14322.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew, require
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_FAR = 5.0
"""So many times its beginning no loss stands that a term lifted which came in."""

_LEAPS = 1.5
"""A term so many times its level at a jump of the total has made it, where no other is."""

_LINES = 4
"""So many changes of the objective are shown."""

_MOST = 0.7
"""The share of the rise that steps from one record to the next must make."""

_OFF = 3
"""So many first records of a term that are exactly 0 say that it was not asked for."""

_PARTS = 8
"""Of what comes after the lowest stretch: the highest of them is the top of the rise."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the total."""
    found = run.get(names.LOSS)
    if found is None:
        return
    loss = signals.finite(signals.tidy(found))
    if len(loss) < t["records"] and (steady := _steadily(loss, t)) is not None:
        yield steady
        return
    require(len(loss), t["records"], "finite record", "of the loss")
    late = float(median(loss.value[-(len(loss) // 5) :]))
    low = signals.lowest(loss)
    yield Reading("last fifth above the lowest stretch, nats", late - low, "nats")
    yield Reading("the same as a share", (late - low) / max(abs(low), 1e-12), "rise")
    rise = signals.rise(loss, t["rise"], t["nats"])
    if rise is None:
        if (steady := _steadily(loss, t)) is not None:
            yield steady
        return
    if signals.beginnings(run):
        raise TooFew("the log holds several starts, whose steps lie over one another: R505")
    terms = _terms(run)
    risen = [name for name, column in terms.items() if len(column) >= t["records"] and signals.rise(column, *_TOO)]
    if terms and not risen:
        return
    changed = _by_switches(run, loss, rise)
    if changed:
        yield _changed(changed, rise, float(loss.step[-1]))
        return
    yield _finding(run, loss, rise, risen, t, undone=not terms and _comes_down(loss, rise))


_TOO = (0.1, 0.05)
"""How far a single term must rise with the total, as a share and in nats: it says only that no weight made the rise."""


def _steadily(loss: Column, t: Thresholds) -> Finding | None:
    """A loss that rises from its first records to its last, never having fallen: few records tell that, and little."""
    third = len(loss) // 3
    if len(loss) < t["few"]:
        return None
    first, last = float(median(loss.value[:third])), float(median(loss.value[-third:]))
    if not last - first > t["steadily"] * abs(first):
        return None
    if not signals.rank_correlation(loss.step, loss.value) > t["steady"]:
        return None
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"The loss rises from the first records to the last, from {words.number(first)} to {words.number(last)}, "
            "and has never fallen."
        ),
        evidence=(f"{words.counted(len(loss), 'record')}, medians of the first and the last third",),
        cause="The learning rate is too large for weights that came trained; a state was not loaded at a resume; "
        "or texts come in an order of their own, or a weight rises.",
        remedy="Evaluate the student that the run began with on the same text; begin anew at a third of the rate.",
        first_step=float(loss.step[0]),
        last_step=float(loss.step[-1]),
        numbers={"lowest": first, "last": last, "first": first},
    )


def _comes_down(loss: Column, rise: signals.Rise) -> bool:
    """Whether a quarter of the rise is undone at the end: without its parts that may be a term that came in."""
    blocks = [float(median(block)) for block in np.array_split(loss.value[loss.step > rise.since], _PARTS)]
    return max(blocks) - blocks[-1] > 0.25 * (max(blocks) - rise.lowest)


def _by_switches(run: Run, loss: Column, rise: signals.Rise) -> list[tuple[signals.Switch, signals.Jump]]:
    """The changes of the objective at which the loss steps up, if these steps make most of the rise; else none."""
    found = []
    for switch in signals.switches(run):
        jump = signals.jump_at(loss, switch.step) if switch.step > rise.since else None
        if jump is not None and jump.after > jump.before:
            found.append((switch, jump))
    steps = {jump.step: jump.after - jump.before for _, jump in found}
    return found if sum(steps.values()) > _MOST * (rise.last - rise.lowest) else []


def _jump(loss: Column, rise: signals.Rise) -> signals.Jump | None:
    """The largest step from one record to the next since the lowest stretch, if it makes most of the rise."""
    at = np.flatnonzero(loss.step > rise.since)
    if at.size < 2 or at[0] < 1:
        return None
    steps = loss.value[at] - loss.value[at - 1]
    jump = signals.jump_at(loss, float(loss.step[at[int(np.argmax(steps))]]))
    whole = rise.last - rise.lowest
    return jump if jump is not None and _MOST * whole < jump.after - jump.before < whole / _MOST else None


def _jumps_alone(run: Run, jump: signals.Jump) -> str | None:
    """The one term that makes most of the total's jump, before its weight where that is what is logged; None if none.

    Raw terms may have any weight, so that it is the only one that leaps by half of its level.
    """
    leaps, terms = [], {**run.terms(names.RAW), **run.terms(names.WEIGHTED)}
    for term, column in terms.items():
        found = signals.jump_at(signals.finite(signals.tidy(column)), jump.step)
        if found is None:
            return None
        if found.after > _LEAPS * max(found.before, 0.0):
            leaps.append(term)
    return leaps[0] if len(leaps) == 1 and len(terms) > 1 else None


def _terms(run: Run) -> dict[str, Column]:
    """The series that no weight moves, or that are the label loss: what a curriculum does not raise."""
    parts = signals.parts(run)
    raw = {} if parts.source in ("raw", "weighted and raw") else run.terms(names.RAW)
    found = {names.RAW + term: column for term, column in raw.items()}
    found |= {
        names.WEIGHTED + term: column
        for term, column in parts.terms.items()
        if term in names.ANCHORS and names.RAW + term not in found
    }
    known = {name: signals.finite(signals.tidy(column)) for name, column in found.items()}
    # a term that was exactly 0 is logged after its weight, or was let in by a schedule
    return {name: column for name, column in known.items() if np.any(column.value[:_OFF])}


def _changed(changed: list[tuple[signals.Switch, signals.Jump]], rise: signals.Rise, end: float) -> Finding:
    switch, jump = max(changed, key=lambda pair: pair[1].after - pair[1].before)
    lines = [
        f"Step {words.step(s.step)}: {words.called(s.column)} {words.number(s.before)} before, {words.number(s.after)} "
        f"after; the loss {words.number(j.before)}, then {words.number(j.after)}"
        for s, j in changed
    ]
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"The loss steps up from {words.number(jump.before)} to {words.number(jump.after)} at step "
            f"{words.step(jump.step)}, where {words.called(switch.column)} changes from "
            f"{words.number(switch.before)} to {words.number(switch.after)}: another objective, no divergence."
        ),
        evidence=tuple(lines[:_LINES]),
        cause="The objective was changed there: a term came in, or a weight, a length or a stage took another value.",
        remedy="Judge each stretch by itself, or by a label loss on held-out text, which no schedule moves.",
        first_step=changed[0][1].step,
        last_step=end,
        numbers={"lowest": rise.lowest, "last": rise.last, "first": rise.first},
    )


def _finding(run: Run, loss: Column, rise: signals.Rise, risen: list[str], t: Thresholds, *, undone: bool) -> Finding:
    falling = [words.called(n) for n, c in signals.evaluations(run).items() if _falls_since(c, rise.since)]
    jump = _jump(loss, rise)
    alone = None if jump is None else _jumps_alone(run, jump)
    level = Level.ERROR if rise.share > t["error"] or rise.last > rise.first else Level.WARNING
    excused = falling or (undone and rise.last < _FAR * abs(rise.first))
    return RULE.finding(
        level=Level.INFO if excused else level,
        headline=(
            f"The loss jumps from {words.number(jump.before)} to {words.number(jump.after)} at step "
            f"{words.step(jump.step)}, from one record to the next, and stays up."
            if jump
            else f"The loss rises from {words.number(rise.lowest)} (step {words.step(rise.since)}) to "
            f"{words.number(rise.last)} and stays up."
        ),
        evidence=(
            f"Median of the last fifth {words.number(rise.last)}, lowest stretch {words.number(rise.lowest)}, "
            f"beginning {words.number(rise.first)}",
            *([f"{words.capital(words.listing(words.called(name) for name in risen))} too"] if risen else []),
            *([f"At that step {alone} jumps, and no other term does as far"] if alone else []),
            *([f"But {words.listing(falling)} falls meanwhile"] if falling else []),
        ),
        cause=(
            "The teacher's side changed between these two records: a cache, a checkpoint, a temperature, an alignment; "
            "or the weight of that term."
            if alone and alone not in names.ANCHORS
            else "Something was changed between these two records: the division by accumulation steps or tokens (a sum "
            "for a mean), a weight, the data or its length; or one step broke the weights, the learning rate too large."
            if jump
            else "The learning rate is too large for this batch, or its warm-up too short, and no clip held the step."
        ),
        remedy=(
            "Compare the settings and the batches before and after that step; where none differ, go back to a "
            "checkpoint before it and lower the peak learning rate."
            if jump
            else "Go back to a checkpoint before that step; lower the peak learning rate, warm up longer, clip."
        ),
        first_step=jump.step if jump else rise.since,
        last_step=float(loss.step[-1]),
        numbers={"lowest": rise.lowest, "last": rise.last, "first": rise.first},
    )


def _falls_since(column: Column, step: float) -> bool:
    known, before = column.value[column.step >= step], column.value[column.step < step]
    # one that was thrown up with the training and comes down again does not fall
    return known.size >= 3 and float(known[-1]) < min(float(known[0]), *before[-1:].tolist())


RULE = Rule(
    code="R105",
    name="loss-diverges",
    level=Level.ERROR,
    page=__doc__,
    needs=(names.LOSS,),
    check=check,
    thresholds={"rise": 0.25, "nats": 0.5, "error": 0.5, "records": 50, **{"few": 12, "steady": 0.8, "steadily": 0.05}},
)
