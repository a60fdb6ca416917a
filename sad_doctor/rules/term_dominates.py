"""One term owns the loss

## What it sees
A term other than the label loss (lm, ce, nll, task, sft) above 80% of the loss in the median of the recent records, and
in at least four of five of them. A term, other than KD, that owns most of the loss and is above 80% now and then is a
warning: a term that depends on the batch does that. A share is a part over the sum of all parts at the same step,
weighted. Steps at which only one term is switched on do not count: a curriculum may begin with one. Where the log tells
KD and a total and nothing else, the total follows KD by a factor, which is its weight and a little more: of a factor of
30 and a share above 80% the same is said, as a warning where the total is large, else as a hint.

## Why it is bad
The optimizer serves the largest gradient; the other terms are decoration. That one of them falls or not then says
nothing of its use. For the KD term itself it may be meant, so that is a warning; for any other it is an error.

## Thresholds
- `share = 0.8`: the figure of the failed runs' guide. `often = 0.8`: the share of records that must exceed it.
- `most = 0.6`, `sometimes = 0.1`: the median, and the share of records above 80%, of a term that comes and goes.
- `gradients = 5`: so many records of the term's share of the gradient, below `most` in the median, make it a hint: what
  moves the weights is the gradient, and R212 judges it.
- `stands = 0.85`: of its first records, what KD must still be for nothing to be said: nothing of it was learned, and
  R313 tells why. `sum = 100`: from so many nats on it is a sum.
- `window = 20`: the last so many records, or the last half of them if that is more.
- `target = 0.3`, `target_kd = 0.5`: the shares at which the remedy aims.
- `beside = 10`, `meant = 0.96`: KD of less than so many times the label loss, and of a share up to this (a weight of
  0.9 beside 0.1, and KD twice the label loss, is 95%), may be meant to own the loss, where no weight is logged.
- `factor = 30`, `records = 24`, `fit = 0.05`, `rest = 0.01`, `large = 10`: of KD beside a total alone, the least factor
  and number of records, how far the fit may be off as a share of the total's movement, what must be left of the total
  beside KD (a total of nothing but KD has no other term to own), and the nats from which a total is large.

## Example
```run fires
steps: 50
train/loss: 100
train/weighted/layerwise: 90
train/weighted/kd: 8 -> 6
train/weighted/lm: 2 -> 4
```

```run quiet
steps: 50
train/weighted/layerwise: 0.2 -> 0.1
train/weighted/kd: 1 -> 0.5
train/weighted/lm: 10 -> 6
```

## Remedy
Bring the term to a scale of its own (normalised states, a mean in place of a sum), then multiply its weight by
target·(1 − share) / (share·(1 − target)); the finding does the sum. Or name the shares, and let the weights follow:

```toml
[shares]
kd = 47
layerwise = 27
lm = 26
```

## Sources
- The failed runs this project starts from: layerwise 160.5575 of 177.1419 is 90.6%; their post-mortem said 93.7%, which
  is layerwise over layerwise + KD alone.
- SageMaker Debugger, rule "FeatureImportanceOverweight" (80%); TheDeepChecker, "Overwhelming regularization".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_FIRST = 3
"""So many records stand for the beginning."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for the term that owns the loss, if one does."""
    shares = _contested(signals.shares(run))
    if len(shares) < 2:
        if (heavy := _heavy(run, t)) is not None:
            yield heavy
            return
        raise TooFew("the log does not tell two weighted parts of the loss at the same steps")
    for term, column in shares.items():
        size = max(int(t["window"]), len(column) // 2)
        window = Column(column.step[-size:], column.value[-size:])
        yield Reading(f"median share of {term}", float(median(window.value)), "share")
        meant = term == names.KD and float(median(window.value)) <= t["meant"] and _meant(run, t)
        level = None if meant or (term == names.KD and _stands(run, t)) else _level(term, window, t)
        if level is not None:
            yield _finding(run, term, window, shares, t, Level.INFO if _moves_little(run, term, t) else level)


def _heavy(run: Run, t: Thresholds) -> Finding | None:
    """A finding where KD is the only part that the log tells, and the total is many times KD and little else."""
    told = {**run.terms(names.RAW), **run.terms(names.WEIGHTED), **run.terms(names.WEIGHT)}
    kd, total = run.get(names.RAW + names.KD), run.get(names.LOSS)
    if set(told) != {names.KD} or kd is None or total is None or run.terms(names.WEIGHT):
        return None
    step, values = signals.table({names.KD: kd, names.LOSS: total})
    keep = np.isfinite(np.stack(list(values.values()))).all(axis=0) if step.size else np.empty(0, dtype=bool)
    if int(keep.sum()) < t["records"]:
        return None
    step, part, whole = step[keep], values[names.KD][keep], values[names.LOSS][keep]
    moves = part - part.mean()
    factor = float(moves @ whole) / max(float(moves @ moves), 1e-300)
    rest = float(whole.mean() - factor * part.mean())
    # of the factor, 1 may be the label loss's own, which falls with KD
    share = (factor - 1) * part / np.maximum(np.abs(whole), 1e-12)
    middle, size = float(median(share[share.size // 2 :])), float(median(whole[whole.size // 2 :]))
    off = float(np.std(whole - factor * part - rest))
    if factor < t["factor"] or off > t["fit"] * float(np.std(whole)) or rest < t["rest"] * size:
        return None
    if not t["share"] < middle or float(np.mean(share > t["share"])) < t["often"]:
        return None
    return RULE.finding(
        level=Level.WARNING if size > t["large"] else Level.INFO,
        headline=(
            f"The total follows kd times {words.number(factor)}: {words.percent(min(middle, 1.0))} of it is KD, in the "
            "median of the second half."
        ),
        evidence=(
            f"Total = {words.number(factor)} kd + {words.number(rest)} in {step.size:,} records",
            f"At step {words.step(float(step[-1]))} the total is {words.number(float(whole[-1]))}, kd "
            f"{words.number(float(part[-1]))}",
        ),
        cause="A weight of KD that is a hundred times too large, or a sum in place of a mean where the total is made.",
        remedy="Log the label loss and the weights too; then bring KD's share of the total down to a half.",
        first_step=float(step[0]),
        last_step=float(step[-1]),
        numbers={"share": middle, "factor": factor, "limit": t["share"]},
    )


def _moves_little(run: Run, term: str, t: Thresholds) -> bool:
    """Whether the log tells the term's share of the gradient, and it is not most of it: that share decides."""
    told = run.get(names.GRAD_SHARE + term)
    known = np.empty(0) if told is None else signals.finite(signals.tidy(told)).value
    return known.size >= t["gradients"] and float(median(known[known.size // 2 :])) < t["most"]


def _stands(run: Run, t: Thresholds) -> bool:
    """Whether KD is near its first level still: nothing of it was learned, so that it is not what drives the rest."""
    kd = signals.unweighted(run, [names.KD])
    if kd is None or len(kd[1]) < t["window"]:
        return False
    first, last = kd[1].value[:_FIRST], kd[1].value[-len(kd[1]) // 4 :]
    began = float(median(first))
    return began < t["sum"] and float(median(last)) > t["stands"] * began


def _meant(run: Run, t: Thresholds) -> bool:
    """Whether KD owns the loss by a weight that the log does not tell, and is no larger than a mean over tokens is."""
    label = signals.label_loss(run)
    if not signals.found_weights(run) or label is None:
        return False
    kd, labels = signals.finite(run.columns[names.RAW + names.KD]).value, label[1].value
    return float(median(kd)) < t["beside"] * float(median(labels))


def _level(term: str, window: Column, t: Thresholds) -> Level | None:
    if term.lower() in names.ANCHORS:
        return None
    middle, above = float(median(window.value)), float(np.mean(window.value > t["share"]))
    if middle > t["share"] and above >= t["often"]:
        return Level.WARNING if term == names.KD else Level.ERROR
    return Level.WARNING if term != names.KD and middle > t["most"] and above >= t["sometimes"] else None


def _contested(shares: dict[str, Column]) -> dict[str, Column]:
    """Leave out steps at which one term is the whole loss."""
    if not shares:
        return {}
    keep = np.max(np.stack([c.value for c in shares.values()]), axis=0) < 1
    if not keep.any():
        return {}
    return {term: Column(c.step[keep], c.value[keep]) for term, c in shares.items()}


def _finding(run: Run, term: str, window: Column, shares: dict[str, Column], t: Thresholds, level: Level) -> Finding:
    middle = float(median(window.value))
    place = len(window) - 1 if middle > t["share"] else int(np.argmax(window.value))
    share, at = float(window.value[place]), float(window.step[place])
    ranked = sorted((name for name in shares if shares[name].at(at) > 0), key=lambda name: -shares[name].at(at))
    parts = signals.parts(run)
    return RULE.finding(
        level=level,
        headline=(
            f"The term {term} is {words.percent(share)} of the loss at step {words.step(at)}, {words.percent(middle)} "
            f"in the median of the last {len(window):,} records."
        ),
        evidence=(
            f"Above {words.percent(t['share'])} in {int((window.value > t['share']).sum()):,} of the last "
            f"{len(window):,} records",
            f"Shares at step {words.step(at)}: "
            + ", ".join(f"{name} {words.percent(shares[name].at(at))}" for name in ranked),
            f"{term} is {words.number(signals.tidy(parts.terms[term]).at(at))} of a sum of "
            f"{words.number(_sum(parts, at))}",
        ),
        cause=(
            "The KD weight leaves no room for the other terms: meant, or a sum in place of a mean, or a temperature "
            "squared in the value."
            if term == names.KD
            else f"The term {term} is on another scale than the rest, or its weight is too large."
        ),
        remedy=_remedy(run, term, middle, t["target_kd" if term == names.KD else "target"], parts.source),
        first_step=_since(shares[term], window, t),
        last_step=at,
        numbers={"share": share, "median_share": middle, "limit": t["share"]},
    )


def _since(share: Column, window: Column, t: Thresholds) -> float:
    """The first step from which on the share is above the limit as often as the rule asks; else the window's first."""
    above = share.value > t["share"]
    often = np.cumsum(above[::-1])[::-1] / np.arange(above.size, 0, -1) >= t["often"]
    from_here = np.flatnonzero(often & above)
    return float(share.step[from_here[0]]) if from_here.size else float(window.step[0])


def _sum(parts: signals.Parts, at: float) -> float:
    step, values = signals.table(parts.terms)
    return float(sum(np.abs(v[step == at][-1]) for v in values.values()))


def _remedy(run: Run, term: str, share: float, target: float, source: str) -> str:
    factor = target * (1 - share) / (share * (1 - target))
    weight = run.get(names.WEIGHT + term)
    aim = f"for a share of {words.percent(target)}"
    if weight is not None and weight.last > 0:
        new = f"{weight.last * factor:.3g}"
        return f"In the recipe, [terms.{term}] weight = {new}, now {weight.last:.3g}, {aim}."
    known = "" if source == "weighted" else " (the log does not tell it)"
    return f"Multiply the weight of {term}{known} by {factor:.3g} {aim}; if it is a sum over tokens, take the mean."


RULE = Rule(
    code="R203",
    name="term-dominates",
    level=Level.ERROR,
    page=__doc__,
    needs=(f"{names.RAW}|{names.WEIGHTED}",),
    check=check,
    thresholds={
        "share": 0.8,
        "often": 0.8,
        "most": 0.6,
        "sometimes": 0.1,
        "window": 20,
        "gradients": 5,
        "target": 0.3,
        "target_kd": 0.5,
        "beside": 10,
        "meant": 0.96,
        **{"stands": 0.85, "sum": 100},
        **{"factor": 30, "records": 24, "fit": 0.05, "rest": 0.01, "large": 10},
    },
)
