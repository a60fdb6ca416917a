"""The parts do not sum to the loss

## What it sees
The weighted parts of the loss miss the total by more than 2%, on the same side nine times of ten, in the second half of
the records. A gap that changes sides is noise: the total is then often a mean over several batches, the parts are of
one. A total that lags behind falling parts is allowed for.

Where the log tells no weights: a loss that is a whole multiple of the sum of its parts or a whole part of it, or the
sum of all parts but one, to the last digit at every step; and, as hints, one of two parts that times a constant is the
whole loss, so that the other is not in it, one part that is in it several times, and a
loss of half the sum, whose weights may be a half each. A multiple or a part is a hint, too, where the norm of the
gradient, scaled back, would be below 0.04 or above 5: then the number alone is scaled. A loss that is the mean of its
parts has weights that are equal and sum to 1, which is no fault. Or the trainer itself says that the loss it
differentiates is another one than the sum of the parts it logs, as `sad train` does.

## Why it is bad
Shares computed from such parts are wrong, and a term that is not logged cannot be watched. Or the loss that is logged
is not the one that is optimised.

## Thresholds
- `gap = 0.02`: the share of the total that may be missing. `side = 0.9`: how often the gap must have the same sign.
- `records = 3`: fewest steps that have the total and the parts; `exact = 10`: fewest that show a multiple or a sum of
  some parts.

## Example
```run fires
steps: 40
train/loss: 12 -> 10
train/weighted/kd: 5 -> 4
train/weighted/lm: 4 -> 3
```

```run quiet
steps: 40
train/loss: 12 -> 8
train/weighted/kd: 8 -> 5
train/weighted/lm: 4 -> 3
```

```run fires
event warning @ 1: the loss that is trained is 24.4, its parts sum to 6.1
steps: 40
train/loss: 6.1 -> 4
train/weighted/kd: 3.1 -> 2
train/weighted/lm: 3 -> 2
```

## Remedy
Log every term after its weight, at the same step and over the same batches as the total. `sad train` writes
`train/weighted/<term>` for all terms; in another loop

```python
record.log(step, {"train/loss": loss, "train/weighted/kd": w_kd * kd, "train/weighted/lm": w_lm * lm})
```

## Sources
- TRL's GOLD trainer and a public EAGLE-style log, whose parts do not add up to the loss.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

_SAID = re.compile(r"the loss that is trained is (-?[\d.]+(?:e[-+]?\d+)?), its parts sum to (-?[\d.]+(?:e[-+]?\d+)?)")
_MOST = 8
"""With more terms some of them sum to the total by chance."""
_EXACT = 2e-3
"""As printed: four digits of the total and of each part."""
_SUMMED = (
    "The loss is a sum over the micro-batches of a step, or over devices, and its parts are means: the gradient is as "
    "many times larger, unless only the printing is wrong.",
    "Divide by the number of micro-batches before `backward`, and log the same mean.",
)
_DIVIDED = (
    "The loss is divided once too often, by the number of micro-batches or devices: the gradient is as many times "
    "smaller, unless only the printing is wrong.",
    "Divide once: see whether the library or the loop does it, and log the mean that `backward` is called on.",
)
_HALVES = (
    "Each part has a weight of a half; or the loss is divided by two once too often.",
    "Log the weights; see whether the library or the loop divides, and that only one of them does.",
)
_LEFT_OUT = (
    "The term is computed and logged, and never added: its gradient is not in the step.",
    "Add it to the sum that `backward` is called on.",
)
_STEADY = 0.15
_CONSTANT = (
    "A term is in the total and in no column, such as a load balance or a penalty that hardly changes.",
    "Log every term that is added, with its weight.",
)
_TWICE = ("Its weight is just that; or it is added twice.", "Log the weights; add the term to the total once.")


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when the gap is systematic."""
    if (said := _said(run)) is not None:
        yield said
        return
    parts, total = signals.parts(run), run.get(names.LOSS)
    if total is None:
        return
    summed = bool(parts.source) and signals.sums_to(parts.terms, total) and not signals.found_weights(run)
    exact = None if summed else _exact(run, total, t)
    if exact is not None:
        yield exact
        return
    if not parts.source:
        raise TooFew("the parts are logged raw, without weights")
    step, values = signals.table({**parts.terms, "": signals.tidy(total)})
    loss = values.pop("", np.empty(0))
    whole = np.sum(list(values.values()), axis=0)
    known = np.isfinite(loss) & np.isfinite(whole) & (loss != 0)
    step, loss, whole = step[known], loss[known], whole[known]
    if step.size < t["records"]:
        raise TooFew("too few steps have both the total and its parts")
    if signals.sums_to(parts.terms, total):
        return
    late = slice(step.size // 2, None)
    gap = (loss[late] - whole[late]) / np.abs(loss[late])
    middle = float(median(gap))
    yield Reading("missing share of the total, median", middle, "gap")
    same_side = float(np.mean(np.sign(gap) == np.sign(middle)))
    if abs(middle) > max(t["gap"], _lag(whole[late])) and same_side >= t["side"]:
        yield _finding(parts, step[late], loss[late], whole[late], middle)


def _said(run: Run) -> Finding | None:
    """What the trainer says of the loss that it differentiates."""
    for event in run.events:
        found = _SAID.search(event.message) if event.kind == names.EVENT_WARNING else None
        if found is None:
            continue
        trained, summed = float(found[1]), float(found[2])
        at = "" if event.step is None else f" at step {words.step(event.step)}"
        return RULE.finding(
            headline=(
                f"The loss that is trained is {words.number(trained)}{at}, the parts that are logged sum to "
                f"{words.number(summed)}."
            ),
            evidence=(event.message,),
            cause=(
                "Its terms are divided by other counts than those of the whole step: by those of a micro-batch or of a "
                "process; or a term is added that is not logged."
            ),
            remedy="Divide each sum once, by its units in all micro-batches and processes of the step.",
            first_step=event.step,
            last_step=event.step,
            numbers={"trained": trained, "sum": summed},
        )
    return None


def _exact(run: Run, total: Column, t: Thresholds) -> Finding | None:
    """What holds to the last digit at every step, whatever the weights: a whole multiple, or a sum of some parts."""
    terms = {**run.terms(names.RAW), **run.terms(names.WEIGHTED)}
    if not 2 <= len(terms) <= _MOST or signals.sums_to(terms, total):
        return None
    step, values = signals.table({**terms, "": signals.tidy(total)})
    loss = values.pop("", np.empty(0))
    rows = np.stack(list(values.values())) if values else np.empty((0, 0))
    known = np.isfinite(loss) & np.isfinite(rows).all(axis=0) & (loss > 0)
    at = signals.sample(np.flatnonzero(known))  # what holds at all holds at some
    step, loss, rows = step[at], loss[at], rows[:, at]
    if step.size < t["exact"]:
        return None
    ratio = loss / rows.sum(axis=0)
    times = float(median(ratio))
    if not np.isfinite(times):
        return None
    if round(times) >= 2 and float(np.quantile(np.abs(ratio / round(times) - 1), 0.9)) < _EXACT:
        what = f"The loss is {round(times)} times the sum of its parts at every step"
        return _scaled(run, _told(step, what, _SUMMED, {"times": times}, Level.WARNING))
    parts_of = round(1 / times) if times > 0 else 0
    # weights that are equal and sum to 1, in a log that tells none: the loss is the mean of its parts
    mean = parts_of == len(terms) and not run.terms(names.WEIGHTED)
    if parts_of >= 2 and not mean and float(np.quantile(np.abs(ratio * parts_of - 1), 0.9)) < _EXACT:
        what = f"The sum of the parts is {parts_of} times the loss at every step"
        halves = parts_of == 2 and not run.terms(names.WEIGHTED)
        level = Level.INFO if halves else Level.WARNING
        return _scaled(run, _told(step, what, _HALVES if halves else _DIVIDED, {"times": times}, level))
    weighed = run.terms(names.WEIGHTED) or run.terms(names.WEIGHT)
    for out in sorted(values, key=lambda term: term in names.ANCHORS):
        rest = {term: Column(step, value[at]) for term, value in values.items() if term != out}
        share = float(median(np.abs(values[out][at]) / loss))
        whole = signals.sums_to(rest, Column(step, loss))
        scaled = not (whole or weighed) and len(rest) == 1 and _follows(loss, values[next(iter(rest))][at])
        if share > t["gap"] and (whole or (scaled and not _follows(loss, values[out][at]))):
            # a label loss is logged to be watched, and a weight that is not told may begin later
            level = Level.WARNING if out == names.KD and whole else Level.INFO
            alone = f"{words.listing(rest)} alone {'is' if len(rest) == 1 else 'sum to'} it at every step"
            what = f"The term {out} is not in the loss: {alone}{', but for a constant weight' if scaled else ''}"
            return _told(step, what, _LEFT_OUT, {"left_out": share}, level)
    # where it is weighed, what is missing is measured
    return None if weighed else _counted(step, loss, dict(zip(values, rows, strict=True)))


def _follows(loss: Floats, part: Floats) -> bool:
    """Whether a loss that moves is one constant times ``part``, as printed."""
    ratio = loss / np.where(part > 0, part, np.nan)
    near = float(np.quantile(np.abs(ratio / median(ratio) - 1), 0.9)) < _EXACT
    return near and float(np.ptp(loss)) > 50 * _EXACT * float(median(loss))


def _counted(step: Floats, loss: Floats, parts: dict[str, Floats]) -> Finding | None:
    """One part that is in the total two or more times, all others once: a hint, as its weight may be just that."""
    whole = np.sum(list(parts.values()), axis=0)
    for term, value in parts.items():
        if not bool(np.all(value > 0.02 * loss)):
            continue
        times = (loss - whole) / value + 1
        count = round(float(median(times)))
        gap = np.abs(whole + (count - 1) * value - loss)
        if count >= 2 and float(np.quantile(gap, 0.9)) < _EXACT * float(median(loss)):
            what = f"The term {term} is in the loss {count} times at every step, the others once"
            return _told(step, what, _TWICE, {"times": float(count)}, Level.INFO)
    rest = loss - whole
    low, middle, high = np.quantile(rest, [0.1, 0.5, 0.9])
    # a weight that is not 1 would leave a rest that goes as its part goes
    if high - low < _STEADY * min(float(np.ptp(np.quantile(v, [0.1, 0.9]))) for v in (loss, whole)) and (
        low > _STEADY * middle > 0 and middle > 0.02 * float(median(loss))
    ):
        what = f"The loss lies {words.number(float(middle))} above the sum of its parts at every step, whatever they do"
        return _told(step, what, _CONSTANT, {"rest": float(middle)}, Level.INFO)
    return None


def _scaled(run: Run, found: Finding) -> Finding:
    """A hint, where the gradient's norm says that the number alone is scaled."""
    norm = signals.number_alone(run, found.numbers["times"])
    if norm is None:
        return found
    told = f"The gradient's norm is {words.number(norm)}: it is not scaled, the logged number alone is"
    return replace(found, level=Level.INFO, evidence=(*found.evidence, told))


def _told(step: Floats, what: str, why: tuple[str, str], numbers: dict[str, float], level: Level) -> Finding:
    return RULE.finding(
        level=level,
        headline=f"{what}.",
        evidence=(f"{step.size:,} steps compared, {words.step(float(step[0]))} to {words.step(float(step[-1]))}",),
        cause=why[0],
        remedy=why[1],
        first_step=float(step[0]),
        last_step=float(step[-1]),
        numbers=numbers,
    )


def _lag(whole: Floats) -> float:
    """How far a total that is a mean over the last records may trail behind: two records' fall, as a share."""
    if whole.size < 2:
        return 0.0
    return 2 * abs(float(np.mean(np.diff(whole)))) / max(abs(float(median(whole))), 1e-12)


def _finding(parts: signals.Parts, step: Floats, loss: Floats, whole: Floats, middle: float) -> Finding:
    at = words.step(float(step[-1]))
    return RULE.finding(
        headline=(
            f"The parts sum to {words.number(float(whole[-1]))} at step {at}, the loss is "
            f"{words.number(float(loss[-1]))}: {words.percent(abs(middle))} "
            f"{'missing' if middle > 0 else 'too much'} in the median."
        ),
        evidence=(
            f"{step.size:,} steps compared, {words.step(float(step[0]))} to {at}; parts: {words.listing(parts.terms)} "
            f"({parts.source})",
        ),
        cause=(
            "A term is not logged, or the total is of other batches than the parts."
            if middle > 0
            else "The parts are logged before a factor that the total has: a weight, a mean, the accumulation."
        ),
        remedy="Log every term after its weight, over the same batches as the total.",
        first_step=float(step[0]),
        last_step=float(step[-1]),
        numbers={"gap": middle, "loss": float(loss[-1]), "sum": float(whole[-1])},
    )


RULE = Rule(
    code="R204",
    name="parts-do-not-sum",
    level=Level.WARNING,
    hint=Hint.READING,
    page=__doc__,
    needs=(names.LOSS, f"{names.RAW}|{names.WEIGHTED}"),
    check=check,
    thresholds={"gap": 0.02, "side": 0.9, "records": 3, "exact": 10},
)
