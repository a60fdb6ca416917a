"""KD stays where it is while the label loss falls

## What it sees
The KD term, before its weight, is as high in the last third of the records as in the first, or higher, and surely so;
its blocks' medians stay within a narrow band, or rise throughout. The label loss falls meanwhile by more than a tenth.
An evaluation's KL that falls excuses it. A KD that begins near 0 and rises is a hint: a student that starts as a copy
of its teacher and learns new text does that.

## Why it is bad
The student learns from the labels alone; the teacher is paid for and teaches nothing. Common reasons: the KD term is
detached, or its weight is next to 0; the teacher is in train mode, so that its targets are noise; the positions or
vocabularies are misaligned, so that the targets belong to other text; a temperature so high that every target is flat;
a mean over the vocabulary that makes the term a hundred thousand times too small.

## Thresholds
- `change = 0.03`: a KD that falls by less than this share is flat.
- `band = 0.1`: of a flat KD the medians of six blocks must lie within this share of its level.
- `rise = 0.1`: from this share on it rises.
- `falls = 0.1`, `nats = 0.2`: how far the label loss must surely fall, as a share and at least.
- `floor = 0.1`: a KD below so many nats is at its end. `copy = 0.5`: below so many at the beginning it is a copy's.
- `records = 60`: fewest records.

## Example
```run fires
steps: 300
train/raw/kd: 4 ~ 0.05
train/raw/lm: 8 -> 4 ~ 0.1
```

```run quiet
steps: 300
train/raw/kd: 4 -> 2 ~ 0.05
train/raw/lm: 8 -> 4 ~ 0.1
```

## Remedy
Ask the KD term alone for its gradient on one batch. If there is none, find the `detach`; if there is, compare the
teacher's text at a few positions with the student's, put the teacher into `eval()`, and lower the temperature.

```toml
[terms.kd]
weight = 1.0
temperature = 1.0
```

## Sources
- The failed runs this project starts from: KD flat at 30 to 40 for 12,500 steps.
- Hinton et al. 2015, arXiv 1503.02531, section 2: the gradient shrinks with the temperature squared.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run

CODE, NAME = "R207", "kd-stays"


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when KD is flat or rises and the label loss falls."""
    kd, lm = signals.unweighted(run, [names.KD]), signals.label_loss(run)
    if kd is None and lm is None:
        kd, lm = (signals.after_its_weight(run, terms) for terms in ([names.KD], sorted(names.ANCHORS)))
    if kd is None or lm is None:
        raise TooFew("the log does not tell KD and the label loss before their weights")
    fewest = min(len(kd[1]), len(lm[1]))
    if fewest < t["records"]:
        raise TooFew(f"{words.counted(fewest, 'record')} of KD and the label loss; it judges from {t['records']:g} on")
    before, after = signals.ends(kd[1]) or (np.zeros(2), np.zeros(2))
    start, end = float(np.median(before)), float(np.median(after))
    fell = _fall(lm[1], t)
    yield Reading("KD in the last third over the first", end / start if start else float("nan"))
    yield Reading("sure fall of the label loss, nats", fell)
    if fell <= 0 or max(start, end) < t["floor"]:
        return
    gain = signals.gain(before, after)
    rises = gain.surely_below(-max(t["rise"] * abs(start), t["floor"]), sigmas=3)
    flat = gain.surely_below(t["change"] * abs(start), sigmas=2) and _even(kd[1], t)
    if (rises or flat) and not _evaluated_kl_falls(run):
        yield _finding(run, kd, lm, (start, end), t, rises=rises)


def _fall(column: Column, t: Thresholds) -> float:
    """By how much the series surely falls beyond the threshold; 0 if it does not."""
    ends = signals.ends(column)
    if ends is None:
        return 0.0
    gain = signals.gain(*ends)
    return gain.amount if gain.surely_above(max(t["falls"] * abs(float(np.median(ends[0]))), t["nats"])) else 0.0


def _even(column: Column, t: Thresholds) -> bool:
    """Whether the medians of six blocks, the noise of each granted, lie within the band."""
    found = signals.blocks(column, 6)
    if found is None:
        return False
    level = abs(float(np.median(found.middle)))
    return found.range < t["band"] * level + 2 * float(np.max(found.error))


def _evaluated_kl_falls(run: Run) -> bool:
    for name in (names.EVAL_KL, names.EVAL_RAW + names.KD):
        column = run.get(name)
        if column is not None and len(column) >= 2:
            known = signals.finite(column).value
            known = known[known.size // 4 :]  # what every student gains by its first steps is not KD's doing
            if known.size >= 2 and known[-1] < 0.95 * known[0]:
                return True
    return False


def _finding(
    run: Run, kd: tuple[str, Column], lm: tuple[str, Column], levels: tuple[float, float], t: Thresholds, *, rises: bool
) -> Finding:
    start, end = levels
    labels = signals.ends(lm[1]) or (np.zeros(2), np.zeros(2))
    first, last = (float(np.median(values)) for values in labels)
    share = signals.shares(run).get(names.KD)
    part = [] if share is None else [f"KD is {words.percent(float(np.median(share.value)))} of the loss in the median"]
    untold = (signals.parts(run).source == "raw" or kd[0].startswith(names.WEIGHTED)) and run.get(
        names.WEIGHT + names.KD
    ) is None
    copy = rises and (start < t["copy"] or untold)
    what = "rises" if rises else "stays"
    return Finding(
        rule=CODE,
        name=NAME,
        level=Level.INFO if copy else Level.WARNING,
        headline=(
            f"KD {what} ({words.number(start)}, later {words.number(end)}) while the label loss falls from "
            f"{words.number(first)} to {words.number(last)}: the student does not learn from the teacher."
        ),
        evidence=(
            f"{words.capital(words.called(kd[0]))}: median of the first third {words.number(start)}, of the last third "
            f"{words.number(end)}, {words.counted(len(kd[1]), 'record')}",
            *part,
        ),
        cause=(
            "The student starts as a copy of the teacher and leaves it for the labels; or the value is weighted, and "
            "its weight rises."
            if copy
            else "KD has no gradient or no weight, or its targets are of other text: a detached term, a teacher in "
            "train mode, misaligned positions, a temperature far too high."
        ),
        remedy="Take KD's gradient alone on one batch; compare teacher and student text at a few compared positions.",
        first_step=float(kd[1].step[0]),
        last_step=float(kd[1].step[-1]),
        numbers={"kd_first": start, "kd_last": end, "label_first": first, "label_last": last},
    )


RULE = Rule(
    code=CODE,
    name=NAME,
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={
        "change": 0.03,
        "band": 0.1,
        "rise": 0.1,
        "falls": 0.1,
        "nats": 0.2,
        "floor": 0.1,
        "copy": 0.5,
        "records": 60,
    },
)
