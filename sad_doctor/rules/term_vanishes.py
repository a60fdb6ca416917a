"""A term vanishes, or never appears

## What it sees
KD or the label loss exactly 0 in nearly every record; or either of them, or a term whose logged weight is above 0, that
was there and is exactly 0 in the last records; or that was logged with the others at first and then is not, while they
go on; or that has a weight above 0, in the log or in the recipe beside it, and not one value. For other terms it is a
hint, unless the others sum to the loss without it: a curriculum switches terms off. It is one too for a term or a
weight that comes down to 0 smoothly, its last values small against its largest, or at a stage that the log tells: a
schedule does that; and for a term without a value where no other has one. A term that the log names by itself is looked
at too, for a hint, and so is one that is next to nothing all along.
And a KD, before its weight, below a thousandth of a nat from its first records on that becomes a plausible KD when it
is multiplied by the vocabulary: the fingerprint of a mean over the vocabulary. Where the log tells a temperature whose
square explains it, that is said in its place.

## Why it is bad
A term of 0 has no gradient: the run is another run than the recipe says. Common reasons: a batch without one compared
position or one valid label, an exception or a NaN that becomes 0, a mask of zeros, a top-k mass of nothing; or a name
that changed. `KLDivLoss(reduction="mean")` divides by positions and by the vocabulary; the term is then tens of
thousands of times too small.

## Thresholds
- `never = 0.95`: the share of the records at exactly 0.
- `last = 0.2`: the share of records, from the end, that must be 0 or missing. `records = 20`: fewest; of KD or the
  label loss `few = 3` that are all 0 are a hint.
- `tiny = 0.001`: a KD below this, in nats, at the beginning, is held against the vocabulary, while the label loss is
  above `labels = 1`; where the vocabulary is known, a KD below `beside = 0.05` of the label loss. `low = 0.05`,
  `high = 20`: between these its product with the vocabulary is plausible; one that grows `grows = 4` times has none.
- `nat = 0.05`: a first KL of less than this share of the label loss's fall, of `since = 0.15` or more, cannot be. Of
  `weighted = 0.02` it is a hint where the log tells both after their weights alone.
- `beside_all = 0.0001`: the share of the total below which a term that does not fall is nothing.
- `faded = 0.1`: the share of its largest value below which the last three before the zeros lie in a schedule.
- `off = 0.5`: the share of the records, from the end, with a weight of 0, from which KD or the label loss is missed.

## Example
```run fires
steps: 100
train/weighted/kd: 4 -> 3 -> 0 -> 0 -> 0
train/weighted/lm: 4 -> 3
```

```run fires
fact vocabulary_size: 49152
steps: 100
train/raw/kd: 8e-5 -> 4e-5
train/raw/lm: 8 -> 5
```

```run quiet
steps: 100
train/weighted/kd: 4 -> 0.3
train/weighted/lm: 4 -> 3
```

## Remedy
Count the compared positions and the valid labels of each batch beside the terms; let an empty batch be skipped, not 0.
For the fingerprint: sum over the vocabulary, then divide by the positions. `sad verify` checks both.

```toml
[terms.kd]
weight = 1.0
```

## Sources
- PyTorch's documentation of `KLDivLoss`: "mean" does not return the true divergence.
- The failed runs this project starts from: lm missing after step 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_SCHEDULE = "A schedule ends there: it comes down to 0 smoothly, or at a stage that the log tells."
_MEANT = "Nothing, if the schedule is meant to end so early; else give it the number of optimizer steps."
_OFF = "Its weight is 0: a schedule switched it off."
_EMPTY = (
    "Batches without a compared position or a valid label, an exception or a NaN that becomes 0, or a mask of zeros; "
    "or it is switched off.",
    "Log how many positions the term averages over; skip an empty batch instead of counting it as 0.",
)
_ENDS = (
    "The schedule of the weight ends far before the run: it counts batches, or has another length.",
    "Give the schedule the number of optimizer steps; watch train/weight/ beside the terms.",
)
_MEAN = (
    'A mean over the vocabulary too, as of KLDivLoss(reduction="mean").',
    "Sum over the vocabulary, then divide by the number of compared positions.",
)
_UNSCALED = (
    "A KL at a temperature is smaller by its square, which was not put back; or it is a mean over the vocabulary.",
    "Multiply KD by the temperature squared, so that its gradient keeps its size; or lower the temperature.",
)
_SAME = (
    "Both of its sides are one: a teacher that is its student, an average without memory; or a tiny factor.",
    "Compare what both sides give for one batch; they must differ. Look for a factor before the term.",
)
_ABSENT = (
    "It is not computed, and the run is another than its recipe says; or it is computed and not logged.",
    "Log each term beside its weight; look whether a flag or a missing input leaves it out of the sum.",
)

_UNKNOWN, _FIRST = 50_000.0, 5
"""A vocabulary where the log tells none: most lie within three times of it; records of the beginning."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for each term that is gone, and one for the fingerprint."""
    found = signals.parts(run)
    products = found.terms if found.source == "raw x weight" else {}
    sides = signals.sides(run)
    terms = {**sides, **run.terms(names.RAW), **products, **run.terms(names.WEIGHTED)}
    most, others = max((len(c) for c in terms.values()), default=0), len(terms) > 1
    absent = list(signals.absent(run, t["records"]))
    yield from map(_absent, absent)
    if (few := most < t["records"]) and not absent:
        core = {term: terms[term] for term in (names.KD, *sorted(names.ANCHORS)) if term in terms}
        terms = {term: c for term, c in core.items() if len(c) >= t["few"] and not np.any(c.value)}
        if not terms:
            raise TooFew(f"at most {words.counted(most, 'record')} of a term; it judges from {t['records']:g} on")
    told: set[str] = set()
    for term, finding in _switched_off(run, t):
        told.add(term)
        yield finding
    ends = [(float(c.step.min()), float(c.step.max())) for c in terms.values()]
    span = (min(one[0] for one in ends), max(one[1] for one in ends)) if ends else (0.0, 0.0)
    for term, column in terms.items():
        tidied = signals.tidy(column)
        yield Reading(f"share of the records of {term} at exactly 0", float(np.mean(tidied.value == 0)), "never")
        what = signals.gone(tidied, span, (t["never"], t["last"], t["few" if few else "records"]), others=others)
        if what is not None and term not in told:
            one = _finding(run, term, tidied, what, t)
            yield replace(one, level=Level.INFO) if few or term in sides else one
        elif len(tidied) >= t["records"] and signals.negligible(run, term, tidied, t["beside_all"]):
            size = words.number(float(median(tidied.value)))
            says = f"The term {term} is {size} all along, next to nothing beside the loss: nothing of it is learned."
            one = _small(tidied, says, words.counted(len(tidied), "record"), _SAME, {"share": t["beside_all"]})
            yield replace(one, level=Level.INFO)
    yield from list(_fingerprint(run, t)) or _beside_its_labels(run, t)


def _switched_off(run: Run, t: Thresholds) -> Iterator[tuple[str, Finding]]:
    """KD or the label loss whose weight goes to 0 and stays there for most of the run."""
    for term, column in run.terms(names.WEIGHT).items():
        weight = signals.tidy(column)
        alive = np.flatnonzero(weight.value != 0)
        if not (term == names.KD or term in names.ANCHORS) or len(weight) < t["records"] or not alive.size:
            continue
        off = len(weight) - int(alive[-1]) - 1
        if off < t["off"] * len(weight):
            continue
        since = float(weight.step[-off])
        faded = signals.fades(weight, t["faded"]) or signals.staged(run, since)
        why = (_SCHEDULE, _MEANT) if faded else _ENDS
        yield (
            term,
            RULE.finding(
                level=Level.INFO if faded else Level.WARNING,
                headline=(
                    f"The term {term} vanishes: its weight {'ends at' if faded else 'is'} 0 from step "
                    f"{words.step(since)} on, in {words.percent(off / len(weight))} of the records."
                ),
                evidence=(f"First weight {words.number(weight.value[0])}; {off:,} of {len(weight):,} records at 0",),
                cause=why[0],
                remedy=why[1],
                first_step=since,
                last_step=float(weight.step[-1]),
                numbers={"off": float(off), "records": float(len(weight))},
            ),
        )


def _finding(run: Run, term: str, column: Column, what: tuple[str, float], t: Thresholds) -> Finding:
    weight = run.get(names.WEIGHT + term)
    after = np.empty(0) if weight is None else weight.value[weight.step >= what[1]]
    weighted = bool(after.size) and bool(np.all(after > 0))
    switched_off = bool(after.size) and bool(np.all(after == 0))
    core = term == names.KD or term in names.ANCHORS
    faded = signals.fades(column, t["faded"]) and not weighted and column.value[-1] == 0
    level = Level.WARNING if (core or weighted) and not (switched_off or faded) else Level.INFO
    ever = bool(np.any(column.value != 0))
    if core and weighted and not ever:
        level = Level.ERROR
    why = (_OFF if switched_off else _SCHEDULE, _MEANT) if switched_off or faded else _EMPTY
    told = f"its weight is {words.number(float(after[-1]))}" if after.size else "the log does not tell its weight"
    return RULE.finding(
        level=level,
        headline=f"The term {term} {'vanishes' if ever else 'never appears'}: it {what[0]}.",
        evidence=(f"{words.capital(told)}; {words.counted(len(column), 'record')} of the term",),
        cause=why[0],
        remedy=why[1],
        first_step=what[1],
        last_step=run.last_step,
        numbers={"zeros": float(np.sum(column.value == 0)), "records": float(len(column))},
    )


def _absent(one: signals.Absent) -> Finding:
    sure, weight = one.out or (one.sure and one.term in {names.KD, *names.ANCHORS}), words.number(one.weight)
    there = "is there" + ", and the other terms sum to the loss" * one.out
    return RULE.finding(
        level=Level.WARNING if sure else Level.INFO,
        headline=f"The term {one.term} never appears: its weight is {weight}, and no value of it is recorded.",
        evidence=(f"The weight stands in {one.where}; neither {names.RAW}{one.term} nor its weighted value {there}",),
        cause=_ABSENT[0],
        remedy=_ABSENT[1],
        numbers={"weight": one.weight},
    )


def _fingerprint(run: Run, t: Thresholds) -> Iterator[Finding]:
    kd, lm = signals.unweighted(run, [names.KD]), signals.label_loss(run)
    told = run.fact(names.VOCABULARY_SIZE)
    if told and not run.terms(names.WEIGHT) and kd is None:
        weighted = run.terms(names.WEIGHTED)  # the fingerprint shows through any usual weight
        anchor = next((term for term in weighted if term in names.ANCHORS), None)
        if names.KD in weighted and anchor is not None:
            kd, lm = (names.KD, weighted[names.KD]), (anchor, weighted[anchor])
    if kd is None or lm is None or len(kd[1]) < t["records"] or signals.came_trained(kd[1], lm[1]):
        return
    first = float(median(kd[1].value[: max(5, len(kd[1]) // 10)]))
    vocabulary = told if told and told > 1 else _UNKNOWN
    labels = float(median(lm[1].value[: max(5, len(lm[1]) // 10)]))
    if not first > 0 or labels < t["labels"] or float(median(kd[1].value[-10:])) > t["grows"] * first:
        return
    tiny = first < (t["beside"] * labels if told else t["tiny"])
    if not (tiny and t["low"] <= first * vocabulary <= t["high"]):
        yield from _too_small(kd[1], lm[1], first, t)
        return
    temperature = signals.temperature(run)
    if temperature is not None and not told and t["low"] <= first * temperature**2 <= t["high"]:
        factor, by = temperature**2, f"the temperature squared ({words.number(temperature)}²)"
        what = "it is not scaled up by it", _UNSCALED
    else:
        size = f"{'about ' * (not told)}{words.step(vocabulary)} tokens{', which is assumed' * (not told)}"
        factor, by, what = vocabulary, f"the vocabulary ({size})", ("it is divided by the vocabulary", _MEAN)
    yield _small(
        kd[1],
        f"KD is {words.number(first)} at the beginning; times {by} it is {words.number(first * factor)}: {what[0]}.",
        f"Median of the first records {words.number(first)}; the label loss is {words.number(median(lm[1].value))}",
        what[1],
        {"kd": first, "factor": factor, "product": first * factor},
    )


def _small(kd: Column, headline: str, evidence: str, why: tuple[str, str], numbers: dict[str, float]) -> Finding:
    return RULE.finding(
        level=Level.WARNING,
        headline=headline,
        evidence=(evidence,),
        cause=why[0],
        remedy=why[1],
        first_step=float(kd.step[0]),
        last_step=float(kd.step[-1]),
        numbers=numbers,
    )


def _beside_its_labels(run: Run, t: Thresholds) -> Iterator[Finding]:
    """A hint from the parts as they are in the total: no usual pair of weights makes KD so small."""
    pair = None if run.terms(names.WEIGHT) else signals.weighted_pair(run)
    if pair is not None and len(pair[0]) >= t["records"] and (first := float(median(pair[0].value[:_FIRST]))) > 0:
        for finding in _too_small(*pair, first, t, "weighted"):
            yield replace(finding, level=Level.INFO)


def _too_small(kd: Column, lm: Column, first: float, t: Thresholds, nat: str = "nat") -> Iterator[Finding]:
    """A KL next to nothing at the beginning, of a student that has since come nearer to the text by far more."""
    if (found := signals.too_small(kd, lm, first, t[nat], t["since"])) is None:
        return
    yield _small(
        kd,
        f"{'After its weight ' * (nat != 'nat')}KD is {words.number(first)} at the beginning, far too small: the label "
        f"loss has fallen by {words.number(found.fell)} nats since.",
        f"Median of KD in the first third {words.number(found.early)}, in the last {words.number(found.late)}",
        (_MEAN[0][:-1] + "; or a tiny factor, as of a temperature whose square is left out.", _MEAN[1]),
        {"kd": first, "fall": found.fell},
    )


RULE = Rule(
    code="R209",
    name="term-vanishes",
    level=Level.ERROR,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.RAW}|{names.WEIGHTED}",),
    check=check,
    thresholds={
        **{"never": 0.95, "last": 0.2, "records": 20, "few": 3, "off": 0.5, "faded": 0.1, "weighted": 0.02},
        **{"beside_all": 1e-4, "tiny": 1e-3, "labels": 1, "low": 0.05, "high": 20, "beside": 0.05, "grows": 4},
        **{"nat": 0.05, "since": 0.15},
    },
)
