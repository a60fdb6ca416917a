"""A term stays where it began

## What it sees
A term beside KD and the label loss, such as a layerwise one, whose last third lies within a few percent of its first
records, while KD or the label loss surely falls. A term that began low or that falls at first and then levels off is
none, and neither is one that keeps something where it is, such as a load balance or a penalty. Where only weighted
values are logged it is a hint: the weight may rise while the term falls; so it is where the term makes less than a
hundredth of the loss, as nothing pulls on it then.

A term that the log names by itself, as `loss_feat` does, is looked at too, for a hint. And the label loss itself: one
that stands from its first record on while KD falls far is a hint, and a warning where the evaluations' label loss is
one number as well, whose text is always the same.

## Why it is bad
A term with a gradient into the student falls in its first steps, if by nothing else than by its mean. One that does
not has no gradient there: its states were detached or taken under `no_grad`, the projector in front of it is not in the
optimizer, or its targets are of other text. It only lifts the total, and the student is another one than the recipe
says.

A label loss that stands beside a KD that falls is that of a model that does not learn: the teacher's own, a
reference's, a copy's. Or the student came with the text learned, and only comes nearer to its teacher.

## Thresholds
- `moves = 0.1`: the share of its first level within which it must lie; one with a gradient falls by a third and more.
- `falls = 0.2`: the share by which KD or the label loss must surely fall meanwhile.
- `still = 0.03`, `far = 0.4`: the share of its level within which the label loss stands, and the one that KD falls by;
  `equal = 0.0001`, `evaluations = 4`: the share within which evaluations are one number, and fewest of them.
- `share = 0.01`: the share of the loss below which it is a hint. `records = 24`: fewest records.

## Example
```run fires
steps: 100
train/raw/layerwise: 1.97 ~ 0.02
train/weighted/layerwise: 0.99 ~ 0.01
train/raw/lm: 5.6 -> 4 -> 3.4 ~ 0.05
train/weight/layerwise: 0.5
```

```run fires
steps: 100
train/raw/kd: 4.9 -> 2.6 -> 1.2 -> 0.8 ~ 0.05
train/raw/lm: 1.9 ~ 0.03
steps: 25, 50, 75, 100
eval/raw/kd: 2.6, 1.6, 1, 0.8
eval/lm_loss: 1.8351, 1.8351, 1.8351, 1.8351
```

```run quiet
steps: 100
train/raw/layerwise: 1.97 -> 1.2 -> 1.1 -> 1.1 ~ 0.02
train/weighted/layerwise: 0.99 -> 0.6 -> 0.55 -> 0.55 ~ 0.01
train/raw/lm: 5.6 -> 4 -> 3.4 ~ 0.05
train/weight/layerwise: 0.5
```

## Remedy
Take the gradient of this term alone on one batch, with regard to a weight of the student in a layer below it: it must
not be 0. `sad verify` does that for every term. Then see that the projector's parameters are in the optimizer.

## Sources
- The failure catalogue of this project: terms that were computed on detached states.
- TheDeepChecker (Ben Braiek and Khomh 2022): each part of a loss must be able to fall on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_RESTS = re.compile(r"aux|balanc|router|z_?loss|^z$|^l[12]$|reg|entropy|penalty|decay", re.IGNORECASE)
"""Terms that keep something where it is: a load balance rests at its floor from the first step on."""

_FIRST = 5
"""So many records stand for the beginning."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for each term that keeps its first level while the student learns."""
    labels = _labels(run, t)
    if labels is not None:
        yield labels
    learned = _learned(run, t)
    judged = {term: found for term in _others(run) if (found := _series(run, term, t)) is not None}
    aside = {term: column for term, column in signals.sides(run).items() if not _RESTS.search(term)}
    judged |= {term: (column, False) for term, column in aside.items() if len(column) >= t["records"]}
    if learned is None or not judged:
        if labels is not None:
            return
        raise TooFew("too few records of KD or the label loss, or of another term beside them")
    what, first, last, fell = learned
    shares = signals.shares(run)
    for term, (column, sure) in judged.items():
        begin, late = column.value[:_FIRST], column.value[-(len(column) // 3) :]
        level = abs(float(median(begin)))
        came = signals.gain(begin, late)
        yield Reading(
            f"fall of {term} since its first records, as a share", came.amount / level if level else 0.0, "moves"
        )
        third = signals.gain(column.value[: len(column) // 3], late)
        stays = came.surely_below(t["moves"] * level) and abs(third.amount) < t["moves"] * level + 2 * third.error
        if not fell or not level or not stays or not _even(column, level, t):
            continue
        share = float(median(shares[term].value)) if term in shares else float("nan")
        yield RULE.finding(
            level=Level.WARNING if sure and not share < t["share"] else Level.INFO,
            headline=(
                f"The term {term} stays where it began ({words.number(float(median(begin)))}, later "
                f"{words.number(float(median(late)))}) while {words.called(what)} falls from "
                f"{words.number(first)} to {words.number(last)}: nothing of it reaches the student."
            ),
            evidence=(
                f"{words.counted(len(column), 'record')}, within {words.number(float(np.min(column.value)))} and "
                f"{words.number(float(np.max(column.value)))}",
                *([f"It is {words.percent(share)} of the loss in the median"] if np.isfinite(share) else []),
                *([] if sure else ["The value may be weighted: its weight may rise as it falls"]),
            ),
            cause=(
                "Its weight is so small that nothing pulls on it."
                if share < t["share"]
                else "It has no gradient into the student: detached states, a projector that is not in the optimizer; "
                "or its targets are of other text."
            ),
            remedy="Take the gradient of this term alone on one batch: in the layer below it, it must not be 0.",
            first_step=float(column.step[0]),
            last_step=float(column.step[-1]),
            numbers={"first": float(median(begin)), "last": float(median(late)), "share": share},
        )


def _labels(run: Run, t: Thresholds) -> Finding | None:
    """A label loss that stands from the first record on, beside a KD that falls far."""
    told = signals.label_loss(run) or signals.after_its_weight(run, sorted(names.ANCHORS))
    soft = signals.unweighted(run, [names.KD]) or signals.after_its_weight(run, [names.KD])
    if told is None or soft is None or min(len(told[1]), len(soft[1])) < t["records"]:
        return None
    lm, kd = told[1], soft[1]
    third, level = len(lm) // 3, float(median(lm.value))
    came, fell = signals.gain(lm.value[:third], lm.value[-third:]), signals.gain(kd.value[:_FIRST], kd.value[-third:])
    first, last = float(median(kd.value[:_FIRST])), float(median(kd.value[-third:]))
    one = _one_number(run, t)
    # evaluations of one number say by themselves that it stands
    noise = 2 * came.error if one is None else -2 * came.error
    if not fell.surely_above(t["far"] * abs(first)) or abs(came.amount) + noise > t["still"] * level:
        return None
    begun = signals.gain(lm.value[:_FIRST], lm.value[-third:])
    if one is None and abs(begun.amount) - 2 * begun.error > t["still"] * level:
        return None  # one that falls in its first records is the student's
    found = signals.blocks(lm, min(8, len(lm) // 3))
    if found is None or np.any(np.abs(found.middle - level) > t["still"] * level + 2 * found.error):
        return None
    return RULE.finding(
        level=Level.INFO if one is None else Level.WARNING,
        headline=(
            f"The label loss stands at {words.number(level)} from the first record on, while KD falls from "
            f"{words.number(first)} to {words.number(last)}: it is not that of the student that learns."
            if one is not None
            else f"The label loss stands at {words.number(level)} from the first record on, while KD falls from "
            f"{words.number(first)} to {words.number(last)}."
        ),
        evidence=(
            f"{words.counted(len(lm), 'record')}, the first and the last third within {words.number(abs(came.amount))}",
            *([] if one is None else [f"The label loss of the evaluations is {words.number(one, 6)} in all of them"]),
        ),
        cause="It is computed from the teacher's logits, a reference's, or those of a copy that does not learn"
        + ("." if one is not None else "; or the student came trained on this text, and only nears its teacher."),
        remedy="Compute the label loss of one batch from the student's logits, and from the teacher's, and see which "
        "one is logged. Log the teacher's own beside it.",
        first_step=float(lm.step[0]),
        last_step=float(lm.step[-1]),
        numbers={"label": level, "kd_first": first, "kd_last": last},
    )


def _one_number(run: Run, t: Thresholds) -> float | None:
    """The label loss of all evaluations, where it is one number."""
    told = run.get(names.EVAL_LM_LOSS)
    if told is None or len(column := signals.finite(signals.tidy(told))) < t["evaluations"]:
        return None
    return column.last if float(np.ptp(column.value)) <= t["equal"] * abs(column.last) else None


def _even(column: Column, level: float, t: Thresholds) -> bool:
    """Whether all blocks between lie near the first level too: no weight that moved it there and back."""
    found = signals.blocks(column, min(6, len(column) // 4))
    slack = t["moves"] * level
    return found is not None and bool(np.all(np.abs(found.middle - level) < slack + 2 * found.error))


def _others(run: Run) -> list[str]:
    terms = {**run.terms(names.RAW), **run.terms(names.UNWEIGHTED), **run.terms(names.WEIGHTED)}
    known = names.ANCHORS | {names.KD}
    return sorted(term for term in terms if term not in known and not _RESTS.search(term))


def _series(run: Run, term: str, t: Thresholds) -> tuple[Column, bool] | None:
    """The term before its weight, and True; or as it is logged, and False where its weight is not known."""
    found = signals.unweighted(run, [term])
    sure = found is not None and (
        run.get(names.WEIGHT + term) is not None or run.get(names.WEIGHTED + term) is not None
    )
    if found is None:
        weighted = run.get(names.WEIGHTED + term)
        if weighted is None:
            return None
        found = names.WEIGHTED + term, signals.finite(signals.tidy(weighted))
    return (found[1], sure) if len(found[1]) >= t["records"] else None


def _learned(run: Run, t: Thresholds) -> tuple[str, float, float, bool] | None:
    """KD or the label loss: its name, first and last level, and whether it surely falls; None without enough of it."""
    told = [signals.label_loss(run), signals.unweighted(run, [names.KD])]
    told += [signals.after_its_weight(run, [term]) for term in (names.LM, names.KD)]
    known = [(name, ends) for name, column in filter(None, told) if (ends := signals.ends(column)) is not None]
    best: tuple[str, float, float, bool] | None = None
    for name, ends in known:
        first, last = (float(median(v)) for v in ends)
        falls = signals.gain(*ends).surely_above(t["falls"] * abs(first))
        if best is None or (falls and not best[3]):
            best = name, first, last, falls
    return best


RULE = Rule(
    code="R216",
    name="term-stays",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.RAW}|{names.UNWEIGHTED}|{names.WEIGHTED}",),
    check=check,
    thresholds={
        "moves": 0.1,
        "falls": 0.2,
        "share": 0.01,
        "records": 24,
        **{"still": 0.03, "far": 0.4, "equal": 1e-4, "evaluations": 4},
    },
)
